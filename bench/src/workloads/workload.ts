import type { Contender } from '../contenders/contender.ts';

/** How measurements are made. */
export interface MeasureOptions {
  /** Of each measurement of a load, after its warm-up. */
  readonly seconds: number;
  /** Processes of the load generator. */
  readonly generators: number;
  /** Where CPU profiles of the pod go; undefined: there are none. */
  readonly profile?: string | undefined;
}

/** What was measured, by the keys of the workload's columns; infinity where there was none. */
export type Figures = Readonly<Record<string, number>>;

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly digits: number;
}

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** What is done, in a sentence. */
  readonly how: string;
  readonly columns: readonly Column[];
  /** The figure that the chart shows. */
  readonly chart: string;
  /** The figure of the slowest 1 %, in milliseconds, that must be no worse than the best peer's; undefined: there is none. */
  readonly slowest: string | undefined;
  /** How often the floor and EtherPly are measured, in turns; medians count. */
  readonly rounds: number;
  /** The contenders that it is for; unset: all. */
  readonly only?: readonly string[];
  /** Why a contender has no such thing; undefined: it has. */
  lacks(contender: Contender): string | undefined;
  measure(contender: Contender, options: MeasureOptions): Promise<Figures>;
}
