// Counts that follow the log of marks equal those of a full count, on random acts.
import { describe, expect, it } from 'vitest';
import { NONE } from '../src/state/columns';
import { countDecided, DecidedCounter } from '../src/state/decided';
import { groupByPrompt } from '../src/state/families';
import { followMask, maskOf, type Filter, type Source } from '../src/state/filter-sort';
import { HashIndex } from '../src/state/hash-index';
import { countMarks, MarkCounter } from '../src/state/mark-counts';
import { MarkLog } from '../src/state/mark-log';
import { sortByBits, sortByComparing, sortRows } from '../src/state/sort-rows';

const { process } = globalThis as { process?: { env: Record<string, string | undefined> } };
const seed = Number(process?.env['GOLDPAN_UNIT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
console.log(`GOLDPAN_UNIT_SEED=${seed}`);

/** mulberry32 */
function generator(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** Marks that random acts change, with their log. */
class Marks {
  readonly flags: Int8Array;
  readonly stars: Uint8Array;
  readonly log = new MarkLog();
  private readonly random: (below: number) => number;

  constructor(count: number, random: (below: number) => number) {
    this.flags = Int8Array.from({ length: count }, () => random(3) - 1);
    this.stars = Uint8Array.from({ length: count }, () => random(6));
    this.random = random;
  }

  /** Usually one row, sometimes more than the log holds; sometimes all marks are replaced. */
  act(): void {
    const { random, flags, stars, log } = this;
    if (random(50) === 0) {
      for (let row = 0; row < flags.length; row++) flags[row] = random(3) - 1;
      return log.reset();
    }
    const rows = random(40) === 0 ? 6000 : random(10) === 0 ? 20 : random(3);
    for (let i = 0; i < rows; i++) {
      const row = random(flags.length);
      const was = flags[row] as number;
      flags[row] = random(3) - 1;
      stars[row] = random(6);
      log.add(row, was, flags[row] as number);
    }
  }
}

describe('what follows the log of marks', () => {
  const COUNT = 300;
  it('counts marks as a full count does', () => {
    const random = generator(seed);
    const marks = new Marks(COUNT, random);
    const suggested = Uint8Array.from({ length: COUNT }, () => random(2));
    const bases = [null, ...[0, 1].map(() => Uint8Array.from({ length: COUNT }, () => random(2)))];
    const counter = new MarkCounter();
    let base = bases[0] as Uint8Array | null;
    for (let i = 0; i < 500; i++) {
      if (random(20) === 0) base = bases[random(3)] as Uint8Array | null;
      marks.act();
      const now = { base, flags: marks.flags, suggested };
      expect(counter.count(now, marks.log), `act ${i}, seed ${seed}`).toEqual(countMarks(now));
    }
  });
  it('counts decided prompts as a full count does', () => {
    const random = generator(seed + 1);
    const marks = new Marks(COUNT, random);
    const codes = Uint32Array.from({ length: COUNT }, () => (random(10) === 0 ? NONE : random(60)));
    const { list, of } = groupByPrompt(codes, null, COUNT);
    const counter = new DecidedCounter();
    for (let i = 0; i < 500; i++) {
      marks.act();
      expect(counter.count(list, of, marks.flags, marks.log), `act ${i}, seed ${seed}`).toEqual(countDecided(list, of, marks.flags));
    }
  });
  it('keeps the masks of filters by marks as they are when made anew', () => {
    const random = generator(seed + 2);
    const marks = new Marks(COUNT, random);
    const source: Source = { count: COUNT, column: () => undefined, flags: marks.flags, stars: marks.stars, slice: () => undefined, similarity: null };
    const filters: Filter[] = [{ kind: 'mark', mark: 'undecided' }, { kind: 'mark', mark: 'picked', not: true }, { kind: 'stars', least: 3 }];
    for (const filter of filters) {
      let mask = maskOf(filter, source) as Uint8Array;
      let { version } = marks.log;
      for (let i = 0; i < 200; i++) {
        marks.act();
        const fresh = maskOf(filter, source) as Uint8Array;
        // A reset or too many changes: the log cannot tell, and the mask is made anew.
        const followed = followMask(filter, source, mask, (each) => marks.log.follow(version, each));
        if (followed) expect(followed, `act ${i}, seed ${seed}`).toEqual(fresh);
        mask = fresh;
        ({ version } = marks.log);
      }
    }
  });
  it('says when it lacks changes', () => {
    const log = new MarkLog();
    for (let i = 0; i < 5000; i++) log.add(i % 7, 0, 1);
    expect(log.follow(0, () => undefined)).toBe(false);
    let n = 0;
    expect(log.follow(4000, () => n++)).toBe(true);
    expect(n).toBe(1000);
    log.reset();
    expect(log.follow(5000, () => undefined)).toBe(false);
    expect(log.follow(log.version, () => undefined)).toBe(true);
  });
});

describe('prompts', () => {
  it('groups candidates by prompt in order of score as a plain sort does', () => {
    const random = generator(seed + 3);
    for (const prompts of [1, 5, 80]) {
      const count = 200;
      const codes = Uint32Array.from({ length: count }, () => (random(8) === 0 ? NONE : random(prompts)));
      const scores = Float32Array.from({ length: count }, () => (random(6) === 0 ? NaN : random(12)));
      const { list, of } = groupByPrompt(codes, scores, count);
      const key = (row: number): number => (Number.isNaN(scores[row]) ? -1 : (scores[row] as number));
      const seen = new Set<number>();
      for (const family of list) {
        const expected = [...codes.keys()].filter((row) => codes[row] === family.code).sort((a, b) => key(b) - key(a) || a - b);
        expect([...family.rows], `seed ${seed}`).toEqual(expected);
        expect(family.scored).toBe(expected.filter((row) => key(row) >= 0).length);
        for (const row of expected) expect([of[row], seen.has(row), seen.add(row).has(row)]).toEqual([family.place, false, true]);
      }
      expect(seen.size).toBe(count);
      expect(list.map(({ place }) => place)).toEqual(list.map((_, place) => place));
      expect(list.map(({ code }) => code)).toEqual([...new Set(codes)]);
    }
  });
});

describe('sorting', () => {
  it('by bits gives the order of a sort that compares', () => {
    const random = generator(seed + 5);
    const special = [NaN, 0, -0, Infinity, -Infinity, 1e-300, -1e-300, 5e-324, 1, -1, 4294967296, 0.1];
    for (let i = 0; i < 60; i++) {
      const kind = random(4);
      const value = (): number => [() => special[random(special.length)] as number, () => random(9) - 4, () => (random(2 ** 30) - 2 ** 29) / 1e4, () => Math.fround(random(2 ** 30) / 3e5)][kind]!();
      const keys = Float64Array.from({ length: 1 + random(400) }, value);
      const rows = Uint32Array.from(keys.keys()).filter(() => random(5) > 0);
      for (const down of [false, true]) expect(sortByBits(rows.slice(), keys, down), `seed ${seed}`).toEqual(sortByComparing(rows.slice(), keys, down));
    }
    const keys = Float64Array.from({ length: 9000 }, () => random(500));
    const mixed = Uint32Array.from(keys.keys()).reverse();
    expect(sortRows(mixed.slice(), keys, true)).toEqual(sortByComparing(mixed.slice(), keys, true));
  });
});

describe('hashes', () => {
  it('finds each row by its hash, also from another index', () => {
    const random = generator(seed + 4);
    const bytes = Uint8Array.from({ length: 16 * 500 }, () => random(256));
    const index = new HashIndex(bytes);
    const turned = new HashIndex(Uint8Array.from({ length: 16 * 400 }, (_, i) => bytes[16 * (499 - (i >> 4)) + (i & 15)] as number));
    for (let row = 0; row < 500; row++) {
      expect(index.rowOf(index.textOf(row)), `seed ${seed}`).toBe(row);
      expect(turned.rowLike(index, row)).toBe(row >= 100 ? 499 - row : -1);
    }
    expect(index.textOf(0)).toBe(Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join(''));
    for (const wrong of ['', 'unknown', '0'.repeat(32), `${index.textOf(3)}0`, 'z'.repeat(32)]) expect(index.rowOf(wrong)).toBe(-1);
    expect([index.textOf(-1), index.textOf(500), index.rowLike(turned, -1), new HashIndex(new Uint8Array(0)).rowOf('0'.repeat(32))]).toEqual(['', '', -1, -1]);
  });
});
