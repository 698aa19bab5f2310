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

/** Starts an App with the images 1 to 4, of which the last has the best score. */
async function start(change: (server: FakeServer) => void = () => undefined): Promise<App> {
  change(server);
  const app = new App();
  await app.start();
  return app;
}

beforeEach(() => {
  storage = new Storage();
  vi.stubGlobal('localStorage', storage);
  vi.stubGlobal('sessionStorage', new Storage());
  vi.stubGlobal('EventSource', Events);
  vi.stubGlobal('innerWidth', 1440);
  vi.stubGlobal('innerHeight', 900);
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
    const { catalog, prompts } = await start();
    expect(catalog.hash(2)).toBe(hashOf(3));
    expect(catalog.rowOf(hashOf(4))).toBe(3);
    expect(catalog.rowOf('unknown')).toBe(-1);
    expect(list(prompts.of(0)?.rows ?? [])).toEqual([3, 0, 2]);
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
  it('sorts the wall by score and follows the layout', async () => {
    const { order, layout } = await start();
    layout.view = 'wall';
    expect(list(order.rows)).toEqual([3, 1, 0, 2]);
    layout.sort = { column: 'score', down: false };
    expect(list(order.rows)).toEqual([0, 1, 3, 2]);
    expect([order.placeOf(3), order.placeOf(99)]).toEqual([2, -1]);
  });
  it('shows prompts with their candidates in Review, the order of prompts by lead', async () => {
    const { order, layout, prompts } = await start();
    const shown = (): string[] => order.promptRows.map((one) => `${prompts.text(one.family)} ${list(order.rows.subarray(one.from, one.to))}`);
    expect(shown()).toEqual(['a red fox 3,0,2', 'a blue boat 1']);
    layout.promptOrder = 'file';
    expect(shown()).toEqual(['a red fox 3,0,2', 'a blue boat 1']);
    expect([order.promptAt(0), order.promptAt(2), order.promptAt(3)]).toEqual([0, 0, 1]);
  });
  it('shows the prompts first about which the scorers disagree', async () => {
    const { layout, order, prompts } = await start((s) => {
      s.images = [
        { id: 1, score: 10, prompt: 0, agree: 1 },
        { id: 2, score: 20, prompt: 1, agree: 0.5 },
        { id: 3, score: 30, prompt: 0, agree: 0 },
        { id: 4, score: 40, prompt: 1, agree: 0.5 },
      ];
    });
    const shown = (): string[] => order.promptRows.map((one) => prompts.text(one.family));
    layout.promptOrder = 'disagree';
    expect(shown()).toEqual(['a blue boat', 'a red fox']);
    layout.promptOrder = 'file';
    expect(shown()).toEqual(['a red fox', 'a blue boat']);
  });
  it('replaces a filter of the same facet, and counts without one', async () => {
    const { filters, order } = await start();
    filters.add({ kind: 'values', column: 'prompt', values: ['a blue boat'] });
    filters.add({ kind: 'values', column: 'prompt', values: ['a red fox'] });
    const { list: before } = filters;
    filters.add({ kind: 'values', column: 'prompt', values: ['a red fox'] });
    expect(filters.list).toBe(before);
    expect(filters.list).toHaveLength(1);
    expect(list(order.rows).sort()).toEqual([0, 2, 3]);
    expect([filters.passing, filters.countWithout(0), filters.maskWithout('values:prompt').length]).toEqual([3, 4, 4]);
    filters.removeFacet('values:prompt');
    expect(order.rows).toHaveLength(4);
  });
  it('joins filters by any', async () => {
    const { filters } = await start();
    filters.add({ kind: 'values', column: 'prompt', values: ['a blue boat'] });
    filters.add({ kind: 'range', column: 'score', low: 40, high: null });
    expect(list(filters.mask)).toEqual([0, 0, 0, 0]);
    filters.any = true;
    expect(list(filters.mask)).toEqual([0, 1, 0, 1]);
  });
  it('follows marks that are filtered by', async () => {
    const app = await start();
    app.filters.mark = 'picked';
    expect(list(app.filters.mask)).toEqual([0, 0, 0, 0]);
    app.mark([2], { flag: 1 });
    expect(list(app.filters.mask)).toEqual([0, 0, 1, 0]);
  });
  it('describes filters in words', async () => {
    const { filters } = await start();
    const range = (low: number | null, high: number | null, not = false): string => filters.describe({ kind: 'range', column: 'score', low, high, not }).value;
    expect([range(3, 5), range(3.25, null), range(null, 5, true), range(3, 3)]).toEqual(['3 to 5', '3.25 or more', 'not at most 5', '3.0']);
    expect([range(null, null), range(null, null, true)]).toEqual(['any value', 'no value']);
    expect(filters.describe({ kind: 'values', column: 'prompt', values: ['a red fox', ''], not: true })).toEqual({ name: 'Prompt', value: 'not a red fox or no value' });
    expect(filters.describe({ kind: 'rows', title: 'Chosen', rows: Uint32Array.of(1, 2) })).toEqual({ name: 'Chosen', value: '2 pictures' });
  });
});

