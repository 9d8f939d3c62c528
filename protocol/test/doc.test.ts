import { readFileSync } from 'node:fs';
import {
  CLOSE,
  clientFrame,
  errorAnswer,
  errorCode,
  historyAnswer,
  postOpsAnswer,
  postOpsBody,
  rejectCode,
  serverFrame,
  usageAnswer,
  workspaceSettings,
} from '@etherply/protocol';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { frameTable, frameType } from '../src/doc/fields.ts';
import { CLIENT_FRAMES, SERVER_FRAMES } from '../src/doc/protocol-doc.ts';

const doc = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** What is said in the fences of examples, and what it has to be. */
const schemas: Readonly<Record<string, z.ZodType>> = {
  client: clientFrame,
  server: serverFrame,
  error: errorAnswer,
  settings: workspaceSettings,
  history: historyAnswer,
  usage: usageAnswer,
  'ops-body': postOpsBody,
  'ops-answer': postOpsAnswer,
};

/** The lines of JSON in the document, each with the word behind `json` in its fence. */
const examples = [...doc.matchAll(/^```json ?([^\n]*)\n(.*?)^```$/gms)].flatMap(([, name = '', body = '']) =>
  body
    .trimEnd()
    .split('\n')
    .map((line) => ({ name, line })),
);

/** What is generated under this name. */
function part(name: string): string {
  const text = new RegExp(`<!-- generated: ${name} -->(.*?)<!-- end -->`, 's').exec(doc)?.[1];
  if (text === undefined) throw new Error(`nothing is generated under ${name}`);
  return text;
}

test.each(examples)('an example is as the schema of $name says: $line', ({ name, line }) => {
  const schema = schemas[name];
  if (schema === undefined) throw new Error(`there is no schema ${name}`);
  expect(schema.safeParse(JSON.parse(line)).error).toBeUndefined();
});

test('each kind of example is there, and each frame of a client but none that is unknown', () => {
  expect(new Set(examples.map(({ name }) => name))).toEqual(new Set(Object.keys(schemas)));
  const shown = examples.filter(({ name }) => name === 'client').map(({ line }) => JSON.parse(line).type);
  expect(new Set(shown)).toEqual(new Set(CLIENT_FRAMES.map(frameType)));
});

test('each type of frame is documented, in both directions', () => {
  const typesOf = (schema: z.ZodType) =>
    new Set([...JSON.stringify(describe(schema)).matchAll(/"const":"(\w+)"/g)].map(([, type]) => type));
  expect(new Set(CLIENT_FRAMES.map(frameType))).toEqual(typesOf(clientFrame));
  expect(new Set(SERVER_FRAMES.map(frameType))).toEqual(typesOf(serverFrame));
  for (const frame of CLIENT_FRAMES) expect(part('frames-from-client')).toContain(`**\`${frameType(frame)}\`**`);
  for (const frame of SERVER_FRAMES) expect(part('frames-from-server')).toContain(`**\`${frameType(frame)}\`**`);
});

test('each field has a meaning', () => {
  const rows = [...CLIENT_FRAMES, ...SERVER_FRAMES].flatMap((frame) => frameTable([frame]).split('\n').slice(2));
  expect(rows.filter((row) => /\| *\|$/.test(row))).toEqual([]);
});

test('each code is documented', () => {
  for (const code of errorCode.options) expect(part('error-codes')).toContain(`| \`${code}\` |`);
  for (const code of rejectCode.options) expect(part('reject-codes')).toContain(`| \`${code}\` |`);
  for (const code of Object.values(CLOSE)) expect(part('close-codes')).toContain(`| ${code} |`);
});

test('links lead to headings that are there', () => {
  const anchors = new Set(
    [...doc.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
  const links = [...doc.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor);
  expect(links.filter((anchor) => anchor === undefined || !anchors.has(anchor))).toEqual([]);
});

function describe(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' });
}
