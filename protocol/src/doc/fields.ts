import { z } from 'zod';
import { table } from './table.ts';

/** What of a JSON Schema is shown. */
interface Schema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Field {
  readonly name: string;
  readonly schema: Schema;
  readonly required: string;
}

function describe(schema: z.ZodType): Schema {
  // `io: input` leaves out `additionalProperties`; any JSON value is a schema without constraints.
  return z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }) as Schema;
}

/** The type of a frame. */
export function frameType(frame: z.ZodType): string {
  const [type] = fieldsOf(describe(frame)).filter(({ name }) => name === 'type');
  return String(type?.schema.const);
}

/** The fields of several frames, each frame with what it is for. */
export function frameTable(frames: readonly z.ZodType[]): string {
  const rows = frames.flatMap((frame) => {
    const schema = describe(frame);
    const fields = fieldsOf(schema).filter(({ name }) => name !== 'type');
    return [[`**\`${frameType(frame)}\`**`, '', '', schema.description ?? ''], ...fields.map(rowOf)];
  });
  return table(['frame, fields', 'type', 'required', 'meaning'], rows);
}

/** The fields of one object. */
export function fieldTable(object: z.ZodType): string {
  return table(['field', 'type', 'required', 'meaning'], fieldsOf(describe(object)).map(rowOf));
}

/** Where the object has several forms: the fields of all of them. */
function fieldsOf(schema: Schema): Field[] {
  const forms = schema.anyOf ?? [schema];
  const names = new Set(forms.flatMap(({ properties = {} }) => Object.keys(properties)));
  return [...names].map((name) => {
    const owners = forms.filter(({ properties = {} }) => Object.hasOwn(properties, name));
    const needing = owners.filter(({ required = [] }) => required.includes(name));
    const required = needing.length === forms.length ? 'yes' : needing.length === 0 ? 'no' : 'in one form';
    return { name, schema: needing[0]?.properties?.[name] ?? owners[0]?.properties?.[name] ?? {}, required };
  });
}

function rowOf({ name, schema, required }: Field): string[] {
  return [`\`${name}\``, typeText(schema), required, schema.description ?? ''];
}

function typeText(schema: Schema): string {
  const { title, type, items, anyOf } = schema;
  if (title !== undefined) return title;
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  // What has many has a table of its own.
  if (schema.enum !== undefined && schema.enum.length < 4) return schema.enum.map((item) => `\`${item}\``).join(', ');
  if (items !== undefined) return `array of ${typeText(items)}`;
  if (anyOf !== undefined) return anyOf.map(typeText).join(' or ');
  return type === undefined ? 'any JSON' : [type].flat().join(' or ');
}
