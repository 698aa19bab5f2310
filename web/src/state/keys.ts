// The keyboard shortcuts: one table for what they do and for the list that `?` shows.
import { app, catalog, layout, order, selection } from './actions.svelte';
import * as actions from './actions.svelte';
import { loadSetting, saveSetting } from './storage';

/** `pictures`: only where pictures can be marked; `views`: only in a view, not in a mode */
type Where = 'everywhere' | 'views' | 'pictures' | 'cull' | 'compare';

export interface Key {
  keys: string[];
  shown: string;
  about: string;
  group: 'Marks' | 'Moving' | 'Views' | 'Compare' | 'Cull';
  where: Where;
  run?: () => void;
}


const everywhere = (group: Key['group'], shown: string, keys: string[], about: string, run: () => void): Key => ({ keys, shown, about, group, where: 'everywhere', run });
const inViews = (group: Key['group'], shown: string, keys: string[], about: string, run?: () => void): Key => ({ keys, shown, about, group, where: 'views', run });
const inMode = (where: 'cull' | 'compare', shown: string, about: string, keys: string[] = [], run?: () => void): Key => ({ keys, shown, about, group: where === 'cull' ? 'Cull' : 'Compare', where, run });
const onPictures = (group: Key['group'], shown: string, keys: string[], about: string, run?: () => void): Key => ({ keys, shown, about, group, where: 'pictures', run });

export const KEYS: Key[] = [
  onPictures('Marks', 'P', ['p'], 'pick', () => actions.flagTarget(1)),
  onPictures('Marks', 'X', ['x'], 'reject', () => actions.flagTarget(-1)),
  onPictures('Marks', 'U', ['u'], 'remove the pick or reject', () => actions.flagTarget(0)),
  ...[1, 2, 3, 4, 5].map((n) => onPictures('Marks', n === 1 ? '1 … 5' : '', [String(n)], 'stars', () => actions.starTarget(n))),
  onPictures('Marks', '0', ['0'], 'no stars', () => actions.starTarget(0)),
  onPictures('Marks', 'T', ['t'], 'tags', () => actions.startTagging()),
  onPictures('Marks', 'K', ['k'], 'keep goldpan’s suggestion, go to the next undecided prompt', () => actions.keepSuggestion()),
  everywhere('Marks', 'Ctrl Z', ['ctrl+z', 'meta+z'], 'undo', () => app.undo()),
  everywhere('Marks', 'Ctrl Shift Z', ['ctrl+shift+z', 'ctrl+y', 'meta+shift+z'], 'redo', () => app.redo()),

  inViews('Moving', '← → ↑ ↓', [], 'move; with Shift choose a range'),
  inViews('Moving', 'Home, End', [], 'first, last picture'),
  onPictures('Moving', 'N', ['n'], 'next undecided prompt or picture', () => actions.nextUndecided()),
  inViews('Moving', 'Space', [], 'choose, or let go'),
  inViews('Moving', 'Ctrl A', ['ctrl+a', 'meta+a'], 'choose all that are shown', () => selection.set(order.rows)),
  inViews('Moving', 'M', ['m'], 'search for more like this', () => void app.findLike(selection.target())),
  inViews('Moving', 'L', ['l'], 'search for less like this', () => void app.findLike(selection.target(), true)),
  everywhere('Moving', 'Esc', ['escape'], 'back, or choose nothing', () => actions.back()),

  everywhere('Views', 'R', ['r'], 'Review: prompt by prompt', () => app.show('review')),
  everywhere('Views', 'G', ['g'], 'Wall: all pictures', () => app.show('wall')),
  inViews('Views', 'E, Enter', ['e', 'enter'], 'cull: one picture after the other, large', () => actions.startCull()),
  onPictures('Views', 'C', ['c'], 'compare the chosen pictures, or those of the prompt', () => actions.startCompare()),
  inViews('Views', 'V', ['v'], 'export', () => (layout.mode = 'export')),
  inViews('Views', '/', ['/'], 'search', () => actions.startSearch()),
  inViews('Views', 'F', ['f'], 'filters', () => document.querySelector<HTMLElement>('[data-filters] button')?.focus()),
  inViews('Views', 'S', ['s'], 'fold near copies (or prompts) to stacks, or unfold them', () => actions.toggleStacks()),
  inViews('Views', 'O', ['o'], 'open the stack in its place, or fold it again', () => actions.toggleStack()),
  everywhere('Views', 'I', ['i'], 'facts of the picture', () => actions.toggleFacts()),
  inViews('Views', '+', ['+'], 'larger pictures', () => actions.resize(1.2)),
  inViews('Views', '-', ['-'], 'smaller pictures', () => actions.resize(1 / 1.2)),
  everywhere('Views', '?', ['?'], 'these keys', () => (layout.help = !layout.help)),

  inMode('cull', '← →', 'the picture before, after'),
  inMode('cull', '↑ ↓', 'the prompt before, after'),
  inMode('cull', 'Space', 'the next picture; with Shift the one before'),
  inMode('cull', 'A', 'go on after each mark, on or off', ['a'], () => (layout.advance = !layout.advance)),
  inMode('cull', 'Z', 'the whole picture, or 100 %'),
  inMode('compare', '←, A', 'A is better'),
  inMode('compare', '→, B', 'B is better'),
  inMode('compare', 'Shift A, Shift B', 'pick it and reject all others'),
  inMode('compare', '=', 'keep both'),
  inMode('compare', 'X', 'reject both'),
  inMode('compare', '1 … 5', 'stars of A; with Shift of B'),
  inMode('compare', 'N', 'next undecided prompt'),
  inMode('compare', 'O', 'lay one over the other'),
  inMode('compare', 'Z', 'zoom both'),
  inMode('compare', 'E', 'one large, or both'),
  inMode('compare', 'Ctrl Z', 'undo the last decision'),
];

