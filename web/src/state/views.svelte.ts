// Named views: addresses, stored in the catalog, or in the browser on a site.
import * as api from '../api';
import type { Catalog, Report } from './catalog.svelte';
import { loadSetting, saveSetting } from './storage';

export class SavedViews {
  /** address by name */
  byName = $state.raw<Record<string, string>>({});
  private readonly catalog: Catalog;
  private readonly report: Report;

  constructor(catalog: Catalog, report: Report) {
    this.catalog = catalog;
    this.report = report;
  }

  async load(): Promise<void> {
    const stored = this.catalog.manifest?.live
      ? await api.readSaved().catch(() => ({}))
      : loadSetting<Record<string, unknown>>(this.catalog.storageKey('views'), {});
    // Views of before were filters with codes instead of an address; their codes mean nothing today.
    this.byName = Object.fromEntries(
      Object.entries(stored).flatMap(([name, value]) => {
        const address = (value as { address?: unknown } | null)?.address;
        return typeof address === 'string' ? [[name, address]] : [];
      }),
    );
  }

  async save(name: string, address: string): Promise<void> {
    this.byName = { ...this.byName, [name]: address };
    await this.store(name, { address });
  }

  async remove(name: string): Promise<void> {
    const { [name]: removed, ...others } = this.byName;
    void removed;
    this.byName = others;
    await this.store(name, null);
  }

  private async store(name: string, value: { address: string } | null): Promise<void> {
    if (!this.catalog.manifest?.live) {
      const all = Object.fromEntries(Object.entries(this.byName).map(([one, address]) => [one, { address }]));
      saveSetting(this.catalog.storageKey('views'), all);
    } else if (this.catalog.writable) await api.save(name, value).catch((error: Error) => this.report(error.message));
  }
}
