// Everything the views share: the catalog's columns, one selection, one set of filters, one order.
// Big arrays are kept raw; views are told of changes by counters ("ticks").
import * as api from '../api';
import { Outbox } from './outbox';
import { Ratings } from './ratings';
import type { Filter, Group, Sort } from './choose';
import { groupRows, passing, rowsOf, sortKeys, sortRows } from './choose';
import type { Column } from './columns';
import { formatNumber, NONE, numberAt, readColumn, textAt } from './columns';
import { recall, remember } from './remember';

export type GroupBy = 'none' | 'prompt' | 'category' | 'slice' | 'duplicate';
export type Centre = 'grid' | 'table';
export type Side = 'none' | 'map' | 'charts';
export type Mode = 'browse' | 'cull' | 'compare' | 'review';
export type Panel = 'slices' | 'categories' | 'copies' | 'none';

export interface Layout {
  centre: Centre;
  side: Side;
  panel: Panel;
  inspector: boolean;
  theme: 'system' | 'dark' | 'light';
  cell: number;
  panelWidth: number;
  inspectorWidth: number;
  /** share of the middle that the grid or table takes */
  split: number;
  group: GroupBy;
  sort: Sort;
  tableColumns: string[];
  charts: string[];
  colour: string;
  sizeBy: string;
  scatter: [string, string];
  advance: boolean;
}

const DEFAULT_LAYOUT: Layout = {
  centre: 'grid',
  side: 'map',
  panel: 'slices',
  inspector: true,
  theme: 'system',
  cell: 150,
  panelWidth: 270,
  inspectorWidth: 300,
  split: 0.58,
  group: 'none',
  sort: { column: 'score', down: true },
  tableColumns: ['score', 'corrected', 'rank', 'category', 'flag', 'stars', 'prompt'],
  charts: ['score', 'corrected', 'category'],
  colour: 'score',
  sizeBy: '',
  scatter: ['score', 'corrected'],
  advance: true,
};

export interface SavedView {
  filters: Filter[];
  sort: Sort;
  group: GroupBy;
}

const images = (n: number): string => `${n} ${n === 1 ? 'image' : 'images'}`;
const hex = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

class App {
  manifest = $state.raw<api.Manifest | null>(null);
  trouble = $state('');
  notice = $state('');
  lineUp = $state(true);
  /** counts up when columns came or changed */
  columnsTick = $state(0);
  ratingsTick = $state(0);
  selectionTick = $state(0);

  filters = $state.raw<Filter[]>([]);
  layout = $state<Layout>({ ...DEFAULT_LAYOUT });
  mode = $state<Mode>('browse');
  help = $state(false);
  dark = $state(true);
  /** rows that a list was clicked for: the map goes there */
  wanted = $state.raw<Uint32Array | null>(null);
  /** the row the keyboard is on, -1 none */
  current = $state(-1);
  saved = $state.raw<Record<string, SavedView>>({});

  query = $state.raw<api.Query & { images?: { key: string; name: string }[] }>({});
  searching = $state(false);
  likeness = $state.raw<Float32Array | null>(null);

  compareRows = $state.raw<number[]>([]);
  /** rows that are gone through in cull mode */
  cullRows = $state.raw<Uint32Array>(new Uint32Array(0));

  readonly columns = new Map<string, Column>();
  private readonly coming = new Map<string, Promise<Column | undefined>>();
  private readonly keys = new Map<string, Float64Array>();
  private readonly details = new Map<number, Promise<api.Detail[]>>();
  private rowByHash = new Map<string, number>();
  selected = new Uint8Array(0);
  private anchor = -1;
  ratings!: Ratings;
  /** a site's own marks, where a visitor's begin */
  private shipped: { flag: Int8Array; stars: Uint8Array } | null = null;
  sliceFirst = new Uint32Array(0);
  sliceRows = new Uint32Array(0);

