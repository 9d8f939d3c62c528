import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import type { HistoricRecord, HistoryReader, Page, StoredHistory } from '../history.ts';
import type { Strategy, StrategyRecord } from '../strategy.ts';
import { decodeRecords, digestOf, type RegisterRecord } from './record.ts';
import { combined } from './seen-records.ts';

const compress = promisify(gzip);

interface NamedRecord {
  readonly record: RegisterRecord;
  readonly data: Uint8Array;
  readonly hash: string;
}

/** Reads the history of a strategy whose records are register records. Packed, it is gzip members, one after the other. */
export class RegisterHistory implements HistoryReader {
  readonly #create: () => Strategy;

  /** @param create makes an empty replica to play history into */
  constructor(create: () => Strategy) {
    this.#create = create;
  }

  async pack({ packed, rest }: StoredHistory): Promise<Uint8Array> {
    return Buffer.concat([packed, await compress(rest)]);
  }

  page(history: StoredHistory, { limit, before }: Page): HistoricRecord[] | null {
    const records = recordsOf(history);
    const end = before === undefined ? records.length : records.findIndex(({ hash }) => hash === before);
    if (end === -1) return null;
    return records
      .slice(Math.max(0, end - limit), end)
      .reverse()
      .map(({ record, hash }) => ({
        hash,
        actor: record.actor,
        timestamp: record.time * 1000,
        message: null,
        author: null,
        ops: record.writes.map(({ key, json, user }) => ({ key, json, user })),
      }));
  }

  async records(history: StoredHistory): Promise<StrategyRecord[]> {
    return recordsOf(history).map(({ record, data }) => ({
      data,
      timestamps: record.writes.map(({ timestamp }) => timestamp),
    }));
  }

  async stateAt(history: StoredHistory, heads: readonly string[]): Promise<[string, string][] | null> {
    const records = recordsOf(history);
    const isWhole = history.base.length === 0;
    const end = isWhole && heads.length === 1 ? records.findIndex(({ hash }) => hash === heads[0]) : -1;
    if (end === -1) return null;
    const replica = this.#create();
    for (const [i, { data }] of records.slice(0, end + 1).entries()) {
      await replica.receive({ data, timestamps: [] }, i + 1);
    }
    return [...replica.view()].flatMap(({ key, json }) => (json === undefined ? [] : [[key, json]]));
  }
}

function recordsOf({ base, packed, rest }: StoredHistory): NamedRecord[] {
  const before = packed.length === 0 ? packed : gunzipSync(packed);
  let sum: Uint8Array | undefined = base[0] === undefined ? undefined : Buffer.from(base[0], 'hex');
  return [...decodeRecords(before), ...decodeRecords(rest)].map(({ record, data }) => {
    const digest = digestOf(data);
    sum = sum === undefined ? digest : combined(sum, digest);
    return { record, data, hash: Buffer.from(sum).toString('hex') };
  });
}
