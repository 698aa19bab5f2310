// Visual encodings: columns as colours, sizes and labels of the map.
import { colourLargest, colourNumbers, colourWords, packCss, type Legend } from '../map/palette';
import type { MapLabel } from '../map/overlay';
import type { Group } from '../map/packing';
import type { MapTheme } from '../map/point-map';
import type { Catalog } from './catalog.svelte';
import { NONE, numberAt } from './columns';
import { BY_SIMILARITY } from './layout.svelte';
import type { Marks } from './marks.svelte';

export interface ColourScale {
  title: string;
  rgba: Uint32Array;
  legend: Legend;
}

/** The name under which settings store the colouring by mark. */
export const BY_MARK = 'flag';

export function colourScale(catalog: Catalog, marks: Marks, similarity: Float32Array | null, name: string, dark: boolean): ColourScale | null {
  if (name === BY_SIMILARITY) return similarity ? { title: 'Likeness to the search', ...colourNumbers(similarity) } : null;
  const column = name ? catalog.lookup(name) : undefined;
  if (!column) return null;
  if (name === BY_MARK) return byMark(catalog, marks, dark);
  if (column.info.type === 'code') return { title: column.info.title, ...colourLargest(column.data as Uint32Array, column.words, dark) };
  const values = new Float32Array(catalog.count);
  for (let row = 0; row < catalog.count; row++) values[row] = numberAt(column, row);
  return { title: column.info.title, ...colourNumbers(values) };
}

/** Colours by mark: green for picked, red for rejected, gold for suggested, grey for undecided. The whole page uses
 * these colours. */
function byMark(catalog: Catalog, marks: Marks, dark: boolean): ColourScale {
  const colours = dark ? ['#74787f', '#57cc8f', '#ff7b7b', '#f0bd4a'] : ['#7b8189', '#0c7243', '#b9252d', '#8a5a00'];
  const table = colours.map(packCss);
  const picked = catalog.lookup('picked');
  const { flags } = marks;
  const rgba = new Uint32Array(catalog.count);
  for (let row = 0; row < catalog.count; row++) rgba[row] = table[(flags[row] as number) > 0 ? 1 : (flags[row] as number) < 0 ? 2 : picked?.data[row] ? 3 : 0]!;
  const names = ['undecided', 'picked', 'rejected', 'suggested'];
  return { title: 'Mark', rgba, legend: colourWords(names.map((text, i) => ({ text, colour: colours[i] as string }))) };
}

/** Returns diameters of 3 to 14 pixels, which span the 2nd to the 98th percentile of the values. */
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

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

/** Shortens the title of a category to its first word, or to its first two if they are short. */
export function shortTitle(title: string): string {
  const words = title.split(' · ');
  return words.length > 1 ? words.slice(0, words[0]!.length + (words[1]?.length ?? 0) > 24 ? 1 : 2).join(', ') : title;
}

/** The labels of the map. Each group has a label, which names the category of most of its pictures. If the map has no
    groups, each large category has a label. `where`: the place of each row in the pane. */
export function mapLabels(catalog: Catalog, groups: Group[], where: (row: number) => [number, number]): MapLabel[] {
  const category = catalog.lookup('category');
  if (groups.length >= 3)
    return groups.map((group, at) => {
      const { x0, x1, y0, y1 } = group;
      return { x: (x0 + x1) / 2, y: y1, bottom: y0, left: x0, right: x1, text: nameOf(catalog, group), count: group.rows.length, id: `group:${at}` };
    });
  const rows = new Map<number, number[]>();
  for (let row = 0; category && row < catalog.count; row++) {
    const code = category.data[row] as number;
    if (code === NONE || Number.isNaN(where(row)[0])) continue;
    const group = rows.get(code);
    if (group) group.push(row);
    else rows.set(code, [row]);
  }
  return [...rows].map(([code, list]) => {
    const x = median(list.map((row) => where(row)[0]));
    const y = median(list.map((row) => where(row)[1]));
    return { x, y, bottom: y, left: x, right: x, text: shortTitle(category?.words?.at(code) ?? ''), count: list.length, id: `category:${code}` };
  });
}

/** Returns the name of a group: the one or two most frequent categories that have at least a third of its pictures, or
 * 'group of' if there is none. */
function nameOf(catalog: Catalog, group: Group): string {
  const category = catalog.lookup('category');
  const counts = new Map<number, number>();
  for (const row of group.rows) {
    const code = category?.data[row] ?? NONE;
    if (code !== NONE) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).filter(([, count]) => count * 3 >= group.rows.length);
  return most.slice(0, 2).map(([code]) => shortTitle(category?.words?.at(code) ?? '')).join(' and ') || 'group of';
}

export function mapTheme(dark: boolean): MapTheme {
  return dark
    ? { background: '#131416', text: '#eceef0', soft: '#a9adb4', edge: '#74787f', halo: 'rgb(19 20 22 / 92%)', chosen: '#6cb1ff', plain: packCss('#74787f'), shade: { rgb: '255 255 255', band: 0.028, line: 0.17 }, ghost: [0.6, 0.63, 0.68], selected: [0.424, 0.694, 1] }
    : { background: '#f4f5f6', text: '#191b1f', soft: '#565c66', edge: '#7b8189', halo: 'rgb(244 245 246 / 92%)', chosen: '#0a5fc2', plain: packCss('#7b8189'), shade: { rgb: '30 36 48', band: 0.032, line: 0.24 }, ghost: [0.45, 0.48, 0.53], selected: [0.04, 0.373, 0.761] };
}

export function chartTheme(dark: boolean) {
  return dark
    ? { text: '#eceef0', soft: '#a9adb4', bar: '#74787f', faint: '#34373d', accent: '#6cb1ff', tint: '#1d2c3f', selected: '#6cb1ff' }
    : { text: '#191b1f', soft: '#565c66', bar: '#7b8189', faint: '#d5d8dd', accent: '#0a5fc2', tint: '#dfebfa', selected: '#0a5fc2' };
}
