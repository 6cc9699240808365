import type { Generation, Tool } from './tool.ts';

/** The pod's and its container's security context; nothing before stage 1. */
export interface SecurityContexts {
  readonly pod?: Readonly<Record<string, unknown>>;
  readonly container?: Readonly<Record<string, unknown>>;
}

/** The context that both generators set, value by value that of the policy `toolforge`. */
export function securityContexts({ uid }: Pick<Tool, 'uid'>, generation: Generation): SecurityContexts {
  if (generation === 'before') return {};
  const own = { runAsUser: uid, runAsGroup: uid, runAsNonRoot: true };
  return {
    pod: { fsGroup: uid, ...own, seccompProfile: { type: 'RuntimeDefault' } },
    container: {
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: false,
      ...own,
      capabilities: { drop: ['ALL'] },
      ...(generation === 'default-proc-mount' ? { procMount: 'DefaultProcMount' } : {}),
    },
  };
}

/** The contexts as fields of a pod's and a container's specification. */
export function contextFields(
  tool: Pick<Tool, 'uid'>,
  generation: Generation,
): { readonly pod: object; readonly container: object } {
  const { pod, container } = securityContexts(tool, generation);
  return {
    pod: pod === undefined ? {} : { securityContext: pod },
    container: container === undefined ? {} : { securityContext: container },
  };
}
