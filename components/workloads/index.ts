/**
 * The two generators of tools' workloads, webservice and the jobs framework, as pure functions (TOOLFORGE.md, section 7),
 * and the settings that a cluster has for them. The commands that use them are imported by their scripts alone.
 */
export { ensureGenerators, generationFile, writeGeneration } from './generation.ts';
export { jobLabels, jobObject, jobPod, type Job } from './jobs.ts';
export { securityContexts, type SecurityContexts } from './security-context.ts';
export { withStorage } from './storage.ts';
export { type Generation, type Tool } from './tool.ts';
export {
  shellPod,
  webserviceLabels,
  webserviceObjects,
  webservicePod,
  type Webservice,
} from './webservice.ts';
