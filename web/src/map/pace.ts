// How much of the map is drawn while it moves: where a frame takes long (a million points, no graphics card), every second,
// fourth ... point is drawn until the map rests.

const SLOW = 50; // milliseconds of a frame that a hand feels
const QUICK = 20;
const MOST = 16;
const PATIENCE = 30; // quick frames before more is drawn again

export class Pace {
  /** one point of so many is drawn while the map moves */
  thin = 1;
  private quick = 0;

  /** A frame took so long. */
  tell(milliseconds: number): void {
    if (milliseconds > SLOW) {
      this.thin = Math.min(MOST, this.thin * 2 ** Math.ceil(Math.log2(milliseconds / SLOW)));
      this.quick = 0;
    } else if (milliseconds < QUICK && ++this.quick >= PATIENCE) {
      this.thin = Math.max(1, this.thin / 2);
      this.quick = 0;
    }
  }
}
