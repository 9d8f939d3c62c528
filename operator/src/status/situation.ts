import type { Facts } from '../observed/facts.ts';
import type { Plan } from '../plan/plan.ts';

/** What conditions are made of. */
export interface Situation {
  readonly facts: Facts;
  readonly plan: Plan;
  /** What the API server or a pod refused to do, for a person. */
  readonly failures: readonly string[];
}

/** A condition without its times. */
export interface Verdict {
  readonly status: 'True' | 'False' | 'Unknown';
  /** In CamelCase. */
  readonly reason: string;
  /** For a person: what it is, and what to do. */
  readonly message: string;
}

export function yes(reason: string, message: string): Verdict {
  return { status: 'True', reason, message };
}

export function no(reason: string, message: string): Verdict {
  return { status: 'False', reason, message };
}