  readonly count = $derived(this.manifest?.count ?? 0);
  readonly selectedCount = $derived.by(() => {
    void this.selectionTick;
    let n = 0;
    for (const one of this.selected) n += one;
    return n;
  });
  readonly mask = $derived.by(() => {
    void this.columnsTick;
    if (this.filters.some((f) => 'column' in f && (f.column === 'flag' || f.column === 'stars'))) void this.ratingsTick;
    return passing(this.count, this.filters, (name) => this.lookup(name));
  });
  private readonly arranged = $derived.by<{ order: Uint32Array; groups: Group[] }>(() => {
    void this.columnsTick;
    const { column, down } = this.layout.sort;
    const rows = rowsOf(this.mask);
    if (column === 'flag' || column === 'stars') void this.ratingsTick;
    const keys = column === 'likeness to search' ? this.likenessKeys() : this.keysOf(column);
    const order = keys ? sortRows(rows, keys, down) : rows;
    return this.grouped(order);
  });
  readonly order = $derived(this.arranged.order);
  readonly groups = $derived(this.arranged.groups);

  // ---------------------------------------------------------------- loading

  async start(): Promise<void> {
    this.restoreLayout();
    try {
      await this.load();
    } catch (error) {
      this.trouble = (error as Error).message;
      return;
    }
    if (this.manifest?.live) {
      api.listen({
        revision: () => void this.reload(),
        ratings: (changes) => this.hear(changes),
        line: (up) => (this.lineUp = up),
      });
      api
        .readSaved()
        .then((views) => (this.saved = views as Record<string, SavedView>))
        .catch(() => undefined);
    } else {
      this.saved = recall<Record<string, SavedView>>(this.storeKey('views'), {});
    }
  }

  private async load(): Promise<void> {
    const manifest = await api.readManifest();
    const wanted = ['hash', 'format', 'flag', 'stars', 'score', 'prompt'];
    const first = await Promise.all(
      wanted.map((name) => manifest.columns.find((c) => c.name === name)).map((info) => (info ? readColumn(info) : undefined)),
    );
    const buffer = manifest.slices_file ? await api.bytes(manifest.slices_file) : null;
    // All is there: from here on nothing can fail.
    const before = this.manifest ? Array.from({ length: this.count }, (_, row) => this.hash(row)) : [];
    this.columns.clear();
    this.coming.clear();
    this.keys.clear();
    this.details.clear();
    for (const column of first) if (column) this.columns.set(column.info.name, column);
    const count = manifest.count;
    this.selected = new Uint8Array(count);
    this.rowByHash = new Map();
    if (buffer) {
      this.sliceFirst = new Uint32Array(buffer, 0, manifest.slices.length + 1);
      this.sliceRows = new Uint32Array(buffer, 4 * (manifest.slices.length + 1));
    }
    const again = this.manifest !== null;
    this.manifest = manifest;
    const flag = (this.columns.get('flag')?.data as Int8Array | undefined) ?? new Int8Array(count);
    const stars = (this.columns.get('stars')?.data as Uint8Array | undefined) ?? new Uint8Array(count);
    const rowOf = (hash: string): number => this.rowOf(hash);
    if (again) this.ratings.move(flag, stars, (row) => rowOf(before[row] ?? ''), rowOf);
    else this.openRatings(flag, stars, rowOf);
    if (!manifest.live) this.restoreRatings();
    if (!manifest.columns.some((c) => c.name === this.layout.sort.column)) this.layout.sort = { column: 'path', down: false };
    this.columnsTick++;
    this.selectionTick++;
    document.title = `${manifest.name} · goldpan`;
  }

  private openRatings(flag: Int8Array, stars: Uint8Array, rowOf: (hash: string) => number): void {
    const writes = this.manifest?.live && !this.manifest.readonly;
    const outbox = writes ? new Outbox(this.manifest?.catalog ?? '', localStorage) : null;
    this.ratings = new Ratings(
      flag,
      stars,
      outbox,
      (row) => this.hash(row),
      () => this.rated(),
      (why) => (this.notice = why),
    );
    const left = outbox?.takeOver((hash) => rowOf(hash) >= 0) ?? [];
    this.ratings.resend(left, rowOf);
    if (left.length) this.notice = `Saving ${left.length} ${left.length === 1 ? 'mark' : 'marks'} that an earlier page could not send.`;
  }

