// The filters that all views share, and the rows that pass them.
import type { Catalog, RowMap } from './catalog.svelte';
import { formatNumber, isCode, isNumeric } from './columns';
import { countOf, followMask, joinMasks, maskOf, type Filter, type Mark, type Source } from './filter-sort';
import type { Marks } from './marks.svelte';
import type { Search } from './search.svelte';
import { NO_SLICE, withCommas } from './slices';

export interface FilterState {
  list: Filter[];
  /** true: show rows that pass at least one filter, instead of all filters */
  any: boolean;
}

interface KeptMask {
  of: unknown[];
  mask: Uint8Array;
  /** version of the log of marks when the mask was computed */
  version: number;
}

const MARK_WORDS: Record<Mark, string> = { undecided: 'undecided', picked: 'picked', rejected: 'rejected', suggested: 'suggested' };

/** Returns the name of the facet to which a filter belongs. A new filter replaces the earlier filter of its facet. */
export function facetOf(filter: Filter): string {
  if (filter.kind === 'unknown') return `unknown:${filter.name}`;
  return 'column' in filter ? `${filter.kind}:${filter.column}` : filter.kind;
}

export class Filters {
  list = $state.raw<Filter[]>([]);
  any = $state(false);
  private readonly catalog: Catalog;
  private readonly marks: Marks;
  private readonly search: Search;
  /** cached masks of filters, with the data from which each was computed */
  private kept = new Map<Filter, KeptMask>();
  /** cached joined masks by facet */
  private joined = new Map<string, { masks: Uint8Array[]; any: boolean; mask: Uint8Array }>();

  private readonly source: Source;

  /** The mask of each filter. A filter whose column is not loaded yet passes all rows; a filter with a problem passes
   * none. */
  private readonly masks = $derived.by<Uint8Array[]>(() => {
    const kept = new Map<Filter, KeptMask>();
    const masks = this.list.map((filter) => {
      const of = this.stamp(filter);
      const old = this.kept.get(filter);
      const same = old !== undefined && old.of.every((one, i) => one === of[i]);
      const mask = this.problem(filter) ? new Uint8Array(this.catalog.count) : ((same ? this.followed(filter, old) : null) ?? maskOf(filter, this.source));
      if (mask) kept.set(filter, { of, mask, version: this.marks.log.version });
      return mask ?? new Uint8Array(this.catalog.count).fill(1);
    });
    this.kept = kept;
    return masks;
  });

  /** 1 for each row that passes; [count] */
  readonly mask = $derived.by(() => this.join('', this.masks));
  readonly passing = $derived(countOf(this.mask));

  constructor(catalog: Catalog, marks: Marks, search: Search) {
    this.catalog = catalog;
    this.marks = marks;
    this.search = search;
    this.source = {
      get count() {
        return catalog.count;
      },
      column: (name) => catalog.lookup(name),
      get flags() {
        return marks.flags;
      },
      get stars() {
        return marks.stars;
      },
      slice: (id) => catalog.rowsOfSliceId(id),
      get similarity() {
        return search.similarity;
      },
    };
  }

  /** The mask of a filter, updated by the latest changes of marks; null: it has to be computed again. */
  private followed(filter: Filter, { mask, version }: KeptMask): Uint8Array | null {
    if (!this.watchesMarks(filter)) return mask;
    const { log } = this.marks;
    return version === log.version ? mask : followMask(filter, this.source, mask, (each) => log.follow(version, each));
  }

  /** Whether the filter reads marks. If so, makes reactive callers run again after a change of marks. */
  private watchesMarks(filter: Filter): boolean {
    const reads = filter.kind === 'stars' || (filter.kind === 'mark' && filter.mark !== 'suggested');
    if (reads) void this.marks.tick;
    return reads || ('column' in filter && this.marks.watch(filter.column));
  }

  /** The data other than marks that a mask depends on: the mask is computed again when one of them changes. */
  private stamp(filter: Filter): unknown[] {
    const { manifest } = this.catalog;
    this.watchesMarks(filter);
    if (filter.kind === 'like') return [manifest, this.search.similarity];
    if ('column' in filter) return [manifest, this.catalog.lookup(filter.column)];
    if (filter.kind === 'tags') return [manifest, this.catalog.lookup('tags')];
    if (filter.kind === 'mark' && filter.mark === 'suggested') return [manifest, this.catalog.lookup('picked')];
    return [manifest];
  }

  /** The rows that pass all filters except those of `facet`. The counts beside the facet's values count these
   * rows. */
  maskWithout(facet: string): Uint8Array {
    return this.join(facet, this.masks.filter((_, i) => facetOf(this.list[i] as Filter) !== facet));
  }

  /** Joins masks. If the masks are the same arrays as in the last call, returns the same array as before, so that code
   * that depends on it does not run again. */
  private join(name: string, masks: Uint8Array[]): Uint8Array {
    const { count } = this.catalog;
    const old = this.joined.get(name);
    if (old && old.any === this.any && old.mask.length === count && old.masks.length === masks.length && old.masks.every((one, i) => one === masks[i])) return old.mask;
    const mask = joinMasks(count, masks, this.any);
    this.joined.set(name, { masks, any: this.any, mask });
    return mask;
  }

