/** What all images are built upon. */
export const BASE_IMAGE = 'localhost/etherply-e2e/base:1';
export const HAPROXY_IMAGE = 'localhost/etherply-e2e/haproxy:1';
export const NATS_IMAGE = 'localhost/etherply-e2e/nats:1';
/** Where the images of this tree are. */
export const LOCAL_REGISTRY = 'localhost/etherply-e2e';
export const TAG = 'e2e';
/** The same images under another name, for updates. */
export const OTHER_TAG = 'e2e-next';
