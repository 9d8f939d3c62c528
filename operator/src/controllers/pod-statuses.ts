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

  /** @param secret with the token of the pod's cluster */
  async ask({ ip }: PodFacts, secret: StoredObject | undefined): Promise<Pick<PodFacts, 'control' | 'isEstranged'>> {
    const token = secret && secretData(secret).token?.toString();
    if (ip === undefined || token === undefined) return { control: undefined, isEstranged: false };
    try {
      return { control: await this.#pods.status({ ip, token }), isEstranged: false };
    } catch (error) {
      if (!(error instanceof PodControlError)) throw error;
      return { control: undefined, isEstranged: error instanceof PodRefusalError };
    }
  }
}
