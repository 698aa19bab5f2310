// The map: pan, zoom, select and inspect up to a million points.
//
//   const map = new PointMap(host, { onSelect, onHover, onOpen, onLabel, thumb });
//   map.setPoints(x, y);  map.setColors(rgba);  map.fit();  ...  map.destroy();
//
// Two layers: the points (WebGL2, else a 2-D canvas), and a 2-D canvas with thumbnails, labels, axes and the lasso.  A frame
// is drawn only after a change.
import { CanvasPoints } from './canvas-points';
import { GHOST, GlPoints, HIDDEN, SELECTED, SHOWN, type Points } from './gl-points';
import { GridIndex } from './grid-index';
import { Overlay, type MapLabel } from './overlay';
import { LevelOfDetail } from './level-of-detail';
import { ThumbLoader } from './thumb-loader';

export interface MapTheme {
  background: string;
  text: string;
  soft: string;
  halo: string;
  accent: string;
  ghost: [number, number, number];
  selected: [number, number, number];
}

export interface MapOptions {
  onSelect(rows: Uint32Array, mode: 'replace' | 'add' | 'remove'): void;
  onHover(row: number | null, x: number, y: number): void;
  onOpen(row: number): void;
  onLabel?(id: string): void;
  thumb(row: number): string | null;
  /** titles of numeric axes; each axis then has its own scale */
  axes?: { x: string; y: string };
  label?: string;
  /** do not use WebGL2 */
  canvasOnly?: boolean;
}

export interface MapView {
  cx: number;
  cy: number;
  zoom: number;
}

const MAX_THUMBS = 400;
const MARGIN = 0.06;
const REST_MS = 160; // milliseconds without movement after which all points are drawn

export class PointMap {
  private readonly host: HTMLElement;
  private readonly options: MapOptions;
  private readonly canvas = document.createElement('canvas');
  private readonly top = document.createElement('canvas');
  private readonly points: Points | null;
  private readonly overlay: Overlay;
  private readonly thumbs: ThumbLoader;
  private readonly resize: ResizeObserver;
  private index = new GridIndex(new Float32Array(0), new Float32Array(0));
  private n = 0;
  /** data = world * span + low, per axis */
  private low: [number, number] = [0, 0];
  private span: [number, number] = [1, 1];
  private states = new Uint8Array(0);
  private visible: Uint8Array | null = null;
  private selected: Uint8Array | null = null;
  private priority: ArrayLike<number> | null = null;
  private highlight = -1;
  private ghost = true;
  private tool: 'pan' | 'lasso' | 'rect' = 'pan';
  private at: MapView = { cx: 0.5, cy: 0.5, zoom: 1 };
  private width = 1;
  private height = 1;
  private ratio = 1;
  private drawing = 0;
  private statesStale = true;
  private shape: number[] = []; // of the lasso or box, CSS pixels
  private labels: MapLabel[] = [];
  private theme: MapTheme | null = null;
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private flight = 0;
  private readonly detail = new LevelOfDetail();
  private lastFrame = -Infinity;
  private restTimer = 0;
  /** drawn frames, for measuring */
  frames = 0;

  constructor(host: HTMLElement, options: MapOptions) {
    this.host = host;
    this.options = options;
    for (const canvas of [this.canvas, this.top]) {
      canvas.className = 'map-layer';
      host.append(canvas);
    }
    this.points = this.makePoints();
    this.overlay = new Overlay(this.top.getContext('2d') as CanvasRenderingContext2D);
    this.thumbs = new ThumbLoader(options.thumb, () => this.draw());
    this.top.tabIndex = 0;
    this.top.setAttribute('role', 'application');
    this.top.setAttribute('aria-label', options.label ?? 'Map; arrow keys move, plus and minus zoom, 0 shows all');
    this.listen();
    this.resize = new ResizeObserver(() => this.measure());
    this.resize.observe(host);
    this.measure();
  }

  /** 'webgl2', 'canvas' or 'none' */
  get kind(): string {
    return this.points instanceof GlPoints ? 'webgl2' : this.points ? 'canvas' : 'none';
  }

