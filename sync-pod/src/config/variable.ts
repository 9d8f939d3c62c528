import { z } from 'zod';
import { integer } from './values.ts';

/** What is known about one environment variable, besides how it is read. */
export interface Variable {
  readonly name: string;
  /** The text used where the variable is unset or empty; undefined means the feature is off. */
  readonly default: string | undefined;
  /** What it does, with its unit and range. */
  readonly description: string;
  /** Its value must not appear in messages. */
  readonly secret: boolean;
}

/** Says of each schema which variable it reads. */
export const registry = z.registry<Variable>();

export function optional<T>(name: string, schema: z.ZodType<T, string>, description: string, secret = false) {
  return schema.optional().register(registry, { name, default: undefined, description, secret });
}

export function defaulted<T>(name: string, schema: z.ZodType<T, string>, text: string, description: string) {
  return schema.prefault(text).register(registry, { name, default: text, description, secret: false });
}

/** An integer whose range is part of its description. */
export function counted(name: string, unit: string, min: number, max: number, preset: number, description: string) {
  return defaulted(name, integer(min, max), String(preset), `${description} In ${unit}, ${min} to ${max}.`);
}

/** A limit that can be left out: 0 is read as infinite. */
export function unlimitable(name: string, unit: string, max: number, preset: number, description: string) {
  const schema = integer(0, max).transform((limit) => (limit === 0 ? Number.POSITIVE_INFINITY : limit));
  return defaulted(name, schema, String(preset), `${description} In ${unit}, up to ${max}; 0: no limit.`);
}
