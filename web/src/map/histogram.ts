// The histogram of a numeric column; a drag over bars filters by a range.
import { ticks } from './ticks';

export interface HistogramTheme {
  text: string;
  soft: string;
  bar: string;
  faint: string;
  accent: string;
  /** background colour of the selected range */
  tint: string;
  selected: string;
}

export interface Bins {
  low: number;
  high: number;
  width: number;
  /** true: each bar counts the rows of one whole number; false: the rows of a range */
  whole: boolean;
  all: Uint32Array;
  shown: Uint32Array;
  selected: Uint32Array;
}

/** Counts values in at most `maxBins` bins of a round width; NaN is not counted. */
export function bin(values: ArrayLike<number>, shown: Uint8Array | null, selected: Uint8Array | null, maxBins = 60): Bins | null {
  let [low, high] = [Infinity, -Infinity];
  let whole = true;
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (v < low) low = v;
    if (v > high) high = v;
    if (whole && v === v && !Number.isInteger(v)) whole = false;
  }
  if (!(low <= high)) return null;
  let width: number;
  const each = whole && high - low < maxBins;
  if (each) {
    width = 1;
    low -= 0.5;
  } else {
    const rough = (high - low || 1) / (maxBins * 0.8);
    const power = 10 ** Math.floor(Math.log10(rough));
    width = power * ([1, 2, 5, 10].find((s) => s * power >= rough) as number);
    if (whole) width = Math.max(1, width);
    low = Math.floor(low / width + 1e-9) * width;
  }
  const count = Math.max(1, Math.floor((high - low) / width + 1e-9) + 1);
  const bins: Bins = { low, high: low + count * width, width, whole: each, all: new Uint32Array(count), shown: new Uint32Array(count), selected: new Uint32Array(count) };
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (v !== v) continue;
    const b = Math.min(count - 1, Math.max(0, Math.floor((v - low) / width)));
    bins.all[b]!++;
    if (!shown || shown[i]) bins.shown[b]!++;
    if (selected?.[i]) bins.selected[b]!++;
  }
  return bins;
}

