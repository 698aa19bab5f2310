// The catalog as the server or the site gives it: the manifest, its columns, details of images and members of slices.
//
// A row is the place of an image in the columns. A row number is valid until the catalog is loaded again; an image
// keeps its hash. `replace` returns the new row of each old row, for the stores that keep rows. Big arrays are not
// reactive, so `columnsTick` counts their changes.
import * as api from '../api';
import { isScore, learnDecimals, numberAt, readColumn, textAt, type Column } from './columns';
import { HashIndex } from './hash-index';
import { NO_SLICE, sliceTitle } from './slices';
import { TAGS } from './tag-sets';

/** Maps a row of the previous load to its new row; -1 if its image is gone. `hash` returns the hash of a row of the
 * previous load. */
export type RowMap = ((row: number) => number) & { hash(row: number): string };
/** Shows a message to the user. */
export type Report = (message: string) => void;

interface Loaded {
  manifest: api.Manifest;
  columns: (Column | undefined)[];
  slices: ArrayBuffer | null;
  tags: api.TagRows[];
}

/** Extensions of image addresses that differ from the format's name.  The server and sites send JPEG XL and TIFF as PNG,
 * because most browsers cannot draw these formats. */
const EXTENSIONS: Record<string, string> = { jpeg: 'jpg', jxl: 'png', tiff: 'png' };
/** Columns that the page needs before it can show anything. */
const FIRST = ['hash', 'format', 'flag', 'stars', 'score', 'prompt'];
const MAX_SHARDS = 200;

export class Catalog {
  manifest = $state.raw<api.Manifest | null>(null);
  /** increases when columns are loaded or changed */
  columnsTick = $state(0);
  /** increases when the column of tags changes, so code that reads other columns does not run again after each tag */
  private tagsTick = $state(0);
  readonly count = $derived(this.manifest?.count ?? 0);

  private readonly columns = new Map<string, Column>();
  private readonly pending = new Map<string, Promise<Column | undefined>>();
  private readonly details = new Map<number, Promise<api.Detail[]>>();
  private hashes = new HashIndex(new Uint8Array(0));
  private sliceFirst = new Uint32Array(0);
  private sliceRows = new Uint32Array(0);
  private readonly report: Report;

  constructor(report: Report) {
    this.report = report;
  }

  // ---------------------------------------------------------------- loading

  /** Reads all data that `replace` needs, including the columns that are loaded now and the columns named in `also`.
   * Reading can fail, but `replace` cannot, so a failed load changes nothing. */
  async read(also: string[] = []): Promise<Loaded> {
    const given = await api.readManifest();
    const manifest = { ...given, columns: [...given.columns, TAGS], slices: given.slices.map((slice) => ({ ...slice, title: sliceTitle(slice) })) };
    const names = [...new Set([...FIRST, ...also, ...this.columns.keys()])].filter((name) => name !== TAGS.name);
    const infos = names.map((name) => manifest.columns.find((c) => c.name === name));
    const [columns, slices, tags] = await Promise.all([
      Promise.all(infos.map((info) => (info ? readColumn(info) : undefined))),
      manifest.slices_file ? api.bytes(manifest.slices_file) : null,
      manifest.tags_file ? api.readTags(manifest.tags_file) : [],
    ]);
    return { manifest, columns, slices, tags };
  }

  replace({ manifest, columns, slices }: Loaded): RowMap {
    const before = this.hashes;
    this.columns.clear();
    this.pending.clear();
    this.details.clear();
    for (const column of columns) if (column) this.learn(column, manifest), this.columns.set(column.info.name, column);
    const now = new HashIndex((this.columns.get('hash')?.data as Uint8Array | undefined) ?? new Uint8Array(0));
    this.hashes = now;
    this.sliceFirst = new Uint32Array(0);
    this.sliceRows = new Uint32Array(0);
    if (slices) {
      this.sliceFirst = new Uint32Array(slices, 0, manifest.slices.length + 1);
      this.sliceRows = new Uint32Array(slices, 4 * (manifest.slices.length + 1));
    }
    this.manifest = manifest;
    this.columnsTick++;
    return Object.assign((row: number) => now.rowLike(before, row), { hash: (row: number) => before.textOf(row) });
  }

  /** True if a running server serves the catalog and accepts changes. */
  get writable(): boolean {
    return this.manifest?.live === true && !this.manifest.readonly;
  }

  /** Returns the name under which local storage keeps a setting of this catalog. */
  storageKey(what: string): string {
    return `goldpan:${what}:${location.pathname.replace(/[0-9a-f]{16,}|index\.html$/, '')}:${this.manifest?.catalog ?? ''}`;
  }

