/* SPDX-License-Identifier: MIT
 * Extracts the texts of an image file as UTF-8.
 * PNG: tEXt, zTXt, iTXt, eXIf and ComfyUI's comf, anywhere before IEND. JPEG: COM, EXIF, XMP with extended XMP. WebP: EXIF, XMP. Content
 * Credentials (C2PA) in any of them give an empty text "c2pa", because only their presence is used. Other formats: see
 * codec.h. Broken entries are skipped and counted. A text with a wrong checksum is kept and marked as damaged; the
 * caller decides whether to use it. */
#include "image/chunks.h"
#include "base/mem.h"
#include "image/codec.h"
#include "image/exif.h"
#include "image/image.h"
#include "image/jpeg_scan.h"
#include "image/png_chunk.h"
#include "image/riff.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

enum { MAX_ENTRIES = 4096, MAX_INFLATED = 64 << 20, MAX_TRIED = 256 << 20 };

typedef struct text_list {
    gp_chunks chunks;
    size_t capacity, inflated; /* inflated: bytes of the inflated texts in the list */
    size_t tried;              /* bytes inflated so far, with the texts that were damaged or too large */
    bool no_memory, damaged;   /* damaged: the current chunk has a wrong checksum */
    bool c2pa;                 /* the list has the text "c2pa" */
} text_list;

/* Appends the text to the list, which then owns it. Returns false if the list is full or if memory ran out. */
static bool add(void *user, const char *key, gp_str *text)
{
    text_list *s = user;
    if (s->chunks.count == MAX_ENTRIES) return false;
    if (s->chunks.count == s->capacity) {
        size_t more = s->capacity ? 2 * s->capacity : 8;
        gp_chunk *items = gp_mem_resize(s->chunks.items, more, sizeof *items);
        if (!items) return s->no_memory = true, false;
        s->chunks.items = items, s->capacity = more;
    }
    gp_chunk c = {.size = text->size, .damaged = s->damaged};
    c.key = gp_str_dup(key);
    c.text = gp_str_take(text);
    if (!c.key || !c.text) {
        gp_mem_free(c.key);
        gp_mem_free(c.text);
        return s->no_memory = true, false;
    }
    s->chunks.items[s->chunks.count++] = c;
    return true;
}

static bool add_bytes(text_list *s, const char *key, const uint8_t *bytes, size_t size)
{
    gp_str text = GP_STR_INIT;
    gp_exif_add_text(&text, bytes, size);
    bool go_on = add(s, key, &text);
    gp_str_clear(&text);
    return go_on;
}

/* Adds the empty text "c2pa" once. */
static bool add_c2pa(text_list *s)
{
    gp_str text = GP_STR_INIT;
    if (s->c2pa) return true;
    s->c2pa = true;
    s->damaged = false; /* the content is not read, so its checksum does not matter */
    bool go_on = add(s, "c2pa", &text);
    gp_str_clear(&text);
    return go_on;
}

/* Inflates a zlib stream into `out`. Returns false if the stream is damaged, incomplete or too large. */
static bool inflate_text(text_list *s, const uint8_t *bytes, size_t size, gp_str *out)
{
    uint8_t part[16384];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)(size > UINT32_MAX ? UINT32_MAX : size)};
    if (inflateInit(&z) != Z_OK) return s->no_memory = true, false;
    int rc = Z_OK;
    while (rc == Z_OK && out->size <= MAX_INFLATED - s->inflated && s->tried <= MAX_TRIED) {
        z.next_out = part, z.avail_out = sizeof part;
        rc = inflate(&z, Z_NO_FLUSH);
        s->tried += sizeof part - z.avail_out;
        if (rc == Z_OK || rc == Z_STREAM_END) gp_str_add(out, part, sizeof part - z.avail_out);
    }
    inflateEnd(&z);
    if (rc == Z_MEM_ERROR || out->failed) s->no_memory = true;
    if (rc != Z_STREAM_END || out->failed || out->size > MAX_INFLATED - s->inflated) return false;
    s->inflated += out->size;
    return true;
}

static bool add_inflated(text_list *s, const char *key, const uint8_t *bytes, size_t size)
{
    gp_str raw = GP_STR_INIT;
    bool go_on = true;
    if (inflate_text(s, bytes, size, &raw))
        go_on = add_bytes(s, key, (const uint8_t *)raw.data, raw.size);
    else
        s->chunks.damaged += !s->damaged; /* count each chunk once */
    gp_str_clear(&raw);
    return go_on && !s->no_memory;
}

/* Returns the position after the next zero byte, or NULL if there is none. */
static const uint8_t *after_nul(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *zero = p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;
    return zero ? zero + 1 : NULL;
}

