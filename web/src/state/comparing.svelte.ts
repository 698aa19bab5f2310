// The images that Compare shows, and the decisions about them. The marks of a decision and the next round are one step
// of undo.
import type { Catalog, Report, RowMap } from './catalog.svelte';
import { NONE } from './columns';
import type { Filters } from './filters.svelte';
import type { History } from './history.svelte';
import type { Layout } from './layout.svelte';
import type { Marks } from './marks.svelte';
import type { Order } from './order.svelte';
import type { Family, Prompts } from './prompts.svelte';
import type { Change, Marking } from './ratings';
import type { Selection } from './selection.svelte';
import { better, compareChosen, firstRound, join, keepBoth, rejectBoth, without, type Comparison } from './tournament';

export type Marker = (rows: number[], marking: (row: number) => Marking, verb: string) => Change | null;

export class Comparing {
  /** null: nothing is compared */
  now = $state.raw<Comparison | null>(null);

  private readonly catalog: Catalog;
  private readonly layout: Layout;
  private readonly marks: Marks;
  private readonly filters: Filters;
  private readonly prompts: Prompts;
  private readonly order: Order;
  private readonly selection: Selection;
  private readonly history: History;
  private readonly mark: Marker;
  private readonly report: Report;
  private readonly forgetNotice: () => void;

  /** rows of the large images */
  readonly rows = $derived.by(() => this.rowsOf(this.now?.large ?? []));

  constructor(stores: { catalog: Catalog; layout: Layout; marks: Marks; filters: Filters; prompts: Prompts; order: Order; selection: Selection; history: History }, mark: Marker, report: Report, forgetNotice: () => void) {
    this.catalog = stores.catalog;
    this.layout = stores.layout;
    this.marks = stores.marks;
    this.filters = stores.filters;
    this.prompts = stores.prompts;
    this.order = stores.order;
    this.selection = stores.selection;
    this.history = stores.history;
    this.mark = mark;
    this.report = report;
    this.forgetNotice = forgetNotice;
  }

  /** Returns the rows of the images that exist. Reactive callers run again after a reload of the catalog. */
  rowsOf(hashes: string[]): number[] {
    void this.catalog.manifest;
    return hashes.map((hash) => this.catalog.rowOf(hash)).filter((row) => row >= 0);
  }

  // ---------------------------------------------------------------- beginning and leaving

  show(wanted: Comparison | null): void {
    const now = wanted && without(wanted, (hash) => this.catalog.rowOf(hash) < 0);
    this.now = now;
    if (!now) {
      if (this.layout.mode === 'compare') this.layout.mode = 'browse';
      return;
    }
    const rows = this.rowsOf(now.large);
    if (!rows.includes(this.selection.current)) this.selection.current = rows[0] ?? -1;
    this.layout.mode = 'compare';
  }

  choose(rows: ArrayLike<number>): void {
    this.show(compareChosen(Array.from(rows, (row) => this.catalog.hash(row))));
  }

  /** Returns the first round of a comparison of those candidates of a prompt that pass the filters. Rejected candidates
   * do not take part if at least two other candidates are left. Returns null if there are fewer than two candidates. */
  ofPrompt(family: Family, first: string[] = []): Comparison | null {
    const rows = Array.from(family.rows).filter((row) => this.filters.mask[row] && !this.catalog.apart(row));
    if (rows.length < 2 || family.code === NONE) return null;
    const hash = (row: number): string => this.catalog.hash(row);
    const rejected = rows.filter((row) => this.marks.flagOf(row) < 0);
    return firstRound(rows.map(hash), rows.length - rejected.length > 1 ? rejected.map(hash) : [], first);
  }

  /** The prompt whose candidates are compared. */
  get family(): Family | undefined {
    const [row] = this.rowsOf(this.now?.all ?? []);
    return this.now?.round && row !== undefined ? this.prompts.of(row) : undefined;
  }

  /** Returns the comparison of the next undecided prompt that the filters show, in the order of Review, after the prompt that is compared now.
   * After the last prompt, continues with the first prompt. Returns null if no other prompt is undecided. */
  private nextPrompt(): Comparison | null {
    const list = this.order.families;
    const [row] = this.rowsOf(this.now?.all ?? []);
    const family = row === undefined ? undefined : this.prompts.of(row);
    const at = family ? list.indexOf(family) : -1;
    for (let i = 1; i <= list.length; i++) {
      const one = list[(at + i) % list.length] as Family;
      if (one === family || this.prompts.decided(one) || !this.order.shows(one)) continue;
      const next = this.ofPrompt(one);
      if (next) return next;
    }
    return null;
  }

  goNext(): void {
    const next = this.nextPrompt();
    if (next) this.show(next);
    else this.report('No other prompt here is undecided.');
  }

  /** Restores the comparison that an address names. `known`: the comparison as the session stored it. Returns false
   * if there is nothing to compare. */
  restore(hashes: string[], inRounds: boolean, known: Comparison | null): boolean {
    const here = hashes.filter((hash) => this.catalog.rowOf(hash) >= 0).slice(0, 8);
    const same = (one: Comparison | null): boolean => one !== null && one.round > 0 === inRounds && String(one.large) === String(here);
    if (same(this.now)) return true;
    const row = here.length ? this.catalog.rowOf(here[0] as string) : -1;
    const family = inRounds && row >= 0 ? this.prompts.of(row) : undefined;
    this.now = same(known) ? known : ((family && this.ofPrompt(family, here)) ?? (here.length > 1 ? compareChosen(here) : null));
    return this.now !== null;
  }

