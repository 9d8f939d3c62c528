/** Every bound of the protocol that does not depend on a deployment. Bytes are bytes of UTF-8. */
export const LIMITS = {
  /** Length of a workspace id, in characters. */
  workspaceIdLength: 128,
  /** Length of a key. */
  keyBytes: 256,
  /** Length of the id of an op, in characters. */
  opIdLength: 64,
  /** How deeply the arrays and objects of a value may nest. */
  valueDepth: 128,
  /** Length of the id of a user, in characters. */
  userIdLength: 256,
  /** Length of the status of a session, in characters. */
  presenceStatusLength: 64,
  /** Bad frames that a connection may send in a minute before it is closed. */
  badFramesPerMinute: 10,
  /** For how long the id of an op is remembered at least, in milliseconds. */
  opIdMemoryMs: 120_000,
} as const;
