import { afterAll, beforeAll } from '@jest/globals';
import { RELEASE_NAMESPACE } from '../chart/commands.ts';
import type { ControlPlane, ControlPlaneOptions } from '../control-plane/control-plane.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { installChart } from './installation.ts';
import { OperatorProcess } from './operator-process.ts';

interface Shared {
  readonly controlPlane: ControlPlane;
  readonly operator: OperatorProcess;
}

/** One control plane with one operator for all tests of a file. @returns how a test gets them */
export function sharedOperator(
  env: Readonly<Record<string, string>> = {},
  options: ControlPlaneOptions = {},
): () => Shared {
  const controlPlane = sharedControlPlane(options);
  let operator: OperatorProcess | undefined;
  beforeAll(async () => {
    const kubeconfig = await installChart(controlPlane());
    operator = OperatorProcess.start({ kubeconfig, namespace: RELEASE_NAMESPACE, env });
    await operator.leading();
  }, 240_000);
  afterAll(async () => {
    await operator?.end();
  });
  return () => {
    if (operator === undefined) throw new Error('the operator is there only while tests run');
    return { controlPlane: controlPlane(), operator };
  };
}
