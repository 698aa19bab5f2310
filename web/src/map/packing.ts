// Moves the groups of points closer together, so that they fill a pane. This is only for display: distances within a
// group keep their meaning, but the gaps between groups lose it. The same points and the same size of the pane always
// give the same result.

export interface Group {
  rows: Uint32Array;
  /** the bounding box of the group's points in the pane, in 0..1 with y upwards */
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export interface Packing {
  /** coordinates in 0..1 of the pane, with y upwards; NaN: the row is not on the map */
  x: Float32Array;
  y: Float32Array;
  groups: Group[];
}

/** the grids that `split` tries: number of cells per side */
const SIDES = [8, 12, 14, 17, 20, 24, 28, 34, 40, 48, 57, 68, 80, 96, 113, 134, 160, 190, 226];
const MOST_GROUPS = 40;
/** if there are more points than this, a sample of them determines the groups */
const SAMPLE = 40000;
/** free space in pixels around the points of a group; the label is in the space above them */
const PAD = { side: 32, top: 44, bottom: 28 };
/** height in pixels of the text at the bottom of the pane, which has two lines in a narrow pane */
const footOf = (width: number): number => (width < 600 ? 64 : 36);
const RIM = 10;
const MAX_STRETCH = 1.7;
const NONE = -1;

interface Cells {
  side: number;
  /** group of each cell; NONE: the cell is in no group */
  group: Int32Array;
  sizes: number[];
}

export function pack(x: ArrayLike<number>, y: ArrayLike<number>, width: number, height: number): Packing {
  const packing: Packing = { x: new Float32Array(x.length).fill(NaN), y: new Float32Array(x.length).fill(NaN), groups: [] };
  const placed: number[] = [];
  for (let i = 0; i < x.length; i++) if (Number.isFinite(x[i]) && Number.isFinite(y[i])) placed.push(i);
  if (placed.length === 0) return packing;
  const rows = Uint32Array.from(placed);
  const parts = split(rows, x, y).map((part) => ({ rows: part, ...middle(part, x, y) }));
  const boxes = new Map<Part, Box>();
  divide(parts, { x0: Math.min(0.1, RIM / width), y0: Math.min(0.2, footOf(width) / height), x1: 1 - Math.min(0.1, RIM / width), y1: 1 }, width / height, boxes);
  for (const part of parts) packing.groups.push(fill(part.rows, x, y, boxes.get(part) as Box, width, height, packing));
  return packing;
}

interface Part {
  rows: Uint32Array;
  cx: number;
  cy: number;
}

interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

function quantile(values: Float32Array, share: number): number {
  return values[Math.round((values.length - 1) * share)] as number;
}

function sorted(rows: Uint32Array, values: ArrayLike<number>): Float32Array {
  return Float32Array.from(rows, (row) => values[row] as number).sort();
}

function middle(rows: Uint32Array, x: ArrayLike<number>, y: ArrayLike<number>): { cx: number; cy: number } {
  return { cx: quantile(sorted(rows, x), 0.5), cy: quantile(sorted(rows, y), 0.5) };
}

/** Splits the rows into groups of neighbours. A group is a set of connected cells of a grid. The function tries grids
    with cells of several sizes, and uses the number of groups that most grids find. */
function split(rows: Uint32Array, x: ArrayLike<number>, y: ArrayLike<number>): Uint32Array[] {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const row of rows) {
    const [px, py] = [x[row] as number, y[row] as number];
    [x0, x1, y0, y1] = [Math.min(x0, px), Math.max(x1, px), Math.min(y0, py), Math.max(y1, py)];
  }
  const extent = Math.max(x1 - x0, y1 - y0) || 1;
  const cellOf = (row: number, side: number): number => {
    const line = (v: number): number => Math.min(side - 1, Math.floor((v / extent) * side));
    return line((y[row] as number) - y0) * side + line((x[row] as number) - x0);
  };
  const step = Math.ceil(rows.length / SAMPLE);
  const sample = step === 1 ? rows : rows.filter((_, i) => i % step === 0);
  const least = Math.max(3, 0.012 * sample.length);
  const found = new Map<number, { times: number; cells: Cells }>();
  for (const side of SIDES) {
    const cells = connect(sample, side, cellOf, least);
    const inGroups = cells.sizes.reduce((sum, size) => sum + size, 0);
    const count = cells.sizes.length;
    if (inGroups < 0.9 * sample.length || count > MOST_GROUPS) continue;
    const known = found.get(count);
    if (known) known.times++;
    else found.set(count, { times: 1, cells });
  }
  const [chosen] = [...found].filter(([count]) => count > 2).sort((a, b) => b[1].times - a[1].times || b[0] - a[0]);
  const best = chosen?.[1].cells ?? null;
  if (!best || best.sizes.length < 2) return [rows];
  spread(best);
  const groups: number[][] = best.sizes.map(() => []);
  for (const row of rows) groups[best.group[cellOf(row, best.side)] as number]?.push(row);
  return groups.filter((group) => group.length).map((group) => Uint32Array.from(group));
}