  private makePoints(): Points | null {
    const gl = this.options.canvasOnly ? null : this.canvas.getContext('webgl2', { antialias: false, premultipliedAlpha: true });
    if (gl) {
      try {
        const points = new GlPoints(gl);
        this.canvas.addEventListener('webglcontextlost', (event) => event.preventDefault());
        this.canvas.addEventListener('webglcontextrestored', () => {
          points.build();
          this.draw();
        });
        return points;
      } catch {
        // the driver offers WebGL2 but cannot compile the shaders: use the 2-D canvas
        const fresh = this.canvas.cloneNode() as HTMLCanvasElement;
        this.canvas.replaceWith(fresh);
        const plain = fresh.getContext('2d');
        return plain ? new CanvasPoints(plain) : null;
      }
    }
    const plain = this.canvas.getContext('2d');
    if (plain) return new CanvasPoints(plain);
    const message = document.createElement('p');
    message.textContent = 'This browser supports neither WebGL2 nor a 2-D canvas, so the map cannot be drawn. Grid and table still work.';
    this.host.append(message);
    return null;
  }

  // ---------------------------------------------------------------- what is shown

  setPoints(x: ArrayLike<number>, y: ArrayLike<number>): void {
    const n = x.length;
    const ranges = [x, y].map((values) => {
      let [low, high] = [Infinity, -Infinity];
      for (let i = 0; i < n; i++) {
        const v = values[i] as number;
        if (v < low) low = v;
        if (v > high) high = v;
      }
      return low <= high ? { low, high } : { low: 0, high: 1 };
    }) as [{ low: number; high: number }, { low: number; high: number }];
    const spans = ranges.map(({ low, high }) => high - low || 1) as [number, number];
    if (!this.options.axes) spans[0] = spans[1] = Math.max(...spans);
    this.span = spans.map((s) => s * (1 + 2 * MARGIN)) as [number, number];
    this.low = ranges.map(({ low, high }, k) => (low + high) / 2 - (this.span[k as 0 | 1] as number) / 2) as [number, number];
    const xs = new Float32Array(n);
    const ys = new Float32Array(n);
    const xy = new Float32Array(2 * n);
    for (let i = 0; i < n; i++) {
      xy[2 * i] = xs[i] = ((x[i] as number) - this.low[0]) / this.span[0];
      xy[2 * i + 1] = ys[i] = ((y[i] as number) - this.low[1]) / this.span[1];
    }
    if (n !== this.n) {
      this.visible = this.selected = null;
      this.points?.setColours(new Uint32Array(n).fill(0xffa09080));
      this.points?.setSizes(null);
    }
    this.n = n;
    this.index = new GridIndex(xs, ys);
    this.points?.setPlaces(xy);
    this.points?.setSizes(null);
    this.top.setAttribute('aria-description', `${this.index.count} of ${n} images are on the map`);
    this.statesStale = true;
    this.draw();
  }

  setColors(rgba: Uint32Array | null): void {
    this.points?.setColours(rgba ?? new Uint32Array(this.n).fill(0xffa09080));
    this.draw();
  }

  /** Diameters in CSS pixels; null: all equal. */
  setSizes(sizes: Float32Array | null): void {
    this.points?.setSizes(sizes ? sizes.map((s) => s / 5) : null);
    this.draw();
  }

  setVisible(mask: Uint8Array | null): void {
    this.visible = mask;
    this.stale();
  }

  setSelected(mask: Uint8Array | null): void {
    this.selected = mask;
    this.stale();
  }

  setGhost(on: boolean): void {
    this.ghost = on;
    this.stale();
  }

  setHighlight(row: number | null): void {
    this.highlight = row ?? -1;
    this.draw();
  }

  /** Where thumbnails overlap, the one of higher priority is drawn. */
  setPriority(priority: ArrayLike<number> | null): void {
    this.priority = priority;
    this.draw();
  }

  setLabels(labels: MapLabel[]): void {
    this.labels = labels;
    this.draw();
  }

  setTheme(theme: MapTheme): void {
    this.theme = theme;
    this.points?.setTheme(theme);
    this.draw();
  }

  setTool(tool: 'pan' | 'lasso' | 'rect'): void {
    this.tool = tool;
    this.top.dataset.tool = tool;
  }

  private stale(): void {
    this.statesStale = true;
    this.draw();
  }

