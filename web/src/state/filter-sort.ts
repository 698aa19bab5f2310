// Filtering, sorting and grouping of rows: pure functions over columns.
import type { Column, Texts } from './columns';
import { isCode, isNumeric, NONE, numberAt } from './columns';
import { splitTags } from './tag-sets';

export type Mark = 'undecided' | 'picked' | 'rejected' | 'suggested';

/** One condition.  `not` inverts it.  Filters name values by their text, since codes change when the catalog is loaded again. */
export type Filter = { not?: boolean } & (
  | { kind: 'mark'; mark: Mark }
  | { kind: 'stars'; least: number }
  /** words and "phrases" that a prompt must contain; -word: a word that it must not contain */
  | { kind: 'words'; text: string }
  /** the text of a cell is one of `values`; the value '' accepts a row without a value */
  | { kind: 'values'; column: string; values: string[] }
  | { kind: 'range'; column: string; low: number | null; high: number | null }
  /** the text of a cell contains `text`, ignoring case */
  | { kind: 'contains'; column: string; text: string }
  /** the row has at least one of the tags `values`; the value '' accepts a row without tags */
  | { kind: 'tags'; values: string[] }
  /** members of the slice with this id in the manifest */
  | { kind: 'slice'; id: number }
  /** rows that the user selected */
  | { kind: 'rows'; title: string; rows: Uint32Array }
  /** similarity to the search */
  | { kind: 'like'; least: number }
  /** a parameter of an address that is no filter; `why`: what is wrong with it. No picture passes it. */
  | { kind: 'unknown'; name: string; value: string; why: string }
);

/** What the filters read. */
export interface Source {
  count: number;
  column(name: string): Column | undefined;
  flags: Int8Array;
  stars: Uint8Array;
  slice(id: number): Uint32Array | undefined;
  similarity: Float32Array | null;
}

export interface Words {
  wanted: string[];
  unwanted: string[];
}

/** Splits `castle "old town" -rain` into the words and phrases that a prompt must contain, and those that it must
 * not. */
