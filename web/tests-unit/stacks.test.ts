import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../src/state/app.svelte';
import { NONE } from '../src/state/columns';
import { fold, numberPairs, type StackFacts } from '../src/state/stacks';
import { FakeServer } from './fake-server';

const list = (rows: Iterable<number>): number[] => Array.from(rows);

describe('folding', () => {
  // rows 0 to 5: 0, 2, 4 are stack 0; 1, 5 are stack 1; 3 is in none
  const facts = (change: Partial<StackFacts> = {}): StackFacts => ({
    of: Uint32Array.of(0, 1, 0, NONE, 0, 1), count: 2, flags: new Int8Array(6), suggested: new Uint8Array(6), opened: () => false, ...change,
  });
  const order = Uint32Array.of(5, 4, 3, 2, 1, 0);

  it('shows the first of each stack in the order, where it is', () => {
    const folded = fold(order, facts());
    expect(list(folded.rows)).toEqual([5, 4, 3]);
    expect(list(folded.sizes)).toEqual([3, 2]);
    expect([folded.stacks, folded.hidden]).toEqual([2, 3]);
  });
  it('puts your pick on top, else what goldpan suggests; the stack stays where it is', () => {
    const suggested = Uint8Array.of(0, 1, 1, 0, 0, 0);
    expect(list(fold(order, facts({ suggested })).rows)).toEqual([1, 2, 3]);
    expect(list(fold(order, facts({ suggested, flags: Int8Array.of(1, 0, 0, 0, 0, 0) })).rows)).toEqual([1, 0, 3]);
    // A rejected picture is no pick.
    expect(list(fold(order, facts({ suggested, flags: Int8Array.of(-1, 0, 0, 0, 0, 0) })).rows)).toEqual([1, 2, 3]);
  });
  it('shows an opened stack in its place, the top first', () => {
    const folded = fold(order, facts({ opened: (stack) => stack === 0, flags: Int8Array.of(1, 0, 0, 0, 0, 0) }));
    expect(list(folded.rows)).toEqual([5, 0, 4, 2, 3]);
    expect([folded.stacks, folded.hidden]).toEqual([1, 1]);
  });
  it('folds no stack of one picture', () => {
    const folded = fold(Uint32Array.of(5, 3, 2), facts());
    expect(list(folded.rows)).toEqual([5, 3, 2]);
    expect([folded.stacks, folded.hidden, folded.tops[0]]).toEqual([0, 0, 2]);
  });
  it('folds near copies of different prompts apart', () => {
    const { of, count } = numberPairs(Uint32Array.of(7, 7, NONE, 7, 8), Uint32Array.of(1, 2, 1, 1, 1), 5);
    expect(list(of)).toEqual([0, 1, NONE, 0, 2]);
    expect(count).toBe(3);
  });
});

class Storage {
  readonly map = new Map<string, string>();
  getItem = (key: string): string | null => this.map.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.map.set(key, value);
  removeItem = (key: string): void => void this.map.delete(key);
  key = (i: number): string | null => [...this.map.keys()][i] ?? null;
  get length(): number {
    return this.map.size;
  }
}

describe('stacks of prompts', () => {
  beforeEach(() => {
    vi.stubGlobal('localStorage', new Storage());
    vi.stubGlobal('sessionStorage', new Storage());
    vi.stubGlobal('EventSource', class { addEventListener = (): void => undefined; close = (): void => undefined; });
    new FakeServer([1, 2, 3, 4].map((id) => ({ id, score: 10 * id, prompt: id === 2 ? 1 : 0 })));
  });
  afterEach(() => vi.unstubAllGlobals());

  /** The wall, its best picture first: 3, 2, 1, 0; all but 1 are of one prompt. */
  async function wall(): Promise<App> {
    const app = new App();
    await app.start();
    app.layout.view = 'wall';
    app.layout.sort = { column: 'score', down: true };
    return app;
  }

  it('mark the top picture only, and only what is shown is chosen', async () => {
    const app = await wall();
    const { stacks, selection, order, marks } = app;
    selection.set([0, 2, 3]);
    stacks.set('prompt');
    expect(list(order.rows)).toEqual([3, 1]);
    selection.narrow();
    expect(list(selection.target())).toEqual([3]);
    app.mark(selection.target(), { flag: -1 });
    expect(list(marks.flags)).toEqual([0, 0, 0, -1]);
    expect([order.stackOf(3), order.stackOf(1)]).toEqual([{ size: 3, open: false, top: true }, null]);
  });
  it('keep the array of rows while no top changes', async () => {
    const { stacks, order, marks } = await wall();
    stacks.set('prompt');
    const { rows } = order;
    marks.set([3], () => ({ stars: 5 }));
    expect(order.rows).toBe(rows);
    marks.set([0], () => ({ flag: 1 }));
    expect(list(order.rows)).toEqual([0, 1]);
  });
  it('take over the current picture that they hide', async () => {
    const { stacks, order, selection } = await wall();
    const before = order.rows;
    selection.current = 0;
    stacks.set('prompt');
    selection.follow(before);
    expect(selection.current).toBe(3);
    stacks.toggle(3);
    expect(list(order.rows)).toEqual([3, 2, 0, 1]);
    stacks.toggle(0);
    expect(list(order.rows)).toEqual([3, 1]);
  });
  it('are named in the address, and opened ones kept in the session', async () => {
    const app = await wall();
    app.stacks.set('prompt');
    app.stacks.toggle(3);
    expect(app.address).toContain('stacks=prompt');
    app.session.save();
    const again = new App();
    again.layout.view = 'wall';
    (location as { hash: string }).hash = app.address;
    await again.start();
    expect(again.stacks.kind).toBe('prompt');
    expect(list(again.order.rows)).toHaveLength(4);
    void again.goTo('#wall');
    expect(again.stacks.kind).toBe('off');
  });
  it('are undone to the picture of the stack that is shown', async () => {
    const app = await wall();
    app.mark([0, 2], { flag: -1 });
    app.stacks.set('prompt');
    app.undo();
    expect(app.selection.current).toBe(3);
    expect(app.notice?.text).toBe('Undone: the rejection of 2 pictures, 2 of them below the top of a stack.');
  });
});
