import { z } from 'zod';

/** A whole number in bounds. */
export function whole(least: number, most: number, description: string) {
  return z.int().min(least).max(most).describe(description);
}

/** A Kubernetes quantity of bytes: `512Mi`, `10Gi`. */
export function bytes(description: string) {
  return z
    .string()
    .regex(/^[1-9][0-9]*(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/)
    .describe(description);
}

/** A time with its unit: `90s`, `15m`, `24h`. */
export function duration(description: string) {
  return z
    .string()
    .regex(/^[1-9][0-9]*(s|m|h)$/)
    .describe(description);
}

/** What names an object of Kubernetes. */
export function objectName(description: string) {
  return z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .max(253)
    .describe(description);
}

/** One key of a Secret in the namespace of the cluster. */
export function secretKey(description: string, key: string) {
  return z
    .object({
      name: objectName('Name of the Secret.'),
      key: z.string().min(1).max(253).default(key).describe('Its key.'),
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
