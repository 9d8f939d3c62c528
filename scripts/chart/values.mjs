// What values.schema.json says of the chart's values, as values.yaml and as a table for its README.
import { stringify } from 'yaml';

/**
 * @typedef {object} Value one that can be set
 * @property {readonly string[]} path
 * @property {string} type
 * @property {unknown} default
 * @property {string} description
 */

/**
 * @param {any} schema of values
 * @returns {string} the text of values.yaml: every value with its default and what it is for
 */
export function valuesText(schema) {
  const head = '# Generated from values.schema.json by `npm run chart`: change it there.\n';
  return head + blockOf(schema, '');
}

/**
 * @param {any} schema of values
 * @returns {string} a table in Markdown
 */
export function valuesTable(schema) {
  const rows = [...valuesOf(schema)].map(({ path, type, description, ...value }) => {
    const cells = [`\`${path.join('.')}\``, type, `\`${JSON.stringify(value.default)}\``, description];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| value | type | default | description |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}

/**
 * @param {any} schema
 * @param {readonly string[]} path
 * @returns {Iterable<Value>}
 */
function* valuesOf(schema, path = []) {
  for (const [name, one] of Object.entries(schema.properties)) {
    if (isGroup(one)) yield* valuesOf(one, [...path, name]);
    else if ('default' in one)
      yield { path: [...path, name], type: typeOf(one), default: one.default, description: one.description };
  }
}

/**
 * @param {any} schema
 * @param {string} indent
 * @returns {string}
 */
function blockOf(schema, indent) {
  const parts = [];
  for (const [name, one] of Object.entries(schema.properties)) {
    if (!isGroup(one) && !('default' in one)) continue; // not for people
    const comment = wrapped(one.description, 118 - indent.length).map((line) => `${indent}# ${line}\n`);
    const body = isGroup(one)
      ? `${indent}${name}:\n${blockOf(one, `${indent}  `)}`
      : entryOf(name, one.default, indent);
    parts.push(comment.join('') + body);
  }
  return parts.join(indent === '' ? '\n' : '');
}

/** A group has values of its own; anything else has one default. */
function isGroup(schema) {
  return schema.properties !== undefined && !('default' in schema);
}

function entryOf(name, value, indent) {
  const text = stringify(
    { [name]: value },
    { flowCollectionPadding: false, collectionStyle: depthOf(value) > 1 ? 'block' : 'flow' },
  );
  // The outermost braces of the flow style are not those of the value.
  const plain = text.startsWith('{') ? `${text.trim().slice(1, -1)}\n` : text;
  return plain.replace(/^(?=.)/gm, indent);
}

function depthOf(value) {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function typeOf(schema) {
  if (schema.enum) return schema.enum.map((one) => `\`${one === '' ? '""' : one}\``).join(', ');
  return schema.type;
}

function wrapped(text, width) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
