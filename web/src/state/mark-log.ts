// The latest changes of marks, so that counts and filters follow them without another pass over all rows.

const SIZE = 4096;

export class MarkLog {
  /** number of changes so far */
  version = 0;
  /** the oldest version since which the log has all changes */
  private from = 0;
  private readonly rows = new Uint32Array(SIZE);
  private readonly was = new Int8Array(SIZE);
  private readonly now = new Int8Array(SIZE);

  /** Adds a change of a row's flag or stars. `was` and `now`: the row's flag before and after the change. */
  add(row: number, was: number, now: number): void {
    const at = this.version++ % SIZE;
    this.rows[at] = row;
    this.was[at] = was;
    this.now[at] = now;
    this.from = Math.max(this.from, this.version - SIZE);
  }

  /** All marks were replaced. */
  reset(): void {
    this.from = ++this.version;
  }

  /** Calls `each` for the changes since `version`, oldest first. Returns false if the log lacks some of these changes;
   * then the caller must read all rows. */
  follow(version: number, each: (row: number, was: number, now: number) => void): boolean {
    if (version < this.from || version > this.version) return false;
    for (; version < this.version; version++) {
      const at = version % SIZE;
      each(this.rows[at] as number, this.was[at] as number, this.now[at] as number);
    }
    return true;
  }
}
