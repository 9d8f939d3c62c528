import { z } from 'zod';

// What the text of a variable about NATS may be. Messages say what to do.

const SCHEME = /^(nats|tls):$/;
/** What may be a token of a subject and the name of a stream, and means nothing special in either. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

const nameAdvice = '1 to 64 letters, digits, - and _';

export const clusterName = z
  .string()
  .trim()
  .refine((value) => NAME.test(value), { error: `set a name of ${nameAdvice}` });

export const natsUrlList = listOf('list URLs separated by single commas, none of them empty')
  .refine((urls) => urls.length > 0, { error: 'list at least one URL, or leave it unset', abort: true })
  .refine((urls) => urls.every(isNatsUrl), {
    error: 'list nats:// or tls:// URLs, without user name and password: these have variables of their own',
    abort: true,
  });

/** Another cluster whose stream this one sources. */
export interface Region {
  readonly name: string;
  /** The JetStream domain of its stream, where that is another one than the own. */
  readonly domain: string | undefined;
}

export const regionList = listOf('list names separated by single commas, none of them empty')
  .refine((list) => list.every((one) => one.split('=').every((part) => NAME.test(part.trim()))), {
    error: `list name or name=domain, each of ${nameAdvice}`,
    abort: true,
  })
  .refine((list) => list.every((one) => one.split('=').length <= 2), {
    error: 'give each name one domain at most',
    abort: true,
  })
  .transform((list) => list.map(toRegion))
  .refine((regions) => new Set(regions.map(({ name }) => name)).size === regions.length, {
    error: 'list each name once',
  });

function listOf(error: string) {
  return z
    .string()
    .transform((value) => (value.trim() === '' ? [] : value.split(',').map((one) => one.trim())))
    .refine((list) => !list.includes(''), { error, abort: true });
}

function isNatsUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  return SCHEME.test(protocol) && hostname !== '' && username === '' && password === '';
}

function toRegion(text: string): Region {
  const [name = '', domain] = text.split('=').map((part) => part.trim());
  return { name, domain };
}
