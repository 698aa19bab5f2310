import { afterEach, describe, expect, it, vi } from 'vitest';
import { Ratings } from '../src/state/ratings';

function make(fetcher?: typeof fetch): { ratings: Ratings; sent: unknown[]; said: string[] } {
  const sent: unknown[] = [];
  const said: string[] = [];
  vi.stubGlobal(
    'fetch',
    fetcher ??
      (async (_: string, init: RequestInit) => {
        sent.push(JSON.parse(String(init.body)));
        return new Response('{}');
      }),
  );
  const ratings = new Ratings(new Int8Array(4), new Uint8Array(4), true, (row) => `h${row}`, () => undefined, (why) => said.push(why));
  return { ratings, sent, said };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
afterEach(() => vi.unstubAllGlobals());

describe('ratings', () => {
  it('writes each change at once and in order', async () => {
    const { ratings, sent } = make();
    ratings.set([1, 2], 1);
    ratings.set([2], undefined, 4);
    ratings.undo();
    await settled();
    expect(sent).toEqual([
      { changes: [{ hash: 'h1', flag: 1, stars: 0 }, { hash: 'h2', flag: 1, stars: 0 }] },
      { changes: [{ hash: 'h2', flag: 1, stars: 4 }] },
      { changes: [{ hash: 'h2', flag: 1, stars: 0 }] },
    ]);
  });
  it('undoes and redoes without limit', () => {
    const { ratings } = make();
    for (let i = 0; i < 1000; i++) ratings.set([i % 4], i % 2 ? 1 : -1, i % 6);
    const after = [...ratings.flag, ...ratings.stars];
    while (ratings.undo());
    expect([...ratings.flag, ...ratings.stars]).toEqual(new Array(8).fill(0));
    while (ratings.redo());
    expect([...ratings.flag, ...ratings.stars]).toEqual(after);
  });
  it('does nothing where nothing changes, and forgets what was undone after a new change', () => {
    const { ratings } = make();
    ratings.set([0], 0);
    expect(ratings.undoable).toBe(0);
    ratings.set([0], 1);
    ratings.undo();
    ratings.set([1], 1);
    expect(ratings.redo()).toBeNull();
  });
  it('keeps trying while the server is away', async () => {
    vi.useFakeTimers();
    let calls = 0;
    const { ratings, said } = make(async () => {
      if (++calls < 3) throw new TypeError('refused');
      return new Response('{}');
    });
    ratings.set([0], 1);
    await vi.runAllTimersAsync();
    expect(calls).toBe(3);
    expect(said).toHaveLength(2);
    vi.useRealTimers();
  });
});
