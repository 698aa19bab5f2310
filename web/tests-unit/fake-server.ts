// A server of a small catalog, as `fetch` of the page sees it.
import { vi } from 'vitest';
import type { ColumnInfo, ColumnType, Manifest, Rating } from '../src/api';
import { NONE } from '../src/state/columns';

export interface FakeImage {
  /** the first byte of the image's hash */
  id: number;
  score: number;
  prompt: number;
  flag?: number;
  picked?: number;
  /** the share of the scorers that put it first; NaN if it is missing */
  agree?: number;
}

export const hashOf = (id: number): string => id.toString(16).padStart(2, '0') + '0'.repeat(30);

function textTable(list: string[]): ArrayBuffer {
  const encoded = list.map((text) => new TextEncoder().encode(text));
  const head = new Uint32Array(list.length + 2);
  head[0] = list.length;
  encoded.forEach((bytes, i) => (head[i + 2] = (head[i + 1] as number) + bytes.length));
  const out = new Uint8Array(4 * head.length + (head[list.length + 1] as number));
  out.set(new Uint8Array(head.buffer));
  encoded.forEach((bytes, i) => out.set(bytes, 4 * head.length + (head[i + 1] as number)));
  return out.buffer;
}

export class FakeServer {
  images: FakeImage[];
  readonly prompts = ['a red fox', 'a blue boat'];
  live = true;
  readonly = false;
  up = true;
  searchable = true;
  sent: Rating[] = [];
  /** the server sends columns only after this promise is fulfilled, with the values they had when they were
   * requested */
  hold: Promise<void> = Promise.resolve();
  /** the server confirms tags only after this promise is fulfilled */
  holdTags: Promise<void> = Promise.resolve();

  constructor(images: FakeImage[]) {
    this.images = images;
    vi.stubGlobal('fetch', (address: string, init?: RequestInit) => this.respond(address, init));
    vi.stubGlobal('location', { pathname: '/', hash: '' });
    vi.stubGlobal('document', { title: '' });
  }

  private manifest(): Manifest {
    const column = (name: string, type: ColumnType): ColumnInfo => ({
      name, title: name[0]!.toUpperCase() + name.slice(1), type, file: `col/${name}`, words: type === 'code' ? `words/${name}` : null, group: 'file', about: '',
    });
    const columns = [column('hash', 'hash'), column('score', 'f32'), column('prompt', 'code'), column('flag', 'i8'), column('stars', 'u8'), column('rank', 'u32'), column('picked', 'u8'), column('path', 'text'), column('agree', 'f32')];
    const rest = { goldpan: '', name: 'test', revision: 1, model: null, scorer: null, scale: null, higher_better: true, thumbs: [256, 512], acts: { generate: null, generator: null, open: false, trash: false }, image_ext: null, near: null, categories: [], slices: [], slices_file: null, groups: 0, failures: 0 };
    const search = { text: this.searchable, image: this.searchable, like: this.searchable };
    return { ...rest, catalog: 'c', live: this.live, readonly: this.readonly, count: this.images.length, search, columns, remark: '' } as Manifest;
  }

  private column(name: string): ArrayBuffer {
    const { images } = this;
    if (name === 'hash') {
      const bytes = new Uint8Array(16 * images.length);
      images.forEach((image, row) => (bytes[16 * row] = image.id));
      return bytes.buffer;
    }
    if (name === 'score') return Float32Array.from(images, (image) => image.score).buffer;
    if (name === 'agree') return Float32Array.from(images, (image) => image.agree ?? NaN).buffer;
    if (name === 'prompt') return Uint32Array.from(images, (image) => image.prompt).buffer;
    if (name === 'flag') return Int8Array.from(images, (image) => image.flag ?? 0).buffer;
    if (name === 'stars') return new Uint8Array(images.length).buffer;
    if (name === 'picked') return Uint8Array.from(images, (image) => image.picked ?? 0).buffer;
    if (name === 'rank') return Uint32Array.from(images, (_, row) => (row ? row : NONE)).buffer;
    return textTable(images.map((image) => `${image.id}.png`));
  }

  private async respond(address: string, init?: RequestInit): Promise<Response> {
    if (!this.up) throw new TypeError('down');
    if (address === 'data/catalog.json') return Response.json(this.manifest());
    if (address.startsWith('col/')) {
      const column = this.column(address.slice(4));
      await this.hold;
      return new Response(column);
    }
    if (address.startsWith('words/')) return new Response(textTable(this.prompts));
    const body = init?.body ? (JSON.parse(String(init.body)) as { changes?: Rating[]; text?: string }) : {};
    if (address === 'api/tag') await this.holdTags;
    if (address === 'api/rate') this.sent.push(...(body.changes ?? []));
    if (address === 'api/search' && body.text === 'bad') return Response.json({ error: 'bad query' }, { status: 400 });
    // The similarity decreases with the id.
    if (address === 'api/search') return new Response(Float32Array.from(this.images, (image) => 1 / image.id).buffer);
    return Response.json({ views: {}, event: 1 });
  }
}
