// Titles and explanations of slices, in words.
import type { Reason, Slice } from '../api';

/** The slice id of the filter that shows the pictures in no slice. */
export const NO_SLICE = -1;
const PARTS = 3;

const fromPrompts = (reason: Reason): boolean => reason.kind === 'word' || reason.kind === 'phrase';
const number = (x: number): string => String(+x.toPrecision(4));
const percent = (share: number | null): string => (share === null ? '' : `${Math.round(100 * share)} %`);

/** Returns a title of at most three words or phrases of the prompts, strongest first. Words that the model guessed from
 * the images are not used. */
export function sliceTitle(slice: Slice): string {
  const used = new Set<string>();
  const parts: string[] = [];
  for (const { text } of slice.reasons.filter(fromPrompts)) {
    const words = text.toLowerCase().split(/\s+/);
    // A phrase that shares most words with an earlier one is skipped: "pink hot air" adds little to "hot air
    // balloon".
    if (2 * words.filter((word) => used.has(word)).length >= words.length) continue;
    parts.push(text);
    for (const word of words) used.add(word);
    if (parts.length === PARTS) break;
  }
  return parts.length ? parts.join(', ') : `cluster of ${slice.support.toLocaleString()}`;
}

/** Replaces the dots, which the analysis puts between the words of a name, by commas. */
export const withCommas = (name: string): string => name.replaceAll(' · ', ', ');

/** True if the corrected p of the slice is at most 0.05. */
export const beyondChance = (slice: Slice): boolean => slice.p !== null && slice.p <= 0.05;

/** Returns a probability in words, such as "1 time in 650". */
export function odds(p: number): string {
  if (p < 1e-4) return 'less than 1 time in 10,000';
  return `1 time in ${Math.round(+(1 / p).toPrecision(2)).toLocaleString('en')}`;
}

/** Returns a sentence such as "9 pictures score 10 above the average of fish." */
export function aboutSlice({ support, drop, category }: Slice): string {
  const size = Math.abs(drop);
  const by = size >= 1 ? Math.round(size) : +size.toPrecision(1);
  return `${support.toLocaleString()} ${support === 1 ? 'picture scores' : 'pictures score'} ${by} ${drop < 0 ? 'below' : 'above'} the average${category === null ? '' : ` of “${withCommas(category)}”`}.`;
}

/** Returns a sentence on the significance of the slice. */
export function aboutChance(slice: Slice): string {
  const { p, category } = slice;
  if (p !== null) {
    if (beyondChance(slice)) return `By chance this happens ${odds(p)}.`;
    return p >= 0.5 ? 'Could well be chance: it happens more often than not.' : `Could well be chance: ${odds(p)}.`;
  }
  return category === null ? 'Not tested: the rules of this goldpan slices --profile have no significance test.' : 'Too few pictures to test.';
}

/** Returns a sentence for each reason: reasons from prompts first, guesses of the model last. */
export function reasonsOf(slice: Slice): string[] {
  const order = ['phrase', 'word', 'category', 'setting', 'number', 'rule', 'probe'];
  const sorted = slice.reasons.slice().sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  const shares = ({ inside, outside }: Reason): string => (inside === null ? '' : `: ${percent(inside)} of these, ${percent(outside)} of the others`);
  return sorted.map((reason) => {
    const { kind, text, inside, outside } = reason;
    if (fromPrompts(reason)) return `“${text}” in the prompt${shares(reason)}`;
    if (kind === 'probe') return `looks a little like ${text}`;
    if (kind === 'setting' || kind === 'number') return inside === null || outside === null ? text : `${text}; on average ${number(inside)}, the others ${number(outside)}`;
    return text + shares(reason);
  });
}
