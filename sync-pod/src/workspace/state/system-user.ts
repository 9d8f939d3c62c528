/** Whose ops these are is in the log, but not told apart where they are sent again as the state of their keys. */
export const SYSTEM_USER = '';
