import { App, us_listen_socket_close, us_socket_local_port, type WebSocket } from 'uWebSockets.js';
import { get } from 'node:http';

const HANDSHAKE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

/**
 * A WebSocket of this process with itself, that does nothing but lend its cork.
 *
 * An upgrade after an `await` has to be corked, or the library prints a warning. But where the upgrade leaves the socket in
 * its place in memory, the end of the response's own cork takes the WebSocket for a response that is to be closed, and
 * closes some at random. While another socket holds the cork that end is not reached. To be deleted with a release of
 * uws-pack that has github.com/uNetworking/uWebSockets/pull/1929.
 */
export class CorkAnchor {
  /** Undefined once it is closed, which nobody does: its port is open to others for some milliseconds, though. */
  #ws: WebSocket<object> | undefined;

  private constructor(ws: WebSocket<object>) {
    this.#ws = ws;
  }

  /** Connects over a port of loopback that is open for just that long. */
  static create(): Promise<CorkAnchor> {
    return new Promise((resolve, reject) => {
      const app = App();
      let anchor: CorkAnchor | undefined;
      app.ws<object>('/', {
        maxPayloadLength: 1,
        idleTimeout: 0,
        open: (ws) => {
          anchor ??= new CorkAnchor(ws);
          resolve(anchor);
        },
        close: (ws) => {
          if (anchor !== undefined && anchor.#ws === ws) anchor.#ws = undefined;
        },
      });
      app.listen('127.0.0.1', 0, (listening) => {
        if (listening === false) {
          reject(new Error('cannot listen on loopback'));
          return;
        }
        const request = get({ host: '127.0.0.1', port: us_socket_local_port(listening), headers: HANDSHAKE });
        request.once('upgrade', (_, socket) => {
          us_listen_socket_close(listening);
          socket.unref();
        });
        request.once('error', reject);
      });
    });
  }

  /** Runs `upgrade`, which upgrades a response in a cork of its own. */
  run(upgrade: () => void): void {
    if (this.#ws === undefined) upgrade();
    else this.#ws.cork(upgrade);
  }
}
