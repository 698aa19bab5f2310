// Finds rows by content hash: a hash table of row numbers over the bytes of the hashes, which needs no text for each
// row.

const hex = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
/** 32-bit words of a hash */
const WORDS = 4;

export class HashIndex {
  /** number of rows */
  readonly count: number;
  private readonly bytes: Uint8Array;
  private readonly words: Uint32Array;
  /** the hash table: row + 1, or 0 for a free slot; null: no search was made yet */
  private slots: Uint32Array | null = null;

  /** `bytes`: 16 for each row */
  constructor(bytes: Uint8Array) {
    this.count = bytes.length >> 4;
    this.bytes = bytes;
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, WORDS * this.count);
  }

  /** The hash of a row in hexadecimal digits; '': there is no such row. */
  textOf(row: number): string {
    if (!(row >= 0 && row < this.count)) return '';
    let text = '';
    for (let i = row * 16; i < row * 16 + 16; i++) text += hex[this.bytes[i] as number];
    return text;
  }

  /** The row with this hash, or -1. */
  rowOf(hash: string): number {
    if (!/^[0-9a-f]{32}$/.test(hash)) return -1;
    return this.find(new Uint32Array(Uint8Array.from({ length: 16 }, (_, i) => parseInt(hash.slice(2 * i, 2 * i + 2), 16)).buffer), 0);
  }

  /** Returns the row whose hash equals the hash of `row` in the index `other`, or -1. */
  rowLike(other: HashIndex, row: number): number {
    return row >= 0 && row < other.count ? this.find(other.words, WORDS * row) : -1;
  }

  /** The row whose hash is the four words at `at` in `words`, or -1. */
  private find(words: Uint32Array, at: number): number {
    const slots = (this.slots ??= this.index());
    for (let slot = slotOf(words, at, slots.length); slots[slot]; slot = (slot + 1) & (slots.length - 1)) {
      const row = (slots[slot] as number) - 1;
      if (this.equals(row, words, at)) return row;
    }
    return -1;
  }

  private equals(row: number, words: Uint32Array, at: number): boolean {
    for (let i = 0; i < WORDS; i++) if (this.words[WORDS * row + i] !== words[at + i]) return false;
    return true;
  }

  private index(): Uint32Array {
    let size = 16;
    while (size < 2 * this.count) size *= 2;
    const slots = new Uint32Array(size);
    for (let row = 0; row < this.count; row++) {
      let slot = slotOf(this.words, WORDS * row, size);
      while (slots[slot]) slot = (slot + 1) & (size - 1);
      slots[slot] = row + 1;
    }
    return slots;
  }
}

/** Returns the first slot to look in. Content hashes are random, so two words are as good a key as all four. */
const slotOf = (words: Uint32Array, at: number, size: number): number => (((words[at] as number) ^ (words[at + 1] as number)) >>> 0) & (size - 1);
