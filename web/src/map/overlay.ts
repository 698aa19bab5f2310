// The layer over the points: thumbnails, labels, axes, the lasso.
import type { MapTheme } from './point-map';
import { ticks } from './ticks';

export interface MapLabel {
  /** position in 0..1 of the pane, with y upwards. For a group: the middle of its upper edge. For a category: the
   * middle of its points. */
  x: number;
  y: number;
  /** lower edge of the group */
  bottom: number;
  left: number;
  right: number;
  text: string;
  count: number;
  id: string;
  colour?: string;
}

export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** margins of a plot with axes, in pixels */
export const AXES = { left: 42, right: 10, top: 8, bottom: 36 };
const LINE = 16;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export class Overlay {
  private readonly c: CanvasRenderingContext2D;
  private theme!: MapTheme;
  private width = 1;
  private height = 1;
  /** the labels and thumbnails that were placed in the last frame */
  labelBoxes: (Box & { id: string; text: string })[] = [];
  thumbBoxes: (Box & { row: number })[] = [];

  constructor(context: CanvasRenderingContext2D) {
    this.c = context;
  }

  begin(width: number, height: number, ratio: number, theme: MapTheme): void {
    this.width = width;
    this.height = height;
    this.theme = theme;
    this.labelBoxes = [];
    this.thumbBoxes = [];
    this.c.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.c.clearRect(0, 0, width, height);
  }

  /** Returns at most `most` of `places` ([row, x, y]) whose thumbnails overlap neither each other nor a label. Earlier
   * places have priority. */
  placeThumbs(places: [number, number, number][], size: number, most: number): [number, number, number][] {
    const taken = new Map<string, [number, number][]>();
    const kept: [number, number, number][] = [];
    const gap = size + 4;
    const key = (x: number, y: number): string => `${Math.floor(x / gap)},${Math.floor(y / gap)}`;
    for (const [row, x, y] of places) {
      if (kept.length >= most) break;
      const box = { row, x0: x - size / 2, x1: x + size / 2, y0: y - size / 2, y1: y + size / 2 };
      let free = box.x0 >= 2 && box.y0 >= 2 && box.x1 <= this.width - 2 && box.y1 <= this.height - 2;
      for (let dx = -1; dx <= 1 && free; dx++)
        for (let dy = -1; dy <= 1 && free; dy++)
          if (taken.get(key(x + dx * gap, y + dy * gap))?.some(([ox, oy]) => Math.abs(ox - x) < gap && Math.abs(oy - y) < gap)) free = false;
      if (!free || this.labelBoxes.some((label) => overlap(label, box))) continue;
      const at = key(x, y);
      taken.set(at, [...(taken.get(at) ?? []), [x, y]]);
      kept.push([row, x, y]);
      this.thumbBoxes.push(box);
    }
    return kept;
  }

  /** Draws the middle square of the image with round corners. */
  drawThumb(image: HTMLImageElement, x: number, y: number, size: number, selected: boolean): void {
    const c = this.c;
    const side = Math.min(image.naturalWidth, image.naturalHeight);
    const rounded = (by: number, radius: number): void => {
      c.beginPath();
      if (typeof c.roundRect === 'function') c.roundRect(x - size / 2 - by, y - size / 2 - by, size + 2 * by, size + 2 * by, radius);
      else c.rect(x - size / 2 - by, y - size / 2 - by, size + 2 * by, size + 2 * by);
    };
    rounded(selected ? 2 : 1.5, 6);
    c.fillStyle = selected ? this.theme.chosen : this.theme.background;
    c.fill();
    c.save();
    rounded(0, 4);
    c.clip();
    c.drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, x - size / 2, y - size / 2, size, size);
    c.restore();
  }

  thumbAt(x: number, y: number): number {
    return this.thumbBoxes.find((box) => within(box, x, y))?.row ?? -1;
  }

  drawRing(x: number, y: number, radius: number): void {
    this.c.beginPath();
    this.c.arc(x, y, radius, 0, 7);
    this.c.lineWidth = 2;
    this.c.strokeStyle = this.theme.text;
    this.c.stroke();
  }

  drawSquare(x: number, y: number, size: number): void {
    this.c.lineWidth = 2;
    this.c.strokeStyle = this.theme.text;
    this.c.strokeRect(x - size / 2 - 4, y - size / 2 - 4, size + 8, size + 8);
  }

  /** Places one label for each group in view: above the group, within the pane, and without overlap with other
   * labels. Labels of larger groups are placed first. */
  placeLabels(labels: MapLabel[], screen: (x: number, y: number) => [number, number]): (MapLabel & { box: Box; shown: string; number: string })[] {
    const c = this.c;
    const placed: (MapLabel & { box: Box; shown: string; number: string })[] = [];
    for (const label of [...labels].sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1))) {
      const [x, y] = screen(label.x, label.y);
      const [left] = screen(label.left, label.y);
      const [right, bottom] = screen(label.right, label.bottom);
      if (right < 12 || left > this.width - 12 || bottom < 12 || y > this.height - 12) continue;
      const number = label.count.toLocaleString();
      c.font = `400 12px ${FONT}`;
      const numberWidth = c.measureText(number).width + 6;
      c.font = `600 12px ${FONT}`;
      let shown = label.text;
      const most = Math.min(240, this.width - 40 - numberWidth);
      while (shown.length > 4 && c.measureText(shown).width > most) shown = `${shown.slice(0, -2).trimEnd()}…`;
      const half = (c.measureText(shown).width + numberWidth) / 2 + 4;
      const cx = Math.min(this.width - half - 6, Math.max(half + 6, x));
      const cy = Math.min(this.height - 42, Math.max(14, y - 18));
      const at = [0, -LINE - 2, LINE + 2, -2 * LINE - 4, 2 * LINE + 4]
        .map((by) => ({ x0: cx - half, x1: cx + half, y0: cy + by - LINE / 2 - 1, y1: cy + by + LINE / 2 + 1 }))
        .find((box) => box.y0 >= 2 && box.y1 <= this.height - 30 && !placed.some((other) => overlap(other.box, box)));
      if (!at) continue;
      placed.push({ ...label, box: at, shown, number });
      this.labelBoxes.push({ ...at, id: label.id, text: label.text });
    }
    return placed;
  }

  drawLabels(labels: { box: Box; shown: string; number: string }[]): void {
    const c = this.c;
    c.textAlign = 'left';
    c.textBaseline = 'middle';
    c.lineJoin = 'round';
    c.lineWidth = 4;
    c.strokeStyle = this.theme.halo;
    for (const { box, shown, number } of labels) {
      const y = (box.y0 + box.y1) / 2;
      c.font = `600 12px ${FONT}`;
      c.strokeText(shown, box.x0 + 4, y);
      c.fillStyle = this.theme.text;
      c.fillText(shown, box.x0 + 4, y);
      const x = box.x0 + 4 + c.measureText(shown).width + 6;
      c.font = `400 12px ${FONT}`;
      c.strokeText(number, x, y);
      c.fillStyle = this.theme.soft;
      c.fillText(number, x, y);
    }
  }

  labelAt(x: number, y: number): string | null {
    return this.labelBoxes.find((box) => within(box, x, y))?.id ?? null;
  }

  drawAxes(axes: { x: string; y: string; wholeX?: boolean; wholeY?: boolean }, [[x0, x1], [y0, y1]]: [[number, number], [number, number]]): void {
    const c = this.c;
    const [left, right, top, bottom] = [AXES.left, this.width - AXES.right, AXES.top, this.height - AXES.bottom];
    // Covers everything that lies beyond the axes.
    c.fillStyle = this.theme.background;
    c.fillRect(0, 0, left, this.height);
    c.fillRect(0, bottom, this.width, this.height - bottom);
    c.strokeStyle = this.theme.edge;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(left - 0.5, top);
    c.lineTo(left - 0.5, bottom + 0.5);
    c.lineTo(right, bottom + 0.5);
    c.stroke();
    c.font = `11px ${FONT}`;
    c.fillStyle = this.theme.soft;
    c.textAlign = 'center';
    c.textBaseline = 'middle';
    for (const { at, text } of ticks(x0, x1, (right - left) / 60, axes.wholeX)) {
      const x = left + ((at - x0) / (x1 - x0)) * (right - left);
      if (x > left + 4 && x < right - 4) c.fillText(text, x, bottom + 11);
    }
    c.textAlign = 'right';
    for (const { at, text } of ticks(y0, y1, (bottom - top) / 40, axes.wholeY)) {
      const y = bottom - ((at - y0) / (y1 - y0)) * (bottom - top);
      if (y > top + 4 && y < bottom - 4) c.fillText(text, left - 5, y);
    }
    c.textAlign = 'center';
    c.fillText(`${axes.x}, ${axes.y.toLowerCase()}`, (left + right) / 2, this.height - 9);
  }

  drawShape(points: number[], tool: string, done = false): void {
    if (points.length < 4) return;
    const c = this.c;
    c.beginPath();
    if (tool === 'rect' && !done) {
      c.rect(points[0]!, points[1]!, points[2]! - points[0]!, points[3]! - points[1]!);
    } else {
      c.moveTo(points[0]!, points[1]!);
      for (let i = 2; i < points.length; i += 2) c.lineTo(points[i]!, points[i + 1]!);
      c.closePath();
    }
    c.fillStyle = this.theme.chosen;
    c.globalAlpha = 0.1;
    c.fill();
    c.globalAlpha = 1;
    c.strokeStyle = this.theme.chosen;
    c.lineWidth = 1.5;
    c.setLineDash([5, 4]);
    c.stroke();
    c.setLineDash([]);
  }
}

export const overlap = (a: Box, b: Box): boolean => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
const within = (box: Box, x: number, y: number): boolean => x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1;
