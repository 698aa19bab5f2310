// Undo and redo without limit: one list for the marks and the filters of all views.
import type { Catalog, RowMap } from './catalog.svelte';
import { facetOf, type Filters, type FilterState } from './filters.svelte';
import type { Marks } from './marks.svelte';
import { moveChange, type Change } from './ratings';
import type { Comparison } from './tournament';

export type Step =
  | { kind: 'marks'; change: Change }
  | { kind: 'filters'; before: FilterState; after: FilterState; at: number }
  /** a decision in Compare: its marks, if there are any, and what is compared before and after */
  | CompareStep;

export interface CompareStep {
  kind: 'compare';
  change: Change | null;
  before: Comparison;
  after: Comparison | null;
}

/** A step of undo as the session stores it: with hashes instead of rows. */
export interface KeptChange {
  hashes: string[];
  flags: [number[], number[]];
  stars: [number[], number[]];
}
export type KeptStep =
  | ({ kind: 'marks' } & KeptChange)
  | { kind: 'compare'; change: KeptChange | null; before: Comparison; after: Comparison | null }
  | { kind: 'filters'; before: FilterState; after: FilterState; at: number };

/** Changes of one slider or text field within this number of milliseconds are one step of undo. */
const TOGETHER = 1000;
const GRADUAL = ['range', 'like', 'words', 'contains'];
/** The maximum number of marks in the steps that a session stores. */
const MAX_KEPT = 50000;

export class History {
  done = $state.raw<Step[]>([]);
  undone = $state.raw<Step[]>([]);
  private readonly catalog: Catalog;
  private readonly marks: Marks;
  private readonly filters: Filters;

  constructor(catalog: Catalog, marks: Marks, filters: Filters) {
    this.catalog = catalog;
    this.marks = marks;
    this.filters = filters;
  }

  push(step: Step): void {
    const last = this.done[this.done.length - 1];
    if (step.kind === 'filters' && last?.kind === 'filters' && step.at - last.at < TOGETHER && edited(step) !== '' && edited(step) === edited(last))
      this.done = [...this.done.slice(0, -1), { ...step, before: last.before }];
    else this.done = [...this.done, step];
    this.undone = [];
  }

  /** Returns the step that was undone, or null. */
  undo(): Step | null {
    const step = this.done[this.done.length - 1];
    if (!step) return null;
    this.done = this.done.slice(0, -1);
    this.undone = [...this.undone, step];
    this.apply(step, 0);
    return step;
  }

  redo(): Step | null {
    const step = this.undone[this.undone.length - 1];
    if (!step) return null;
    this.undone = this.undone.slice(0, -1);
    this.done = [...this.done, step];
    this.apply(step, 1);
    return step;
  }

  private apply(step: Step, side: 0 | 1): void {
    if (step.kind !== 'filters') return step.change ? this.marks.apply(step.change, side) : undefined;
    const to = side ? step.after : step.before;
    this.filters.list = to.list;
    this.filters.any = to.any;
  }

  /** Updates the rows in the steps after the catalog was loaded again. */
  move(to: RowMap): void {
    const moved = (step: Step): Step[] => {
      if (step.kind === 'filters') return [{ ...step, before: moveState(step.before, to), after: moveState(step.after, to) }];
      const change = step.change && moveChange(step.change, to);
      if (step.kind === 'compare') return change || !step.change ? [{ ...step, change }] : [];
      return change ? [{ kind: 'marks', change }] : [];
    };
    this.done = this.done.flatMap(moved);
    this.undone = this.undone.flatMap(moved);
  }

  // ---------------------------------------------------------------- the session

  keep(): { done: KeptStep[]; undone: KeptStep[] } {
    let left = MAX_KEPT;
    const kept = (step: Step): KeptStep[] => {
      if (step.kind === 'filters') return hasRows(step.before) || hasRows(step.after) ? [] : [step];
      if ((left -= step.change?.rows.length ?? 1) < 0) return [];
      if (step.kind === 'compare') return [{ ...step, change: step.change && this.keptChange(step.change) }];
      return [{ kind: 'marks', ...this.keptChange(step.change) }];
    };
    // Stores the newest steps first, so that only the oldest steps are omitted if space is short.
    return { done: this.done.slice().reverse().flatMap(kept).reverse(), undone: this.undone.slice().reverse().flatMap(kept).reverse() };
  }

  private keptChange({ rows, flags, stars }: Change): KeptChange {
    const hashes = Array.from(rows, (row) => this.catalog.hash(row));
    return { hashes, flags: [[...flags[0]], [...flags[1]]], stars: [[...stars[0]], [...stars[1]]] };
  }

  private readChange({ hashes, flags, stars }: KeptChange): Change | null {
    const raw: Change = {
      rows: Uint32Array.from(hashes, (_, i) => i),
      flags: [Int8Array.from(flags[0]), Int8Array.from(flags[1])],
      stars: [Uint8Array.from(stars[0]), Uint8Array.from(stars[1])],
    };
    return moveChange(raw, (i) => this.catalog.rowOf(hashes[i] ?? ''));
  }

  restore(kept: { done?: KeptStep[]; undone?: KeptStep[] }): void {
    const read = (step: KeptStep): Step[] => {
      if (step.kind === 'filters') return [step];
      if (step.kind === 'compare') {
        const change = step.change && this.readChange(step.change);
        return change || !step.change ? [{ ...step, change }] : [];
      }
      const change = this.readChange(step);
      return change ? [{ kind: 'marks', change }] : [];
    };
    this.done = (kept.done ?? []).flatMap(read);
    this.undone = (kept.undone ?? []).flatMap(read);
  }
}

/** Returns the facet that a step changed with a slider or a text field; '': none. */
function edited({ before, after }: { before: FilterState; after: FilterState }): string {
  const changed = [...before.list.filter((one) => !after.list.includes(one)), ...after.list.filter((one) => !before.list.includes(one))];
  const facets = new Set(changed.map(facetOf));
  const [facet = ''] = facets;
  return facets.size === 1 && before.any === after.any && GRADUAL.includes(facet.split(':')[0] as string) ? facet : '';
}

const hasRows = (state: FilterState): boolean => state.list.some((filter) => filter.kind === 'rows');

function moveState(state: FilterState, to: RowMap): FilterState {
  if (!hasRows(state)) return state;
  const list = state.list.map((filter) =>
    filter.kind === 'rows' ? { ...filter, rows: Uint32Array.from(Array.from(filter.rows, to).filter((row) => row >= 0)) } : filter,
  );
  return { ...state, list };
}
