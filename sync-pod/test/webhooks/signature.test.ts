import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import { type Received, Receiver, SECRET, Sender, until } from './receiver.ts';

const run = promisify(execFile);

let receiver: Receiver;
afterEach(() => receiver.stop());

/** What a receiver gets; the names are such that bytes and characters differ. */
async function receive(now = Date.now()): Promise<Received> {
  receiver = await Receiver.start();
  const sender = new Sender(receiver.url, { now: () => now });
  sender.update('demo', 1, 'h1', 'Zoë', '\u{1f600}', '\ud800');
  await until(() => receiver.requests.length === 1);
  await sender.idle();
  const [request] = receiver.requests;
  if (request === undefined) throw new Error('nothing came');
  return request;
}

test('the signature is the HMAC-SHA256 of timestamp, dot and body, and the timestamp is that of the attempt', async () => {
  const { headers, text } = await receive(1_767_225_600_999);
  expect(headers['x-etherply-timestamp']).toBe('1767225600');
  const hex = createHmac('sha256', SECRET)
    .update(Buffer.from(`1767225600.${text}`))
    .digest('hex');
  expect(headers['x-etherply-signature']).toBe(`v1=${hex}`);
});

/** Six verdicts of an example: as it came, another body, secret, timestamp, no headers, and too old. */
async function verdicts(judge: (cases: string) => Promise<string>): Promise<unknown> {
  const { headers, text } = await receive();
  const old = Math.floor(Date.now() / 1000) - 400;
  const oldHex = createHmac('sha256', SECRET).update(`${old}.${text}`).digest('hex');
  const cases = [
    [headers, text, SECRET],
    [headers, `${text} `, SECRET],
    [headers, text, 'another secret'],
    [{ ...headers, 'x-etherply-timestamp': `${Number(headers['x-etherply-timestamp']) + 1}` }, text, SECRET],
    [{}, text, SECRET],
    [{ 'x-etherply-timestamp': `${old}`, 'x-etherply-signature': `v1=${oldHex}` }, text, SECRET],
  ];
  return JSON.parse(await judge(JSON.stringify(cases)));
}

const EXPECTED = [true, false, false, false, false, false];

test('the Node.js of the docs tells what is from EtherPly', async () => {
  const example = await exampleOf('js');
  const code = `${example}
    const judge = ([headers, text, secret]) => isFromEtherPly(headers, Buffer.from(text), secret);
    console.log(JSON.stringify(JSON.parse(process.argv[1]).map(judge)));`;
  const judge = async (cases: string) =>
    (await run(process.execPath, ['--input-type=module', '--eval', code, cases], { env: {} })).stdout;
  expect(await verdicts(judge)).toEqual(EXPECTED);
});

test('the Python of the docs tells what is from EtherPly', async () => {
  const example = await exampleOf('python');
  const code = `${example}
import json, sys

class Headers(dict):
    def get(self, name, default=None):
        return super().get(name.lower(), default)

cases = json.loads(sys.argv[1])
print(json.dumps([is_from_etherply(Headers(h), text.encode(), secret) for h, text, secret in cases]))`;
  const judge = async (cases: string) => (await run('python3', ['-c', code, cases])).stdout;
  expect(await verdicts(judge)).toEqual(EXPECTED);
});

async function exampleOf(language: string): Promise<string> {
  const docs = await readFile('docs/webhooks.md', 'utf8');
  const example = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(docs)?.[1];
  if (example === undefined) throw new Error(`the docs have no example in ${language}`);
  return example;
}
