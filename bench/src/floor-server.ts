import { App, us_socket_local_port } from 'uWebSockets.js';

// The floor: a bare uWebSockets.js server that sends each message to the others in its workspace and back to its sender,
// without parsing, ordering or keeping it. No server on this library can do less for the same clients.
const app = App();
app.ws<{ workspace: string }>('/v1/sync/:id', {
  maxBackpressure: 64 << 20,
  upgrade(res, req, context) {
    res.upgrade(
      { workspace: req.getParameter(0) ?? '' },
      req.getHeader('sec-websocket-key'),
      '',
      req.getHeader('sec-websocket-extensions'),
      context,
    );
  },
  open(ws) {
    ws.subscribe(ws.getUserData().workspace);
    ws.send('{"type":"init"}');
  },
  message(ws, message) {
    ws.publish(ws.getUserData().workspace, message);
    ws.send('{"type":"ack","ids":[],"count":1}');
  },
});
app.listen('127.0.0.1', 0, (socket) => {
  if (socket === false) throw new Error('cannot listen');
  process.stdout.write(`{"port":${us_socket_local_port(socket)},"msg":"ready"}\n`);
});