/* Layout of the chunk's data (NUL ends each keyword, language and translation):
 *   tEXt   keyword NUL text
 *   zTXt   keyword NUL method compressed-text
 *   iTXt   keyword NUL is-compressed method language NUL translated-keyword NUL text */
static bool add_png_text(text_list *s, const gp_png_chunk *c)
{
    const uint8_t *p = c->data, *end = p + c->length, *text = after_nul(p, end);
    if (!text || text == p + 1) return true;
    gp_str key = GP_STR_INIT;
    gp_str_add_latin1(&key, p, (size_t)(text - p) - 1);
    bool go_on = true, packed = *c->tag == 'z', international = *c->tag == 'i';
    if (key.failed) {
        s->no_memory = true;
        text = NULL;
    } else if (packed) {
        text = text < end && *text == 0 ? text + 1 : NULL;
    } else if (international) {
        packed = end - text >= 2 && text[0] != 0;
        text = end - text < 2 || (packed && text[1] != 0) ? NULL : after_nul(text + 2, end);
        text = text ? after_nul(text, end) : NULL;
    }
    if (text && packed)
        go_on = add_inflated(s, key.data, text, (size_t)(end - text));
    else if (text)
        go_on = add_bytes(s, key.data, text, (size_t)(end - text));
    gp_str_clear(&key);
    return go_on && !s->no_memory;
}

static void read_exif(text_list *s, const uint8_t *bytes, size_t size)
{
    if (!gp_exif_texts(bytes, size, add, s)) s->chunks.damaged += !s->damaged;
}

/* Reads a chunk. Returns false if the list of texts is full or if memory ran out. */
static bool read_png_chunk(text_list *s, const gp_png_chunk *c)
{
    bool exif = memcmp(c->tag, "eXIf", 4) == 0, go_on = true;
    bool text = memcmp(c->tag, "tEXt", 4) == 0 || memcmp(c->tag, "zTXt", 4) == 0 || memcmp(c->tag, "iTXt", 4) == 0;
    if (memcmp(c->tag, "caBX", 4) == 0) return add_c2pa(s) && !s->no_memory;
    bool graph = memcmp(c->tag, "comf", 4) == 0; /* chunk of ComfyUI in animated PNG files; it has the layout of tEXt */
    if (!exif && !text && !graph) return true;
    s->damaged = !c->whole || libdeflate_crc32(0, c->tag, c->length + 4) != gp_be32(c->data + c->length);
    s->chunks.damaged += s->damaged;
    if (exif)
        read_exif(s, c->data, c->length);
    else
        go_on = add_png_text(s, c);
    return go_on && !s->no_memory;
}

static void read_png(text_list *s, const uint8_t *bytes, size_t size)
{
    gp_png_chunk c;
    for (size_t at = 8; gp_png_next(bytes, size, &at, &c) && memcmp(c.tag, "IEND", 4) != 0;)
        if (!read_png_chunk(s, &c)) return;
}

/* Returns true if the segment is part of a JUMBF box of type C2PA (APP11: "JP", number of the box, sequence number,
 * then the box). */
static bool is_jumbf(const gp_jpeg_segment *g)
{
    return g->marker == 0xeb && g->length > 8 && memcmp(g->data, "JP", 2) == 0 &&
           memmem(g->data, g->length, "jumb", 4) && memmem(g->data, g->length, "c2pa", 4);
}

/* The part of an XMP packet that has no room in its segment ("extended XMP"), as far as it was read. Each of its
 * segments states the GUID of the whole part, the size of the whole part, and its own offset. */
typedef struct more_xmp {
    uint8_t guid[32];
    uint32_t size;
    gp_str text;
} more_xmp;

/* Reads a segment of extended XMP, if it is one. Only parts in their order are used. */
static void read_more_xmp(text_list *s, const gp_jpeg_segment *g, more_xmp *more)
{
    static const char name[] = "http://ns.adobe.com/xmp/extension/";
    enum { HEAD = sizeof name + 40 };
    if (g->length < HEAD || memcmp(g->data, name, sizeof name) != 0) return;
    const uint8_t *guid = g->data + sizeof name;
    uint32_t size = gp_be32(guid + 32), offset = gp_be32(guid + 36);
    if (!more->size) {
        memcpy(more->guid, guid, sizeof more->guid);
        more->size = size;
    }
    bool next = memcmp(guid, more->guid, sizeof more->guid) == 0 && size == more->size && offset == more->text.size;
    if (next && more->text.size + g->length - HEAD <= size)
        gp_str_add(&more->text, g->data + HEAD, g->length - HEAD);
    else
        s->chunks.damaged++;
}

