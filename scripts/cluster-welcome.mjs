/** @typedef {{ name: string, url: string, port: number, pid: number | undefined }} Service */
/** @typedef {{ haproxy: Service, pods: Service[], nats: Service, data: string, token: string }} Cluster */

/**
 * What `make cluster` says: what runs where, and how to try it.
 * @param {Cluster} cluster
 * @returns {string}
 */
export function clusterWelcome({ haproxy, pods, nats, data, token }) {
  const services = [haproxy, ...pods, nats].map(({ name, url }) => `  ${name.padEnd(9)}${url}`);
  return `
EtherPly runs behind HAProxy, in development mode: its secret was made on this machine.

${services.join('\n')}

Data and logs are in ${data}.

This token may do everything, for 30 days. In two other terminals, set it first:

  export TOKEN=${token}

  1. watch a workspace:   URL=${haproxy.url.replace('http', 'ws')} npm run --silent watch -- demo
  2. write to it:         ${write(haproxy, 'hello')}
  3. see who serves it:   curl -s -o /dev/null -D - -H "Authorization: Bearer $TOKEN" \\
                            ${haproxy.url}/v1/workspaces/demo | grep -i x-served-by
${replication(pods)}
Ctrl-C ends all.
`;
}

/** @param {Service[]} pods */
function replication([first, second]) {
  if (first === undefined || second === undefined) return '';
  return `
Pods replicate: write to one, read from another.

  4. write to ${first.name}:      ${write(first, `from ${first.name}`)}
  5. read from ${second.name}:     curl -s -H "Authorization: Bearer $TOKEN" ${second.url}/v1/workspaces/demo
`;
}

/**
 * @param {Service} service
 * @param {string} value
 */
function write({ url }, value) {
  return `curl -s -H "Authorization: Bearer $TOKEN" ${url}/v1/workspaces/demo/ops \\
                            -d '${JSON.stringify({ key: 'greeting', value })}'`;
}
