// The map: pan, zoom, select and inspect up to a million points.
//
//   const map = new PointMap(host, { onSelect, onHover, onOpen, onLabel, thumb });
//   map.setPoints(x, y);  map.setColors(rgba);  map.fit();  ...  map.destroy();
//
// Without axes, the map moves the groups of points together to fill the pane (packing.ts). Three layers: density (2-D
// canvas), the points (WebGL2, else a 2-D canvas), and a 2-D canvas with thumbnails, labels, axes and the lasso. A
// frame is drawn only after a change.
import { CanvasPoints } from './canvas-points';
import { GHOST, GlPoints, HIDDEN, SELECTED, SHOWN, type Points } from './gl-points';
import { GridIndex } from './grid-index';
import { AXES, Overlay, type MapLabel } from './overlay';
import { contours, type Contours } from './density';
import { pack, type Group } from './packing';
import { LevelOfDetail } from './level-of-detail';
import { ThumbLoader } from './thumb-loader';

export interface MapTheme {
  background: string;
  text: string;
  soft: string;
  halo: string;
  /** the colour of axes, and of marks that have no colour */
  edge: string;
  /** the colour of chosen pictures */
  chosen: string;
  /** the colour of points without their own colour, as 0xAABBGGRR */
  plain: number;
  /** red, green and blue of the density shading; then the opacity of a band and of a contour line */
  shade: { rgb: string; band: number; line: number };
  ghost: [number, number, number];
  selected: [number, number, number];
}

export interface MapOptions {
  /** `area` true: the user drew a lasso or box around the rows; false: the user pressed a picture (one row) or an empty
   * place (no row) */
  onSelect(rows: Uint32Array, mode: 'replace' | 'add' | 'remove', area: boolean): void;
  onHover(row: number | null, x: number, y: number): void;
  onOpen(row: number): void;
  onLabel?(id: string): void;
  /** called when the points have been placed again */
  onGroups?(groups: Group[]): void;
  /** called in each frame in which the view has changed */
  onView?(view: MapView): void;
  thumb(row: number): string | null;
  /** titles of the axes of a plot of two numeric columns, in which each axis has its own scale; undefined: no axes */
  axes?: { x: string; y: string; wholeX?: boolean; wholeY?: boolean };
  label?: string;
  /** do not use WebGL2 */
  canvasOnly?: boolean;
}

export interface MapView {
  cx: number;
  cy: number;
  zoom: number;
}

/** up to this number of pictures in view, the thumbnails are selected again in each frame; above it, only when the
 * map rests */
const FEW = 400;
const MARGIN = 0.06;
const THUMB = 34;
/** size in pixels of a thumbnail at the largest zoom (see largestZoom) */
const THUMB_LARGE = 64;
const MAX_ZOOM = 2000;
const REST_MS = 160; // milliseconds without movement after which all points are drawn

export class PointMap {
  private readonly host: HTMLElement;
  private readonly options: MapOptions;
  private readonly back = document.createElement('canvas');
  private readonly canvas = document.createElement('canvas');
  private readonly top = document.createElement('canvas');
  private readonly points: Points | null;
  private readonly overlay: Overlay;
  private readonly thumbs: ThumbLoader;
  private readonly resize: ResizeObserver;
  private index = new GridIndex(new Float32Array(0), new Float32Array(0));
  private n = 0;
  /** for each axis: value = world coordinate * span + low */
  private low: [number, number] = [0, 0];
  private span: [number, number] = [1, 1];
  private raw: { x: ArrayLike<number>; y: ArrayLike<number> } | null = null;
  private packedFor = { width: 0, height: 0 };
  private maxZoom = MAX_ZOOM;
  private density: Path2D[] | null = null;
  private candidates: number[] = [];
  /** the last lasso or box that the user drew around pictures, in world coordinates */
  private area: number[] = [];
  private coloured: Uint32Array | null = null;
  private sizes: Float32Array | null = null;
  private thumbsOn = true;
  private states = new Uint8Array(0);
  private visible: Uint8Array | null = null;
  private selected: Uint8Array | null = null;
  private priority: ArrayLike<number> | null = null;
  private highlight = -1;
  private ghost = true;
  private tool: 'pan' | 'lasso' | 'rect' = 'pan';
  private at: MapView = { cx: 0.5, cy: 0.5, zoom: 1 };
  private told: MapView = this.at;
  private width = 1;
  private height = 1;
  private ratio = 1;
  private drawing = 0;
  private statesStale = true;
  private shape: number[] = []; // the outline of the lasso or box in CSS pixels
  private labels: MapLabel[] = [];
  private theme: MapTheme | null = null;
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private flight = 0;
  private readonly detail = new LevelOfDetail();
  private lastFrame = -Infinity;
  private restTimer = 0;
  /** number of drawn frames, for measurements */
  frames = 0;

