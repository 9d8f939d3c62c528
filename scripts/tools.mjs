// Builds the servers that tests run against: `node scripts/tools.mjs nats-server` prints the path of the binary.
// They are Go modules of pinned versions, kept outside the tree, so that a fresh clone finds them again.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const TOOLS = {
  'nats-server': { module: 'github.com/nats-io/nats-server/v2', version: 'v2.15.2', env: 'NATS_SERVER' },
};

const name = process.argv[2];
const tool = TOOLS[name];
if (tool === undefined) {
  process.stderr.write(`usage: node scripts/tools.mjs <${Object.keys(TOOLS).join('|')}>\n`);
  process.exit(2);
}
process.stdout.write(`${process.env[tool.env] || built(name, tool)}\n`);

function built(binary, { module, version, env }) {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'etherply', 'bin');
  const path = join(cache, `${binary}-${version}`);
  if (existsSync(path)) return path;
  process.stderr.write(`building ${module}@${version} (once, some 40 s)\n`);
  mkdirSync(cache, { recursive: true });
  // Beside its place, so that a build that is cut off leaves nothing that looks like a binary.
  const dir = mkdtempSync(join(cache, '.building-'));
  try {
    execFileSync('go', ['install', `${module}@${version}`], {
      env: { ...process.env, GOBIN: dir },
      stdio: ['ignore', 2, 2],
    });
    renameSync(join(dir, binary), path);
  } catch (error) {
    const advice = error.code === 'ENOENT' ? 'install Go 1.25 or newer' : 'see above';
    process.stderr.write(`${binary} could not be built: ${advice}, or set ${env} to one that you have\n`);
    process.exit(1);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return path;
}
