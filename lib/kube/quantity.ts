const UNITS: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A quantity of Kubernetes' (`500m`, `6Gi`) as a number; undefined for what is none. */
export function quantity(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)([a-zA-Z]{0,2})$/.exec(value) : null;
  const unit = UNITS[match?.[2] ?? '?'];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