/** Returns the sets of connected dense cells, without the sets that have fewer than `least` rows. */
function connect(rows: Uint32Array, side: number, cellOf: (row: number, side: number) => number, least: number): Cells {
  const counts = new Uint32Array(side * side);
  for (const row of rows) counts[cellOf(row, side)]!++;
  let taken = 0;
  for (const count of counts) if (count) taken++;
  const dense = rows.length > 4000 ? Math.max(1, (0.3 * rows.length) / taken) : 1;
  const group = new Int32Array(side * side).fill(NONE);
  const sizes: number[] = [];
  const seen = new Uint8Array(side * side);
  for (let start = 0; start < counts.length; start++) {
    if (seen[start] || (counts[start] as number) < dense) continue;
    const cells = [start];
    seen[start] = 1;
    let size = 0;
    for (let at = 0; at < cells.length; at++) {
      const cell = cells[at] as number;
      size += counts[cell] as number;
      eachNeighbour(cell, side, (next) => {
        if (seen[next] || (counts[next] as number) < dense) return;
        seen[next] = 1;
        cells.push(next);
      });
    }
    if (size < least) continue;
    for (const cell of cells) group[cell] = sizes.length;
    sizes.push(size);
  }
  return { side, group, sizes };
}

function eachNeighbour(cell: number, side: number, visit: (next: number) => void): void {
  const [cx, cy] = [cell % side, Math.floor(cell / side)];
  for (let ny = Math.max(0, cy - 1); ny <= Math.min(side - 1, cy + 1); ny++)
    for (let nx = Math.max(0, cx - 1); nx <= Math.min(side - 1, cx + 1); nx++) if (nx !== cx || ny !== cy) visit(ny * side + nx);
}

/** Assigns each cell between the groups to the nearest group. */
function spread({ side, group }: Cells): void {
  const cells: number[] = [];
  group.forEach((one, cell) => one !== NONE && cells.push(cell));
  for (let at = 0; at < cells.length; at++) {
    const cell = cells[at] as number;
    eachNeighbour(cell, side, (next) => {
      if (group[next] !== NONE) return;
      group[next] = group[cell] as number;
      cells.push(next);
    });
  }
}

const weight = (part: Part): number => part.rows.length ** 0.6;

/** Divides a box among parts: splits the parts and the box again and again into two halves of about equal weight. A
 * part on the left (or below) gets a box on the left (or below). */
function divide(parts: Part[], box: Box, aspect: number, boxes: Map<Part, Box>): void {
  if (parts.length === 1) {
    boxes.set(parts[0] as Part, box);
    return;
  }
  const across = (box.x1 - box.x0) * aspect >= box.y1 - box.y0;
  const order = [...parts].sort((a, b) => (across ? a.cx - b.cx : a.cy - b.cy) || (a.rows[0] as number) - (b.rows[0] as number));
  const total = order.reduce((sum, part) => sum + weight(part), 0);
  let [at, share, sum] = [1, 0, 0];
  for (let i = 1; i < order.length; i++) {
    sum += weight(order[i - 1] as Part);
    if (i === 1 || Math.abs(sum / total - 0.5) < Math.abs(share - 0.5)) [at, share] = [i, sum / total];
  }
  const first = { ...box };
  const second = { ...box };
  if (across) first.x1 = second.x0 = box.x0 + (box.x1 - box.x0) * share;
  else first.y1 = second.y0 = box.y0 + (box.y1 - box.y0) * share;
  divide(order.slice(0, at), first, aspect, boxes);
  divide(order.slice(at), second, aspect, boxes);
}

/** Pulls a coordinate outside of -1..1 towards this range, so that outliers do not make the other points of their group
 * crowd together. */
const soft = (u: number): number => (Math.abs(u) <= 1 ? u : Math.sign(u) * (1 + 0.16 * (1 - Math.exp(1 - Math.abs(u)))));

/** Places the rows of a group in its box. The scales of the two directions differ at most by the factor MAX_STRETCH. */
function fill(rows: Uint32Array, x: ArrayLike<number>, y: ArrayLike<number>, box: Box, width: number, height: number, to: Packing): Group {
  const edge = rows.length >= 50 ? 0.02 : 0;
  const core = [x, y].map((values) => {
    const list = sorted(rows, values);
    const [low, high] = [quantile(list, edge), quantile(list, 1 - edge)];
    return { centre: (low + high) / 2, half: (high - low) / 2 };
  }) as [{ centre: number; half: number }, { centre: number; half: number }];
  const tiny = Math.max(core[0].half, core[1].half) * 0.05 || 1;
  const halves = core.map(({ half }) => Math.max(half, tiny)) as [number, number];
  const room = edge ? 1.16 : 1;
  const inner = [
    Math.max(8, (box.x1 - box.x0) * width - 2 * PAD.side) / 2 / room,
    Math.max(8, (box.y1 - box.y0) * height - PAD.top - PAD.bottom) / 2 / room,
  ];
  const scales = [inner[0]! / halves[0], inner[1]! / halves[1]];
  const least = Math.min(scales[0]!, scales[1]!) * MAX_STRETCH;
  const [sx, sy] = [(Math.min(scales[0]!, least) * halves[0]) / width, (Math.min(scales[1]!, least) * halves[1]) / height];
  const cx = (box.x0 + box.x1) / 2;
  const cy = (box.y0 + box.y1) / 2 - (PAD.top - PAD.bottom) / 2 / height;
  const group: Group = { rows, x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (const row of rows) {
    const px = cx + sx * soft(((x[row] as number) - core[0].centre) / halves[0]);
    const py = cy + sy * soft(((y[row] as number) - core[1].centre) / halves[1]);
    to.x[row] = px;
    to.y[row] = py;
    group.x0 = Math.min(group.x0, px);
    group.x1 = Math.max(group.x1, px);
    group.y0 = Math.min(group.y0, py);
    group.y1 = Math.max(group.y1, py);
  }
  return group;
}
