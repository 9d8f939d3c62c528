import { no, type Situation, type Verdict, yes } from './situation.ts';

/** Whether there cannot be as many pods as there are to be. */
export function scalingBlocked({ facts, plan }: Situation): Verdict {
  const { obstacle } = plan.scale;
  if (obstacle !== undefined) return yes(obstacle.reason, obstacle.message);
  const { autoscaling } = facts.cluster.spec;
  if (autoscaling?.metrics === 'keda' && !facts.apis.scaledObject) {
    return yes(
      'KedaMissing',
      'this Kubernetes cluster has no ScaledObject (keda.sh/v1alpha1): install KEDA, or choose another spec.autoscaling.metrics. ' +
        'It is picked up by itself',
    );
  }
  const problem = facts.autoscaler?.problem;
  if (autoscaling !== undefined && problem !== undefined) {
    return yes('AutoscalerFailing', `the autoscaler does not work: ${problem}`);
  }
  return no('NotBlocked', 'nothing keeps the number of pods from what it is to be');
}
