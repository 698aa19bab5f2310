// Visual encodings: columns as colours, sizes and labels of the map.
import { colourCodes, colourNumbers, type Legend } from '../map/palette';
import type { MapTheme } from '../map/point-map';
import type { Catalog } from './catalog.svelte';
import { NONE, numberAt, type Numbers } from './columns';

export interface ColourScale {
  title: string;
  rgba: Uint32Array;
  legend: Legend;
}

export function colourScale(catalog: Catalog, name: string): ColourScale | null {
  const column = name ? catalog.lookup(name) : undefined;
  if (!column) return null;
  if (column.info.type === 'code') {
    const count = column.words?.count ?? 0;
    const rgba = colourCodes(column.data as Uint32Array, count);
    return { title: column.info.title, ...rgba };
  }
  const values = new Float32Array(catalog.count);
  for (let row = 0; row < catalog.count; row++) values[row] = numberAt(column, row);
  return { title: column.info.title, ...colourNumbers(values) };
}

/** Diameters of 3 to 14 pixels, from the 2nd to the 98th percentile of the values. */
export function pointSizes(catalog: Catalog, name: string): Float32Array | null {
  const column = name ? catalog.lookup(name) : undefined;
  if (!column) return null;
  const known: number[] = [];
  for (let row = 0; row < catalog.count; row += Math.max(1, Math.floor(catalog.count / 5000))) {
    const value = numberAt(column, row);
    if (!Number.isNaN(value)) known.push(value);
  }
  known.sort((a, b) => a - b);
  const low = known[Math.floor(known.length * 0.02)] ?? 0;
  const high = known[Math.floor(known.length * 0.98)] ?? 1;
  const out = new Float32Array(catalog.count);
  for (let row = 0; row < catalog.count; row++) {
    const share = (numberAt(column, row) - low) / (high - low || 1);
    out[row] = Number.isNaN(share) ? 3 : 3 + 11 * Math.sqrt(Math.min(1, Math.max(0, share)));
  }
  return out;
}

export interface Label {
  x: number;
  y: number;
  text: string;
  kind: 'slice' | 'category';
  rows: number;
  id: string;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

function medianPosition(rows: Iterable<number>, x: Numbers, y: Numbers): [number, number, number] | null {
  const xs: number[] = [];
  const ys: number[] = [];
  for (const row of rows) {
    if (Number.isNaN(x[row] as number)) continue;
    xs.push(x[row] as number);
    ys.push(y[row] as number);
  }
  return xs.length ? [median(xs), median(ys), xs.length] : null;
}

/** The names of slices and categories, at the median position of their images. */
export function mapLabels(catalog: Catalog, x: Numbers, y: Numbers): Label[] {
  const list: Label[] = [];
  (catalog.manifest?.slices ?? []).forEach((slice, at) => {
    const where = medianPosition(catalog.rowsOfSlice(at), x, y);
    if (where) list.push({ x: where[0], y: where[1], rows: where[2], text: slice.title, kind: 'slice', id: `slice:${at}` });
  });
  const category = catalog.lookup('category');
  if (!category) return list;
  const rows = new Map<number, number[]>();
  for (let row = 0; row < catalog.count; row++) {
    const code = category.data[row] as number;
    if (code === NONE) continue;
    const group = rows.get(code);
    if (group) group.push(row);
    else rows.set(code, [row]);
  }
  for (const [code, group] of rows) {
    const where = medianPosition(group, x, y);
    if (where) list.push({ x: where[0], y: where[1], rows: where[2], text: category.words?.at(code) ?? '', kind: 'category', id: `category:${code}` });
  }
  return list;
}

export function mapTheme(dark: boolean): MapTheme {
  return dark
    ? { background: '#15171b', text: '#e6e8ec', soft: '#a4abb8', halo: 'rgb(21 23 27 / 90%)', accent: '#f2b632', ghost: [0.6, 0.63, 0.68], selected: [0.31, 0.63, 1] }
    : { background: '#f3f4f6', text: '#1b1f26', soft: '#555d6b', halo: 'rgb(255 255 255 / 92%)', accent: '#a06800', ghost: [0.45, 0.48, 0.53], selected: [0.04, 0.38, 0.77] };
}

export function chartTheme(dark: boolean) {
  return dark
    ? { text: '#e6e8ec', soft: '#a4abb8', bar: '#8a93a5', faint: '#343a45', accent: '#f2b632', selected: '#4ea1ff' }
    : { text: '#1b1f26', soft: '#555d6b', bar: '#8c96a8', faint: '#dde1e8', accent: '#b97a00', selected: '#0b62c4' };
}
