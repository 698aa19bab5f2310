// Writes and reads the fragment of the address, which names what the page shows: view, mode, filters, search, order and
// the current image.
//
//   #wall?mark=undecided&prompt=hat+-robot&values.category=fish&at=HASH
//
// A filter is one parameter; its name begins with `not-` if the filter is inverted. A filter that cannot be read becomes
// a filter that no picture passes, so that the page never shows more pictures than the address asks for. Other unknown
// parameters are ignored.
import type { Filter, Mark, Sort } from './filter-sort';
import type { FilterState } from './filters.svelte';
import { PROMPT_ORDERS, STACK_KINDS, VIEWS, type Mode, type PromptOrder, type StackKind, type View } from './layout.svelte';

export interface Place {
  view: View;
  mode: Mode;
  filters: FilterState;
  search: { text?: string; more: string[]; less: string[] };
  promptOrder?: PromptOrder;
  stacks: StackKind;
  sort?: Sort;
  /** the part of the map that is in view; null: the whole map */
  mapView?: { cx: number; cy: number; zoom: number } | null;
  /** hashes of the images that are compared */
  compared: string[];
  /** whether the compared images are candidates of one prompt, compared in rounds */
  rounds?: boolean;
  /** hash of the current image; '': there is none */
  at: string;
}

const MODES: Mode[] = ['browse', 'cull', 'compare', 'export'];
const MARKS: Mark[] = ['undecided', 'picked', 'rejected', 'suggested'];

/** Returns the fragment that names `place`. `keep` stores the rows of a filter that lists rows, and returns the key of
 * these rows in the fragment. */
export function writeAddress(place: Place, keep: (filter: Extract<Filter, { kind: 'rows' }>) => string): string {
  const params = new URLSearchParams();
  if (place.mode === 'cull' || place.mode === 'compare' || place.mode === 'export') params.set('mode', place.mode);
  for (const filter of place.filters.list) writeFilter(params, filter, keep);
  if (place.filters.any) params.set('any', '1');
  if (place.search.text) params.set('find', place.search.text);
  for (const hash of place.search.more) params.append('more', hash);
  for (const hash of place.search.less) params.append('less', hash);
  if (place.view === 'review' && place.promptOrder) params.set('order', place.promptOrder);
  if (place.view !== 'review' && place.sort) params.set('sort', (place.sort.down ? '-' : '') + place.sort.column);
  if (place.stacks !== 'off') params.set('stacks', place.stacks);
  if (place.view === 'map' && place.mapView) params.set('map', [place.mapView.cx, place.mapView.cy, place.mapView.zoom].map((x) => String(+x.toFixed(6))).join(' '));
  if (place.mode === 'compare') for (const hash of place.compared) params.append('compare', hash);
  if (place.mode === 'compare' && place.rounds) params.set('rounds', '1');
  if (place.at) params.set('at', place.at);
  const text = params.toString();
  return `#${place.view}${text ? `?${text}` : ''}`;
}

function writeFilter(params: URLSearchParams, filter: Filter, keep: (filter: Extract<Filter, { kind: 'rows' }>) => string): void {
  const put = (name: string, value: string): void => params.append((filter.not ? 'not-' : '') + name, value);
  switch (filter.kind) {
    case 'mark':
      return put('mark', filter.mark);
    case 'stars':
      return put('stars', String(filter.least));
    case 'words':
      return put('prompt', filter.text);
    case 'values':
      return filter.values.forEach((value) => put(`values.${filter.column}`, value));
    case 'tags':
      return filter.values.forEach((value) => put('tag', value));
    case 'contains':
      return put(`contains.${filter.column}`, filter.text);
    case 'range':
      return put(`range.${filter.column}`, `${filter.low ?? ''}..${filter.high ?? ''}`);
    case 'slice':
      return put('slice', String(filter.id));
    case 'like':
      return put('like', String(filter.least));
    case 'rows':
      return put('these', keep(filter));
    case 'unknown':
      return params.append(filter.name, filter.value);
  }
}

