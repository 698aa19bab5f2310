// Undo and redo without limit: one list for all views, with changes of marks, tags and filters, decisions in Compare,
// and moves to the bin.
import type { Catalog, RowMap } from './catalog.svelte';
import { facetOf, type Filters, type FilterState } from './filters.svelte';
import type { View } from './layout.svelte';
import type { Marks } from './marks.svelte';
import { joinChanges, moveChange, type Change } from './ratings';
import type { ListPlaces } from './session';
import type { Tagging, Tags } from './tags.svelte';
import type { Comparison } from './tournament';

export type Step =
  | { kind: 'marks'; change: Change | null; away?: KeptChange }
  | ({ kind: 'tags' } & Tagging)
  | FilterStep
  /** a decision in Compare: its marks, if there are any, and what is compared before and after */
  | CompareStep
  | BinStep;

export interface FilterStep {
  kind: 'filters';
  before: FilterState;
  after: FilterState;
  /** time of the change, in milliseconds */
  at: number;
  /** what the page showed before the change */
  place?: ViewPlace;
}

/** The view, the hash of its current picture ('': none) and the positions of all lists. */
export interface ViewPlace {
  view: View;
  current: string;
  places: ListPlaces;
}

export interface CompareStep {
  kind: 'compare';
  change: Change | null;
  /** marks of pictures that are not in the catalog now, such as pictures in the bin; they become part of `change` again
   * when the pictures are back */
  away?: KeptChange;
  before: Comparison;
  after: Comparison | null;
}

/** A move of pictures to the bin. App undoes and redoes it, because only the server can move files. */
export interface BinStep {
  kind: 'bin';
  hashes: string[];
}

/** A Change (ratings.ts) as the session stores it: with hashes instead of rows. */
export interface KeptChange {
  hashes: string[];
  flags: [number[], number[]];
  stars: [number[], number[]];
}
export type KeptStep =
  | ({ kind: 'marks' } & KeptChange)
  | BinStep
  | ({ kind: 'tags' } & Tagging)
  | { kind: 'compare'; change: KeptChange | null; before: Comparison; after: Comparison | null }
  | FilterStep;

/** Changes of one slider or text field within this number of milliseconds are one step of undo. */
const TOGETHER = 1000;
const GRADUAL = ['range', 'like', 'words', 'contains'];
/** The maximum number of marks in the steps that a session stores. */
const MAX_KEPT = 50000;

export class History {
  done = $state.raw<Step[]>([]);
  undone = $state.raw<Step[]>([]);
  /** increases with each new step, undo and redo, but not when the catalog was loaded again */
  acts = $state(0);
  private readonly catalog: Catalog;
  private readonly marks: Marks;
  private readonly tags: Tags;
  private readonly filters: Filters;

  constructor(catalog: Catalog, marks: Marks, tags: Tags, filters: Filters) {
    this.catalog = catalog;
    this.marks = marks;
    this.tags = tags;
    this.filters = filters;
  }

  push(step: Step): void {
    this.acts++;
    const last = this.done[this.done.length - 1];
    if (step.kind === 'filters' && last?.kind === 'filters' && step.at - last.at < TOGETHER && edited(step) !== '' && edited(step) === edited(last))
      this.done = [...this.done.slice(0, -1), { ...step, before: last.before, place: last.place }];
    else this.done = [...this.done, step];
    this.undone = [];
  }

  /** Undoes the last step. Returns this step, or null if there is none. */
  undo(): Step | null {
    const step = this.done[this.done.length - 1];
    if (!step) return null;
    this.done = this.done.slice(0, -1);
    this.undone = [...this.undone, step];
    this.acts++;
    this.apply(step, 0);
    return step;
  }

  redo(): Step | null {
    const step = this.undone[this.undone.length - 1];
    if (!step) return null;
    this.undone = this.undone.slice(0, -1);
    this.done = [...this.done, step];
    this.acts++;
    this.apply(step, 1);
    return step;
  }

  /** Puts a step back where it was, because it could not be undone (`side` 0) or redone (`side` 1). */
  takeBack(step: Step, side: 0 | 1): void {
    if ((side ? this.done : this.undone).at(-1) !== step) return;
    if (side) {
      this.done = this.done.slice(0, -1);
      this.undone = [...this.undone, step];
    } else {
      this.undone = this.undone.slice(0, -1);
      this.done = [...this.done, step];
    }
  }

