// Ratings that the server has not confirmed yet, kept in local storage.  The next page on this catalog sends those that
// this page could not send.
import type { Rating } from '../api';

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

export class Outbox {
  private readonly waiting = new Map<string, Rating>();
  private readonly prefix: string;
  private readonly key: string;
  private readonly store: Store;

  /** `name`: the catalog.  Each page has its own key, so that two pages do not overwrite each other's ratings. */
  constructor(name: string, store: Store) {
    this.prefix = `goldpan:outbox:${name}:`;
    this.key = this.prefix + crypto.randomUUID();
    this.store = store;
  }

  get size(): number {
    return this.waiting.size;
  }

  put(ratings: Rating[]): void {
    for (const rating of ratings) this.waiting.set(rating.hash, rating);
    this.keep();
  }

  /** Removes `ratings`, which the server has confirmed. Ratings that have changed since they were sent stay. */
  done(ratings: Rating[]): void {
    for (const rating of ratings) if (this.waiting.get(rating.hash) === rating) this.waiting.delete(rating.hash);
    this.keep();
  }

  /** Returns all ratings of this page that the server has not confirmed. */
  all(): Rating[] {
    return [...this.waiting.values()];
  }

  /** Takes over the ratings that earlier pages left, for images that `known` accepts. */
  takeOver(known: (hash: string) => boolean): Rating[] {
    const keys: string[] = [];
    for (let i = 0; i < this.store.length; i++) {
      const key = this.store.key(i);
      if (key?.startsWith(this.prefix) && key !== this.key) keys.push(key);
    }
    const taken: Rating[] = [];
    for (const key of keys) {
      const left: Rating[] = [];
      for (const rating of read(this.store.getItem(key))) (known(rating.hash) ? taken : left).push(rating);
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
      // the storage is full, but this page still has the ratings in memory and sends them
    }
  }
}

function read(text: string | null): Rating[] {
  try {
    const list = JSON.parse(text ?? '[]') as Rating[];
    return Array.isArray(list) ? list.filter((r) => typeof r?.hash === 'string') : [];
  } catch {
    return [];
  }
}
