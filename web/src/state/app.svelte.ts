// The stores that all views share. A store uses only stores that come before it in this list (line by line):
//
//   layout     view, mode, panes, order         catalog    manifest, columns, rows
//   marks      flags and stars                  tags       tags of images
//   search     similarity to a query            filters    which images pass
//   prompts    candidates of each prompt        stacks     images folded to one cell
//   order      passing images in order          selection  current and chosen images
//   arrivals   new images that no view has shown
//   history    undo and redo                    comparing  images that Compare shows
//   session    what survives a reload           views      named addresses
//
// App creates the stores, loads the catalog, writes and follows the address, and does what concerns several stores.
import { tick } from 'svelte';
import * as api from '../api';
import { readAddress, writeAddress, type Place } from './address';
import { Arrivals } from './arrivals.svelte';
import { Catalog } from './catalog.svelte';
import { Comparing } from './comparing.svelte';
import { Filters, type FilterState } from './filters.svelte';
import { History, type BinStep, type Step, type ViewPlace } from './history.svelte';
import { Layout, BY_SIMILARITY, type View } from './layout.svelte';
import { Marks } from './marks.svelte';
import { navigation } from './navigation';
import { Order } from './order.svelte';
import { Prompts } from './prompts.svelte';
import type { Change, Marking } from './ratings';
import { Search } from './search.svelte';
import { Selection } from './selection.svelte';
import { OtherCatalog } from './sender';
import { Session } from './session';
import { Stacks } from './stacks.svelte';
import { Tags } from './tags.svelte';
import { nameOfMarks, nameOfTags, undoWords } from './undo-words';
import { SavedViews } from './views.svelte';

export const pictures = (n: number): string => `${n.toLocaleString()} ${n === 1 ? 'picture' : 'pictures'}`;

/** Milliseconds until the page tries to reach the server again. */
const RETRY = 4000;

export interface Notice {
  text: string;
  /** the notice has a button that undoes the reported change */
  undo: boolean;
}

export class App {
  /** why the catalog could not be loaded, or '' */
  loadError = $state('');
  /** the catalog is loaded, and the page shows the view that its address names */
  ready = $state(false);
  notice = $state.raw<Notice | null>(null);
  /** the server responds */
  connected = $state(true);
  /** name of the other catalog that the server at this address serves now; '': it serves this catalog */
  otherCatalog = $state('');

  readonly report = (text: string): void => {
    this.notice = { text, undo: false };
  };
  readonly layout = new Layout();
  readonly catalog = new Catalog(this.report);
  readonly marks = new Marks(this.catalog, this.report);
  readonly tags = new Tags(this.catalog, this.report);
  readonly search = new Search(this.catalog, this.layout, this.report);
  readonly filters = new Filters(this.catalog, this.marks, this.search);
  readonly prompts = new Prompts(this.catalog, this.marks);
  readonly stacks = new Stacks(this.catalog, this.marks, this.prompts, this.layout);
  readonly order = new Order(this.catalog, this.marks, this.filters, this.search, this.layout, this.prompts, this.stacks);
  readonly selection = new Selection(this.catalog, this.order);
  readonly arrivals = new Arrivals();
  readonly history = new History(this.catalog, this.marks, this.tags, this.filters);
  readonly comparing = new Comparing(this, (rows, marking, verb) => this.change(rows, marking, verb), this.report, () => (this.notice = null));
  readonly session = new Session(this.catalog, this.selection, this.history, this.comparing, this.stacks);
  readonly views = new SavedViews(this.catalog, this.session, this.report);

  async start(): Promise<void> {
    this.layout.restore();
    const address = location.hash;
    try {
      // Loads the columns for the order and for the suggestions before anything is shown, so that nothing moves
      // afterwards.
      await this.load([this.layout.sort.column, 'picked', 'corrected', 'agree', 'category', 'width', 'height']);
    } catch (error) {
      this.loadError = (error as Error).message;
      return;
    }
    this.session.restore();
    void this.goTo(address);
    this.ready = true;
    if (this.catalog.manifest?.live) this.reconnect();
    void this.views.load();
  }

