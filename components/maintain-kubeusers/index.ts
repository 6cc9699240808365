/**
 * The loop that makes of each account of LDAP a namespace with everything it needs (TOOLFORGE.md, section 5). This file
 * is what `up`, `status`, `become` and the seeds use of it.
 */
export { maintainKubeusersPlan, type MaintainKubeusersInput } from './install.ts';
export { accountHomes, configurationFile, SERVICE_NAME } from './places.ts';
export { toolOf } from './accounts/account.ts';
export { readTools } from './accounts/tools.ts';
export { keepOwnSettings, readOwnSettings, type OwnSettings } from './own-settings.ts';
export { rollOutSchema, type RollOutFile } from './configuration.ts';
export { currentRollOut, writeRollOut } from './roll-out.ts';
export { becomeTool, type BecomeOptions } from './become.ts';
export { runWhileEdited } from './dev.ts';
export { allowMassDelete } from './mass-delete.ts';
export { IDENTITY, maintainKubeusersRbac } from './rbac.ts';
export { runMaintainKubeusers, type RunOptions } from './run.ts';
export {
  isSelected,
  type PolicyRenderer,
  type PolicySettings,
  type PolicyTool,
  type ToolSelection,
} from './settings.ts';
export { maintainKubeusersStatus, requestsSoFar, statusOnceItAnswers } from './status.ts';
export { type MaintainKubeusersStatus } from './status-report.ts';
