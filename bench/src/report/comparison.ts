import type { Bound } from '../bound.ts';
import type { Guarantees } from '../contenders/contender.ts';
import type { Column, Figures } from '../workloads/workload.ts';

/** What a run of the comparison has found. */
export interface Comparison {
  /** ISO 8601. */
  readonly at: string;
  readonly machine: string;
  readonly contenders: readonly MeasuredContender[];
  readonly workloads: readonly MeasuredWorkload[];
  readonly bounds: readonly Bound[];
}

export interface MeasuredContender {
  readonly name: string;
  readonly version: string;
  readonly configuration: string;
  readonly guarantees: Guarantees;
}

export interface MeasuredWorkload {
  readonly name: string;
  readonly title: string;
  readonly how: string;
  readonly columns: readonly Column[];
  readonly chart: string;
  readonly slowest: string | undefined;
  readonly results: readonly WorkloadResult[];
}

/** Figures, or why there are none. */
export type WorkloadResult =
  | { readonly contender: string; readonly figures: Figures }
  | { readonly contender: string; readonly reason: string; readonly hasFailed: boolean };
