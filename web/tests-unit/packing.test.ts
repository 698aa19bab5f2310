// How the groups of a map are found and moved together, the lines of density, and the CSV of the table.
import { describe, expect, it } from 'vitest';
import type { Column } from '../src/state/columns';
import { csv } from '../src/state/csv';
import { contours } from '../src/map/density';
import { bin } from '../src/map/histogram';
import { pack } from '../src/map/packing';
import { ticks } from '../src/map/ticks';

/** Returns random numbers in 0..1 that are the same in each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Makes round groups that are far from each other, as in a map, and rows without a place. */
function islands(groups: number, each: number): { x: Float32Array; y: Float32Array } {
  const next = numbers(7);
  const x = new Float32Array(groups * each + 3).fill(NaN);
  const y = new Float32Array(groups * each + 3).fill(NaN);
  for (let g = 0; g < groups; g++)
    for (let i = 0; i < each; i++) {
      const [angle, away] = [next() * 2 * Math.PI, Math.sqrt(next())];
      x[g * each + i] = 40 * Math.cos(g * 2.4) * Math.sqrt(g + 1) + away * Math.cos(angle);
      y[g * each + i] = 40 * Math.sin(g * 2.4) * Math.sqrt(g + 1) + away * Math.sin(angle);
    }
  return { x, y };
}

describe('packing', () => {
  it('finds the groups and fills the pane with them, always in the same way', () => {
    const { x, y } = islands(9, 60);
    const one = pack(x, y, 760, 740);
    expect(one.groups.length).toBe(9);
    expect(one.groups.map((group) => group.rows.length)).toEqual(Array(9).fill(60));
    for (const a of one.groups) {
      expect(Math.min(a.x0, a.y0)).toBeGreaterThan(0);
      expect(Math.max(a.x1, a.y1)).toBeLessThan(1);
      for (const b of one.groups) if (a !== b) expect(a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1).toBe(false);
    }
    const covered = one.groups.reduce((sum, g) => sum + (g.x1 - g.x0) * (g.y1 - g.y0), 0);
    expect(covered).toBeGreaterThan(0.25);
    expect(Number.isNaN(one.x.at(-1))).toBe(true);
    expect(pack(x, y, 760, 740)).toEqual(one);
  });
  it('keeps near near within a group', () => {
    const { x, y } = islands(6, 100);
    const { x: px, y: py, groups } = pack(x, y, 900, 700);
    const rows = [...(groups[2]?.rows ?? [])];
    const nearest = (xs: Float32Array, ys: Float32Array, sx: number, sy: number): number =>
      rows.slice(1).reduce((best, row) => {
        const d = (one: number): number => ((xs[one]! - xs[rows[0]!]!) * sx) ** 2 + ((ys[one]! - ys[rows[0]!]!) * sy) ** 2;
        return d(row) < d(best) ? row : best;
      }, rows[1]!);
    const near = nearest(x, y, 1, 1);
    const rank = rows.slice(1).filter((row) => Math.hypot((px[row]! - px[rows[0]!]!) * 900, (py[row]! - py[rows[0]!]!) * 700) < Math.hypot((px[near]! - px[rows[0]!]!) * 900, (py[near]! - py[rows[0]!]!) * 700)).length;
    expect(rank).toBeLessThan(6);
  });
  it('takes no place, one place, one cloud and equal places', () => {
    expect(pack([], [], 100, 100).groups).toEqual([]);
    expect(pack([NaN], [1], 100, 100).groups).toEqual([]);
    for (const n of [1, 2, 5]) {
      const { x } = pack(Array(n).fill(3), Array(n).fill(4), 300, 200);
      expect([...x].every((v) => v > 0 && v < 1)).toBe(true);
    }
    const next = numbers(3);
    const cloud = pack(Float32Array.from({ length: 3000 }, () => next() + next()), Float32Array.from({ length: 3000 }, () => next() + next()), 800, 600);
    const [low, high] = [Math.min(...cloud.x), Math.max(...cloud.x)];
    expect(low).toBeGreaterThan(0);
    expect(high - low).toBeGreaterThan(0.6);
  });
  it('draws closed lines around what is shown', () => {
    const { x, y } = pack(...(Object.values(islands(5, 80)) as [Float32Array, Float32Array]), 700, 700);
    const lines = contours(x, y, () => true, 700, 700);
    expect(lines.length).toBe(4);
    expect(lines[0]!.length).toBeGreaterThan(0);
    for (const level of lines)
      for (const loop of level) {
        const step = Math.hypot(loop[0]! - loop.at(-2)!, loop[1]! - loop.at(-1)!);
        expect(step).toBeLessThan(0.02);
      }
    expect(contours(x, y, () => false, 700, 700)).toEqual([]);
  });
});

describe('charts', () => {
  it('have a bar for each whole number where there are few', () => {
    const bins = bin([1, 1, 2, 3, 4, 4, 4, NaN], null, null);
    expect([bins?.low, bins?.width, bins?.whole, [...(bins?.all ?? [])]]).toEqual([0.5, 1, true, [2, 1, 1, 3]]);
    expect(bin([0.5, 1, 2], null, null)?.whole).toBe(false);
    expect(Number.isInteger(bin(Array.from({ length: 200 }, (_, i) => i), null, null)?.width)).toBe(true);
    expect(ticks(0.5, 4.5, 10, true).map(({ text }) => text)).toEqual(['1', '2', '3', '4']);
  });
});

describe('csv', () => {
  it('quotes what needs it and keeps numbers as they were written', () => {
    const column = (name: string, type: string, data: ArrayLike<number>, texts: string[] = []): Column =>
      ({ info: { name, title: name, type, about: '', file: '' }, data, words: { count: texts.length, at: (i: number) => texts[i] ?? '' } }) as unknown as Column;
    const text = csv(
      [column('prompt', 'code', Uint32Array.of(0, 1), ['a, "b"', 'c']), column('score', 'f32', Float32Array.of(88.9, NaN)), column('flag', 'i8', Int8Array.of(1, -1)), column('settings.seed', 'f64', Float64Array.of(2522887177, 1))],
      Uint32Array.of(1, 0),
      (info) => info.title,
    );
    expect(text).toBe('prompt,score,flag,settings.seed\r\nc,,rejected,1\r\n"a, ""b""",88.9,picked,2522887177\r\n');
  });

  it('writes texts so that no spreadsheet runs them', () => {
    const texts = ['=1+1', '+a, b', '-cat', '@x', '\t=1', "'=1", "'-1.5", '-1.5', '+2e3', "'tis", 'a=b', 'a\n=1'];
    const prompts = { info: { name: 'prompt', title: '=title', type: 'text', about: '', file: '' }, data: Uint32Array.from(texts.keys()), words: { count: texts.length, at: (i: number) => texts[i] ?? '' } } as unknown as Column;
    const lift = { info: { name: 'lift', title: 'lift', type: 'f64', about: '', file: '' }, data: new Float64Array(texts.length).fill(-1.5) } as unknown as Column;
    const lines = csv([prompts, lift], Uint32Array.from(texts.keys()), (info) => info.title).split('\r\n');
    expect(lines).toEqual(["'=title,lift", "'=1+1,-1.5", '"\'+a, b",-1.5', "'-cat,-1.5", "'@x,-1.5", "'\t'=1,-1.5", "''=1,-1.5", "''-1.5,-1.5", '-1.5,-1.5', '+2e3,-1.5', "'tis,-1.5", 'a=b,-1.5', '"a\n\'=1",-1.5', '']);
  });
});
