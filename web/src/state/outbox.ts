// Marks or tags that the server has not confirmed yet, kept in local storage. The next page that opens this catalog
// sends the changes that this page could not send.
import type { Rating } from '../api';

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

export class Outbox<T extends { hash: string } = Rating> {
  private readonly waiting = new Map<string, T>();
  private readonly prefix: string;
  private readonly key: string;
  private readonly store: Store;
  private readonly keyOf: (change: T) => string;

  /** `name`: the id of the catalog. `keyOf` returns the key of a change: a later change with the same key replaces an
   * earlier change. Each page has its own entry in the storage, so that no page overwrites another page's changes. */
  constructor(name: string, store: Store, keyOf: (change: T) => string = ({ hash }) => hash) {
    this.prefix = `goldpan:outbox:${name}:`;
    this.key = this.prefix + crypto.randomUUID();
    this.store = store;
    this.keyOf = keyOf;
  }

  get size(): number {
    return this.waiting.size;
  }

  put(ratings: T[]): void {
    for (const rating of ratings) this.waiting.set(this.keyOf(rating), rating);
    this.keep();
  }

  /** Removes changes that the server has confirmed. A change that was replaced after it was sent stays. */
  done(ratings: T[]): void {
    for (const rating of ratings) if (this.waiting.get(this.keyOf(rating)) === rating) this.waiting.delete(this.keyOf(rating));
    this.keep();
  }

  /** Returns all changes of this page that the server has not confirmed. */
  all(): T[] {
    return [...this.waiting.values()];
  }

  /** Moves the changes that earlier pages could not send into this outbox, and returns them. Changes of images that
   * `known` does not accept stay where they are. */
  takeOver(known: (hash: string) => boolean): T[] {
    const keys: string[] = [];
    for (let i = 0; i < this.store.length; i++) {
      const key = this.store.key(i);
      if (key?.startsWith(this.prefix) && key !== this.key) keys.push(key);
    }
    const taken: T[] = [];
    for (const key of keys) {
      const left: T[] = [];
      for (const rating of read<T>(this.store.getItem(key))) (known(rating.hash) ? taken : left).push(rating);
      if (left.length) this.store.setItem(key, JSON.stringify(left));
      else this.store.removeItem(key);
    }
    this.put(taken);
    return taken;
  }

  private keep(): void {
    try {
      if (this.waiting.size) this.store.setItem(this.key, JSON.stringify(this.all()));
      else this.store.removeItem(this.key);
    } catch {
      // the storage is full, but this page still has the changes in memory and sends them
    }
  }
}

function read<T extends { hash: string }>(text: string | null): T[] {
  try {
    const list = JSON.parse(text ?? '[]') as T[];
    return Array.isArray(list) ? list.filter((r) => typeof r?.hash === 'string') : [];
  } catch {
    return [];
  }
}
