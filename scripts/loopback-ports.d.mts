/** Ports of 127.0.0.1 that nobody listens on, all different and in the same order; 0 asks for any port. */
export function loopbackPorts(wanted: readonly number[]): Promise<number[]>;
