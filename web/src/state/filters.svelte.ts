// The filters that all views share, and the images that match them.
import type { Catalog, RowMap } from './catalog.svelte';
import { formatNumber, NONE } from './columns';
import { applyFilters, type Filter } from './filter-sort';
import type { Marks } from './marks.svelte';

export class Filters {
  list = $state.raw<Filter[]>([]);
  private readonly catalog: Catalog;
  private readonly marks: Marks;

  /** 1 for each row that all filters match; [count] */
  readonly mask = $derived.by(() => {
    void this.catalog.columnsTick;
    for (const filter of this.list) if ('column' in filter) this.marks.watch(filter.column);
    return applyFilters(this.catalog.count, this.list, (name) => this.catalog.lookup(name));
  });

  constructor(catalog: Catalog, marks: Marks) {
    this.catalog = catalog;
    this.marks = marks;
  }

  /** Replaces a filter of the same kind on the same column; filters by rows add up. */
  add(filter: Filter): void {
    const replaces = (old: Filter): boolean =>
      old.kind !== 'rows' &&
      old.kind === filter.kind &&
      (old.kind === 'words' || ('column' in filter && 'column' in old && old.column === filter.column));
    this.list = [...this.list.filter((old) => !replaces(old)), filter];
  }

  remove(at: number): void {
    this.list = this.list.filter((_, i) => i !== at);
  }

  invert(at: number): void {
    this.list = this.list.map((filter, i) => (i === at ? { ...filter, not: !filter.not } : filter));
  }

  clear(): void {
    this.list = [];
  }

  on(column: string): Filter | undefined {
    return this.list.find((filter) => 'column' in filter && filter.column === column);
  }

  /** Removes the filter of `kind` on `column`, if there is one. */
  removeOn(kind: 'codes' | 'range', column: string): void {
    const at = this.list.findIndex((filter) => filter.kind === kind && filter.column === column);
    if (at >= 0) this.remove(at);
  }

  /** The catalog was loaded again: filters by rows keep their images. */
  move(to: RowMap): void {
    if (!this.list.some((filter) => filter.kind === 'rows')) return;
    this.list = this.list.map((filter) =>
      filter.kind === 'rows' ? { ...filter, rows: Uint32Array.from(Array.from(filter.rows, to).filter((row) => row >= 0)) } : filter,
    );
  }

  describe(filter: Filter): string {
    const not = filter.not ? 'not ' : '';
    if (filter.kind === 'words') return `${not}“${filter.text}”`;
    if (filter.kind === 'rows') return `${not}${filter.title} (${filter.rows.length})`;
    const title = this.catalog.manifest?.columns.find((c) => c.name === filter.column)?.title ?? filter.column;
    if (filter.kind === 'range') return `${title}: ${describeRange(filter)}`;
    const column = this.catalog.peek(filter.column);
    const names = filter.codes.map((code) => (code === NONE ? 'none' : (column?.words?.at(code) ?? String(code))));
    return `${title}: ${not}${names.length > 3 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more` : names.join(', ')}`;
  }
}

function describeRange({ column, low, high, not }: Extract<Filter, { kind: 'range' }>): string {
  const number = (x: number): string => (Number.isInteger(x) ? String(x) : x.toFixed(2));
  const prefix = not ? 'not ' : '';
  if (low === null && high === null) return not ? 'no value' : 'any value';
  if (low === null) return `${prefix}at most ${number(high as number)}`;
  if (high === null) return `${prefix}at least ${number(low)}`;
  if (low === high) return prefix + (formatNumber(column, low) || low);
  return `${prefix}${number(low)} to ${number(high)}`;
}
