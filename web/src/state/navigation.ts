// What the current view and the current mode do for the rest of the page.
interface Navigation {
  /** The key handlers of the view and of the mode, which run before the shortcuts of the page. A handler returns true if
   * it handled the key. */
  key: ((event: KeyboardEvent) => boolean) | null;
  mode: ((event: KeyboardEvent) => boolean) | null;
  /** scrolls to the current picture */
  show: (() => void) | null;
}

export const navigation: Navigation = { key: null, mode: null, show: null };
