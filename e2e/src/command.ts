import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Of what a command printed, so many characters are told. */
const LAST_CHARACTERS = 2_000;

interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end. @returns what it printed @throws where it fails, with the end of what it printed */
export async function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  try {
    const { stdout } = await run(program, args, { ...options, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const printed = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(`${program} ${args.join(' ')} failed:\n${printed.slice(-LAST_CHARACTERS)}`, { cause: error });
  }
}
