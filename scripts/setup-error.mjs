/** Something is missing or taken on this machine; the message says what to do. */
export class SetupError extends Error {
  name = 'SetupError';
}
