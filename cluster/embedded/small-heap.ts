/**
 * Go collects garbage when the heap has doubled since the last time; with this, when it has grown by half: controllers
 * that idle are smaller. API servers have production's: their memory is what people look at here, and with this they would
 * spend a sixth more of the processor while thousands of accounts are made.
 */
export const SMALL_HEAP = { GOGC: '50' } as const;
