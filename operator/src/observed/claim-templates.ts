import { z } from 'zod';

/** What a StatefulSet says of the claims of its pods. */
export const claimTemplates = z
  .array(z.object({ spec: z.object({ resources: z.object({ requests: z.record(z.string(), z.string()) }) }) }))
  .default([]);

/** How much they ask for, all the same; undefined where there are none. */
export function claimSizeOf([first]: z.infer<typeof claimTemplates>): string | undefined {
  return first?.spec.resources.requests.storage;
}
