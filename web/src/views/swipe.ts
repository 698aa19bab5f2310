// Swipes of one finger on a picture. A swipe counts when the finger has moved FAR pixels in one direction. It counts
// until the finger moves back to less than NEAR pixels, so a shaking finger at FAR changes nothing.

export type Direction = 'left' | 'right' | 'up' | 'down';
export interface Swipe {
  direction: Direction;
  /** distance that the finger has moved along the direction's axis, in pixels */
  dx: number;
  dy: number;
  /** where the finger is */
  x: number;
  y: number;
  /** if the finger leaves the screen now, the swipe is done */
  counts: boolean;
}

const FAR = 80;
const NEAR = 60;
/** a movement of fewer pixels has no direction yet */
const START = 10;

export interface SwipeOptions {
  /** returns false while another gesture uses the fingers, such as moving a zoomed picture */
  on: () => boolean;
  /** the current swipe; null: none */
  moved: (swipe: Swipe | null) => void;
  done: (direction: Direction) => void;
}

export function swipe(node: HTMLElement, options: SwipeOptions): { update: (to: SwipeOptions) => void; destroy: () => void } {
  let { on, moved, done } = options;
  const fingers = new Set<number>();
  let from: { id: number; x: number; y: number } | null = null;
  let now: Swipe | null = null;

  function cancel(): void {
    from = null;
    if (now) moved((now = null));
  }

  function down(event: PointerEvent): void {
    if (event.pointerType === 'mouse' || (event.target as HTMLElement).closest('button')) return;
    fingers.add(event.pointerId);
    if (fingers.size > 1 || !on()) return cancel();
    from = { id: event.pointerId, x: event.clientX, y: event.clientY };
  }

  function move(event: PointerEvent): void {
    if (event.pointerId !== from?.id) return;
    const dx = event.clientX - from.x;
    const dy = event.clientY - from.y;
    const along = now ? now.direction === 'left' || now.direction === 'right' : Math.abs(dx) > Math.abs(dy);
    if (!now && Math.max(Math.abs(dx), Math.abs(dy)) < START) return;
    const way = along ? dx : dy;
    const direction: Direction = along ? (dx < 0 ? 'left' : 'right') : dy < 0 ? 'up' : 'down';
    const before: boolean = now?.direction === direction && now.counts;
    const counts = Math.abs(way) >= (before ? NEAR : FAR);
    now = { direction, dx: along ? dx : 0, dy: along ? 0 : dy, x: event.clientX, y: event.clientY, counts };
    moved(now);
  }

  function up(event: PointerEvent): void {
    fingers.delete(event.pointerId);
    if (event.pointerId !== from?.id) return;
    const last: Swipe | null = now;
    cancel();
    // Calls `done` after the browser has ended the touch. Until then the picture under the finger stays in the
    // document, because the browser could otherwise miss the next tap.
    if (last?.counts && event.type === 'pointerup') setTimeout(() => done(last.direction));
  }

  // Prevents the browser from scrolling or flinging, because the page would not receive a tap during a fling.
  const own = (event: TouchEvent): void => event.preventDefault();
  node.addEventListener('touchmove', own, { passive: false });
  node.addEventListener('pointerdown', down);
  addEventListener('pointermove', move);
  addEventListener('pointerup', up);
  addEventListener('pointercancel', up);
  return {
    update: (to) => ({ on, moved, done } = to),
    destroy() {
      node.removeEventListener('touchmove', own);
      node.removeEventListener('pointerdown', down);
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', up);
      removeEventListener('pointercancel', up);
    },
  };
}
