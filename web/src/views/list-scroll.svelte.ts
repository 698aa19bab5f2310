// The rows and the scroll position of a long list: Wall, Review and Table.
//
// The position is the first visible picture and its distance from the upper edge, not a number of pixels. Only the user
// changes it: by scrolling, or by an action that shows a picture. So a list shows the same pictures after a reload, after
// a change of the window or of the filters and back, and after Back. If a filter hides the first visible picture, the
// next shown picture takes its place until the filter is removed.
import { onMount, tick, untrack } from 'svelte';
import { catalog, navigation, order, selection, session } from '../state/actions.svelte';
import { NONE } from '../state/columns';
import type { ListPlace } from '../state/session';
import { clampTop, listTop, MAX_HEIGHT, scrollFor } from './virtual';

/** The rows that a list shows: the rows of the order, or those of them that are `within`. */
export class ListRows {
  private readonly within: () => Uint8Array | null;
  readonly all = $derived.by(() => {
    const within = this.within();
    return within ? order.rows.filter((row) => within[row] === 1) : order.rows;
  });
  private readonly places = $derived.by(() => {
    if (!this.within()) return null;
    const places = new Uint32Array(catalog.count).fill(NONE);
    this.all.forEach((row, place) => (places[row] = place));
    return places;
  });

  constructor(within: () => Uint8Array | null) {
    this.within = within;
  }

  /** Returns the index of a row in `all`, or -1. */
  placeOf(row: number): number {
    const { places } = this;
    if (!places) return order.placeOf(row);
    const place = places[row] ?? NONE;
    return place === NONE ? -1 : place;
  }
}

interface List {
  /** the name under which the session keeps the position */
  name: string;
  /** the list is another one if this is another array */
  rows: () => unknown;
  /** a new order scrolls to the top */
  order: () => unknown;
  /** everything else that determines where a picture is */
  shape: () => string;
  /** height of the whole list, and of its visible part */
  total: () => number;
  height: () => number;
  /** height of a line, and the space around all lines */
  pitch: () => number;
  margin: number;
  /** Returns the upper edge of the line of a picture in the list; -1: the list does not show the picture. */
  yOf: (row: number) => number;
  /** Returns the first picture of the first line at or below `y`; -1: none. */
  rowAt: (y: number) => number;
}

export class ListScroll {
  host = $state.raw<HTMLElement>();
  private top = $state(0);
  private readonly list: List;
  private readonly extent = $derived.by(() => {
    const [total, height] = [this.list.total(), this.list.height()];
    return { total, tall: Math.min(total, MAX_HEIGHT), height };
  });
  readonly tall = $derived(this.extent.tall);
  /** the position in the list at the upper edge of the window */
  readonly seen = $derived(listTop(this.extent, this.top));
  /** what to subtract from a position in the list to get a position in the element */
  readonly shift = $derived(this.seen - this.top);
  private mounted = false;
  /** the scroll position that this class set last */
  private own = -1;
  private before: { rows: unknown; order: unknown; shape: string };
  /** hash of the current picture that was shown last; after a reload of the catalog a picture has another row */
  private shown = catalog.hash(selection.current);
  /** the current picture is in sight */
  private sighted = false;

  constructor(list: List) {
    this.list = list;
    this.before = untrack(() => this.now());
    onMount(() => {
      // The list gets its height only with the next update of the page.
      void tick().then(() => this.start());
      const show = (): void => this.show(selection.current);
      navigation.show = show;
      return () => {
        if (navigation.show === show) navigation.show = null;
      };
    });
    $effect.pre(() => {
      const now = this.now();
      untrack(() => this.change(now));
    });
    // If only the current picture changes, the list scrolls before it is drawn again, so that the browser computes the
    // layout once.
    $effect.pre(() => {
      void selection.current;
      untrack(() => this.follow());
    });
    $effect(() => {
      void [this.seen, this.list.height(), this.list.rows(), this.list.shape()];
      const y = selection.current < 0 ? -1 : this.list.yOf(selection.current);
      const middle = y + this.list.pitch() / 2;
      this.sighted = y >= 0 && middle >= this.seen && middle <= this.seen + this.list.height();
    });
  }