describe('selection', () => {
  it('makes one current by a click, chooses a range in the order shown, and toggles', async () => {
    const { selection, layout } = await start();
    layout.view = 'wall';
    selection.click(3, none);
    expect([selection.count, selection.current]).toEqual([0, 3]);
    selection.click(0, { ...none, shiftKey: true });
    expect(list(selection.rows())).toEqual([0, 1, 3]);
    selection.click(1, { ...none, ctrlKey: true });
    expect(list(selection.rows())).toEqual([0, 3]);
    expect([selection.count, selection.current, selection.has(3)]).toEqual([2, 1, true]);
  });
  it('acts on what is chosen and shown, else on the current image', async () => {
    const { selection, filters } = await start();
    expect(selection.target()).toHaveLength(0);
    selection.set([0, 3]);
    selection.current = 1;
    expect(list(selection.target())).toEqual([0, 3]);
    filters.add({ kind: 'range', column: 'score', low: 40, high: null });
    expect(list(selection.target())).toEqual([3]);
    selection.narrow();
    expect(list(selection.rows())).toEqual([3]);
  });
  it('goes to the next shown image when the current one is hidden', async () => {
    const { selection, filters, order, layout } = await start();
    layout.view = 'wall';
    const before = order.rows;
    selection.current = 1;
    filters.add({ kind: 'rows', title: 'two', rows: Uint32Array.of(2, 3) });
    selection.follow(before);
    expect(selection.current).toBe(2);
  });
});

describe('marks', () => {
  it('sends, undoes and redoes, and goes to the image', async () => {
    const app = await start();
    app.mark([1, 2], { flag: 1 }, 'picked');
    expect(app.notice).toEqual({ text: '2 pictures picked.', undo: true });
    app.undo();
    await settled();
    expect(server.sent.map((rating) => rating.flag)).toEqual([1, 1, 0, 0]);
    expect([app.selection.current, app.notice?.text, app.history.undone.length]).toEqual([1, 'Undone: the pick of 2 pictures.', 1]);
    app.redo();
    expect([app.marks.flagOf(1), app.history.done.length, app.history.undone.length]).toEqual([1, 1, 0]);
    app.redo();
    expect(app.notice?.text).toBe('Nothing to redo: this tab has made no other change.');
  });
  it('undoes filters and marks in one list', async () => {
    const app = await start();
    app.mark([0], { flag: 1 });
    app.filters.mark = 'picked';
    app.noteFilters();
    app.undo();
    expect([app.filters.list.length, app.marks.flagOf(0)]).toEqual([0, 1]);
    app.noteFilters();
    app.undo();
    expect([app.marks.flagOf(0), app.history.done.length, app.history.undone.length]).toEqual([0, 0, 2]);
  });
  it('says how many of what was undone are hidden', async () => {
    const app = await start();
    app.mark([0, 1], { flag: 1 });
    app.filters.add({ kind: 'rows', title: 'one', rows: Uint32Array.of(1) });
    app.undo();
    expect(app.notice?.text).toBe('Undone: the pick of 2 pictures, 1 of them hidden by filters.');
  });
  it('changes nothing in a read-only catalog', async () => {
    const app = await start((s) => (s.readonly = true));
    app.mark([0], { flag: 1 });
    expect([app.marks.flagOf(0), app.history.done.length]).toEqual([0, 0]);
    expect(app.notice?.text).toContain('read-only');
  });
  it("keeps a visitor's marks in the browser, and only those", async () => {
    const site = (s: FakeServer): void => void Object.assign(s, { live: false, readonly: true });
    server.images[1]!.flag = 1;
    const app = await start(site);
    app.mark([0], { flag: -1, stars: 3 });
    expect(JSON.parse(storage.getItem('goldpan:ratings:/:c') ?? '')).toEqual({ [hashOf(1)]: [-1, 3] });
    const again = (await start(site)).marks;
    expect([again.flagOf(0), again.starsOf(0), again.flagOf(1)]).toEqual([-1, 3, 1]);
    expect(server.sent).toEqual([]);
  });
  it('applies the marks of other pages without an undo', async () => {
    const { marks, history } = await start();
    marks.onRatings([{ hash: hashOf(2), stars: 4 }, { hash: 'unknown', flag: 1 }], 1);
    expect([marks.starsOf(1), marks.flagOf(1), history.done.length]).toEqual([4, 0, 0]);
  });
});

