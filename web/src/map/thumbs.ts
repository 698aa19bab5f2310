// Thumbnails in place of points, where there is room: few at a time are loaded, those seen last are kept.

const AT_ONCE = 8;
const KEPT = 500;

export class Thumbs {
  private readonly images = new Map<number, HTMLImageElement | null>(); // null: waiting or broken
  private readonly loading = new Set<number>();
  private wanted: number[] = [];
  private readonly address: (row: number) => string | null;
  private readonly came: () => void;

  constructor(address: (row: number) => string | null, came: () => void) {
    this.address = address;
    this.came = came;
  }

  get(row: number): HTMLImageElement | null {
    const image = this.images.get(row) ?? null;
    if (image) {
      this.images.delete(row); // moves to the end: used last
      this.images.set(row, image);
    }
    return image;
  }

  /** What is in sight now, most important first; all else is no longer asked for. */
  want(rows: number[]): void {
    this.wanted = rows.filter((row) => !this.images.has(row) && !this.loading.has(row));
    this.next();
  }

  private next(): void {
    while (this.loading.size < AT_ONCE) {
      const row = this.wanted.shift();
      if (row === undefined) return;
      const src = this.address(row);
      if (!src) continue;
      this.loading.add(row);
      const image = new Image();
      const end = (got: HTMLImageElement | null): void => {
        this.loading.delete(row);
        this.images.set(row, got);
        for (const old of this.images.keys()) {
          if (this.images.size <= KEPT) break;
          this.images.delete(old);
        }
        this.came();
        this.next();
      };
      image.onload = () => end(image);
      image.onerror = () => end(null);
      image.src = src;
    }
  }
}
