// Filtering, sorting and grouping of rows: pure functions over columns.
import type { Column } from './columns';
import { isCode, isNumeric, NONE, numberAt } from './columns';

export type Filter =
  | { kind: 'codes'; column: string; codes: number[]; not?: boolean }
  | { kind: 'range'; column: string; low: number | null; high: number | null; not?: boolean }
  | { kind: 'words'; text: string; not?: boolean }
  | { kind: 'rows'; title: string; rows: Uint32Array; not?: boolean };

export type Lookup = (name: string) => Column | undefined;

export function words(text: string): string[] {
  return (text.match(/"[^"]+"|\S+/g) ?? []).map((word) => word.replaceAll('"', '')).filter(Boolean);
}

function narrow(mask: Uint8Array, filter: Filter, test: (row: number) => boolean): void {
  const wanted = !filter.not;
  for (let row = 0; row < mask.length; row++) if (mask[row] && test(row) !== wanted) mask[row] = 0;
}

/** Narrows the mask by one filter.  A filter on a column that is not loaded changes nothing. */
export function applyFilter(mask: Uint8Array, filter: Filter, lookup: Lookup): void {
  if (filter.kind === 'rows') {
    const inside = new Uint8Array(mask.length);
    for (const row of filter.rows) inside[row] = 1;
    narrow(mask, filter, (row) => inside[row] === 1);
    return;
  }
  if (filter.kind === 'words') {
    const prompt = lookup('prompt');
    const path = lookup('path');
    const wanted = words(filter.text);
    if (!prompt?.words || wanted.length === 0) return;
    const inPrompt = prompt.words.containing(wanted);
    const inPath = path?.words?.containing(wanted);
    narrow(mask, filter, (row) => inPrompt[prompt.data[row] ?? NONE] === 1 || inPath?.[row] === 1);
    return;
  }
  const column = lookup(filter.column);
  if (!column) return;
  if (filter.kind === 'codes') {
    const wanted = new Set(filter.codes);
    narrow(mask, filter, (row) => wanted.has(column.data[row] ?? NONE));
    return;
  }
  const low = filter.low ?? -Infinity;
  const high = filter.high ?? Infinity;
  narrow(mask, filter, (row) => {
    const value = numberAt(column, row);
    return value >= low && value <= high;
  });
}

/** Keeps the rows without a number in `column`: they match the inverse of an unbounded range. */
export const withoutValue = (column: string): Filter => ({ kind: 'range', column, low: null, high: null, not: true });

/** Keeps the rows whose cell shows the same as the cell of `row`; null for columns that cannot be filtered by value. */
export function sameValue(column: Column, row: number): Filter | null {
  const { name } = column.info;
  if (isCode(column.info)) return { kind: 'codes', column: name, codes: [column.data[row] as number] };
  if (!isNumeric(column.info)) return null;
  const value = numberAt(column, row);
  return Number.isNaN(value) ? withoutValue(name) : { kind: 'range', column: name, low: value, high: value };
}

export function applyFilters(count: number, filters: readonly Filter[], lookup: Lookup): Uint8Array {
  const mask = new Uint8Array(count).fill(1);
  for (const filter of filters) applyFilter(mask, filter, lookup);
  return mask;
}

export function rowsOf(mask: Uint8Array): Uint32Array {
  let n = 0;
  for (let row = 0; row < mask.length; row++) n += mask[row] as number;
  const rows = new Uint32Array(n);
  for (let row = 0, to = 0; row < mask.length; row++) if (mask[row]) rows[to++] = row;
  return rows;
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

/** Sorts rows in place by keys.  Rows without a key come last; rows of equal keys are in order of row. */
export function sortRows(rows: Uint32Array, keys: Float64Array, down: boolean): Uint32Array {
  const sign = down ? -1 : 1;
  return rows.sort((a, b) => {
    const x = keys[a] as number;
    const y = keys[b] as number;
    if (x === y) return a - b;
    if (x !== x) return y !== y ? a - b : 1;
    if (y !== y) return -1;
    return x < y ? -sign : sign;
  });
}

export interface Group {
  title: string;
  /** rows are order[from .. to - 1] */
  from: number;
  to: number;
}

/** Joins the rows of each group, groups in order of their first row.  `order` is sorted already. */
export function groupRows(
  order: Uint32Array,
  of: (row: number) => number,
  title: (group: number) => string,
): { order: Uint32Array; groups: Group[] } {
  const counts = new Map<number, number>();
  for (const row of order) counts.set(of(row), (counts.get(of(row)) ?? 0) + 1);
  const next = new Map<number, number>();
  const groups: Group[] = [];
  let from = 0;
  for (const [group, n] of counts) {
    next.set(group, from);
    groups.push({ title: title(group), from, to: from + n });
    from += n;
  }
  const together = new Uint32Array(order.length);
  for (const row of order) {
    const at = next.get(of(row)) as number;
    together[at] = row;
    next.set(of(row), at + 1);
  }
  return { order: together, groups };
}
