import { haproxyBackend, haproxyDefaults, section } from '../operator/dist/desired/router/haproxy-backend.js';

/**
 * The configuration of HAProxy before several sync pods on this machine. How it chooses a pod is what the operator's router
 * does, too.
 * @param {{ port: number, pods: readonly { name: string, port: number }[] }} cluster ports of 127.0.0.1
 * @returns {string}
 */
export function haproxyConfig({ port, pods }) {
  return [
    // The port is for this HAProxy alone: another one on it is told so.
    section('global', ['noreuseport']),
    haproxyDefaults(),
    section('frontend clients', [`bind 127.0.0.1:${port}`, 'default_backend pods']),
    haproxyBackend(
      pods.map((pod) => ({ name: pod.name, address: `127.0.0.1:${pod.port}` })),
      { host: '127.0.0.1', lines: ['http-response set-header X-Served-By %s'] },
    ),
  ].join('\n');
}