const table = new Map<string, Key[]>();
for (const key of KEYS) for (const name of key.keys) table.set(name, [...(table.get(name) ?? []), key]);

const OFF = 'goldpan:single-keys-off';
let singleKeysOff = loadSetting(OFF, false);
export const singleKeys = {
  get off(): boolean {
    return singleKeysOff;
  },
  /** `off`: single letters have no effect, for users who dictate or use a screen reader. */
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
  if (key.where === 'everywhere') return true;
  if (layout.mode === 'compare') return key.where === 'compare';
  if (layout.mode === 'cull') return key.where === 'cull' || key.where === 'pictures';
  return layout.mode === 'browse' && (key.where === 'views' || key.where === 'pictures');
}

export function onKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement | null;
  const typing = target?.matches(TYPED);
  if (typing && event.key !== 'Escape') return;
  if (typing) target?.blur();
  if (event.altKey || !catalog.manifest) return;
  const name = nameOf(event);
  if (singleKeysOff && name.length === 1 && name !== '?' && name !== '/') return;
  // Enter and Space belong to the focused control, if there is one; a picture does not count as a control.
  const control = target?.matches('a, button:not([data-row]), summary, input');
  if ((name === 'enter' || name === ' ') && control) return;
  if (layout.help && name !== 'escape' && name !== '?') return;
  if ((layout.rejecting || layout.sheet) && name !== 'escape') return;
  if (layout.mode === 'browse' && !target?.matches('input[type=range], input[type=radio], [role=tab], [role=separator]') && actions.navigation.key?.(event)) {
    event.preventDefault();
    return;
  }
  const steps = name.startsWith('arrow') && target?.matches('input[type=range]');
  if (layout.mode !== 'browse' && !layout.sheet && !steps && actions.navigation.mode?.(event)) {
    event.preventDefault();
    return;
  }
  const key = table.get(name)?.find((one) => one.run && applies(one));
  if (!key?.run) return;
  event.preventDefault();
  key.run();
}
