// Ratings that the server has not confirmed yet, kept in the browser's own store: they outlive this page, and the next
// page on this catalog sends them.
import type { Rating } from '../api';

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

export class Outbox {
  private readonly waiting = new Map<string, Rating>();
  private readonly prefix: string;
  private readonly key: string;
  private readonly store: Store;

  /** `name`: of the catalog; every page has a box of its own, so that two do not write over each other's. */
  constructor(name: string, store: Store) {
    this.prefix = `goldpan:outbox:${name}:`;
    this.key = this.prefix + crypto.randomUUID();
    this.store = store;
  }

  put(ratings: Rating[]): void {
    for (const rating of ratings) this.waiting.set(rating.hash, rating);
    this.keep();
  }

  /** The server has them; what was changed since stays. */
  done(ratings: Rating[]): void {
    for (const rating of ratings) if (this.waiting.get(rating.hash) === rating) this.waiting.delete(rating.hash);
    this.keep();
  }

  /** What waits in this page. */
  all(): Rating[] {
    return [...this.waiting.values()];
  }

  /** Take over what earlier pages left, as far as `known` knows the images. */
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
      // full: they are still in this page and on their way
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
