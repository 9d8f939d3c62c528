import { type AutomergeUrl, isValidAutomergeUrl, Repo } from '@automerge/automerge-repo';
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';

/** The document that is shared; its id is the id of a workspace. */
export interface Note {
  text: string;
}

/** Documents that sync with a pod, which comes back to them where the connection is lost. */
export function connect(pod: string, token: string): Repo {
  return new Repo({ network: [new WebSocketClientAdapter(`${pod}/v1/repo?token=${token}`)] });
}

/** The note that the fragment of an address names, or else a new one. */
export function noteOf(repo: Repo, fragment: string): AutomergeUrl {
  const url = fragment.slice(1);
  return isValidAutomergeUrl(url) ? url : repo.create<Note>({ text: '' }).url;
}
