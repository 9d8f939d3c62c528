import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const SOURCES = fileURLToPath(new URL('../..', import.meta.url));

/** Where images come from; what is not set comes from where users have it. */
export const images = {
  registry: process.env.REGISTRY || 'ghcr.io/etherply',
  tag: process.env.TAG || '0.2.0',
  /** Another version of the same images, for updates. */
  nextTag: process.env.NEXT_TAG || process.env.TAG || '0.2.0',
  haproxy: process.env.HAPROXY_IMAGE || undefined,
  nats: process.env.NATS_IMAGE || undefined,
};
