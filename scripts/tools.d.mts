/** The path of a nats-server that is new enough: found, or built once. */
export function natsServer(): Promise<string>;