describe('prompts', () => {
  it('are decided when one candidate is picked or all are rejected', async () => {
    const app = await start((s) => (s.images[3]!.picked = 1));
    const [fox, boat] = app.prompts.list;
    expect([app.prompts.progress, app.prompts.lead(fox!), app.prompts.lead(boat!)]).toEqual([{ all: 2, decided: 0 }, 30, NaN]);
    expect([app.prompts.suggestion(fox!), app.prompts.suggestion(boat!)]).toEqual([3, -1]);
    app.mark([1], { flag: -1 });
    expect(app.prompts.progress).toEqual({ all: 2, decided: 1 });
    app.mark([0], { flag: 1 });
    expect(app.prompts.progress).toEqual({ all: 2, decided: 2 });
  });
});

describe('search', () => {
  it('sorts by similarity, and by score again when it is cleared', async () => {
    const app = await start();
    const { search, order, layout } = app;
    await app.find('a fox');
    expect(list(order.rows)).toEqual([0, 1, 2, 3]);
    await search.byImages([1]);
    await search.byImages([1], true);
    expect([search.query.more, search.query.less]).toEqual([[], [hashOf(2)]]);
    await search.remove(hashOf(2));
    await app.find('');
    expect([search.similarity, layout.sort.column]).toEqual([null, 'score']);
  });
  it('keeps the search before when the server rejects a query', async () => {
    const app = await start();
    await app.find('a fox');
    await app.find('bad');
    expect([app.search.query.text, app.search.wrong, app.search.searching]).toEqual(['a fox', 'bad query', false]);
    await app.find('a boat');
    expect(app.search.wrong).toBe('');
  });
  it('stays in the view when the server rejects the words', async () => {
    const app = await start();
    app.selection.current = 1;
    await app.find('bad');
    expect([app.layout.view, app.selection.current, app.search.wrong]).toEqual(['review', 1, 'bad query']);
  });
  it('filters by words where there is no model', async () => {
    const app = await start((s) => (s.searchable = false));
    const { filters, order } = app;
    await app.find('boat');
    expect(filters.list).toEqual([{ kind: 'words', text: 'boat' }]);
    expect(list(order.rows)).toEqual([1]);
  });
});

describe('views', () => {
  it('are addresses, with the rows that they name', async () => {
    const app = await start((s) => (s.live = false));
    app.filters.add({ kind: 'rows', title: 'two', rows: Uint32Array.of(1, 2) });
    app.filters.add({ kind: 'words', text: 'fox -"blue boat"' });
    app.layout.view = 'wall';
    await app.views.save('mine', app.address);
    vi.stubGlobal('sessionStorage', new Storage());
    const next = await start();
    await settled();
    void next.goTo(next.views.byName.mine as string);
    expect(next.filters.list).toEqual([{ kind: 'rows', title: 'two', rows: Uint32Array.of(1, 2) }, { kind: 'words', text: 'fox -"blue boat"' }]);
    expect(next.layout.view).toBe('wall');
    await next.views.remove('mine');
    expect(JSON.parse(storage.getItem('goldpan:views:/:c') ?? '')).toEqual({});
  });
  it('of goldpan 0.1.0 still open', async () => {
    const old = { filters: [{ kind: 'codes', column: 'prompt', codes: [1] }, { kind: 'range', column: 'score', low: 5, high: null }], sort: { column: 'score', down: true }, group: 'none' };
    storage.setItem('goldpan:views:/:c', JSON.stringify({ old }));
    const app = await start((s) => (s.live = false));
    await settled();
    void app.goTo(app.views.byName.old as string);
    expect(app.filters.list).toEqual([{ kind: 'values', column: 'prompt', values: ['a blue boat'] }, { kind: 'range', column: 'score', low: 5, high: null }]);
  });
});

