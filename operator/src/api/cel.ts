import type { z } from 'zod';

/** A rule of the Common Expression Language that the Kubernetes API server checks. */
export interface CelRule {
  /** Of `self`, and `oldSelf` where it is about a change. */
  readonly rule: string;
  /** What a person is told to do. */
  readonly message: string;
}

const VALIDATIONS = 'x-kubernetes-validations';

/** What the schema describes must keep to these rules, and those that it has already. */
export function withRules<T extends z.ZodType>(schema: T, ...rules: CelRule[]): T {
  const meta = schema.meta() ?? {};
  const former = meta[VALIDATIONS];
  return schema.meta({ ...meta, [VALIDATIONS]: [...(Array.isArray(former) ? former : []), ...rules] });
}

/** It cannot be changed once it is set. Of something optional use {@link immutableField} on what it is a field of. */
export function immutable<T extends z.ZodType>(schema: T, why: string): T {
  return withRules(schema, { rule: 'self == oldSelf', message: `cannot be changed: ${why}` });
}

/** The optional field can neither be changed nor set or taken away later. */
export function immutableField(field: string, why: string): CelRule {
  return {
    rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    message: `${field} cannot be changed: ${why}`,
  };
}

/** A size can only grow. */
export function growing<T extends z.ZodType>(schema: T): T {
  return withRules(schema, {
    rule: 'quantity(self).compareTo(quantity(oldSelf)) >= 0',
    message: 'cannot be less than it was: Kubernetes cannot make a volume smaller',
  });
}
