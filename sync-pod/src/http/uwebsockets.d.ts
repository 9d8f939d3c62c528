import 'uWebSockets.js';

// What the library can do and its declarations leave out.
declare module 'uWebSockets.js' {
  interface TemplatedApp {
    /** As `listen(host, port, callback)`, with an option of `us_listen_socket`: 1 is a port that nobody else may share. */
    listen(
      host: string,
      port: number,
      options: number,
      callback: (socket: us_listen_socket | false) => void,
    ): TemplatedApp;
  }
}
