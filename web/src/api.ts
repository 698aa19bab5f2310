// The types and the calls of the server's API (docs/api.md).  Every address is relative to the page.

export type ColumnType = 'f32' | 'f64' | 'u32' | 'u8' | 'i8' | 'code' | 'hash' | 'text';

export interface ColumnInfo {
  name: string;
  title: string;
  type: ColumnType;
  file: string;
  words: string | null;
  group: 'file' | 'prompt' | 'score' | 'find' | 'hand' | 'settings';
  about: string;
  /** a column of scores of which lower ones are better */
  lower_better?: boolean;
}

export interface Reason {
  kind: string;
  text: string;
  strength: number;
  inside: number | null;
  outside: number | null;
}

export interface Slice {
  id: number;
  title: string;
  space: 'images' | 'prompts';
  category: string | null;
  level: number;
  support: number;
  value: number;
  drop: number;
  low: number | null;
  high: number | null;
  effect: number | null;
  p: number | null;
  parent: number | null;
  reasons: Reason[];
}

export interface Category {
  name: string;
  source: string;
  support: number;
  mean: number | null;
  sd: number | null;
  weight: number | null;
}

export interface Manifest {
  goldpan: string;
  name: string;
  catalog: string | null;
  live: boolean;
  readonly: boolean;
  revision: number;
  count: number;
  model: string | null;
  scorer: string | null;
  scale: string | null;
  higher_better: boolean;
  search: { text: boolean; image: boolean; like: boolean };
  thumbs: number[];
  /** what the server can do with files. `generate`: the folder for generated pictures; null: the server cannot generate
   * pictures. `generator`: address of one generator for all pictures; null: Detail.generator of each picture is used */
  acts: { open: boolean; trash: boolean; generate: string | null; generator: string | null };
  image_ext: string | null;
  near: { k: number; file: string } | null;
  columns: ColumnInfo[];
  categories: Category[];
  slices: Slice[];
  slices_file: string | null;
  tags_file?: string;
  groups: number;
  failures: number;
  remark: string;
}

export interface Detail {
  row: number;
  id: number;
  hash: string;
  paths: string[];
  prompt: string | null;
  prompt_raw: string | null;
  negative: string | null;
  source: string | null;
  settings: [string, string][];
  reason: string | null;
  failure: string | null;
  /** address of the generator that made the picture; null: the catalog does not have it */
  generator: string | null;
  embedded: boolean;
}

export interface Rating {
  hash: string;
  flag?: number;
  stars?: number;
}

/** A tag with the rows that have it. */
export interface TagRows {
  tag: string;
  rows: number[];
}

/** A tag that is added to an image, or removed from it. */
export interface TagChange {
  hash: string;
  tag: string;
  removed: boolean;
}

export interface Query {
  text?: string;
  more?: string[];
  less?: string[];
}

export const SHARD = 64;

/** The error for a request that the server rejected. */
export class ErrorResponse extends Error {
  readonly status: number;
  constructor(status: number, why: string) {
    super(why);
    this.status = status;
  }
}

async function request(address: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, init);
  } catch {
    throw new Error('goldpan does not respond. Is it still running?');
  }
  if (response.ok) return response;
  let why = `${response.status} ${response.statusText}`;
  try {
    why = ((await response.json()) as { error?: string }).error ?? why;
  } catch {
    // the response is not JSON, so only its status is known
  }
  throw new ErrorResponse(response.status, why);
}

const json = async <T>(address: string, init?: RequestInit): Promise<T> => (await request(address, init)).json() as Promise<T>;
export const bytes = async (address: string): Promise<ArrayBuffer> => (await request(address)).arrayBuffer();

function post(address: string, body: BodyInit, type = 'application/json'): Promise<Response> {
  return request(address, { method: 'POST', body, headers: { 'Content-Type': type, 'X-Goldpan': '1' } });
}

export const readManifest = (): Promise<Manifest> => json<Manifest>('data/catalog.json', { cache: 'no-cache' });
export const readShard = (shard: number): Promise<Detail[]> => json<Detail[]>(`data/detail/${shard}.json`);
export const readSaved = async (): Promise<Record<string, unknown>> =>
  (await json<{ views: Record<string, unknown> }>('api/saved')).views;

export async function save(name: string, value: unknown): Promise<void> {
  await post('api/saved', JSON.stringify({ name, value }));
}

