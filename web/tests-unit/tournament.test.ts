import { describe, expect, it } from 'vitest';
import { better, compareChosen, firstRound, join, keepBoth, rejectBoth, rounds, waiting, without } from '../src/state/tournament';

const start = () => firstRound(['a', 'b', 'c', 'd'], []);

describe('tournament', () => {
  it('begins with the best two, or with those wanted first', () => {
    expect(start().large).toEqual(['a', 'b']);
    expect(rounds(start())).toBe(3);
    expect(firstRound(['a', 'b', 'c', 'd'], ['a'], ['d', 'a']).large).toEqual(['d', 'b']);
  });
  it('lets the better stay on its side until none waits', () => {
    const second = better(start(), 1);
    expect(second).toMatchObject({ large: ['c', 'b'], out: ['a'], round: 2 });
    const third = second && better(second, 0);
    expect(third).toMatchObject({ large: ['c', 'd'], out: ['a', 'b'], round: 3 });
    expect(third && better(third, 0)).toBeNull();
    expect(third && rounds(third)).toBe(3);
  });
  it('lets candidates that arrive take part, in the order of their score', () => {
    const now = start();
    const order = ['a', 'e', 'b', 'c', 'd', 'f'];
    const joined = join(now, ['f', 'e'], order);
    expect(joined).toMatchObject({ all: order, large: ['a', 'b'], round: 1 });
    expect(waiting(joined)).toEqual(['e', 'c', 'd', 'f']);
    expect(join(now, ['z'], order)).toBe(now);
    expect(join(compareChosen(['a', 'b']), ['e'], order).all).toEqual(['a', 'b']);
    expect(join({ ...now, large: ['b'], all: ['a', 'b'], out: ['a'] }, ['e'], order).large).toEqual(['b', 'e']);
  });
  it('keeps both: A meets the next', () => {
    expect(keepBoth(start())).toMatchObject({ large: ['a', 'c'], out: ['b'], kept: ['a', 'b'] });
  });
  it('rejects both: the next two come, or the last alone', () => {
    const next = rejectBoth(start());
    expect(next).toMatchObject({ large: ['c', 'd'], out: ['a', 'b'] });
    expect(next && rejectBoth(next)).toBeNull();
    expect(rejectBoth(firstRound(['a', 'b', 'c'], []))?.large).toEqual(['c']);
  });
  it('goes on without images that are gone', () => {
    const gone = (...names: string[]) => (hash: string): boolean => names.includes(hash);
    const next = without(start(), gone('a'));
    expect(next?.large).toEqual(['c', 'b']);
    expect(next && waiting(next)).toEqual(['d']);
    expect(without(start(), gone('a', 'b', 'c', 'd'))).toBeNull();
    expect(without(compareChosen(['a', 'b']), gone('b'))).toBeNull();
    expect(without(compareChosen(['a', 'b', 'c']), gone('b'))?.large).toEqual(['a', 'c']);
  });
});
