// Positions in long lists. Browsers limit the height of an element to about 33 million pixels. If a list is higher than
// MAX_HEIGHT, a pixel of scrolling moves the list by more than one pixel.

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

/** Returns the list position nearest to `top` at which the window shows no space before the start or after the end of
 * the list. */
export function clampTop({ total, height }: Extent, top: number): number {
  return Math.max(0, Math.min(top, total - height));
}

/** How a finger chooses several pictures: a long press chooses a picture, and from then on a touch chooses or lets go of
 * a picture. `some`: pictures are chosen. Returns the keys that a mouse would need for the same. */
export const pressed = (event: MouseEvent, some: boolean): { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean } =>
  some && byTouch(event) ? { shiftKey: false, ctrlKey: true, metaKey: false } : event;
export const byTouch = (event: Event): boolean => 'pointerType' in event && event.pointerType === 'touch';

/** Returns whether the user pressed the count of a stack, which opens or folds the stack. */
export const onStack = (event: Event): boolean => (event.target as HTMLElement).closest('[data-stack]') !== null;
