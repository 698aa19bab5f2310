// The browser's own store.  It may be shut (a site inside another's frame, private windows) or full: then nothing is
// remembered, and everything else works.

export function recall<T>(key: string, otherwise: T): T {
  try {
    return (JSON.parse(localStorage.getItem(key) ?? 'null') as T | null) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** `how`: as JSON.stringify takes it. */
export function remember(key: string, value: unknown, how?: (key: string, value: unknown) => unknown): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(value, how));
    return true;
  } catch {
    return false;
  }
}
