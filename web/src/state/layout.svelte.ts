// How the page is arranged: panes and their sizes, columns, charts, encodings and the order of images.  Settings are
// stored in the browser; the mode, the help and the resolved theme are not.
import type { Sort } from './filter-sort';
import { loadSetting, saveSetting } from './storage';

export type GroupBy = 'none' | 'prompt' | 'category' | 'slice' | 'duplicate';
export type Centre = 'grid' | 'table';
export type Side = 'none' | 'map' | 'charts';
export type Mode = 'browse' | 'cull' | 'compare' | 'review';
export type Panel = 'slices' | 'categories' | 'copies' | 'none';

/** The name of the order by similarity in stored settings and views. */
export const BY_SIMILARITY = 'likeness to search';

export interface LayoutSettings {
  centre: Centre;
  side: Side;
  panel: Panel;
  inspector: boolean;
  theme: 'system' | 'dark' | 'light';
  /** size of thumbnails in pixels */
  cell: number;
  panelWidth: number;
  inspectorWidth: number;
  /** share of the middle that the grid or table takes */
  split: number;
  group: GroupBy;
  sort: Sort;
  tableColumns: string[];
  charts: string[];
  /** columns that colour and size the points of the map; '' for neither */
  colour: string;
  sizeBy: string;
  scatter: [string, string];
  advance: boolean;
}

const DEFAULTS: LayoutSettings = {
  centre: 'grid',
  side: 'map',
  panel: 'slices',
  inspector: true,
  theme: 'system',
  cell: 150,
  panelWidth: 270,
  inspectorWidth: 300,
  split: 0.58,
  group: 'none',
  sort: { column: 'score', down: true },
  tableColumns: ['score', 'corrected', 'rank', 'category', 'flag', 'stars', 'prompt'],
  charts: ['score', 'corrected', 'category'],
  colour: 'score',
  sizeBy: '',
  scatter: ['score', 'corrected'],
  advance: true,
};

const KEYS = Object.keys(DEFAULTS) as (keyof LayoutSettings)[];
const STORED = 'goldpan:layout';

export class Layout implements LayoutSettings {
  mode = $state<Mode>('browse');
  help = $state(false);
  dark = $state(true);

  centre = $state(DEFAULTS.centre);
  side = $state(DEFAULTS.side);
  panel = $state(DEFAULTS.panel);
  inspector = $state(DEFAULTS.inspector);
  theme = $state(DEFAULTS.theme);
  cell = $state(DEFAULTS.cell);
  panelWidth = $state(DEFAULTS.panelWidth);
  inspectorWidth = $state(DEFAULTS.inspectorWidth);
  split = $state(DEFAULTS.split);
  group = $state(DEFAULTS.group);
  sort = $state(DEFAULTS.sort);
  tableColumns = $state(DEFAULTS.tableColumns);
  charts = $state(DEFAULTS.charts);
  colour = $state(DEFAULTS.colour);
  sizeBy = $state(DEFAULTS.sizeBy);
  scatter = $state(DEFAULTS.scatter);
  advance = $state(DEFAULTS.advance);

  restore(): void {
    this.set({ ...DEFAULTS, ...loadSetting<Partial<LayoutSettings>>(STORED, {}) });
  }

  /** Reads every setting: an effect that saves runs again after each change. */
  save(): void {
    saveSetting(STORED, Object.fromEntries(KEYS.map((key) => [key, this[key]])));
  }

  reset(): void {
    this.set(DEFAULTS);
  }

  private set(settings: LayoutSettings): void {
    for (const key of KEYS) Object.assign(this, { [key]: structuredClone(settings[key]) });
  }
}
