// A comparison: the images that are large, and the rounds in which candidates of one prompt are compared.
//
// The first round shows the two candidates with the best scores. The better image stays on its side, and the next
// candidate takes the other side. Images are named by their hashes, so that a comparison outlives a reload of the
// catalog, and undo can go back to it.

export interface Comparison {
  /** the large images: A, B, and so on; a single image: no other image is left to compare it with */
  large: string[];
  /** all images that take part, best score first */
  all: string[];
  /** images that are out: another image was better, or they were rejected */
  out: string[];
  /** the images that the user picked by "keep both" */
  kept: string[];
  /** the number of the round, from 1; 0: chosen images, without rounds */
  round: number;
}

export function compareChosen(hashes: string[]): Comparison {
  return { large: hashes, all: hashes, out: [], kept: [], round: 0 };
}

/** `first`: images to compare in the first round, if they take part. */
export function firstRound(all: string[], out: string[], first: string[] = []): Comparison {
  const left = all.filter((hash) => !out.includes(hash));
  const wanted = first.filter((hash) => left.includes(hash));
  return { large: [...wanted, ...left.filter((hash) => !wanted.includes(hash))].slice(0, 2), all, out, kept: [], round: 1 };
}

/** Returns the images that wait for their round: they were not large yet. */
export function waiting({ all, out, large }: Comparison): string[] {
  return all.filter((hash) => !out.includes(hash) && !large.includes(hash));
}

/** The number of rounds if one image goes out in each round. */
export const rounds = (now: Comparison): number => now.round + waiting(now).length;

/** Returns the next round after the image at `side` was better; null: this image has won. */
export function better(now: Comparison, side: number): Comparison | null {
  const [next] = waiting(now);
  if (next === undefined) return null;
  return { ...now, large: now.large.map((hash, i) => (i === side ? hash : next)), out: [...now.out, ...now.large.filter((_, i) => i !== side)], round: now.round + 1 };
}

/** Returns the next round after both images were kept: A is compared with the next image; null: no image is left. */
export function keepBoth(now: Comparison): Comparison | null {
  const next = better(now, 0);
  return next && { ...next, kept: [...new Set([...now.kept, ...now.large])] };
}

/** Returns the next round after both images were rejected, with the next two images; null: no image is left. */
export function rejectBoth(now: Comparison): Comparison | null {
  const next = waiting(now).slice(0, 2);
  return next.length ? { ...now, large: next, out: [...now.out, ...now.large], round: now.round + 1 } : null;
}

/** Adds the candidates `arrived`, which came during the rounds and wait for their round. `order`: all candidates of the
 * prompt, best score first. */
export function join(now: Comparison, arrived: string[], order: string[]): Comparison {
  const more = arrived.filter((hash) => order.includes(hash) && !now.all.includes(hash));
  if (now.round === 0 || more.length === 0) return now;
  const next = { ...now, all: order.filter((hash) => now.all.includes(hash) || more.includes(hash)) };
  const [first] = waiting(next);
  return now.large.length === 1 && first !== undefined ? { ...next, large: [...now.large, first] } : next;
}

/** Returns the comparison without images that no longer exist; null: too few images are left. */
export function without(now: Comparison, gone: (hash: string) => boolean): Comparison | null {
  if (!now.all.some(gone)) return now;
  const left = (list: string[]): string[] => list.filter((hash) => !gone(hash));
  const next = { ...now, large: left(now.large), all: left(now.all), out: left(now.out), kept: left(now.kept) };
  if (now.round === 0) return next.large.length > 1 ? next : null;
  while (next.large.length < Math.min(2, now.large.length)) {
    const [hash] = waiting(next);
    if (hash === undefined) break;
    // The image that stays keeps its side.
    next.large = next.large[0] === now.large[0] ? [...next.large, hash] : [hash, ...next.large];
  }
  return next.large.length ? next : null;
}
