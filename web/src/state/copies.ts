// Groups of near copies: which picture of a group is kept, and which other pictures of the group would be rejected.
import { NONE } from './columns';

/** The data that the rules read: arrays and functions with one value per row. */
export interface CopyFacts {
  count: number;
  /** number of the group; NONE: the row is in no group */
  group: ArrayLike<number>;
  /** code of the prompt */
  prompt: ArrayLike<number>;
  /** 1: the analysis keeps this picture of its group */
  keeper: ArrayLike<number>;
  flags: ArrayLike<number>;
  suggested(row: number): boolean;
  score(row: number): number;
  /** the filters show this row */
  shown(row: number): boolean;
}

export type Fate = 'kept' | 'mine' | 'suggested' | 'rejected' | 'would go';

export interface CopyGroup {
  /** this key stays the same until the catalog is loaded again */
  key: string;
  /** rows of the group, best score first */
  rows: number[];
  keep: number;
  /** true if the user chose which picture is kept */
  chosen: boolean;
  /** rows of the group that would be rejected */
  reject: number[];
}

/** Returns the groups with at least two shown pictures. The pictures of a group have the same prompt, unless `between`
 * allows several prompts. */
export function copyGroups(facts: CopyFacts, between: boolean): { key: string; rows: number[] }[] {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < facts.count; row++) {
    const group = facts.group[row] ?? NONE;
    if (group === NONE || !facts.shown(row)) continue;
    const key = between ? String(group) : `${group}:${facts.prompt[row] ?? NONE}`;
    const list = groups.get(key);
    if (list) list.push(row);
    else groups.set(key, [row]);
  }
  return [...groups].filter(([, rows]) => rows.length > 1).map(([key, rows]) => ({ key, rows }));
}

/** Returns the row to keep. In order of priority: `wanted`, your pick, goldpan's suggestion, the picture that the
 * analysis keeps, the best score. A rejected picture is kept only if all are rejected. */
export function keeperOf(rows: number[], facts: CopyFacts, wanted: number): number {
  if (rows.includes(wanted)) return wanted;
  const left = rows.filter((row) => (facts.flags[row] as number) >= 0);
  const rank = (row: number): number => ((facts.flags[row] as number) > 0 ? 3 : facts.suggested(row) ? 2 : facts.keeper[row] === 1 ? 1 : 0);
  const score = (row: number): number => facts.score(row) || -Infinity;
  return (left.length ? left : rows).reduce((best, row) => {
    const by = rank(row) - rank(best) || (score(row) > score(best) ? 1 : 0);
    return by > 0 ? row : best;
  });
}

/** Returns what becomes of a picture of a group. Your picks are never rejected. goldpan's suggestions are rejected only
 * if you chose another picture of the group to keep. */
export function fateOf(row: number, { keep, chosen }: Pick<CopyGroup, 'keep' | 'chosen'>, facts: CopyFacts): Fate {
  const flag = facts.flags[row] as number;
  if (flag < 0) return 'rejected';
  if (row === keep) return 'kept';
  if (flag > 0) return 'mine';
  return facts.suggested(row) && !chosen ? 'suggested' : 'would go';
}

export function planOf(group: { key: string; rows: number[] }, facts: CopyFacts, wanted: number): CopyGroup {
  const keep = keeperOf(group.rows, facts, wanted);
  const score = (row: number): number => facts.score(row) || -Infinity;
  const rows = group.rows.slice().sort((a, b) => score(b) - score(a) || a - b);
  const plan = { key: group.key, rows, keep, chosen: rows.includes(wanted), reject: [] };
  return { ...plan, reject: rows.filter((row) => fateOf(row, plan, facts) === 'would go') };
}

/** Returns a sentence such as "2 pictures would be rejected. Another is your pick: it stays." */
export function outcome(groups: CopyGroup[], facts: CopyFacts): string {
  const count = (fate: Fate): number => groups.reduce((n, group) => n + group.rows.filter((row) => fateOf(row, group, facts) === fate).length, 0);
  const reject = groups.reduce((n, group) => n + group.reject.length, 0);
  const theirs = groups.reduce((n, group) => n + group.reject.filter((row) => facts.suggested(row)).length, 0);
  const mine = count('mine');
  const suggested = count('suggested');
  const parts = [reject === 1 ? '1 picture would be rejected.' : `${reject.toLocaleString()} pictures would be rejected.`];
  if (theirs) parts.push(reject === 1 ? 'It is goldpan’s suggestion.' : theirs === 1 ? '1 of them is goldpan’s suggestion.' : `${theirs.toLocaleString()} of them are goldpan’s suggestions.`);
  if (mine) parts.push(mine === 1 ? 'Another is your pick: it stays.' : `${mine.toLocaleString()} others are your picks: they stay.`);
  if (suggested) parts.push(suggested === 1 ? 'Another is goldpan’s suggestion: it stays.' : `${suggested.toLocaleString()} others are goldpan’s suggestions: they stay.`);
  if (!mine && !suggested && !theirs) parts.push(reject === 1 ? 'It is not your pick or goldpan’s.' : 'None of them is your pick or goldpan’s.');
  return parts.join(' ');
}
