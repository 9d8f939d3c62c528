import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import { goPrograms } from '../../../scripts/tools.mjs';
import { KINDS } from '../../src/kube/kinds.ts';
import { objectPath } from '../../src/kube/paths.ts';
import { KubeClient } from '../../src/runtime/kube-client.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { apiServerFlags, controllerManagerFlags, etcdFlags } from './server-flags.ts';
import { ServerProcess } from './server-process.ts';
import { type Setup, setUp } from './setup.ts';
import { until } from './until.ts';

/** On a machine that does much else. */
const START_MS = 120_000;

export interface ControlPlaneOptions {
  /** More flags of kube-apiserver. */
  readonly apiServerFlags?: readonly string[];
  /** More flags of kube-controller-manager. */
  readonly controllerManagerFlags?: readonly string[];
}

interface Servers {
  readonly etcd: ServerProcess;
  apiServer: ServerProcess;
  readonly controllerManager: ServerProcess;
}

const tokenRequest = z.object({ status: z.object({ token: z.string() }) });

/**
 * A real Kubernetes without nodes: etcd, kube-apiserver with RBAC and kube-controller-manager, on loopback.
 * Its controllers make pods, which nothing runs: a test does what a node would with `Kubelet`.
 *
 * An aggregated API that a test serves is reached through a Service of type ExternalName with `externalName: localhost`
 * and the test's port: Kubernetes takes no addresses of loopback as endpoints.
 */
export class ControlPlane {
  readonly #setup: Setup;
  readonly #startApiServerProcess: () => Promise<ServerProcess>;
  readonly #servers: Servers;
  #madeNamespaces = 0;
  /** Asks as who may do everything. */
  readonly client: KubeClient;

  private constructor(
    setup: Setup,
    client: KubeClient,
    servers: Servers,
    startApiServer: () => Promise<ServerProcess>,
  ) {
    this.#setup = setup;
    this.client = client;
    this.#servers = servers;
    this.#startApiServerProcess = startApiServer;
  }

  /** Resolves when it is ready. Nothing is left of it where that fails. */
  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const programs = await goPrograms('etcd', 'kube-apiserver', 'kube-controller-manager');
    const dir = await mkdtemp(join(tmpdir(), 'etherply-control-plane-'));
    const started: ServerProcess[] = [];
    const start = (name: keyof typeof programs, ...flags: readonly string[]) => {
      const server = ServerProcess.start(name, programs[name], flags);
      started.push(server);
      return server;
    };
    try {
      const setup = await setUp(dir);
      const client = new KubeClient(loadKubeconfig(setup.adminKubeconfig), {
        fieldManager: 'test',
      });
      const startApiServer = async () => {
        const server = start('kube-apiserver', ...apiServerFlags(setup), ...(options.apiServerFlags ?? []));
        await untilReady(client, server);
        return server;
      };
      const etcd = start('etcd', ...etcdFlags(setup));
      const apiServer = await startApiServer();
      const more = options.controllerManagerFlags ?? [];
      const controllerManager = start('kube-controller-manager', ...controllerManagerFlags(setup), ...more);
      await untilPodsCanBeMade(client, 'default');
      const servers = { etcd, apiServer, controllerManager };
      return new ControlPlane(setup, client, servers, startApiServer);
    } catch (error) {
      await Promise.all(started.map((server) => server.end()));
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /** The path of a kubeconfig that may do everything. */
  get kubeconfig(): string {
    return this.#setup.adminKubeconfig;
  }

  /** URL of the API server. */
  get server(): string {
    return this.#setup.server;
  }

  /** What the API server and the controllers printed last: why they do not what a test expects. */
  get output(): string {
    const { apiServer, controllerManager } = this.#servers;
    return `kube-apiserver:\n${apiServer.output}\nkube-controller-manager:\n${controllerManager.output}`;
  }

  /** Makes a namespace of its own for a test, in which pods can be made. @returns its name */
  async createNamespace(): Promise<string> {
    this.#madeNamespaces += 1;
    const name = `test-${this.#madeNamespaces}`;
    await this.client.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    });
    await untilPodsCanBeMade(this.client, name);
    return name;
  }

  /**
   * @param account that exists
   * @returns the path of a kubeconfig that may do what this service account may
   */
  async kubeconfigFor(account: { readonly namespace: string; readonly name: string }): Promise<string> {
    const token = await this.#tokenOf(account);
    const file = join(this.#setup.dir, `${account.namespace}.${account.name}.kubeconfig`);
    const { server, certificateAuthority } = this.#setup;
    const { namespace } = account;
    const text = kubeconfigText({
      server,
      certificateAuthority,
      credentials: { token },
      namespace,
    });
    await writeFile(file, text, { mode: 0o600 });
    return file;
  }

  /**
   * A folder as a pod of a service account has one, below which the token and the authority are at their place, and the
   * environment in which they are found.
   */
  async mountedServiceAccount(account: { readonly namespace: string; readonly name: string }) {
    const mounted = join(this.#setup.dir, `${account.namespace}.${account.name}`);
    const folder = join(mounted, 'var/run/secrets/kubernetes.io/serviceaccount');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'token'), await this.#tokenOf(account), { mode: 0o600 });
    await writeFile(join(folder, 'ca.crt'), this.#setup.certificateAuthority);
    await writeFile(join(folder, 'namespace'), account.namespace);
    const { hostname, port } = new URL(this.#setup.server);
    return { mounted, environment: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port } };
  }

  async #tokenOf(account: { readonly namespace: string; readonly name: string }): Promise<string> {
    const path = objectPath(KINDS.ServiceAccount, account, 'token');
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
    return tokenRequest.parse(await this.client.request('POST', path, { body })).status.token;
  }

  /** Ends the API server: connections break, and new ones are refused. */
  async stopApiServer(): Promise<void> {
    await this.#servers.apiServer.end();
  }

  /** Starts it again on the same port; resolves when it is ready. */
  async startApiServer(): Promise<void> {
    this.#servers.apiServer = await this.#startApiServerProcess();
  }

  async restartApiServer(): Promise<void> {
    await this.stopApiServer();
    await this.startApiServer();
  }

  /** Stops the API server where it is: connections stay open, and nothing answers. */
  async pauseApiServer(): Promise<void> {
    await this.#servers.apiServer.pause();
  }

  resumeApiServer(): void {
    this.#servers.apiServer.resume();
  }

  async stop(): Promise<void> {
    this.client.close();
    const { etcd, apiServer, controllerManager } = this.#servers;
    await Promise.all([controllerManager, apiServer, etcd].map((server) => server.end()));
    await rm(this.#setup.dir, { recursive: true, force: true });
  }
}

/** The configuration that a file holds, and nothing of the environment's. */
export function loadKubeconfig(file: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(file);
  return config;
}

/** As soon as kube-controller-manager is at work; it is slow to come back to an API server that was away. */
async function untilPodsCanBeMade(client: KubeClient, namespace: string): Promise<void> {
  await until(() => client.get(KINDS.ServiceAccount, { namespace, name: 'default' }), {
    what: `the service account \`default\` of ${namespace}`,
    timeoutMs: START_MS,
  });
}

async function untilReady(client: KubeClient, server: ServerProcess): Promise<void> {
  const ready = async () => server.hasEnded || (await client.requestText('GET', '/readyz')) !== '';
  await until(ready, {
    what: 'kube-apiserver being ready',
    timeoutMs: START_MS,
  });
  server.assertRunning();
}
