import { benchToken } from './contenders/etherply.ts';
import { RawClient } from './raw-client.ts';

/** So many ops are on their way at once. */
const WINDOW = 100;

interface Writing {
  readonly ops: number;
  /** They take turns. */
  readonly keys: number;
  readonly valueBytes: number;
}

/** Writes ops of one key each to a workspace, over one connection; resolves when all are acked. */
export async function writeKeys(port: number, workspace: string, { ops, keys, valueBytes }: Writing): Promise<void> {
  const client = await RawClient.open(port, `/v1/sync/${workspace}?presence=0&token=${await benchToken()}`);
  const value = 'v'.repeat(valueBytes);
  let acked = 0;
  let onAck = () => {};
  client.onFrame((frame) => {
    const { type, count } = JSON.parse(frame.toString());
    if (type !== 'ack') throw new Error(frame.toString());
    acked += count;
    onAck();
  });
  for (let sent = 0; sent < ops; ) {
    const some = Math.min(WINDOW, ops - sent);
    const op = (n: number) =>
      JSON.stringify({ type: 'op', payload: { key: `key-${n % keys}`, value: `${n}${value}` } });
    client.send(Array.from({ length: some }, (_, i) => op(sent + i)));
    sent += some;
    await new Promise<void>((resolve) => {
      onAck = () => acked >= sent && resolve();
      onAck();
    });
  }
  client.close();
}
