// Flags and stars in memory, written to the catalog at once.  A Change can be applied in both directions: undo and redo.
import { rate, ErrorResponse, type Rating } from '../api';
import { afterFrame } from './frames';
import { MarkLog } from './mark-log';
import type { Outbox } from './outbox';

export interface Change {
  rows: Uint32Array;
  /** the values before and after the change, [rows] each */
  flags: [Int8Array, Int8Array];
  stars: [Uint8Array, Uint8Array];
}

/** Returns the new marks of a row; undefined: the marks of the row do not change. */
export interface Marking {
  flag?: number;
  stars?: number;
}

/** The error that the server at this address has another catalog than this page. */
export class OtherCatalog extends Error {}

export class Ratings {
  flag: Int8Array;
  stars: Uint8Array;
  readonly log = new MarkLog();
  private queue: Promise<void> = Promise.resolve();
  /** by hash: the marks that changed since `beginReading`, or null: the columns being read may be older */
  private sinceReading: Map<string, Rating> | null = null;
  /** by hash: changes of ours that the server has not confirmed, and the event number of the last one that it has */
  private readonly underWay = new Map<string, number>();
  private readonly confirmed = new Map<string, number>();
  /** by hash: the last event that arrived while a change of this page was not confirmed yet */
  private readonly held = new Map<string, { row: number; change: Rating; event: number }>();
  private readonly hash: (row: number) => string;
  private readonly changed: () => void;
  private readonly sent: () => void;
  private readonly failed: (why: string) => void;
  /** the connection broke after the server was last known to have this catalog */
  suspect = false;
  /** Throws OtherCatalog if the server has another catalog now, or why it does not answer. */
  verify: () => Promise<void> = () => Promise.resolve();
  /** stores unconfirmed ratings; null: ratings are not sent to a server */
  private readonly outbox: Outbox | null;

  constructor(
    flag: Int8Array,
    stars: Uint8Array,
    outbox: Outbox | null,
    hash: (row: number) => string,
    changed: () => void,
    failed: (why: string) => void,
    sent: () => void = () => undefined,
  ) {
    this.flag = flag;
    this.stars = stars;
    this.outbox = outbox;
    this.hash = hash;
    this.changed = changed;
    this.failed = failed;
    this.sent = sent;
  }

  /** Marks rows. Returns the changes, or null if nothing changed. */
  set(rows: Iterable<number>, marking: (row: number) => Marking): Change | null {
    const list = Uint32Array.from(rows).filter((row) => {
      const { flag, stars } = marking(row);
      return (flag !== undefined && this.flag[row] !== flag) || (stars !== undefined && this.stars[row] !== stars);
    });
    if (list.length === 0) return null;
    const change: Change = {
      rows: list,
      flags: [Int8Array.from(list, (row) => this.flag[row] as number), Int8Array.from(list, (row) => marking(row).flag ?? (this.flag[row] as number))],
      stars: [Uint8Array.from(list, (row) => this.stars[row] as number), Uint8Array.from(list, (row) => marking(row).stars ?? (this.stars[row] as number))],
    };
    this.apply(change, 1);
    return change;
  }

  /**
   * Applies a rating that an event reports. An event arrives later than the change that it reports, so an event that
   * is older than a change of this page must not revert this change. If two pages changed the same image, the
   * server's order of the changes decides. Returns whether a mark changed.
   */
  hear(row: number, change: Rating, event: number): boolean {
    const { hash } = change;
    if (this.underWay.get(hash)) this.held.set(hash, { row, change, event });
    else if (event > (this.confirmed.get(hash) ?? 0)) return this.receive(row, change);
    return false;
  }

  private confirm(list: Rating[], event: number): void {
    let changed = false;
    for (const { hash } of list) {
      const left = (this.underWay.get(hash) ?? 1) - 1;
      if (left > 0) {
        this.underWay.set(hash, left);
        continue;
      }
      this.underWay.delete(hash);
      this.confirmed.set(hash, event);
      const held = this.held.get(hash);
      this.held.delete(hash);
      if (held && held.event > event && this.receive(held.row, held.change)) changed = true;
    }
    if (changed) this.changed();
    this.sent();
  }

  /** Applies a rating without a step of undo. Returns whether a mark changed. */
  receive(row: number, change: Rating): boolean {
    const changed = this.put(row, change.flag ?? (this.flag[row] as number), change.stars ?? (this.stars[row] as number));
    this.sinceReading?.set(change.hash, { hash: change.hash, flag: this.flag[row], stars: this.stars[row] });
    return changed;
  }

