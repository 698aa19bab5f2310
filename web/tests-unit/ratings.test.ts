import { afterEach, describe, expect, it, vi } from 'vitest';
import { Outbox } from '../src/state/outbox';
import { moveChange, Ratings, type Change } from '../src/state/ratings';
import { OtherCatalog } from '../src/state/sender';

class Shelf {
  private readonly map = new Map<string, string>();
  get length(): number {
    return this.map.size;
  }
  key = (i: number): string | null => [...this.map.keys()][i] ?? null;
  getItem = (key: string): string | null => this.map.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.map.set(key, value);
  removeItem = (key: string): void => void this.map.delete(key);
}

function make(fetcher?: typeof fetch, shelf = new Shelf()): { ratings: Ratings; sent: unknown[]; said: string[]; rows: string[] } {
  /** the hash of each row */
  const rows = ['h0', 'h1', 'h2', 'h3'];
  const sent: unknown[] = [];
  const said: string[] = [];
  vi.stubGlobal(
    'fetch',
    fetcher ??
      (async (_: string, init: RequestInit) => {
        sent.push(JSON.parse(String(init.body)));
        return new Response(JSON.stringify({ event: sent.length }));
      }),
  );
  const ratings = new Ratings(new Int8Array(4), new Uint8Array(4), new Outbox('c', shelf), (row) => `h${row}`, (hash) => rows.indexOf(hash), () => undefined, (why) => said.push(why));
  return { ratings, sent, said, rows };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
afterEach(() => vi.unstubAllGlobals());

describe('ratings', () => {
  it('writes each change at once and in order', async () => {
    const { ratings, sent } = make();
    ratings.set([1, 2], () => ({ flag: 1 }));
    const change = ratings.set([2], () => ({ stars: 4 })) as Change;
    ratings.apply(change, 0);
    await settled();
    expect(sent).toEqual([
      { changes: [{ hash: 'h1', flag: 1, stars: 0 }, { hash: 'h2', flag: 1, stars: 0 }] },
      { changes: [{ hash: 'h2', flag: 1, stars: 4 }] },
      { changes: [{ hash: 'h2', flag: 1, stars: 0 }] },
    ]);
  });
  it('applies changes in both directions', () => {
    const { ratings } = make();
    const done: Change[] = [];
    for (let i = 0; i < 1000; i++) {
      const change = ratings.set([i % 4, (i + 1) % 4], (row) => ({ flag: (i + row) % 2 ? 1 : -1, stars: i % 6 }));
      if (change) done.push(change);
    }
    const after = [...ratings.flag, ...ratings.stars];
    for (const change of done.slice().reverse()) ratings.apply(change, 0);
    expect([...ratings.flag, ...ratings.stars]).toEqual(new Array(8).fill(0));
    for (const change of done) ratings.apply(change, 1);
    expect([...ratings.flag, ...ratings.stars]).toEqual(after);
  });
  it('returns null where nothing changes', () => {
    const { ratings } = make();
    expect(ratings.set([0], () => ({ flag: 0 }))).toBeNull();
    expect(ratings.set([0], () => ({ flag: 1 }))?.rows).toEqual(Uint32Array.of(0));
  });
  it('keeps trying while the server is away', async () => {
    vi.useFakeTimers();
    let calls = 0;
    const { ratings, said } = make(async () => {
      if (++calls < 3) throw new TypeError('refused');
      return new Response('{}');
    });
    ratings.set([0], () => ({ flag: 1 }));
    await vi.runAllTimersAsync();
    expect(calls).toBe(3);
    expect(said).toHaveLength(2);
    vi.useRealTimers();
  });
  it('keeps what the server has not confirmed for the next page, and only that', async () => {
    const shelf = new Shelf();
    let up = false;
    const fetcher = async () => {
      if (!up) throw new TypeError('refused');
      return new Response('{}');
    };
    const { ratings } = make(fetcher, shelf);
    ratings.set([0, 1], () => ({ flag: 1 }));
    ratings.set([1], () => ({ flag: -1 }));
    const next = new Outbox('c', shelf);
    expect(new Outbox('other', shelf).takeOver(() => true)).toEqual([]);
    const left = next.takeOver((hash) => hash !== 'h0');
    expect(left).toEqual([{ hash: 'h1', flag: -1, stars: 0 }]);
    expect(new Outbox('c', shelf).takeOver((hash) => hash === 'h0')).toEqual([{ hash: 'h0', flag: 1, stars: 0 }]);
    up = true;
    next.done(left);
    expect(next.all()).toEqual([]);
  });
  it('sends nothing to a server of another catalog, and keeps it', async () => {
    const shelf = new Shelf();
    const { ratings, sent } = make(undefined, shelf);
    ratings.sender?.doubt(() => Promise.reject(new OtherCatalog('other')));
    ratings.set([0], () => ({ flag: 1 }));
    await settled();
    expect(sent).toEqual([]);
    expect(new Outbox('c', shelf).takeOver(() => true)).toEqual([{ hash: 'h0', flag: 1, stars: 0 }]);
  });
  it('confirms what the server has', async () => {
    const shelf = new Shelf();
    const { ratings } = make(undefined, shelf);
    ratings.set([0], () => ({ flag: 1 }));
    expect(shelf.length).toBe(1);
    await settled();
    expect(shelf.length).toBe(0);
  });
  it('does not ask again for an image that has gone', async () => {
    const { ratings, said } = make(async () => new Response('{"error":"there is no image"}', { status: 400 }));
    ratings.set([0], () => ({ flag: 1 }));
    await settled();
    expect(said).toEqual(['Not saved: there is no image']);
  });
  it('lets no event of before take back a change', async () => {
    const { ratings } = make();
    ratings.set([0], () => ({ flag: 1 })); // becomes event 1
    ratings.set([0], () => ({ flag: 0 })); // becomes event 2
    ratings.hear({ hash: 'h0', flag: 1, stars: 0 }, 1);
    expect(ratings.flag[0]).toBe(0);
    await settled();
    ratings.hear({ hash: 'h0', flag: 1, stars: 0 }, 1);
    expect(ratings.flag[0]).toBe(0);
    ratings.hear({ hash: 'h0', flag: -1, stars: 0 }, 3);
    expect(ratings.flag[0]).toBe(-1);
  });
  it('takes the change of another page that the server had after its own', async () => {
    const { ratings } = make();
    ratings.set([0, 1], () => ({ flag: 1 })); // becomes event 1
    ratings.hear({ hash: 'h0', flag: -1, stars: 2 }, 2);
    ratings.hear({ hash: 'h1', flag: -1, stars: 2 }, 0);
    expect(ratings.flag[0]).toBe(1);
    await settled();
    expect([ratings.flag[0], ratings.stars[0], ratings.flag[1]]).toEqual([-1, 2, 1]);
  });
  it('moves changes and marks with their rows', async () => {
    const { ratings, rows } = make();
    const change = ratings.set([0, 2], () => ({ flag: 1 })) as Change;
    const gone = ratings.set([1], () => ({ flag: -1 })) as Change;
    await settled();
    const to = [3, -1, 0, 1];
    rows.splice(0, 4, 'h2', 'h3', 'h4', 'h0');
    ratings.move(Int8Array.of(1, 0, 0, 1), new Uint8Array(4));
    expect(moveChange(gone, (row) => to[row] as number)).toBeNull();
    ratings.apply(moveChange(change, (row) => to[row] as number) as Change, 0);
    expect(Array.from(ratings.flag)).toEqual([0, 0, 0, 0]);
  });
});
