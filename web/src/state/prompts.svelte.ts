// The prompts of the catalog, each with its candidates: the images that were made for it.
import type { Catalog } from './catalog.svelte';
import { NONE, numberAt } from './columns';
import type { Marks } from './marks.svelte';

export interface Family {
  /** code of the prompt; NONE: images without a prompt */
  code: number;
  /** index among the prompts, in the order in which they first occur in the catalog */
  place: number;
  /** candidates, best score first; images that have no score come last */
  rows: Uint32Array;
  /** candidates that have a score: rows[0 .. scored - 1] */
  scored: number;
}

export class Prompts {
  private readonly catalog: Catalog;
  private readonly marks: Marks;

  private readonly families = $derived.by<{ list: Family[]; of: Uint32Array }>(() => {
    const { count } = this.catalog;
    void this.catalog.manifest;
    const prompt = this.catalog.lookup('prompt');
    const score = this.catalog.lookup('score');
    const of = new Uint32Array(count);
    if (!prompt) return { list: [], of };
    const placeOf = new Map<number, number>();
    const sizes: number[] = [];
    for (let row = 0; row < count; row++) {
      const code = prompt.data[row] ?? NONE;
      let place = placeOf.get(code);
      if (place === undefined) placeOf.set(code, (place = sizes.push(0) - 1));
      (sizes[place] as number)++;
      of[row] = place;
    }
    const list: Family[] = [...placeOf].map(([code, place]) => ({ code, place, rows: new Uint32Array(sizes[place] as number), scored: 0 }));
    const next = new Uint32Array(list.length);
    for (let row = 0; row < count; row++) {
      const place = of[row] as number;
      (list[place] as Family).rows[next[place] as number] = row;
      (next[place] as number)++;
    }
    const value = (row: number): number => (score ? numberAt(score, row) : NaN);
    for (const family of list) {
      family.rows.sort((a, b) => {
        const x = value(a);
        const y = value(b);
        return x === y || (x !== x && y !== y) ? a - b : x !== x ? 1 : y !== y ? -1 : y - x;
      });
      while (family.scored < family.rows.length && !Number.isNaN(value(family.rows[family.scored] as number))) family.scored++;
    }
    return { list, of };
  });

  constructor(catalog: Catalog, marks: Marks) {
    this.catalog = catalog;
    this.marks = marks;
  }

  get list(): Family[] {
    return this.families.list;
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

  /** True if goldpan suggests this image. */
  suggested(row: number): boolean {
    return this.catalog.lookup('picked')?.data[row] === 1;
  }

  suggestion(family: Family): number {
    return family.rows.find((row) => this.suggested(row)) ?? -1;
  }

  /** A prompt is decided when one of its candidates is picked, or all are rejected. */
  decided(family: Family): boolean {
    const { flags } = this.marks;
    let rejected = 0;
    for (const row of family.rows) {
      if ((flags[row] as number) > 0) return true;
      if ((flags[row] as number) < 0) rejected++;
    }
    return rejected === family.rows.length;
  }

  /** prompts with candidates, and how many of them are decided */
  readonly progress = $derived.by(() => {
    void this.marks.tick;
    let all = 0;
    let decided = 0;
    for (const family of this.list) {
      if (family.code === NONE) continue;
      all++;
      if (this.decided(family)) decided++;
    }
    return { all, decided };
  });
}
