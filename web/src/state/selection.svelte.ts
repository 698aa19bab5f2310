// The selected images, the current image, and the images that culling and comparing go through.
import type { Catalog, RowMap } from './catalog.svelte';
import { rowsOf } from './filter-sort';
import type { Order } from './order.svelte';

export class Selection {
  /** the row the keyboard is on, -1 none */
  current = $state(-1);
  /** rows that the map zooms to: the last ones that a list was clicked for */
  zoomRows = $state.raw<Uint32Array | null>(null);
  cullRows = $state.raw<Uint32Array>(new Uint32Array(0));
  compareRows = $state.raw<number[]>([]);

  /** counts up when the selection changed; `selected` itself is not reactive */
  private tick = $state(0);
  private selected = new Uint8Array(0);
  /** where a range by Shift begins, -1 none */
  private anchor = -1;
  private readonly catalog: Catalog;
  private readonly order: Order;

  readonly count = $derived.by(() => {
    let n = 0;
    for (const one of this.mask) n += one;
    return n;
  });

  constructor(catalog: Catalog, order: Order) {
    this.catalog = catalog;
    this.order = order;
  }

  /** 1 for each selected row; [count].  The array is changed in place. */
  get mask(): Uint8Array {
    void this.tick;
    return this.selected;
  }

  has(row: number): boolean {
    return this.mask[row] === 1;
  }

  rows(): Uint32Array {
    return rowsOf(this.mask);
  }

  set(rows: Iterable<number>, how: 'replace' | 'add' | 'remove' = 'replace'): void {
    if (how === 'replace') this.selected.fill(0);
    for (const row of rows) this.selected[row] = how === 'remove' ? 0 : 1;
    this.tick++;
  }

  toggle(row: number): void {
    this.set([row], this.selected[row] ? 'remove' : 'add');
  }

  clear(): void {
    this.set([]);
  }

  /** A click on a row, with the keys that were held. */
  click(row: number, event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }): void {
    if (event.shiftKey && this.anchor >= 0) {
      const { rows } = this.order;
      const a = rows.indexOf(this.anchor);
      const b = rows.indexOf(row);
      if (a >= 0 && b >= 0) this.set(rows.subarray(Math.min(a, b), Math.max(a, b) + 1), 'add');
    } else {
      if (event.ctrlKey || event.metaKey) this.toggle(row);
      else this.set([row]);
      this.anchor = row;
    }
    this.current = row;
  }

  /** The rows that an action works on: the selection if the current row is in it, else the current row. */
  target(): Uint32Array {
    if (this.current >= 0 && !this.selected[this.current]) return Uint32Array.of(this.current);
    const rows = this.rows();
    return rows.length ? rows : this.current >= 0 ? Uint32Array.of(this.current) : rows;
  }

  /** The catalog was loaded again: the selection and the current row keep their images. */
  move(to: RowMap): void {
    const before = rowsOf(this.selected);
    this.selected = new Uint8Array(this.catalog.count);
    for (const row of before) if (to(row) >= 0) this.selected[to(row)] = 1;
    this.current = this.current >= 0 ? to(this.current) : -1;
    this.tick++;
  }
}
