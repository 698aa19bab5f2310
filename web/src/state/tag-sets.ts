// The tags of all rows. Each row has the number of its set of tags, so the tags are a column of codes and words, as
// other columns are.
import type { ColumnInfo } from '../api';
import { NONE, type Column, type Texts } from './columns';

export const TAGS: ColumnInfo = { name: 'tags', title: 'Tags', type: 'code', file: '', words: '', group: 'hand', about: 'your tags' };
const SEPARATOR = ', ';
/** maximum number of characters of a tag */
export const TAG_LENGTH = 100;

/** Returns the tag as the catalog stores it, or why the text is no tag. */
export function cleanTag(text: string): { tag: string } | { why: string } {
  const tag = text.replace(/[\s\uFEFF]+/gu, ' ').trim().normalize('NFC');
  if (tag === '') return { why: 'A tag must not be empty.' };
  if (tag.includes(',')) return { why: 'A tag has no comma, because commas separate tags.' };
  if (/[\p{Cc}\p{Cs}]/u.test(tag)) return { why: 'A tag has no control characters.' };
  if ([...tag].length > TAG_LENGTH) return { why: `A tag has at most ${TAG_LENGTH} characters.` };
  return { tag };
}

export const splitTags = (joined: string): string[] => (joined ? joined.split(SEPARATOR) : []);

/** Compares texts by code points, as the catalog does when it sorts tags. */
const byText = (a: string, b: string): number => {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return (x[i]?.codePointAt(0) ?? 0) - (y[i]?.codePointAt(0) ?? 0);
  return x.length - y.length;
};

export interface TagCount {
  tag: string;
  n: number;
}

/** A list of sets of tags, each as one text. No set is ever removed, so the number of a set never changes. */
class Sets implements Texts {
  private readonly list: string[] = [];
  private readonly places = new Map<string, number>();

  get count(): number {
    return this.list.length;
  }

  at(i: number): string {
    return this.list[i] ?? '';
  }

  test(test: (text: string) => boolean): Uint8Array {
    return Uint8Array.from(this.list, (text) => (test(text) ? 1 : 0));
  }

  indexOf(text: string): number {
    return this.places.get(text) ?? -1;
  }

  /** Returns the number of a set. If the list does not contain the set yet, adds it. */
  place(joined: string): number {
    let at = this.places.get(joined);
    if (at === undefined) {
      at = this.list.push(joined) - 1;
      this.places.set(joined, at);
    }
    return at;
  }
}

export class TagSets {
  /** the number of each row's set; NONE: no tags; [count] */
  readonly codes: Uint32Array;
  private readonly sets = new Sets();
  /** the number of rows of each tag */
  private readonly totals = new Map<string, number>();
  private made: Column | null = null;

  constructor(count: number) {
    this.codes = new Uint32Array(count).fill(NONE);
  }

  of(row: number): string[] {
    return splitTags(this.sets.at(this.codes[row] ?? NONE));
  }

  has(row: number, tag: string): boolean {
    return this.of(row).includes(tag);
  }

  /** Adds or removes a tag. Returns whether the row changed. */
  put(row: number, tag: string, removed: boolean): boolean {
    const before = this.of(row);
    if (row >= this.codes.length || before.includes(tag) !== removed) return false;
    const after = removed ? before.filter((one) => one !== tag) : [...before, tag].sort(byText);
    this.codes[row] = after.length ? this.sets.place(after.join(SEPARATOR)) : NONE;
    const total = (this.totals.get(tag) ?? 0) + (removed ? -1 : 1);
    if (total) this.totals.set(tag, total);
    else this.totals.delete(tag);
    this.made = null;
    return true;
  }

  /** The column for tables, filters and orders; a new object after each change. */
  column(): Column {
    this.made ??= { info: TAGS, data: this.codes, words: this.sets };
    return this.made;
  }

  /** Returns every tag and the number of rows that have it; with `mask`, only rows in `mask` count. The most frequent
   * tag comes first, and equally frequent tags are in order of name. */
  counts(mask?: Uint8Array): TagCount[] {
    const counts = mask ? this.countsIn(mask) : this.totals;
    return [...counts].map(([tag, n]) => ({ tag, n })).sort((a, b) => b.n - a.n || byText(a.tag, b.tag));
  }

  /** Counts the rows in `mask` of each tag. First counts the rows of each set of tags, and then adds the count of each
   * set to its tags, because there are usually fewer sets than rows. */
  private countsIn(mask: Uint8Array): Map<string, number> {
    const rows = new Uint32Array(this.sets.count);
    const used = new Uint8Array(this.sets.count);
    for (let row = 0; row < this.codes.length; row++) {
      const code = this.codes[row] as number;
      if (code === NONE) continue;
      used[code] = 1;
      (rows[code] as number) += mask[row] as number;
    }
    const counts = new Map<string, number>();
    for (let code = 0; code < used.length; code++)
      if (used[code]) for (const tag of splitTags(this.sets.at(code))) counts.set(tag, (counts.get(tag) ?? 0) + (rows[code] as number));
    return counts;
  }
}

/** Returns the tags that contain `typed`: first tags that begin with it, then tags with a later word that begins with
 * it, then all others. */
export function completions(counts: TagCount[], typed: string, most = 8): TagCount[] {
  const part = typed.trim().toLowerCase();
  const rank = ({ tag }: TagCount): number => {
    const text = tag.toLowerCase();
    return text.startsWith(part) ? 0 : text.includes(` ${part}`) ? 1 : text.includes(part) ? 2 : 3;
  };
  return counts.filter((one) => rank(one) < 3).sort((a, b) => rank(a) - rank(b)).slice(0, most);
}
