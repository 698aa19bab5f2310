// Counts the rows with each mark. The counts follow the log of marks: a change of a mark changes two counts by one.
import type { MarkLog } from './mark-log';

export interface MarkCounts {
  all: number;
  undecided: number;
  picked: number;
  rejected: number;
  suggested: number;
}

export interface Counted {
  /** 1 for each row to count; null: all rows */
  base: Uint8Array | null;
  flags: Int8Array;
  /** 1 for each row that goldpan suggests */
  suggested: ArrayLike<number> | undefined;
}

const nameOf = (flag: number): 'picked' | 'rejected' | 'undecided' => (flag > 0 ? 'picked' : flag < 0 ? 'rejected' : 'undecided');

/** Counts all rows. */
export function countMarks({ base, flags, suggested }: Counted): MarkCounts {
  let all = 0;
  let picked = 0;
  let rejected = 0;
  let suggestions = 0;
  for (let row = 0; row < flags.length; row++) {
    if (base && !base[row]) continue;
    all++;
    const flag = flags[row] as number;
    if (flag > 0) picked++;
    else if (flag < 0) rejected++;
    if (suggested && suggested[row] === 1) suggestions++;
  }
  return { all, undecided: all - picked - rejected, picked, rejected, suggested: suggestions };
}

export class MarkCounter {
  private counted: Counted | null = null;
  private counts: MarkCounts | null = null;
  private version = 0;

  count(now: Counted, log: MarkLog): MarkCounts {
    const { counted, counts } = this;
    const same = counted !== null && counted.base === now.base && counted.flags === now.flags && counted.suggested === now.suggested;
    const next = same && counts ? { ...counts } : null;
    const { base } = now;
    const followed =
      next !== null &&
      log.follow(this.version, (row, was, is) => {
        if (base && !base[row]) return;
        next[nameOf(was)]--;
        next[nameOf(is)]++;
      });
    this.counted = now;
    this.version = log.version;
    return (this.counts = followed ? next : countMarks(now));
  }
}
