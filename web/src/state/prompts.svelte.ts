// The prompts of the catalog, each with its candidates: the images that were made for it.
import type { Catalog } from './catalog.svelte';
import { CLIP_SCALE, NONE } from './columns';
import { DecidedCounter, isDecided } from './decided';
import { groupByPrompt, type Family, type Grouped } from './families';
import type { Marks } from './marks.svelte';

export type { Family };

export class Prompts {
  private readonly catalog: Catalog;
  private readonly marks: Marks;
  private readonly counter = new DecidedCounter();

  private readonly families = $derived.by<Grouped>(() => {
    const { count } = this.catalog;
    void this.catalog.manifest;
    const prompt = this.catalog.lookup('prompt');
    const score = this.catalog.lookup('score');
    if (!prompt) return { list: [], of: new Uint32Array(count), rows: new Uint32Array(0) };
    return groupByPrompt(prompt.data as Uint32Array, score?.data ?? null, count);
  });

  constructor(catalog: Catalog, marks: Marks) {
    this.catalog = catalog;
    this.marks = marks;
  }

  get list(): Family[] {
    return this.families.list;
  }

  /** The candidates of all prompts, one prompt after the other: see Family. */
  get rows(): Uint32Array {
    return this.families.rows;
  }

  of(row: number): Family | undefined {
    return this.families.list[this.families.of[row] ?? NONE];
  }

  text(family: Family): string {
    return family.code === NONE ? '' : (this.catalog.peek('prompt')?.words?.at(family.code) ?? '');
  }

  /** The lead: the best score of the prompt minus its second best, in points; NaN with fewer than two scores. */
  lead(family: Family): number {
    if (family.scored < 2) return NaN;
    return this.catalog.score(family.rows[0] as number) - this.catalog.score(family.rows[1] as number);
  }

  /** A lead below this value is close: 3 points of a CLIP score, else half of the scores' standard deviation within the
   * prompts. */
  readonly close = $derived.by(() => {
    if (this.catalog.manifest?.scale === CLIP_SCALE) return 3;
    let squares = 0;
    let freedom = 0;
    for (const { rows, scored } of this.list) {
      let mean = 0;
      for (let i = 0; i < scored; i++) mean += this.catalog.score(rows[i] as number) / scored;
      for (let i = 0; i < scored; i++) squares += (this.catalog.score(rows[i] as number) - mean) ** 2;
      freedom += Math.max(0, scored - 1);
    }
    return freedom ? 0.5 * Math.sqrt(squares / freedom) : 3;
  });

  /** True if goldpan suggests this image. */
  suggested(row: number): boolean {
    return this.catalog.lookup('picked')?.data[row] === 1;
  }

  suggestion(family: Family): number {
    return family.rows.find((row) => this.suggested(row)) ?? -1;
  }

  private readonly decisions = $derived.by(() => {
    const { list, of } = this.families;
    const { flags } = this.marks;
    return this.counter.count(list, of, flags, this.marks.log);
  });

  /** A prompt is decided when one of its candidates is picked, or all are rejected. */
  decided(family: Family): boolean {
    return isDecided(family, this.decisions);
  }

  /** number of prompts with candidates, and of decided prompts */
  get progress(): { all: number; decided: number } {
    const { all, decided } = this.decisions;
    return { all, decided };
  }
}
