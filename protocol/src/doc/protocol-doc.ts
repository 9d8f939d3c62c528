import type { z } from 'zod';
import {
  ackFrame,
  authAnswerFrame,
  authFrame,
  CLOSE,
  deltaFrame,
  type ErrorCode,
  errorCode,
  errorFrame,
  initFrame,
  opEvent,
  opEventFrame,
  opFrame,
  opsEventFrame,
  opsFrame,
  pingFrame,
  pongFrame,
  presenceFrame,
  presenceUpdateFrame,
  rejectCode,
  rejectFrame,
} from '../frames.ts';
import { LIMITS } from '../limits.ts';
import { presenceEntry } from '../presence.ts';
import { opPayload } from '../values.ts';
import { closeMeanings, errorMeanings, limitMeanings, rejectMeanings } from './codes.ts';
import { fieldTable, frameTable } from './fields.ts';
import { table } from './table.ts';

/** What the server says of itself, which the protocol does not know. */
interface ServerFacts {
  /** The status line of each error over REST. */
  readonly statuses: Readonly<Record<ErrorCode, string>>;
  /** The routes that need a token. */
  readonly routes: readonly {
    readonly method: string;
    readonly path: string;
    readonly scope: string;
    readonly summary: string;
    readonly query?: Readonly<Record<string, string>>;
  }[];
  /** As in OpenAPI; those among them that `routes` does not have need no token. */
  readonly paths: unknown;
  /** Environment variables. */
  readonly variables: readonly {
    readonly name: string;
    readonly default: string | undefined;
    readonly description: string;
  }[];
}

/** In the order in which a client meets them. */
export const CLIENT_FRAMES: readonly z.ZodType[] = [opFrame, opsFrame, presenceUpdateFrame, authFrame, pingFrame];
export const SERVER_FRAMES: readonly z.ZodType[] = [
  initFrame,
  deltaFrame,
  opsEventFrame,
  opEventFrame,
  ackFrame,
  rejectFrame,
  errorFrame,
  presenceFrame,
  authAnswerFrame,
  pongFrame,
];

/** The variables that bound what a client may send or be sent. */
const CLIENT_LIMITS = [
  'ETHERPLY_MAX_MESSAGE_BYTES',
  'ETHERPLY_MAX_PRESENCE_BYTES',
  'ETHERPLY_MAX_PENDING_BYTES',
  'ETHERPLY_MAX_OPS_PER_SECOND',
  'ETHERPLY_MAX_WORKSPACE_OPS_PER_SECOND',
  'ETHERPLY_MAX_WORKSPACE_KEYS',
  'ETHERPLY_MAX_WORKSPACE_BYTES',
  'ETHERPLY_MAX_CONNECTIONS',
  'ETHERPLY_MAX_CONNECTIONS_PER_WORKSPACE',
  'ETHERPLY_MAX_CONNECTIONS_PER_IP',
];

/** The text with what stands between `<!-- generated: name -->` and `<!-- end -->` made anew. @throws where a name is unknown */
export function fillProtocolDoc(text: string, facts: ServerFacts): string {
  const parts = new Map(Object.entries(generatedParts(facts)));
  const filled = text.replaceAll(
    /(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)/gs,
    (_, start: string, name: string, end: string) => {
      const part = parts.get(name);
      if (part === undefined) throw new Error(`nothing is generated under the name ${name}, or it is there twice`);
      parts.delete(name);
      return `${start}\n${part}\n\n${end}`;
    },
  );
  if (parts.size > 0) throw new Error(`there is no place for ${[...parts.keys()].join(', ')}`);
  return filled;
}

function generatedParts({ statuses, routes, paths, variables }: ServerFacts): Record<string, string> {
  return {
    'frames-from-client': frameTable(CLIENT_FRAMES),
    'frames-from-server': frameTable(SERVER_FRAMES),
    op: fieldTable(opPayload),
    'op-event': fieldTable(opEvent),
    'presence-entry': fieldTable(presenceEntry),
    'error-codes': table(
      ['code', 'over REST', 'meaning', 'what you do'],
      errorCode.options.map((code) => {
        const { meaning, advice } = errorMeanings[code];
        return [`\`${code}\``, statuses[code], meaning, advice];
      }),
    ),
    'reject-codes': table(
      ['code', 'meaning'],
      rejectCode.options.map((code) => [`\`${code}\``, rejectMeanings[code]]),
    ),
    'close-codes': table(
      ['code', 'meaning', 'connect again?', 'what you do'],
      keysOf(CLOSE).map((name) => {
        const { meaning, reconnect, advice } = closeMeanings[name];
        return [String(CLOSE[name]), meaning, reconnect, advice];
      }),
    ),
    limits: table(
      ['what', 'bound'],
      keysOf(LIMITS).map((name) => [
        limitMeanings[name].meaning,
        `${LIMITS[name].toLocaleString('en')} ${limitMeanings[name].unit}`,
      ]),
    ),
    'deployment-limits': table(
      ['variable of the pod', 'default', 'what'],
      CLIENT_LIMITS.map((name) => {
        const variable = variables.find((one) => one.name === name);
        if (variable === undefined) throw new Error(`there is no variable ${name}`);
        return [`\`${name}\``, variable.default ?? 'unset', variable.description];
      }),
    ),
    routes: table(
      ['route', 'scope', 'what'],
      [
        ...routes.map(({ method, path, scope, summary, query = {} }) => [
          `\`${method.toUpperCase()} ${path}${queryOf(query)}\``,
          `\`${scope}\``,
          summary,
        ]),
        ...openRoutes(paths, new Set(routes.map(({ path }) => path))),
      ],
    ),
  };
}

function openRoutes(paths: unknown, withToken: ReadonlySet<string>): string[][] {
  return Object.entries(paths as Record<string, Record<string, { summary: string }>>)
    .filter(([path]) => !withToken.has(path) && path !== '/openapi.json') // speaks of itself as "this document"
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { summary }]) => [`\`${method.toUpperCase()} ${path}\``, 'none', summary]),
    );
}

function queryOf(query: Readonly<Record<string, string>>): string {
  const names = Object.keys(query);
  return names.length === 0 ? '' : `?${names.join('&')}`;
}

function keysOf<T extends object>(object: T): (keyof T)[] {
  return Object.keys(object) as (keyof T)[];
}
