// One table of keys: what they do, and what `?` shows.
import { app } from './app.svelte';

export interface Key {
  keys: string[];
  shown: string;
  about: string;
  where: 'everywhere' | 'images' | 'culling';
  run?: () => void;
}

const rateTarget = (flag?: number, stars?: number): void => {
  const rows = app.mode === 'cull' && app.current >= 0 ? Uint32Array.of(app.current) : app.target();
  if (rows.length === 0) return;
  app.rate(rows, flag, stars);
  const advances = app.mode === 'cull' && app.layout.advance && (flag === undefined || flag !== 0);
  if (advances) step(1);
};

/** Along the rows that are gone through. */
export function step(by: number): void {
  const rows = app.mode === 'cull' ? app.cullRows : app.order;
  if (rows.length === 0) return;
  const at = rows.indexOf(app.current);
  const to = Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by));
  app.current = rows[to] as number;
}

export function startCull(): void {
  const chosen = app.selectedRows();
  app.cullRows = chosen.length > 1 ? app.order.filter((row) => app.selected[row] === 1) : app.order.slice();
  if (app.cullRows.length === 0) {
    app.notice = 'No images are shown. Remove a filter first.';
    return;
  }
  if (!app.cullRows.includes(app.current)) app.current = app.cullRows[0] as number;
  app.mode = 'cull';
}

export function startCompare(): void {
  let rows = Array.from(app.order.filter((row) => app.selected[row] === 1));
  if (rows.length < 2 && app.current >= 0) rows = siblings(app.current);
  if (rows.length < 2) {
    app.notice = 'Select 2 to 8 images to compare (Ctrl+click), or one image whose prompt has several.';
    return;
  }
  if (rows.length > 8) app.notice = 'Only the first 8 images are compared.';
  app.compareRows = rows.slice(0, 8);
  app.mode = 'compare';
}

/** Images of the same prompt, best first. */
export function siblings(row: number): number[] {
  const column = app.columns.get('prompt');
  if (!column) return [row];
  const prompt = column.data[row];
  if (prompt === undefined || prompt === 0xffffffff) return [row];
  const rows: number[] = [];
  for (let i = 0; i < app.count; i++) if (column.data[i] === prompt) rows.push(i);
  return rows.sort((a, b) => (app.score(b) || 0) - (app.score(a) || 0) || a - b);
}

function back(): void {
  if (app.help) app.help = false;
  else if (app.mode !== 'browse') app.mode = 'browse';
  else if (app.selectedCount) app.select([]);
}

