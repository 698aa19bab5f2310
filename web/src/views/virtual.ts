// Long lists whose height is beyond what browsers allow for an element (about 33 million pixels): beyond MAX_HEIGHT a
// pixel of the scroll bar stands for more than one pixel of the list.

export const MAX_HEIGHT = 8e6;

export interface Extent {
  /** height of the list */
  total: number;
  /** height of the element that scrolls */
  tall: number;
  /** height of the visible window */
  height: number;
}

/** Returns the list position at the top of the window. */
export function listTop({ total, tall, height }: Extent, scrollTop: number): number {
  return total > tall && tall > height ? (scrollTop * (total - height)) / (tall - height) : scrollTop;
}

/** Returns the scroll position that shows list position `top` at the top of the window. */
export function scrollFor({ total, tall, height }: Extent, top: number): number {
  return total > tall && tall > height ? (top * (tall - height)) / (total - height) : top;
}

/** Returns the list position next to `top` that can be at the top of the window. */
export function clampTop({ total, height }: Extent, top: number): number {
  return Math.max(0, Math.min(top, total - height));
}

/** The count of a stack was pressed: it opens and folds the stack. */
export const onStack = (event: Event): boolean => (event.target as HTMLElement).closest('[data-stack]') !== null;
