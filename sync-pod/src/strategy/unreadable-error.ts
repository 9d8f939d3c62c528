/** What is stored of a workspace cannot be read: its state cannot be made of it. */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}
