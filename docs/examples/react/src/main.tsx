import { type AutomergeUrl, updateText } from '@automerge/automerge-repo';
import { RepoContext, useDocument } from '@automerge/automerge-repo-react-hooks';
import { Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { connect, type Note, noteOf } from './note.ts';

function Editor({ url }: { readonly url: AutomergeUrl }) {
  const [note, change] = useDocument<Note>(url, { suspense: true });
  return (
    <textarea
      aria-label="Note"
      rows={20}
      cols={80}
      value={note.text}
      onChange={({ target }) => change((doc) => updateText(doc, ['text'], target.value))}
    />
  );
}

// A token that may do everything is for this machine alone: others get one of their own from your server.
const { VITE_POD: pod = 'ws://127.0.0.1:8080', VITE_TOKEN: token } = import.meta.env;
if (!token) throw new Error('set VITE_TOKEN to the token of the pod, and start again');
const repo = connect(pod, token);
const url = noteOf(repo, location.hash);
location.hash = url;

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no root');
createRoot(root).render(
  <RepoContext.Provider value={repo}>
    <Suspense fallback="Opening…">
      <Editor url={url} />
    </Suspense>
  </RepoContext.Provider>,
);
