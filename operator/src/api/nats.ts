import { z } from 'zod';
import { growing, immutable, immutableField, withRules } from './cel.ts';
import { bytes, objectName, passedOn, secretKey } from './values.ts';

/** How many NATS servers something is on. */
export const natsReplicas = (description: string) =>
  z.union([z.literal(1), z.literal(3)]).meta({ type: 'integer', enum: [1, 3], description });

const managed = withRules(
  z
    .object({
      replicas: immutable(
        natsReplicas('NATS servers: 1, or 3 so that one may fail. Cannot be changed.'),
        'servers that ran alone cannot be joined to others with what they have, nor the other way round. ' +
          'Make another EtherPlyCluster with as many as you want',
      ).default(1),
      image: z
        .string()
        .min(1)
        .default('nats:2.14-alpine')
        .describe(
          'Image of the NATS server, of version 2.12 or later (2.14 where the stream has the retention `interest`), with `sh` and `flock`.',
        ),
      size: growing(
        bytes(
          'Size of the volume of each server, in bytes as a quantity. The stream can fill nine tenths of it. It can only grow, and ' +
            'only where the storage class allows it.',
        ),
      ).default('10Gi'),
      storageClassName: objectName(
        'Storage class of the volumes. Unset: the default of the Kubernetes cluster. Cannot be changed.',
      ).optional(),
      syncAlways: z
        .boolean()
        .default(false)
        .describe(
          'Whether a server syncs its files before it acknowledges. Otherwise a power cut may take the last two minutes.',
        ),
      resources: passedOn('Resources of the container, as in a Pod. Unset: it asks for 100m CPU and 256Mi.').optional(),
    })
    .describe('NATS servers that the operator runs.'),
  immutableField('storageClassName', 'Kubernetes cannot move a volume to another class'),
);

const credentials = withRules(
  z
    .object({
      userRef: z
        .object({ name: objectName('Name of the Secret, which is in the namespace of the cluster.') })
        .optional()
        .describe('Secret with the keys `user` and `password`.'),
      tokenRef: secretKey('Secret with a token.', 'token').optional(),
      nkeyRef: secretKey('Secret with the seed of an NKey.', 'nkey').optional(),
      credsRef: secretKey('Secret with a credentials file (JWT and NKey).', 'creds').optional(),
    })
    .describe('As whom pods and the operator connect: one of the four. Unset: as nobody.'),
  {
    rule: '[has(self.userRef), has(self.tokenRef), has(self.nkeyRef), has(self.credsRef)].filter(one, one).size() == 1',
    message: 'set exactly one of userRef, tokenRef, nkeyRef and credsRef',
  },
);

const external = z
  .object({
    servers: z
      .array(
        z
          .string()
          .max(512)
          .regex(/^(nats|tls):\/\/[^\s,@/?#]+\/?$/)
          .describe('A URL, without credentials: `nats://nats.example:4222`.'),
      )
      .min(1)
      .max(32)
      .describe('URLs (nats or tls) of the servers. With a tls URL among them, none without TLS is used.'),
    credentials: credentials.optional(),
    tls: z
      .object({
        caRef: secretKey('Secret with the certificates in PEM that servers are checked against.', 'ca.crt').optional(),
        certificateRef: z
          .object({ name: objectName('Name of the Secret, which is in the namespace of the cluster.') })
          .optional()
          .describe('Secret with the certificate that pods show (keys `tls.crt` and `tls.key`).'),
      })
      .optional()
      .describe('How pods and servers trust each other. Unset: as Node.js trusts, and pods show nothing.'),
  })
  .describe('NATS servers that somebody else runs.');

/** What replicates. */
export const nats = withRules(
  z
    .object({ managed: managed.optional(), external: external.optional() })
    .prefault({ managed: {} })
    .describe(
      'The NATS servers that replicate: run by the operator (managed), or by somebody else (external). ' +
        'Unset: one server that the operator runs.',
    ),
  { rule: 'has(self.managed) != has(self.external)', message: 'set managed or external, and not both' },
  {
    rule: 'has(self.managed) == has(oldSelf.managed)',
    message:
      'cannot be switched between managed and external: what only the stream has would be lost. ' +
      'Make another EtherPlyCluster, and move clients there',
  },
);