  private put(row: number, flag: number, stars: number): boolean {
    const was = this.flag[row] as number;
    if (was === flag && this.stars[row] === stars) return false;
    this.flag[row] = flag;
    this.stars[row] = stars;
    this.log.add(row, was, flag);
    return true;
  }

  /** Call this before the catalog is read: changes from now on are kept when `move` takes the new columns. */
  beginReading(): void {
    this.sinceReading = new Map();
  }

  /** After the catalog was loaded again, takes its columns, and then applies the changes made during the reading and
   * the unsent changes. */
  move(flag: Int8Array, stars: Uint8Array, rowOf: (hash: string) => number): void {
    this.flag = flag;
    this.stars = stars;
    this.log.reset();
    // The columns contain the changes of all events until now. The events of a restarted server are numbered from 1
    // again.
    this.confirmed.clear();
    this.held.clear();
    this.receiveAll([...(this.sinceReading?.values() ?? [])], rowOf);
    this.sinceReading = null;
    this.receiveAll(this.outbox?.all() ?? [], rowOf);
  }

  /** Sends ratings that an earlier page could not send. */
  resend(ratings: Rating[], rowOf: (hash: string) => number): void {
    if (!ratings.length) return;
    this.receiveAll(ratings, rowOf);
    this.begin(ratings);
    this.queue = this.queue.then(() => this.write(ratings));
  }

  private receiveAll(ratings: Rating[], rowOf: (hash: string) => number): void {
    for (const rating of ratings) {
      const row = rowOf(rating.hash);
      if (row >= 0) this.receive(row, rating);
    }
  }

  /** Applies the marks after the change (`side` 1) or before it (`side` 0). */
  apply(change: Change, side: 0 | 1): void {
    const list: Rating[] = [];
    change.rows.forEach((row, i) => {
      const flag = change.flags[side][i] as number;
      const stars = change.stars[side][i] as number;
      this.put(row, flag, stars);
      const rating = { hash: this.hash(row), flag, stars };
      list.push(rating);
      this.sinceReading?.set(rating.hash, rating);
    });
    this.changed();
    if (!this.outbox) return;
    this.outbox.put(list);
    this.begin(list);
    // Sends one request after the other, because an undo must not arrive before the change that it undoes.
    this.queue = this.queue.then(afterFrame).then(() => this.write(list));
  }

  private begin(list: Rating[]): void {
    for (const { hash } of list) this.underWay.set(hash, (this.underWay.get(hash) ?? 0) + 1);
  }

  private async write(list: Rating[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        // The server at this address may be another one than the server from which the page was loaded.
        if (this.suspect) await this.verify();
        this.suspect = false;
        let event = 0;
        for (let from = 0; from < list.length; from += 20000) event = await rate(list.slice(from, from + 20000));
        this.outbox?.done(list);
        this.confirm(list, event);
        return;
      } catch (error) {
        if (error instanceof OtherCatalog) return; // the outbox keeps the ratings for a page of their catalog
        this.suspect = true;
        if (error instanceof ErrorResponse && error.status === 400) {
          // If an image is no longer in the catalog, another attempt would fail too.
          this.outbox?.done(list);
          this.confirm(list, 0);
          this.failed(`Not saved: ${error.message}`);
          return;
        }
        // The server may come back after a restart, so the outbox keeps the rating, even after this page is closed.
        this.failed(`Not saved yet: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, Math.min(10000, 500 * 2 ** attempt)));
      }
    }
  }
}

/** Returns the change restricted to rows that still exist after the catalog was loaded again; null: none of the rows
 * exists. */
export function moveChange(change: Change, to: (row: number) => number): Change | null {
  const at = Array.from(change.rows, to);
  const here = <T extends Int8Array | Uint8Array>(values: T): T => values.filter((_, i) => (at[i] as number) >= 0) as T;
  const rows = Uint32Array.from(at.filter((row) => row >= 0));
  if (rows.length === 0) return null;
  return { rows, flags: [here(change.flags[0]), here(change.flags[1])], stars: [here(change.stars[0]), here(change.stars[1])] };
}

/** Both changes, of different rows, as one. */
export function joinChanges(a: Change, b: Change): Change {
  const flags = (side: 0 | 1): Int8Array => Int8Array.from([...a.flags[side], ...b.flags[side]]);
  const stars = (side: 0 | 1): Uint8Array => Uint8Array.from([...a.stars[side], ...b.stars[side]]);
  return { rows: Uint32Array.from([...a.rows, ...b.rows]), flags: [flags(0), flags(1)], stars: [stars(0), stars(1)] };
}
