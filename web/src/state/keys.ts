// The keyboard shortcuts: one table for what they do and for the list that `?` shows.
import { app, catalog, layout, order, selection } from './actions.svelte';
import * as actions from './actions.svelte';
import { loadSetting, saveSetting } from './storage';

type Where = 'everywhere' | 'pictures' | 'cull' | 'compare';

export interface Key {
  keys: string[];
  shown: string;
  about: string;
  group: 'Marks' | 'Moving' | 'Views' | 'Compare' | 'Cull';
  where: Where;
  run?: () => void;
}


const everywhere = (group: Key['group'], shown: string, keys: string[], about: string, run: () => void): Key => ({ keys, shown, about, group, where: 'everywhere', run });
const onPictures = (group: Key['group'], shown: string, keys: string[], about: string, run?: () => void): Key => ({ keys, shown, about, group, where: 'pictures', run });

export const KEYS: Key[] = [
  onPictures('Marks', 'P', ['p'], 'pick', () => actions.flagTarget(1)),
  onPictures('Marks', 'X', ['x'], 'reject', () => actions.flagTarget(-1)),
  onPictures('Marks', 'U', ['u'], 'remove the pick or reject', () => actions.flagTarget(0)),
  ...[1, 2, 3, 4, 5].map((n) => onPictures('Marks', n === 1 ? '1 … 5' : '', [String(n)], 'stars', () => actions.starTarget(n))),
  onPictures('Marks', '0', ['0'], 'no stars', () => actions.starTarget(0)),
  onPictures('Marks', 'K', ['k'], 'keep goldpan’s suggestion, go to the next undecided prompt', () => actions.keepSuggestion()),
  everywhere('Marks', 'Ctrl Z', ['ctrl+z', 'meta+z'], 'undo', () => app.undo()),
  everywhere('Marks', 'Ctrl Shift Z', ['ctrl+shift+z', 'ctrl+y', 'meta+shift+z'], 'redo', () => app.redo()),

  onPictures('Moving', '← → ↑ ↓', [], 'move; with Shift choose a range'),
  onPictures('Moving', 'Home, End', [], 'first, last picture'),
  onPictures('Moving', 'N', ['n'], 'next undecided prompt or picture', () => actions.nextUndecided()),
  onPictures('Moving', 'Space', [], 'choose, or let go'),
  onPictures('Moving', 'Ctrl A', ['ctrl+a', 'meta+a'], 'choose all that are shown', () => selection.set(order.rows)),
  onPictures('Moving', 'M', ['m'], 'search for more like this', () => void app.findLike(selection.target())),
  onPictures('Moving', 'L', ['l'], 'search for less like this', () => void app.findLike(selection.target(), true)),
  everywhere('Moving', 'Esc', ['escape'], 'back, or choose nothing', () => actions.back()),

  everywhere('Views', 'R', ['r'], 'Review: prompt by prompt', () => app.show('review')),
  everywhere('Views', 'G', ['g'], 'Wall: all pictures', () => app.show('wall')),
  onPictures('Views', 'E, Enter', ['e', 'enter'], 'cull: one picture after the other, large', () => actions.startCull()),
  onPictures('Views', 'C', ['c'], 'compare the chosen pictures, or those of the prompt', () => actions.startCompare()),
  everywhere('Views', 'V', ['v'], 'export', () => (layout.mode = 'export')),
  everywhere('Views', '/', ['/'], 'search', () => document.getElementById('search')?.focus()),
  everywhere('Views', 'F', ['f'], 'filters', () => document.querySelector<HTMLElement>('[data-filters] button')?.focus()),
  everywhere('Views', 'I', ['i'], 'facts of the picture', () => (layout.facts = !layout.facts)),
  everywhere('Views', '+', ['+'], 'larger pictures', () => actions.resize(1.2)),
  everywhere('Views', '-', ['-'], 'smaller pictures', () => actions.resize(1 / 1.2)),
  everywhere('Views', '?', ['?'], 'these keys', () => (layout.help = !layout.help)),

  { keys: ['a'], shown: 'A', about: 'go on after each mark, on or off', group: 'Cull', where: 'cull', run: () => (layout.advance = !layout.advance) },
  { keys: [], shown: 'Z', about: 'fit or 100 %', group: 'Cull', where: 'cull' },
  { keys: [], shown: 'A, ←', about: 'A is better', group: 'Compare', where: 'compare' },
  { keys: [], shown: 'B, →', about: 'B is better', group: 'Compare', where: 'compare' },
  { keys: [], shown: '=', about: 'keep both', group: 'Compare', where: 'compare' },
  { keys: [], shown: 'X', about: 'reject both', group: 'Compare', where: 'compare' },
  { keys: [], shown: 'N', about: 'next prompt', group: 'Compare', where: 'compare' },
  { keys: [], shown: 'O', about: 'lay one over the other', group: 'Compare', where: 'compare' },
];

const table = new Map<string, Key[]>();
for (const key of KEYS) for (const name of key.keys) table.set(name, [...(table.get(name) ?? []), key]);

const OFF = 'goldpan:single-keys-off';
let singleKeysOff = loadSetting(OFF, false);
export const singleKeys = {
  get off(): boolean {
    return singleKeysOff;
  },
  /** Letters alone do nothing: for people who dictate, and for screen readers. */
  set(off: boolean): void {
    singleKeysOff = off;
    saveSetting(OFF, off);
  },
};

function nameOf(event: KeyboardEvent): string {
  const key = event.key.toLowerCase();
  const shift = event.shiftKey && (event.ctrlKey || event.metaKey);
  return `${event.ctrlKey ? 'ctrl+' : ''}${event.metaKey ? 'meta+' : ''}${shift ? 'shift+' : ''}${key}`;
}

const TYPED = 'input:not([type=range], [type=checkbox], [type=radio]), textarea, select';

function applies(key: Key): boolean {
  if (layout.mode === 'compare') return key.where === 'everywhere' || key.where === 'compare';
  if (layout.mode === 'cull') return key.where !== 'compare';
  if (layout.mode === 'export') return key.where === 'everywhere';
  return key.where === 'everywhere' || key.where === 'pictures';
}

/** Dialogs and modes take their own keys first and stop them. */
export function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement | null;
  const typing = target?.matches(TYPED);
  if (typing && event.key !== 'Escape') return;
  if (typing) target?.blur();
  if (event.altKey || !catalog.manifest) return;
  const name = nameOf(event);
  if (singleKeysOff && name.length === 1 && name !== '?' && name !== '/') return;
  // Enter and Space press the focused control; a picture is not a control.
  const control = target?.matches('a, button:not([data-row]), summary, input');
  if ((name === 'enter' || name === ' ') && control) return;
  if (layout.help && name !== 'escape' && name !== '?') return;
  if (layout.mode === 'browse' && !target?.matches('input[type=range], input[type=radio], [role=tab], [role=separator]') && actions.navigation.key?.(event)) {
    event.preventDefault();
    return;
  }
  const key = table.get(name)?.find((one) => one.run && applies(one));
  if (!key?.run) return;
  event.preventDefault();
  key.run();
}
