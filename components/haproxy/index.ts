/**
 * HAProxy in front of the API servers, as a host process under the supervisor (TOOLFORGE.md, section 3).
 * This file is what `up`, `status` and the providers use of it.
 */
export { haproxyDirectory, haproxyOptions, haproxyPlan, type HAProxyProgram } from './install.ts';
export {
  HAPROXY_SERVICE,
  haproxyFiles,
  haproxyService,
  reloadHAProxy,
  writeHAProxyFiles,
  type HAProxyOptions,
} from './service.ts';
export type { BackendStats, ServerState, ServerStats } from './stats.ts';
export { haproxyStatus, type HAProxyStatus } from './status.ts';
