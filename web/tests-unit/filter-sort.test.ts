import { describe, expect, it } from 'vitest';
import type { ColumnInfo, ColumnType } from '../src/api';
import { groupRows, applyFilters, rowsOf, sameValue, sortKeys, sortRows, withoutValue, words, type Filter } from '../src/state/filter-sort';
import { NONE, TextTable, textAt, type Column } from '../src/state/columns';

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
const lookup = (name: string): Column | undefined => columns[name];
const rows = (...filters: Filter[]): number[] => Array.from(rowsOf(applyFilters(5, filters, lookup)));

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
  it('keeps codes, none among them', () => {
    expect(rows({ kind: 'codes', column: 'prompt', codes: [1, NONE] })).toEqual([1, 2, 3]);
  });
  it('finds words in prompts and paths, in any case and order', () => {
    expect(rows({ kind: 'words', text: 'FOX red' })).toEqual([0]);
    expect(rows({ kind: 'words', text: 'fox' })).toEqual([0, 3]);
    expect(rows({ kind: 'words', text: '"im schnee"' })).toEqual([1, 2]);
  });
  it('combines', () => {
    const list: Filter = { kind: 'rows', title: 'selected images', rows: Uint32Array.of(0, 1, 2) };
    expect(rows(list, { kind: 'range', column: 'score', low: 4, high: null })).toEqual([2]);
  });
  it('waits for a column that is not there', () => expect(rows({ kind: 'codes', column: 'none', codes: [1] })).toHaveLength(5));
  it('reads quoted words as one', () => expect(words(' a "red car"  b ')).toEqual(['a', 'red car', 'b']));
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
  it('brings groups together in order of their first row', () => {
    const { order, groups } = groupRows(Uint32Array.of(2, 4, 0, 3, 1), (row) => columns.prompt?.data[row] as number, String);
    expect(Array.from(order)).toEqual([2, 1, 4, 0, 3]);
    expect(groups).toEqual([
      { title: '1', from: 0, to: 2 },
      { title: '2', from: 2, to: 3 },
      { title: '0', from: 3, to: 4 },
      { title: String(NONE), from: 4, to: 5 },
    ]);
  });
});
