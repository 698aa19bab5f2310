// Draws the points on a 2-D canvas, for browsers without WebGL2: slower, and at most MAX_POINTS points.
import { GHOST, SELECTED, SHOWN, type Frame, type Points } from './gl-points';

/** The largest number of points that are drawn. If there are more points, every k-th point and all selected points
 * are drawn. */
const MAX_POINTS = 60000;

export class CanvasPoints implements Points {
  private readonly context: CanvasRenderingContext2D;
  private xy: Float32Array = new Float32Array(0);
  private rgba: Uint32Array = new Uint32Array(0);
  private sizes: Float32Array | null = null;
  private states: Uint8Array = new Uint8Array(0);
  private theme = { ghost: 'rgb(128 128 128)', selected: 'rgb(80 160 255)' };

  constructor(context: CanvasRenderingContext2D) {
    this.context = context;
  }

  setPlaces(xy: Float32Array): void {
    this.xy = xy;
  }
  setColours(rgba: Uint32Array): void {
    this.rgba = rgba;
  }
  setSizes(sizes: Float32Array | null): void {
    this.sizes = sizes;
  }
  setStates(states: Uint8Array): void {
    this.states = states;
  }
  setTheme(theme: { ghost: [number, number, number]; selected: [number, number, number] }): void {
    const css = (c: [number, number, number]): string => `rgb(${c.map((v) => Math.round(v * 255)).join(' ')})`;
    this.theme = { ghost: css(theme.ghost), selected: css(theme.selected) };
  }

  draw(frame: Frame): void {
    const c = this.context;
    const n = this.xy.length / 2;
    c.setTransform(frame.ratio, 0, 0, frame.ratio, 0, 0);
    c.clearRect(0, 0, frame.width, frame.height);
    const step = Math.max(frame.stride, Math.ceil(n / MAX_POINTS));
    const pass = (state: number, alpha: number, grow: number, flat: string | null): void => {
      c.globalAlpha = alpha;
      for (let i = 0; i < n; i += state === SELECTED ? 1 : step) {
        if (this.states[i] !== state) continue;
        const x = ((this.xy[2 * i]! * frame.scale[0] + frame.shift[0] + 1) / 2) * frame.width;
        const y = ((1 - (this.xy[2 * i + 1]! * frame.scale[1] + frame.shift[1])) / 2) * frame.height;
        const r = Math.max(0.75, (frame.point * grow * (this.sizes?.[i] ?? 1)) / 2);
        if (!(x > -r && x < frame.width + r && y > -r && y < frame.height + r)) continue;
        const colour = this.rgba[i] ?? 0xff888888;
        c.fillStyle = flat ?? `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
        if (r < 1.5) c.fillRect(x - r, y - r, 2 * r, 2 * r);
        else {
          c.beginPath();
          c.arc(x, y, r, 0, 7);
          c.fill();
        }
      }
    };
    if (frame.ghost) pass(GHOST, 0.12, 0.8, this.theme.ghost);
    pass(SHOWN, frame.alpha, 1, null);
    pass(SELECTED, 1, 1.9, this.theme.selected);
    pass(SELECTED, 1, 1.1, null);
    c.globalAlpha = 1;
  }

  destroy(): void {
    this.xy = new Float32Array(0);
  }
}
