import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';
import type { AutoscalerFacts } from './facts.ts';

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
});
const autoscaler = z.object({
  status: z.object({ conditions: z.array(condition).default([]) }).default({ conditions: [] }),
});
/** What an autoscaler of either kind says while it works: `AbleToScale` and `ScalingActive` of an HPA, `Ready` of a ScaledObject. */
const WORKING = new Set(['AbleToScale', 'ScalingActive', 'Ready']);

/** What a HorizontalPodAutoscaler, or a ScaledObject of KEDA, says of itself. */
export function autoscalerFacts(object: KubeObject): AutoscalerFacts {
  const { conditions } = autoscaler.parse(object).status;
  // A cluster whose replicas are set to 0 is not scaled, and that is as it should be; the schema does not allow it here.
  const wrong = conditions.find(({ type, status }) => WORKING.has(type) && status === 'False');
  return { problem: wrong && `${wrong.reason}: ${wrong.message}` };
}
