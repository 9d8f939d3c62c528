import { z } from 'zod';
import { boundedBytes, listAsSet, listByKey, objectName, passedOn, secretKey, whole } from './values.ts';

/** What pods run. */
export const image = z
  .object({
    repository: z
      .string()
      .min(1)
      .default('ghcr.io/etherply/sync-pod')
      .describe('Image of the sync pod, without a tag.'),
    tag: z.string().min(1).max(128).optional().describe('Tag of the image. Unset: the version of the operator.'),
    pullPolicy: z
      .enum(['Always', 'IfNotPresent', 'Never'])
      .default('IfNotPresent')
      .describe('When nodes pull the image.'),
    pullSecrets: listAsSet(
      z
        .array(objectName('Name of a Secret.'))
        .max(16)
        .default([])
        .describe('Secrets to pull images with, of the router and NATS, too.'),
    ),
  })
  .prefault({})
  .describe('What the pods run.');

const spreadConstraint = z
  .looseObject({
    maxSkew: whole(1, 1000, 'By how many pods places may differ.'),
    topologyKey: z.string().min(1).describe('Label of nodes that tells places apart: `topology.kubernetes.io/zone`.'),
    whenUnsatisfiable: z
      .enum(['DoNotSchedule', 'ScheduleAnyway'])
      .describe('What happens to a pod for which there is no such place.'),
  })
  .describe('A constraint, as in a Pod. Unset, its labelSelector is that of the sync pods.')
  .meta({ 'x-kubernetes-preserve-unknown-fields': true });

/** What goes into every pod besides. */
export const podTemplate = z
  .object({
    labels: z.record(z.string(), z.string()).optional().describe('Further labels of the pods.'),
    annotations: z.record(z.string(), z.string()).optional().describe('Further annotations of the pods.'),
    env: listByKey(
      z
        .array(
          z
            .object({
              name: z.string().min(1).max(253).describe('Name of the variable.'),
              value: z.string().optional().describe('Its value.'),
              valueFrom: passedOn('Where its value comes from, as in a container.').optional(),
            })
            .describe('A variable.'),
        )
        .max(64)
        .optional()
        .describe(
          'Further environment variables of the container, as those of docs/configuration.md that this spec does not have. ' +
            'One that the operator sets, too, is replaced.',
        ),
      'name',
    ),
    resources: passedOn(
      'Resources of the container, as in a Pod. Unset: it asks for 500m CPU and 512Mi, and has no limits. A pod uses one core.',
    ).optional(),
    nodeSelector: z.record(z.string(), z.string()).optional().describe('Labels of the nodes that pods may run on.'),
    tolerations: z
      .array(passedOn('A toleration, as in a Pod.'))
      .max(32)
      .optional()
      .describe('Taints of nodes that pods bear.'),
    affinity: passedOn('Affinity, as in a Pod. Unset: pods keep away from each other where they can.').optional(),
    topologySpreadConstraints: z
      .array(spreadConstraint)
      .max(8)
      .optional()
      .describe('How pods are spread. Unset: over zones and nodes, where that is possible.'),
    priorityClassName: objectName(
      'Priority class of the pods. Unset: the default of the Kubernetes cluster.',
    ).optional(),
    serviceAccountName: objectName('Service account of the pods. Unset: one is made that may do nothing.').optional(),
    terminationGracePeriodSeconds: whole(10, 3600, 'Seconds that a pod has to let clients go and to end.').default(60),
  })
  .prefault({})
  .describe('What goes into every sync pod besides.');

/** Bounds of what clients may take. */
export const limits = z
  .object({
    maxConnections: whole(1, 1_000_000, 'Connections of a pod. More get a 503.').optional(),
    maxConnectionsPerWorkspace: whole(1, 1_000_000, 'Connections of a workspace on a pod. More get a 503.').optional(),
    maxConnectionsPerIP: whole(
      0,
      1_000_000,
      'Connections of an IP address on a pod; 0: no limit. More get a 503.',
    ).optional(),
    maxMessageBytes: boundedBytes('1Ki', '16Mi', 'Largest message of a client, in bytes as a quantity.').optional(),
    maxPendingBytes: boundedBytes(
      '1Ki',
      '1Gi',
      'Most that is buffered towards one client before its connection closes, in bytes as a quantity.',
    ).optional(),
    maxOpsPerSecond: whole(0, 1_000_000, 'Ops a second of a connection, on average; 0: no limit.').optional(),
    maxWorkspaceOpsPerSecond: whole(
      0,
      1_000_000,
      'Ops a second of a workspace on a pod, on average; 0: no limit.',
    ).optional(),
    maxWorkspaceKeys: whole(1, 100_000_000, 'Keys of a workspace.').optional(),
    maxWorkspaceBytes: boundedBytes(
      '1Ki',
      '1Ti',
      'Most that the keys and values of a workspace take, in bytes as a quantity.',
    ).optional(),
    maxPresenceBytes: whole(2, 65_536, 'Largest presence of a client, in bytes.').optional(),
    maxUnpublishedBytes: boundedBytes(
      '64Ki',
      '1Ti',
      'Most that a pod holds and the stream does not have yet, in bytes as a quantity. Beyond it ops are refused.',
    ).optional(),
  })
  .prefault({})
  .describe('Bounds of what clients may take. Unset: the defaults of the sync pod, see docs/configuration.md.');

/** Who is told what happens. */
export const webhook = z
  .object({
    url: z
      .string()
      .max(2048)
      .regex(/^https?:\/\/[^\s]+$/)
      .describe('URL (http or https) that events are sent to.'),
    secretRef: secretKey(
      'Secret that events are signed with: at least 16 bytes. Pods restart when it changes.',
      'webhook-secret',
    ),
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