  private stopListening: (() => void) | null = null;
  private retry = 0;

  /** Listens to the server's events. After an interruption, listens only if the server still serves this catalog. */
  reconnect(): void {
    clearTimeout(this.retry);
    this.stopListening?.();
    this.stopListening = api.listen(this.catalog.manifest?.revision ?? 0, {
      revision: () => void this.reload(),
      ratings: (changes, event) => this.marks.onRatings(changes, event),
      notice: this.report,
      tags: (changes, event) => this.tags.onTags(changes, event),
      generate: (state) => this.onGenerating(state),
      connection: (up) => void this.onConnection(up),
    });
  }

  private async onConnection(up: boolean): Promise<void> {
    if (up && this.connected) return;
    if (up) {
      try {
        await this.verify();
      } catch {
        return;
      }
      this.connected = true;
      await this.reload();
      return;
    }
    this.connected = false;
    this.marks.suspect(() => this.verify());
    this.tags.suspect(() => this.verify());
    // The browser reconnects by itself only after some kinds of failure, so the page also tries.
    clearTimeout(this.retry);
    this.retry = window.setTimeout(() => this.reconnect(), RETRY);
  }

  /** Throws an error if the server does not answer, or serves another catalog than this page shows. */
  private async verify(): Promise<void> {
    const { catalog, name } = await api.readManifest();
    if (catalog === this.catalog.manifest?.catalog) return;
    this.otherCatalog = name;
    throw new OtherCatalog(`goldpan serves another catalog now: ${name}`);
  }

  /** All stores change in one step after the last await, so that no view mixes rows of two loads. */
  private async load(also: string[] = []): Promise<void> {
    this.marks.beginReading();
    this.tags.beginReading();
    const loaded = await this.catalog.read(also);
    const before = this.catalog.count;
    const to = this.catalog.replace(loaded);
    this.marks.load();
    this.tags.load(loaded.tags);
    this.history.move(to);
    this.filters.move(to);
    this.knownFilters = this.filters.state;
    this.selection.move(to);
    this.stacks.move(to);
    this.arrivals.move(to, before, this.catalog.count);
    this.comparing.move(to, before);
    if (this.layout.mode === 'cull' && this.selection.cullRows.length === 0) this.layout.mode = 'browse';
    const { sort } = this.layout;
    if (sort.column !== BY_SIMILARITY && !this.catalog.has(sort.column)) this.layout.sort = { column: 'score', down: true };
    document.title = `${loaded.manifest.name} · goldpan`;
  }

  /** Loads the catalog again after a change. The chosen images, filters, undo steps and search refer to the same
   * images as before. */
  async reload(): Promise<void> {
    try {
      await this.load();
    } catch (error) {
      this.report((error as Error).message);
      return;
    }
    if (this.search.similarity) await this.search.run();
  }

  // ---------------------------------------------------------------- marks

  /** Marks rows as one step of undo. `verb`: the word for the notice, such as "picked" or "rejected". */
  mark(rows: ArrayLike<number> & Iterable<number>, marking: Marking | ((row: number) => Marking), verb = 'marked'): void {
    const change = this.change(rows, typeof marking === 'function' ? marking : () => marking, verb);
    if (change) this.history.push({ kind: 'marks', change });
  }

  /** Adds tags to rows, or removes them, as one step of undo. */
  tag(rows: ArrayLike<number> & Iterable<number>, wanted: string | string[], removed = false): void {
    if (!this.marks.writable) return this.report('This catalog is open read-only. Your tag is not saved.');
    const changes = [wanted].flat().flatMap((tag) => this.tags.set(rows, tag, removed) ?? []);
    const [first, ...others] = changes;
    if (!first) return;
    this.history.push({ kind: 'tags', ...first, ...(others.length ? { with: others } : {}) });
    const n = new Set(changes.flatMap(({ hashes }) => hashes)).size;
    const names = changes.map(({ tag }) => `“${tag}”`).join(', ');
    this.notice = n > 1 ? { text: `${names} ${removed ? 'removed from' : 'added to'} ${pictures(n)}.`, undo: true } : null;
  }

