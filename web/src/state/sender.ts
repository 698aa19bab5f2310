// Sends changes to the server, one request after the other, and decides which events of the server are newer than the
// changes of this page.  Changes that the server has not confirmed are kept in an outbox.
import { ErrorResponse } from '../api';
import { afterFrame } from './frames';
import type { Outbox } from './outbox';

const BATCH = 20000;

/** The error that the server at this address has another catalog than this page. */
export class OtherCatalog extends Error {}

export interface SenderUse<T> {
  /** identifies what a change is about: a later change with the same key replaces an earlier change */
  keyOf(change: T): string;
  /** Sends changes. Returns the number of the event that reports them. */
  post(changes: T[]): Promise<number>;
  /** Applies a change that came from another page. Returns whether anything changed. */
  receive(change: T): boolean;
  /** The server has confirmed changes. `changed`: a change from another page, which waited for this confirmation, was
   * applied. */
  confirmed(changed: boolean): void;
  failed(why: string): void;
}

export class Sender<T extends { hash: string }> {
  private queue: Promise<void> = Promise.resolve();
  /** `underWay`, by key: the number of changes that the server has not confirmed. `confirmed`, by key: the event number
   * of the last confirmed change. */
  private readonly underWay = new Map<string, number>();
  private readonly confirmed = new Map<string, number>();
  /** by key: the last event that arrived while a change of this page was not confirmed yet */
  private readonly held = new Map<string, { change: T; event: number }>();
  private readonly outbox: Outbox<T>;
  private readonly use: SenderUse<T>;
  /** the connection broke after the server was last known to have this catalog */
  private suspect = false;
  private verify: () => Promise<void> = () => Promise.resolve();

  constructor(outbox: Outbox<T>, use: SenderUse<T>) {
    this.outbox = outbox;
    this.use = use;
  }

  /** Call this when the connection broke. Changes are then sent only after `verify`, which throws OtherCatalog if the
   * server has another catalog now, or another error if the server does not answer. */
  doubt(verify: () => Promise<void>): void {
    this.suspect = true;
    this.verify = verify;
  }

  /** Sends one request after the other, because an undo must not arrive before the change that it undoes. */
  send(changes: T[]): void {
    if (changes.length === 0) return;
    this.outbox.put(changes);
    for (const change of changes) {
      const key = this.use.keyOf(change);
      this.underWay.set(key, (this.underWay.get(key) ?? 0) + 1);
    }
    this.queue = this.queue.then(afterFrame).then(() => this.write(changes));
  }

  /**
   * Applies a change that an event reports. An event arrives later than the change that it reports, so an event that
   * is older than a change of this page must not revert this change. If two pages changed the same thing, the server's
   * order of the changes decides. Returns whether anything changed.
   */
  hear(change: T, event: number): boolean {
    const key = this.use.keyOf(change);
    if (this.underWay.get(key)) this.held.set(key, { change, event });
    else if (event > (this.confirmed.get(key) ?? 0)) return this.use.receive(change);
    return false;
  }

  /** The catalog was read again: it contains the changes of all events until now. */
  forgetEvents(): void {
    this.confirmed.clear();
    this.held.clear();
  }

  private confirm(changes: T[], event: number): void {
    this.outbox.done(changes);
    let changed = false;
    for (const change of changes) {
      const key = this.use.keyOf(change);
      const left = (this.underWay.get(key) ?? 1) - 1;
      if (left > 0) {
        this.underWay.set(key, left);
        continue;
      }
      this.underWay.delete(key);
      this.confirmed.set(key, event);
      const held = this.held.get(key);
      this.held.delete(key);
      if (held && held.event > event && this.use.receive(held.change)) changed = true;
    }
    this.use.confirmed(changed);
  }

  private async write(changes: T[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        // The server at this address may be another one than the server from which the page was loaded.
        if (this.suspect) await this.verify();
        this.suspect = false;
        let event = 0;
        for (let from = 0; from < changes.length; from += BATCH) event = await this.use.post(changes.slice(from, from + BATCH));
        return this.confirm(changes, event);
      } catch (error) {
        if (error instanceof OtherCatalog) return; // the outbox keeps the changes for a later page with this catalog
        this.suspect = true;
        if (error instanceof ErrorResponse && error.status === 400) {
          // The server rejects a change of an image that is no longer in the catalog. Another attempt would fail too.
          this.confirm(changes, 0);
          return this.use.failed(`Not saved: ${error.message}`);
        }
        // The server may come back after a restart, so the outbox keeps the changes, even after this page is closed.
        this.use.failed(`Not saved yet: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, Math.min(10000, 500 * 2 ** attempt)));
      }
    }
  }
}
