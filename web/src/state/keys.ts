// The keyboard shortcuts: one table for what they do and for the list that `?` shows.
import { app, catalog, layout, marks, order, search, selection } from './app.svelte';

export interface Key {
  keys: string[];
  shown: string;
  about: string;
  where: 'everywhere' | 'images' | 'culling';
  run?: () => void;
}

const rateTarget = (flag?: number, stars?: number): void => {
  const rows = layout.mode === 'cull' && selection.current >= 0 ? Uint32Array.of(selection.current) : selection.target();
  if (rows.length === 0) return;
  marks.rate(rows, flag, stars);
  const advances = layout.mode === 'cull' && layout.advance && (flag === undefined || flag !== 0);
  if (advances) step(1);
};

/** Moves the current image along the rows of culling, or along all shown. */
export function step(by: number): void {
  const rows = layout.mode === 'cull' ? selection.cullRows : order.rows;
  if (rows.length === 0) return;
  const at = rows.indexOf(selection.current);
  const to = Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by));
  selection.current = rows[to] as number;
}

export function startCull(): void {
  const selected = selection.rows();
  selection.cullRows = selected.length > 1 ? order.rows.filter((row) => selection.mask[row] === 1) : order.rows.slice();
  if (selection.cullRows.length === 0) {
    app.notice = 'No images are shown. Remove a filter first.';
    return;
  }
  if (!selection.cullRows.includes(selection.current)) selection.current = selection.cullRows[0] as number;
  layout.mode = 'cull';
}

export function startCompare(): void {
  let rows = Array.from(order.rows.filter((row) => selection.mask[row] === 1));
  if (rows.length < 2 && selection.current >= 0) rows = catalog.siblings(selection.current);
  if (rows.length < 2) {
    app.notice = 'Select 2 to 8 images to compare (Ctrl+click), or one image whose prompt has several.';
    return;
  }
  if (rows.length > 8) app.notice = 'Only the first 8 images are compared.';
  selection.compareRows = rows.slice(0, 8);
  layout.mode = 'compare';
}

function back(): void {
  if (layout.help) layout.help = false;
  else if (layout.mode !== 'browse') layout.mode = 'browse';
  else if (selection.count) selection.clear();
}

export const KEYS: Key[] = [
  { keys: ['p'], shown: 'P', about: 'pick', where: 'images', run: () => rateTarget(1) },
  { keys: ['x'], shown: 'X', about: 'reject', where: 'images', run: () => rateTarget(-1) },
  { keys: ['u'], shown: 'U', about: 'remove the pick or reject', where: 'images', run: () => rateTarget(0) },
  ...[1, 2, 3, 4, 5].map(
    (n): Key => ({ keys: [String(n)], shown: n === 1 ? '1 … 5' : '', about: 'set the stars', where: 'images', run: () => rateTarget(undefined, n) }),
  ),
  { keys: ['0'], shown: '0', about: 'remove the stars', where: 'images', run: () => rateTarget(undefined, 0) },
  { keys: ['m'], shown: 'M', about: 'search for more like this', where: 'images', run: () => void searchLike(false) },
  { keys: ['l'], shown: 'L', about: 'search for less like this', where: 'images', run: () => void searchLike(true) },
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
  { keys: ['v'], shown: 'V', about: 'review picks and export', where: 'everywhere', run: () => (layout.mode = 'review') },
  { keys: ['ctrl+a', 'meta+a'], shown: 'Ctrl A', about: 'select all images that are shown', where: 'images', run: () => selection.set(order.rows) },
  { keys: ['escape'], shown: 'Esc', about: 'go back, or deselect all images', where: 'everywhere', run: back },
  { keys: ['/'], shown: '/', about: 'search', where: 'everywhere', run: () => document.getElementById('search')?.focus() },
  { keys: ['g'], shown: 'G', about: 'grid', where: 'everywhere', run: () => ((layout.centre = 'grid'), (layout.mode = 'browse')) },
  { keys: ['t'], shown: 'T', about: 'table', where: 'everywhere', run: () => ((layout.centre = 'table'), (layout.mode = 'browse')) },
  { keys: ['i'], shown: 'I', about: 'inspector', where: 'everywhere', run: () => (layout.inspector = !layout.inspector) },
  { keys: ['+', '='], shown: '+', about: 'larger thumbnails', where: 'everywhere', run: () => size(1.2) },
  { keys: ['-'], shown: '-', about: 'smaller thumbnails', where: 'everywhere', run: () => size(1 / 1.2) },
  { keys: ['?'], shown: '?', about: 'keyboard shortcuts', where: 'everywhere', run: () => (layout.help = !layout.help) },
  { keys: [], shown: '← → ↑ ↓', about: 'move; with Shift, select a range', where: 'images' },
  { keys: [], shown: 'Home, End', about: 'first image, last image', where: 'images' },
  { keys: [], shown: 'Space', about: 'select or deselect the image', where: 'images' },
  { keys: ['a'], shown: 'A', about: 'advance automatically after a pick, a reject or stars', where: 'culling' },
  { keys: [], shown: 'Z', about: 'zoom to 100 %, and back', where: 'culling' },
];

async function searchLike(less: boolean): Promise<void> {
  if (!catalog.manifest?.search.like) {
    app.notice = 'Search by image needs goldpan explore and a catalog with embeddings.';
    return;
  }
  await search.byImages(selection.target(), less);
}

function size(by: number): void {
  layout.cell = Math.round(Math.min(420, Math.max(64, layout.cell * by)));
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
  if (event.altKey || !catalog.manifest) return;
  const name = nameOf(event);
  // Enter activates the focused button.
  if (name === 'enter' && target?.matches('button, a, summary')) return;
  if (name === 'a') {
    if (layout.mode === 'cull') layout.advance = !layout.advance;
    return;
  }
  const key = table.get(name);
  if (!key?.run) return;
  if (layout.mode === 'compare' && key.where === 'images') return; // Compare applies the key to its focused pane
  if (layout.mode === 'review' && key.where !== 'everywhere') return;
  if (layout.help && name !== 'escape' && name !== '?') return;
  event.preventDefault();
  key.run();
}
