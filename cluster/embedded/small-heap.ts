/**
 * Go collects garbage when the heap has doubled since the last time; with this, when it has grown by half. It keeps the
 * idle stack 100 MiB smaller, most of it in the API server, whose start leaves much garbage behind; while policies are
 * written, the API server spends a quarter of its processor time on it.
 */
export const SMALL_HEAP = { GOGC: '50' } as const;
