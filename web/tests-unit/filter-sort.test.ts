import { describe, expect, it } from 'vitest';
import type { ColumnInfo, ColumnType } from '../src/api';
import { countCodes, joinMasks, keepRows, largest, maskOf, rowsOf, sameValue, softmaxShare, sortKeys, withoutValue, words, type Filter, type Source } from '../src/state/filter-sort';
import { sortRows } from '../src/state/sort-rows';
import { formatNumber, NONE, points, shortNumber, TextTable, textAt, type Column } from '../src/state/columns';

function texts(list: string[]): TextTable {
  const encoded = list.map((text) => new TextEncoder().encode(text));
  const size = encoded.reduce((sum, bytes) => sum + bytes.length, 0);
  const buffer = new ArrayBuffer(4 * (list.length + 2) + size);
  const head = new Uint32Array(buffer, 0, list.length + 2);
  const body = new Uint8Array(buffer, 4 * (list.length + 2));
  head[0] = list.length;
  let at = 0;
  encoded.forEach((bytes, i) => {
    body.set(bytes, at);
    at += bytes.length;
    head[i + 2] = at;
  });
  return new TextTable(buffer);
}

function info(name: string, type: ColumnType): ColumnInfo {
  return { name, title: name, type, file: '', words: null, group: 'file', about: '' };
}

const columns: Record<string, Column> = {
  score: { info: info('score', 'f32'), data: Float32Array.of(3, NaN, 5, 1, 5), words: null },
  prompt: { info: info('prompt', 'code'), data: Uint32Array.of(0, 1, 1, NONE, 2), words: texts(['a red fox', 'Füchse im Schnee', 'image 10']) },
  rank: { info: info('rank', 'u32'), data: Uint32Array.of(1, NONE, 2, 3, 4), words: null },
  path: { info: info('path', 'text'), data: new Uint8Array(0), words: texts(['b/10.png', 'b/9.png', 'a.png', 'fox.png', '']) },
};
const source: Source = {
  count: 5,
  column: (name) => columns[name],
  flags: Int8Array.of(1, 0, -1, 0, 1),
  stars: Uint8Array.of(0, 5, 3, 0, 1),
  slice: (id) => (id === 7 ? Uint32Array.of(1, 4) : undefined),
  similarity: Float32Array.of(0.1, NaN, 0.3, 0.2, 0.25),
};
const join = (filters: Filter[], any: boolean): number[] =>
  Array.from(rowsOf(joinMasks(5, filters.map((filter) => maskOf(filter, source) ?? new Uint8Array(5).fill(1)), any)));
const rows = (...filters: Filter[]): number[] => join(filters, false);

describe('text tables', () => {
  it('decodes what is looked at', () => {
    expect(columns.prompt?.words?.at(1)).toBe('Füchse im Schnee');
    expect(columns.prompt?.words?.at(3)).toBe('');
    expect(textAt(columns.prompt as Column, 3)).toBe('');
    expect(textAt(columns.rank as Column, 1)).toBe('');
  });
});

describe('filters', () => {
  it('passes all rows without any', () => expect(rows()).toEqual([0, 1, 2, 3, 4]));
  it('keeps ranges, ends included, and drops rows without a number', () => {
    expect(rows({ kind: 'range', column: 'score', low: 3, high: 5 })).toEqual([0, 2, 4]);
    expect(rows({ kind: 'range', column: 'rank', low: null, high: 2 })).toEqual([0, 2]);
    expect(rows({ kind: 'range', column: 'score', low: 3, high: 5, not: true })).toEqual([1, 3]);
  });
  it('keeps rows with the value of a cell, also where the cell is empty', () => {
    const like = (name: string, row: number): number[] => rows(sameValue(columns[name] as Column, row) as Filter);
    expect(like('score', 2)).toEqual([2, 4]);
    expect(like('score', 1)).toEqual([1]);
    expect(like('rank', 1)).toEqual([1]);
    expect(like('prompt', 3)).toEqual([3]);
    expect(rows({ ...withoutValue('score'), not: false } as Filter)).toEqual([0, 2, 3, 4]);
    expect(sameValue(columns.path as Column, 0)).toBeNull();
  });
  it('keeps values, none among them', () => {
    expect(rows({ kind: 'values', column: 'prompt', values: ['Füchse im Schnee', ''] })).toEqual([1, 2, 3]);
    expect(rows({ kind: 'values', column: 'prompt', values: ['a red fox', 'not there'], not: true })).toEqual([1, 2, 3, 4]);
  });
  it('finds words and phrases in prompts, in any case and order, and leaves out others', () => {
    expect(rows({ kind: 'words', text: 'FOX red' })).toEqual([0]);
    expect(rows({ kind: 'words', text: '"im schnee"' })).toEqual([1, 2]);
    expect(rows({ kind: 'words', text: '-fox' })).toEqual([1, 2, 3, 4]);
    expect(rows({ kind: 'words', text: 'image -“im schnee”' })).toEqual([4]);
  });
  it('finds a part of a text', () => {
    expect(rows({ kind: 'contains', column: 'path', text: 'FOX' })).toEqual([3]);
    expect(rows({ kind: 'contains', column: 'prompt', text: 'image', not: true })).toEqual([0, 1, 2, 3]);
  });
  it('keeps marks, stars, slices and what is alike', () => {
    expect(rows({ kind: 'mark', mark: 'undecided' })).toEqual([1, 3]);
    expect(rows({ kind: 'mark', mark: 'picked' })).toEqual([0, 4]);
    expect(rows({ kind: 'mark', mark: 'rejected', not: true })).toEqual([0, 1, 3, 4]);
    expect(rows({ kind: 'stars', least: 3 })).toEqual([1, 2]);
    expect(rows({ kind: 'slice', id: 7 })).toEqual([1, 4]);
    expect(rows({ kind: 'slice', id: 8 })).toEqual([]);
    expect(rows({ kind: 'like', least: 0.2 })).toEqual([2, 3, 4]);
  });
  it('joins all of them, or any', () => {
    const chosen: Filter = { kind: 'rows', title: 'Chosen', rows: Uint32Array.of(0, 1, 2) };
    const high: Filter = { kind: 'range', column: 'score', low: 4, high: null };
    expect(rows(chosen, high)).toEqual([2]);
    expect(join([chosen, high], true)).toEqual([0, 1, 2, 4]);
    expect(join([], true)).toEqual([0, 1, 2, 3, 4]);
  });
  it('waits for a column that is not there', () => expect(maskOf({ kind: 'values', column: 'none', values: ['a'] }, source)).toBeNull());
  it('reads words, phrases and what is unwanted', () => {
    expect(words(' a "red Car"  -b -"c d" ')).toEqual({ wanted: ['a', 'red car'], unwanted: ['b', 'c d'] });
    expect(words('- "" "open')).toEqual({ wanted: ['open'], unwanted: [] });
  });
});