  /** After the catalog was loaded again, removes images that no longer exist from the comparison, and adds new
   * candidates. `before`: number of rows before the reload. */
  move(to: RowMap, before: number): void {
    if (!this.now) return;
    const gone = (hash: string): boolean => this.catalog.rowOf(hash) < 0;
    if (this.now.all.some(gone)) {
      const next = without(this.now, gone);
      if (this.layout.mode !== 'compare') this.now = next;
      else {
        this.report(next ? 'A picture that was compared is gone.' : 'The pictures that were compared are gone.');
        this.show(next);
      }
    }
    this.join(to, before);
  }

  private join(to: RowMap, before: number): void {
    const { now, family } = this;
    if (!now || !family) return;
    const known = new Uint8Array(this.catalog.count);
    for (let row = 0; row < before; row++) if (to(row) >= 0) known[to(row)] = 1;
    const hashes = (rows: Iterable<number>): string[] => Array.from(rows, (row) => this.catalog.hash(row));
    const arrived = family.rows.filter((row) => !known[row] && this.filters.mask[row] && this.marks.flagOf(row) >= 0 && !this.catalog.apart(row));
    if (arrived.length === 0) return;
    this.now = join(now, hashes(arrived), hashes(family.rows));
    if (this.layout.mode === 'compare') this.report(`${arrived.length === 1 ? 'A new candidate takes' : `${arrived.length} new candidates take`} part.`);
  }

  remove(row: number): void {
    const hash = this.catalog.hash(row);
    if (this.now) this.show(without(this.now, (one) => one === hash));
  }

  // ---------------------------------------------------------------- decisions

  /** Marks rows and continues with the comparison `next`, as one step of undo. */
  private step(marks: Map<number, Marking>, verb: string, next: () => Comparison | null): void {
    const before = this.now;
    if (!before) return;
    if (marks.size && !this.marks.writable) return this.report('This catalog is open read-only. Your mark is not saved.');
    this.forgetNotice(); // the button Undo of the earlier notice would undo this step instead
    const change = marks.size ? this.mark([...marks.keys()], (row) => marks.get(row) ?? {}, verb) : null;
    const after = next();
    if (!change && after === before) return;
    this.history.push({ kind: 'compare', change, before, after });
    if (after !== before) this.show(after);
    if (!after) this.report('No other prompt here is undecided.');
  }

  /** Marks one large image; the comparison stays. */
  markOne(row: number, marking: Marking): void {
    this.step(new Map([[row, marking]]), 'marked', () => this.now);
  }

  /** The image at `side` is better: it stays for the next round. In the last round, or without rounds, it is picked. */
  better(side: number): void {
    const { now } = this;
    const winner = now?.large[side];
    if (!now || winner === undefined) return;
    if (now.round === 0) return this.step(this.flags([winner], 1), 'picked', () => now);
    const next = better(now, side);
    if (next) this.step(new Map(), '', () => next);
    else this.end([...now.kept, winner], this.layout.rejectOthers, 'marked');
  }

  /** Picks the image at `side` and rejects all other images of the comparison. */
  only(side: number): void {
    const { now } = this;
    const winner = now?.large[side];
    if (!now || winner === undefined) return;
    if (now.round) return this.end([winner], true, 'marked');
    const flags = this.flags(now.large, -1);
    for (const [row, marking] of this.flags([winner], 1)) flags.set(row, marking);
    this.step(flags, 'marked', () => now);
  }

  keepBoth(): void {
    const { now } = this;
    if (!now) return;
    const next = now.round ? keepBoth(now) : now;
    if (next) this.step(this.flags(now.large, 1), 'picked', () => next);
    else this.end([...now.kept, ...now.large], this.layout.rejectOthers, 'picked');
  }

  rejectBoth(): void {
    const { now } = this;
    if (!now) return;
    const next = now.round ? rejectBoth(now) : now;
    const rejected = now.large.filter((hash) => !now.kept.includes(hash));
    if (next) this.step(this.flags(rejected, -1), 'rejected', () => next);
    // If no image is kept, images that lost to a rejected image are rejected too.
    else if (now.kept.length === 0) this.end([], true, 'rejected');
    else this.end(now.kept, this.layout.rejectOthers, 'marked', rejected);
  }

  private flags(hashes: string[], flag: number): Map<number, Marking> {
    return new Map(this.rowsOf(hashes).map((row) => [row, { flag }]));
  }

  /** Ends the comparison: picks the images `picked`, and rejects all others (`rejectOthers`) or only `rejected`. An
   * image that is neither picked nor rejected is no longer a pick. Goes to the next undecided prompt. */
  private end(picked: string[], rejectOthers: boolean, verb: string, rejected: string[] = []): void {
    const { now } = this;
    if (!now) return;
    const marks = new Map<number, Marking>();
    for (const row of this.rowsOf(now.all)) {
      const hash = this.catalog.hash(row);
      if (picked.includes(hash)) marks.set(row, { flag: 1 });
      else if (rejectOthers || rejected.includes(hash)) marks.set(row, { flag: -1 });
      else if (this.marks.flagOf(row) > 0) marks.set(row, { flag: 0 });
    }
    this.step(marks, verb, () => this.nextPrompt());
  }
}
