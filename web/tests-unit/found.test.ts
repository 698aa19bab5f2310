// Titles and explanations of slices, groups of near copies, and the choices of an export.
import { expect, test } from 'vitest';
import type { Reason, Slice } from '../src/api';
import { copyGroups, outcome, planOf, type CopyFacts } from '../src/state/copies';
import { commandOf, lineOf, listOf, quoted, rowsOfChoice } from '../src/state/export-choice';
import { aboutChance, aboutSlice, beyondChance, odds, reasonsOf, sliceTitle } from '../src/state/slices';
import { NONE } from '../src/state/columns';

const reason = (kind: string, text: string, inside: number | null = 0.5, outside: number | null = 0): Reason => ({ kind, text, strength: 1, inside, outside });
const slice = (more: Partial<Slice>): Slice => ({
  id: 1, title: 'x', space: 'images', category: null, level: 0, support: 9, value: 80, drop: 10.4, low: 6, high: 15, effect: 1, p: 0.001, parent: null, reasons: [], ...more,
});

test('titles are words of prompts, at most three, and never guesses', () => {
  const list = [reason('probe', 'a castle'), reason('phrase', 'hot air balloon'), reason('phrase', 'pink hot air'), reason('word', 'night'), reason('word', 'moon'), reason('word', 'rain')];
  expect(sliceTitle(slice({ reasons: list }))).toBe('hot air balloon, night, moon');
  expect(sliceTitle(slice({ reasons: [reason('probe', 'a castle'), reason('category', 'sampler = euler')], support: 5 }))).toBe('cluster of 5');
});

test('chance in words, without p', () => {
  expect([odds(0.00001), odds(0.0015), odds(1 / 650), odds(1 / 6)]).toEqual(['less than 1 time in 10,000', '1 time in 670', '1 time in 650', '1 time in 6']);
  expect([0.05, 0.051, null].map((p) => beyondChance(slice({ p })))).toEqual([true, false, false]);
  expect(aboutSlice(slice({}))).toBe('9 pictures score 10 above the average.');
  expect(aboutChance(slice({}))).toBe('By chance this happens 1 time in 1,000.');
  expect(aboutChance(slice({ p: 0.16 }))).toBe('Could well be chance: 1 time in 6.');
  expect(aboutChance(slice({ p: null, category: 'fish' }))).toBe('Too few pictures to test.');
});

test('guesses come last, as guesses', () => {
  expect(reasonsOf(slice({ reasons: [reason('probe', 'a castle'), reason('word', 'rain')] }))).toEqual(['“rain” in the prompt: 50 % of these, 0 % of the others', 'looks a little like a castle']);
});

const copies = (more: Partial<CopyFacts> = {}): CopyFacts => ({
  count: 6, group: [0, 0, 0, 0, NONE, NONE], prompt: [1, 1, 1, 2, 1, 1], keeper: [0, 1, 0, 0, 0, 0], flags: [0, 0, 0, 0, 0, 0],
  suggested: () => false, score: (row) => 50 - row, shown: () => true, ...more,
});
const plans = (facts: CopyFacts, between = false, wanted = -1) => copyGroups(facts, between).map((group) => planOf(group, facts, wanted));

test('copies of different prompts are joined only when asked', () => {
  expect(plans(copies()).map(({ rows }) => rows)).toEqual([[0, 1, 2]]);
  expect(plans(copies(), true).map(({ rows }) => rows)).toEqual([[0, 1, 2, 3]]);
});

test('picks stay, and what filters hide is left alone', () => {
  expect(plans(copies())[0]).toMatchObject({ keep: 1, reject: [0, 2] });
  expect(plans(copies(), false, 2)[0]).toMatchObject({ keep: 2, reject: [0, 1] });
  const picked = copies({ flags: [1, 0, 1, 0, 0, 0] });
  expect(plans(picked)[0]).toMatchObject({ keep: 0, reject: [1] });
  expect(outcome(plans(picked), picked)).toBe('1 picture would be rejected. Another is your pick: it stays.');
  const both = copies({ flags: [1, 0, 0, 0, 0, 0], suggested: (row) => row === 2 });
  expect(outcome(plans(both), both)).toBe('1 picture would be rejected. Another is goldpan’s suggestion: it stays.');
  expect(plans(both, false, 1)[0]).toMatchObject({ keep: 1, reject: [2] });
  expect(outcome(plans(both, false, 1), both)).toBe('1 picture would be rejected. It is goldpan’s suggestion. Another is your pick: it stays.');
  expect(plans(copies({ shown: (row) => row !== 0 }))[0]).toMatchObject({ keep: 1, reject: [2] });
  expect(plans(copies({ flags: [0, -1, 0, 0, 0, 0] }))[0]).toMatchObject({ keep: 0, reject: [2] });
});

test('an export takes what the server takes for the same words', () => {
  const facts = {
    count: 6, flags: [0, 1, 0, -1, 0, 0], stars: [0, 0, 4, 5, 0, 2], prompt: [1, 1, 2, 3, 4, NONE],
    suggested: (row: number) => [0, 2, 3, 5].includes(row), shown: (row: number) => row > 1, chosen: (row: number) => row < 3,
  };
  expect(rowsOfChoice('mine', 3, facts)).toEqual([1]);
  expect(rowsOfChoice('mine+suggested', 3, facts)).toEqual([1, 2, 5]);
  expect(rowsOfChoice('stars', 3, facts)).toEqual([2, 3]);
  expect(rowsOfChoice('shown', 3, facts)).toEqual([2, 3, 4, 5]);
  expect(rowsOfChoice('chosen', 3, facts)).toEqual([2]);
});

test('the command can be pasted into a shell', () => {
  expect(commandOf('mine+suggested', 3, '~/my best', 'hardlink', '/a/it’s.db', '')).toBe("goldpan export ~/'my best' --mine --suggested --hardlink --catalog '/a/it’s.db'");
  expect(commandOf('stars', 4, '~/best', 'copy', '/a/c.db', '')).toBe('goldpan export ~/best --stars 4 --catalog /a/c.db');
  expect(listOf('shown', new Date(2026, 0, 5, 9, 8, 7))).toBe('shown-20260105-090807.txt');
  expect(commandOf('shown', 3, '~/best', 'copy', '/a/c.db', 'shown.txt')).toBe('goldpan export ~/best --list shown.txt --catalog /a/c.db');
  expect(commandOf('chosen', 3, '~/best', 'symlink', '/a/c.db', 'chosen.txt')).toBe('goldpan export ~/best --list chosen.txt --symlink --catalog /a/c.db');
  expect(['/a/b c.png', '', '/a\nb.png', '/a\rb.png', '/a\ufffd.png'].map((path) => lineOf(path, 'hash'))).toEqual(['/a/b c.png', 'hash', 'hash', 'hash', 'hash']);
  expect(quoted("a'b")).toBe("'a'\\''b'");
});
