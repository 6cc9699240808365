import type { Plan } from '../../lib/steps.ts';
import { healthy, linted, noOffenders } from './gates.ts';
import type { Migration } from './migration.ts';
import {
  generators,
  giveBack,
  inForce,
  plugin,
  policy,
  psps,
  reports,
  rollBack,
  settle,
  workloads,
} from './steps.ts';

/** The stage in which the tools' template is chosen. */
export const POLICY_STAGE = 2;

/** One stage of the migration of 2024 (TOOLFORGE.md, section 2), as what is done, and undone. */
export interface Stage {
  readonly title: string;
  /** What has to hold before. */
  readonly gate: Plan<Migration>;
  readonly forward: Plan<Migration>;
  readonly back: Plan<Migration>;
  /** Whether it can be done for a part of the tools. */
  readonly byTool: boolean;
}

/** The five stages, in their order. */
export const STAGES: readonly Stage[] = [
  {
    title: 'The generators set an explicit security context',
    gate: [healthy],
    forward: [generators('next'), workloads('next')],
    back: [generators('before'), workloads('before')],
    byTool: true,
  },
  {
    title: 'A Kyverno policy for each tool, in Audit',
    gate: [linted, healthy],
    forward: [policy('Audit'), settle('Audit')],
    back: [rollBack('before')],
    byTool: true,
  },
  {
    title: 'The reports are watched, and offenders corrected',
    gate: [healthy],
    forward: [reports],
    back: [],
    byTool: false,
  },
  {
    title: 'The policies are enforced',
    gate: [noOffenders, healthy],
    forward: [policy('Enforce'), settle('Enforce'), inForce],
    back: [rollBack('Audit')],
    byTool: true,
  },
  {
    title: 'PodSecurityPolicy is dropped',
    gate: [healthy],
    forward: [plugin(false), psps],
    back: [giveBack, plugin(true)],
    byTool: false,
  },
];
