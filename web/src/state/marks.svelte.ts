// Marks of the images: flags and stars. A server stores them in the catalog. On a site they stay in the visitor's
// browser, in addition to the marks in the site's data.
import type { Rating } from '../api';
import type { Catalog, Report } from './catalog.svelte';
import { MarkCounter, type MarkCounts } from './mark-counts';
import { MarkLog } from './mark-log';
import { Outbox } from './outbox';
import { Ratings, type Change, type Marking } from './ratings';
import { loadSetting, saveSetting } from './storage';

export class Marks {
  /** increases when marks change */
  tick = $state(0);
  /** increases when the server has confirmed marks */
  private sentTick = $state(0);
  private ratings: Ratings | null = null;
  private outbox: Outbox | null = null;
  /** on a site: the marks in its data */
  private siteRatings: { flag: Int8Array; stars: Uint8Array } | null = null;
  private readonly catalog: Catalog;
  private readonly report: Report;
  private readonly noLog = new MarkLog();
  private readonly counter = new MarkCounter();

  /** counts of all images */
  readonly counts = $derived.by<MarkCounts>(() => this.counter.count({ base: null, flags: this.flags, suggested: undefined }, this.log));

  constructor(catalog: Catalog, report: Report) {
    this.catalog = catalog;
    this.report = report;
  }

  /** Call this before the catalog is read. */
  beginReading(): void {
    this.ratings?.beginReading();
  }

  /** Takes the marks of the catalog that was just loaded. */
  load(): void {
    const { catalog } = this;
    const flag = (catalog.peek('flag')?.data as Int8Array | undefined) ?? new Int8Array(catalog.count);
    const stars = (catalog.peek('stars')?.data as Uint8Array | undefined) ?? new Uint8Array(catalog.count);
    if (this.ratings) this.ratings.move(flag, stars);
    else this.ratings = this.open(flag, stars);
    if (!catalog.manifest?.live) this.restore(this.ratings);
    this.tick++;
  }

  private open(flag: Int8Array, stars: Uint8Array): Ratings {
    const { catalog } = this;
    const rowOf = (hash: string): number => catalog.rowOf(hash);
    const outbox = catalog.writable ? new Outbox(catalog.manifest?.catalog ?? '', localStorage) : null;
    this.outbox = outbox;
    const ratings = new Ratings(flag, stars, outbox, (row) => catalog.hash(row), rowOf, () => this.onChange(), this.report, () => this.sentTick++);
    const left = outbox?.takeOver((hash) => rowOf(hash) >= 0) ?? [];
    ratings.resend(left);
    if (left.length) this.report(`Saving ${left.length} ${left.length === 1 ? 'mark' : 'marks'} that an earlier page could not send.`);
    return ratings;
  }

  // ---------------------------------------------------------------- reading

  /** 1 picked, -1 rejected, 0 neither; [count] */
  get flags(): Int8Array {
    void this.tick;
    return this.ratings?.flag ?? new Int8Array(0);
  }

  /** 0 to 5; [count] */
  get stars(): Uint8Array {
    void this.tick;
    return this.ratings?.stars ?? new Uint8Array(0);
  }

  /** The latest changes of marks. It is not reactive, so a reactive caller must also read `flags` or `tick`. */
  get log(): MarkLog {
    return this.ratings?.log ?? this.noLog;
  }

  flagOf(row: number): number {
    return this.flags[row] ?? 0;
  }

  starsOf(row: number): number {
    return this.stars[row] ?? 0;
  }

  /** Whether `column` shows marks. If so, makes reactive callers run again after a change of marks. */
  watch(column: string): boolean {
    const shows = column === 'flag' || column === 'stars';
    if (shows) void this.tick;
    return shows;
  }

  /** marks that the server has not confirmed yet */
  get unsent(): number {
    void [this.tick, this.sentTick];
    return this.outbox?.size ?? 0;
  }

  /** Call this when the connection to the server broke. Marks are then sent only after `verify` has confirmed that the
   * server has the same catalog. */
  suspect(verify: () => Promise<void>): void {
    this.ratings?.sender?.doubt(verify);
  }

  // ---------------------------------------------------------------- changing

  /** True if marks can be changed: in the catalog, or on a site in the visitor's browser. */
  get writable(): boolean {
    return !this.catalog.manifest?.live || this.catalog.writable;
  }

  /** Marks rows. Returns the changes, or null if nothing changed. */
  set(rows: Iterable<number>, marking: (row: number) => Marking): Change | null {
    if (!this.writable) {
      this.report('This catalog is open read-only. Your mark is not saved.');
      return null;
    }
    return this.ratings?.set(rows, marking) ?? null;
  }

  /** Applies one side of a change: `side` 0 undoes the change, 1 redoes it. */
  apply(change: Change, side: 0 | 1): void {
    this.ratings?.apply(change, side);
  }

  /** Applies marks that any page, also this one, has changed. `event`: the number of the event. */
  onRatings(changes: Rating[], event: number): void {
    let changed = false;
    for (const change of changes) if (this.ratings?.hear(change, event)) changed = true;
    if (changed) this.tick++;
  }

  private onChange(): void {
    this.tick++;
    if (this.catalog.manifest && !this.catalog.manifest.live) this.store();
  }

  // ---------------------------------------------------------------- a site's visitor

  private store(): void {
    const { flags, stars, catalog, siteRatings } = this;
    const changed: Record<string, [number, number]> = {};
    for (let row = 0; row < catalog.count; row++)
      if (flags[row] !== siteRatings?.flag[row] || stars[row] !== siteRatings?.stars[row])
        changed[catalog.hash(row)] = [flags[row] as number, stars[row] as number];
    if (!saveSetting(catalog.storageKey('ratings'), changed))
      this.report('This browser blocks storage for this site. Your marks will be lost when you close the page.');
  }

  private restore(ratings: Ratings): void {
    this.siteRatings = { flag: ratings.flag.slice(), stars: ratings.stars.slice() };
    const stored = loadSetting<Record<string, [number, number]>>(this.catalog.storageKey('ratings'), {});
    for (const [hash, [flag, stars]] of Object.entries(stored)) ratings.receive({ hash, flag, stars });
  }
}
