/**
 * The configuration of HAProxy before several sync pods: all requests of a workspace go to the same pod while it is ready.
 * @param {{ port: number, pods: readonly { name: string, port: number }[] }} cluster ports of 127.0.0.1
 * @returns {string}
 */
export function haproxyConfig({ port, pods }) {
  // A pod's place among the others follows from its id: with a fixed one, few workspaces move when a pod comes or goes.
  const servers = pods.map((pod, index) => `  server ${pod.name} 127.0.0.1:${pod.port} id ${index + 1}`);
  return `global
  # The port is for this HAProxy alone: another one on it is told so.
  noreuseport

defaults
  mode http
  timeout connect 2s
  timeout client 1m
  timeout server 1m
  timeout client-fin 10s
  # A WebSocket; pods ping a silent one long before.
  timeout tunnel 1h
  retries 3
  option redispatch

frontend clients
  bind 127.0.0.1:${port}
  default_backend pods

backend pods
  # The workspace is field 4 of /v1/sync/<workspace> and /v1/workspaces/<workspace>/...; clients may encode some of its
  # characters, as : and @. Requests without a workspace go to the pods in turn.
  balance hash path,field(4,/),url_dec
  hash-type consistent sdbm avalanche
  http-response set-header X-Served-By %s
  option httpchk GET /readyz
  # The pods speak HTTP/1.1 only, which the line above does not.
  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
  http-check expect status 200
  default-server check inter 1s fall 2 rise 1
${servers.join('\n')}
`;
}
