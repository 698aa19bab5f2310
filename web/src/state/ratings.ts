// Flags and stars in memory; each change is sent to the server at once. A Change can be undone and redone.
import { rate, type Rating } from '../api';
import { MarkLog } from './mark-log';
import type { Outbox } from './outbox';
import { Sender } from './sender';

export interface Change {
  rows: Uint32Array;
  /** the values before and after the change, [rows] each */
  flags: [Int8Array, Int8Array];
  stars: [Uint8Array, Uint8Array];
}

/** The new marks of a row. An undefined flag or number of stars does not change. */
export interface Marking {
  flag?: number;
  stars?: number;
}

export class Ratings {
  flag: Int8Array;
  stars: Uint8Array;
  readonly log = new MarkLog();
  /** the marks that changed since `beginReading`, by hash: the columns that are being read may lack these changes;
   * null: nothing is being read */
  private sinceReading: Map<string, Rating> | null = null;
  private readonly hash: (row: number) => string;
  private readonly rowOf: (hash: string) => number;
  private readonly changed: () => void;
  /** keeps and sends changes; null: marks are not sent to a server */
  readonly sender: Sender<Rating> | null;
  private readonly outbox: Outbox | null;

  constructor(
    flag: Int8Array,
    stars: Uint8Array,
    outbox: Outbox | null,
    hash: (row: number) => string,
    rowOf: (hash: string) => number,
    changed: () => void,
    failed: (why: string) => void,
    sent: () => void = () => undefined,
  ) {
    this.flag = flag;
    this.stars = stars;
    this.outbox = outbox;
    this.hash = hash;
    this.rowOf = rowOf;
    this.changed = changed;
    const confirmed = (applied: boolean): void => {
      if (applied) changed();
      sent();
    };
    this.sender = outbox && new Sender(outbox, { keyOf: (rating) => rating.hash, post: rate, receive: (rating) => this.receive(rating), confirmed, failed });
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

  /** Applies a rating that an event reports, unless a change of this page is newer. Returns whether a mark changed. */
  hear(change: Rating, event: number): boolean {
    return this.sender ? this.sender.hear(change, event) : this.receive(change);
  }

  /** Applies a rating without a step of undo. Returns whether a mark changed. */
  receive(change: Rating): boolean {
    const row = this.rowOf(change.hash);
    if (row < 0) return false;
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
  move(flag: Int8Array, stars: Uint8Array): void {
    this.flag = flag;
    this.stars = stars;
    this.log.reset();
    // The columns contain the changes of all events until now. The events of a restarted server are numbered from 1
    // again.
    this.sender?.forgetEvents();
    const since = [...(this.sinceReading?.values() ?? [])];
    this.sinceReading = null;
    for (const rating of [...since, ...(this.outbox?.all() ?? [])]) this.receive(rating);
  }

  /** Applies and sends ratings that an earlier page could not send. */
  resend(ratings: Rating[]): void {
    for (const rating of ratings) this.receive(rating);
    this.sender?.send(ratings);
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
    this.sender?.send(list);
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

/** Joins two changes, of different rows, to one change. */
export function joinChanges(a: Change, b: Change): Change {
  const flags = (side: 0 | 1): Int8Array => Int8Array.from([...a.flags[side], ...b.flags[side]]);
  const stars = (side: 0 | 1): Uint8Array => Uint8Array.from([...a.stars[side], ...b.stars[side]]);
  return { rows: Uint32Array.from([...a.rows, ...b.rows]), flags: [flags(0), flags(1)], stars: [stars(0), stars(1)] };
}
