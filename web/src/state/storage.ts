// The browser's local storage.  It may be blocked (a site inside the frame of another site, private windows) or full.
// Then nothing is stored, and everything else works.

export function loadSetting<T>(key: string, otherwise: T): T {
  try {
    return (JSON.parse(localStorage.getItem(key) ?? 'null') as T | null) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Returns whether `value` was stored.  `replacer`: as for JSON.stringify. */
export function saveSetting(key: string, value: unknown, replacer?: (key: string, value: unknown) => unknown): boolean {
  try {
    localStorage.setItem(key, JSON.stringify(value, replacer));
    return true;
  } catch {
    return false;
  }
}
