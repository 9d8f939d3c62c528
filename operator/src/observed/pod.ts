import { z } from 'zod';
import type { KubeObject } from '../kube/object.ts';
import type { PodFacts } from './facts.ts';

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
});

const containerStatus = z.object({
  name: z.string(),
  state: z
    .object({
      waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).optional(),
      terminated: z.object({ reason: z.string().optional(), exitCode: z.int() }).optional(),
    })
    .optional(),
  lastState: z
    .object({ terminated: z.object({ reason: z.string().optional(), exitCode: z.int() }).optional() })
    .optional(),
});

const pod = z.object({
  spec: z.object({ containers: z.array(z.object({ name: z.string(), image: z.string().optional() })) }),
  status: z
    .object({
      podIP: z.string().optional(),
      conditions: z.array(condition).default([]),
      initContainerStatuses: z.array(containerStatus).default([]),
      containerStatuses: z.array(containerStatus).default([]),
    })
    .default({ conditions: [], initContainerStatuses: [], containerStatuses: [] }),
});

/** These pass by themselves. */
const STARTING = new Set(['ContainerCreating', 'PodInitializing']);

/** What Kubernetes says of a pod. @param container the one that a change of its image is told of */
export function podFacts(object: KubeObject, container: string): PodFacts {
  const { spec, status } = pod.parse(object);
  const { metadata } = object;
  const isTrue = (type: string) => status.conditions.some((one) => one.type === type && one.status === 'True');
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    ordinal: ordinalOf(metadata.name),
    ip: status.podIP,
    isReady: isTrue('Ready'),
    isTerminating: metadata.deletionTimestamp !== undefined,
    revision: metadata.labels?.['controller-revision-hash'],
    template: {
      image: spec.containers.find(({ name }) => name === container)?.image,
      annotations: metadata.annotations ?? {},
    },
    problem: problemOf(status),
    control: undefined,
    isEstranged: false,
  };
}

/** The number at the end of the name of a pod of a StatefulSet; -1 where there is none. */
export function ordinalOf(name: string): number {
  return Number(/-(\d+)$/.exec(name)?.[1] ?? -1);
}

function problemOf({
  conditions,
  initContainerStatuses,
  containerStatuses,
}: z.infer<typeof pod>['status']): string | undefined {
  for (const { name, state, lastState } of [...initContainerStatuses, ...containerStatuses]) {
    const waiting = state?.waiting;
    if (waiting?.reason !== undefined && !STARTING.has(waiting.reason)) {
      const ended = lastState?.terminated;
      const exit =
        ended === undefined ? '' : ` (it ended with ${ended.reason ?? 'Error'}, exit code ${ended.exitCode})`;
      return `${name}: ${[waiting.reason, waiting.message].flatMap((text) => text ?? []).join(': ')}${exit}`;
    }
  }
  const unscheduled = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled === undefined) return undefined;
  return `it cannot be placed on a node: ${unscheduled.message ?? unscheduled.reason ?? 'no reason is given'}`;
}
