import { z } from 'zod';
import { bytes, objectName, passedOn, secretKey, whole } from './values.ts';

/** What pods run. */
export const image = z
  .object({
    repository: z
      .string()
      .min(1)
      .default('ghcr.io/etherply/sync-pod')
      .describe('Image of the sync pod, without a tag.'),
    tag: z.string().min(1).max(128).optional().describe('Its tag. Unset: the version of the operator.'),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent').describe('When it is pulled.'),
    pullSecrets: z.array(objectName('Name of a Secret.')).max(16).default([]).describe('Secrets to pull it with.'),
  })
  .prefault({})
  .describe('What the pods run.');

/** What goes into every pod besides. */
export const podTemplate = z
  .object({
    labels: z.record(z.string(), z.string()).optional().describe('Further labels.'),
    annotations: z.record(z.string(), z.string()).optional().describe('Further annotations.'),
    resources: passedOn('Resources of the container, as in a Pod.').optional(),
    nodeSelector: z.record(z.string(), z.string()).optional().describe('Labels of the nodes that pods may run on.'),
    tolerations: z
      .array(passedOn('A toleration, as in a Pod.'))
      .max(32)
      .optional()
      .describe('Taints of nodes that pods bear.'),
    affinity: passedOn('Affinity, as in a Pod. Unset: pods keep away from each other where they can.').optional(),
    topologySpreadConstraints: z
      .array(passedOn('A constraint, as in a Pod, without its labelSelector.'))
      .max(8)
      .optional()
      .describe('How pods are spread. Unset: over zones and nodes, where that is possible.'),
    priorityClassName: objectName('Priority class.').optional(),
    serviceAccountName: objectName('Service account. Unset: one is made that may do nothing.').optional(),
    terminationGracePeriodSeconds: whole(5, 3600, 'Seconds that a pod has to end.').default(60),
  })
  .prefault({})
  .describe('What goes into every pod besides.');

/** Bounds of what clients may take. */
export const limits = z
  .object({
    maxConnections: whole(1, 1_000_000, 'Connections of a pod.').optional(),
    maxConnectionsPerWorkspace: whole(1, 1_000_000, 'Connections of a workspace on a pod.').optional(),
    maxMessageBytes: bytes('Largest message of a client.').optional(),
    maxOpsPerSecond: whole(1, 1_000_000, 'Ops a second of a connection.').optional(),
    maxWorkspaceOpsPerSecond: whole(1, 1_000_000, 'Ops a second of a workspace on a pod.').optional(),
    maxWorkspaceKeys: whole(1, 100_000_000, 'Keys of a workspace.').optional(),
    maxWorkspaceBytes: bytes('Bytes of the names and values of a workspace.').optional(),
    maxUnpublishedBytes: bytes('Most that a pod holds and the stream does not have yet.').optional(),
  })
  .prefault({})
  .describe('Bounds of what clients may take. Unset ones are those of the sync pod.');

/** Who is told what happens. */
export const webhook = z
  .object({
    url: z
      .string()
      .regex(/^https?:\/\//)
      .describe('URL (http or https) that events are sent to.'),
    secretRef: secretKey('Secret that events are signed with.', 'webhook-secret'),
  })
  .describe('Who is told of updates and connections.');

/** How the cluster is watched. */
export const monitoring = z
  .object({
    podMonitor: z
      .boolean()
      .default(true)
      .describe('Whether a PodMonitor is made, where Prometheus Operator is installed.'),
    labels: z.record(z.string(), z.string()).optional().describe('Labels by which a Prometheus finds it.'),
    logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('From which level on pods log.'),
  })
  .prefault({})
  .describe('How the cluster is watched.');
