// The stores that all views share.  A store knows only the stores above it:
//
//   layout     panes, sort, group, mode         catalog    manifest, columns, rows
//   marks      flags and stars, undo            filters    which images match
//   search     similarity to a query            order      matching images, sorted and grouped
//   selection  selected and current images      views      named filters
//
// App creates them, loads the catalog, and does what concerns several stores.
import * as api from '../api';
import { Catalog } from './catalog.svelte';
import { Filters } from './filters.svelte';
import { Layout } from './layout.svelte';
import { Marks } from './marks.svelte';
import { Order } from './order.svelte';
import { Search } from './search.svelte';
import { Selection } from './selection.svelte';
import { SavedViews } from './views.svelte';

const images = (n: number): string => `${n} ${n === 1 ? 'image' : 'images'}`;

export class App {
  /** why the catalog could not be loaded, or '' */
  loadError = $state('');
  /** a message for a few seconds, or '' */
  notice = $state('');
  /** the server responds */
  connected = $state(true);

  private readonly report = (message: string): void => {
    this.notice = message;
  };
  readonly layout = new Layout();
  readonly catalog = new Catalog(this.report);
  readonly marks = new Marks(this.catalog, this.report);
  readonly filters = new Filters(this.catalog, this.marks);
  readonly search = new Search(this.catalog, this.filters, this.layout, this.report);
  readonly order = new Order(this.catalog, this.marks, this.filters, this.search, this.layout);
  readonly selection = new Selection(this.catalog, this.order);
  readonly views = new SavedViews(this.catalog, this.filters, this.layout, this.report);

  async start(): Promise<void> {
    this.layout.restore();
    try {
      await this.load();
    } catch (error) {
      this.loadError = (error as Error).message;
      return;
    }
    if (this.catalog.manifest?.live)
      api.listen({
        revision: () => void this.reload(),
        ratings: (changes) => this.marks.onRatings(changes),
        connection: (up) => (this.connected = up),
      });
    void this.views.load();
  }

  /** All stores change in one step after the last await: no view sees rows of two loads. */
  private async load(): Promise<void> {
    const loaded = await this.catalog.read();
    const to = this.catalog.replace(loaded);
    this.marks.load(to);
    this.filters.move(to);
    this.selection.move(to);
    if (!this.catalog.has(this.layout.sort.column)) this.layout.sort = { column: 'path', down: false };
    document.title = `${loaded.manifest.name} · goldpan`;
  }

  /** The catalog changed: loads it again.  Selection, filters, undo and search keep their images. */
  async reload(): Promise<void> {
    const columns = this.catalog.loadedColumns();
    try {
      await this.load();
      await Promise.all(columns.map((name) => this.catalog.need(name)));
    } catch (error) {
      this.notice = (error as Error).message;
      return;
    }
    if (this.search.similarity) await this.search.run();
    this.notice = 'The catalog changed and was loaded again.';
  }

  undo(): void {
    const rows = this.marks.undo();
    this.showChanged(rows);
    this.notice = rows ? `Undone for ${images(rows.length)}.` : 'Nothing to undo.';
  }

  redo(): void {
    const rows = this.marks.redo();
    this.showChanged(rows);
    this.notice = rows ? `Redone for ${images(rows.length)}.` : 'Nothing to redo.';
  }

  private showChanged(rows: Uint32Array | null): void {
    if (rows?.length) this.selection.current = rows[0] as number;
  }
}

export const app = new App();
export const { catalog, filters, layout, marks, order, search, selection, views } = app;
