// The current image, the chosen images, and the images that culling goes through.
//
// An action applies to the chosen images that are shown, or to the current image if none is chosen (`target`). Images
// that filters or folded stacks hide are no longer chosen (`narrow`).
import type { Catalog, RowMap } from './catalog.svelte';
import { rowsOf } from './filter-sort';
import type { Order } from './order.svelte';

export class Selection {
  /** the current row, on which keys act; -1: none */
  current = $state(-1);
  /** the rows inside a lasso or box on the map; null: there is no lasso or box */
  region = $state.raw<Uint32Array | null>(null);
  /** the row that became current because filters or a stack hid the current row (`follow`); -1: none */
  replacement = -1;
  cullRows = $state.raw<Uint32Array>(new Uint32Array(0));

  /** increases when the chosen rows change, because `chosen` itself is not reactive */
  private tick = $state(0);
  private chosen = new Uint8Array(0);
  /** the row at which a range chosen with Shift begins; -1: none */
  private anchor = -1;
  private readonly catalog: Catalog;
  private readonly order: Order;

  readonly count = $derived.by(() => {
    let n = 0;
    const { mask } = this;
    for (let row = 0; row < mask.length; row++) n += mask[row] as number;
    return n;
  });

  constructor(catalog: Catalog, order: Order) {
    this.catalog = catalog;
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

  /** Returns the chosen rows in the order of the view. */
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

  /** Handles a click on a row. A plain click makes the row current, Ctrl and a click chooses it, Shift and a click
   * chooses the range up to it. */
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

  /** Returns the rows to which an action applies. */
  target(): Uint32Array {
    if (this.count === 0) return this.current >= 0 ? Uint32Array.of(this.current) : new Uint32Array(0);
    const rows = this.rows().filter((row) => this.order.placeOf(row) >= 0);
    if (rows.length) return rows;
    return this.current >= 0 ? Uint32Array.of(this.current) : rows;
  }

  /** Removes the rows that filters or folded stacks hide from the chosen rows. */
  narrow(): void {
    if (this.count === 0) return;
    let changed = false;
    for (let row = 0; row < this.chosen.length; row++)
      if (this.chosen[row] && this.order.placeOf(row) < 0) {
        this.chosen[row] = 0;
        changed = true;
      }
    if (changed) this.tick++;
  }

  /** Call this after the order has changed from `before`. If a stack hides the current row, the top picture of the
   * stack becomes current. If filters hide the current row, the next row of `before` that is shown becomes current,
   * else the previous one. */
  follow(before: Uint32Array): void {
    if (this.current < 0 || this.order.placeOf(this.current) >= 0) return;
    this.current = this.standInFor(this.current, before);
    this.replacement = this.current;
  }

  private standInFor(row: number, before: Uint32Array): number {
    const top = this.order.standIn(row);
    if (top >= 0) return top;
    const at = before.indexOf(row);
    const shown = (other: number): boolean => this.order.placeOf(other) >= 0;
    const next = at < 0 ? undefined : (before.subarray(at + 1).find(shown) ?? before.slice(0, at).reverse().find(shown));
    return next ?? this.order.rows[0] ?? -1;
  }

  /** After the catalog was loaded again, current and chosen rows refer to the same images as before. */
  move(to: RowMap): void {
    const before = rowsOf(this.chosen);
    this.chosen = new Uint8Array(this.catalog.count);
    for (const row of before) if (to(row) >= 0) this.chosen[to(row)] = 1;
    const moved = (row: number): number => (row >= 0 ? to(row) : -1);
    // If the current image is gone, its neighbour in Cull becomes current.
    const at = this.cullRows.indexOf(this.current);
    const neighbour = this.current < 0 || at < 0 ? undefined : (this.cullRows.subarray(at).find((row) => to(row) >= 0) ?? this.cullRows.slice(0, at).reverse().find((row) => to(row) >= 0));
    this.current = moved(neighbour ?? this.current);
    this.anchor = moved(this.anchor);
    this.replacement = moved(this.replacement);
    this.cullRows = Uint32Array.from(Array.from(this.cullRows, to).filter((row) => row >= 0));
    this.region = this.region && Uint32Array.from(Array.from(this.region, to).filter((row) => row >= 0));
    this.tick++;
  }
}