describe('order', () => {
  const sorted = (name: string, down: boolean): number[] =>
    Array.from(sortRows(Uint32Array.of(0, 1, 2, 3, 4), sortKeys(columns[name] as Column, 5), down));
  it('puts missing ones last both ways and keeps the order of equal ones', () => {
    expect(sorted('score', true)).toEqual([2, 4, 0, 3, 1]);
    expect(sorted('score', false)).toEqual([3, 0, 2, 4, 1]);
  });
  it('sorts words as people do', () => {
    expect(sorted('path', false)).toEqual([2, 1, 0, 3, 4]);
    expect(sorted('prompt', false)).toEqual([0, 1, 2, 4, 3]);
  });
  it('keeps the order of the rows that pass', () => {
    expect(Array.from(keepRows(Uint32Array.of(2, 4, 0, 3, 1), Uint8Array.of(1, 0, 1, 1, 0)))).toEqual([2, 0, 3]);
  });
});

describe('counts and largest values', () => {
  const mask = Uint8Array.of(1, 0, 1, 1, 0, 1);
  it('counts the codes that rows have', () => {
    expect(countCodes(Uint32Array.of(2, 0, 2, NONE, 0, 4), 5, mask)).toEqual([
      { code: 0, n: 0 },
      { code: 2, n: 2 },
      { code: 4, n: 1 },
      { code: NONE, n: 1 },
    ]);
    expect(countCodes(new Uint32Array(0), 3, new Uint8Array(0))).toEqual([]);
  });
  it('finds the largest values', () => {
    const values = Float32Array.of(0.5, NaN, 0.75, 0.5, 1, -0.25);
    expect(largest(values, 3, 4)).toEqual([2, 0, 3]);
    expect(largest(values, 9, 2)).toEqual([4, 0, 3, 5]);
    expect(largest(Float32Array.of(NaN), 2, -1)).toEqual([]);
  });
});

describe('scores', () => {
  it('are rounded once, and the same everywhere', () => {
    for (const value of [83.353, 83.749, 83.35, 0.04, 7, 100].map(Math.fround)) {
      const text = value.toFixed(1);
      expect([points(value), shortNumber('score', value), formatNumber('score', value), formatNumber('corrected', value)]).toEqual([text, text, text, text]);
    }
    expect([points(NaN), shortNumber('score', NaN), formatNumber('score', NaN)]).toEqual(['', '', '']);
    expect([shortNumber('settings.cfg_scale', 7.25), formatNumber('settings.cfg_scale', 7.25), shortNumber('settings.steps', 30)]).toEqual(['7.3', '7.25', '30']);
  });
});

describe('softmaxShare', () => {
  it('is the share of the exponential of a score', () => {
    expect(softmaxShare(20, [20, 21, NaN])).toBeCloseTo(1 / (1 + Math.E), 12);
    expect(softmaxShare(900, [900, 900])).toBe(0.5);
    expect(softmaxShare(-2000, [-2000, 900])).toBe(0);
  });
  it('is unknown for a picture without a score or without rivals', () => {
    expect(softmaxShare(NaN, [1, 2])).toBeNaN();
    expect(softmaxShare(3, [3, NaN])).toBeNaN();
  });
});
