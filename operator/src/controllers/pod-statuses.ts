import type { StoredObject } from '../kube/stored-object.ts';
import type { PodFacts } from '../observed/facts.ts';
import { secretData } from '../observed/secret.ts';
import { type PodControl, PodControlError, PodRefusalError } from '../pods/pod-control.ts';

/** Asks sync pods how they are. */
export class PodStatuses {
  readonly #pods: PodControl;

  constructor(pods: PodControl) {
    this.#pods = pods;
  }

  /**
   * One that is ready is asked once more where it does not answer: a connection may just have been cut, and a pod that is
   * silent holds up scaling. @param secret with the token of the pod's cluster
   */
  async ask(
    { ip, isReady }: PodFacts,
    secret: StoredObject | undefined,
  ): Promise<Pick<PodFacts, 'control' | 'isEstranged'>> {
    const token = secret && secretData(secret).token?.toString();
    if (ip === undefined || token === undefined) return { control: undefined, isEstranged: false };
    for (let attempts = isReady ? 2 : 1; ; attempts -= 1) {
      try {
        return { control: await this.#pods.status({ ip, token }), isEstranged: false };
      } catch (error) {
        if (!(error instanceof PodControlError)) throw error;
        const isEstranged = error instanceof PodRefusalError;
        if (isEstranged || attempts === 1) return { control: undefined, isEstranged };
      }
    }
  }
}