  constructor(host: HTMLElement, options: MapOptions) {
    this.host = host;
    this.options = options;
    for (const canvas of [this.back, this.canvas, this.top]) {
      canvas.className = 'map-layer';
      host.append(canvas);
    }
    this.points = this.makePoints();
    this.overlay = new Overlay(this.top.getContext('2d') as CanvasRenderingContext2D);
    this.thumbs = new ThumbLoader(options.thumb, () => this.draw());
    this.top.tabIndex = 0;
    this.top.setAttribute('role', 'application');
    this.top.setAttribute('aria-label', options.label ?? 'Map; arrow keys move, plus and minus zoom, 0 shows all');
    Object.assign(this.top, { pointMap: this }); // tests read from it what the map draws
    this.listen();
    this.resize = new ResizeObserver(() => this.measure());
    this.resize.observe(host);
    this.measure();
  }

  /** how points are drawn: 'webgl2', 'canvas' or 'none' */
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
    message.textContent = 'This browser supports neither WebGL2 nor a 2-D canvas, so the map cannot be drawn. The wall and the table still work.';
    this.host.append(message);
    return null;
  }

  // ---------------------------------------------------------------- what is shown

  setPoints(x: ArrayLike<number>, y: ArrayLike<number>): void {
    const n = x.length;
    this.raw = { x, y };
    if (n !== this.n) {
      // If the caller has set a mask for the new points before the points themselves, the mask stays.
      if (this.visible?.length !== n) this.visible = null;
      if (this.selected?.length !== n) this.selected = null;
      this.points?.setColours(new Uint32Array(n).fill(this.plain));
      this.coloured = this.sizes = null;
    }
    this.n = n;
    this.area = [];
    this.arrange();
  }

  /** Places the points in the world, which is the pane at zoom 1. */
  private arrange(): void {
    if (!this.raw) return;
    const { x, y } = this.raw;
    const [xs, ys] = this.options.axes ? this.scaled(x, y) : this.packed(x, y);
    const xy = new Float32Array(2 * this.n);
    for (let i = 0; i < this.n; i++) {
      xy[2 * i] = xs[i] as number;
      xy[2 * i + 1] = ys[i] as number;
    }
    this.index = new GridIndex(xs, ys);
    this.points?.setPlaces(xy);
    this.points?.setSizes(this.sizes);
    this.top.setAttribute('aria-description', `${this.index.count} of ${this.n} pictures are on the map`);
    this.maxZoom = this.options.axes ? MAX_ZOOM : this.largestZoom();
    this.density = null;
    this.candidates = [];
    this.limit();
    this.stale();
  }

  private packed(x: ArrayLike<number>, y: ArrayLike<number>): [Float32Array, Float32Array] {
    this.packedFor = { width: this.width, height: this.height };
    const packing = pack(x, y, this.width, this.height);
    this.options.onGroups?.(packing.groups);
    return [packing.x, packing.y];
  }

  private scaled(x: ArrayLike<number>, y: ArrayLike<number>): [Float32Array, Float32Array] {
    const ranges = [x, y].map((values) => {
      let [low, high] = [Infinity, -Infinity];
      for (let i = 0; i < this.n; i++) {
        const v = values[i] as number;
        if (v < low) low = v;
        if (v > high) high = v;
      }
      return low <= high ? { low, high } : { low: 0, high: 1 };
    }) as [{ low: number; high: number }, { low: number; high: number }];
    this.span = ranges.map(({ low, high }) => (high - low || 1) * (1 + 2 * MARGIN)) as [number, number];
    this.low = ranges.map(({ low, high }, k) => (low + high) / 2 - this.span[k as 0 | 1] / 2) as [number, number];
    return [x, y].map((values, k) => Float32Array.from({ length: this.n }, (_, i) => ((values[i] as number) - this.low[k as 0 | 1]) / this.span[k as 0 | 1])) as [Float32Array, Float32Array];
  }

  /** Returns the zoom at which half of the pictures have space for a large thumbnail beside their nearest
   * neighbour. */
  private largestZoom(): number {
    const { x, y } = this.index;
    const gaps: number[] = [];
    const step = Math.max(1, Math.floor(this.n / 400));
    for (let row = 0; row < this.n; row += step) {
      if (!((x[row] as number) >= 0)) continue;
      let least = Infinity;
      for (let r = 0.004; r <= 1 && least === Infinity; r *= 4)
        this.index.eachIn(x[row]! - r, y[row]! - r, x[row]! + r, y[row]! + r, (other) => {
          const gap = Math.max(Math.abs(x[other]! - x[row]!) * this.width, Math.abs(y[other]! - y[row]!) * this.height);
          if (other !== row && gap > 0 && gap < least) least = gap;
        });
      if (least < Infinity) gaps.push(least);
    }
    gaps.sort((a, b) => a - b);
    const usual = gaps[gaps.length >> 1] ?? 1;
    return Math.min(MAX_ZOOM, Math.max(4, (THUMB_LARGE + 4) / usual));
  }

  private get plain(): number {
    return this.theme?.plain ?? 0xff7f7874;
  }

  setColors(rgba: Uint32Array | null): void {
    this.coloured = rgba;
    this.points?.setColours(rgba ?? new Uint32Array(this.n).fill(this.plain));
    this.draw();
  }

  /** Sets the diameters of the points in CSS pixels; null: all points have the same size. */
  setSizes(sizes: Float32Array | null): void {
    this.sizes = sizes && sizes.map((s) => s / 5);
    this.points?.setSizes(this.sizes);
    this.draw();
  }

  /** Sets which pictures pass the filters; null: all. If none of these pictures is in view, the view moves to the nearest
   * one. */
  setVisible(mask: Uint8Array | null): void {
    this.visible = mask;
    if (!mask || mask.length === this.n) this.limit();
    this.density = null;
    this.candidates = [];
    this.stale();
  }

  setSelected(mask: Uint8Array | null): void {
    this.selected = mask;
    this.candidates = [];
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

  /** If two thumbnails would overlap, only the thumbnail with the higher priority is drawn. */
  setPriority(priority: ArrayLike<number> | null): void {
    this.priority = priority;
    this.candidates = [];
    this.draw();
  }

  setLabels(labels: MapLabel[]): void {
    this.labels = labels;
    this.draw();
  }

  /** Shows thumbnails, or only points. */
  setThumbs(on: boolean): void {
    this.thumbsOn = on;
    this.draw();
  }

  /** Removes the outline of the lasso or box. */
  clearArea(): void {
    this.area = [];
    this.draw();
  }

  setTheme(theme: MapTheme): void {
    this.theme = theme;
    if (!this.coloured && this.n) this.points?.setColours(new Uint32Array(this.n).fill(theme.plain));
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
    this.limit();
    this.draw();
  }

  /** Returns what the last frame shows, for tests: boxes in CSS pixels of the pane. */
  get drawn(): { labels: { text: string; x0: number; y0: number; x1: number; y1: number }[]; thumbs: { row: number; x0: number; y0: number; x1: number; y1: number }[]; inSight: number } {
    let inSight = 0;
    const [[x0, y0], [x1, y1]] = [this.toWorld(0, this.height), this.toWorld(this.width, 0)];
    this.index.eachIn(x0, y0, x1, y1, (row) => void (this.shown(row) && inSight++));
    return { labels: this.overlay.labelBoxes, thumbs: this.overlay.thumbBoxes, inSight };
  }

  /** Returns the place of a row in 0..1 of the pane at zoom 1, with y upwards. */
  worldOf(row: number): [number, number] {
    return [this.index.x[row] as number, this.index.y[row] as number];
  }

  /** Returns the place of a row in CSS pixels of the pane. */
  placeOf(row: number): [number, number] {
    return this.place(row);
  }

  private get inset(): { left: number; right: number; top: number; bottom: number } {
    return this.options.axes ? AXES : { left: 0, right: 0, top: 0, bottom: 0 };
  }

  /** Returns the size of the whole world in CSS pixels, for each axis. */
  private pixels(): [number, number] {
    const { left, right, top, bottom } = this.inset;
    return [Math.max(20, this.width - left - right) * this.at.zoom, Math.max(20, this.height - top - bottom) * this.at.zoom];
  }

  /** Returns the middle of the plot in CSS pixels. */
  private middle(): [number, number] {
    const { left, right, top, bottom } = this.inset;
    return [(left + this.width - right) / 2, (top + this.height - bottom) / 2];
  }

  private toScreen(x: number, y: number): [number, number] {
    const [kx, ky] = this.pixels();
    const [mx, my] = this.middle();
    return [(x - this.at.cx) * kx + mx, my - (y - this.at.cy) * ky];
  }

  private toWorld(px: number, py: number): [number, number] {
    const [kx, ky] = this.pixels();
    const [mx, my] = this.middle();
    return [(px - mx) / kx + this.at.cx, this.at.cy - (py - my) / ky];
  }

  /** Keeps the view within the world, and at least one picture in view. */
  private limit(): void {
    const at = this.at;
    at.zoom = Math.min(this.maxZoom, Math.max(1, at.zoom));
    const clamp = (centre: number): number => Math.min(1 - 0.5 / at.zoom, Math.max(0.5 / at.zoom, centre));
    at.cx = clamp(at.cx);
    at.cy = clamp(at.cy);
    if (this.options.axes || at.zoom === 1) return;
    // If a picture is in the middle two thirds of the pane, the view stays as it is.
    const reach = 0.33 / at.zoom;
    let any = false;
    this.index.eachIn(at.cx - reach, at.cy - reach, at.cx + reach, at.cy + reach, (row) => {
      any = this.shown(row);
      return !any;
    });
    if (any) return;
    for (let r = reach * 2; r < 4; r *= 2) {
      const near = this.index.nearest(at.cx, at.cy, r, r, this.shown);
      if (near < 0) continue;
      const [x, y] = [this.index.x[near] as number, this.index.y[near] as number];
      at.cx = clamp(Math.min(x + reach, Math.max(x - reach, at.cx)));
      at.cy = clamp(Math.min(y + reach, Math.max(y - reach, at.cy)));
      return;
    }
  }

  fit(animated = false): void {
    this.fly({ cx: 0.5, cy: 0.5, zoom: 1 }, animated);
  }

  private fly(to: MapView, animated: boolean): void {
    cancelAnimationFrame(this.flight);
    if (!animated || matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this.at = to;
      this.limit();
      this.draw();
      return;
    }
    const from = { ...this.at };
    const start = performance.now();
    const move = (now: number): void => {
      const t = Math.min(1, (now - start) / 250);
      const e = t * t * (3 - 2 * t);
      this.at = {
        cx: from.cx + (to.cx - from.cx) * e,
        cy: from.cy + (to.cy - from.cy) * e,
        zoom: from.zoom * (to.zoom / from.zoom) ** e,
      };
      if (t === 1) this.limit();
      this.draw();
      if (t < 1) this.flight = requestAnimationFrame(move);
    };
    this.flight = requestAnimationFrame(move);
  }

  zoomBy(by: number, px = this.width / 2, py = this.height / 2): void {
    cancelAnimationFrame(this.flight);
    const [wx, wy] = this.toWorld(px, py);
    this.at.zoom = Math.min(this.maxZoom, Math.max(1, this.at.zoom * by));
    const [kx, ky] = this.pixels();
    const [mx, my] = this.middle();
    this.at.cx = wx - (px - mx) / kx;
    this.at.cy = wy + (py - my) / ky;
    this.limit();
    this.draw();
  }

  private measure(): void {
    const box = this.host.getBoundingClientRect();
    this.ratio = devicePixelRatio || 1;
    this.width = Math.max(1, box.width);
    this.height = Math.max(1, box.height);
    const points = this.host.children[1] as HTMLCanvasElement;
    for (const one of [this.back, points, this.top]) {
      one.width = Math.round(this.width * this.ratio);
      one.height = Math.round(this.height * this.ratio);
    }
    // If the shape of the pane has changed, packs the groups again.
    const { width, height } = this.packedFor;
    if (!this.options.axes && this.raw && (Math.abs(width / this.width - 1) > 0.05 || Math.abs(height / this.height - 1) > 0.05)) this.arrange();
    this.draw();
  }

  // ---------------------------------------------------------------- drawing

  draw(): void {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame((now) => {
      this.drawing = 0;
      const { cx, cy, zoom } = this.at;
      if (cx !== this.told.cx || cy !== this.told.cy || zoom !== this.told.zoom) this.options.onView?.((this.told = { cx, cy, zoom }));
      this.paint(this.chooseStride(now));
    });
  }

  /** Returns the stride of this frame: 1, unless the map moves and the last frames took long. */
  private chooseStride(now: number): number {
    const stride = now - this.lastFrame < REST_MS ? this.detail.stride : 1;
    clearTimeout(this.restTimer);
    requestAnimationFrame((next) => {
      this.detail.addFrame(next - now);
      this.lastFrame = next; // the time that a slow frame took does not count as time without movement
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
    const [mx, my] = this.middle();
    const base = this.n > 300000 ? 1.6 : this.n > 30000 ? 2.4 : this.n > 3000 ? 4 : this.options.axes ? 5 : 7;
    const point = Math.min(14, base * (1 + 0.35 * Math.max(0, Math.log2(this.at.zoom))));
    this.points?.draw({
      width: this.width,
      height: this.height,
      ratio: this.ratio,
      scale: [(2 * kx) / this.width, (2 * ky) / this.height],
      shift: [(2 * (mx - this.at.cx * kx)) / this.width - 1, 1 - (2 * (my + this.at.cy * ky)) / this.height],
      point,
      alpha: this.n > 300000 ? 0.5 : this.n > 30000 ? 0.7 : 0.9,
      ghost: this.ghost,
      stride,
    });
    const theme = this.theme;
    if (!theme) return;
    if (!this.options.axes) this.paintDensity(theme);
    this.overlay.begin(this.width, this.height, this.ratio, theme);
    const labels = this.overlay.placeLabels(this.labels, (x, y) => this.toScreen(x, y));
    const at = this.highlight >= 0 ? this.place(this.highlight) : null;
    const size = !this.options.axes && this.thumbsOn ? this.paintThumbs() : 0;
    if (at && this.overlay.thumbBoxes.some((box) => box.row === this.highlight)) this.overlay.drawSquare(...at, size);
    else if (at) this.overlay.drawRing(...at, Math.max(7, point));
    if (this.options.axes) {
      const { left, right, top, bottom } = AXES;
      const [x0, y0] = this.toWorld(left, this.height - bottom);
      const [x1, y1] = this.toWorld(this.width - right, top);
      this.overlay.drawAxes(this.options.axes, [
        [x0 * this.span[0] + this.low[0], x1 * this.span[0] + this.low[0]],
        [y0 * this.span[1] + this.low[1], y1 * this.span[1] + this.low[1]],
      ]);
    }
    this.overlay.drawLabels(labels);
    if (this.shape.length) this.overlay.drawShape(this.shape, this.tool);
    else if (this.area.length) this.overlay.drawShape(this.onScreen(this.area), 'lasso', true);
  }

  private onScreen(area: number[]): number[] {
    const list: number[] = [];
    for (let i = 0; i < area.length; i += 2) list.push(...this.toScreen(area[i] as number, area[i + 1] as number));
    return list;
  }

  private paintDensity(theme: MapTheme): void {
    const c = this.back.getContext('2d');
    if (!c) return;
    this.density ??= toPaths(contours(this.index.x, this.index.y, this.shown, this.width, this.height));
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    const [kx, ky] = this.pixels();
    const [mx, my] = this.middle();
    const move = new DOMMatrix([kx, 0, 0, -ky, mx - this.at.cx * kx, my + this.at.cy * ky]);
    c.lineWidth = 1;
    for (const level of this.density) {
      const path = new Path2D();
      path.addPath(level, move);
      c.fillStyle = `rgb(${theme.shade.rgb} / ${theme.shade.band})`;
      c.fill(path, 'evenodd');
      c.strokeStyle = `rgb(${theme.shade.rgb} / ${theme.shade.line})`;
      c.stroke(path);
    }
  }

  private place(row: number): [number, number] {
    return this.toScreen(this.index.x[row] as number, this.index.y[row] as number);
  }

  /** Returns the pictures whose thumbnails may be shown, best first. If there are many, returns only the best picture
   * of each part of the pane. */
  private chooseCandidates(): number[] {
    const [x0, y0] = this.toWorld(0, this.height);
    const [x1, y1] = this.toWorld(this.width, 0);
    const better = (a: number, b: number): boolean => this.rank(a) > this.rank(b) || (this.rank(a) === this.rank(b) && a < b);
    const parts = [24, 20] as const;
    const best = new Map<number, number>();
    const few: number[] = [];
    this.index.eachIn(x0, y0, x1, y1, (row) => {
      if (!this.shown(row)) return;
      if (few.length <= FEW) few.push(row);
      const i = Math.min(parts[0] - 1, Math.floor(((this.index.x[row]! - x0) / (x1 - x0)) * parts[0]));
      const j = Math.min(parts[1] - 1, Math.floor(((this.index.y[row]! - y0) / (y1 - y0)) * parts[1]));
      const part = j * parts[0] + i;
      const old = best.get(part);
      if (old === undefined || better(row, old)) best.set(part, row);
    });
    const rows = few.length <= FEW ? few : [...best.values()];
    return rows.sort((a, b) => this.rank(b) - this.rank(a) || a - b);
  }

  private rank(row: number): number {
    return (row === this.highlight ? 2e6 : 0) + (this.selected?.[row] ? 1e6 : 0) + ((this.priority?.[row] as number) || 0);
  }

  private chosenFor = '';

  private paintThumbs(): number {
    const { cx, cy, zoom } = this.at;
    const now = `${cx} ${cy} ${zoom} ${this.width} ${this.height} ${this.highlight}`;
    if (!this.candidates.length || now !== this.chosenFor) {
      const moving = this.pointers.size > 0 && this.n > 20000;
      if (!moving || !this.candidates.length) {
        this.candidates = this.chooseCandidates();
        this.chosenFor = now;
      }
    }
    const size = Math.min(THUMB_LARGE, Math.round(THUMB + 5 * Math.log2(zoom)));
    // At low zoom, thumbnails cover only a share of the pane, so that the points stay visible. At high zoom, every
    // picture that has space gets a thumbnail.
    const most = Math.round(((this.width * this.height) / 15000) * zoom * zoom);
    const rows = this.overlay.placeThumbs(
      this.candidates.map((row) => [row, ...this.place(row)]),
      size,
      most,
    );
    this.thumbs.request(rows.map(([row]) => row));
    for (const [row, x, y] of rows) {
      const image = this.thumbs.get(row);
      if (image) this.overlay.drawThumb(image, x, y, size, this.selected?.[row] === 1);
    }
    return size;
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
      this.limit();
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
      else this.options.onSelect(row >= 0 ? Uint32Array.of(row) : new Uint32Array(0), row >= 0 ? mode : 'replace', false);
    } else if (this.tool === 'rect' && shape.length >= 4) {
      const [x0, y0] = this.toWorld(shape[0] as number, shape[1] as number);
      const [x1, y1] = this.toWorld(x, y);
      this.area = [x0, y0, x1, y0, x1, y1, x0, y1];
      this.options.onSelect(this.index.inRect(x0, y0, x1, y1, this.shown), mode, true);
    } else if (this.tool === 'lasso' && shape.length >= 6) {
      const polygon: number[] = [];
      for (let i = 0; i < shape.length; i += 2) polygon.push(...this.toWorld(shape[i] as number, shape[i + 1] as number));
      this.area = polygon;
      this.options.onSelect(this.index.inPolygon(polygon, this.shown), mode, true);
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
    this.limit();
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

function toPaths(lines: Contours): Path2D[] {
  return lines.map((loops) => {
    const path = new Path2D();
    for (const loop of loops) {
      path.moveTo(loop[0] as number, loop[1] as number);
      for (let i = 2; i < loop.length; i += 2) path.lineTo(loop[i] as number, loop[i + 1] as number);
      path.closePath();
    }
    return path;
  });
}