/* Adds the extended XMP as another text "xmp", if it is complete and the packet before it names its GUID. */
static void add_more_xmp(text_list *s, const more_xmp *more)
{
    const gp_chunk *first = gp_chunks_find(&s->chunks, "xmp");
    if (more->text.failed) s->no_memory = true;
    if (!more->size || s->no_memory) return;
    bool named = first && memmem(first->text, first->size, more->guid, sizeof more->guid);
    if (named && more->text.size == more->size)
        add_bytes(s, "xmp", (const uint8_t *)more->text.data, more->text.size);
    else
        s->chunks.damaged++;
}

/* EXIF data may be split over several APP1 segments. This function joins them, as Pillow and exiftool do. */
static void read_jpeg(text_list *s, const uint8_t *bytes, size_t size)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
    gp_str exif = GP_STR_INIT;
    more_xmp more = {0};
    gp_jpeg_segment g;
    bool go_on = true;
    for (size_t at = 2; go_on && gp_jpeg_next(bytes, size, &at, &g) == 1 && g.marker != 0xda;) {
        if (g.marker == 0xfe) go_on = add_bytes(s, "jpeg:comment", g.data, g.length);
        if (go_on && is_jumbf(&g)) go_on = add_c2pa(s);
        if (g.marker != 0xe1) continue;
        if (g.length > 6 && memcmp(g.data, "Exif\0\0", 6) == 0)
            gp_str_add(&exif, g.data + 6, g.length - 6);
        else if (g.length > sizeof xmp && memcmp(g.data, xmp, sizeof xmp) == 0)
            go_on = add_bytes(s, "xmp", g.data + sizeof xmp, g.length - sizeof xmp);
        else
            read_more_xmp(s, &g, &more);
    }
    add_more_xmp(s, &more);
    gp_str_clear(&more.text);
    if (exif.failed) s->no_memory = true;
    if (exif.size && !s->no_memory) read_exif(s, (const uint8_t *)exif.data, exif.size);
    gp_str_clear(&exif);
}

static void read_webp(text_list *s, const uint8_t *bytes, size_t size)
{
    const uint8_t *tag, *data;
    size_t length;
    for (size_t at = 12; !s->no_memory && gp_riff_next(bytes, size, &at, &tag, &data, &length);) {
        if (memcmp(tag, "EXIF", 4) == 0)
            read_exif(s, data, length);
        else if (memcmp(tag, "XMP ", 4) == 0 && !add_bytes(s, "xmp", data, length))
            return;
        else if (memcmp(tag, "C2PA", 4) == 0 && !add_c2pa(s))
            return;
    }
}

/* ------------------------------------------------------------------ formats of codec.h */

static bool sink_text(void *user, const char *key, const uint8_t *bytes, size_t size)
{
    text_list *s = user;
    return strcmp(key, "c2pa") == 0 ? add_c2pa(s) : add_bytes(s, key, bytes, size);
}

static void sink_exif(void *user, const uint8_t *bytes, size_t size)
{
    read_exif(user, bytes, size);
}

static void read_codec(text_list *s, gp_format format, const uint8_t *bytes, size_t size)
{
    const gp_codec *codec = gp_codec_of(format);
    const gp_text_sink sink = {s, sink_text, sink_exif};
    if (codec && codec->texts) codec->texts(bytes, size, &sink);
}

gp_status gp_image_read_chunks(const uint8_t *bytes, size_t size, gp_chunks *out, gp_error *err)
{
    text_list s = {0};
    const gp_format format = gp_image_sniff(bytes, size, NULL);
    switch (format) {
    case GP_FORMAT_PNG: read_png(&s, bytes, size); break;
    case GP_FORMAT_JPEG: read_jpeg(&s, bytes, size); break;
    case GP_FORMAT_WEBP: read_webp(&s, bytes, size); break;
    default: read_codec(&s, format, bytes, size); break;
    }
    if (s.no_memory) {
        gp_chunks_clear(&s.chunks);
        return gp_fail_memory(err, "metadata");
    }
    *out = s.chunks;
    return GP_OK;
}

void gp_chunks_clear(gp_chunks *chunks)
{
    if (!chunks) return;
    for (size_t i = 0; i < chunks->count; i++) {
        gp_mem_free(chunks->items[i].key);
        gp_mem_free(chunks->items[i].text);
    }
    gp_mem_free(chunks->items);
    *chunks = (gp_chunks){0};
}

const gp_chunk *gp_chunks_find(const gp_chunks *chunks, const char *key)
{
    for (size_t i = 0; i < chunks->count; i++)
        if (strcmp(chunks->items[i].key, key) == 0) return &chunks->items[i];
    return NULL;
}
