// The share of points that the map draws while it moves.  Where a frame takes long (a million points, no graphics card),
// only every second, fourth ... point is drawn until the map is still.

const SLOW = 50; // milliseconds; a frame that takes longer feels slow to the user
const FAST = 20;
const MAX_STRIDE = 16;
const FAST_FRAMES = 30; // number of consecutive fast frames before more points are drawn again

export class LevelOfDetail {
  /** while the map moves, every `stride`-th point is drawn */
  stride = 1;
  private fast = 0;

  /** Adapts the stride to the time that a frame took. */
  addFrame(milliseconds: number): void {
    if (milliseconds > SLOW) {
      this.stride = Math.min(MAX_STRIDE, this.stride * 2 ** Math.ceil(Math.log2(milliseconds / SLOW)));
      this.fast = 0;
    } else if (milliseconds < FAST && ++this.fast >= FAST_FRAMES) {
      this.stride = Math.max(1, this.stride / 2);
      this.fast = 0;
    }
  }
}