describe('address', () => {
  it('names view, filters, order, search and the current image', async () => {
    const app = await start();
    app.layout.view = 'wall';
    app.layout.sort = { column: 'rank', down: false };
    app.filters.mark = 'undecided';
    app.filters.add({ kind: 'values', column: 'prompt', values: ['a red fox', ''], not: true });
    app.filters.any = true;
    await app.find('a fox');
    app.filters.add({ kind: 'like', least: 0.25 });
    app.selection.current = 2;
    const { address } = app;
    const next = await start();
    void next.goTo(address);
    await settled();
    expect(next.address).toBe(address);
    expect([next.filters.list, next.filters.any, next.selection.current, next.search.query.text]).toEqual([app.filters.list, true, 2, 'a fox']);
  });
  it('names the part of the map that is in view', async () => {
    const app = await start();
    app.layout.view = 'map';
    app.layout.mapView = { cx: 0.25, cy: 0.5, zoom: 4 };
    const { address } = app;
    expect(address).toContain('map=0.25+0.5+4');
    const next = await start();
    void next.goTo(address);
    expect(next.layout.mapView).toEqual({ cx: 0.25, cy: 0.5, zoom: 4 });
    void next.goTo('#wall');
    expect(next.layout.mapView).not.toBeNull();
    for (const wrong of ['#map', '#map?map=1+2', '#map?map=a+b+c', '#map?map=0.5+0.5+1']) {
      void next.goTo(wrong);
      expect(next.layout.mapView).toBeNull();
    }
  });
  it('ignores parameters that it does not know', async () => {
    const app = await start();
    void app.goTo('#nowhere?what=1&at=ff&order=x&mode=cull');
    expect([app.layout.view, app.filters.list, app.selection.current]).toEqual(['review', [], -1]);
    expect(app.layout.mode).toBe('cull');
  });
  it('shows no picture for a filter that it does not know, and keeps this filter', async () => {
    const app = await start();
    const wrong = {
      'mark=liked': '“liked” is not valid',
      'stars=x': '“x” is not valid',
      'slice=': '“” is not valid',
      'slice=99': 'no longer there',
      'prompt=': '“” is not valid',
      'these=abc': 'not known in this browser',
      'values.nope=b': 'no such column',
      'not-values.nope=b': 'no such column',
      'range.nope=1..2': 'no such column',
      'range.score=abc': '“abc” is not valid',
      'range.score=1..x': '“1..x” is not valid',
      'range.prompt=1..2': 'the column has no numbers',
      'contains.score=1': 'the column has no text',
      'not-values.score=1': 'needs a range of numbers',
      'like=0.5': 'needs a search',
      'filter.score=1': '“1” is not valid',
    };
    for (const [text, why] of Object.entries(wrong)) {
      void app.goTo(`#wall?${text}`);
      expect([text, app.filters.list.map((one) => app.filters.describe(one).value), app.filters.passing]).toEqual([text, [why], 0]);
      expect(decodeURIComponent(app.address)).toContain(text);
    }
    void app.goTo('#wall?not-range.score=..&values.prompt=a+blue+boat&not-values.prompt=a+red+fox');
    expect(app.filters.list.map((one) => app.filters.problem(one))).toEqual(['', '', '']);
  });
});

describe('session', () => {
  it('keeps the choice and the undo list over a reload of the page', async () => {
    const app = await start();
    app.mark([0, 3], { flag: 1 });
    app.selection.set([1, 2]);
    app.session.save();
    server.images[0]!.flag = 1;
    server.images[3]!.flag = 1;
    const next = await start();
    expect(list(next.selection.rows())).toEqual([1, 2]);
    next.undo();
    expect([next.marks.flagOf(0), next.marks.flagOf(3)]).toEqual([0, 0]);
  });
});