/** Returns the place that a fragment names. `find` returns the filter whose rows `keep` stored under a key, or null. */
export function readAddress(fragment: string, find: (key: string) => Extract<Filter, { kind: 'rows' }> | null): Place {
  const [, name = '', text = ''] = /^#?([a-z]*)\??(.*)$/s.exec(fragment) ?? [];
  const params = new URLSearchParams(text);
  const list: Filter[] = [];
  for (const [key, value] of params) readFilter(list, key, value, find);
  const order = params.get('order');
  const sort = params.get('sort') ?? '';
  return {
    view: VIEWS.find(({ view }) => view === name)?.view ?? 'review',
    mode: MODES.find((mode) => mode === params.get('mode')) ?? 'browse',
    filters: { list, any: params.get('any') === '1' },
    search: { text: params.get('find') ?? undefined, more: params.getAll('more'), less: params.getAll('less') },
    promptOrder: PROMPT_ORDERS.find((one) => one.order === order)?.order,
    stacks: STACK_KINDS.find(({ kind }) => kind === params.get('stacks'))?.kind ?? 'off',
    mapView: readMapView(params.get('map')),
    sort: sort ? { column: sort.replace(/^-/, ''), down: sort.startsWith('-') } : undefined,
    compared: params.getAll('compare'),
    rounds: params.get('rounds') === '1',
    at: params.get('at') ?? '',
  };
}

function readMapView(text: string | null): Place['mapView'] {
  const [cx, cy, zoom] = (text ?? '').split(' ').map(Number);
  return [cx, cy, zoom].every(Number.isFinite) && (zoom as number) > 1 ? { cx: cx as number, cy: cy as number, zoom: zoom as number } : null;
}

const FILTERS = ['mark', 'stars', 'like', 'prompt', 'tag', 'values', 'contains', 'range', 'slice', 'these'];

function readFilter(list: Filter[], key: string, value: string, find: (key: string) => Extract<Filter, { kind: 'rows' }> | null): void {
  const inverted = key.startsWith('not-');
  const [, kind = '', column = ''] = /^([a-z]+)(?:\.(.*))?$/s.exec(inverted ? key.slice(4) : key) ?? [];
  const filter = filterOf(kind, column, value, find);
  if (filter === undefined) {
    if (inverted || key.includes('.') || FILTERS.includes(kind)) list.push({ kind: 'unknown', name: key, value, why: kind === 'these' ? 'not known in this browser' : `“${value}” is not valid` });
    return;
  }
  if (filter === null) return;
  if (inverted) filter.not = true;
  // Several values of a column are one filter.
  const same = list.find((one) => one.kind === filter.kind && one.not === filter.not && (one.kind !== 'values' || (filter.kind === 'values' && one.column === filter.column)));
  if (same && 'values' in same && 'values' in filter) same.values.push(...filter.values);
  else list.push(filter);
}

/** Returns the filter of a parameter; undefined: it cannot be read; null: the parameter is no filter. */
function filterOf(kind: string, column: string, value: string, find: (key: string) => Extract<Filter, { kind: 'rows' }> | null): Filter | undefined | null {
  const number = (text: string): number | null => (text.trim() && Number.isFinite(Number(text)) ? Number(text) : null);
  switch (kind) {
    case 'mark': {
      const mark = MARKS.find((one) => one === value);
      return mark && { kind, mark };
    }
    case 'stars':
    case 'like': {
      const least = number(value);
      return least === null ? undefined : { kind, least };
    }
    case 'slice': {
      const id = number(value);
      return id === null ? undefined : { kind, id };
    }
    case 'prompt':
      return value.trim() ? { kind: 'words', text: value } : undefined;
    case 'tag':
      return { kind: 'tags', values: [value] };
    case 'values':
      return column ? { kind, column, values: [value] } : undefined;
    case 'contains':
      return column && value ? { kind, column, text: value } : undefined;
    case 'range': {
      const ends = value.split('..');
      const [low, high] = ends.map(number);
      if (!column || ends.length !== 2 || ends.some((end, i) => end !== '' && [low, high][i] === null)) return undefined;
      return { kind, column, low: low ?? null, high: high ?? null };
    }
    case 'these': {
      const rows = find(value);
      return rows ? { ...rows } : undefined;
    }
    default:
      return kind && !column ? null : undefined;
  }
}
