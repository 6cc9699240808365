import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = {
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  '': 1,
};

/** A Kubernetes quantity of memory (`2Gi`, `512Mi`) as bytes. */
export const memoryQuantity = z
  .string()
  .regex(/^\d+(Ki|Mi|Gi|K|M|G)?$/, 'must be an amount of memory such as 2Gi or 512Mi')
  .transform((text) => {
    const [, digits = '0', unit = ''] = /^(\d+)(.*)$/.exec(text) ?? [];
    return Number(digits) * (UNITS[unit] ?? 1);
  });

/** Bytes for people, in the unit that Kubernetes and `docker stats` use: `512 MiB`, `1.2 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1024 ** 3) return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  if (bytes >= 1024 ** 2) return `${Math.round(bytes / 1024 ** 2)} MiB`;
  return `${Math.round(bytes / 1024)} KiB`;
}
