// What tests and `make cluster` need besides packages: found on this machine, or built once into a cache outside the tree.
export { goPrograms, goVersion } from './tools/go-programs.mjs';
export { haproxy } from './tools/haproxy.mjs';
export { natsServer } from './tools/nats-server.mjs';
