// A named view is an address of the page that is stored under a name. The catalog stores the views. On an exported
// site, which has no server, the browser stores them.
import * as api from '../api';
import { writeAddress } from './address';
import type { Catalog, Report } from './catalog.svelte';
import { NONE } from './columns';
import type { Filter, Sort } from './filter-sort';
import type { KeptRows, Session } from './session';
import { loadSetting, saveSetting } from './storage';

interface SavedView {
  address: string;
  /** the rows that the address of the view names by a key */
  rows: Record<string, KeptRows>;
}

export class SavedViews {
  /** address by name */
  byName = $state.raw<Record<string, string>>({});
  private saved: Record<string, SavedView> = {};
  private readonly catalog: Catalog;
  private readonly session: Session;
  private readonly report: Report;

  constructor(catalog: Catalog, session: Session, report: Report) {
    this.catalog = catalog;
    this.session = session;
    this.report = report;
  }

  async load(): Promise<void> {
    const stored = this.catalog.manifest?.live
      ? await api.readSaved().catch(() => ({}))
      : loadSetting<Record<string, unknown>>(this.catalog.storageKey('views'), {});
    const saved: Record<string, SavedView> = {};
    for (const [name, value] of Object.entries(stored)) {
      const view = isSaved(value) ? value : await this.fromFilters(value as OldView);
      this.session.takeRows(view.rows);
      saved[name] = view;
    }
    this.show(saved);
  }

  async save(name: string, address: string): Promise<void> {
    const view = { address, rows: this.session.rowsOf(address) };
    this.show({ ...this.saved, [name]: view });
    await this.store(name, view);
  }

  async remove(name: string): Promise<void> {
    const { [name]: removed, ...others } = this.saved;
    void removed;
    this.show(others);
    await this.store(name, null);
  }

  private show(saved: Record<string, SavedView>): void {
    this.saved = saved;
    this.byName = Object.fromEntries(Object.entries(saved).map(([name, { address }]) => [name, address]));
  }

  private async store(name: string, view: SavedView | null): Promise<void> {
    if (!this.catalog.manifest?.live) saveSetting(this.catalog.storageKey('views'), this.saved);
    else if (this.catalog.writable) await api.save(name, view).catch((error: Error) => this.report(error.message));
  }

  /** Views that an earlier goldpan saved contain filters instead of an address. */
  private async fromFilters(view: OldView): Promise<SavedView> {
    const list: Filter[] = [];
    for (const filter of view?.filters ?? []) {
      if (filter.kind === 'codes') {
        const words = (await this.catalog.need(filter.column))?.words;
        const values = filter.codes.map((code) => (code === NONE ? '' : (words?.at(code) ?? '')));
        list.push({ kind: 'values', column: filter.column, values, not: filter.not });
      } else if (filter.kind === 'rows') list.push({ ...filter, rows: Uint32Array.from(filter.rows) });
      else list.push(filter);
    }
    const search = { more: [], less: [] };
    const place = { view: 'wall', mode: 'browse', filters: { list, any: false }, search, stacks: 'off', sort: view?.sort, compared: [], at: '' } as const;
    const address = writeAddress({ ...place, compared: [] }, (filter) => this.session.keepRows(filter));
    return { address, rows: this.session.rowsOf(address) };
  }
}

type OldFilter = Exclude<Filter, { kind: 'rows' }> | { kind: 'rows'; title: string; rows: number[]; not?: boolean } | { kind: 'codes'; column: string; codes: number[]; not?: boolean };
type OldView = { filters?: OldFilter[]; sort?: Sort } | null;

const isSaved = (value: unknown): value is SavedView =>
  typeof (value as SavedView | null)?.address === 'string' && typeof (value as SavedView).rows === 'object';
