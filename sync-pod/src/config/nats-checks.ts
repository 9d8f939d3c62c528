import { natsVariables } from './nats-variables.ts';

type Given = Readonly<Record<string, string | undefined>>;

/** What does not go together among the settings about NATS. */
export function* natsProblems(given: Given): Iterable<[setting: string, problem: string]> {
  if (!given.natsUrls) {
    if (given.ack === 'replicated') {
      yield ['ack', 'ETHERPLY_ACK: set ETHERPLY_NATS_URL, too, or local: only NATS can replicate'];
    }
    if (given.regions) yield ['regions', 'ETHERPLY_REGIONS: set ETHERPLY_NATS_URL, too: regions are connected by NATS'];
  }
  yield* credentialProblems(given);
  yield* tlsProblems(given);
  yield* streamProblems(given);
  yield* regionProblems(given);
}

function* credentialProblems(given: Given): Iterable<[string, string]> {
  if (Boolean(given.natsUser) !== Boolean(given.natsPassword)) {
    yield ['natsUser', 'ETHERPLY_NATS_USER: set it and ETHERPLY_NATS_PASSWORD, or neither'];
  }
  const ways: readonly [setting: string, name: string][] = [
    ['natsUser', 'ETHERPLY_NATS_USER'],
    ['natsToken', 'ETHERPLY_NATS_TOKEN'],
    ['natsNkeyFile', 'ETHERPLY_NATS_NKEY_FILE'],
    ['natsCredsFile', 'ETHERPLY_NATS_CREDS_FILE'],
  ];
  const [first, second] = ways.filter(([setting]) => given[setting]);
  if (first !== undefined && second !== undefined) {
    yield [
      second[0],
      `${second[1]}: set only one of ${ways.map(([, name]) => name).join(', ')}; ${first[1]} is set, too`,
    ];
  }
}

function* tlsProblems(given: Given): Iterable<[string, string]> {
  if (Boolean(given.natsTlsCert) !== Boolean(given.natsTlsKey)) {
    yield ['natsTlsCert', 'ETHERPLY_NATS_TLS_CERT: set it and ETHERPLY_NATS_TLS_KEY, or neither'];
  }
}

function* streamProblems(given: Given): Iterable<[string, string]> {
  const maxAge = natsVariables.streamMaxAgeSeconds.safeParse(given.streamMaxAgeSeconds).data;
  const duplicates = natsVariables.streamDuplicateSeconds.safeParse(given.streamDuplicateSeconds).data;
  if (maxAge !== undefined && duplicates !== undefined && duplicates > maxAge) {
    const advice = `set at most the ${maxAge} seconds of ETHERPLY_STREAM_MAX_AGE_SECONDS`;
    yield ['streamDuplicateSeconds', `ETHERPLY_STREAM_DUPLICATE_SECONDS: ${advice} (it is "${duplicates}")`];
  }
}

function* regionProblems(given: Given): Iterable<[string, string]> {
  const cluster = natsVariables.cluster.safeParse(given.cluster).data;
  const regions = natsVariables.regions.safeParse(given.regions).data;
  const home = natsVariables.homeRegion.safeParse(given.homeRegion).data;
  if (cluster === undefined || regions === undefined) return; // wrong by themselves
  if (regions.length > 0 && given.streamRetention === 'interest') {
    // What one region takes from another may be gone from that before.
    const advice = 'set limits, or leave ETHERPLY_REGIONS unset: with regions the stream keeps everything';
    yield ['streamRetention', `ETHERPLY_STREAM_RETENTION: ${advice} (it is "interest")`];
  }
  const names = regions.map(({ name }) => name);
  if (names.includes(cluster)) {
    yield ['regions', `ETHERPLY_REGIONS: list only other clusters; ${cluster} is this one (ETHERPLY_CLUSTER)`];
  }
  if (home !== undefined && home !== cluster && !names.includes(home)) {
    const advice = 'set the name of this cluster (ETHERPLY_CLUSTER) or of one in ETHERPLY_REGIONS';
    yield ['homeRegion', `ETHERPLY_HOME_REGION: ${advice} (it is "${home}")`];
  }
}