describe('layout', () => {
  it('is stored without the view and the mode', async () => {
    const { layout } = await start();
    Object.assign(layout, { cell: 300, mode: 'cull', view: 'wall' });
    layout.tableColumns = ['score'];
    layout.save();
    const next = (await start()).layout;
    expect([next.cell, next.mode, next.view, [...next.tableColumns]]).toEqual([300, 'browse', 'review', ['score']]);
  });
  it('sorts by score when the column of the order is gone', async () => {
    storage.setItem('goldpan:layout:2', JSON.stringify({ sort: { column: 'absent', down: true } }));
    expect((await start()).layout.sort).toEqual({ column: 'score', down: true });
  });
});

describe('reload', () => {
  it('keeps selection, filters, undo and the current image with their images', async () => {
    const app = await start();
    app.selection.set([1, 3]);
    app.selection.current = 3;
    app.filters.add({ kind: 'rows', title: 'two', rows: Uint32Array.of(0, 3) });
    app.mark([3], { flag: 1 });
    await settled();
    server.images = [{ id: 9, score: 50, prompt: 1 }, { id: 4, score: 41, prompt: 0, flag: 1 }, { id: 1, score: 10, prompt: 0 }];
    await app.reload();
    expect(list(app.selection.rows())).toEqual([1]);
    expect(app.selection.current).toBe(1);
    expect(list(app.order.rows).sort()).toEqual([1, 2]);
    app.undo();
    expect([app.marks.flagOf(0), app.marks.flagOf(1)]).toEqual([0, 0]);
    expect(app.catalog.score(1)).toBe(41);
  });
  it('is no act, so that a notice keeps its button Undo', async () => {
    const app = await start();
    app.mark([0, 1], { flag: 1 });
    const { acts } = app.history;
    await app.reload();
    expect([app.history.done.length, app.history.acts]).toEqual([1, acts]);
    app.undo();
    expect(app.history.acts).toBe(acts + 1);
  });
  it('keeps a mark that was made and confirmed while the columns came', async () => {
    const app = await start();
    let send = (): void => undefined;
    server.hold = new Promise((resolve) => (send = resolve));
    const reloading = app.reload();
    await settled();
    app.mark([0], { flag: 1 });
    app.marks.onRatings([{ hash: hashOf(2), flag: -1, stars: 3 }], 2);
    await settled();
    expect(app.marks.unsent).toBe(0);
    send();
    await reloading;
    expect([app.marks.flagOf(0), app.marks.flagOf(1), app.marks.starsOf(1)]).toEqual([1, -1, 3]);
  });
  it('waits for unsent tags before an export', async () => {
    const app = await start();
    let confirm = (): void => undefined;
    server.holdTags = new Promise((resolve) => (confirm = resolve));
    app.tag([0], 'castle');
    let waits = true;
    const confirmed = app.confirmed('Nothing was exported.').then(() => (waits = false));
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect([waits, app.unsent]).toEqual([true, 1]);
    confirm();
    await confirmed;
    expect(app.unsent).toBe(0);
  });
  it('lets a candidate that arrived take part in the rounds', async () => {
    const app = await start();
    const family = app.prompts.of(0);
    app.comparing.show(family ? app.comparing.ofPrompt(family) : null);
    expect(app.comparing.now?.all).toEqual([hashOf(4), hashOf(1), hashOf(3)]);
    server.images.push({ id: 9, score: 30, prompt: 0 }, { id: 8, score: 30, prompt: 1 });
    await app.reload();
    expect(app.comparing.now).toMatchObject({ all: [hashOf(4), hashOf(9), hashOf(1), hashOf(3)], large: [hashOf(4), hashOf(1)], round: 1 });
    expect(app.notice?.text).toBe('A new candidate takes part.');
    // A reload without a new picture adds none.
    await app.reload();
    expect(app.comparing.now?.all).toHaveLength(4);
  });
  it('changes nothing when it fails', async () => {
    const app = await start();
    app.selection.set([1]);
    server.up = false;
    await app.reload();
    expect(list(app.selection.rows())).toEqual([1]);
    expect(app.catalog.count).toBe(4);
    expect(app.notice?.text).toContain('does not respond');
  });
});
