import { z } from 'zod';

export const WEBSERVICE_ACTIONS = ['start', 'stop', 'restart', 'status', 'shell'] as const;
export type WebserviceAction = (typeof WEBSERVICE_ACTIONS)[number];

/** What is served when nobody says otherwise. */
const DEFAULT_TYPE = 'python3.11';

/** It becomes part of an image's name. */
const type = z
  .string()
  .regex(/^[a-z0-9]+([.-][a-z0-9]+)*$/, 'must be a type of webservice: python3.11, php8.2, node18, jdk17 …');
const action = z.enum(WEBSERVICE_ACTIONS, `must be one of ${WEBSERVICE_ACTIONS.join(', ')}`);

/** As people know it from Toolforge: `webservice [--backend kubernetes] [TYPE] ACTION`. */
export const webserviceArguments = z
  .object({
    backend: z.literal('kubernetes', 'must be kubernetes: there is no other any more').default('kubernetes'),
    words: z.array(z.string()).min(1).max(2, 'must be a type and an action, nothing more'),
  })
  .transform(({ words }, context) => {
    const [first = '', second] = words;
    const parsed = z
      .object({ action, type: type.optional() })
      .safeParse(second === undefined ? { action: first } : { type: first, action: second });
    if (parsed.success) return { ...parsed.data, defaultType: DEFAULT_TYPE };
    for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message });
    return z.NEVER;
  });

export type WebserviceRequest = z.infer<typeof webserviceArguments>;
