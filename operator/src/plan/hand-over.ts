import type { PodFacts } from '../observed/facts.ts';

/** How far a pod is with leaving. */
export type HandOver =
  /** It serves. */
  | { readonly stage: 'serving' }
  /** It takes nobody in any more, and is not done. */
  | { readonly stage: 'draining'; readonly message: string }
  /** Nobody is connected, and the stream has all that it has. */
  | { readonly stage: 'done' }
  /** It does not answer. */
  | { readonly stage: 'silent' };

/** How far a pod is with handing over what it has, as it says itself. */
export function handOverOf({ name, control }: PodFacts): HandOver {
  if (control === undefined) return { stage: 'silent' };
  if (!control.draining) return { stage: 'serving' };
  if (control.connections > 0) {
    return { stage: 'draining', message: `${name} sends away its clients: ${control.connections} are left` };
  }
  if (control.unpublishedWorkspaces === null) {
    const why = control.problems.join('; ') || 'it does not say why';
    return { stage: 'draining', message: `${name} cannot tell whether the stream has all that it has: ${why}` };
  }
  if (control.unpublishedWorkspaces > 0) {
    const why = control.streamConnected ? 'it is publishing them' : 'it cannot reach the stream';
    const count = control.unpublishedWorkspaces === 1 ? '1 workspace' : `${control.unpublishedWorkspaces} workspaces`;
    return { stage: 'draining', message: `${name} has changes to ${count} that the stream does not have: ${why}` };
  }
  return { stage: 'done' };
}