  /** Marks rows and shows a notice, without a step of undo. */
  private change(rows: Iterable<number>, marking: (row: number) => Marking, verb: string): Change | null {
    const change = this.marks.set(rows, marking);
    if (!change) return null;
    const n = change.rows.length;
    const picks = change.flags[0].filter((flag, i) => flag > 0 && (change.flags[1][i] as number) <= 0).length;
    const yours = picks > 1 ? `, ${picks.toLocaleString()} of them were your picks` : picks ? ', 1 of them was your pick' : '';
    this.notice = n > 1 ? { text: `${pictures(n)} ${verb}${yours}.`, undo: true } : null;
    return change;
  }

  /** In Compare, undo goes back only over decisions. Outside Compare, undo skips steps that have no effect there, such
   * as decisions that changed no mark. */
  undo(): void {
    if (this.moving) return this.report('Files are being moved. Undo when that is done.');
    const inCompare = this.layout.mode === 'compare';
    if (inCompare && this.history.done.at(-1)?.kind !== 'compare') return this.report('No decision to undo. Earlier marks are undone outside of Compare.');
    let step = this.history.undo();
    while (step && isEmpty(step, inCompare)) step = this.history.undo();
    this.afterUndo(step, 'undo', 0);
  }

  redo(): void {
    if (this.moving) return this.report('Files are being moved. Redo when that is done.');
    const inCompare = this.layout.mode === 'compare';
    if (inCompare && this.history.undone.at(-1)?.kind !== 'compare') return this.report('No decision to redo.');
    let step = this.history.redo();
    while (step && isEmpty(step, inCompare)) step = this.history.redo();
    this.afterUndo(step, 'redo', 1);
  }

  private afterUndo(step: Step | null, what: 'undo' | 'redo', side: 0 | 1): void {
    const done = what === 'undo' ? 'undone' : 'done again';
    if (step?.kind === 'compare' && this.layout.mode === 'compare') {
      this.comparing.show(side ? step.after : step.before);
      return this.report(`Decision ${done}${step.change ? `: ${pictures(step.change.rows.length)}` : ''}.`);
    }
    if (!step) return this.report(`Nothing to ${what}: this tab has made no ${what === 'undo' ? 'change' : 'other change'}.`);
    this.knownFilters = { list: this.filters.list, any: this.filters.any };
    if (step.kind === 'filters') {
      if (side === 0 && step.place) this.returnTo(step.place);
      return this.report(`Filters ${done}.`);
    }
    if (step.kind === 'bin') return void this.moveAgain(step, side);
    const tagged = step.kind === 'tags' ? new Set([step, ...(step.with ?? [])].flatMap(({ hashes }) => hashes)) : null;
    const rows = tagged ? Uint32Array.from(Array.from(tagged, (hash) => this.catalog.rowOf(hash)).filter((row) => row >= 0)) : ((step as { change: Change | null }).change?.rows ?? new Uint32Array(0));
    const hidden = rows.filter((row) => !this.filters.mask[row]).length;
    const culled = this.layout.mode === 'cull' ? rows.find((row) => this.selection.cullRows.includes(row)) : undefined;
    const shown = culled ?? rows.find((row) => this.filters.mask[row] === 1);
    if (shown !== undefined) this.selection.current = culled ?? this.order.standIn(shown);
    // after the lists have followed the marks
    if (shown !== undefined) void tick().then(tick).then(() => navigation.show?.());
    const inStacks = rows.filter((row) => this.filters.mask[row] === 1 && this.order.placeOf(row) < 0).length;
    const where = [hidden ? `${hidden.toLocaleString()} of them hidden by filters` : '', inStacks ? `${inStacks.toLocaleString()} of them below the top of a stack` : ''];
    const name = step.kind === 'tags' ? nameOfTags(step) : nameOfMarks((step as { change: Change }).change);
    const of = rows.length === 1 ? `“${this.catalog.prompt(rows[0] as number) || 'a picture without a prompt'}”` : pictures(rows.length);
    this.report([undoWords(side, name, of), ...where.filter(Boolean)].join(', ') + '.');
  }

