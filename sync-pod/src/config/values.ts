import { resolve } from 'node:path';
import { z } from 'zod';
import type { Scope } from '../auth/access.ts';

// What the text of a variable may be. Messages say what to do.

export const text = z.string().trim().min(1, 'set some text, or leave it unset');

export function integer(min: number, max: number) {
  return z
    .string()
    .trim()
    .refine((value) => /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max, {
      error: `set a whole number from ${min} to ${max}`,
    })
    .transform(Number);
}

export const boolean = z
  .enum(['true', 'false', '1', '0'], { error: 'set true or false' })
  .transform((value) => value === 'true' || value === '1');

export function choice<const T extends string>(values: readonly T[], error: string) {
  return z.enum(values, { error });
}

export const storageId = z.string().trim().pipe(z.uuid('set a UUID'));

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const sharedSecret = z
  .string()
  .refine((value) => Buffer.byteLength(value) >= 16, { error: 'set a secret of at least 16 bytes', abort: true });

export const jwtSecretText = sharedSecret
  // A public key is no secret: whoever has it could sign tokens.
  .refine((value) => !value.includes('-----BEGIN'), {
    error: 'set a random secret, not a PEM key; publish public keys through ETHERPLY_JWKS_URL',
  });

export const httpUrl = z
  .string()
  .trim()
  .refine(
    (value) => {
      if (!URL.canParse(value)) return false;
      const url = new URL(value);
      return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
    },
    { error: 'set an http or https URL without user name and password' },
  );

export const scopeList = z
  .string()
  .transform((value) => value.split(/[\s,]+/).filter((name) => name !== ''))
  .pipe(z.array(choice<Scope>(['read', 'write', 'admin'], 'list only read, write and admin')))
  .transform((scopes) => [...new Set(scopes)]);

export const directoryList = z
  .string()
  .transform((value) => value.split(',').map((directory) => directory.trim()))
  .pipe(z.array(z.string().min(1, 'list directories separated by single commas, none of them empty')))
  .refine((list) => new Set(list.map((directory) => resolve(directory))).size === list.length, {
    error: 'list each directory once; two shards cannot share one',
  });