  /** The catalog changed under us: read it again, and keep what the user was at. */
  private async reload(): Promise<void> {
    const chosen = Array.from(rowsOf(this.selected), (row) => this.hash(row));
    const at = this.current >= 0 ? this.hash(this.current) : '';
    const loaded = [...this.columns.keys()];
    const kept = this.filters.map((filter) => (filter.kind === 'rows' ? Array.from(filter.rows, (row) => this.hash(row)) : null));
    try {
      await this.load();
      await Promise.all(loaded.map((name) => this.need(name)));
    } catch (error) {
      this.notice = (error as Error).message;
      return;
    }
    for (const one of chosen) {
      const row = this.rowOf(one);
      if (row >= 0) this.selected[row] = 1;
    }
    this.current = at ? this.rowOf(at) : -1;
    this.filters = this.filters.map((filter, i) =>
      filter.kind === 'rows' ? { ...filter, rows: Uint32Array.from((kept[i] ?? []).map((hash) => this.rowOf(hash)).filter((row) => row >= 0)) } : filter,
    );
    if (this.likeness) await this.runSearch();
    this.selectionTick++;
    this.notice = 'The catalog changed and was loaded again.';
  }

  /** A column that is there, or undefined and on its way. */
  lookup(name: string): Column | undefined {
    const column = this.columns.get(name);
    if (!column) void this.need(name);
    return column;
  }

  need(name: string): Promise<Column | undefined> {
    const there = this.columns.get(name);
    if (there) return Promise.resolve(there);
    let coming = this.coming.get(name);
    if (!coming) {
      const info = this.manifest?.columns.find((c) => c.name === name);
      if (!info) return Promise.resolve(undefined);
      coming = readColumn(info).then(
        (column) => {
          this.columns.set(name, column);
          this.columnsTick++;
          return column;
        },
        (error: Error) => {
          this.notice = error.message;
          this.coming.delete(name);
          return undefined;
        },
      );
      this.coming.set(name, coming);
    }
    return coming;
  }

  private keysOf(name: string): Float64Array | null {
    const column = this.lookup(name);
    if (!column) return null;
    if (name === 'flag' || name === 'stars') return sortKeys(column, this.count);
    let keys = this.keys.get(name);
    if (!keys) this.keys.set(name, (keys = sortKeys(column, this.count)));
    return keys;
  }

  private likenessKeys(): Float64Array | null {
    return this.likeness ? Float64Array.from(this.likeness) : null;
  }

  private grouped(order: Uint32Array): { order: Uint32Array; groups: Group[] } {
    const by = this.layout.group;
    if (by === 'none' || order.length === 0) return { order, groups: [] };
    let of: (row: number) => number;
    let title: (group: number) => string;
    if (by === 'slice') {
      const slices = this.manifest?.slices ?? [];
      const member = new Uint32Array(this.count).fill(NONE);
      // The smallest slice that holds a row says most about it.
      const bySize = slices.map((_, i) => i).sort((a, b) => (slices[b]?.support ?? 0) - (slices[a]?.support ?? 0));
      for (const i of bySize) for (const row of this.rowsOfSlice(i)) member[row] = i;
      of = (row) => member[row] as number;
      title = (group) => (group === NONE ? 'in no slice' : (slices[group]?.title ?? ''));
    } else {
      const column = this.lookup(by === 'duplicate' ? 'duplicate' : by);
      if (!column) return { order, groups: [] };
      of = (row) => column.data[row] as number;
      const none = by === 'prompt' ? 'no prompt' : by === 'category' ? 'no category' : 'no near-duplicates';
      title = (group) => (group === NONE ? none : by === 'duplicate' ? `near-duplicate group ${group + 1}` : (column.words?.at(group) ?? ''));
    }
    return groupRows(order, of, title);
  }

