// Which pictures are folded to stacks: near copies, or all of a prompt.
import type { Catalog, RowMap } from './catalog.svelte';
import { NONE } from './columns';
import type { Layout, StackKind } from './layout.svelte';
import type { Marks } from './marks.svelte';
import type { Prompts } from './prompts.svelte';
import { fold, numberPairs, sameRows, type Folded } from './stacks';

export class Stacks {
  /** one picture of each opened stack */
  opened = $state.raw<ReadonlySet<number>>(new Set());
  private readonly catalog: Catalog;
  private readonly marks: Marks;
  private readonly prompts: Prompts;
  private readonly layout: Layout;
  private last: Uint32Array = new Uint32Array(0);

  /** What the current view folds. Review does not fold prompts, because it has a row for each prompt anyway. The map
   * shows each picture as a point, and Found shows groups, so they fold nothing. */
  readonly kind = $derived.by<StackKind>(() => {
    const { stacks, view } = this.layout;
    if (view === 'map' || view === 'found' || (view === 'review' && stacks === 'prompt')) return 'off';
    return stacks === 'near' && !this.near ? 'off' : stacks;
  });

  /** Whether the catalog has groups of near copies. */
  get near(): boolean {
    return this.catalog.has('duplicate');
  }

  private readonly numbers = $derived.by<{ of: Uint32Array; count: number } | null>(() => {
    const { kind, catalog } = this;
    if (kind === 'off') return null;
    if (kind === 'near') {
      const group = catalog.lookup('duplicate');
      const prompt = catalog.lookup('prompt');
      return group && prompt ? numberPairs(group.data, prompt.data, catalog.count) : null;
    }
    const { list } = this.prompts;
    const of = new Uint32Array(catalog.count).fill(NONE);
    for (const { code, place, rows } of list) if (code !== NONE) for (const row of rows) of[row] = place;
    return { of, count: list.length };
  });

  private readonly open = $derived.by(() => {
    const open = new Set<number>();
    for (const row of this.opened) open.add(this.numbers?.of[row] ?? NONE);
    return open;
  });

  constructor(catalog: Catalog, marks: Marks, prompts: Prompts, layout: Layout) {
    this.catalog = catalog;
    this.marks = marks;
    this.prompts = prompts;
    this.layout = layout;
  }

  /** Folds `rows`, which are in the order of the view. Returns null if the view folds nothing. If the folded rows equal
   * `rows` or the folded rows of the last call, the result contains that same array, so that code that depends on the
   * array does not run again. */
  fold(rows: Uint32Array): Folded | null {
    const { numbers, open } = this;
    if (!numbers) return null;
    const suggested = this.catalog.lookup('picked')?.data ?? [];
    const folded = fold(rows, { ...numbers, flags: this.marks.flags, suggested, opened: (stack) => open.has(stack) });
    const before = [rows, this.last].find((one) => sameRows(one, folded.rows));
    this.last = before ?? folded.rows;
    return { ...folded, rows: this.last };
  }

  /** Number of the stack of a row, NONE: in no stack. */
  of(row: number): number {
    return this.numbers?.of[row] ?? NONE;
  }

  isOpen(row: number): boolean {
    const stack = this.of(row);
    return stack !== NONE && this.open.has(stack);
  }

  toggle(row: number): void {
    const stack = this.of(row);
    if (stack === NONE) return;
    const others = [...this.opened].filter((one) => this.of(one) !== stack);
    this.opened = new Set(this.open.has(stack) ? others : [...others, row]);
  }

  /** Sets the kind of stacks. All stacks of this kind are folded at first. */
  set(kind: StackKind): void {
    this.layout.stacks = kind;
    if (kind !== 'off') this.layout.stackKind = kind;
    this.opened = new Set();
  }

  /** After the catalog was loaded again, updates the rows. */
  move(to: RowMap): void {
    this.opened = new Set([...this.opened].map(to).filter((row) => row >= 0));
  }
}
