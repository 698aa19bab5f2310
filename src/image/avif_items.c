/* SPDX-License-Identifier: MIT
 * Hashes the items of an AVIF file that are not metadata (ISO 14496-12). The box `meta` contains the box `iinf` with the
 * type of each item, and the box `iloc` with the places of its bytes in the file or in the box `idat`. */
#include "image/avif_items.h"

#include "image/boxes.h"

enum { MOST_TEXTS = 64 };

/* Reads numbers from the start of a box. After the end it returns 0 and sets `ended`. */
typedef struct reader {
    const uint8_t *p, *end;
    bool ended;
} reader;

static uint64_t take(reader *r, unsigned bytes)
{
    uint64_t v = 0;
    if ((size_t)(r->end - r->p) < bytes) {
        r->ended = true;
        return 0;
    }
    while (bytes--) v = v << 8 | *r->p++;
    return v;
}

/* The ids of the items that contain metadata. */
typedef struct texts {
    uint32_t ids[MOST_TEXTS];
    size_t count;
} texts;

static bool is_text(const texts *t, uint64_t id)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->ids[i] == id) return true;
    return false;
}

/* Finds the ids of metadata items. Returns false if there are too many. */
static bool find_texts(const gp_box *iinf, texts *out)
{
    gp_box infe;
    const size_t head = iinf->size && iinf->data[0] ? 8 : 6; /* version, flags, count */
    for (size_t at = head; gp_box_next(iinf->data, iinf->size, &at, &infe);) {
        reader r = {infe.data, infe.data + infe.size, false};
        const uint64_t version = take(&r, 4) >> 24, id = take(&r, version >= 3 ? 4 : 2);
        take(&r, 2);
        const uint32_t type = (uint32_t)take(&r, 4);
        if (version < 2 || r.ended) continue;
        if (type != 0x45786966 && type != 0x6d696d65 && type != 0x75726920) continue; /* Exif, mime, uri */
        if (out->count == MOST_TEXTS) return false;
        out->ids[out->count++] = (uint32_t)id;
    }
    return true;
}

typedef struct place {
    const uint8_t *bytes; /* the file */
    size_t size, left;    /* left: bytes that may still be hashed, so that overlapping items cost no time */
    gp_box idat;
    gp_hasher *hasher;
} place;

static bool hash_extent(place *f, bool in_idat, uint64_t offset, uint64_t length)
{
    const uint8_t *from = in_idat ? f->idat.data : f->bytes;
    const size_t room = in_idat ? f->idat.size : f->size;
    if (!from || offset > room) return false;
    if (!length) length = room - offset; /* 0: to the end */
    if (length > room - offset || length > f->left) return false;
    gp_hasher_add(f->hasher, from + offset, (size_t)length);
    f->left -= (size_t)length;
    return true;
}

static bool hash_items(place *f, const gp_box *iloc, const texts *t)
{
    reader r = {iloc->data, iloc->data + iloc->size, false};
    const uint64_t version = take(&r, 4) >> 24, sizes = take(&r, 2);
    const unsigned offset = (unsigned)(sizes >> 12 & 15), length = (unsigned)(sizes >> 8 & 15);
    const unsigned base = (unsigned)(sizes >> 4 & 15), index = version ? (unsigned)(sizes & 15) : 0;
    const uint64_t count = take(&r, version < 2 ? 2 : 4);
    if (version > 2 || offset > 8 || length > 8 || base > 8 || index > 8) return false;
    bool any = false;
    for (uint64_t i = 0; i < count && !r.ended; i++) {
        const uint64_t id = take(&r, version < 2 ? 2 : 4), method = version ? take(&r, 2) & 15 : 0;
        take(&r, 2);
        const uint64_t start = take(&r, base), extents = take(&r, 2);
        const uint32_t key = (uint32_t)id;
        const bool text = is_text(t, id);
        if (!text) gp_hasher_add(f->hasher, &key, sizeof key);
        for (uint64_t k = 0; k < extents && !r.ended; k++) {
            take(&r, index);
            const uint64_t at = take(&r, offset), n = take(&r, length);
            if (r.ended || method > 1) return false;
            if (!text && (at > UINT64_MAX - start || !hash_extent(f, method == 1, start + at, n))) return false;
            any |= !text;
        }
    }
    return any && !r.ended;
}

/* Hashes references between items, such as the tiles of a grid, except those from metadata to its image. */
static void hash_references(place *f, const gp_box *iref)
{
    gp_box one;
    for (size_t at = 4; gp_box_next(iref->data, iref->size, &at, &one);) {
        if (gp_box_is(&one, "cdsc")) continue;
        gp_hasher_add(f->hasher, one.type, 4);
        gp_hasher_add(f->hasher, one.data, one.size);
    }
}

bool gp_avif_hash_items(const uint8_t *bytes, size_t size, gp_hasher *hasher)
{
    gp_box meta, moov, iinf, iloc, iprp, iref, pitm;
    place f = {.bytes = bytes, .size = size, .left = size, .hasher = hasher};
    texts t = {.count = 0};
    if (gp_box_find(bytes, size, "moov", &moov) || !gp_box_find(bytes, size, "meta", &meta) || meta.size < 4)
        return false;
    const uint8_t *in = meta.data + 4;
    const size_t n = meta.size - 4;
    if (!gp_box_find(in, n, "iinf", &iinf) || !gp_box_find(in, n, "iloc", &iloc) ||
        !gp_box_find(in, n, "iprp", &iprp) || !gp_box_find(in, n, "pitm", &pitm))
        return false;
    if (!gp_box_find(in, n, "idat", &f.idat)) f.idat = (gp_box){0};
    gp_hasher_add(hasher, pitm.data, pitm.size);
    gp_hasher_add(hasher, iprp.data, iprp.size);
    if (gp_box_find(in, n, "iref", &iref)) hash_references(&f, &iref);
    return find_texts(&iinf, &t) && hash_items(&f, &iloc, &t);
}
