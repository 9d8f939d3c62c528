import { LIMITS, workspaceId } from '@etherply/protocol';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  allSubjectsOf,
  ephemeralSubjectOf,
  liveDestination,
  liveSubjectOf,
  originOf,
  presenceSubjectOf,
  subjectOf,
} from '../src/subjects.ts';

const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'];
/** Few letters, and all that has a meaning somewhere, so that ids differ in little. */
const character = fc.oneof(fc.constantFrom('a', 'b', '.', ':'), fc.constantFrom(...LETTERS, ...'._:@~-'));
const workspace = fc
  .tuple(fc.constantFrom(...LETTERS), fc.array(character, { maxLength: LIMITS.workspaceIdLength - 1 }))
  .map(([first, rest]) => workspaceId.parse([first, ...rest].join('')));
const cluster = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);

/** As a nats-server decides who gets a message: https://docs.nats.io/nats-concepts/subjects */
function matches(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split('.'), subject.split('.')];
  if (wanted.at(-1) === '>') {
    return (
      given.length >= wanted.length &&
      matches(wanted.slice(0, -1).join('.'), given.slice(0, wanted.length - 1).join('.'))
    );
  }
  return wanted.length === given.length && wanted.every((token, i) => token === '*' || token === given[i]);
}

/** The subject under which a stream publishes a message again. */
function republished(to: string, subject: string): string {
  return liveDestination(to).replace('>', subject);
}

describe('subjects', () => {
  test('are of one workspace of one cluster each', () => {
    fc.assert(
      fc.property(cluster, workspace, cluster, workspace, (oneCluster, one, otherCluster, other) => {
        const isSame = oneCluster === otherCluster && one === other;
        expect(subjectOf(oneCluster, one) === subjectOf(otherCluster, other)).toBe(isSame);
        expect(presenceSubjectOf(oneCluster, one) === presenceSubjectOf(otherCluster, other)).toBe(isSame);
        expect(ephemeralSubjectOf(oneCluster, one) === ephemeralSubjectOf(otherCluster, other)).toBe(isSame);
      }),
      { numRuns: 2000 },
    );
  });

  test('have four tokens without wildcards or spaces, of which the first is the cluster', () => {
    fc.assert(
      fc.property(cluster, workspace, (name, id) => {
        const subject = subjectOf(name, id);
        expect(subject).toMatch(/^[^.*>\s]+\.ops\.[^.*>\s]+\.[^.*>\s]+$/);
        expect(originOf(subject)).toBe(name);
        expect(matches(allSubjectsOf(name), subject)).toBe(true);
        expect(matches(allSubjectsOf(name), presenceSubjectOf(name, id))).toBe(false);
        expect(matches(allSubjectsOf(name), ephemeralSubjectOf(name, id))).toBe(false);
      }),
    );
  });

  test('of who listens to a workspace get its messages of every cluster, and none of another workspace', () => {
    fc.assert(
      fc.property(cluster, cluster, workspace, workspace, (here, origin, one, other) => {
        const live = republished(here, subjectOf(origin, other));
        expect(matches(liveSubjectOf(here, one), live)).toBe(one === other);
        expect(matches(liveSubjectOf(here, other), live)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('of a tenant are under one wildcard, and those of others are not', () => {
    const prefix = fc.constantFrom('a', 'b', 'a.b', 'a.');
    const rest = fc.constantFrom('', ':a', ':a:b', ':b.a');
    fc.assert(
      fc.property(prefix, rest, prefix, (tenant, tail, other) => {
        const subject = subjectOf('etherply', workspaceId.parse(tenant + tail));
        expect(matches(`etherply.ops.${other.replaceAll('.', '%')}.*`, subject)).toBe(tenant === other);
      }),
    );
  });
});
