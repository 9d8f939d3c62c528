import type { Json, WorkspaceSettings } from '@etherply/protocol';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import { type Op, SettingsError } from '../strategy.ts';

/** A document as a schema sees it: an object without a prototype, so that `__proto__` is a key like any other. */
export type Document = Record<string, Json>;

export interface Violation {
  /** The key of the document under which it is; undefined where it is the document as a whole. */
  readonly key: string | undefined;
  readonly message: string;
}

/** Keywords that say something of each key by itself, or that are looked at apart from the others (`required`), or say nothing. */
const KEYWORDS_OF_KEYS: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$anchor', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples'],
  ...['type', 'properties', 'patternProperties', 'additionalProperties', 'propertyNames', 'required'],
]);
const MAX_SCHEMA_CHARACTERS = 64 * 1024;
/** A schema about the document as a whole is checked as a whole with each message: that must not take long. */
const MAX_WHOLE_KEYS = 10_000;

/** The JSON Schema that a whole document keeps to. */
export class DocumentSchema {
  /** A document keeps to it where each of its keys by itself does: what has not changed need not be looked at again. */
  readonly isByKey: boolean;
  readonly #validate: ValidateFunction;
  readonly #required: readonly string[];

  /** @throws SettingsError where it is no schema that can be used here */
  constructor(schema: NonNullable<WorkspaceSettings['schema']>) {
    if (JSON.stringify(schema).length > MAX_SCHEMA_CHARACTERS) {
      throw new SettingsError(`schema: it may have at most ${MAX_SCHEMA_CHARACTERS} characters`);
    }
    if (mentions(schema, '$async')) throw new SettingsError('schema: $async is not supported');
    const { required, ...rest } = typeof schema === 'boolean' ? {} : schema;
    this.isByKey = Object.keys(rest).every((keyword) => KEYWORDS_OF_KEYS.has(keyword)) && isTextList(required ?? []);
    this.#required = this.isByKey && isTextList(required) ? required : [];
    try {
      // `format` is an annotation in 2020-12, and unknown keywords are allowed.
      const ajv = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true, code: { regExp: linear } });
      this.#validate = ajv.compile(typeof schema === 'boolean' ? schema : this.isByKey ? rest : schema);
      this.#validate(Object.create(null)); // one that refers to itself without end fails here
    } catch (error) {
      throw new SettingsError(`schema: ${error instanceof Error ? error.message : error}`);
    }
  }

  /**
   * Why a document breaks it.
   * @param document where it is by key, just the keys to look at
   * @param holds whether the document as a whole has a key
   */
  check(document: Document, holds: (key: string) => boolean): Violation | undefined {
    const missing = this.#required.find((key) => !holds(key));
    if (missing !== undefined) return { key: undefined, message: `the document must have ${JSON.stringify(missing)}` };
    if (!this.isByKey && Object.keys(document).length > MAX_WHOLE_KEYS) {
      const message = `under a schema about the document as a whole it may have at most ${MAX_WHOLE_KEYS} keys`;
      return { key: undefined, message };
    }
    try {
      return this.#validate(document) ? undefined : this.#violation();
    } catch {
      return { key: undefined, message: 'the schema does not end on this value' }; // it refers to itself too often
    }
  }

  #violation(): Violation {
    const error = this.#validate.errors?.[0];
    const path = error?.instancePath ?? '';
    const [, key] = path.split('/');
    return {
      key: key?.replaceAll('~1', '/').replaceAll('~0', '~'),
      message: `${path === '' ? 'the document' : path} ${error?.message ?? 'breaks the schema'}`,
    };
  }
}

/** Patterns are matched in linear time: a schema must not be able to hold the event loop. */
const linear = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    // Ajv tells patterns apart by what they print as.
    return { test: (text: string) => compiled.matcher(text).find(), toString: () => `re2 ${pattern}` };
  },
  { code: 'RE2JS.compile' },
);

function isTextList(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.every((item) => typeof item === 'string');
}

function mentions(schema: unknown, keyword: string): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  return Object.hasOwn(schema, keyword) || Object.values(schema).some((part) => mentions(part, keyword));
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