/** Returns the number of the event that reports the change to other pages. */
export async function rate(changes: Rating[]): Promise<number> {
  return ((await (await post('api/rate', JSON.stringify({ changes }))).json()) as { event: number }).event;
}

/** Returns the number of the event that reports the change to other pages. */
export async function postTags(changes: TagChange[]): Promise<number> {
  return ((await (await post('api/tag', JSON.stringify({ changes }))).json()) as { event: number }).event;
}

export const readTags = async (file: string): Promise<TagRows[]> => (await json<{ tags: TagRows[] }>(file, { cache: 'no-cache' })).tags;

export async function search(query: Query): Promise<Float32Array> {
  return new Float32Array(await (await post('api/search', JSON.stringify(query))).arrayBuffer());
}

export async function upload(file: Blob): Promise<string> {
  const response = await post('api/upload', file, file.type || 'application/octet-stream');
  return ((await response.json()) as { key: string }).key;
}

export interface Exported {
  done: number;
  failed: number;
  folder: string;
}

export interface ExportChoice {
  what: 'mine' | 'mine+suggested' | 'stars' | 'images';
  stars?: number;
  images?: string[];
}

export async function exportPictures(folder: string, mode: string, choice: ExportChoice): Promise<Exported> {
  const response = await post('api/export', JSON.stringify({ folder, mode, ...choice }));
  return (await response.json()) as Exported;
}

/** Opens the folder of an image in the file manager of the computer on which the server runs. */
export async function openFolder(hash: string): Promise<string> {
  return ((await (await post('api/open', JSON.stringify({ hash }))).json()) as { folder: string }).folder;
}

export interface Moved {
  /** `images`: pictures whose files were all moved; `files`: moved files; `failed`: pictures that were not moved;
   * `why`: the reason */
  images: number;
  files: number;
  failed: number;
  why: string;
}

/** Moves the files of rejected pictures to the trash of the system. */
export async function moveToBin(images: string[]): Promise<Moved> {
  return (await (await post('api/trash', JSON.stringify({ images }))).json()) as Moved;
}

/** Moves the files of pictures back from the trash. */
export async function restoreFromBin(images: string[]): Promise<Moved> {
  return (await (await post('api/restore', JSON.stringify({ images }))).json()) as Moved;
}

/** The progress of a request to the generator, or its result when `running` is false. */
export interface Generating {
  running: boolean;
  done: number;
  wanted: number;
  /** counts, which only the result contains. `got`: files that this request made; `same`: files among `got` with
   * exactly the bytes of a picture of the catalog; `had`: pictures that an earlier request made; `failed`: pictures
   * that were not made */
  got?: number;
  had?: number;
  same?: number;
  failed?: number;
  stopped?: boolean;
  why?: string;
}

/** Makes a picture again with its seed (`more` 0), or `more` pictures with its prompt, its settings and new seeds.
 * `address`: the generator. */
export async function generate(hash: string, more: number, address: string): Promise<void> {
  await post('api/generate', JSON.stringify({ hash, more, address }));
}

export async function stopGenerating(): Promise<void> {
  await post('api/generate/stop', '{}');
}

/** Listens to the server's events and calls the functions of `on`: `revision` when the catalog has changed since
 * `revision` was read, `connection` when the connection breaks or is restored. Returns a function that ends the
 * listening. */
export function listen(revision: number, on: {
  revision(): void;
  ratings(changes: Rating[], event: number): void;
  tags(changes: TagChange[], event: number): void;
  notice(text: string): void;
  generate(state: Generating): void;
  connection(up: boolean): void;
}): () => void {
  const source = new EventSource(`events?r=${revision}`);
  source.addEventListener('revision', () => on.revision());
  source.addEventListener('ratings', (event) => {
    const { changes, event: number } = JSON.parse((event as MessageEvent<string>).data) as { changes: Rating[]; event: number };
    on.ratings(changes, number);
  });
  source.addEventListener('notice', (event) => on.notice((JSON.parse((event as MessageEvent<string>).data) as { text: string }).text));
  source.addEventListener('tags', (event) => {
    const { changes, event: number } = JSON.parse((event as MessageEvent<string>).data) as { changes: TagChange[]; event: number };
    on.tags(changes, number);
  });
  source.addEventListener('generate', (event) => on.generate(JSON.parse((event as MessageEvent<string>).data) as Generating));
  source.addEventListener('open', () => on.connection(true));
  source.addEventListener('error', () => on.connection(false));
  return () => source.close();
}
