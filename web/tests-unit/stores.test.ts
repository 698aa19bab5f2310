import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../src/state/app.svelte';
import { FakeServer, hashOf } from './fake-server';

class Storage {
  readonly map = new Map<string, string>();
  get length(): number {
    return this.map.size;
  }
  key = (i: number): string | null => [...this.map.keys()][i] ?? null;
  getItem = (key: string): string | null => this.map.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.map.set(key, value);
  removeItem = (key: string): void => void this.map.delete(key);
}

class Events {
  addEventListener = (): void => undefined;
  close = (): void => undefined;
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
const list = (rows: Iterable<number>): number[] => Array.from(rows);
const none = { shiftKey: false, ctrlKey: false, metaKey: false };
let server: FakeServer;
let storage: Storage;

/** A started App over the images 1 to 4, best score last. */
async function start(change: (server: FakeServer) => void = () => undefined): Promise<App> {
  change(server);
  const app = new App();
  await app.start();
  return app;
}

beforeEach(() => {
  storage = new Storage();
  vi.stubGlobal('localStorage', storage);
  vi.stubGlobal('EventSource', Events);
  server = new FakeServer([
    { id: 1, score: 10, prompt: 0 },
    { id: 2, score: 20, prompt: 1 },
    { id: 3, score: NaN, prompt: 0 },
    { id: 4, score: 40, prompt: 0 },
  ]);
});
afterEach(() => vi.unstubAllGlobals());

describe('catalog', () => {
  it('names images by hash and finds those of the same prompt', async () => {
    const { catalog } = await start();
    expect(catalog.hash(2)).toBe(hashOf(3));
    expect(catalog.rowOf(hashOf(4))).toBe(3);
    expect(catalog.rowOf('unknown')).toBe(-1);
    expect(catalog.siblings(0)).toEqual([3, 0, 2]);
    expect(catalog.thumb(0, 300)).toBe(`thumb/512/${hashOf(1)}.jpg`);
  });
  it('loads a column at the first lookup', async () => {
    const { catalog } = await start();
    expect(catalog.lookup('rank')).toBeUndefined();
    await catalog.need('rank');
    expect(catalog.lookup('rank')?.data).toHaveLength(4);
    expect(catalog.lookup('absent')).toBeUndefined();
  });
  it('tells why it cannot be loaded', async () => {
    const app = await start((s) => (s.up = false));
    expect(app.loadError).toContain('does not respond');
  });
});

describe('filters and order', () => {
  it('sorts by score and follows the layout', async () => {
    const { order, layout } = await start();
    expect(list(order.rows)).toEqual([3, 1, 0, 2]);
    layout.sort = { column: 'score', down: false };
    expect(list(order.rows)).toEqual([0, 1, 3, 2]);
    layout.group = 'prompt';
    expect(order.groups.map((group) => group.title)).toEqual(['a red fox', 'a blue boat']);
  });
  it('narrows, replaces a filter of the same column, inverts and removes', async () => {
    const { filters, order } = await start();
    filters.add({ kind: 'codes', column: 'prompt', codes: [1] });
    filters.add({ kind: 'codes', column: 'prompt', codes: [0] });
    expect(filters.list).toHaveLength(1);
    expect(list(order.rows)).toEqual([3, 0, 2]);
    filters.invert(0);
    expect(list(order.rows)).toEqual([1]);
    filters.removeOn('range', 'prompt');
    expect(filters.list).toHaveLength(1);
    filters.removeOn('codes', 'prompt');
    expect(order.rows).toHaveLength(4);
  });
  it('follows marks that are filtered by', async () => {
    const { filters, marks } = await start();
    filters.add({ kind: 'range', column: 'flag', low: 1, high: 1 });
    expect(list(filters.mask)).toEqual([0, 0, 0, 0]);
    marks.rate([2], 1);
    expect(list(filters.mask)).toEqual([0, 0, 1, 0]);
  });
  it('describes filters in words', async () => {
    const { filters } = await start();
    const range = (low: number | null, high: number | null, not = false): string => filters.describe({ kind: 'range', column: 'score', low, high, not });
    expect([range(3, 5), range(3.25, null), range(null, 5, true), range(3, 3)]).toEqual(['Score: 3 to 5', 'Score: at least 3.25', 'Score: not at most 5', 'Score: 3']);
    expect([range(null, null), range(null, null, true)]).toEqual(['Score: any value', 'Score: no value']);
    expect(filters.describe({ kind: 'codes', column: 'prompt', codes: [0, 0xffffffff], not: true })).toBe('Prompt: not a red fox, none');
    expect(filters.describe({ kind: 'rows', title: 'selected images', rows: Uint32Array.of(1, 2) })).toBe('selected images (2)');
  });
});

describe('selection', () => {
  it('selects one, a range in the order shown, and toggles', async () => {
    const { selection } = await start();
    selection.click(3, none);
    selection.click(0, { ...none, shiftKey: true });
    expect(list(selection.rows())).toEqual([0, 1, 3]);
    selection.click(1, { ...none, ctrlKey: true });
    expect(list(selection.rows())).toEqual([0, 3]);
    expect([selection.count, selection.current, selection.has(3)]).toEqual([2, 1, true]);
  });
  it('acts on the selection only while the current image is in it', async () => {
    const { selection } = await start();
    expect(selection.target()).toHaveLength(0);
    selection.set([0, 3]);
    selection.current = 3;
    expect(list(selection.target())).toEqual([0, 3]);
    selection.current = 1;
    expect(list(selection.target())).toEqual([1]);
  });
});

describe('marks', () => {
  it('sends, undoes and redoes, and goes to the image', async () => {
    const app = await start();
    app.marks.rate([1, 2], 1);
    app.undo();
    await settled();
    expect(server.sent.map((rating) => rating.flag)).toEqual([1, 1, 0, 0]);
    expect([app.selection.current, app.notice, app.marks.canRedo]).toEqual([1, 'Undone for 2 images.', true]);
    app.redo();
    expect([app.marks.flagOf(1), app.marks.canUndo, app.marks.canRedo]).toEqual([1, true, false]);
    app.redo();
    expect(app.notice).toBe('Nothing to redo.');
  });
  it('changes nothing in a read-only catalog', async () => {
    const app = await start((s) => (s.readonly = true));
    app.marks.rate([0], 1);
    expect([app.marks.flagOf(0), app.marks.canUndo]).toEqual([0, false]);
    expect(app.notice).toContain('read-only');
  });
  it("keeps a visitor's marks in the browser, and only those", async () => {
    const site = (s: FakeServer): void => void Object.assign(s, { live: false, readonly: true });
    server.images[1]!.flag = 1;
    const { marks } = await start(site);
    marks.rate([0], -1, 3);
    expect(JSON.parse(storage.getItem('goldpan:ratings:/:c') ?? '')).toEqual({ [hashOf(1)]: [-1, 3] });
    const again = (await start(site)).marks;
    expect([again.flagOf(0), again.starsOf(0), again.flagOf(1)]).toEqual([-1, 3, 1]);
    expect(server.sent).toEqual([]);
  });
  it('applies the marks of other pages without an undo', async () => {
    const { marks } = await start();
    marks.onRatings([{ hash: hashOf(2), stars: 4 }, { hash: 'unknown', flag: 1 }]);
    expect([marks.starsOf(1), marks.flagOf(1), marks.canUndo]).toEqual([4, 0, false]);
  });
});

describe('search', () => {
  it('sorts by similarity, and by score again when it is cleared', async () => {
    const { search, order, layout } = await start();
    await search.byText('a fox');
    expect(list(order.rows)).toEqual([0, 1, 2, 3]);
    await search.byImages([1]);
    await search.byImages([1], true);
    expect([search.query.more, search.query.less]).toEqual([[], [hashOf(2)]]);
    await search.remove(hashOf(2));
    await search.byText('');
    expect([search.similarity, layout.sort.column]).toEqual([null, 'score']);
  });
  it('keeps the search before when the server rejects a query', async () => {
    const app = await start();
    await app.search.byText('a fox');
    await app.search.byText('bad');
    expect([app.search.query.text, app.notice, app.search.searching]).toEqual(['a fox', 'bad query', false]);
  });
  it('filters by words where there is no model', async () => {
    const { search, filters, order } = await start((s) => (s.searchable = false));
    await search.byText('boat');
    expect(filters.list).toEqual([{ kind: 'words', text: 'boat' }]);
    expect(list(order.rows)).toEqual([1]);
  });
});

describe('views', () => {
  it('saves filters with their order on a site, and opens and removes them', async () => {
    const { views, filters, layout } = await start((s) => (s.live = false));
    filters.add({ kind: 'rows', title: 'two', rows: Uint32Array.of(1, 2) });
    layout.group = 'prompt';
    await views.save('mine');
    filters.clear();
    layout.group = 'none';
    const next = await start();
    await settled();
    next.views.open('mine');
    expect(next.filters.list).toEqual([{ kind: 'rows', title: 'two', rows: Uint32Array.of(1, 2) }]);
    expect(next.layout.group).toBe('prompt');
    await next.views.remove('mine');
    expect(JSON.parse(storage.getItem('goldpan:views:/:c') ?? '')).toEqual({});
  });
});

describe('layout', () => {
  it('is stored without the mode, and reset', async () => {
    const { layout } = await start();
    Object.assign(layout, { cell: 300, mode: 'cull' });
    layout.tableColumns = ['score'];
    layout.save();
    const next = (await start()).layout;
    expect([next.cell, next.mode, [...next.tableColumns]]).toEqual([300, 'browse', ['score']]);
    next.reset();
    expect([next.cell, next.tableColumns.length]).toEqual([150, 7]);
  });
  it('sorts by path when the column of the order is gone', async () => {
    storage.setItem('goldpan:layout', JSON.stringify({ sort: { column: 'absent', down: true } }));
    expect((await start()).layout.sort).toEqual({ column: 'path', down: false });
  });
});

describe('reload', () => {
  it('keeps selection, filters, undo and the current image with their images', async () => {
    const app = await start();
    app.selection.set([1, 3]);
    app.selection.current = 3;
    app.filters.add({ kind: 'rows', title: 'two', rows: Uint32Array.of(0, 3) });
    app.marks.rate([3], 1);
    await settled();
    server.images = [{ id: 9, score: 50, prompt: 1 }, { id: 4, score: 41, prompt: 0, flag: 1 }, { id: 1, score: 10, prompt: 0 }];
    await app.reload();
    expect(list(app.selection.rows())).toEqual([1]);
    expect(app.selection.current).toBe(1);
    expect(list(app.order.rows)).toEqual([1, 2]);
    app.undo();
    expect([app.marks.flagOf(0), app.marks.flagOf(1)]).toEqual([0, 0]);
    expect(app.catalog.score(1)).toBe(41);
  });
  it('changes nothing when it fails', async () => {
    const app = await start();
    app.selection.set([1]);
    server.up = false;
    await app.reload();
    expect(list(app.selection.rows())).toEqual([1]);
    expect(app.catalog.count).toBe(4);
    expect(app.notice).toContain('does not respond');
  });
});
