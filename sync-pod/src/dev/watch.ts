import { WebSocket } from 'ws';
import { WATCHED_URL } from './watched-url.ts';

// Prints every frame of a workspace: what a developer looks at while trying EtherPly.
const [workspace] = process.argv.slice(2);
const { TOKEN, URL: url = WATCHED_URL } = process.env;
if (workspace === undefined || workspace.startsWith('-') || TOKEN === undefined) {
  process.stderr.write('usage: TOKEN=<jwt> [URL=ws://host:port] npm run --silent watch -- <workspace>\n');
  process.exit(workspace === '--help' ? 0 : 2);
}
const socket = new WebSocket(`${url}/v1/sync/${encodeURIComponent(workspace)}`, ['etherply.v1', TOKEN]);
socket.on('message', (frame) => process.stdout.write(`${frame}\n`));
socket.on('error', (error) => process.stderr.write(`${error.message}\n`));
socket.on('close', (code, reason) => {
  process.stderr.write(`closed: ${code} ${reason}\n`);
  process.exitCode = 1;
});
