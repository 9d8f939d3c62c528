import type { z } from 'zod';

/** A rule of the Common Expression Language that the Kubernetes API server checks. */
export interface CelRule {
  /** Of `self`, and `oldSelf` where it is about a change. */
  readonly rule: string;
  /** What a person is told to do. */
  readonly message: string;
}

/** What the schema describes must keep to these rules. */
export function withRules<T extends z.ZodType>(schema: T, ...rules: CelRule[]): T {
  return schema.meta({ ...schema.meta(), 'x-kubernetes-validations': rules });
}

/** It cannot be changed once it is set. */
export function immutable<T extends z.ZodType>(schema: T, why: string): T {
  return withRules(schema, { rule: 'self == oldSelf', message: `cannot be changed: ${why}` });
}
