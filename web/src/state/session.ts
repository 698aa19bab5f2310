// What survives a reload of the page but is not part of its address: the chosen images, opened stacks, positions of
// lists, the comparison and the undo list. Session storage keeps these, and the rows of filters that list rows. The
// address contains keys for these rows.
import type { Catalog } from './catalog.svelte';
import type { Comparing } from './comparing.svelte';
import type { Filter } from './filter-sort';
import type { History, KeptStep } from './history.svelte';
import type { Selection } from './selection.svelte';
import type { Stacks } from './stacks.svelte';
import type { Comparison } from './tournament';

/** The position of a list: the first visible picture (hash), the distance of its line from the upper edge in pixels, and
 * the current picture. */
export interface ListPlace {
  at: string;
  offset: number;
  current: string;
}
export type ListPlaces = Record<string, ListPlace>;

interface Kept {
  chosen: string[];
  places?: ListPlaces;
  entries?: [string, ListPlaces][];
  done: KeptStep[];
  undone: KeptStep[];
  compared: Comparison | null;
  /** hash of one picture of each opened stack */
  opened?: string[];
}

export interface KeptRows {
  title: string;
  hashes: string[];
}

type RowsFilter = Extract<Filter, { kind: 'rows' }>;
const MAX_CHOSEN = 50000;
/** number of addresses whose positions are stored */
const MAX_ENTRIES = 50;

/** An address without the parts that change without a new entry in the browser's history. */
export const withoutCurrent = (address: string): string => address.replace(/[?&](at|compare|rounds|map)=[^&]*/g, '');

export class Session {
  /** position of each list */
  places: ListPlaces = {};
  /** positions to which the lists return when they change now; null: the lists stay where they are */
  back: ListPlaces | null = null;
  /** positions of the lists at each address that the page left */
  private entries = new Map<string, ListPlaces>();
  /** scroll position of Found in pixels */
  found = 0;
  /** the comparison that was open before the page was loaded again */
  compared: Comparison | null = null;
  private readonly catalog: Catalog;
  private readonly selection: Selection;
  private readonly history: History;
  private readonly comparing: Comparing;
  private readonly stacks: Stacks;
  private readonly keys = new Map<Uint32Array, string>();

  constructor(catalog: Catalog, selection: Selection, history: History, comparing: Comparing, stacks: Stacks) {
    this.catalog = catalog;
    this.selection = selection;
    this.history = history;
    this.comparing = comparing;
    this.stacks = stacks;
  }

  /** Stores the positions of the lists before the page goes to another address. */
  leave(address: string): void {
    const key = withoutCurrent(address);
    this.entries.delete(key);
    this.entries.set(key, { ...this.places });
    for (const oldest of this.entries.keys()) if (this.entries.size > MAX_ENTRIES) this.entries.delete(oldest);
  }

  /** The lists return to the positions that they had when the page left an address. */
  return(address: string): void {
    this.back = this.entries.get(withoutCurrent(address)) ?? null;
  }

  private name(what: string): string {
    return this.catalog.storageKey(what);
  }

  save(): void {
    if (!this.catalog.manifest) return;
    const rows = this.selection.rows();
    const chosen = rows.length > MAX_CHOSEN ? [] : Array.from(rows, (row) => this.catalog.hash(row));
    const kept: Kept = { chosen, places: this.places, entries: [...this.entries], ...this.history.keep(), compared: this.comparing.now, opened: Array.from(this.stacks.opened, (row) => this.catalog.hash(row)) };
    write(this.name('session'), kept);
  }

  restore(): void {
    const kept = read<Kept>(this.name('session'));
    if (!kept) return;
    this.places = kept.places ?? {};
    this.back = { ...this.places };
    this.entries = new Map(kept.entries ?? []);
    const rowsOf = (hashes: string[] = []): number[] => hashes.map((hash) => this.catalog.rowOf(hash)).filter((row) => row >= 0);
    const rows = rowsOf(kept.chosen);
    if (rows.length) this.selection.set(rows);
    this.stacks.opened = new Set(rowsOf(kept.opened));
    this.history.restore(kept);
    this.compared = kept.compared ?? null;
  }

  /** Stores the rows of a filter. Returns the key that names them in the address. */
  keepRows(filter: RowsFilter): string {
    let key = this.keys.get(filter.rows);
    if (!key) {
      key = crypto.randomUUID().slice(0, 8);
      this.keys.set(filter.rows, key);
      write(this.name(`these:${key}`), { title: filter.title, hashes: Array.from(filter.rows, (row) => this.catalog.hash(row)) });
    }
    return key;
  }

  /** Returns the rows that an address names by keys. A named view stores these rows with the address. */
  rowsOf(address: string): Record<string, KeptRows> {
    const keys = new URLSearchParams(address.split('?')[1] ?? '').getAll('these');
    return Object.fromEntries(
      keys.flatMap((key) => {
        const kept = read<KeptRows>(this.name(`these:${key}`));
        return kept ? [[key, kept]] : [];
      }),
    );
  }

  takeRows(rows: Record<string, KeptRows>): void {
    for (const [key, kept] of Object.entries(rows)) write(this.name(`these:${key}`), kept);
  }

  findRows(key: string): RowsFilter | null {
    const kept = read<KeptRows>(this.name(`these:${key}`));
    if (!kept) return null;
    const rows = Uint32Array.from(kept.hashes.map((hash) => this.catalog.rowOf(hash)).filter((row) => row >= 0));
    this.keys.set(rows, key);
    return { kind: 'rows', title: kept.title, rows };
  }
}

function read<T>(name: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? 'null') as T | null;
  } catch {
    return null;
  }
}

function write(name: string, value: unknown): void {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // If the storage is blocked or full, a reload of the page loses only the data that this file stores.
  }
}