  private refreshStates(): void {
    this.statesStale = false;
    if (this.states.length !== this.n) this.states = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i++)
      this.states[i] = this.visible && !this.visible[i] ? (this.ghost ? GHOST : HIDDEN) : this.selected?.[i] ? SELECTED : SHOWN;
    this.points?.setStates(this.states);
  }

  private readonly shown = (row: number): boolean => !this.visible || this.visible[row] === 1;

  // ---------------------------------------------------------------- the view

  get view(): MapView {
    return { ...this.at };
  }

  set view(view: MapView) {
    this.at = { ...view };
    this.draw();
  }

  /** CSS pixels of the whole world, per axis. */
  private pixels(): [number, number] {
    if (this.options.axes) return [this.width * this.at.zoom, this.height * this.at.zoom];
    const side = Math.min(this.width, this.height) * this.at.zoom;
    return [side, side];
  }

  private toScreen(x: number, y: number): [number, number] {
    const [kx, ky] = this.pixels();
    return [(x - this.at.cx) * kx + this.width / 2, this.height / 2 - (y - this.at.cy) * ky];
  }

  private toWorld(px: number, py: number): [number, number] {
    const [kx, ky] = this.pixels();
    return [(px - this.width / 2) / kx + this.at.cx, this.at.cy - (py - this.height / 2) / ky];
  }

  fit(animated = false): void {
    this.fly({ cx: 0.5, cy: 0.5, zoom: 1 }, animated);
  }

  zoomTo(rows: ArrayLike<number>): void {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < rows.length; i++) {
      const x = this.index.x[rows[i] as number] as number;
      const y = this.index.y[rows[i] as number] as number;
      if (!(x >= 0)) continue;
      [x0, x1, y0, y1] = [Math.min(x0, x), Math.max(x1, x), Math.min(y0, y), Math.max(y1, y)];
    }
    if (!(x0 <= x1)) return;
    const size = Math.max(x1 - x0, y1 - y0, 0.02);
    this.fly({ cx: (x0 + x1) / 2, cy: (y0 + y1) / 2, zoom: Math.max(1, Math.min(60, 0.6 / size)) }, true);
  }

  private fly(to: MapView, animated: boolean): void {
    cancelAnimationFrame(this.flight);
    if (!animated || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this.at = to;
      this.draw();
      return;
    }
    const from = { ...this.at };
    const start = performance.now();
    const move = (now: number): void => {
      const t = Math.min(1, (now - start) / 350);
      const e = t * t * (3 - 2 * t);
      this.at = {
        cx: from.cx + (to.cx - from.cx) * e,
        cy: from.cy + (to.cy - from.cy) * e,
        zoom: from.zoom * (to.zoom / from.zoom) ** e,
      };
      this.draw();
      if (t < 1) this.flight = requestAnimationFrame(move);
    };
    this.flight = requestAnimationFrame(move);
  }

  zoomBy(by: number, px = this.width / 2, py = this.height / 2): void {
    const [wx, wy] = this.toWorld(px, py);
    this.at.zoom = Math.min(5000, Math.max(0.4, this.at.zoom * by));
    const [kx, ky] = this.pixels();
    this.at.cx = wx - (px - this.width / 2) / kx;
    this.at.cy = wy + (py - this.height / 2) / ky;
    this.draw();
  }

  private measure(): void {
    const box = this.host.getBoundingClientRect();
    this.ratio = devicePixelRatio || 1;
    this.width = Math.max(1, box.width);
    this.height = Math.max(1, box.height);
    const canvas = this.host.firstElementChild as HTMLCanvasElement;
    for (const one of [canvas, this.top]) {
      one.width = Math.round(this.width * this.ratio);
      one.height = Math.round(this.height * this.ratio);
    }
    this.draw();
  }

  // ---------------------------------------------------------------- drawing

  draw(): void {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame((now) => {
      this.drawing = 0;
      this.paint(this.chooseStride(now));
    });
  }

  /** The stride of this frame: 1, unless the map moves and the last frames took long. */
  private chooseStride(now: number): number {
    const stride = now - this.lastFrame < REST_MS ? this.detail.stride : 1;
    clearTimeout(this.restTimer);
    requestAnimationFrame((next) => {
      this.detail.addFrame(next - now);
      this.lastFrame = next; // the time of a slow frame does not count as rest
      clearTimeout(this.restTimer);
      if (stride > 1)
        this.restTimer = window.setTimeout(() => {
          this.lastFrame = -Infinity;
          this.draw();
        }, REST_MS);
    });
    return stride;
  }

  private paint(stride: number): void {
    this.frames++;
    if (this.statesStale) this.refreshStates();
    const [kx, ky] = this.pixels();
    const base = this.n > 300000 ? 1.6 : this.n > 30000 ? 2.4 : this.n > 3000 ? 4 : 6;
    const point = Math.min(14, base * (1 + 0.35 * Math.max(0, Math.log2(this.at.zoom))));
    const seen = this.rowsInView();
    this.points?.draw({
      width: this.width,
      height: this.height,
      ratio: this.ratio,
      scale: [(2 * kx) / this.width, (2 * ky) / this.height],
      shift: [(-2 * this.at.cx * kx) / this.width, (-2 * this.at.cy * ky) / this.height],
      point,
      alpha: this.n > 300000 ? 0.5 : this.n > 30000 ? 0.7 : 0.9,
      ghost: this.ghost,
      stride,
    });
    const theme = this.theme;
    if (!theme) return;
    this.overlay.begin(this.width, this.height, this.ratio, theme);
    if (seen && !this.options.axes) this.paintThumbs(seen);
    if (this.highlight >= 0) {
      const [x, y] = this.place(this.highlight);
      this.overlay.drawRing(x, y, Math.max(8, point));
    }
    if (this.options.axes) {
      const [x0, y0] = this.toWorld(0, this.height);
      const [x1, y1] = this.toWorld(this.width, 0);
      this.overlay.drawAxes(this.options.axes, [
        [x0 * this.span[0] + this.low[0], x1 * this.span[0] + this.low[0]],
        [y0 * this.span[1] + this.low[1], y1 * this.span[1] + this.low[1]],
      ]);
    }
    this.overlay.drawLabels(this.labels, (x, y) => this.toScreen((x - this.low[0]) / this.span[0], (y - this.low[1]) / this.span[1]));
    this.overlay.drawShape(this.shape, this.tool);
  }

  private place(row: number): [number, number] {
    return this.toScreen(this.index.x[row] as number, this.index.y[row] as number);
  }

  /** The rows in view, or null if they are too many for thumbnails. */
  private rowsInView(): number[] | null {
    const [x0, y0] = this.toWorld(0, this.height);
    const [x1, y1] = this.toWorld(this.width, 0);
    const list: number[] = [];
    this.index.eachIn(x0, y0, x1, y1, (row) => {
      if (this.shown(row)) list.push(row);
      return list.length <= MAX_THUMBS;
    });
    return list.length <= MAX_THUMBS ? list : null;
  }

  private paintThumbs(seen: number[]): void {
    const priority = (row: number): number => (this.selected?.[row] ? 1e6 : 0) + ((this.priority?.[row] as number) || 0);
    const size = Math.min(112, Math.max(44, 26 + 6 * Math.log2(this.at.zoom + 1) + 4000 / (seen.length + 60)));
    const rows = this.overlay.placeThumbs(
      seen.sort((a, b) => priority(b) - priority(a) || a - b).map((row) => [row, ...this.place(row)]),
      size,
    );
    this.thumbs.request(rows.map(([row]) => row));
    for (const [row, x, y] of rows) {
      const image = this.thumbs.get(row);
      if (image) this.overlay.drawThumb(image, x, y, size, this.selected?.[row] === 1);
    }
  }

  // ---------------------------------------------------------------- pointer and keys

  private where(event: MouseEvent): [number, number] {
    const box = this.top.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private under(px: number, py: number): number {
    const thumb = this.overlay.thumbAt(px, py);
    if (thumb >= 0) return thumb;
    const [x, y] = this.toWorld(px, py);
    const [kx, ky] = this.pixels();
    return this.index.nearest(x, y, 9 / kx, 9 / ky, this.shown);
  }

  private listen(): void {
    const top = this.top;
    top.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.06 : 0.0016)), ...this.where(event));
    }, { passive: false });
    top.addEventListener('pointerdown', (event) => this.down(event));
    top.addEventListener('pointermove', (event) => this.move(event));
    top.addEventListener('pointerup', (event) => this.up(event));
    top.addEventListener('pointercancel', (event) => this.pointers.delete(event.pointerId));
    top.addEventListener('pointerleave', () => this.options.onHover(null, 0, 0));
    top.addEventListener('dblclick', (event) => {
      const row = this.under(...this.where(event));
      if (row >= 0) this.options.onOpen(row);
      else this.zoomBy(2, ...this.where(event));
    });
    top.addEventListener('keydown', (event) => this.key(event));
  }

  private moved = 0;

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const [x, y] = this.where(event);
    this.top.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x, y });
    this.moved = 0;
    if (this.tool !== 'pan' && this.pointers.size === 1) this.shape = [x, y];
  }

  private move(event: PointerEvent): void {
    const [x, y] = this.where(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      const row = this.under(x, y);
      this.top.classList.toggle('pointing', row >= 0 || this.overlay.labelAt(x, y) !== null);
      this.options.onHover(row >= 0 ? row : null, x, y);
      return;
    }
    this.moved += Math.abs(x - before.x) + Math.abs(y - before.y);
    if (this.pointers.size === 2) this.pinch(event.pointerId, x, y);
    else if (this.tool === 'pan') {
      const [kx, ky] = this.pixels();
      this.at.cx -= (x - before.x) / kx;
      this.at.cy += (y - before.y) / ky;
    } else if (this.tool === 'lasso') this.shape.push(x, y);
    else this.shape = [this.shape[0] as number, this.shape[1] as number, x, y];
    this.pointers.set(event.pointerId, { x, y });
    this.draw();
  }

  private pinch(id: number, x: number, y: number): void {
    const [a, b] = [...this.pointers.entries()].map(([key, p]) => (key === id ? { before: p, now: { x, y } } : { before: p, now: p }));
    if (!a || !b) return;
    const gap = (p: { x: number; y: number }, q: { x: number; y: number }): number => Math.hypot(p.x - q.x, p.y - q.y) || 1;
    this.zoomBy(gap(a.now, b.now) / gap(a.before, b.before), (a.now.x + b.now.x) / 2, (a.now.y + b.now.y) / 2);
  }

  private up(event: PointerEvent): void {
    if (!this.pointers.delete(event.pointerId)) return;
    const [x, y] = this.where(event);
    const mode = event.altKey ? 'remove' : event.shiftKey || event.ctrlKey || event.metaKey ? 'add' : 'replace';
    const shape = this.shape;
    this.shape = [];
    if (this.moved < 4) {
      const name = this.overlay.labelAt(x, y);
      const row = this.under(x, y);
      if (name !== null && this.overlay.thumbAt(x, y) < 0) this.options.onLabel?.(name);
      else this.options.onSelect(row >= 0 ? Uint32Array.of(row) : new Uint32Array(0), row >= 0 ? mode : 'replace');
    } else if (this.tool === 'rect' && shape.length >= 4) {
      const [x0, y0] = this.toWorld(shape[0] as number, shape[1] as number);
      const [x1, y1] = this.toWorld(x, y);
      this.options.onSelect(this.index.inRect(x0, y0, x1, y1, this.shown), mode);
    } else if (this.tool === 'lasso' && shape.length >= 6) {
      const polygon: number[] = [];
      for (let i = 0; i < shape.length; i += 2) polygon.push(...this.toWorld(shape[i] as number, shape[i + 1] as number));
      this.options.onSelect(this.index.inPolygon(polygon, this.shown), mode);
    }
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [kx, ky] = this.pixels();
    const step = 60;
    if (event.key === 'ArrowLeft') this.at.cx -= step / kx;
    else if (event.key === 'ArrowRight') this.at.cx += step / kx;
    else if (event.key === 'ArrowUp') this.at.cy += step / ky;
    else if (event.key === 'ArrowDown') this.at.cy -= step / ky;
    else if (event.key === '+' || event.key === '=') this.zoomBy(1.4);
    else if (event.key === '-') this.zoomBy(1 / 1.4);
    else if (event.key === '0') this.fit(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.draw();
  }

  destroy(): void {
    cancelAnimationFrame(this.drawing);
    cancelAnimationFrame(this.flight);
    clearTimeout(this.restTimer);
    this.resize.disconnect();
    this.points?.destroy();
    this.host.replaceChildren();
  }
}
