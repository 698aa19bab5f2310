// The density of the points, as closed contour lines that the map shades and draws.

/** The grid of densities covers a little more than the pane, so that contour lines close outside of the pane. */
const BEYOND = 0.06;
const COLUMNS = 168;
/** the densities of the contour lines, as shares of the 99.5th percentile of the densities */
const LEVELS = [0.035, 0.19, 0.42, 0.72];

/** The contour lines of each level as closed polygons x, y, x, y, ... in 0..1 of the pane, with y upwards. */
export type Contours = number[][][];

export function contours(x: Float32Array, y: Float32Array, shown: (row: number) => boolean, width: number, height: number): Contours {
  const columns = COLUMNS;
  const lines = Math.max(48, Math.min(280, Math.round(COLUMNS / Math.max(0.3, width / height))));
  const field = new Float32Array(columns * lines);
  let n = 0;
  for (let row = 0; row < x.length; row++) {
    if (!(x[row]! >= 0) || !shown(row)) continue;
    const cx = ((x[row]! + BEYOND) / (1 + 2 * BEYOND)) * (columns - 1);
    const cy = ((y[row]! + BEYOND) / (1 + 2 * BEYOND)) * (lines - 1);
    const [i, j] = [Math.floor(cx), Math.floor(cy)];
    if (i < 0 || j < 0 || i >= columns - 1 || j >= lines - 1) continue;
    const [u, v] = [cx - i, cy - j];
    field[j * columns + i]! += (1 - u) * (1 - v);
    field[j * columns + i + 1]! += u * (1 - v);
    field[(j + 1) * columns + i]! += (1 - u) * v;
    field[(j + 1) * columns + i + 1]! += u * v;
    n++;
  }
  if (n === 0) return [];
  const pixels = n < 3000 ? 15 : n < 30000 ? 12 : 9;
  blur(field, columns, lines, Math.max(1.4, (pixels * columns) / (width * (1 + 2 * BEYOND))));
  clearRim(field, columns, lines);
  const known = field.filter((value) => value > 0).sort();
  const top = known[Math.floor((known.length - 1) * 0.995)] ?? 1;
  return LEVELS.map((level) => loops(field, columns, lines, level * top));
}

function blur(field: Float32Array, columns: number, lines: number, sigma: number): void {
  const radius = Math.ceil(3 * sigma);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, k) => Math.exp(-((k - radius) ** 2) / (2 * sigma * sigma)));
  const pass = (from: Float32Array, to: Float32Array, count: number, step: number, others: number, otherStep: number): void => {
    for (let o = 0; o < others; o++)
      for (let i = 0; i < count; i++) {
        let sum = 0;
        for (let k = Math.max(0, i - radius); k <= Math.min(count - 1, i + radius); k++) sum += from[o * otherStep + k * step]! * kernel[k - i + radius]!;
        to[o * otherStep + i * step] = sum;
      }
  };
  const half = new Float32Array(field.length);
  pass(field, half, columns, 1, lines, columns);
  pass(half, field, lines, columns, columns, 1);
}

/** Sets the density at the rim to 0, so that every contour line closes. */
function clearRim(field: Float32Array, columns: number, lines: number): void {
  for (let i = 0; i < columns; i++) field[i] = field[(lines - 1) * columns + i] = 0;
  for (let j = 0; j < lines; j++) field[j * columns] = field[j * columns + columns - 1] = 0;
}

// The sides of a grid square have the numbers 0 below, 1 right, 2 above, 3 left. Its pattern is the sum of the corners
// whose density is above the level: 1 bottom left, 2 bottom right, 4 top right, 8 top left. JOINS[pattern] lists the
// pairs of sides that a contour line joins. The dense part is on the left of the line.
const JOINS: readonly (readonly [number, number])[][] = [
  [], [[0, 3]], [[1, 0]], [[1, 3]], [[2, 1]], [[0, 3], [2, 1]], [[2, 0]], [[2, 3]],
  [[3, 2]], [[0, 2]], [[1, 0], [3, 2]], [[1, 2]], [[3, 1]], [[0, 1]], [[3, 0]], [],
];

/** Marching squares: the closed lines on which the field has the value `level`. */
function loops(field: Float32Array, columns: number, lines: number, level: number): number[][] {
  // Grid edges are numbered: the edge to the right of a node has the number 2 * node, the edge above the node has the
  // number 2 * node + 1.
  const next = new Int32Array(2 * columns * lines).fill(-1);
  const edge = (node: number, side: number): number =>
    side === 0 ? 2 * node : side === 1 ? 2 * (node + 1) + 1 : side === 2 ? 2 * (node + columns) : 2 * node + 1;
  const starts: number[] = [];
  for (let j = 0; j < lines - 1; j++)
    for (let i = 0; i < columns - 1; i++) {
      const node = j * columns + i;
      const above = (at: number, bit: number): number => (field[at]! > level ? bit : 0);
      const pattern = above(node, 1) | above(node + 1, 2) | above(node + columns + 1, 4) | above(node + columns, 8);
      for (const [from, to] of JOINS[pattern]!) {
        next[edge(node, from)] = edge(node, to);
        starts.push(edge(node, from));
      }
    }
  const found: number[][] = [];
  for (const start of starts) {
    if (next[start]! < 0) continue;
    const loop: number[] = [];
    for (let at = start; next[at]! >= 0; ) {
      const node = at >> 1;
      const other = at & 1 ? node + columns : node + 1;
      const t = (level - field[node]!) / (field[other]! - field[node]! || 1);
      const i = (node % columns) + (at & 1 ? 0 : t);
      const j = Math.floor(node / columns) + (at & 1 ? t : 0);
      loop.push((i / (columns - 1)) * (1 + 2 * BEYOND) - BEYOND, (j / (lines - 1)) * (1 + 2 * BEYOND) - BEYOND);
      const to = next[at]!;
      next[at] = -1;
      at = to;
    }
    if (loop.length >= 6) found.push(loop);
  }
  return found;
}
