import { type ChildProcess, spawn } from 'node:child_process';
import { buildSync } from 'esbuild';
import { end } from '../../../sync-pod/test/signals.ts';

/** An elector with its default times, in a process of its own, that prints what becomes of it. */
export class ElectorProcess {
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk;
    });
  }

  static async start(kubeconfig: string, namespace: string, identity: string): Promise<ElectorProcess> {
    const { outputFiles } = buildSync({
      stdin: {
        contents: `
          import { KubeConfig } from '@kubernetes/client-node';
          import { Elector } from './elector.ts';
          import { KubeClient } from './kube-client.ts';
          const [kubeconfig, namespace, identity] = process.argv.slice(2);
          const config = new KubeConfig();
          config.loadFromFile(kubeconfig);
          const elector = new Elector(new KubeClient(config, { fieldManager: 'test' }), { namespace, name: 'leader', identity });
          const leadership = await elector.acquire();
          console.log('acquired');
          process.on('SIGTERM', () => leadership.release().then(() => process.exit()));
          process.on('SIGCONT', () => console.log('continued, isHeld', leadership.isHeld));
          console.log('lost', await leadership.lost);
          process.exit();
        `,
        resolveDir: new URL('../../src/runtime', import.meta.url).pathname,
        loader: 'ts',
      },
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      write: false,
    });
    const args = ['--input-type=module', '-', kubeconfig, namespace, identity];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(outputFiles[0]?.text);
    return new ElectorProcess(child);
  }

  get output(): string {
    return this.#output;
  }

  get hasAcquired(): boolean {
    return this.#output.includes('acquired');
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await end(this.#child, signal);
  }
}
