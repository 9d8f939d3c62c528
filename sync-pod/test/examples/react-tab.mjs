// A tab of the example for React, without its looks; it is run in the folder of the example. It prints the address of the note, then
// each text that the note comes to have; lines of its input become the text.
import { createInterface } from 'node:readline';
import { updateText } from '@automerge/automerge-repo';
import { createServer } from 'vite';

const [pod, token, fragment = ''] = process.argv.slice(1);
const vite = await createServer({
  server: { middlewareMode: true, ws: false },
  appType: 'custom',
  optimizeDeps: { noDiscovery: true },
});
const { connect, noteOf } = await vite.ssrLoadModule('/src/note.ts');
const repo = connect(pod, token);
// Without a pod it finds no note.
await new Promise((resolve) => repo.networkSubsystem.once('peer', resolve));
const note = await repo.find(noteOf(repo, fragment));
note.on('change', ({ doc }) => console.log(doc.text));
console.log(note.url);
for await (const line of createInterface(process.stdin)) note.change((doc) => updateText(doc, ['text'], line));
