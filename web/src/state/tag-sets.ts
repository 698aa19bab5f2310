// The tags of all rows: each row has the number of its set of tags.  Pure: the tags are a column of codes and words.
import type { ColumnInfo } from '../api';
import { NONE, textTableOf, type Column } from './columns';

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

/** By code points, as the catalog sorts tags. */
const byText = (a: string, b: string): number => {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return (x[i]?.codePointAt(0) ?? 0) - (y[i]?.codePointAt(0) ?? 0);
  return x.length - y.length;
};

export interface TagCount {
  tag: string;
  n: number;
}

export class TagSets {
  /** the number of each row's set; NONE: no tags; [count] */
  readonly codes: Uint32Array;
  /** each set of tags as one text, sorted */
  private readonly sets: string[] = [];
  private readonly places = new Map<string, number>();
  private made: Column | null = null;

  constructor(count: number) {
    this.codes = new Uint32Array(count).fill(NONE);
  }

  of(row: number): string[] {
    return splitTags(this.sets[this.codes[row] ?? NONE] ?? '');
  }

  has(row: number, tag: string): boolean {
    return this.of(row).includes(tag);
  }

  /** Adds or removes a tag. Returns whether the row changed. */
  put(row: number, tag: string, removed: boolean): boolean {
    const before = this.of(row);
    if (row >= this.codes.length || before.includes(tag) !== removed) return false;
    const after = removed ? before.filter((one) => one !== tag) : [...before, tag].sort(byText);
    this.codes[row] = after.length ? this.place(after.join(SEPARATOR)) : NONE;
    this.made = null;
    return true;
  }

  private place(joined: string): number {
    let at = this.places.get(joined);
    if (at === undefined) {
      at = this.sets.push(joined) - 1;
      this.places.set(joined, at);
    }
    return at;
  }

  /** The column for tables, filters and orders; a new object after each change. */
  column(): Column {
    this.made ??= { info: TAGS, data: this.codes, words: textTableOf(this.sets) };
    return this.made;
  }

  /** Every tag with the number of its rows, or of its rows in `mask`; the most frequent first, then by name. */
  counts(mask?: Uint8Array): TagCount[] {
    const rows = new Uint32Array(this.sets.length);
    const used = new Uint8Array(this.sets.length);
    for (let row = 0; row < this.codes.length; row++) {
      const code = this.codes[row] as number;
      if (code === NONE) continue;
      used[code] = 1;
      (rows[code] as number) += mask ? (mask[row] as number) : 1;
    }
    const counts = new Map<string, number>();
    this.sets.forEach((joined, code) => {
      if (used[code]) for (const tag of splitTags(joined)) counts.set(tag, (counts.get(tag) ?? 0) + (rows[code] as number));
    });
    return [...counts].map(([tag, n]) => ({ tag, n })).sort((a, b) => b.n - a.n || byText(a.tag, b.tag));
  }
}

/** The tags that complete what was typed: those that begin with it, then those with a word that does, then the others that
 * contain it. */
export function completions(counts: TagCount[], typed: string, most = 8): TagCount[] {
  const part = typed.trim().toLowerCase();
  const rank = ({ tag }: TagCount): number => {
    const text = tag.toLowerCase();
    return text.startsWith(part) ? 0 : text.includes(` ${part}`) ? 1 : text.includes(part) ? 2 : 3;
  };
  return counts.filter((one) => rank(one) < 3).sort((a, b) => rank(a) - rank(b)).slice(0, most);
}
