const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/**
 * A Kubernetes quantity of bytes as a number: `10Gi` is 10737418240.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 * @throws RangeError where it is none
 */
export function bytesOf(quantity: string): number {
  const [, digits, unit = ''] = /^([0-9.]+)([a-zA-Z]*)$/.exec(quantity) ?? [];
  const factor = FACTORS[unit];
  if (digits === undefined || factor === undefined) throw new RangeError(`${quantity} is no quantity of bytes`);
  return Number(digits) * factor;
}
