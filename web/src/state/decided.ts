// Counts the decided prompts. A prompt is decided if one of its candidates is picked, or all are rejected. A mark
// changes only the counts of its prompt.
import { NONE } from './columns';
import type { Family } from './families';
import type { MarkLog } from './mark-log';

export interface Decisions {
  /** numbers of picked and of rejected candidates of each prompt, indexed by Family.place */
  readonly picked: Uint32Array;
  readonly rejected: Uint32Array;
  /** number of all prompts, and of decided prompts; the family of images without a prompt does not count */
  readonly all: number;
  readonly decided: number;
}

export const isDecided = (family: Family, { picked, rejected }: Decisions): boolean =>
  (picked[family.place] as number) > 0 || rejected[family.place] === family.to - family.from;

/** Counts all rows. */
export function countDecided(list: readonly Family[], of: Uint32Array, flags: Int8Array): Decisions {
  const picked = new Uint32Array(list.length);
  const rejected = new Uint32Array(list.length);
  for (let row = 0; row < of.length; row++) {
    const flag = flags[row] as number;
    if (flag > 0) (picked[of[row] as number] as number)++;
    else if (flag < 0) (rejected[of[row] as number] as number)++;
  }
  const counts = { picked, rejected, all: 0, decided: 0 };
  for (const family of list) {
    if (family.code === NONE) continue;
    counts.all++;
    if (isDecided(family, counts)) counts.decided++;
  }
  return counts;
}

export class DecidedCounter {
  private of: Uint32Array | null = null;
  private flags: Int8Array | null = null;
  private decisions: Decisions | null = null;
  private version = 0;

  /** Returns the counts in a new object. Its arrays may be the arrays of the previous result, updated in place. */
  count(list: readonly Family[], of: Uint32Array, flags: Int8Array, log: MarkLog): Decisions {
    const before = this.of === of && this.flags === flags ? this.decisions : null;
    const next = before && follow(before, list, of, log, this.version);
    this.of = of;
    this.flags = flags;
    this.version = log.version;
    return (this.decisions = next ?? countDecided(list, of, flags));
  }
}

function follow(before: Decisions, list: readonly Family[], of: Uint32Array, log: MarkLog, version: number): Decisions | null {
  const { picked, rejected } = before;
  let { decided } = before;
  const followed = log.follow(version, (row, was, now) => {
    const family = list[of[row] as number] as Family;
    const { place } = family;
    if (family.code !== NONE && isDecided(family, before)) decided--;
    if (was > 0) (picked[place] as number)--;
    else if (was < 0) (rejected[place] as number)--;
    if (now > 0) (picked[place] as number)++;
    else if (now < 0) (rejected[place] as number)++;
    if (family.code !== NONE && isDecided(family, before)) decided++;
  });
  return followed ? { ...before, decided } : null;
}
