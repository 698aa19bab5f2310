// Tags of the images. A server stores them in the catalog. On a site they stay in the visitor's browser, in addition to
// the tags in the site's data.
import { postTags, type TagChange, type TagRows } from '../api';
import type { Catalog, Report } from './catalog.svelte';
import { Outbox } from './outbox';
import { Sender } from './sender';
import { loadSetting, saveSetting } from './storage';
import { TagSets, type TagCount } from './tag-sets';

/** A step of undo: one tag was added to images, or removed from them. */
export interface Tagging {
  tag: string;
  removed: boolean;
  hashes: string[];
  /** other tags that were added in the same step */
  with?: Tagging[];
}

const keyOf = ({ hash, tag }: { hash: string; tag: string }): string => `${hash}\n${tag}`;

export class Tags {
  /** increases when tags change */
  tick = $state(0);
  private sentTick = $state(0);
  private sets = new TagSets(0);
  private outbox: Outbox<TagChange> | null = null;
  private sender: Sender<TagChange> | null = null;
  /** the changes since `beginReading`, by keyOf(): the latest change of each pair of image and tag; null: the catalog
   * is not being read */
  private sinceReading: Map<string, TagChange> | null = null;
  /** on a site: the visitor's changes, by keyOf() */
  private visitor = new Map<string, TagChange>();
  private readonly catalog: Catalog;
  private readonly report: Report;

  constructor(catalog: Catalog, report: Report) {
    this.catalog = catalog;
    this.report = report;
  }

  /** Call this before the catalog is read. */
  beginReading(): void {
    this.sinceReading = new Map();
  }

  /** Takes the tags of the catalog that was just loaded. Then applies the changes made during the reading and the
   * unsent changes. */
  load(list: TagRows[]): void {
    this.sets = new TagSets(this.catalog.count);
    for (const { tag, rows } of list) for (const row of rows) this.sets.put(row, tag, false);
    this.sender?.forgetEvents();
    if (!this.sender && this.catalog.writable) this.open();
    if (!this.catalog.manifest?.live) this.restore();
    this.applyAll([...(this.sinceReading?.values() ?? []), ...(this.outbox?.all() ?? [])]);
    this.sinceReading = null;
    this.onChange();
  }

  private open(): void {
    const outbox = new Outbox<TagChange>(`tags:${this.catalog.manifest?.catalog ?? ''}`, localStorage, keyOf);
    const sender = new Sender<TagChange>(outbox, {
      keyOf,
      post: postTags,
      receive: (change) => {
        this.applyAll([change]);
        return true;
      },
      confirmed: (changed) => {
        if (changed) this.onChange();
        this.sentTick++;
      },
      failed: this.report,
    });
    this.outbox = outbox;
    this.sender = sender;
    const left = outbox.takeOver((hash) => this.catalog.rowOf(hash) >= 0);
    sender.send(left);
    if (left.length) this.report(`Saving ${left.length} ${left.length === 1 ? 'tag' : 'tags'} that an earlier page could not send.`);
  }

  private applyAll(changes: Iterable<TagChange>): void {
    for (const change of changes) {
      const row = this.catalog.rowOf(change.hash);
      if (row >= 0) this.sets.put(row, change.tag, change.removed);
      this.sinceReading?.set(keyOf(change), change);
    }
  }

  private onChange(): void {
    this.tick++;
    this.catalog.putTags(this.sets.column());
  }

  // ---------------------------------------------------------------- reading

  of(row: number): string[] {
    void this.tick;
    return this.sets.of(row);
  }

  has(row: number, tag: string): boolean {
    void this.tick;
    return this.sets.has(row, tag);
  }

  /** Returns every tag and the number of rows that have it; with `mask`, only rows in `mask` count. */
  counts(mask?: Uint8Array): TagCount[] {
    void this.tick;
    return this.sets.counts(mask);
  }

  readonly any = $derived(this.counts().length > 0);

  /** tags that the server has not confirmed yet */
  get unsent(): number {
    void [this.tick, this.sentTick];
    return this.outbox?.size ?? 0;
  }

  suspect(verify: () => Promise<void>): void {
    this.sender?.doubt(verify);
  }

  // ---------------------------------------------------------------- changing

  /** Adds a tag to rows, or removes it from them. Returns what changed, or null. */
  set(rows: Iterable<number>, tag: string, removed: boolean): Tagging | null {
    const list = Uint32Array.from(rows).filter((row) => this.sets.has(row, tag) === removed);
    if (list.length === 0) return null;
    const change = { tag, removed, hashes: Array.from(list, (row) => this.catalog.hash(row)) };
    this.apply(change, 1);
    return change;
  }

  /** Applies one side of a change and of those made `with` it: `side` 0 undoes the change, 1 redoes it. */
  apply({ tag, removed, hashes, with: others }: Tagging, side: 0 | 1): void {
    for (const other of others ?? []) this.apply(other, side);
    const here = hashes.filter((hash) => this.catalog.rowOf(hash) >= 0);
    const changes = here.map((hash) => ({ hash, tag, removed: side ? removed : !removed }));
    this.applyAll(changes);
    if (this.catalog.manifest && !this.catalog.manifest.live) this.store(changes);
    this.sender?.send(changes);
    this.onChange();
  }

  /** Applies tags that any page, also this one, has changed. `event`: the number of the event. */
  onTags(changes: TagChange[], event: number): void {
    for (const change of changes) {
      if (this.sender) this.sender.hear(change, event);
      else this.applyAll([change]);
    }
    this.onChange();
  }

  // ---------------------------------------------------------------- a site's visitor

  private store(changes: TagChange[]): void {
    for (const change of changes) this.visitor.set(keyOf(change), change);
    if (!saveSetting(this.catalog.storageKey('tags'), [...this.visitor.values()]))
      this.report('This browser blocks storage for this site. Your tags will be lost when you close the page.');
  }

  private restore(): void {
    const stored = loadSetting<TagChange[]>(this.catalog.storageKey('tags'), []);
    this.visitor = new Map(stored.map((change) => [keyOf(change), change]));
    this.applyAll(stored);
  }
}
