import { describe, expect, it } from 'vitest';
import { readAddress, writeAddress } from '../src/state/address';
import { NONE } from '../src/state/columns';
import { maskOf, type Source } from '../src/state/filter-sort';
import { cleanTag, completions, TagSets } from '../src/state/tag-sets';

const set = (): TagSets => {
  const tags = new TagSets(4);
  tags.put(0, 'night', false);
  tags.put(0, 'castle', false);
  tags.put(1, 'castle', false);
  tags.put(2, 'Castle', false);
  return tags;
};

describe('tags', () => {
  it('clean a text as the catalog does', () => {
    expect(cleanTag('  at \t night\n')).toEqual({ tag: 'at night' });
    expect(cleanTag('cafe\u0301')).toEqual({ tag: 'café' });
    expect(cleanTag('\u00a0x\ufeff')).toEqual({ tag: 'x' });
    expect(cleanTag('x'.repeat(100))).toEqual({ tag: 'x'.repeat(100) });
    for (const wrong of ['', ' \n', 'a,b', 'a\u0000b', 'a\u001bb', '\ud800', 'x'.repeat(101)]) expect(cleanTag(wrong)).toHaveProperty('why');
  });

  it('are added and removed', () => {
    const tags = set();
    expect(tags.of(0)).toEqual(['castle', 'night']);
    expect(tags.put(0, 'castle', false)).toBe(false);
    expect(tags.put(3, 'castle', true)).toBe(false);
    expect(tags.put(9, 'castle', false)).toBe(false);
    expect(tags.put(1, 'castle', true)).toBe(true);
    expect(tags.codes[1]).toBe(NONE);
    expect(tags.counts()).toEqual([{ tag: 'Castle', n: 1 }, { tag: 'castle', n: 1 }, { tag: 'night', n: 1 }]);
  });

  it('are counted among the rows that pass', () => {
    expect(set().counts(Uint8Array.of(0, 1, 1, 1))).toEqual([{ tag: 'Castle', n: 1 }, { tag: 'castle', n: 1 }, { tag: 'night', n: 0 }]);
  });

  it('are a column of joined texts, a new one after each change', () => {
    const tags = set();
    const before = tags.column();
    expect(before.words?.at(before.data[0] as number)).toBe('castle, night');
    expect(tags.column()).toBe(before);
    tags.put(3, 'ä 😀', false);
    const after = tags.column();
    expect(after).not.toBe(before);
    expect(after.words?.at(after.data[3] as number)).toBe('ä 😀');
  });

  it('filter rows that have one of them, none of them, or no tag', () => {
    const tags = set();
    const source = { count: 4, column: () => tags.column(), flags: new Int8Array(4), stars: new Uint8Array(4), slice: () => undefined, similarity: null } as unknown as Source;
    const mask = (values: string[], not?: boolean): number[] => [...(maskOf({ kind: 'tags', values, not }, source) ?? [])];
    expect(mask(['castle'])).toEqual([1, 1, 0, 0]);
    expect(mask(['night', 'Castle'])).toEqual([1, 0, 1, 0]);
    expect(mask(['castle'], true)).toEqual([0, 0, 1, 1]);
    expect(mask([''])).toEqual([0, 0, 0, 1]);
    expect(mask(['cast'])).toEqual([0, 0, 0, 0]);
  });

  it('keep their filter in the address', () => {
    const filters = { list: [{ kind: 'tags' as const, values: ['a & b', 'c=d'], not: true }], any: false };
    const place = { view: 'wall' as const, mode: 'browse' as const, filters, search: { more: [], less: [] }, compared: [], stacks: 'off' as const, at: '' };
    expect(readAddress(writeAddress(place, () => ''), () => null).filters).toEqual(filters);
  });

  it('complete what is typed: beginnings first', () => {
    const counts = ['at night', 'night', 'knight', 'castle'].map((tag) => ({ tag, n: 1 }));
    expect(completions(counts, 'NIGHT').map(({ tag }) => tag)).toEqual(['night', 'at night', 'knight']);
    expect(completions(counts, '').length).toBe(4);
    expect(completions(counts, 'zzz')).toEqual([]);
  });
});