const BOTTOM = 38;
const SIDE = 8;
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export class Histogram {
  private readonly host: HTMLElement;
  private readonly canvas = document.createElement('canvas');
  private readonly brushed: (low: number | null, high: number | null) => void;
  private readonly resize: ResizeObserver;
  private bins: Bins | null = null;
  private range: [number, number] | null = null;
  private theme: HistogramTheme | null = null;
  private width = 1;
  private height = 1;
  private hover = -1;
  private title = '';

  constructor(host: HTMLElement, label: string, brushed: (low: number | null, high: number | null) => void) {
    this.host = host;
    this.title = label;
    this.brushed = brushed;
    host.append(this.canvas);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute('role', 'application');
    this.canvas.setAttribute('aria-label', `${label}: drag to filter by a range; arrow keys move the range, double click or Escape clears it`);
    this.listen();
    this.resize = new ResizeObserver(() => this.measure());
    this.resize.observe(host);
    this.measure();
  }

  set(bins: Bins | null, range: [number, number] | null, theme: HistogramTheme): void {
    this.bins = bins;
    this.range = range;
    this.theme = theme;
    this.draw();
  }

  private measure(): void {
    const box = this.host.getBoundingClientRect();
    this.width = Math.max(1, box.width);
    this.height = Math.max(1, box.height);
    this.canvas.width = Math.round(this.width * devicePixelRatio);
    this.canvas.height = Math.round(this.height * devicePixelRatio);
    this.draw();
  }

  private toX(value: number): number {
    const { low, high } = this.bins as Bins;
    return SIDE + ((value - low) / (high - low)) * (this.width - 2 * SIDE);
  }

  private toValue(x: number): number {
    const { low, high, width } = this.bins as Bins;
    const value = low + ((x - SIDE) / (this.width - 2 * SIDE)) * (high - low);
    return Math.min(high, Math.max(low, low + Math.round((value - low) / width) * width));
  }

  private draw(): void {
    const c = this.canvas.getContext('2d');
    const { bins, theme } = this;
    if (!c || !theme) return;
    c.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    c.font = FONT;
    c.textBaseline = 'alphabetic';
    if (!bins) {
      c.fillStyle = theme.soft;
      c.fillText('no values', 4, 14);
      return;
    }
    const ground = this.height - BOTTOM;
    const room = ground - 16;
    const top = Math.max(...bins.all, 1);
    const w = (this.width - 2 * SIDE) / bins.all.length;
    const gap = bins.whole && w > 12 ? Math.min(8, w * 0.2) : 1;
    const bars = (counts: Uint32Array, colour: string): void => {
      c.fillStyle = colour;
      counts.forEach((n, b) => {
        // heights are square roots of counts, so that a bar of one picture is visible beside a bar of a thousand
        const h = n ? Math.max(1.5, Math.sqrt(n / top) * room) : 0;
        c.fillRect(SIDE + b * w + gap / 2, ground - h, Math.max(1, w - gap), h);
      });
    };
    const edges = this.range && ([this.toX(this.range[0]), this.toX(this.range[1])] as const);
    if (edges) {
      c.fillStyle = theme.tint;
      c.fillRect(edges[0], 4, edges[1] - edges[0], ground - 4);
    }
    bars(bins.all, theme.faint);
    bars(bins.shown, theme.bar);
    bars(bins.selected, theme.selected);
    c.fillStyle = theme.bar;
    c.fillRect(SIDE, ground, this.width - 2 * SIDE, 1);
    if (edges) {
      c.fillStyle = theme.accent;
      for (const x of edges) c.fillRect(x - 1, 4, 2, ground - 4);
    }
    c.fillStyle = theme.soft;
    c.textAlign = 'center';
    for (const { at, text } of ticks(bins.low, bins.high, this.width / 60, bins.whole)) {
      const x = this.toX(at);
      if (x > 8 && x < this.width - 8) c.fillText(text, x, ground + 15);
    }
    c.fillText(this.range ? `${this.title}, brush ${this.rangeText()}` : this.title, this.width / 2, ground + 32);
    if (this.hover >= 0 && this.hover < bins.all.length) {
      const from = bins.low + this.hover * bins.width;
      const which = bins.whole ? String(Math.round(from + 0.5)) : `${+from.toPrecision(4)} to ${+(from + bins.width).toPrecision(4)}`;
      c.textAlign = this.hover > bins.all.length / 2 ? 'left' : 'right';
      c.fillStyle = theme.text;
      c.fillText(`${which}: ${bins.shown[this.hover]!.toLocaleString()} of ${bins.all[this.hover]!.toLocaleString()}`, this.hover > bins.all.length / 2 ? 4 : this.width - 4, 10);
    }
  }

  private rangeText(): string {
    const { whole } = this.bins as Bins;
    const [low, high] = this.range as [number, number];
    const [a, b] = whole ? [low + 0.5, high - 0.5] : [low, high];
    return a === b ? String(+a.toPrecision(4)) : `${+a.toPrecision(4)} to ${+b.toPrecision(4)}`;
  }

  private binAt(x: number): number {
    return Math.floor(((x - SIDE) / (this.width - 2 * SIDE)) * (this.bins as Bins).all.length);
  }

  private listen(): void {
    const canvas = this.canvas;
    let from: number | null = null;
    let edge: 'new' | 'low' | 'high' | 'move' = 'new';
    let start: [number, number] = [0, 0];
    const at = (event: PointerEvent): number => event.clientX - canvas.getBoundingClientRect().left;
    canvas.addEventListener('pointerdown', (event) => {
      if (!this.bins || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      const x = at(event);
      from = x;
      edge = 'new';
      if (this.range) {
        const [x0, x1] = [this.toX(this.range[0]), this.toX(this.range[1])];
        start = [...this.range];
        if (Math.abs(x - x0) < 6) edge = 'low';
        else if (Math.abs(x - x1) < 6) edge = 'high';
        else if (x > x0 && x < x1) edge = 'move';
      }
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!this.bins) return;
      const x = at(event);
      this.hover = this.binAt(x);
      if (from !== null) {
        const [a, b] = [this.toValue(Math.min(from, x)), this.toValue(Math.max(from, x))];
        if (edge === 'new') this.range = [a, b];
        else if (edge === 'low') this.range = [Math.min(this.toValue(x), start[1]), start[1]];
        else if (edge === 'high') this.range = [start[0], Math.max(this.toValue(x), start[0])];
        else this.range = this.moved(start, this.toValue(x) - this.toValue(from));
      }
      this.draw();
    });
    canvas.addEventListener('pointerup', (event) => {
      if (!this.bins || from === null) return;
      if (edge === 'new' && Math.abs(at(event) - from) < 3) {
        const low = this.bins.low + Math.min(this.bins.all.length - 1, Math.max(0, this.binAt(from))) * this.bins.width;
        this.range = [low, low + this.bins.width];
      }
      from = null;
      this.report();
    });
    canvas.addEventListener('pointerleave', () => {
      this.hover = -1;
      this.draw();
    });
    canvas.addEventListener('dblclick', () => this.clear());
    canvas.addEventListener('keydown', (event) => this.key(event));
  }

  private moved([a, b]: [number, number], by: number): [number, number] {
    const { low, high } = this.bins as Bins;
    const to = Math.min(high - b, Math.max(low - a, by));
    return [a + to, b + to];
  }

  private key(event: KeyboardEvent): void {
    const { bins } = this;
    if (!bins || event.ctrlKey || event.metaKey) return;
    const by = event.key === 'ArrowLeft' ? -bins.width : event.key === 'ArrowRight' ? bins.width : 0;
    if (event.key === 'Escape' && this.range) this.clear();
    else if (by && !this.range) this.range = [bins.low, bins.low + bins.width];
    else if (by && event.shiftKey && this.range) this.range = [this.range[0], Math.min(bins.high, Math.max(this.range[0] + bins.width, this.range[1] + by))];
    else if (by && this.range) this.range = this.moved(this.range, by);
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key !== 'Escape') this.report();
  }

  private clear(): void {
    this.range = null;
    this.draw();
    this.brushed(null, null);
  }

  private report(): void {
    this.draw();
    if (this.range) this.brushed(...this.range);
  }

  destroy(): void {
    this.resize.disconnect();
    this.canvas.remove();
  }
}
