import { z } from 'zod';

// Who wrote what goes along in the message of a change, so that it stays with the change wherever that goes.

const form = z.union([
  z.strictObject({ user: z.string() }),
  /** Runs of writes: [user, how many]. */
  z.strictObject({ users: z.array(z.tuple([z.string(), z.int().min(1)])) }),
]);

/** The message of a change, where `users` says who made each of its writes to the root map. */
export function authorsText(users: readonly string[]): string {
  const [first] = users;
  if (users.every((user) => user === first)) return JSON.stringify({ user: first });
  const runs: [string, number][] = [];
  for (const user of users) {
    const run = runs.at(-1);
    if (run?.[0] === user) run[1] += 1;
    else runs.push([user, 1]);
  }
  return JSON.stringify({ users: runs });
}

/** Who made each of the `count` writes; undefined where the message is not from {@link authorsText}. */
export function authorsOf(message: string | null, count: number): string[] | undefined {
  if (message === null || !message.startsWith('{"user')) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch {
    return undefined; // somebody else's words
  }
  const { data } = form.safeParse(parsed);
  if (data === undefined) return undefined;
  const runs = 'user' in data ? [[data.user, count] as const] : data.users;
  const users = runs.flatMap(([user, length]) => Array.from({ length: Math.min(length, count) }, () => user));
  return users.length === count ? users : undefined;
}
