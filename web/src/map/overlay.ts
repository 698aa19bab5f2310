// The layer over the points: thumbnails, labels, axes, the lasso.
import type { MapTheme } from './point-map';
import { ticks } from './ticks';

export interface MapLabel {
  x: number;
  y: number;
  text: string;
  kind: 'slice' | 'category';
  rows: number;
  id: string;
}

interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

const LINE = 15;

export class Overlay {
  private readonly c: CanvasRenderingContext2D;
  private theme!: MapTheme;
  private width = 1;
  private height = 1;
  private labelBoxes: (Box & { id: string })[] = [];
  private thumbBoxes: (Box & { row: number })[] = [];

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

  /** The [row, x, y] whose thumbnails do not overlap; earlier ones have priority. */
  placeThumbs(places: [number, number, number][], size: number): [number, number, number][] {
    const taken = new Map<string, [number, number]>();
    const kept: [number, number, number][] = [];
    const key = (x: number, y: number): string => `${Math.floor(x / size)},${Math.floor(y / size)}`;
    for (const [row, x, y] of places) {
      let free = true;
      for (let dx = -1; dx <= 1 && free; dx++)
        for (let dy = -1; dy <= 1 && free; dy++) {
          const other = taken.get(key(x + dx * size, y + dy * size));
          if (other && Math.abs(other[0] - x) < size + 3 && Math.abs(other[1] - y) < size + 3) free = false;
        }
      if (!free) continue;
      taken.set(key(x, y), [x, y]);
      kept.push([row, x, y]);
      this.thumbBoxes.push({ row, x0: x - size / 2, x1: x + size / 2, y0: y - size / 2, y1: y + size / 2 });
    }
    return kept;
  }

  drawThumb(image: HTMLImageElement, x: number, y: number, size: number, selected: boolean): void {
    const by = size / Math.max(image.naturalWidth, image.naturalHeight, 1);
    const [w, h] = [image.naturalWidth * by, image.naturalHeight * by];
    if (selected) {
      this.c.fillStyle = `rgb(${this.theme.selected.map((v) => Math.round(v * 255)).join(' ')})`;
      this.c.fillRect(x - w / 2 - 3, y - h / 2 - 3, w + 6, h + 6);
    }
    this.c.drawImage(image, x - w / 2, y - h / 2, w, h);
  }

  thumbAt(x: number, y: number): number {
    return this.thumbBoxes.find((box) => within(box, x, y))?.row ?? -1;
  }

  drawRing(x: number, y: number, radius: number): void {
    this.c.beginPath();
    this.c.arc(x, y, radius, 0, 7);
    this.c.lineWidth = 3;
    this.c.strokeStyle = this.theme.accent;
    this.c.stroke();
  }

  /** Slices first, then categories, larger ones first; labels that would overlap are left out. */
  drawLabels(labels: MapLabel[], screen: (x: number, y: number) => [number, number]): void {
    const c = this.c;
    const order = [...labels].sort((a, b) => Number(b.kind === 'slice') - Number(a.kind === 'slice') || b.rows - a.rows);
    const taken: Box[] = [];
    c.textAlign = 'center';
    c.textBaseline = 'middle';
    c.lineJoin = 'round';
    for (const label of order) {
      const [x, y] = screen(label.x, label.y);
      if (x < 0 || y < 0 || x > this.width || y > this.height) continue;
      c.font = label.kind === 'slice' ? '600 12px system-ui, sans-serif' : '11px system-ui, sans-serif';
      const text = label.text.length > 30 ? `${label.text.slice(0, 29)}…` : label.text;
      const half = c.measureText(text).width / 2 + 5;
      const box = { x0: x - half, x1: x + half, y0: y - LINE / 2 - 1, y1: y + LINE / 2 + 1 };
      if (taken.some((t) => t.x0 < box.x1 && box.x0 < t.x1 && t.y0 < box.y1 && box.y0 < t.y1)) continue;
      taken.push(box);
      this.labelBoxes.push({ ...box, id: label.id });
      c.lineWidth = 3.5;
      c.strokeStyle = this.theme.halo;
      c.strokeText(text, x, y);
      c.fillStyle = label.kind === 'slice' ? this.theme.accent : this.theme.text;
      c.fillText(text, x, y);
    }
  }

  labelAt(x: number, y: number): string | null {
    return this.labelBoxes.find((box) => within(box, x, y))?.id ?? null;
  }

  drawAxes(titles: { x: string; y: string }, [[x0, x1], [y0, y1]]: [[number, number], [number, number]]): void {
    const c = this.c;
    c.font = '11px system-ui, sans-serif';
    c.fillStyle = this.theme.soft;
    c.strokeStyle = this.theme.soft;
    c.globalAlpha = 1;
    c.textAlign = 'center';
    c.textBaseline = 'bottom';
    for (const { at, text } of ticks(x0, x1, this.width / 110)) {
      const x = ((at - x0) / (x1 - x0)) * this.width;
      if (x < 24 || x > this.width - 12) continue;
      c.globalAlpha = 0.15;
      c.fillRect(x, 0, 1, this.height);
      c.globalAlpha = 1;
      c.fillText(text, x, this.height - 2);
    }
    c.textAlign = 'left';
    c.textBaseline = 'middle';
    for (const { at, text } of ticks(y0, y1, this.height / 70)) {
      const y = (1 - (at - y0) / (y1 - y0)) * this.height;
      if (y < 22 || y > this.height - 22) continue;
      c.globalAlpha = 0.15;
      c.fillRect(0, y, this.width, 1);
      c.globalAlpha = 1;
      c.fillText(text, 3, y);
    }
    c.font = '600 11px system-ui, sans-serif';
    c.fillStyle = this.theme.text;
    c.textBaseline = 'top';
    c.fillText(`↑ ${titles.y}`, 3, 3);
    c.textAlign = 'right';
    c.textBaseline = 'bottom';
    c.fillText(`${titles.x} →`, this.width - 4, this.height - 16);
  }

  drawShape(points: number[], tool: string): void {
    if (points.length < 4) return;
    const c = this.c;
    c.beginPath();
    if (tool === 'rect') {
      c.rect(points[0]!, points[1]!, points[2]! - points[0]!, points[3]! - points[1]!);
    } else {
      c.moveTo(points[0]!, points[1]!);
      for (let i = 2; i < points.length; i += 2) c.lineTo(points[i]!, points[i + 1]!);
      c.closePath();
    }
    c.fillStyle = this.theme.accent;
    c.globalAlpha = 0.15;
    c.fill();
    c.globalAlpha = 1;
    c.strokeStyle = this.theme.accent;
    c.lineWidth = 1.5;
    c.stroke();
  }
}

const within = (box: Box, x: number, y: number): boolean => x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1;
