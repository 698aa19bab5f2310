// Sorting rows by numbers. Many rows are sorted by the bits of their keys, 16 at a time (an LSD radix sort), which is
// much faster than a sort that compares.

/** Returns 0, 1, 2 … count - 1. A loop is faster than `Uint32Array.from`, which calls a function for each number. */
export function numbersTo(count: number): Uint32Array<ArrayBuffer> {
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = i;
  return numbers;
}

/** fewer rows than this are sorted by comparing, because each pass of the radix sort must go over `DIGITS` counts */
const FEW = 4096;
const DIGITS = 65536;

/** Sorts rows in place by keys. Rows without a key (NaN) come last. Rows of equal keys are in order of row. */
export function sortRows(rows: Uint32Array, keys: Float64Array, down: boolean): Uint32Array {
  return rows.length < FEW ? sortByComparing(rows, keys, down) : sortByBits(rows.sort(), keys, down);
}

export function sortByComparing(rows: Uint32Array, keys: Float64Array, down: boolean): Uint32Array {
  const sign = down ? -1 : 1;
  return rows.sort((a, b) => {
    const x = keys[a] as number;
    const y = keys[b] as number;
    if (x === y) return a - b;
    if (x !== x) return y !== y ? a - b : 1;
    if (y !== y) return -1;
    return x < y ? -sign : sign;
  });
}

/** `rows` must be in ascending order. The sort is stable, so rows of equal keys stay in this order. */
export function sortByBits(rows: Uint32Array, keys: Float64Array, down: boolean): Uint32Array {
  const { low, high } = orderedBits(rows, keys, down);
  let places = numbersTo(rows.length);
  let next = new Uint32Array(rows.length);
  for (const word of [low, high])
    for (const shift of [0, 16]) {
      const starts = startsOf(word, shift);
      if (!starts) continue;
      for (let i = 0; i < places.length; i++) {
        const place = places[i] as number;
        const digit = ((word[place] as number) >>> shift) & (DIGITS - 1);
        next[starts[digit]++] = place;
      }
      [places, next] = [next, places];
    }
  const sorted = next;
  for (let i = 0; i < places.length; i++) sorted[i] = rows[places[i] as number] as number;
  rows.set(sorted);
  return rows;
}

/** Converts the keys to unsigned 64-bit numbers (in two halves) that have the wanted order when sorted in ascending
 * order. */
function orderedBits(rows: Uint32Array, keys: Float64Array, down: boolean): { low: Uint32Array; high: Uint32Array } {
  const low = new Uint32Array(rows.length);
  const high = new Uint32Array(rows.length);
  const number = new Float64Array(1);
  const bits = new Uint32Array(number.buffer);
  for (let i = 0; i < rows.length; i++) {
    const key = keys[rows[i] as number] as number;
    if (key !== key) {
      low[i] = high[i] = 0xffffffff;
      continue;
    }
    number[0] = key + 0; // -0 and 0 are equal
    const [l, h] = [bits[0] as number, bits[1] as number];
    // The bits of negative numbers are inverted, because a larger magnitude means a smaller number.
    const flip = h & 0x80000000 ? 0xffffffff : 0;
    const turn = down ? 0xffffffff : 0;
    low[i] = l ^ flip ^ turn;
    high[i] = h ^ (flip || 0x80000000) ^ turn;
  }
  return { low, high };
}

/** Returns, for each digit, the index at which the numbers with this digit begin in the sorted order. Returns null if
 * all numbers have the same digit. */
function startsOf(word: Uint32Array, shift: number): Uint32Array | null {
  const counts = new Uint32Array(DIGITS);
  for (let i = 0; i < word.length; i++) counts[((word[i] as number) >>> shift) & (DIGITS - 1)]++;
  let start = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const n = counts[digit] as number;
    if (n === word.length) return null;
    counts[digit] = start;
    start += n;
  }
  return counts;
}
