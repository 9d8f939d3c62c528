const started = performance.now();

/** Says what is being done. */
export function progress(text: string): void {
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stderr.write(`${String(seconds).padStart(4)} s  ${text}\n`);
}
