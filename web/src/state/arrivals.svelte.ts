// The images that came into the catalog while the page was open, and that no view has shown yet.
import type { RowMap } from './catalog.svelte';

export class Arrivals {
  rows = $state.raw<ReadonlySet<number>>(new Set());

  /** Call this after the catalog was loaded again. `before` and `now`: number of images before and after the load. */
  move(to: RowMap, before: number, now: number): void {
    if (before === 0) return;
    const rows = new Set([...this.rows].map(to).filter((row) => row >= 0));
    // Usually the new images come after all other images, and the other images keep their rows.
    if (to(before - 1) === before - 1) {
      for (let row = before; row < now; row++) rows.add(row);
    } else {
      const known = new Uint8Array(now);
      for (let row = 0; row < before; row++) if (to(row) >= 0) known[to(row)] = 1;
      for (let row = 0; row < now; row++) if (!known[row]) rows.add(row);
    }
    this.rows = rows;
  }

  /** A view has shown these rows, so they no longer count as new. */
  see(rows: Iterable<number>): void {
    const seen = [...rows].filter((row) => this.rows.has(row));
    if (seen.length === 0) return;
    const left = new Set(this.rows);
    for (const row of seen) left.delete(row);
    this.rows = left;
  }
}
