import { z } from 'zod';
import { immutable, immutableField, withRules } from './cel.ts';
import { natsReplicas } from './nats.ts';
import { bytes, duration, listByKey, streamName } from './values.ts';

/** What the stream keeps. */
export const stream = withRules(
  z
    .object({
      name: streamName(
        'Name of the cluster in NATS: of the stream, and the first token of its subjects. Clusters that share NATS servers, ' +
          'or workspaces, need different ones. Unset: namespace and name, as `default_demo`. Cannot be changed.',
      ).optional(),
      retention: immutable(
        z
          .enum(['limits', 'interest'])
          .describe(
            'limits: the stream keeps all that is needed to open any workspace on an empty pod. ' +
              'interest: it keeps what some pod does not have yet, and each pod has a full copy. Cannot be changed.',
          ),
        'NATS cannot change it. Make another EtherPlyCluster, and move clients there',
      ).default('limits'),
      replicas: natsReplicas('On how many NATS servers the stream is kept. 3 needs three servers.').default(1),
      maxAge: duration(
        '876000h',
        'How long it keeps a message: `720h`. What is older is only on pods that have it. Unset: for ever.',
      ).optional(),
      maxBytes: bytes(
        'Most that it holds, in bytes as a quantity; a full stream takes nothing more. Unset: what fits on the servers.',
      ).optional(),
      duplicateWindow: duration(
        '24h',
        'For how long it recognises a message that is published again: `120s`. At most 24h, and not more than maxAge.',
      ).default('120s'),
      deletion: z
        .enum(['Retain', 'Delete'])
        .default('Retain')
        .describe(
          'What happens to the stream, and to the volumes of managed NATS servers, when the EtherPlyCluster is deleted.',
        ),
    })
    .prefault({})
    .describe('The JetStream stream through which pods tell each other what happens.'),
  immutableField('name', 'pods would begin with an empty stream. Make another EtherPlyCluster with that name'),
  {
    rule: '!has(self.maxAge) || duration(self.duplicateWindow) <= duration(self.maxAge)',
    message: 'duplicateWindow must not be more than maxAge',
  },
);

/** Clusters elsewhere with the same workspaces. */
export const regions = z
  .object({
    others: listByKey(
      z
        .array(
          z
            .object({
              name: streamName('Name of the other cluster in NATS: its stream.name.'),
              domain: streamName('Its JetStream domain, where that is another than here.').optional(),
            })
            .describe('Another cluster.'),
        )
        .max(8)
        .default([])
        .describe('The other clusters, whose streams this one sources. Each of them lists this one, too.'),
      'name',
    ),
    home: streamName(
      'stream.name of the cluster that gives workspaces with the strategy server-auth their order, and takes settings. ' +
        'The same in all regions. Unset: this one.',
    ).optional(),
  })
  .prefault({})
  .describe('Clusters in other places that have the same workspaces.');
