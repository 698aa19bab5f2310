// The images that pass the filters, in the order in which the view shows them.
import type { Catalog } from './catalog.svelte';
import { NONE, numberAt, type Column } from './columns';
import { keepRows, sortKeys } from './filter-sort';
import type { Filters } from './filters.svelte';
import { BY_SIMILARITY, type Layout, type PromptOrder } from './layout.svelte';
import type { Marks } from './marks.svelte';
import type { Family, Prompts } from './prompts.svelte';
import type { Search } from './search.svelte';
import { numbersTo, sortRows } from './sort-rows';
import type { Stacks } from './stacks.svelte';

/** A prompt with its candidates that are shown: rows[from .. to - 1] of the order. */
export interface PromptRow {
  family: Family;
  from: number;
  to: number;
}

export class Order {
  private readonly catalog: Catalog;
  private readonly marks: Marks;
  private readonly filters: Filters;
  private readonly search: Search;
  private readonly layout: Layout;
  private readonly prompts: Prompts;
  private readonly stacks: Stacks;

  /** All rows, sorted. A change of filters does not change this order, so the rows are not sorted again. */
  private readonly sorted = $derived.by<Uint32Array>(() => {
    const { column, down } = this.layout.sort;
    const rows = numbersTo(this.catalog.count);
    const keys = this.keysOf(column);
    return keys ? sortRows(rows, keys, down) : rows;
  });

  /** all prompts in the order of Review, including prompts that the filters hide */
  readonly families = $derived.by<Family[]>(() => orderFamilies(this.prompts, this.catalog, this.layout.promptOrder));

  private readonly arranged = $derived.by<{ rows: Uint32Array; prompts: PromptRow[] }>(() => {
    const { mask } = this.filters;
    if (this.layout.view !== 'review') return { rows: keepRows(this.sorted, mask), prompts: [] };
    const rows = new Uint32Array(this.filters.passing);
    const prompts: PromptRow[] = [];
    let to = 0;
    const all = this.prompts.rows;
    for (const family of this.families) {
      const from = to;
      for (let i = family.from; i < family.to; i++) {
        const row = all[i] as number;
        if (mask[row]) rows[to++] = row;
      }
      if (to > from) prompts.push({ family, from, to });
    }
    return { rows: rows.subarray(0, to), prompts };
  });

  /** null: nothing is folded to stacks */
  readonly folded = $derived.by(() => this.stacks.fold(this.arranged.rows));
  readonly rows = $derived(this.folded?.rows ?? this.arranged.rows);
  /** the prompts that are the rows of Review; empty in other views */
  readonly promptRows = $derived.by<PromptRow[]>(() => {
    const { rows, prompts } = this.arranged;
    const shown = this.rows;
    if (shown === rows) return prompts;
    let to = 0;
    return prompts.map(({ family }) => {
      const from = to;
      while (to < shown.length && this.prompts.of(shown[to] as number) === family) to++;
      return { family, from, to };
    });
  });
  /** index of each row in `rows`; NONE: the row is not shown; [count] */
  private readonly places = $derived.by(() => {
    const { rows } = this;
    const places = new Uint32Array(this.catalog.count).fill(NONE);
    for (let place = 0; place < rows.length; place++) places[rows[place] as number] = place;
    return places;
  });

  constructor(catalog: Catalog, marks: Marks, filters: Filters, search: Search, layout: Layout, prompts: Prompts, stacks: Stacks) {
    this.catalog = catalog;
    this.marks = marks;
    this.filters = filters;
    this.search = search;
    this.layout = layout;
    this.prompts = prompts;
    this.stacks = stacks;
  }

  /** Returns the stack of a row that is shown; null: the row is in no stack. */
  stackOf(row: number): { size: number; open: boolean; top: boolean } | null {
    const stack = this.stacks.of(row);
    const size = this.folded?.sizes[stack] ?? 0;
    return size > 1 ? { size, open: this.stacks.isOpen(row), top: this.folded?.tops[stack] === row } : null;
  }

  /** The pictures of the stack of `row` that pass the filters, in order. */
  membersOf(row: number): Uint32Array {
    const stack = this.stacks.of(row);
    return this.arranged.rows.filter((other) => this.stacks.of(other) === stack);
  }

  /** Returns the row that is shown for `row`: the row itself, the top picture of the stack that hides it, or -1. */
  standIn(row: number): number {
    if (row < 0 || this.placeOf(row) >= 0) return row;
    const top = this.filters.mask[row] ? (this.folded?.tops[this.stacks.of(row)] ?? NONE) : NONE;
    return top === NONE ? -1 : top;
  }