  /** After the undo of a filter: if the page shows the same view as before the filter, it shows the same picture and the
   * same part of the list again. */
  private returnTo({ view, current, places }: ViewPlace): void {
    if (this.layout.mode !== 'browse' || this.layout.view !== view) return;
    const row = this.catalog.rowOf(current);
    if (row >= 0 && this.filters.mask[row] === 1) this.selection.current = this.order.standIn(row);
    this.session.back = places;
    void tick().then(() => (this.session.back = null));
  }

  /** number of marks and tags that the server has not confirmed yet */
  get unsent(): number {
    return this.marks.unsent + this.tags.unsent;
  }

  /** Waits until the server has confirmed all marks and tags. Throws an error if the server has not confirmed them
   * after five seconds. `nothing`: the last sentence of the error message, which says what was not done. */
  async confirmed(nothing: string): Promise<void> {
    for (let i = 0; this.unsent > 0; i++) {
      const n = this.unsent;
      if (i === 50) throw new Error(`${n.toLocaleString()} ${n === 1 ? 'mark is' : 'marks are'} not saved yet, because goldpan does not respond. ${nothing}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  // ---------------------------------------------------------------- the bin

  /** files are being moved to the bin or back */
  moving = $state(false);

  /** Moves the files of rejected pictures to the bin, as one step of undo. Throws an error if no picture was moved. */
  async moveToBin(hashes: string[]): Promise<void> {
    const { images, failed, why } = await this.moved(() => api.moveToBin(hashes));
    if (!images && failed) throw new Error(why);
    this.history.push({ kind: 'bin', hashes });
    this.notice = { text: `${pictures(images)} moved to the bin.${notMoved(failed, why)}`, undo: true };
  }

  /** Moves the files back from the bin for undo (`side` 0), or to the bin again for redo (`side` 1). */
  private async moveAgain(step: BinStep, side: 0 | 1): Promise<void> {
    try {
      const { images, failed, why } = await this.moved(() => (side ? api.moveToBin(step.hashes) : api.restoreFromBin(step.hashes)));
      if (!images) throw new Error(why);
      this.report(`${pictures(images)} moved ${side ? 'to the bin' : 'back from the bin'}.${notMoved(failed, why)}`);
    } catch (error) {
      this.history.takeBack(step, side);
      this.report(`Nothing was moved: ${(error as Error).message}`);
    }
  }

  private async moved(move: () => Promise<api.Moved>): Promise<api.Moved> {
    this.moving = true;
    try {
      await this.confirmed('Nothing was moved.');
      return await move();
    } finally {
      this.moving = false;
    }
  }

  // ---------------------------------------------------------------- new pictures

  /** progress of the request to the generator; null: the generator makes no pictures now */
  generating = $state.raw<api.Generating | null>(null);

  /** Makes a picture again (`more` 0), or `more` pictures with its prompt and settings. Throws an error if the server
   * does not accept the request. */
  async generate(hash: string, more: number, address: string): Promise<void> {
    await api.generate(hash, more, address);
    this.generating ??= { running: true, done: 0, wanted: more || 1 };
  }

  async stopGenerating(): Promise<void> {
    try {
      await api.stopGenerating();
    } catch (error) {
      this.report((error as Error).message);
    }
  }

  private onGenerating(state: api.Generating): void {
    this.generating = state.running ? state : null;
    if (!state.running) this.report(generated(state, this.catalog.manifest?.scorer != null));
  }

  /** The filters when `noteFilters` last ran. If the current filters differ from these, `noteFilters` adds the
   * difference as a step of undo. Undo, redo, Back and links also store the filters here, so that they add no step. */
  private knownFilters: FilterState = { list: [], any: false };

  noteFilters(): void {
    if (!this.ready) return;
    const before = this.knownFilters;
    const after = { list: this.filters.list, any: this.filters.any };
    if (before.list === after.list && before.any === after.any) return;
    this.knownFilters = after;
    const { layout, selection, session } = this;
    const current = selection.current >= 0 ? this.catalog.hash(selection.current) : '';
    this.history.push({ kind: 'filters', before, after, at: Date.now(), place: { view: layout.view, current, places: { ...session.places } } });
  }

  // ---------------------------------------------------------------- search

  /** Searches by words. If the server has no model for this, the words filter the prompts instead. If the server rejects
   * a search, the view does not change. A search changes everything in one step, so that Back undoes it in one step. */
  async find(text: string): Promise<void> {
    const { search, filters } = this;
    if (!this.catalog.manifest?.search.text) {
      if (!text) return filters.removeFacet('words');
      filters.add({ kind: 'words', text });
      this.noteFilters(); // before showBest() changes the view and the current picture, which Undo restores
      return this.showBest();
    }
    const query = { ...search.query, text };
    if (!text && !query.more?.length && !query.less?.length) return this.clearSearch();
    await search.run(query, (message) => (search.wrong = message), text ? () => this.showBest() : undefined);
  }

  async clearSearch(): Promise<void> {
    this.filters.removeFacet('like');
    await this.search.clear();
  }

  /** Searches for images that are similar to those in `rows`, or dissimilar from them. */
  async findLike(rows: Iterable<number>, less = false): Promise<void> {
    if (!this.catalog.manifest?.search.like) return this.report('Search by picture needs goldpan explore and a catalog with embeddings.');
    await this.search.byImages(rows, less, () => this.showBest());
  }

  async findFile(file: File): Promise<void> {
    await this.search.byFile(file, () => this.showBest());
  }

  /** Shows the wall with its first picture as the current one. After a search, this is the most similar picture. */
  private showBest(): void {
    this.show('wall');
    this.selection.current = this.order.rows[0] ?? -1;
  }

  // ---------------------------------------------------------------- address

  show(view: View): void {
    this.layout.mode = 'browse';
    this.layout.view = view;
  }

  /** The address of the view that is shown. */
  get address(): string {
    const { layout, filters, search, selection, catalog, comparing } = this;
    // reads the manifest, so that the address is computed again after a reload: rows then belong to other hashes
    void catalog.manifest;
    const isHash = (key: string): boolean => key.length === 32;
    return writeAddress(
      {
        view: layout.view,
        mode: layout.mode,
        filters: filters.state,
        search: { text: search.query.text, more: (search.query.more ?? []).filter(isHash), less: (search.query.less ?? []).filter(isHash) },
        promptOrder: layout.promptOrder,
        stacks: layout.stacks,
        mapView: layout.mapView,
        sort: layout.sort.column === BY_SIMILARITY ? undefined : layout.sort,
        compared: comparing.now?.large ?? [],
        rounds: (comparing.now?.round ?? 0) > 0,
        at: selection.current >= 0 ? catalog.hash(selection.current) : '',
      },
      (filter) => this.session.keepRows(filter),
    );
  }

  /** The page is changing to what an address names. The address is written again only after that. */
  following = $state(false);
  private lastAddress = 0;

  /** Shows the view, filters, search and picture that an address names. Settings that the address does not name stay as
   * they are. */
  async goTo(address: string): Promise<void> {
    const serial = ++this.lastAddress;
    this.following = true;
    const search = this.follow(address);
    try {
      await search;
    } finally {
      await tick();
      if (serial === this.lastAddress) {
        this.following = false;
        this.session.back = null;
      }
    }
  }

  private follow(address: string): Promise<void> {
    const place: Place = readAddress(address, (key) => this.session.findRows(key));
    const { layout, selection, catalog } = this;
    layout.view = place.view;
    this.setFilters(place.filters);
    if (place.promptOrder) layout.promptOrder = place.promptOrder;
    layout.stacks = place.stacks;
    if (place.view === 'map') layout.mapView = place.mapView ?? null;
    if (place.sort && catalog.has(place.sort.column)) layout.sort = place.sort;
    const at = place.at ? catalog.rowOf(place.at) : -1;
    if (at >= 0) selection.current = at;
    const compared = place.mode === 'compare' && this.comparing.restore(place.compared, place.rounds === true, this.session.compared);
    if (place.mode === 'cull') selection.cullRows = cullRowsOf(selection, this.order);
    const empty = place.mode === 'compare' ? !compared : place.mode === 'cull' && selection.cullRows.length === 0;
    layout.mode = empty ? 'browse' : place.mode;
    return this.restoreSearch(place);
  }

  private setFilters(state: FilterState): void {
    this.filters.list = state.list;
    this.filters.any = state.any;
    this.knownFilters = state;
  }

  private async restoreSearch({ search: wanted, sort }: Place): Promise<void> {
    const { query, similarity } = this.search;
    this.search.cancel();
    const same = (query.text ?? '') === (wanted.text ?? '') && String(query.more ?? []) === String(wanted.more) && String(query.less ?? []) === String(wanted.less);
    if (same && (similarity || !wanted.text)) return;
    const { search } = this.catalog.manifest ?? {};
    if ((wanted.text && !search?.text) || ((wanted.more.length || wanted.less.length) && !search?.like)) return;
    await this.search.run(wanted, this.report, () => {
      if (sort && this.catalog.has(sort.column)) this.layout.sort = sort;
    });
  }
}

/** The notice at the end of a request for new pictures. */
export function generated({ got = 0, had = 0, same = 0, failed = 0, stopped, why, wanted }: api.Generating, scored: boolean): string {
  const fresh = Math.max(0, got - same);
  const parts = [
    fresh ? `${pictures(fresh)} made${scored ? `. To score ${fresh === 1 ? 'it' : 'them'}, run goldpan score` : ''}` : '',
    same ? `The generator returned ${same === 1 ? 'a picture' : pictures(same)} that ${same === 1 ? 'is' : 'are'} in the catalog already` : '',
    had ? `${pictures(had)} ${had === 1 ? 'was' : 'were'} made before` : '',
    stopped ? `Stopped after ${got + had + failed} of ${wanted}` : '',
    failed ? `${pictures(failed)} could not be made: ${why}` : why && !stopped ? `No picture was made: ${why}` : '',
  ];
  return `${parts.filter(Boolean).join('. ') || 'No picture was made'}.`;
}

const notMoved = (failed: number, why: string): string => (failed ? ` ${pictures(failed)} could not be moved: ${why}` : '');

/** Returns whether a step has no effect now: its pictures are not in the catalog, or it is a decision that changed no
 * mark and Compare is not open. */
const isEmpty = (step: Step, inCompare: boolean): boolean => (step.kind === 'marks' || (step.kind === 'compare' && !inCompare)) && !step.change;

/** The images that Cull shows one by one: the chosen images if there are several, else all shown images. */
export function cullRowsOf(selection: Selection, order: Order): Uint32Array {
  const chosen = selection.rowsInOrder();
  const rows = chosen.length > 1 ? chosen : order.rows.slice();
  const { current } = selection;
  return current >= 0 && !rows.includes(current) && chosen.length < 2 ? Uint32Array.of(current, ...rows) : rows;
}

export const app = new App();
export const { catalog, filters, history, layout, marks, order, prompts, search, selection, session, stacks, tags, views } = app;
