// Has what tests need built before they start, since the first build takes longer than a test may: build-tools.mjs [name…]
import { SetupError } from './setup-error.mjs';
import { goPrograms, natsServer } from './tools.mjs';

const FOR_TESTS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'helm'];

try {
  const names = process.argv.slice(2);
  await natsServer();
  for (const [name, path] of Object.entries(await goPrograms(...(names.length > 0 ? names : FOR_TESTS)))) {
    process.stdout.write(`${name}: ${path}\n`);
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
