import { z } from 'zod';
import { withRules } from './cel.ts';

/** A whole number in bounds. */
export function whole(least: number, most: number, description: string) {
  return z.int().min(least).max(most).describe(description);
}

/** A Kubernetes quantity of bytes: `512Mi`, `10Gi`. */
export function bytes(description: string) {
  return z
    .string()
    .max(20)
    .regex(/^[1-9][0-9]*(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/)
    .describe(description);
}

/** A Kubernetes quantity of bytes in bounds, which are quantities, too. */
export function boundedBytes(least: string, most: string, description: string) {
  return withRules(bytes(`${description} ${least} to ${most}.`), {
    rule: `quantity(self).compareTo(quantity('${least}')) >= 0 && quantity(self).compareTo(quantity('${most}')) <= 0`,
    message: `set ${least} to ${most}`,
  });
}

/** A time with its unit: `90s`, `15m`, `24h`; at most `most`, which is such a time, too. */
export function duration(most: string, description: string) {
  return withRules(
    z
      .string()
      .max(12)
      .regex(/^[1-9][0-9]*(s|m|h)$/)
      .describe(description),
    { rule: `duration(self) <= duration('${most}')`, message: `set at most ${most}` },
  );
}

/** What names an object of Kubernetes. */
export function objectName(description: string) {
  return z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .max(253)
    .describe(description);
}

/** What names a cluster in NATS: the stream, and the first token of its subjects. */
export function streamName(description: string) {
  return z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .max(64)
    .describe(description);
}

/** One key of a Secret in the namespace of the cluster. */
export function secretKey(description: string, key: string) {
  return z
    .object({
      name: objectName('Name of the Secret, which is in the namespace of the cluster.'),
      key: z
        .string()
        .regex(/^[-._a-zA-Z0-9]+$/)
        .max(253)
        .default(key)
        .describe('The key of the Secret that holds it.'),
    })
    .describe(description);
}

/** Something of Kubernetes that is passed on as it is. */
export function passedOn(description: string) {
  return z
    .record(z.string(), z.unknown())
    .describe(description)
    .meta({ description, 'x-kubernetes-preserve-unknown-fields': true });
}

/** A list of which no two have the same key. */
export function listByKey<T extends z.ZodType>(schema: T, key: string): T {
  return schema.meta({ ...schema.meta(), 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

/** A list of which no two are the same. */
export function listAsSet<T extends z.ZodType>(schema: T): T {
  return schema.meta({ ...schema.meta(), 'x-kubernetes-list-type': 'set' });
}