  private apply(step: Step, side: 0 | 1): void {
    if (step.kind === 'bin') return;
    if (step.kind === 'tags') return this.tags.apply(step, side);
    if (step.kind !== 'filters') return step.change ? this.marks.apply(step.change, side) : undefined;
    const to = side ? step.after : step.before;
    this.filters.list = to.list;
    this.filters.any = to.any;
  }

  /** Updates the rows in the steps after the catalog was loaded again. */
  move(to: RowMap): void {
    const moved = (step: Step): Step[] => {
      if (step.kind === 'bin' || step.kind === 'tags') return [step];
      if (step.kind === 'filters') return [{ ...step, before: moveState(step.before, to), after: moveState(step.after, to) }];
      const { change, away } = step;
      const here = change && moveChange(change, to);
      const lost = change && here?.rows.length !== change.rows.length ? moveChange(change, (row) => (to(row) < 0 ? row : -1)) : null;
      const back = away ? this.readChange(away) : null;
      if (!lost && !back) return [{ ...step, change: here }];
      const left = [...(lost ? [keptOf(lost, to.hash)] : []), ...(away ? [away] : [])];
      return [{ ...step, change: here && back ? joinChanges(here, back) : (here ?? back), away: keptWhere(left, (hash) => this.catalog.rowOf(hash) < 0) }];
    };
    this.done = this.done.flatMap(moved);
    this.undone = this.undone.flatMap(moved);
  }

  // ---------------------------------------------------------------- the session

  keep(): { done: KeptStep[]; undone: KeptStep[] } {
    let left = MAX_KEPT;
    const kept = (step: Step): KeptStep[] => {
      if (step.kind === 'filters') return hasRows(step.before) || hasRows(step.after) ? [] : [step];
      if (step.kind === 'bin' || step.kind === 'tags') return (left -= step.hashes.length) < 0 ? [] : [step];
      if ((left -= (step.change?.rows.length ?? 1) + (step.away?.hashes.length ?? 0)) < 0) return [];
      const parts = [...(step.change ? [keptOf(step.change, (row) => this.catalog.hash(row))] : []), ...(step.away ? [step.away] : [])];
      const change = keptWhere(parts, () => true);
      if (step.kind === 'compare') return [{ kind: 'compare', change: change ?? null, before: step.before, after: step.after }];
      return change ? [{ kind: 'marks', ...change }] : [];
    };
    // Stores the newest steps first, so that only the oldest steps are omitted if space is short.
    return { done: this.done.slice().reverse().flatMap(kept).reverse(), undone: this.undone.slice().reverse().flatMap(kept).reverse() };
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
      if (step.kind === 'filters' || step.kind === 'bin' || step.kind === 'tags') return [step];
      const kept = step.kind === 'compare' ? step.change : step;
      const marks = { change: kept && this.readChange(kept), away: kept ? keptWhere([kept], (hash) => this.catalog.rowOf(hash) < 0) : undefined };
      return [step.kind === 'compare' ? { ...step, ...marks } : { kind: 'marks', ...marks }];
    };
    this.done = (kept.done ?? []).flatMap(read);
    this.undone = (kept.undone ?? []).flatMap(read);
  }
}

function keptOf({ rows, flags, stars }: Change, hash: (row: number) => string): KeptChange {
  return { hashes: Array.from(rows, hash), flags: [[...flags[0]], [...flags[1]]], stars: [[...stars[0]], [...stars[1]]] };
}

/** Returns the marks of the pictures that `wanted` accepts; undefined: it accepts none. */
function keptWhere(parts: KeptChange[], wanted: (hash: string) => boolean): KeptChange | undefined {
  const all: KeptChange = { hashes: [], flags: [[], []], stars: [[], []] };
  for (const { hashes, flags, stars } of parts)
    hashes.forEach((hash, i) => {
      if (!wanted(hash)) return;
      all.hashes.push(hash);
      for (const side of [0, 1] as const) {
        all.flags[side].push(flags[side][i] as number);
        all.stars[side].push(stars[side][i] as number);
      }
    });
  return all.hashes.length ? all : undefined;
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
