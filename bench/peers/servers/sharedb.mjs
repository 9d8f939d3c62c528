// ShareDB as its documentation starts it: a WebSocketServer, a stream for each socket, and the database that it brings.
import http from 'node:http';
import WebSocketJSONStream from '@teamwork/websocket-json-stream';
import ShareDB from 'sharedb';
import { WebSocketServer } from 'ws';

const backend = new ShareDB();
const server = http.createServer();
const webSocketServer = new WebSocketServer({ server });
webSocketServer.on('connection', (webSocket) => {
  const stream = new WebSocketJSONStream(webSocket);
  stream.on('error', (error) => console.error(error.message)); // a client that has gone would end the process
  backend.listen(stream);
});
server.listen(Number(process.env.PORT), process.env.HOST, () => console.log('ready'));
