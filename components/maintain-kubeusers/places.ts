import path from 'node:path';

/** In the supervisor, in a cluster's directory, and for `npm run logs`. */
export const SERVICE_NAME = 'maintain-kubeusers';

/** Where the homes of tools and of admins are, in a cluster's directory. */
export function accountHomes(directory: string): { readonly tools: string; readonly admins: string } {
  return { tools: path.join(directory, 'data', 'project'), admins: path.join(directory, 'data', 'home') };
}

/** Says which part of the tools already has another policy, while a change is rolled out; usually not there. */
export function rollOutFile(directory: string): string {
  return path.join(directory, SERVICE_NAME, 'roll-out.json');
}

export function configurationFile(directory: string): string {
  return path.join(directory, SERVICE_NAME, 'config.json');
}