  /** Returns why a filter cannot be applied to this catalog; '': it can. */
  problem(filter: Filter): string {
    const { manifest } = this.catalog;
    if (filter.kind === 'unknown') return filter.why;
    if (filter.kind === 'slice') return filter.id === NO_SLICE || manifest?.slices.some((slice) => slice.id === filter.id) ? '' : 'no longer there';
    if (filter.kind === 'like') return this.search.similarity || this.search.searching ? '' : 'needs a search';
    if (!('column' in filter)) return '';
    const info = manifest?.columns.find((one) => one.name === filter.column);
    if (!info) return 'no such column';
    if (filter.kind === 'range') return isNumeric(info) ? '' : 'the column has no numbers';
    return isCode(info) || (filter.kind === 'contains' && info.type === 'text') ? '' : filter.kind === 'values' ? 'needs a range of numbers' : 'the column has no text';
  }

  /** The number of rows that would pass without the filter at index `at`. */
  countWithout(at: number): number {
    return countOf(joinMasks(this.catalog.count, this.masks.filter((_, i) => i !== at), this.any));
  }

  get state(): FilterState {
    return { list: this.list, any: this.any };
  }

  /** Adds a filter. A filter that lists rows replaces no filter. Any other filter replaces the earlier filter of its
   * facet; if the two are equal, nothing changes and no step of undo is added. */
  add(filter: Filter): void {
    const facet = facetOf(filter);
    const at = filter.kind === 'rows' ? -1 : this.list.findIndex((old) => facetOf(old) === facet);
    if (at >= 0 && JSON.stringify(this.list[at]) === JSON.stringify(filter)) return;
    this.list = at < 0 ? [...this.list, filter] : this.list.map((old, i) => (i === at ? filter : old));
  }

  remove(at: number): void {
    this.list = this.list.filter((_, i) => i !== at);
  }

  removeFacet(facet: string): void {
    if (this.list.some((one) => facetOf(one) === facet)) this.list = this.list.filter((one) => facetOf(one) !== facet);
  }

  clear(): void {
    this.list = [];
    this.any = false;
  }

  facet<K extends Filter['kind']>(facet: K | `${K}:${string}`): Extract<Filter, { kind: K }> | undefined {
    return this.list.find((one) => facetOf(one) === facet) as Extract<Filter, { kind: K }> | undefined;
  }

  get mark(): Mark | 'all' {
    return this.facet('mark')?.mark ?? 'all';
  }

  set mark(mark: Mark | 'all') {
    if (mark === 'all') this.removeFacet('mark');
    else this.add({ kind: 'mark', mark });
  }

  /** After the catalog was loaded again, updates the filters that list rows, so that they keep their images. */
  move(to: RowMap): void {
    this.kept.clear();
    this.joined.clear();
    if (!this.list.some((filter) => filter.kind === 'rows')) return;
    this.list = this.list.map((filter) =>
      filter.kind === 'rows' ? { ...filter, rows: Uint32Array.from(Array.from(filter.rows, to).filter((row) => row >= 0)) } : filter,
    );
  }

  /** The name and the value of a filter, as its chip shows them. */
  describe(filter: Filter): { name: string; value: string } {
    const { name, value } = this.words(filter);
    return { name, value: this.problem(filter) || value };
  }

  private words(filter: Filter): { name: string; value: string } {
    const not = filter.not ? 'not ' : '';
    const title = (name: string): string => this.catalog.manifest?.columns.find((c) => c.name === name)?.title ?? name;
    switch (filter.kind) {
      case 'unknown':
        return { name: title(filter.name.replace(/^(not-)?[a-z]+\./, '')), value: filter.value };
      case 'mark':
        return { name: 'Marks', value: not + MARK_WORDS[filter.mark] };
      case 'stars':
        return { name: 'Stars', value: `${not}at least ${filter.least}` };
      case 'words':
        return { name: 'Prompt', value: not + filter.text };
      case 'contains':
        return { name: title(filter.column), value: `${not}contains ${filter.text}` };
      case 'slice':
        return { name: 'Slice', value: not + (filter.id === NO_SLICE ? 'in no slice' : (this.catalog.manifest?.slices.find((s) => s.id === filter.id)?.title ?? 'no longer there')) };
      case 'rows':
        return { name: filter.title, value: `${not}${filter.rows.length.toLocaleString()} pictures` };
      case 'like':
        return { name: 'Likeness', value: `${not}${filter.least.toFixed(2)} or more` };
      case 'tags':
        return { name: 'Tag', value: not + joinValues(filter.values) };
      case 'range':
        return { name: title(filter.column), value: describeRange(filter) };
      case 'values':
        return { name: title(filter.column), value: not + joinValues(filter.column === 'category' ? filter.values.map(withCommas) : filter.values) };
    }
  }
}

function joinValues(values: string[]): string {
  const names = values.map((value) => value || 'no value');
  return names.length > 3 ? `${names.slice(0, 2).join(' or ')} or ${names.length - 2} more` : names.join(' or ');
}

function describeRange({ column, low, high, not }: Extract<Filter, { kind: 'range' }>): string {
  const number = (x: number): string => (Number.isInteger(x) ? String(x) : x.toFixed(2));
  const prefix = not ? 'not ' : '';
  if (low === null && high === null) return not ? 'no value' : 'any value';
  if (low === null) return `${prefix}at most ${number(high as number)}`;
  if (high === null) return `${prefix}${number(low)} or more`;
  if (low === high) return prefix + (formatNumber(column, low) || low);
  return `${prefix}${number(low)} to ${number(high)}`;
}
