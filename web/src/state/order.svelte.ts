// The images that the filters match, sorted and grouped.
import type { Catalog } from './catalog.svelte';
import { NONE } from './columns';
import { groupRows, rowsOf, sortKeys, sortRows, type Group } from './filter-sort';
import type { Filters } from './filters.svelte';
import { BY_SIMILARITY, type Layout } from './layout.svelte';
import type { Marks } from './marks.svelte';
import type { Search } from './search.svelte';

interface Grouping {
  of: (row: number) => number;
  title: (group: number) => string;
}

export class Order {
  private readonly catalog: Catalog;
  private readonly marks: Marks;
  private readonly filters: Filters;
  private readonly search: Search;
  private readonly layout: Layout;
  /** sort keys by column, for the manifest `keysFor`; keys of marks are not kept */
  private readonly keys = new Map<string, Float64Array>();
  private keysFor: unknown = null;

  private readonly arranged = $derived.by<{ order: Uint32Array; groups: Group[] }>(() => {
    void this.catalog.columnsTick;
    const { column, down } = this.layout.sort;
    const rows = rowsOf(this.filters.mask);
    const keys = this.keysOf(column);
    const order = keys ? sortRows(rows, keys, down) : rows;
    const grouping = order.length ? this.grouping() : null;
    return grouping ? groupRows(order, grouping.of, grouping.title) : { order, groups: [] };
  });
  readonly rows = $derived(this.arranged.order);
  /** empty without grouping */
  readonly groups = $derived(this.arranged.groups);

  constructor(catalog: Catalog, marks: Marks, filters: Filters, search: Search, layout: Layout) {
    this.catalog = catalog;
    this.marks = marks;
    this.filters = filters;
    this.search = search;
    this.layout = layout;
  }

  private keysOf(name: string): Float64Array | null {
    if (name === BY_SIMILARITY) return this.search.similarity ? Float64Array.from(this.search.similarity) : null;
    const column = this.catalog.lookup(name);
    if (!column) return null;
    this.marks.watch(name);
    if (name === 'flag' || name === 'stars') return sortKeys(column, this.catalog.count);
    if (this.keysFor !== this.catalog.manifest) this.keys.clear();
    this.keysFor = this.catalog.manifest;
    let keys = this.keys.get(name);
    if (!keys) this.keys.set(name, (keys = sortKeys(column, this.catalog.count)));
    return keys;
  }

  /** null: no groups, or their column is not loaded yet */
  private grouping(): Grouping | null {
    const by = this.layout.group;
    if (by === 'none') return null;
    if (by === 'slice') return this.bySlice();
    const column = this.catalog.lookup(by);
    if (!column) return null;
    const none = { prompt: 'no prompt', category: 'no category', duplicate: 'no near-duplicates' }[by];
    const title = (group: number): string => (by === 'duplicate' ? `near-duplicate group ${group + 1}` : (column.words?.at(group) ?? ''));
    return { of: (row) => column.data[row] as number, title: (group) => (group === NONE ? none : title(group)) };
  }

  private bySlice(): Grouping {
    const slices = this.catalog.manifest?.slices ?? [];
    const member = new Uint32Array(this.catalog.count).fill(NONE);
    // The smallest slice that holds a row says most about it.
    const bySize = slices.map((_, i) => i).sort((a, b) => (slices[b]?.support ?? 0) - (slices[a]?.support ?? 0));
    for (const i of bySize) for (const row of this.catalog.rowsOfSlice(i)) member[row] = i;
    return { of: (row) => member[row] as number, title: (group) => (group === NONE ? 'in no slice' : (slices[group]?.title ?? '')) };
  }
}
