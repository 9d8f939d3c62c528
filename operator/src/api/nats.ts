import { z } from 'zod';
import { immutable, withRules } from './cel.ts';
import { bytes, duration, objectName, secretKey } from './values.ts';

const replicas = (description: string) =>
  z.union([z.literal(1), z.literal(3)]).meta({ type: 'integer', enum: [1, 3], description });

const managed = z
  .object({
    replicas: replicas('NATS servers: 1, or 3 so that one may fail.').default(1),
    image: z.string().min(1).default('nats:2.12-alpine').describe('Image of the NATS server, 2.12 or later.'),
    size: bytes('Size of the volume of each server.').default('10Gi'),
    storageClassName: objectName(
      'Storage class of the volumes. Unset: the default of the Kubernetes cluster.',
    ).optional(),
    syncAlways: z
      .boolean()
      .default(false)
      .describe(
        'Whether a server syncs its files before it acknowledges. Otherwise a power cut may take the last two minutes.',
      ),
  })
  .describe('NATS servers that the operator runs.');

const external = z
  .object({
    servers: z
      .array(z.string().regex(/^(nats|tls|wss?):\/\//))
      .min(1)
      .max(32)
      .describe('URLs of the servers, without credentials.'),
    credentials: withRules(
      z.object({
        userRef: objectName('Secret with the keys `user` and `password`.').optional(),
        tokenRef: secretKey('Secret with a token.', 'token').optional(),
        nkeyRef: secretKey('Secret with the seed of an NKey.', 'nkey').optional(),
        credsRef: secretKey('Secret with a credentials file (JWT and NKey).', 'creds').optional(),
      }),
      {
        rule: '[has(self.userRef), has(self.tokenRef), has(self.nkeyRef), has(self.credsRef)].filter(one, one).size() == 1',
        message: 'set exactly one of userRef, tokenRef, nkeyRef and credsRef',
      },
    )
      .optional()
      .describe('As whom pods connect. Unset: as nobody.'),
    tls: z
      .object({
        caRef: secretKey('Secret with the certificates that servers are checked against.', 'ca.crt').optional(),
        certificateRef: objectName('Secret with the certificate that pods show (`tls.crt`, `tls.key`).').optional(),
      })
      .optional()
      .describe('How pods and servers trust each other.'),
  })
  .describe('NATS servers that somebody else runs.');

/** What replicates. */
export const nats = withRules(
  z
    .object({ managed: managed.optional(), external: external.optional() })
    .prefault({ managed: {} })
    .describe('The NATS servers that replicate: run by the operator, or by somebody else.'),
  { rule: 'has(self.managed) != has(self.external)', message: 'set managed or external, and not both' },
);

/** What the stream keeps. */
export const stream = z
  .object({
    retention: immutable(
      z
        .enum(['limits', 'interest'])
        .describe(
          'limits: the stream keeps all that is needed to open any workspace on an empty pod. ' +
            'interest: it keeps what some pod does not have yet, and each pod has a full copy.',
        ),
      'NATS cannot change it. Make another cluster, and let its pods join',
    ).default('limits'),
    replicas: replicas('On how many NATS servers the stream is kept. 3 needs three servers.').default(1),
    maxAge: duration('How long it keeps a message. Unset: for ever.').optional(),
    maxBytes: bytes('Most that it holds; a full stream takes nothing more. Unset: no limit.').optional(),
    duplicateWindow: duration('For how long it recognises a message that is published again.').default('120s'),
    deletion: z
      .enum(['Retain', 'Delete'])
      .default('Retain')
      .describe('What happens to the stream when the cluster is deleted.'),
  })
  .prefault({})
  .describe('The JetStream stream with what pods tell each other.');

/** Clusters elsewhere with the same workspaces. */
export const regions = z
  .object({
    others: z
      .array(
        z.object({
          name: z
            .string()
            .regex(/^[A-Za-z0-9_-]{1,64}$/)
            .describe('Name of the other cluster.'),
          domain: z.string().min(1).optional().describe('Its JetStream domain, where that is another than here.'),
        }),
      )
      .max(8)
      .default([])
      .describe('The other clusters.'),
    home: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .optional()
      .describe('The cluster that gives workspaces with server-auth their order, and takes settings. Unset: this one.'),
  })
  .prefault({})
  .describe('Clusters in other places that have the same workspaces.');
