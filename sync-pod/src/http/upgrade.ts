import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import { addressOf } from './client-address.ts';
import type { CorkAnchor } from './cork-anchor.ts';
import { type Reply, type RequestFacts, readRequest } from './request.ts';

interface Options<Connection> {
  readonly anchor: CorkAnchor;
  readonly trustProxy: boolean;
  readonly replyTo: (res: HttpResponse) => Reply;
  /** Admits a request from this address. @throws where it is refused, which `fail` tells */
  readonly connect: (facts: RequestFacts, address: string) => Promise<Connection>;
  readonly fail: (reply: Reply, error: unknown) => void;
  /** The subprotocol that is spoken, and what is said besides. */
  readonly answer?: (res: HttpResponse, connection: Connection, facts: RequestFacts) => string;
}

/** What a WebSocket route does with a request: it becomes a connection, or is refused, or the client has gone meanwhile. */
export function upgrade<Connection extends { readonly release: () => void }>(
  { anchor, trustProxy, replyTo, connect, fail, answer }: Options<Connection>,
  res: HttpResponse,
  req: HttpRequest,
  context: us_socket_context_t,
): void {
  // Read at once: uWebSockets.js forgets a request when its handler has returned.
  const key = req.getHeader('sec-websocket-key');
  const extensions = req.getHeader('sec-websocket-extensions');
  const address = addressOf(res, req, trustProxy);
  const facts = readRequest(req);
  const reply = replyTo(res);
  const accept = (connection: Connection) => {
    let protocol = '';
    // In a cork of its own, so that it is one write: what the library itself answers is one for each piece.
    if (answer !== undefined) {
      res.cork(() => {
        protocol = answer(res, connection, facts);
      });
    }
    anchor.run(() => res.cork(() => res.upgrade<Connection>(connection, key, protocol, extensions, context)));
  };
  void connect(facts, address).then(
    (connection) => {
      if (reply.aborted) connection.release();
      else accept(connection);
    },
    (error: unknown) => fail(reply, error),
  );
}
