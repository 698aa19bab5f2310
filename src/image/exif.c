/* SPDX-License-Identifier: MIT
 * EXIF 2.3 inside TIFF 6.0: a header ("II*\0" or "MM\0*", offset of the first directory) and directories of 12-byte
 * entries (tag, type, count, value or offset). Every offset is checked against the block. At most two directories are
 * read (the first one and the EXIF directory it names), so a cycle of offsets cannot cause an endless loop.
 *
 * UserComment starts with eight bytes that name its encoding. "UNICODE\0" means UTF-16 of unknown byte order. The order
 * is decided by the first of these that exists:
 * - a byte order mark;
 * - the position of the zero bytes of Latin letters (A1111 always writes big-endian, Civitai little-endian);
 * - the byte order of the TIFF header.
 * Some writers store UTF-8 there. A text without zero bytes that is valid UTF-8 is read as UTF-8. */
#include "image/exif.h"
#include "image/bytes.h"

#include <string.h>

enum {
    DESCRIPTION = 0x010e,
    MAKE = 0x010f,
    MODEL = 0x0110,
    ORIENTATION = 0x0112,
    SOFTWARE = 0x0131,
    XMP = 0x02bc,
    EXIF_IFD = 0x8769,
    USER_COMMENT = 0x9286,
    BYTE = 1,
    ASCII = 2,
    SHORT = 3,
    LONG = 4,
    UNDEFINED = 7,
    UTF8 = 129
};

typedef struct tiff {
    const uint8_t *data;
    size_t size;
    bool big;
} tiff;

typedef struct entry {
    unsigned tag, type;
    const uint8_t *value; /* [size] bytes, inside the block */
    size_t size;
} entry;

static uint32_t u16(const tiff *t, const uint8_t *p)
{
    return t->big ? gp_be16(p) : gp_le16(p);
}
static uint32_t u32(const tiff *t, const uint8_t *p)
{
    return t->big ? gp_be32(p) : gp_le32(p);
}

/* Returns the offset of the first directory, or 0 if the data is not TIFF. */
static uint32_t open_tiff(const uint8_t *data, size_t size, tiff *t)
{
    if (size >= 6 && memcmp(data, "Exif\0\0", 6) == 0) data += 6, size -= 6;
    if (size < 8) return 0;
    bool little = memcmp(data, "II*\0", 4) == 0;
    if (!little && memcmp(data, "MM\0*", 4) != 0) return 0;
    *t = (tiff){data, size, !little};
    return u32(t, data + 4);
}

/* Returns whether the directory at offset `at` begins inside the block. */
static bool inside(const tiff *t, uint32_t at)
{
    return at >= 8 && at <= t->size && t->size - at >= 2;
}

/* Returns the number of entries in the directory at offset `at`, limited to what the block can hold. */
static size_t entries(const tiff *t, uint32_t at)
{
    if (!inside(t, at)) return 0;
    size_t n = u16(t, t->data + at), room = (t->size - at - 2) / 12;
    return n < room ? n : room;
}

static bool read_entry(const tiff *t, uint32_t at, size_t index, entry *e)
{
    static const uint8_t sizes[13] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    const uint8_t *p = t->data + at + 2 + 12 * index;
    e->tag = u16(t, p), e->type = u16(t, p + 2);
    unsigned each = e->type < 13 ? sizes[e->type] : e->type == UTF8 ? 1 : 0;
    uint64_t total = (uint64_t)u32(t, p + 4) * each;
    if (total == 0) return false;
    e->value = p + 8;
    if (total > 4) {
        uint32_t offset = u32(t, p + 8);
        if (offset > t->size || total > t->size - offset) return false;
        e->value = t->data + offset;
    }
    e->size = (size_t)total;
    return true;
}

static uint32_t number(const tiff *t, const entry *e)
{
    return e->type == SHORT ? u16(t, e->value) : e->type == LONG ? u32(t, e->value) : 0;
}