  // ---------------------------------------------------------------- columns

  has(name: string): boolean {
    return this.manifest?.columns.some((c) => c.name === name) ?? false;
  }

  /** Returns the column if it is loaded; otherwise requests the column and returns undefined. Reactive callers run
   * again when the column is loaded. */
  lookup(name: string): Column | undefined {
    void (name === TAGS.name ? this.tagsTick : this.columnsTick);
    const column = this.columns.get(name);
    if (!column) void this.need(name);
    return column;
  }

  /** Returns the column if it is loaded. Reactive callers do not run again, so the call is cheap enough for every
   * row. */
  peek(name: string): Column | undefined {
    return this.columns.get(name);
  }

  /** Replaces the column of tags, which the page itself makes. */
  putTags(column: Column): void {
    this.columns.set(TAGS.name, column);
    this.tagsTick++;
  }

  /** Sets the decimals of a column of scores. The description of a scorer's column ends with its scale. */
  private learn({ info, data }: Column, manifest: api.Manifest | null): void {
    if (!isScore(info.name) || !data) return;
    const scale = info.name.startsWith('score.') ? info.about.slice(info.about.lastIndexOf(': ') + 2) : (manifest?.scale ?? '');
    learnDecimals(info.name, data, scale);
  }

  need(name: string): Promise<Column | undefined> {
    const loaded = this.columns.get(name);
    if (loaded) return Promise.resolve(loaded);
    let pending = this.pending.get(name);
    if (!pending) {
      const info = this.manifest?.columns.find((c) => c.name === name && c !== TAGS);
      if (!info) return Promise.resolve(undefined);
      pending = readColumn(info).then(
        (column) => {
          this.learn(column, this.manifest);
          this.columns.set(name, column);
          this.columnsTick++;
          return column;
        },
        (error: Error) => {
          this.report(error.message);
          this.pending.delete(name);
          return undefined;
        },
      );
      this.pending.set(name, pending);
    }
    return pending;
  }

  // ---------------------------------------------------------------- rows

  hash(row: number): string {
    return this.hashes.textOf(row);
  }

  /** -1: no image has this hash. */
  rowOf(hash: string): number {
    return this.hashes.rowOf(hash);
  }

  /** The address of the smallest thumbnail with at least `pixels` on its longest side; if there is none, of the
   * largest thumbnail. */
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
    return `image/${this.hash(row)}.${ext ?? EXTENSIONS[own] ?? own}`;
  }

  prompt(row: number): string {
    const column = this.columns.get('prompt');
    return column ? textAt(column, row) : '';
  }

  score(row: number): number {
    const column = this.columns.get('score');
    return column ? numberAt(column, row) : NaN;
  }

  /** Returns width and height of the image in pixels; 0: not known. */
  sizeOf(row: number): { width: number; height: number } {
    const width = this.has('width') ? this.lookup('width') : undefined;
    const height = this.has('height') ? this.lookup('height') : undefined;
    return { width: (width && numberAt(width, row)) || 0, height: (height && numberAt(height, row)) || 0 };
  }

  /** Why the image is set apart, such as "grid" or "black"; '' for a candidate. */
  apart(row: number): string {
    const column = this.lookup('apart');
    return column ? textAt(column, row) : '';
  }

  async detail(row: number): Promise<api.Detail | null> {
    const shard = Math.floor(row / api.SHARD);
    let list = this.details.get(shard);
    if (!list) {
      if (this.details.size > MAX_SHARDS) this.details.clear();
      this.details.set(shard, (list = api.readShard(shard)));
      list.catch(() => this.details.delete(shard));
    }
    return (await list)[row % api.SHARD] ?? null;
  }

  /** Rows of the slice with this number, or the rows in no slice; undefined: the catalog has no such slice. */
  rowsOfSliceId(id: number): Uint32Array | undefined {
    if (id === NO_SLICE) return this.rowsOfNoSlice();
    const place = this.manifest?.slices.findIndex((slice) => slice.id === id) ?? -1;
    return place < 0 ? undefined : this.rowsOfSlice(place);
  }

  private rowsOfNoSlice(): Uint32Array {
    const inside = new Uint8Array(this.count);
    for (const row of this.sliceRows) inside[row] = 1;
    return Uint32Array.from({ length: this.count }, (_, row) => row).filter((row) => !inside[row]);
  }

  /** Returns the rows of the slice at index `place` in the manifest. */
  rowsOfSlice(place: number): Uint32Array {
    return this.sliceRows.subarray(this.sliceFirst[place] ?? 0, this.sliceFirst[place + 1] ?? 0);
  }
}
