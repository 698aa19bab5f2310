// The current image, the chosen images, and the images that culling goes through.
//
// An action works on what is chosen and shown, or on the current image if nothing is chosen (`target`).  What filters hide
// is chosen no more (`narrow`).
import type { Catalog, RowMap } from './catalog.svelte';
import { rowsOf } from './filter-sort';
import type { Filters } from './filters.svelte';
import type { Order } from './order.svelte';

export class Selection {
  /** the row the keyboard is on, -1 none */
  current = $state(-1);
  /** what a lasso or box on the map surrounds; null: none */
  region = $state.raw<Uint32Array | null>(null);
  cullRows = $state.raw<Uint32Array>(new Uint32Array(0));

  /** counts up when the choice changed; `chosen` itself is not reactive */
  private tick = $state(0);
  private chosen = new Uint8Array(0);
  /** where a range by Shift begins, -1 none */
  private anchor = -1;
  private readonly catalog: Catalog;
  private readonly filters: Filters;
  private readonly order: Order;

  readonly count = $derived.by(() => {
    let n = 0;
    for (const one of this.mask) n += one;
    return n;
  });

  constructor(catalog: Catalog, filters: Filters, order: Order) {
    this.catalog = catalog;
    this.filters = filters;
    this.order = order;
  }

  /** 1 for each chosen row; [count].  The array is changed in place. */
  get mask(): Uint8Array {
    void this.tick;
    return this.chosen;
  }

  has(row: number): boolean {
    return this.mask[row] === 1;
  }

  rows(): Uint32Array {
    return rowsOf(this.mask);
  }

  /** Chosen rows in the order of the view. */
  rowsInOrder(): Uint32Array {
    const { mask } = this;
    return this.order.rows.filter((row) => mask[row] === 1);
  }

  set(rows: Iterable<number>, how: 'replace' | 'add' | 'remove' = 'replace'): void {
    if (how === 'replace') this.chosen.fill(0);
    for (const row of rows) this.chosen[row] = how === 'remove' ? 0 : 1;
    this.tick++;
  }

  toggle(row: number): void {
    this.set([row], this.chosen[row] ? 'remove' : 'add');
    this.anchor = row;
  }

  clear(): void {
    if (this.count) this.set([]);
  }

  /** A click on a row: alone it makes the row current; Ctrl chooses it, Shift chooses up to it. */
  click(row: number, event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }): void {
    if (event.shiftKey) {
      const a = this.order.placeOf(this.anchor >= 0 ? this.anchor : this.current);
      const b = this.order.placeOf(row);
      if (a >= 0 && b >= 0) this.set(this.order.rows.subarray(Math.min(a, b), Math.max(a, b) + 1), 'add');
    } else if (event.ctrlKey || event.metaKey) this.toggle(row);
    else {
      this.clear();
      this.anchor = row;
    }
    this.current = row;
  }

  /** The rows that an action works on. */
  target(): Uint32Array {
    const { mask } = this.filters;
    const rows = this.rows().filter((row) => mask[row] === 1);
    if (rows.length) return rows;
    return this.current >= 0 ? Uint32Array.of(this.current) : rows;
  }

  /** Drops the choice of rows that the filters hide. */
  narrow(): void {
    const { mask } = this.filters;
    let changed = false;
    for (let row = 0; row < this.chosen.length; row++)
      if (this.chosen[row] && !mask[row]) {
        this.chosen[row] = 0;
        changed = true;
      }
    if (changed) this.tick++;
  }

  /** The order changed from `before`.  If the current row is hidden, the next shown one of `before` becomes current, else the one before. */
  follow(before: Uint32Array): void {
    if (this.current < 0 || this.order.placeOf(this.current) >= 0) return;
    const at = before.indexOf(this.current);
    const shown = (row: number): boolean => this.order.placeOf(row) >= 0;
    const next = at < 0 ? undefined : (before.subarray(at + 1).find(shown) ?? before.slice(0, at).reverse().find(shown));
    this.current = next ?? this.order.rows[0] ?? -1;
  }

  /** The catalog was loaded again: all keep their images. */
  move(to: RowMap): void {
    const before = rowsOf(this.chosen);
    this.chosen = new Uint8Array(this.catalog.count);
    for (const row of before) if (to(row) >= 0) this.chosen[to(row)] = 1;
    const moved = (row: number): number => (row >= 0 ? to(row) : -1);
    // If the current image is gone, its neighbour in culling takes its place.
    const at = this.cullRows.indexOf(this.current);
    const neighbour = this.current < 0 || at < 0 ? undefined : (this.cullRows.subarray(at).find((row) => to(row) >= 0) ?? this.cullRows.slice(0, at).reverse().find((row) => to(row) >= 0));
    this.current = moved(neighbour ?? this.current);
    this.anchor = moved(this.anchor);
    this.cullRows = Uint32Array.from(Array.from(this.cullRows, to).filter((row) => row >= 0));
    this.region = this.region && Uint32Array.from(Array.from(this.region, to).filter((row) => row >= 0));
    this.tick++;
  }
}
