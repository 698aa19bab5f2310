// Search by words and by example images: the similarity of every image to the query.
import * as api from '../api';
import type { Catalog, Report } from './catalog.svelte';
import type { Sort } from './filter-sort';
import { BY_SIMILARITY, type Layout } from './layout.svelte';

export interface SearchQuery extends api.Query {
  /** names of uploaded files; their keys are in `more` or `less` */
  images?: { key: string; name: string }[];
}

export class Search {
  query = $state.raw<SearchQuery>({});
  searching = $state(false);
  /** why the search by words failed, or '' */
  wrong = $state('');
  /** [count]; NaN: the image has no embedding to compare; null: no search */
  similarity = $state.raw<Float32Array | null>(null);
  /** increases with each search; the answer to an earlier search is ignored */
  private serial = 0;
  /** the order to return to after the search */
  private before: Sort = { column: 'score', down: true };
  private readonly catalog: Catalog;
  private readonly layout: Layout;
  private readonly report: Report;

  constructor(catalog: Catalog, layout: Layout, report: Report) {
    this.catalog = catalog;
    this.layout = layout;
    this.report = report;
  }

  /** Forgets the search that the server has not answered yet: its answer will change nothing. */
  cancel(): void {
    this.serial++;
    this.searching = false;
  }

  /** Searches by `query` and sorts by similarity. If the server rejects the query, the previous search stays. `found`
   * runs in the same step as the new order, so that no view shows one without the other. A search that begins later
   * replaces a search that the server has not answered yet. */
  async run(query: SearchQuery = this.query, failed: Report = this.report, found: () => void = () => undefined): Promise<void> {
    const serial = ++this.serial;
    this.wrong = '';
    const { text, more, less } = query;
    if (!text && !more?.length && !less?.length) {
      this.query = query;
      this.similarity = null;
      if (this.layout.sort.column === BY_SIMILARITY) this.layout.sort = this.before;
      this.searching = false;
      return;
    }
    this.searching = true;
    try {
      const similarity = await api.search({ text: text || undefined, more: more ?? [], less: less ?? [] });
      if (serial !== this.serial) return;
      this.similarity = similarity;
      this.query = query;
      if (this.layout.sort.column !== BY_SIMILARITY) this.before = this.layout.sort;
      this.layout.sort = { column: BY_SIMILARITY, down: true };
      found();
    } catch (error) {
      if (serial === this.serial) failed((error as Error).message);
    } finally {
      if (serial === this.serial) this.searching = false;
    }
  }

  /** Adds images to the query: as examples of wanted images, or (`less`) of unwanted images. */
  async byImages(rows: Iterable<number>, less = false, found: () => void = () => undefined): Promise<void> {
    const hashes = Array.from(rows, (row) => this.catalog.hash(row));
    const others = (list: string[] | undefined): string[] => (list ?? []).filter((hash) => !hashes.includes(hash));
    const query = { ...this.query, more: others(this.query.more), less: others(this.query.less) };
    query[less ? 'less' : 'more'].push(...hashes);
    await this.run(query, this.report, found);
  }

  async byFile(file: File, found: () => void): Promise<void> {
    this.searching = true;
    try {
      const key = await api.upload(file);
      const query = {
        ...this.query,
        more: [...(this.query.more ?? []), key],
        images: [...(this.query.images ?? []), { key, name: file.name }],
      };
      await this.run(query, this.report, found);
    } catch (error) {
      this.report((error as Error).message);
    } finally {
      this.searching = false;
    }
  }

  /** Removes an image, by its hash or key, from the query. */
  async remove(image: string): Promise<void> {
    const others = (list: string[] | undefined): string[] => (list ?? []).filter((one) => one !== image);
    await this.run({ ...this.query, more: others(this.query.more), less: others(this.query.less) });
  }

  async clear(): Promise<void> {
    await this.run({});
  }
}
