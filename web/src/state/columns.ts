// Columns: typed arrays, and text tables whose texts are decoded when they are read.
import { bytes, type ColumnInfo } from '../api';

export const NONE = 0xffffffff;

/** A list of texts, numbered from 0. */
export interface Texts {
  readonly count: number;
  /** The text; '': there is none. */
  at(i: number): string;
  /** Returns an array with 1 for each text that passes `test`. */
  test(test: (text: string) => boolean): Uint8Array;
  /** Returns the index of a text, or -1. */
  indexOf(text: string): number;
}

export class TextTable implements Texts {
  readonly count: number;
  private readonly offsets: Uint32Array;
  private readonly text: Uint8Array;
  private readonly known = new Map<number, string>();
  private places: Map<string, number> | null = null;
  private static readonly decoder = new TextDecoder();

  constructor(buffer: ArrayBuffer) {
    this.count = new Uint32Array(buffer, 0, 1)[0] ?? 0;
    this.offsets = new Uint32Array(buffer, 4, this.count + 1);
    this.text = new Uint8Array(buffer, 8 + 4 * this.count);
  }

  at(i: number): string {
    if (i >= this.count) return '';
    let text = this.known.get(i);
    if (text === undefined) {
      text = TextTable.decoder.decode(this.text.subarray(this.offsets[i], this.offsets[i + 1]));
      if (this.known.size > 20000) this.known.clear();
      this.known.set(i, text);
    }
    return text;
  }

  test(test: (text: string) => boolean): Uint8Array {
    const found = new Uint8Array(this.count);
    for (let i = 0; i < this.count; i++)
      found[i] = test(TextTable.decoder.decode(this.text.subarray(this.offsets[i], this.offsets[i + 1]))) ? 1 : 0;
    return found;
  }

  indexOf(text: string): number {
    if (!this.places) {
      this.places = new Map();
      for (let i = this.count - 1; i >= 0; i--) this.places.set(this.at(i), i);
    }
    return this.places.get(text) ?? -1;
  }
}

export type Numbers = Float32Array | Float64Array | Uint32Array | Uint8Array | Int8Array;

export interface Column {
  info: ColumnInfo;
  /** [count]; for type `code`, indices into `words`; empty for type `text` */
  data: Numbers;
  words: Texts | null;
}

export const isNumeric = (info: ColumnInfo): boolean =>
  info.type !== 'code' && info.type !== 'text' && info.type !== 'hash' && info.name !== 'id';
export const isCode = (info: ColumnInfo): boolean => info.type === 'code';

function typed(info: ColumnInfo, buffer: ArrayBuffer): Numbers {
  switch (info.type) {
    case 'f32':
      return new Float32Array(buffer);
    case 'f64':
      return new Float64Array(buffer);
    case 'u32':
    case 'code':
      return new Uint32Array(buffer);
    case 'i8':
      return new Int8Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

export async function readColumn(info: ColumnInfo): Promise<Column> {
  const [buffer, words] = await Promise.all([bytes(info.file), info.words ? bytes(info.words) : null]);
  if (info.type === 'text') return { info, data: new Uint8Array(0), words: new TextTable(buffer) };
  return { info, data: typed(info, buffer), words: words ? new TextTable(words) : null };
}

/** Returns the number in a row; NaN: the row has no value. */
export function numberAt(column: Column, row: number): number {
  const value = column.data[row] ?? NaN;
  return column.info.type === 'u32' && value === NONE ? NaN : value;
}

/** The text of a cell. */
export function textAt(column: Column, row: number): string {
  if (column.info.type === 'text') return column.words?.at(row) ?? '';
  if (column.info.type === 'code') return column.words?.at(column.data[row] ?? NONE) ?? '';
  return formatNumber(column.info.name, numberAt(column, row));
}

/** The scale of CLIP scores, as goldpan writes it. */
export const CLIP_SCALE = '100*max(cos,0)';
/** the number of decimals of a score column; a column that is not listed has one */
const decimalsOf = new Map<string, number>();

/** Sets the decimals of a score column by the spread of its values: CLIP scores have one, values within 2 have three. */
export function learnDecimals(name: string, values: ArrayLike<number>, scale: string): void {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const spread = high - low;
  decimalsOf.set(name, scale === CLIP_SCALE || !(spread <= 20) ? 1 : spread > 2 ? 2 : 3);
}

/** The smallest difference of two scores that is not shown as zero, half of the last decimal. */
export const smallest = (): number => 0.5 * 10 ** -(decimalsOf.get('score') ?? 1);

/** A score or a difference of scores: rounded once. Every view shows scores by this function. */
export function points(value: number, name = 'score'): string {
  if (Number.isNaN(value)) return '';
  const text = value.toFixed(decimalsOf.get(name) ?? 1);
  return /^-0\.?0*$/.test(text) ? text.slice(1) : text;
}

/** The number in a cell where there is little space: one decimal, but three significant digits below 1. */
export const shortNumber = (name: string, value: number): string => (Number.isInteger(value) || !(Math.abs(value) >= 1) || isWords(name) || isScore(name) ? formatNumber(name, value) : value.toFixed(1));
const isWords = (name: string): boolean => name === 'bytes' || name === 'added';
export const isScore = (name: string): boolean => name === 'score' || name === 'corrected' || name.startsWith('score.');

export function formatNumber(name: string, value: number): string {
  if (Number.isNaN(value)) return '';
  if (name === 'bytes') return value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(value / 1e3))} kB`;
  if (name === 'added') return new Date(value * 1000).toISOString().slice(0, 16).replace('T', ' ');
  if (name === 'picked' || name === 'keeper') return value ? 'yes' : '';
  if (name === 'flag') return value > 0 ? 'pick' : value < 0 ? 'reject' : '';
  if (name === 'stars') return value ? '★'.repeat(value) : '';
  if (isScore(name)) return points(value, name);
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 1 : size >= 1 ? 2 : 3);
}

/** A number of bytes: "12 kB", "3.4 MB". */
export function sizeText(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e5 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
}