  // ---------------------------------------------------------------- rows

  hash(row: number): string {
    const data = this.columns.get('hash')?.data as Uint8Array | undefined;
    if (!data) return '';
    let text = '';
    for (let i = row * 16; i < row * 16 + 16; i++) text += hex[data[i] as number];
    return text;
  }

  rowOf(hash: string): number {
    if (this.rowByHash.size === 0) for (let row = 0; row < this.count; row++) this.rowByHash.set(this.hash(row), row);
    return this.rowByHash.get(hash) ?? -1;
  }

  thumb(row: number, pixels: number): string {
    const sizes = this.manifest?.thumbs ?? [256];
    const size = sizes.find((s) => s >= pixels) ?? (sizes[sizes.length - 1] as number);
    return `thumb/${size}/${this.hash(row)}.jpg`;
  }

  image(row: number): string {
    const ext = this.manifest?.image_ext;
    if (ext === 'none') return this.thumb(row, 4096);
    const format = this.columns.get('format');
    const own = format ? textAt(format, row) : 'png';
    return `image/${this.hash(row)}.${ext ?? (own === 'jpeg' ? 'jpg' : own)}`;
  }

  prompt(row: number): string {
    const column = this.columns.get('prompt');
    return column ? textAt(column, row) : '';
  }

  score(row: number): number {
    const column = this.columns.get('score');
    return column ? numberAt(column, row) : NaN;
  }

  /** Why the image is set apart, such as "grid" or "black"; '' for a candidate. */
  apart(row: number): string {
    void this.columnsTick;
    const column = this.lookup('apart');
    return column ? textAt(column, row) : '';
  }

  async detail(row: number): Promise<api.Detail | null> {
    const shard = Math.floor(row / api.SHARD);
    let list = this.details.get(shard);
    if (!list) {
      if (this.details.size > 200) this.details.clear();
      this.details.set(shard, (list = api.readShard(shard)));
      list.catch(() => this.details.delete(shard));
    }
    return (await list)[row % api.SHARD] ?? null;
  }

  rowsOfSlice(place: number): Uint32Array {
    return this.sliceRows.subarray(this.sliceFirst[place] ?? 0, this.sliceFirst[place + 1] ?? 0);
  }

  // ---------------------------------------------------------------- selection

  select(rows: Iterable<number>, how: 'replace' | 'add' | 'remove' = 'replace'): void {
    if (how === 'replace') this.selected.fill(0);
    for (const row of rows) this.selected[row] = how === 'remove' ? 0 : 1;
    this.selectionTick++;
  }

