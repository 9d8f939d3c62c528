/** The path of a nats-server that is new enough: found, or built once. */
export function natsServer(): Promise<string>;
/** The path of an HAProxy that is new enough; rejects with how to install it. */
export function haproxy(): Promise<string>;
