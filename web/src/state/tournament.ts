// A comparison: the images that are large, and the rounds in which candidates of one prompt meet.
//
// In rounds the best two come first.  The better one stays on its side, and the next candidate takes the other side.  Images
// are named by their hashes, so that a comparison outlives a reload of the catalog, and undo can go back to it.

export interface Comparison {
  /** the large images: A, B, and so on; one alone: nothing is left to compare it with */
  large: string[];
  /** all that take part, best score first */
  all: string[];
  /** those that are out: another was better, or they were rejected */
  out: string[];
  /** those that "keep both" picked */
  kept: string[];
  /** the number of the round, from 1; 0: chosen images, without rounds */
  round: number;
}

export function compareChosen(hashes: string[]): Comparison {
  return { large: hashes, all: hashes, out: [], kept: [], round: 0 };
}

/** `first`: the images that come first, if they take part. */
export function firstRound(all: string[], out: string[], first: string[] = []): Comparison {
  const left = all.filter((hash) => !out.includes(hash));
  const wanted = first.filter((hash) => left.includes(hash));
  return { large: [...wanted, ...left.filter((hash) => !wanted.includes(hash))].slice(0, 2), all, out, kept: [], round: 1 };
}

/** Those that have not been large yet. */
export function waiting({ all, out, large }: Comparison): string[] {
  return all.filter((hash) => !out.includes(hash) && !large.includes(hash));
}

/** How many rounds there are if one goes out in each. */
export const rounds = (now: Comparison): number => now.round + waiting(now).length;

/** The round after `side` was better; null: it has won. */
export function better(now: Comparison, side: number): Comparison | null {
  const [next] = waiting(now);
  if (next === undefined) return null;
  return { ...now, large: now.large.map((hash, i) => (i === side ? hash : next)), out: [...now.out, ...now.large.filter((_, i) => i !== side)], round: now.round + 1 };
}

/** The round after both were kept: A meets the next; null: none is left. */
export function keepBoth(now: Comparison): Comparison | null {
  const next = better(now, 0);
  return next && { ...next, kept: [...new Set([...now.kept, ...now.large])] };
}

/** The round after both were rejected: the next two; null: none is left. */
export function rejectBoth(now: Comparison): Comparison | null {
  const next = waiting(now).slice(0, 2);
  return next.length ? { ...now, large: next, out: [...now.out, ...now.large], round: now.round + 1 } : null;
}

/** Without the images that are gone; null: too few are left. */
export function without(now: Comparison, gone: (hash: string) => boolean): Comparison | null {
  if (!now.all.some(gone)) return now;
  const left = (list: string[]): string[] => list.filter((hash) => !gone(hash));
  const next = { ...now, large: left(now.large), all: left(now.all), out: left(now.out), kept: left(now.kept) };
  if (now.round === 0) return next.large.length > 1 ? next : null;
  while (next.large.length < Math.min(2, now.large.length)) {
    const [hash] = waiting(next);
    if (hash === undefined) break;
    // The one that stays keeps its side.
    next.large = next.large[0] === now.large[0] ? [...next.large, hash] : [hash, ...next.large];
  }
  return next.large.length ? next : null;
}
