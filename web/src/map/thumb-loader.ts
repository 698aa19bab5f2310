// Loads thumbnails for the map, few at a time, and keeps those that were used last.

const MAX_LOADING = 8;
const MAX_KEPT = 500;

export class ThumbLoader {
  private readonly images = new Map<number, HTMLImageElement | null>(); // null: waiting or broken
  private readonly loading = new Set<number>();
  private waiting: number[] = [];
  private readonly address: (row: number) => string | null;
  private readonly onLoaded: () => void;

  constructor(address: (row: number) => string | null, onLoaded: () => void) {
    this.address = address;
    this.onLoaded = onLoaded;
  }

  get(row: number): HTMLImageElement | null {
    const image = this.images.get(row) ?? null;
    if (image) {
      this.images.delete(row); // moves the thumbnail to the end of the list: it was used last
      this.images.set(row, image);
    }
    return image;
  }

  /** Requests the thumbnails in view, most important first. These requests replace earlier ones that are still
   * waiting. */
  request(rows: number[]): void {
    this.waiting = rows.filter((row) => !this.images.has(row) && !this.loading.has(row));
    this.next();
  }

  private next(): void {
    while (this.loading.size < MAX_LOADING) {
      const row = this.waiting.shift();
      if (row === undefined) return;
      const src = this.address(row);
      if (!src) continue;
      this.loading.add(row);
      const image = new Image();
      const end = (got: HTMLImageElement | null): void => {
        this.loading.delete(row);
        this.images.set(row, got);
        for (const old of this.images.keys()) {
          if (this.images.size <= MAX_KEPT) break;
          this.images.delete(old);
        }
        this.onLoaded();
        this.next();
      };
      image.onload = () => end(image);
      image.onerror = () => end(null);
      image.src = src;
    }
  }
}
