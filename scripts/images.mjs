// Builds both images: `make images`. Docker (with BuildKit) or buildah, whichever is there.
//   REGISTRY=ghcr.io/etherply  TAG=<version>  what they are called
//   BASE_IMAGE, RUNTIME_IMAGE  what they are built in and upon, where not the Dockerfiles' default
//   PLATFORM=linux/amd64,linux/arm64   unset: this machine's
//   PUSH=true                  push them; BUILDER=docker|buildah; BUILD_FLAGS: more flags of the builder
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(new URL('../operator/package.json', import.meta.url), 'utf8'));
const {
  REGISTRY = 'ghcr.io/etherply',
  PUSH,
  PLATFORM,
  BUILD_FLAGS = '',
} = given('REGISTRY', 'PUSH', 'PLATFORM', 'BUILD_FLAGS');
const { TAG = version } = given('TAG');
const builder = given('BUILDER').BUILDER ?? ['docker', 'buildah'].find(works);
if (builder !== 'docker' && builder !== 'buildah') {
  process.stderr.write(
    'there is neither a running Docker nor buildah: install one of them (`apt-get install buildah`)\n',
  );
  process.exit(1);
}

const platforms = PLATFORM?.split(',') ?? [];
const buildArgs = {
  ...given('BASE_IMAGE', 'RUNTIME_IMAGE'),
  VERSION: TAG,
  REVISION: textOf('git', ['rev-parse', 'HEAD']),
};
for (const workspace of ['sync-pod', 'operator']) {
  const image = `${REGISTRY}/${workspace}:${TAG}`;
  const common = [
    ...Object.entries(buildArgs).map(([name, value]) => `--build-arg=${name}=${value}`),
    ...(platforms.length > 0 ? [`--platform=${platforms.join(',')}`] : []),
    ...BUILD_FLAGS.split(' ').filter((flag) => flag !== ''),
    `--file=${workspace}/Dockerfile`,
  ];
  if (builder === 'docker')
    run('docker', ['buildx', 'build', ...common, `--tag=${image}`, PUSH === 'true' ? '--push' : '--load', '.']);
  else buildWithBuildah(image, common);
  process.stdout.write(`built ${image}\n`);
}

function buildWithBuildah(image, common) {
  // Not every version of buildah knows the platform that it runs on.
  const here = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const several = platforms.length > 1;
  run('buildah', [
    'build',
    '--layers',
    `--build-arg=BUILDPLATFORM=${here}`,
    ...common,
    `--${several ? 'manifest' : 'tag'}=${image}`,
    '.',
  ]);
  if (PUSH === 'true')
    run('buildah', several ? ['manifest', 'push', '--all', image, `docker://${image}`] : ['push', image]);
}

/** @returns those of the variables that are set */
function given(...names) {
  const set = names.filter((name) => process.env[name]);
  return Object.fromEntries(set.map((name) => [name, process.env[name]]));
}

function works(tool) {
  return textOf(tool, ['info']) !== 'unknown';
}

function textOf(command, flags) {
  try {
    return execFileSync(command, flags, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown'; // it is not there, or does not run
  }
}

function run(command, flags) {
  process.stdout.write(`${command} ${flags.join(' ')}\n`);
  execFileSync(command, flags, { cwd: root, stdio: 'inherit' });
}