  /** A click on a row, with the keys that were held. */
  click(row: number, event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }): void {
    if (event.shiftKey && this.anchor >= 0) {
      const a = this.order.indexOf(this.anchor);
      const b = this.order.indexOf(row);
      if (a >= 0 && b >= 0) this.select(this.order.subarray(Math.min(a, b), Math.max(a, b) + 1), 'add');
    } else if (event.ctrlKey || event.metaKey) {
      this.select([row], this.selected[row] ? 'remove' : 'add');
      this.anchor = row;
    } else {
      this.select([row]);
      this.anchor = row;
    }
    this.current = row;
  }

  isSelected(row: number): boolean {
    void this.selectionTick;
    return this.selected[row] === 1;
  }

  selectedRows(): Uint32Array {
    return rowsOf(this.selected);
  }

  /** What a key acts on: the selection if the current row is in it, else the current row. */
  target(): Uint32Array {
    if (this.current >= 0 && !this.selected[this.current]) return Uint32Array.of(this.current);
    const rows = this.selectedRows();
    return rows.length ? rows : this.current >= 0 ? Uint32Array.of(this.current) : rows;
  }

  // ---------------------------------------------------------------- filters

  addFilter(filter: Filter): void {
    const others = this.filters.filter(
      (f) => !(f.kind !== 'rows' && f.kind === filter.kind && (f.kind === 'words' || ('column' in filter && 'column' in f && f.column === filter.column))),
    );
    this.filters = [...others, filter];
  }

  removeFilter(at: number): void {
    this.filters = this.filters.filter((_, i) => i !== at);
  }

  filterOn(column: string): Filter | undefined {
    return this.filters.find((f) => 'column' in f && f.column === column);
  }

  describe(filter: Filter): string {
    const not = filter.not ? 'not ' : '';
    if (filter.kind === 'words') return `${not}“${filter.text}”`;
    if (filter.kind === 'rows') return `${not}${filter.title} (${filter.rows.length})`;
    const title = this.manifest?.columns.find((c) => c.name === filter.column)?.title ?? filter.column;
    if (filter.kind === 'codes') {
      const column = this.columns.get(filter.column);
      const names = filter.codes.map((code) => (code === NONE ? 'none' : (column?.words?.at(code) ?? String(code))));
      return `${title}: ${not}${names.length > 3 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more` : names.join(', ')}`;
    }
    if (filter.low === null && filter.high === null) return `${title}: ${filter.not ? 'no value' : 'any value'}`;
    if (filter.low === filter.high) return `${title}: ${not}${formatNumber(filter.column, filter.low as number) || filter.low}`;
    const number = (x: number): string => (Number.isInteger(x) ? String(x) : x.toFixed(2));
    if (filter.low === null) return `${title}: ${not}at most ${number(filter.high as number)}`;
    if (filter.high === null) return `${title}: ${not}at least ${number(filter.low)}`;
    return `${title}: ${not}${number(filter.low)} to ${number(filter.high)}`;
  }

  // ---------------------------------------------------------------- search

  /** Searches by `query`.  If the server rejects it, the search before stays. */
  async runSearch(query: typeof this.query = this.query): Promise<void> {
    const { text, more, less } = query;
    if (!text && !more?.length && !less?.length) {
      this.query = query;
      this.likeness = null;
      if (this.layout.sort.column === 'likeness to search') this.layout.sort = { column: 'score', down: true };
      return;
    }
    this.searching = true;
    try {
      this.likeness = await api.search({ text: text || undefined, more: more ?? [], less: less ?? [] });
      this.query = query;
      this.layout.sort = { column: 'likeness to search', down: true };
    } catch (error) {
      this.notice = (error as Error).message;
    } finally {
      this.searching = false;
    }
  }

  async searchText(text: string): Promise<void> {
    if (this.manifest?.search.text) {
      await this.runSearch({ ...this.query, text });
    } else if (text) this.addFilter({ kind: 'words', text });
  }

  async searchLike(rows: Iterable<number>, less = false): Promise<void> {
    const hashes = Array.from(rows, (row) => this.hash(row));
    const more = (this.query.more ?? []).filter((h) => !hashes.includes(h));
    const fewer = (this.query.less ?? []).filter((h) => !hashes.includes(h));
    await this.runSearch(less ? { ...this.query, more, less: [...fewer, ...hashes] } : { ...this.query, more: [...more, ...hashes], less: fewer });
  }

  async searchImage(file: File): Promise<void> {
    this.searching = true;
    try {
      const key = await api.upload(file);
      await this.runSearch({
        ...this.query,
        more: [...(this.query.more ?? []), key],
        images: [...(this.query.images ?? []), { key, name: file.name }],
      });
    } catch (error) {
      this.notice = (error as Error).message;
    } finally {
      this.searching = false;
    }
  }

  async clearSearch(): Promise<void> {
    await this.runSearch({});
  }

  // ---------------------------------------------------------------- ratings

  rate(rows: Iterable<number>, flag?: number, stars?: number): void {
    if (this.manifest?.live && this.manifest.readonly) {
      this.notice = 'This catalog is open read-only. Your mark is not saved.';
      return;
    }
    this.ratings.set(rows, flag, stars);
  }

  flagOf(row: number): number {
    void this.ratingsTick;
    return this.ratings.flag[row] ?? 0;
  }

  starsOf(row: number): number {
    void this.ratingsTick;
    return this.ratings.stars[row] ?? 0;
  }

  undoable(): boolean {
    void this.ratingsTick;
    return this.ratings.undoable > 0;
  }

  redoable(): boolean {
    void this.ratingsTick;
    return this.ratings.redoable > 0;
  }

  undo(): void {
    const rows = this.ratings.undo();
    if (rows?.length) this.goTo(rows[0] as number);
    this.notice = rows ? `Undone for ${images(rows.length)}.` : 'Nothing to undo.';
  }

  redo(): void {
    const rows = this.ratings.redo();
    if (rows?.length) this.goTo(rows[0] as number);
    this.notice = rows ? `Redone for ${images(rows.length)}.` : 'Nothing to redo.';
  }

  goTo(row: number): void {
    this.current = row;
  }

  private rated(): void {
    this.ratingsTick++;
    if (this.manifest && !this.manifest.live) this.storeRatings();
  }

  private hear(changes: api.Rating[]): void {
    for (const change of changes) {
      const row = this.rowOf(change.hash);
      if (row >= 0) this.ratings.heard(row, change);
    }
    this.ratingsTick++;
  }

  /** A site has no server: what a visitor marks stays in this browser. */
  private storeRatings(): void {
    const kept: Record<string, [number, number]> = {};
    for (let row = 0; row < this.count; row++)
      if (this.ratings.flag[row] !== this.shipped?.flag[row] || this.ratings.stars[row] !== this.shipped?.stars[row])
        kept[this.hash(row)] = [this.ratings.flag[row] as number, this.ratings.stars[row] as number];
    if (!remember(this.storeKey('ratings'), kept)) this.notice = 'This browser blocks storage for this site. Your marks will be lost when you close the page.';
  }

  private restoreRatings(): void {
    const { flag, stars } = this.ratings;
    this.shipped = { flag: flag.slice(), stars: stars.slice() };
    const kept = recall<Record<string, [number, number]>>(this.storeKey('ratings'), {});
    for (const [hash, [flagged, starred]] of Object.entries(kept)) {
      const row = this.rowOf(hash);
      if (row >= 0) this.ratings.heard(row, { hash, flag: flagged, stars: starred });
    }
  }

  // ---------------------------------------------------------------- what is remembered

  private storeKey(what: string): string {
    return `goldpan:${what}:${location.pathname.replace(/[0-9a-f]{16,}|index\.html$/, '')}:${this.manifest?.catalog ?? ''}`;
  }

  restoreLayout(): void {
    this.layout = { ...DEFAULT_LAYOUT, ...recall<Partial<Layout>>('goldpan:layout', {}) };
  }

  keepLayout(): void {
    remember('goldpan:layout', this.layout);
  }

  resetLayout(): void {
    this.layout = { ...DEFAULT_LAYOUT };
  }

  async saveView(name: string, forget = false): Promise<void> {
    const { [name]: old, ...others } = this.saved;
    void old;
    const view: SavedView = { filters: this.filters, sort: { ...this.layout.sort }, group: this.layout.group };
    this.saved = forget ? others : { ...others, [name]: view };
    if (!this.manifest?.live) remember(this.storeKey('views'), this.saved, plain);
    else if (!this.manifest.readonly)
      await api.save(name, forget ? null : JSON.parse(JSON.stringify(view, plain))).catch((error: Error) => (this.notice = error.message));
  }

  openView(name: string): void {
    const view = this.saved[name];
    if (!view) return;
    this.filters = view.filters.map((f) => (f.kind === 'rows' ? { ...f, rows: Uint32Array.from(f.rows) } : f));
    this.layout.sort = view.sort;
    this.layout.group = view.group;
  }
}

/** Typed arrays as plain lists, for JSON. */
function plain(_: string, value: unknown): unknown {
  return value instanceof Uint32Array ? Array.from(value) : value;
}

export const app = new App();
