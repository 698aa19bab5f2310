// Colours for numbers and for words. A colour is one u32, 0xAABBGGRR: in little-endian memory its bytes are red, green,
// blue and opacity, the order in which WebGL reads them.
import { NONE, type Texts } from '../state/columns';
import { ticks } from './ticks';

export type Legend =
  | { kind: 'numbers'; low: number; high: number; ticks: { at: number; text: string }[] }
  | { kind: 'words'; words: { text: string; colour: string }[]; /** colour of all other values */ others: number };

const pack = (r: number, g: number, b: number): number => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
const MISSING = pack(128, 132, 140);

// Colours of a scale from violet over teal to yellow. Lightness rises evenly, so the scale is readable for colour-blind
// users and in grey prints.
const STOPS: [number, number, number][] = [
  [82, 46, 143],
  [62, 86, 160],
  [41, 124, 158],
  [36, 158, 138],
  [92, 189, 98],
  [175, 210, 64],
  [250, 226, 70],
];

export function colourAt(share: number): [number, number, number] {
  const at = Math.min(1, Math.max(0, share)) * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(at));
  const f = at - i;
  const [a, b] = [STOPS[i]!, STOPS[i + 1]!];
  return [0, 1, 2].map((k) => Math.round(a[k as 0]! + (b[k as 0]! - a[k as 0]!) * f)) as [number, number, number];
}

/** Colours span the 2nd to the 98th percentile, so that a few outliers do not flatten the rest. */
export function colourNumbers(values: Float32Array): { rgba: Uint32Array; legend: Legend } {
  const step = Math.max(1, Math.floor(values.length / 20000));
  const known: number[] = [];
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) known.push(values[i]!);
  known.sort((a, b) => a - b);
  const low = known[Math.floor((known.length - 1) * 0.02)] ?? 0;
  const high = known[Math.ceil((known.length - 1) * 0.98)] ?? 1;
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) table[i] = pack(...colourAt(i / 255));
  const by = high > low ? 255 / (high - low) : 0;
  const rgba = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    rgba[i] = Number.isNaN(v) ? MISSING : table[Math.min(255, Math.max(0, Math.round((v - low) * by)))]!;
  }
  return { rgba, legend: { kind: 'numbers', low, high, ticks: ticks(low, high, 4) } };
}

// Eight colours for the largest groups, for the dark and the light theme; all other groups are grey.
const DARK = ['#e58fb1', '#d9a05b', '#b89cf0', '#7fc47f', '#9aa3ad', '#5fc6bd', '#6cb1ff', '#e6c067'];
const LIGHT = ['#b8447a', '#a5631a', '#7449c9', '#34803a', '#5d6671', '#0b7f76', '#1c63c7', '#8a6a00'];
const REST = { dark: '#62666d', light: '#9a9fa6' };

export function packCss(colour: string): number {
  const value = parseInt(colour.slice(1), 16);
  return pack(value >> 16, (value >> 8) & 255, value & 255);
}

export const colourWords = (words: { text: string; colour: string }[], others = 0): Legend => ({ kind: 'words', words, others });

/** Returns the colour of each code: the eight most frequent codes have a colour, all others are grey. */
export function coloursOfCodes(codes: ArrayLike<number>, count: number, dark: boolean): { css: string[]; order: number[] } {
  const sizes = new Uint32Array(count);
  for (let i = 0; i < codes.length; i++) if ((codes[i] as number) < count) sizes[codes[i] as number]!++;
  const order = Array.from({ length: count }, (_, code) => code)
    .filter((code) => sizes[code])
    .sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  const css = new Array<string>(count).fill(dark ? REST.dark : REST.light);
  (dark ? DARK : LIGHT).forEach((colour, at) => {
    if (order[at] !== undefined) css[order[at]] = colour;
  });
  return { css, order };
}

export function colourLargest(codes: Uint32Array, texts: Texts | null, dark: boolean): { rgba: Uint32Array; legend: Legend } {
  const { css, order } = coloursOfCodes(codes, texts?.count ?? 0, dark);
  const table = Uint32Array.from(css, packCss);
  const rgba = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i++) rgba[i] = codes[i] === NONE ? MISSING : (table[codes[i]!] ?? MISSING);
  const words = order.slice(0, DARK.length).map((code) => ({ text: texts?.at(code) ?? '', colour: css[code] as string }));
  return { rgba, legend: colourWords(words, Math.max(0, order.length - words.length)) };
}
