// Colours of numbers and of words.  A colour is one little-endian u32, 0xAABBGGRR, as WebGL reads four bytes.
import { NONE } from '../state/columns';
import { ticks } from './ticks';

export type Legend =
  | { kind: 'numbers'; low: number; high: number; ticks: { at: number; text: string }[] }
  | { kind: 'words'; colours: string[] };

const pack = (r: number, g: number, b: number): number => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
const MISSING = pack(128, 132, 140);

// Stops of a scale from violet over teal to yellow.  Lightness rises evenly, so colour-blind users and grey prints can read it.
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

// Twelve colours that differ from each other on dark and on light backgrounds.
const WORDS: [number, number, number][] = [
  [66, 135, 245],
  [240, 140, 40],
  [60, 170, 90],
  [222, 70, 80],
  [150, 100, 220],
  [30, 175, 190],
  [225, 110, 180],
  [150, 130, 60],
  [120, 150, 60],
  [90, 110, 160],
  [190, 90, 50],
  [110, 190, 150],
];

export function wordColour(code: number): [number, number, number] {
  if (code < WORDS.length) return WORDS[code]!;
  const hue = (code * 0.61803398875) % 1; // steps of the golden ratio: neighbouring codes get distant hues
  const part = (n: number): number => {
    const k = (n + hue * 12) % 12;
    return Math.round(255 * (0.56 - 0.26 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

export function colourCodes(codes: Uint32Array, count: number): { rgba: Uint32Array; legend: Legend } {
  const table = new Uint32Array(count);
  for (let i = 0; i < count; i++) table[i] = pack(...wordColour(i));
  const rgba = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i++) rgba[i] = codes[i] === NONE ? MISSING : (table[codes[i]!] ?? MISSING);
  const shown = Math.min(count, 24);
  const colours = Array.from({ length: shown }, (_, i) => `rgb(${wordColour(i).join(' ')})`);
  return { rgba, legend: { kind: 'words', colours } };
}
