// Keeps the points in square cells, to find the points near the pointer, in a rectangle or in a lasso quickly.

export class GridIndex {
  private readonly side: number;
  private readonly first: Uint32Array;
  private readonly rows: Uint32Array;
  readonly x: Float32Array;
  readonly y: Float32Array;

  /** x, y: coordinates within 0..1; NaN: the point is not on the map. */
  constructor(x: Float32Array, y: Float32Array) {
    this.x = x;
    this.y = y;
    this.side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(x.length / 3))));
    this.first = new Uint32Array(this.side * this.side + 1);
    let n = 0;
    for (let i = 0; i < x.length; i++) {
      const cell = this.cellOf(i);
      if (cell < 0) continue;
      this.first[cell + 1]!++;
      n++;
    }
    for (let c = 0; c < this.side * this.side; c++) this.first[c + 1]! += this.first[c]!;
    this.rows = new Uint32Array(n);
    const next = this.first.slice();
    for (let i = 0; i < x.length; i++) {
      const cell = this.cellOf(i);
      if (cell >= 0) this.rows[next[cell]!++] = i;
    }
  }

  get count(): number {
    return this.rows.length;
  }

  private cellOf(i: number): number {
    const x = this.x[i]!;
    const y = this.y[i]!;
    if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1)) return -1;
    return this.line(y) * this.side + this.line(x);
  }

  private line(v: number): number {
    return Math.min(this.side - 1, Math.max(0, Math.floor(v * this.side)));
  }

  /** Calls `visit` for every point in the rectangle, until `visit` returns false. */
  eachIn(x0: number, y0: number, x1: number, y1: number, visit: (row: number) => boolean | void): void {
    if (x1 < 0 || y1 < 0 || x0 > 1 || y0 > 1) return;
    const [c0, c1, r0, r1] = [this.line(x0), this.line(x1), this.line(y0), this.line(y1)];
    for (let r = r0; r <= r1; r++)
      for (let c = c0; c <= c1; c++) {
        const cell = r * this.side + c;
        for (let k = this.first[cell]!; k < this.first[cell + 1]!; k++) {
          const row = this.rows[k]!;
          const x = this.x[row]!;
          const y = this.y[row]!;
          if (x < x0 || x > x1 || y < y0 || y > y1) continue;
          if (visit(row) === false) return;
        }
      }
  }

  /** Returns the nearest point that `accept` accepts in the ellipse with the radii rx and ry; -1: there is none. */
  nearest(x: number, y: number, rx: number, ry: number, accept: (row: number) => boolean): number {
    let best = -1;
    let least = 1;
    this.eachIn(x - rx, y - ry, x + rx, y + ry, (row) => {
      const dx = (this.x[row]! - x) / rx;
      const dy = (this.y[row]! - y) / ry;
      const d = dx * dx + dy * dy;
      if (d < least && accept(row)) {
        least = d;
        best = row;
      }
    });
    return best;
  }

  inRect(x0: number, y0: number, x1: number, y1: number, accept: (row: number) => boolean): Uint32Array {
    const found: number[] = [];
    this.eachIn(Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1), (row) => {
      if (accept(row)) found.push(row);
    });
    return Uint32Array.from(found).sort();
  }

  /** Returns the points that lie inside a polygon x, y, x, y, ... (even-odd rule) and that `accept` accepts. */
  inPolygon(polygon: number[], accept: (row: number) => boolean): Uint32Array {
    const found: number[] = [];
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < polygon.length; i += 2) {
      x0 = Math.min(x0, polygon[i]!);
      x1 = Math.max(x1, polygon[i]!);
      y0 = Math.min(y0, polygon[i + 1]!);
      y1 = Math.max(y1, polygon[i + 1]!);
    }
    this.eachIn(x0, y0, x1, y1, (row) => {
      if (inside(polygon, this.x[row]!, this.y[row]!) && accept(row)) found.push(row);
    });
    return Uint32Array.from(found).sort();
  }
}

export function inside(polygon: number[], x: number, y: number): boolean {
  let odd = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const yi = polygon[i + 1]!;
    const yj = polygon[j + 1]!;
    if (yi > y !== yj > y && x < ((polygon[j]! - polygon[i]!) * (y - yi)) / (yj - yi) + polygon[i]!) odd = !odd;
  }
  return odd;
}