  private now(): { rows: unknown; order: unknown; shape: string } {
    return { rows: this.list.rows(), order: this.list.order(), shape: this.list.shape() };
  }

  private start(): void {
    if (!this.host) return;
    const { name } = this.list;
    const kept = session.back?.[name] ?? session.places[name];
    const y = kept ? this.yAt(kept) : -1;
    if (y >= 0) this.put(y);
    // The current picture may have changed in another view.
    if (kept?.current !== this.shown) this.showRow(selection.current);
    this.mounted = true;
    if (y < 0 || kept?.current !== this.shown) this.remember();
  }

  /** The list or its shape changed. The browser can scroll only after the list has its new height. `top` is set before
   * that, so that the lines at the old scroll position are not drawn first. */
  private change(now: { rows: unknown; order: unknown; shape: string }): void {
    const { before } = this;
    const listed = now.rows !== before.rows;
    if (!listed && now.shape === before.shape && now.order === before.order) return;
    this.before = now;
    if (!this.host || !this.mounted) return;
    const { name } = this.list;
    const current = catalog.hash(selection.current);
    const moved = current !== this.shown;
    this.shown = current;
    const back = session.back?.[name];
    const reordered = now.order !== before.order && !back;
    const place = back ?? session.places[name];
    const found = reordered ? 0 : place ? this.yAt(place) : -1;
    const y = clampTop(this.extent, found >= 0 ? found : this.topFor(selection.current));
    // A picture that became current because a filter hides the one before is no wish of the user.
    const replaced = selection.current === selection.replacement;
    const shows = moved && !replaced ? back?.current !== current : this.sighted && !back && !reordered && (!listed || moved || !replaced);
    this.top = scrollFor(this.extent, y);
    void tick().then(() => {
      this.put(y);
      if (shows) this.showRow(selection.current);
      if (back) session.places[name] = back;
      else if (reordered || found < 0 || (shows && listed)) this.remember();
    });
  }

  private follow(): void {
    const current = catalog.hash(selection.current);
    if (current === this.shown || !this.mounted || this.list.rows() !== this.before.rows) return;
    this.shown = current;
    this.show(selection.current);
  }

  /** The user scrolled, or the browser did after `put`. */
  scrolled(): void {
    if (!this.host) return;
    this.top = this.host.scrollTop;
    if (Math.abs(this.top - this.own) < 1) return;
    this.own = -1;
    this.remember();
  }

  private put(y: number): void {
    if (!this.host) return; // the view was left
    this.host.scrollTop = scrollFor(this.extent, clampTop(this.extent, y));
    this.top = this.own = this.host.scrollTop;
  }

  scrollTo(y: number): void {
    this.put(y);
    this.remember();
  }

  private topFor(row: number): number {
    const y = row < 0 ? -1 : this.list.yOf(row);
    const { margin } = this.list;
    if (y < 0) return this.seen;
    return y - margin < this.seen ? y - margin : Math.max(this.seen, y + this.list.pitch() + margin - this.list.height());
  }

  private showRow(row: number): void {
    const y = this.topFor(row);
    if (y !== this.seen) this.put(y);
  }

  /** Scrolls as little as needed so that a picture is in sight. */
  show(row: number): void {
    this.showRow(row);
    this.remember();
  }

  /** Returns the position that shows a place; -1: nothing is shown. */
  private yAt({ at, offset }: ListPlace): number {
    const row = order.nearest(catalog.rowOf(at), (one) => this.list.yOf(one) >= 0);
    return row < 0 ? -1 : Math.max(0, this.list.yOf(row) - offset);
  }

  private remember(): void {
    if (!this.mounted) return;
    const row = this.list.rowAt(this.seen);
    if (row >= 0) session.places[this.list.name] = { at: catalog.hash(row), offset: this.list.yOf(row) - this.seen, current: catalog.hash(selection.current) };
  }
}
