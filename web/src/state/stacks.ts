// Stacks: pictures that are folded to one cell.  Pure functions over arrays.
import { NONE } from './columns';

export interface StackFacts {
  /** number of the stack of each row, NONE: in no stack */
  of: Uint32Array;
  /** number of stacks */
  count: number;
  flags: ArrayLike<number>;
  /** 1: goldpan suggests the row */
  suggested: ArrayLike<number>;
  /** returns whether all pictures of the stack are shown */
  opened: (stack: number) => boolean;
}

export interface Folded {
  /** the rows that are shown, in order: pictures in no stack, the top of each folded stack, all pictures of an opened
   * stack */
  rows: Uint32Array;
  /** number of pictures of each stack that pass the filters; one picture alone is not shown as a stack */
  sizes: Uint32Array;
  /** top picture of each stack, NONE: no picture passes */
  tops: Uint32Array;
  /** number of folded stacks, and of pictures that they hide */
  stacks: number;
  hidden: number;
}

/** The picture with the highest rank is the top of its stack: your pick, else goldpan's suggestion. Of equal ranks, the
 * first in the order shown is the top. */
function rankOf(row: number, { flags, suggested }: StackFacts): number {
  return (flags[row] as number) > 0 ? 2 : suggested[row] === 1 ? 1 : 0;
}

/** Folds `rows`, which pass the filters and are in order. A stack has the place of its first picture, whichever picture
 * is its top. */
export function fold(rows: Uint32Array, facts: StackFacts): Folded {
  const { of, count } = facts;
  const sizes = new Uint32Array(count);
  const tops = new Uint32Array(count).fill(NONE);
  const ranks = new Uint8Array(count);
  const members = new Map<number, number[]>();
  for (const row of rows) {
    const stack = of[row] as number;
    if (stack === NONE) continue;
    const rank = rankOf(row, facts);
    if (sizes[stack] === 0 || rank > (ranks[stack] as number)) {
      tops[stack] = row;
      ranks[stack] = rank;
    }
    if (sizes[stack] === 0 && facts.opened(stack)) members.set(stack, []);
    (sizes[stack] as number)++;
    members.get(stack)?.push(row);
  }
  const shown = new Uint32Array(rows.length);
  const placed = new Uint8Array(count);
  let to = 0;
  let stacks = 0;
  for (const row of rows) {
    const stack = of[row] as number;
    if (stack === NONE) {
      shown[to++] = row;
      continue;
    }
    if (placed[stack]) continue;
    placed[stack] = 1;
    const top = tops[stack] as number;
    shown[to++] = top;
    const opened = members.get(stack);
    if (opened) for (const other of opened) if (other !== top) shown[to++] = other;
    if (!opened && (sizes[stack] as number) > 1) stacks++;
  }
  return { rows: shown.slice(0, to), sizes, tops, stacks, hidden: rows.length - to };
}

/** Gives a stack number to each pair of a group and a prompt, because near copies of different prompts are not folded
 * together. */
export function numberPairs(group: ArrayLike<number>, prompt: ArrayLike<number>, count: number): { of: Uint32Array; count: number } {
  const of = new Uint32Array(count).fill(NONE);
  const numbers = new Map<number, Map<number, number>>();
  let next = 0;
  for (let row = 0; row < count; row++) {
    const own = group[row] ?? NONE;
    if (own === NONE) continue;
    let prompts = numbers.get(own);
    if (!prompts) numbers.set(own, (prompts = new Map()));
    const code = prompt[row] ?? NONE;
    let number = prompts.get(code);
    if (number === undefined) prompts.set(code, (number = next++));
    of[row] = number;
  }
  return { of, count: next };
}

export function sameRows(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
