// Flags and stars in memory, written to the catalog at once, with undo and redo without limit.
import { rate, ErrorResponse, type Rating } from '../api';
import type { Outbox } from './outbox';

export interface Change {
  rows: Uint32Array;
  /** before and after, [rows] each */
  flags: [Int8Array, Int8Array];
  stars: [Uint8Array, Uint8Array];
}

export class Ratings {
  flag: Int8Array;
  stars: Uint8Array;
  private done: Change[] = [];
  private undone: Change[] = [];
  private queue: Promise<void> = Promise.resolve();
  private readonly hash: (row: number) => string;
  private readonly changed: () => void;
  private readonly failed: (why: string) => void;
  /** null: ratings are not sent to a server */
  private readonly outbox: Outbox | null;

  constructor(
    flag: Int8Array,
    stars: Uint8Array,
    outbox: Outbox | null,
    hash: (row: number) => string,
    changed: () => void,
    failed: (why: string) => void,
  ) {
    this.flag = flag;
    this.stars = stars;
    this.outbox = outbox;
    this.hash = hash;
    this.changed = changed;
    this.failed = failed;
  }

  get undoable(): number {
    return this.done.length;
  }

  get redoable(): number {
    return this.undone.length;
  }

  /** `flag`, `stars`: the new values; undefined: no change. */
  set(rows: Iterable<number>, flag?: number, stars?: number): void {
    const list = Uint32Array.from(rows).filter(
      (row) => (flag !== undefined && this.flag[row] !== flag) || (stars !== undefined && this.stars[row] !== stars),
    );
    if (list.length === 0) return;
    const flags = Int8Array.from(list, (row) => this.flag[row] as number);
    const starred = Uint8Array.from(list, (row) => this.stars[row] as number);
    const change: Change = {
      rows: list,
      flags: [flags, flag === undefined ? flags : new Int8Array(list.length).fill(flag)],
      stars: [starred, stars === undefined ? starred : new Uint8Array(list.length).fill(stars)],
    };
    this.done.push(change);
    this.undone = [];
    this.applyChange(change, 1);
  }

  /** Returns the rows that changed back, or null if there is nothing to undo. */
  undo(): Uint32Array | null {
    const change = this.done.pop();
    if (!change) return null;
    this.undone.push(change);
    this.applyChange(change, 0);
    return change.rows;
  }

  redo(): Uint32Array | null {
    const change = this.undone.pop();
    if (!change) return null;
    this.done.push(change);
    this.applyChange(change, 1);
    return change.rows;
  }

  /** A rating from another page or a command; undo does not cover it. */
  receive(row: number, change: Rating): void {
    if (change.flag !== undefined) this.flag[row] = change.flag;
    if (change.stars !== undefined) this.stars[row] = change.stars;
  }

  /** The catalog was loaded again: its columns, and the new row of each row (-1: gone).  Unsent ratings are applied on top. */
  move(flag: Int8Array, stars: Uint8Array, to: (row: number) => number, rowOf: (hash: string) => number): void {
    this.flag = flag;
    this.stars = stars;
    const moved = (change: Change): Change => {
      const at = Array.from(change.rows, to);
      const here = <T extends Int8Array | Uint8Array>(values: T): T => values.filter((_, i) => (at[i] as number) >= 0) as T;
      return {
        rows: Uint32Array.from(at.filter((row) => row >= 0)),
        flags: [here(change.flags[0]), here(change.flags[1])],
        stars: [here(change.stars[0]), here(change.stars[1])],
      };
    };
    this.done = this.done.map(moved).filter((change) => change.rows.length);
    this.undone = this.undone.map(moved).filter((change) => change.rows.length);
    this.apply(this.outbox?.all() ?? [], rowOf);
  }

  /** Sends ratings that an earlier page could not send. */
  resend(ratings: Rating[], rowOf: (hash: string) => number): void {
    if (!ratings.length) return;
    this.apply(ratings, rowOf);
    this.queue = this.queue.then(() => this.write(ratings));
  }

  private apply(ratings: Rating[], rowOf: (hash: string) => number): void {
    for (const rating of ratings) {
      const row = rowOf(rating.hash);
      if (row >= 0) this.receive(row, rating);
    }
  }

  private applyChange(change: Change, side: 0 | 1): void {
    const list: Rating[] = [];
    change.rows.forEach((row, i) => {
      const flag = change.flags[side][i] as number;
      const stars = change.stars[side][i] as number;
      this.flag[row] = flag;
      this.stars[row] = stars;
      list.push({ hash: this.hash(row), flag, stars });
    });
    this.changed();
    if (!this.outbox) return;
    this.outbox.put(list);
    // One request after the other: an undo must not arrive before the change that it undoes.
    this.queue = this.queue.then(() => this.write(list));
  }

  private async write(list: Rating[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        for (let from = 0; from < list.length; from += 20000) await rate(list.slice(from, from + 20000));
        this.outbox?.done(list);
        return;
      } catch (error) {
        if (error instanceof ErrorResponse && error.status === 400) {
          // An image is no longer in the catalog: another attempt would fail too.
          this.outbox?.done(list);
          this.failed(`Not saved: ${error.message}`);
          return;
        }
        // The server may restart: the outbox keeps the rating, also after this page is closed.
        this.failed(`Not saved yet: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, Math.min(10000, 500 * 2 ** attempt)));
      }
    }
  }
}