export const KEYS: Key[] = [
  { keys: ['p'], shown: 'P', about: 'pick', where: 'images', run: () => rateTarget(1) },
  { keys: ['x'], shown: 'X', about: 'reject', where: 'images', run: () => rateTarget(-1) },
  { keys: ['u'], shown: 'U', about: 'remove the pick or reject', where: 'images', run: () => rateTarget(0) },
  ...[1, 2, 3, 4, 5].map(
    (n): Key => ({ keys: [String(n)], shown: n === 1 ? '1 … 5' : '', about: 'set the stars', where: 'images', run: () => rateTarget(undefined, n) }),
  ),
  { keys: ['0'], shown: '0', about: 'remove the stars', where: 'images', run: () => rateTarget(undefined, 0) },
  { keys: ['m'], shown: 'M', about: 'search for more like this', where: 'images', run: () => void like(false) },
  { keys: ['l'], shown: 'L', about: 'search for less like this', where: 'images', run: () => void like(true) },
  { keys: ['ctrl+z', 'meta+z'], shown: 'Ctrl Z', about: 'undo (no limit)', where: 'everywhere', run: () => app.undo() },
  {
    keys: ['ctrl+shift+z', 'ctrl+y', 'meta+shift+z'],
    shown: 'Ctrl Shift Z',
    about: 'redo',
    where: 'everywhere',
    run: () => app.redo(),
  },
  { keys: ['c'], shown: 'C', about: 'compare the selected images, or all of one prompt', where: 'images', run: startCompare },
  { keys: ['e', 'enter'], shown: 'E, Enter', about: 'review images one by one (culling)', where: 'images', run: startCull },
  { keys: ['v'], shown: 'V', about: 'review picks and export', where: 'everywhere', run: () => (app.mode = 'review') },
  { keys: ['ctrl+a', 'meta+a'], shown: 'Ctrl A', about: 'select all images that are shown', where: 'images', run: () => app.select(app.order) },
  { keys: ['escape'], shown: 'Esc', about: 'go back, or deselect all images', where: 'everywhere', run: back },
  { keys: ['/'], shown: '/', about: 'search', where: 'everywhere', run: () => document.getElementById('search')?.focus() },
  { keys: ['g'], shown: 'G', about: 'grid', where: 'everywhere', run: () => ((app.layout.centre = 'grid'), (app.mode = 'browse')) },
  { keys: ['t'], shown: 'T', about: 'table', where: 'everywhere', run: () => ((app.layout.centre = 'table'), (app.mode = 'browse')) },
  { keys: ['i'], shown: 'I', about: 'inspector', where: 'everywhere', run: () => (app.layout.inspector = !app.layout.inspector) },
  { keys: ['+', '='], shown: '+', about: 'larger thumbnails', where: 'everywhere', run: () => size(1.2) },
  { keys: ['-'], shown: '-', about: 'smaller thumbnails', where: 'everywhere', run: () => size(1 / 1.2) },
  { keys: ['?'], shown: '?', about: 'keyboard shortcuts', where: 'everywhere', run: () => (app.help = !app.help) },
  { keys: [], shown: '← → ↑ ↓', about: 'move; with Shift, select a range', where: 'images' },
  { keys: [], shown: 'Home, End', about: 'first image, last image', where: 'images' },
  { keys: [], shown: 'Space', about: 'select or deselect the image', where: 'images' },
  { keys: ['a'], shown: 'A', about: 'advance automatically after a pick, a reject or stars', where: 'culling' },
  { keys: [], shown: 'Z', about: 'zoom to 100 %, and back', where: 'culling' },
];

async function like(less: boolean): Promise<void> {
  if (!app.manifest?.search.like) {
    app.notice = 'Search by image needs goldpan explore and a catalog with embeddings.';
    return;
  }
  await app.searchLike(app.target(), less);
}

function size(by: number): void {
  app.layout.cell = Math.round(Math.min(420, Math.max(64, app.layout.cell * by)));
}

const table = new Map<string, Key>();
for (const key of KEYS) for (const name of key.keys) table.set(name, key);

function nameOf(event: KeyboardEvent): string {
  const key = event.key.toLowerCase();
  const shift = event.shiftKey && (event.ctrlKey || event.metaKey);
  return `${event.ctrlKey ? 'ctrl+' : ''}${event.metaKey ? 'meta+' : ''}${shift ? 'shift+' : ''}${key}`;
}

/** Views take their own keys (arrows, space) first and stop them. */
export function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement | null;
  const typing = target?.matches('input:not([type=range], [type=checkbox], [type=radio]), textarea, select');
  if (typing && event.key !== 'Escape') return;
  if (typing) target?.blur();
  if (event.altKey || !app.manifest) return;
  const name = nameOf(event);
  // Enter and space belong to the button that has the focus.
  if (name === 'enter' && target?.matches('button, a, summary')) return;
  if (name === 'a') {
    if (app.mode === 'cull') app.layout.advance = !app.layout.advance;
    return;
  }
  const key = table.get(name);
  if (!key?.run) return;
  if (app.mode === 'compare' && key.where === 'images') return; // the pane under the focus is meant: Compare does it
  if (app.mode === 'review' && key.where !== 'everywhere') return;
  if (app.help && name !== 'escape' && name !== '?') return;
  event.preventDefault();
  key.run();
}