export function words(text: string): Words {
  const found: Words = { wanted: [], unwanted: [] };
  for (const [, minus, phrase, word] of text.matchAll(/(-?)(?:["“”]([^"“”]*)["“”]?|(\S+))/g)) {
    const one = (phrase ?? word ?? '').trim().toLowerCase();
    if (one && one !== '-') (minus ? found.unwanted : found.wanted).push(one);
  }
  return found;
}

const passing = (text: string, { wanted, unwanted }: Words): boolean =>
  wanted.every((one) => text.includes(one)) && !unwanted.some((one) => text.includes(one));

function textTest(column: Column, test: (text: string) => boolean): (row: number) => boolean {
  const table = column.words as Texts;
  const found = table.test(test);
  if (column.info.type === 'text') return (row) => found[row] === 1;
  const empty = test('');
  return (row) => {
    const code = column.data[row] ?? NONE;
    return code === NONE ? empty : found[code] === 1;
  };
}

function valueTest(column: Column, values: string[]): (row: number) => boolean {
  const wanted = new Set<number>(values.map((value) => (value === '' ? NONE : (column.words?.indexOf(value) ?? -1))));
  return (row) => wanted.has(column.data[row] ?? NONE);
}

const always = (): boolean => true;

/** Returns the test of a filter, without its `not`; null: a column that the test needs is not loaded yet. */
function testOf(filter: Filter, source: Source): ((row: number) => boolean) | null {
  const { flags, stars } = source;
  switch (filter.kind) {
    case 'mark': {
      if (filter.mark === 'undecided') return (row) => flags[row] === 0;
      if (filter.mark === 'picked') return (row) => (flags[row] as number) > 0;
      if (filter.mark === 'rejected') return (row) => (flags[row] as number) < 0;
      const picked = source.column('picked');
      return picked ? (row) => picked.data[row] === 1 : null;
    }
    case 'stars':
      return (row) => (stars[row] as number) >= filter.least;
    case 'words': {
      const prompt = source.column('prompt');
      const wanted = words(filter.text);
      return prompt?.words ? textTest(prompt, (text) => passing(text.toLowerCase(), wanted)) : null;
    }
    case 'contains': {
      const column = source.column(filter.column);
      const text = filter.text.toLowerCase();
      return column?.words ? textTest(column, (one) => one.toLowerCase().includes(text)) : null;
    }
    case 'values': {
      const column = source.column(filter.column);
      return column ? valueTest(column, filter.values) : null;
    }
    case 'tags': {
      const column = source.column('tags');
      const wanted = filter.values;
      // Most texts contain none of the tags, so only few texts are split.
      const has = (text: string): boolean => wanted.some((tag) => tag !== '' && text.includes(tag)) && splitTags(text).some((tag) => wanted.includes(tag));
      return column?.words ? textTest(column, (text) => (text ? has(text) : wanted.includes(''))) : null;
    }
    case 'range': {
      const column = source.column(filter.column);
      if (!column) return null;
      const low = filter.low ?? -Infinity;
      const high = filter.high ?? Infinity;
      return (row) => {
        const value = numberAt(column, row);
        return value >= low && value <= high;
      };
    }
    case 'slice':
    case 'rows': {
      const rows = filter.kind === 'rows' ? filter.rows : (source.slice(filter.id) ?? []);
      const inside = new Uint8Array(source.count);
      for (const row of rows) inside[row] = 1;
      return (row) => inside[row] === 1;
    }
    case 'unknown':
      return () => false;
    case 'like': {
      const { similarity } = source;
      return similarity ? (row) => (similarity[row] as number) >= filter.least : always;
    }
  }
}

/** Returns an array with 1 for each row that passes; null: a column is not loaded yet. */
export function maskOf(filter: Filter, source: Source): Uint8Array | null {
  const test = testOf(filter, source);
  if (!test) return null;
  const wanted = !filter.not;
  const mask = new Uint8Array(source.count);
  for (let row = 0; row < mask.length; row++) mask[row] = test(row) === wanted ? 1 : 0;
  return mask;
}

/**
 * Returns the mask of a filter after some marks changed: a copy of the mask `before`, with the changed rows computed
 * again. `follow` calls its argument for each changed row, or returns false if it cannot list all changed rows. Then
 * this function returns null.
 */
export function followMask(filter: Filter, source: Source, before: Uint8Array, follow: (each: (row: number) => void) => boolean): Uint8Array | null {
  const test = testOf(filter, source);
  if (!test) return null;
  const wanted = !filter.not;
  const mask = before.slice();
  return follow((row) => (mask[row] = test(row) === wanted ? 1 : 0)) ? mask : null;
}

/** Joins the masks of filters: rows that pass all of them, or with `any` at least one. */
export function joinMasks(count: number, masks: readonly Uint8Array[], any: boolean): Uint8Array {
  const joined = new Uint8Array(count).fill(any && masks.length ? 0 : 1);
  for (const mask of masks) {
    if (any) for (let row = 0; row < count; row++) joined[row] = (joined[row] as number) | (mask[row] as number);
    else for (let row = 0; row < count; row++) joined[row] = (joined[row] as number) & (mask[row] as number);
  }
  return joined;
}

/** A filter that keeps the rows without a number in `column`: such rows match the inverse of an unbounded range. */
export const withoutValue = (column: string): Filter => ({ kind: 'range', column, low: null, high: null, not: true });

/** A filter that keeps the rows whose cell shows the same value as the cell of `row`; null for columns that cannot be
 * filtered by value. */
export function sameValue(column: Column, row: number): Filter | null {
  const { name } = column.info;
  if (isCode(column.info)) {
    const code = column.data[row] as number;
    return { kind: 'values', column: name, values: [code === NONE ? '' : (column.words?.at(code) ?? '')] };
  }
  if (!isNumeric(column.info)) return null;
  const value = numberAt(column, row);
  return Number.isNaN(value) ? withoutValue(name) : { kind: 'range', column: name, low: value, high: value };
}

export function countOf(mask: Uint8Array): number {
  let n = 0;
  for (let row = 0; row < mask.length; row++) n += mask[row] as number;
  return n;
}

/** Returns exp(own) divided by the sum of exp(score) of all scores, without overflow.  NaN: `own` is not a number, or it is the only score. */
export function softmaxShare(own: number, scores: ArrayLike<number>): number {
  const known = Array.from(scores).filter((score) => !Number.isNaN(score));
  if (Number.isNaN(own) || known.length < 2) return NaN;
  return 1 / known.reduce((sum, score) => sum + Math.exp(score - own), 0);
}

/** The rows of the `n` largest values, without row `but`, largest first. Equal values are in order of row. */
export function largest(values: Float32Array, n: number, but: number): number[] {
  const best: number[] = [];
  let least = -Infinity;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    if (!(value > least || (best.length < n && value === least)) || row === but) continue;
    let at = best.length;
    while (at > 0 && (values[best[at - 1] as number] as number) < value) at--;
    best.splice(at, 0, row);
    if (best.length > n) best.pop();
    if (best.length === n) least = values[best[n - 1] as number] as number;
  }
  return best;
}

/** Returns, for each code that any row has, the number of rows in `mask` with this code. NONE comes last. */
export function countCodes(codes: ArrayLike<number>, size: number, mask: Uint8Array): { code: number; n: number }[] {
  // The last element is for rows without a value.
  const counts = new Uint32Array(size + 1);
  const present = new Uint8Array(size + 1);
  for (let row = 0; row < mask.length; row++) {
    const at = Math.min(codes[row] ?? NONE, size);
    present[at] = 1;
    (counts[at] as number) += mask[row] as number;
  }
  const found: { code: number; n: number }[] = [];
  for (let code = 0; code <= size; code++) if (present[code]) found.push({ code: code === size ? NONE : code, n: counts[code] as number });
  return found;
}

export function rowsOf(mask: Uint8Array): Uint32Array {
  const rows = new Uint32Array(countOf(mask));
  for (let row = 0, to = 0; row < mask.length; row++) if (mask[row]) rows[to++] = row;
  return rows;
}

/** Returns the rows of `order` that are in `mask`, in the same order. */
export function keepRows(order: Uint32Array, mask: Uint8Array): Uint32Array {
  const kept = new Uint32Array(countOf(mask));
  let to = 0;
  for (let i = 0; i < order.length; i++) {
    const row = order[i] as number;
    if (mask[row]) kept[to++] = row;
  }
  return kept;
}

export interface Sort {
  column: string;
  down: boolean;
}

/** A sort key for each row: numbers as they are, texts by their alphabetical rank.  NaN: no value. */
export function sortKeys(column: Column, count: number): Float64Array {
  const keys = new Float64Array(count);
  if (column.info.type === 'text' || column.info.type === 'code') {
    const texts = column.words;
    const size = texts?.count ?? 0;
    const list = Array.from({ length: size }, (_, i) => i);
    const written = list.map((i) => texts?.at(i) ?? '');
    const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
    list.sort((a, b) => collator.compare(written[a] as string, written[b] as string) || a - b);
    const place = new Float64Array(size);
    list.forEach((i, at) => (place[i] = written[i] === '' ? NaN : at));
    for (let row = 0; row < count; row++) keys[row] = place[column.info.type === 'text' ? row : (column.data[row] ?? NONE)] ?? NaN;
    return keys;
  }
  for (let row = 0; row < count; row++) keys[row] = numberAt(column, row);
  return keys;
}
