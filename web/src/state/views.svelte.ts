// Named views: filters with their order and grouping, stored in the catalog, or in the browser on a site.
import * as api from '../api';
import type { Catalog, Report } from './catalog.svelte';
import type { Filter, Sort } from './filter-sort';
import type { Filters } from './filters.svelte';
import type { GroupBy, Layout } from './layout.svelte';
import { loadSetting, saveSetting } from './storage';

export interface SavedView {
  filters: Filter[];
  sort: Sort;
  group: GroupBy;
}

export class SavedViews {
  byName = $state.raw<Record<string, SavedView>>({});
  private readonly catalog: Catalog;
  private readonly filters: Filters;
  private readonly layout: Layout;
  private readonly report: Report;

  constructor(catalog: Catalog, filters: Filters, layout: Layout, report: Report) {
    this.catalog = catalog;
    this.filters = filters;
    this.layout = layout;
    this.report = report;
  }

  async load(): Promise<void> {
    if (this.catalog.manifest?.live) this.byName = (await api.readSaved().catch(() => ({}))) as Record<string, SavedView>;
    else this.byName = loadSetting<Record<string, SavedView>>(this.catalog.storageKey('views'), {});
  }

  async save(name: string): Promise<void> {
    const view: SavedView = { filters: this.filters.list, sort: { ...this.layout.sort }, group: this.layout.group };
    this.byName = { ...this.byName, [name]: view };
    await this.store(name, view);
  }

  async remove(name: string): Promise<void> {
    const { [name]: removed, ...others } = this.byName;
    void removed;
    this.byName = others;
    await this.store(name, null);
  }

  open(name: string): void {
    const view = this.byName[name];
    if (!view) return;
    this.filters.list = view.filters.map((filter) => (filter.kind === 'rows' ? { ...filter, rows: Uint32Array.from(filter.rows) } : filter));
    this.layout.sort = view.sort;
    this.layout.group = view.group;
  }

  private async store(name: string, view: SavedView | null): Promise<void> {
    if (!this.catalog.manifest?.live) saveSetting(this.catalog.storageKey('views'), this.byName, plain);
    else if (this.catalog.writable) await api.save(name, JSON.parse(JSON.stringify(view, plain))).catch((error: Error) => this.report(error.message));
  }
}

/** Typed arrays as plain lists, for JSON. */
function plain(_: string, value: unknown): unknown {
  return value instanceof Uint32Array ? Array.from(value) : value;
}
