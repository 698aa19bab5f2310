// Histograms of small size, for facets.

export interface Bins {
  low: number;
  high: number;
  counts: number[];
}

/** Counts `values` in `n` bins and leaves out NaN. Returns null if there is no value. */
export function binsOf(values: ArrayLike<number>, n: number, mask?: Uint8Array): Bins | null {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return null;
  const counts = new Array<number>(n).fill(0);
  const width = (high - low) / n || 1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value === value && (!mask || mask[i])) (counts[Math.min(n - 1, Math.floor((value - low) / width))] as number)++;
  }
  return { low, high, counts };
}

/**
 * Suggests a threshold for a search. Few pictures are very similar to the query (the tail of the histogram), most are
 * not (the bulk, which begins at half of the highest count). The threshold is the bend at which the smoothed counts
 * begin to rise from the tail to the bulk. At least `least` pictures pass. null: too few values to tell.
 */
export function suggestCut(similarity: Float32Array, least = 8): number | null {
  const known = Array.from(similarity).filter((value) => value === value);
  if (known.length < 4 * least) return null;
  const sorted = known.sort((a, b) => b - a);
  const bins = binsOf(sorted, 48);
  if (!bins || bins.high === bins.low) return null;
  const { counts, low, high } = bins;
  const smooth = counts.map((_, i) => [-2, -1, 0, 1, 2].reduce((sum, by) => sum + (counts[i + by] ?? 0) * (3 - Math.abs(by)), 0) / 9);
  let bulk = smooth.length - 1;
  const half = Math.max(...smooth) / 2;
  while (bulk > 0 && (smooth[bulk] as number) < half) bulk--;
  // The bend is the point farthest below the line from the end of the tail to the edge of the bulk.
  const last = smooth.length - 1;
  let bend = bulk;
  let farthest = 0;
  for (let i = bulk; i <= last; i++) {
    const line = (smooth[bulk] as number) + (((smooth[last] as number) - (smooth[bulk] as number)) * (i - bulk)) / Math.max(1, last - bulk);
    const below = line - (smooth[i] as number);
    if (below > farthest) (farthest = below), (bend = i);
  }
  const cut = low + ((high - low) * bend) / smooth.length;
  return Math.min(cut, sorted[least - 1] as number);
}
