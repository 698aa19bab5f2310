// The candidates of each prompt: pure functions over columns.
import { NONE, type Numbers } from './columns';

export class Family {
  /** code of the prompt; NONE: images without a prompt */
  readonly code: number;
  /** index of the prompt; the prompts are in the order of their first rows */
  readonly place: number;
  /** the candidates of the prompt are all[from .. to - 1]: best score first, images without a score last */
  readonly from: number;
  readonly to: number;
  /** number of candidates that have a score; they come first */
  readonly scored: number;
  private readonly all: Uint32Array;
  private list: Uint32Array | null = null;

  constructor(code: number, place: number, all: Uint32Array, from: number, to: number, scored: number) {
    this.code = code;
    this.place = place;
    this.all = all;
    this.from = from;
    this.to = to;
    this.scored = scored;
  }

  /** candidates, best score first */
  get rows(): Uint32Array {
    return (this.list ??= this.all.subarray(this.from, this.to));
  }
}

export interface Grouped {
  list: Family[];
  /** place of the prompt of each row (Family.place); [count] */
  of: Uint32Array;
  /** the candidates of all prompts, one prompt after the other */
  rows: Uint32Array;
}

/** maximum number of candidates that are sorted by insertion */
const FEW = 32;

/** `codes`: the code of the prompt of each row. `scores`: the score of each row, or NaN; null: no image has a score. */
export function groupByPrompt(codes: Uint32Array, scores: Numbers | null, count: number): Grouped {
  const of = new Uint32Array(count);
  const codeOf: number[] = [];
  const sizes: number[] = [];
  let most = 0;
  for (let row = 0; row < count; row++) if (codes[row] !== NONE) most = Math.max(most, codes[row] as number);
  // The last element is for images without a prompt.
  const placeOf = new Uint32Array(most + 2).fill(NONE);
  for (let row = 0; row < count; row++) {
    const code = codes[row] ?? NONE;
    const slot = code === NONE ? most + 1 : code;
    let place = placeOf[slot] as number;
    if (place === NONE) {
      place = placeOf[slot] = sizes.length;
      sizes.push(0);
      codeOf.push(code);
    }
    (sizes[place] as number)++;
    of[row] = place;
  }
  const next = new Uint32Array(sizes.length);
  for (let place = 1; place < sizes.length; place++) next[place] = (next[place - 1] as number) + (sizes[place - 1] as number);
  const rows = new Uint32Array(count);
  for (let row = 0; row < count; row++) rows[next[of[row] as number]++] = row;
  const list = sizes.map((size, place) => {
    const to = next[place] as number;
    const from = to - size;
    sortByScore(rows, from, to, scores);
    let scored = size;
    while (scored > 0 && !hasScore(scores, rows[from + scored - 1] as number)) scored--;
    return new Family(codeOf[place] as number, place, rows, from, to, scored);
  });
  return { list, of, rows };
}

function hasScore(scores: Numbers | null, row: number): boolean {
  const value = scores ? (scores[row] as number) : NaN;
  return value === value;
}

/** Sorts rows[from .. to - 1]: best score first, rows without a score last, equal scores in order of row. */
function sortByScore(rows: Uint32Array, from: number, to: number, scores: Numbers | null): void {
  if (!scores) return;
  if (to - from > FEW) {
    const compare = (a: number, b: number): number => (precedes(a, b, scores) ? -1 : precedes(b, a, scores) ? 1 : a - b);
    rows.subarray(from, to).sort(compare);
    return;
  }
  for (let i = from + 1; i < to; i++) {
    const row = rows[i] as number;
    let at = i;
    for (; at > from && precedes(row, rows[at - 1] as number, scores); at--) rows[at] = rows[at - 1] as number;
    rows[at] = row;
  }
}

function precedes(a: number, b: number, scores: Numbers): boolean {
  const x = scores[a] as number;
  const y = scores[b] as number;
  return x > y || (x === x && y !== y);
}
