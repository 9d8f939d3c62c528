/** The configuration of HAProxy before several sync pods, on ports of 127.0.0.1. */
export function haproxyConfig(cluster: {
  readonly port: number;
  readonly pods: readonly { readonly name: string; readonly port: number }[];
}): string;