uint32_t gp_exif_orientation(const uint8_t *data, size_t size)
{
    tiff t;
    uint32_t at = open_tiff(data, size, &t);
    if (!at) return 0;
    for (size_t i = 0, n = entries(&t, at); i < n; i++) {
        entry e;
        if (!read_entry(&t, at, i, &e) || e.tag != ORIENTATION) continue;
        uint32_t v = number(&t, &e);
        return v <= 8 ? v : 0;
    }
    return 0;
}

void gp_exif_add_text(gp_str *out, const uint8_t *bytes, size_t size)
{
    if (gp_utf8_valid((const char *)bytes, size))
        gp_str_add(out, bytes, size);
    else
        gp_str_add_latin1(out, bytes, size);
}

static size_t without_zeros(const uint8_t *p, size_t size)
{
    while (size && p[size - 1] == 0) size--;
    return size;
}

static void add_utf16(gp_str *out, const uint8_t *p, size_t size, bool big)
{
    size_t zeros[2] = {0, 0};
    for (size_t i = 0; i < size; i++) zeros[i & 1] += p[i] == 0;
    if (size >= 2 && ((p[0] == 0xfe && p[1] == 0xff) || (p[0] == 0xff && p[1] == 0xfe))) {
        big = p[0] == 0xfe;
        p += 2, size -= 2;
    } else if (zeros[0] != zeros[1]) {
        big = zeros[0] > zeros[1];
    } else if (zeros[0] == 0 && size >= 16 && gp_utf8_valid((const char *)p, size)) {
        gp_str_add(out, p, size);
        return;
    }
    size -= size & 1;
    while (size >= 2 && p[size - 1] == 0 && p[size - 2] == 0) size -= 2;
    gp_str_add_utf16(out, p, size, big);
}

static void add_comment(gp_str *out, const tiff *t, const uint8_t *p, size_t size)
{
    static const char codes[4][8] = {"ASCII\0\0", "UNICODE", "JIS\0\0\0\0", "\0\0\0\0\0\0\0"};
    int code = -1;
    for (int i = 0; i < 4 && size >= 8; i++)
        if (memcmp(p, codes[i], 8) == 0) code = i;
    if (code >= 0) p += 8, size -= 8;
    if (code == 1)
        add_utf16(out, p, size, t->big);
    else if (code != 2)
        gp_exif_add_text(out, p, without_zeros(p, size));
}

static const char *key_of(unsigned tag)
{
    switch (tag) {
    case DESCRIPTION: return "exif:ImageDescription";
    case MAKE: return "exif:Make";
    case MODEL: return "exif:Model";
    case SOFTWARE: return "exif:Software";
    case XMP: return "xmp";
    case USER_COMMENT: return "exif:UserComment";
    default: return NULL;
    }
}

bool gp_exif_texts(const uint8_t *data, size_t size, bool (*visit)(void *user, const char *key, gp_str *text),
                   void *user)
{
    tiff t;
    uint32_t at = open_tiff(data, size, &t), exif_directory = 0;
    gp_str text = GP_STR_INIT;
    size_t left = at ? t.size : 0; /* entries may overlap, so their total size is limited to the block's */
    bool go_on = true, exif = at && inside(&t, at);
    for (int level = 0; level < 2 && at && go_on; level++, at = exif_directory) {
        exif_directory = 0;
        for (size_t i = 0, n = entries(&t, at); i < n && go_on; i++) {
            entry e;
            if (!read_entry(&t, at, i, &e)) continue;
            if (e.tag == EXIF_IFD && level == 0) exif_directory = number(&t, &e);
            const char *key = key_of(e.tag);
            if (!key || !(e.type == ASCII || e.type == UNDEFINED || e.type == BYTE || e.type == UTF8)) continue;
            if (e.size > left) break;
            left -= e.size;
            gp_str_reset(&text);
            if (e.tag == USER_COMMENT)
                add_comment(&text, &t, e.value, e.size);
            else
                gp_exif_add_text(&text, e.value, without_zeros(e.value, e.size));
            if (text.size || text.failed) go_on = visit(user, key, &text);
        }
    }
    gp_str_clear(&text);
    return exif;
}
