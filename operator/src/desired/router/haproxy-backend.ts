/** A sync pod as HAProxy sees it. */
export interface RoutedPod {
  readonly name: string;
  /** Host and port. */
  readonly address: string;
}

interface Options {
  /** What requests that ask how a pod is name as their host. */
  readonly host: string;
  /** Further words for all servers. */
  readonly server?: string;
  /** Further lines. */
  readonly lines?: readonly string[];
}

/**
 * The section of HAProxy's configuration that chooses the pod of a request: all requests of a workspace go to the same
 * pod while it is ready. A pod's place among the others follows from its number here: with the same order, few workspaces
 * move when a pod comes or goes.
 */
export function haproxyBackend(pods: readonly RoutedPod[], { host, server = '', lines = [] }: Options): string {
  const servers = pods.map(({ name, address }, index) => `server ${name} ${address} id ${index + 1}`);
  return section('backend pods', [
    // The workspace is field 4 of /v1/sync/<workspace> and /v1/workspaces/<workspace>/...; clients may encode some of its
    // characters, as : and @. Requests without a workspace go to the pods in turn.
    'balance hash path,field(4,/),url_dec',
    'hash-type consistent sdbm avalanche',
    'option httpchk GET /readyz',
    // The pods speak HTTP/1.1 only, which the line above does not.
    `http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host ${host}`,
    'http-check expect status 200',
    ...lines,
    `default-server check inter 1s fall 2 rise 1 ${server}`.trimEnd(),
    ...servers,
  ]);
}

/** The section that all others take from. */
export function haproxyDefaults(): string {
  return section('defaults', [
    'mode http',
    'timeout connect 2s',
    'timeout client 1m',
    'timeout server 1m',
    'timeout client-fin 10s',
    // A WebSocket; pods ping a silent one long before.
    'timeout tunnel 1h',
    'retries 3',
    'option redispatch',
  ]);
}

/** A section of HAProxy's configuration. */
export function section(name: string, lines: readonly string[]): string {
  return [name, ...lines.map((line) => `  ${line}`), ''].join('\n');
}
