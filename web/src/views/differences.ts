// What differs between the facts of two pictures.
import type { Detail } from '../api';
import { catalog } from '../state/actions.svelte';
import { numberAt, shortNumber, textAt } from '../state/columns';
import { withCommas } from '../state/slices';

export interface Word {
  text: string;
  /** true if the word is not in the longest common subsequence of the two texts */
  differs: boolean;
}

/** Returns the words of both texts, and marks the words in which the texts differ. */
export function wordsOf(a: string, b: string): [Word[], Word[]] {
  const x = a.split(/\s+/).filter(Boolean);
  const y = b.split(/\s+/).filter(Boolean);
  // same[i][j]: the length of the longest common subsequence of x[i ..] and y[j ..]
  const same = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
  const at = (i: number, j: number): number => (same[i] as Uint16Array)[j] as number;
  const equal = (i: number, j: number): boolean => bare(x[i] as string) === bare(y[j] as string);
  for (let i = x.length - 1; i >= 0; i--) for (let j = y.length - 1; j >= 0; j--) (same[i] as Uint16Array)[j] = equal(i, j) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const left: Word[] = [];
  const right: Word[] = [];
  let i = 0;
  let j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && equal(i, j)) {
      left.push({ text: x[i++] as string, differs: false });
      right.push({ text: y[j++] as string, differs: false });
    } else if (j >= y.length || (i < x.length && at(i + 1, j) >= at(i, j + 1))) left.push({ text: x[i++] as string, differs: true });
    else right.push({ text: y[j++] as string, differs: true });
  }
  return [left, right];
}

/** Returns the name of a setting as people write it: "CFG scale" for "cfg_scale". */
export function settingName(name: string): string {
  const text = name.replaceAll('_', ' ').replace(/^cfg\b/i, 'CFG');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const bare = (word: string): string => word.toLowerCase().replace(/[,.;:]+$/, '');

export interface Difference {
  name: string;
  a: string;
  b: string;
  /** the better side; -1: neither side is better */
  better: -1 | 0 | 1;
}

const NO_VALUE = 'no value';

/** Returns the facts in which `a` and `b` differ, and the names of the facts that are equal. */
export function compareFacts(a: number, b: number, details: [Detail | null, Detail | null]): { different: Difference[]; same: string[] } {
  const different: Difference[] = [];
  const same: string[] = [];
  const add = (name: string, x: string, y: string, better: Difference['better'] = -1): void => {
    if (!x && !y) return;
    if (x === y) same.push(name);
    else different.push({ name, a: x || NO_VALUE, b: y || NO_VALUE, better });
  };
  for (const { name, title, lower_better: lower } of scoreColumns()) {
    const column = catalog.lookup(name);
    if (!column) continue;
    const x = numberAt(column, a);
    const y = numberAt(column, b);
    const higher = !lower;
    const same = shortNumber(name, x) === shortNumber(name, y) && x !== y;
    add(title, same ? x.toFixed(2) : shortNumber(name, x), same ? y.toFixed(2) : shortNumber(name, y), x === y || Number.isNaN(x) || Number.isNaN(y) ? -1 : x > y === higher ? 0 : 1);
  }
  // The settings `width`, `height` and `size` are left out, because the size of the picture is listed below.
  const settings = details.map((detail) => new Map((detail?.settings ?? []).filter(([name]) => !/^(width|height|size)$/i.test(name)).map(([name, value]) => [settingName(name), value])));
  const [first, second] = settings as [Map<string, string>, Map<string, string>];
  const names = [...new Set([...first.keys(), ...second.keys()])].sort((x, y) => Number(y === 'Seed') - Number(x === 'Seed'));
  for (const name of names) add(name, first.get(name) ?? '', second.get(name) ?? '');
  if (details[0] || details[1]) add('Negative prompt', details[0]?.negative ?? '', details[1]?.negative ?? '');
  add('Size', pixels(a), pixels(b));
  const category = catalog.has('category') ? catalog.lookup('category') : undefined;
  if (category) add('Category', withCommas(textAt(category, a)), withCommas(textAt(category, b)));
  return { different, same };
}


function pixels(row: number): string {
  const { width, height } = catalog.sizeOf(row);
  return width ? `${width} × ${height}` : '';
}

const NOT_SCORES = ['percentile', 'rank', 'candidates', 'picked'];
function scoreColumns(): { name: string; title: string; lower_better?: boolean }[] {
  const list = (catalog.manifest?.columns ?? []).filter(
    ({ name, group, type }) => name === 'corrected' || (group === 'score' && type === 'f32' && !NOT_SCORES.includes(name) && !name.startsWith('z_')),
  );
  const title = (name: string, other: string): string => (name === 'score' ? 'Score' : name === 'corrected' ? 'Corrected score' : other);
  const order = (name: string): number => (name === 'score' ? 0 : name === 'corrected' ? 1 : 2);
  return list.map((one) => ({ ...one, title: title(one.name, one.title) })).sort((x, y) => order(x.name) - order(y.name));
}
