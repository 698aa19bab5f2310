// What the page shows and how it is arranged. Settings are stored in the browser. The view, the mode and the search are
// part of the address. The open help and the theme that is in effect (`dark`) are not stored.
import type { Sort } from './filter-sort';
import { loadSetting, saveSetting } from './storage';

export type View = 'review' | 'wall' | 'map' | 'found' | 'table';
/** `bin`: the dialog before pictures go to the bin. `generate`, `generate more`: the dialogs before pictures are made.
 * These three modes are not part of the address. */
export type Mode = 'browse' | 'cull' | 'compare' | 'export' | 'bin' | 'generate' | 'generate more';
/** what a narrow window shows in a sheet: the search, the controls of the status bar, the facts of the current picture,
 * or the differences between two pictures; '': no sheet is open */
export type SheetName = '' | 'search' | 'controls' | 'facts' | 'differences';
export type PromptOrder = 'closest' | 'clearest' | 'corrected' | 'disagree' | 'file';
export type FoundOrder = 'most above' | 'most pictures';
/** what is folded to one cell: near copies, or all pictures of a prompt */
export type StackKind = 'off' | 'near' | 'prompt';
export type Pane = 'map' | 'charts' | 'pictures' | 'table';

export const VIEWS: { view: View; name: string; key?: string }[] = [
  { view: 'review', name: 'Review', key: 'R' },
  { view: 'wall', name: 'Wall', key: 'G' },
  { view: 'map', name: 'Map' },
  { view: 'found', name: 'Found' },
  { view: 'table', name: 'Table' },
];
export const PANES: { pane: Pane; name: string }[] = [
  { pane: 'map', name: 'Map' },
  { pane: 'charts', name: 'Charts' },
  { pane: 'pictures', name: 'Pictures' },
  { pane: 'table', name: 'Table' },
];
/** `needs`: the order is offered if the catalog has this column */
export const PROMPT_ORDERS: { order: PromptOrder; name: string; needs?: string }[] = [
  { order: 'closest', name: 'closest call first' },
  { order: 'clearest', name: 'clearest first' },
  { order: 'corrected', name: 'corrected score', needs: 'corrected' },
  { order: 'disagree', name: 'scorers disagree first', needs: 'agree' },
  { order: 'file', name: 'as in the catalog' },
];

export const STACK_KINDS: { kind: StackKind; name: string }[] = [
  { kind: 'off', name: 'off' },
  { kind: 'near', name: 'near copies' },
  { kind: 'prompt', name: 'prompt' },
];

/** The name of the order by similarity in stored settings and views. */
export const BY_SIMILARITY = 'likeness to search';

export interface LayoutSettings {
  theme: 'system' | 'dark' | 'light';
  facts: boolean;
  /** size of the pictures on the wall in pixels */
  cell: number;
  promptOrder: PromptOrder;
  foundOrder: FoundOrder;
  /** what the key S folds */
  stackKind: Exclude<StackKind, 'off'>;
  sort: Sort;
  /** one to three */
  panes: Pane[];
  /** the panes are above each other, not side by side */
  panesStacked: boolean;
  /** [the share of the first pane; the share that the second pane has in the remaining space]; null: the default */
  paneShares: [number | null, number | null];
  tableColumns: string[];
  /** widths in pixels, only of columns whose width the user changed */
  tableWidths: Record<string, number>;
  /** pinned columns, which stay at the left */
  tablePins: string[];
  charts: string[];
  /** the columns that determine colour and size of the map's points; '': no column */
  colour: string;
  sizeBy: string;
  scatter: [string, string];
  advance: boolean;
  /** after the last round of a comparison, the images that lost are rejected */
  rejectOthers: boolean;
}

const DEFAULTS: LayoutSettings = {
  theme: 'system',
  facts: true,
  cell: 124,
  promptOrder: 'closest',
  foundOrder: 'most above',
  stackKind: 'near',
  sort: { column: 'corrected', down: true },
  panes: ['map', 'charts', 'pictures'],
  panesStacked: false,
  paneShares: [null, null],
  tableColumns: ['prompt', 'flag', 'stars', 'score', 'corrected', 'rank', 'category', 'settings.seed', 'settings.sampler'],
  tableWidths: {},
  tablePins: [],
  charts: ['score'],
  colour: 'category',
  sizeBy: '',
  scatter: ['rank', 'corrected'],
  advance: true,
  rejectOthers: false,
};

const KEYS = Object.keys(DEFAULTS) as (keyof LayoutSettings)[];
const STORED = 'goldpan:layout:2';

export class Layout implements LayoutSettings {
  view = $state<View>('review');
  mode = $state<Mode>('browse');
  help = $state(false);
  sheet = $state<SheetName>('');
  stacks = $state<StackKind>('off');
  /** the part of the map that is in view; null: all of it */
  mapView = $state.raw<{ cx: number; cy: number; zoom: number } | null>(null);
  /** pictures of a stack in the dialog that rejects all but one; null: the dialog is not open */
  rejecting = $state.raw<Uint32Array | null>(null);
  /** hashes of the pictures whose tags are edited; null: none */
  tagging = $state.raw<string[] | null>(null);
  dark = $state(true);

  theme = $state(DEFAULTS.theme);
  facts = $state(DEFAULTS.facts);
  cell = $state(DEFAULTS.cell);
  promptOrder = $state(DEFAULTS.promptOrder);
  foundOrder = $state(DEFAULTS.foundOrder);
  stackKind = $state(DEFAULTS.stackKind);
  sort = $state(DEFAULTS.sort);
  panes = $state(DEFAULTS.panes);
  panesStacked = $state(DEFAULTS.panesStacked);
  paneShares = $state.raw(DEFAULTS.paneShares);
  tableColumns = $state(DEFAULTS.tableColumns);
  tableWidths = $state(DEFAULTS.tableWidths);
  tablePins = $state(DEFAULTS.tablePins);
  charts = $state(DEFAULTS.charts);
  colour = $state(DEFAULTS.colour);
  sizeBy = $state(DEFAULTS.sizeBy);
  scatter = $state(DEFAULTS.scatter);
  advance = $state(DEFAULTS.advance);
  rejectOthers = $state(DEFAULTS.rejectOthers);

  restore(): void {
    this.set({ ...DEFAULTS, ...loadSetting<Partial<LayoutSettings>>(STORED, {}) });
  }

  /** Saves all settings. The effect that calls this reads every setting here, so it runs again after each change. */
  save(): void {
    saveSetting(STORED, Object.fromEntries(KEYS.map((key) => [key, this[key]])));
  }

  /** Shows or hides a column of the table. A column that is shown now comes last. */
  showColumn(name: string, on: boolean): void {
    const others = this.tableColumns.filter((one) => one !== name);
    this.tableColumns = on ? [...others, name] : others;
  }

  private set(settings: LayoutSettings): void {
    for (const key of KEYS) Object.assign(this, { [key]: structuredClone(settings[key]) });
  }
}