  /** Whether the filters show a candidate of a prompt. */
  shows(family: Family): boolean {
    const { mask } = this.filters;
    return family.rows.some((row) => mask[row] === 1);
  }

  /** Returns the picture that is shown where `row` is or would be: the row itself, the top picture of its stack, or the
   * next shown picture in the order, else the previous one; -1: none. `shown` tells whether a list shows a picture. */
  nearest(row: number, shown: (row: number) => boolean): number {
    if (row < 0 || shown(row)) return row;
    const top = this.standIn(row);
    if (top >= 0 && shown(top)) return top;
    const all = this.layout.view === 'review' ? this.candidates() : this.sorted;
    const at = all.indexOf(row);
    for (let i = at + 1; i < all.length; i++) if (shown(all[i] as number)) return all[i] as number;
    for (let i = at - 1; i >= 0; i--) if (shown(all[i] as number)) return all[i] as number;
    return -1;
  }

  /** All rows in the order of Review, including rows that the filters hide. */
  private candidates(): Uint32Array {
    const rows = new Uint32Array(this.catalog.count);
    let to = 0;
    for (const family of this.families) {
      rows.set(family.rows, to);
      to += family.rows.length;
    }
    return rows;
  }

  /** Returns the index of a row in `rows`, or -1. */
  placeOf(row: number): number {
    const place = this.places[row] ?? NONE;
    return place === NONE ? -1 : place;
  }

  /** Returns the index in `promptRows` of the prompt to which the picture at index `place` of `rows` belongs; -1 if no
   * prompt is shown. Only in Review. */
  promptAt(place: number): number {
    const list = this.promptRows;
    let low = 0;
    for (let high = list.length - 1; low < high; ) {
      const middle = (low + high + 1) >> 1;
      if ((list[middle] as PromptRow).from <= place) low = middle;
      else high = middle - 1;
    }
    return list.length ? low : -1;
  }

  private keysOf(name: string): Float64Array | null {
    if (name === BY_SIMILARITY) return this.search.similarity ? Float64Array.from(this.search.similarity) : null;
    if (name === BY_NEED) return this.keysByNeed();
    const column = this.catalog.lookup(name);
    if (!column) return null;
    this.marks.watch(name);
    return sortKeys(column, this.catalog.count);
  }

  /** Returns keys for the order by need of a decision: candidates of a prompt are together, and prompts with the
   * smallest lead come first. */
  private keysByNeed(): Float64Array {
    const keys = new Float64Array(this.catalog.count).fill(NaN);
    orderFamilies(this.prompts, this.catalog, 'closest').forEach((family, at, all) =>
      family.rows.forEach((row, i) => (keys[row] = all.length - at - i / (family.rows.length + 1))),
    );
    return keys;
  }
}

/** The name of the order in which the prompts with the smallest lead come first. */
export const BY_NEED = 'need of a decision';

/** Returns all prompts in an order. Prompts that lack the value by which the order sorts come last; images without a
 * prompt come after all prompts. */
export function orderFamilies(prompts: Prompts, catalog: Catalog, order: PromptOrder): Family[] {
  const corrected = order === 'corrected' ? catalog.lookup('corrected') : undefined;
  const agree = order === 'disagree' ? catalog.lookup('agree') : undefined;
  const key = (family: Family): number => {
    if (family.code === NONE) return Infinity;
    if (order === 'file') return family.place;
    if (order === 'corrected') return corrected ? -mostOf(corrected, family) : 0;
    if (order === 'disagree') return agree ? agreementOn(agree, family) : 0;
    const lead = prompts.lead(family);
    if (Number.isNaN(lead)) return 1e9;
    return order === 'closest' ? lead : -lead;
  };
  const { list } = prompts;
  const keys = new Float64Array(list.length);
  for (let place = 0; place < list.length; place++) keys[place] = key(list[place] as Family);
  const families: Family[] = [];
  for (const place of sortRows(numbersTo(list.length), keys, false)) families.push(list[place] as Family);
  return families;
}

/** Returns the largest share of scorers that put the same picture first; 1e9: fewer than two scorers scored the prompt. */
function agreementOn(agree: Column, family: Family): number {
  const shares = family.rows.map((row) => numberAt(agree, row)).filter((share) => !Number.isNaN(share));
  return shares.length ? Math.max(...shares) : 1e9;
}

/** Returns the largest value of `column` for the candidates that have a score. */
function mostOf(column: Column, family: Family): number {
  let most = -1e9;
  for (let i = 0; i < family.scored; i++) most = Math.max(most, numberAt(column, family.rows[i] as number) || -1e9);
  return most;
}
