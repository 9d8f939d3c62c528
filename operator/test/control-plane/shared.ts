import { afterAll, beforeAll } from '@jest/globals';
import { ControlPlane, type ControlPlaneOptions } from './control-plane.ts';

/** The servers are built where they are not yet there: `npm run tools` does that before. */
const START_MS = 30 * 60_000;

/** One control plane for all tests of a file: started before them, stopped after them. @returns how a test gets it */
export function sharedControlPlane(options: ControlPlaneOptions = {}): () => ControlPlane {
  let started: ControlPlane | undefined;
  beforeAll(async () => {
    started = await ControlPlane.start(options);
  }, START_MS);
  afterAll(async () => {
    await started?.stop();
  });
  return () => {
    if (started === undefined) throw new Error('the control plane is there only while tests run');
    return started;
  };
}
