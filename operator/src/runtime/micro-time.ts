/** A time as Kubernetes writes it in leases and events: RFC 3339 with six digits of a second. */
export function microTime(time: Date = new Date()): string {
  return time.toISOString().replace('Z', '000Z');
}
