// The titles of the columns, and which columns the charts and the table offer.
import type { ColumnInfo } from '../api';
import type { Catalog } from './catalog.svelte';
import { isCode, isNumeric, numberAt } from './columns';

const TITLES: Record<string, string> = {
  flag: 'Mark',
  rank: 'Place in the prompt',
  picked: 'Suggested',
  percentile: 'Better than % of its category',
  duplicate: 'Near copies',
  keeper: 'Best of its near copies',
  likeness: 'Likeness to the best copy',
};

export const titleOf = (info: ColumnInfo): string => TITLES[info.name] ?? info.title;

/** Shorter titles for the headings of the table. */
const HEADINGS: Record<string, string> = { rank: 'Place', corrected: 'Corrected', percentile: 'Better than %' };
export const headingOf = (info: ColumnInfo): string => HEADINGS[info.name] ?? titleOf(info);

export const chartable = (info: ColumnInfo): boolean => isNumeric(info) || (isCode(info) && info.name !== 'prompt' && info.name !== 'negative');

/** Returns the columns that the table offers. A setting is left out if another column has the same name and the same
 * values. */
export function tableColumns(catalog: Catalog): ColumnInfo[] {
  const infos = (catalog.manifest?.columns ?? []).filter((c) => c.type !== 'hash' && c.name !== 'id');
  const names = new Map(infos.map((info) => [info.name, info]));
  return infos.filter((info) => {
    const twin = info.name.startsWith('settings.') ? names.get(info.name.slice('settings.'.length)) : undefined;
    return !twin || differ(catalog, info, twin);
  });
}

/** Returns whether the values of two columns differ; false as long as the columns are not loaded. */
function differ(catalog: Catalog, one: ColumnInfo, two: ColumnInfo): boolean {
  const [a, b] = [catalog.lookup(one.name), catalog.lookup(two.name)];
  if (!a || !b) return false;
  for (let row = 0; row < catalog.count; row++) {
    const [v, w] = [numberAt(a, row), numberAt(b, row)];
    if (v !== w && !Number.isNaN(v)) return true;
  }
  return false;
}

/** Returns the names of the columns of the table from left to right: pinned columns first. */
export function tableOrder({ tableColumns: names, tablePins: pins }: { tableColumns: string[]; tablePins: string[] }): string[] {
  return [...names.filter((name) => pins.includes(name)), ...names.filter((name) => !pins.includes(name))];
}
