import type { Json, WorkspaceSettings } from '@etherply/protocol';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { type Op, SettingsError } from '../strategy.ts';

/** A document as a schema sees it: an object without a prototype, so that `__proto__` is a key like any other. */
export type Document = Record<string, Json>;

export interface Violation {
  /** The key of the document under which it is; undefined where it is the document as a whole. */
  readonly key: string | undefined;
  readonly message: string;
}

/** Keywords that say something of each key by itself, or nothing of the document. */
const KEYWORDS_OF_KEYS: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$anchor', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples'],
  ...['type', 'properties', 'patternProperties', 'additionalProperties', 'propertyNames'],
]);

/** The JSON Schema that a whole document keeps to. */
export class DocumentSchema {
  /** A document keeps to it where each of its keys by itself does: what has not changed need not be looked at again. */
  readonly isByKey: boolean;
  readonly #validate: ValidateFunction;

  /** @throws SettingsError where it is no schema, or refers to another one */
  constructor(schema: NonNullable<WorkspaceSettings['schema']>) {
    this.isByKey = typeof schema === 'boolean' || Object.keys(schema).every((keyword) => KEYWORDS_OF_KEYS.has(keyword));
    try {
      // `format` is an annotation in 2020-12, and unknown keywords are allowed.
      this.#validate = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true }).compile(schema);
    } catch (error) {
      throw new SettingsError(`schema: ${error instanceof Error ? error.message : error}`);
    }
  }

  check(document: Document): Violation | undefined {
    if (this.#validate(document)) return undefined;
    const error = this.#validate.errors?.[0];
    const path = error?.instancePath ?? '';
    const [, key] = path.split('/');
    return {
      key: key?.replaceAll('~1', '/').replaceAll('~0', '~'),
      message: `${path === '' ? 'the document' : path} ${error?.message ?? 'breaks the schema'}`,
    };
  }
}

/** Just what these ops write. */
export function documentOf(ops: readonly Op[]): Document {
  const document: Document = Object.create(null);
  for (const { key, value } of ops) put(document, key, value);
  return document;
}

/** Writes a key; undefined takes it away. */
export function put(document: Document, key: string, value: Json | undefined): void {
  if (value === undefined) delete document[key];
  else document[key] = value;
}
