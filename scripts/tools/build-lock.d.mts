/** Runs `build` in one process at a time; the folder of the file must exist. */
export function withBuildLock(file: string, build: () => Promise<void>): Promise<void>;
