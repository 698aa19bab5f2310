/* SPDX-License-Identifier: MIT
 * The format of numpy.lib.format: "\x93NUMPY", major, minor, the header's length (u16; u32 from version 2), and the
 * header, a Python dict {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } padded to a newline.  The
 * numbers follow. */
#include "table/npy_read.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

enum { MOST_HEADER = 65536 };

typedef struct header {
    char kind;   /* 'f' 'i' 'u' 'b' */
    size_t item; /* bytes of one number */
    size_t n, d, data;
} header;

/* ------------------------------------------------------------------ the header */

/* Returns the position behind 'key': in the dict [text, end), or NULL. */
static const char *find_value(const char *text, const char *end, const char *key)
{
    size_t length = strlen(key);
    for (const char *p = text; p + length + 2 < end; p++) {
        if ((*p != '\'' && *p != '"') || memcmp(p + 1, key, length) != 0 || p[length + 1] != *p) continue;
        p += length + 2;
        while (p < end && (*p == ' ' || *p == ':')) p++;
        return p;
    }
    return NULL;
}

static gp_status read_descr(const char *name, const char *p, const char *end, header *h, gp_error *err)
{
    if (!p || end - p < 5 || (*p != '\'' && *p != '"'))
        return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' is not an array of plain numbers", name);
    char order = p[1], kind = p[2];
    size_t item = 0;
    for (p += 3; p < end && *p >= '0' && *p <= '9' && item < 1000; p++) item = item * 10 + (size_t)(*p - '0');
    bool size_ok = kind == 'f'                  ? item == 2 || item == 4 || item == 8
                   : kind == 'i' || kind == 'u' ? item == 1 || item == 2 || item == 4 || item == 8
                                                : kind == 'b' && item == 1;
    if (!size_ok || p == end || (*p != '\'' && *p != '"') || (order == '>' && item > 1))
        return gp_fail_path(
            err, GP_ERR_UNSUPPORTED,
            "'%s' must be a NumPy array of type f2, f4, f8, i1 to i8, u1 to u8 or bool in little-endian order", name);
    h->kind = kind, h->item = item;
    return GP_OK;
}

static gp_status read_shape(const char *name, const char *p, const char *end, header *h, gp_error *err)
{
    size_t dims = 0, size[2] = {1, 1};
    if (!p || p == end || *p++ != '(') return gp_fail_path(err, GP_ERR_FORMAT, "'%s' has no shape in its header", name);
    while (p < end && *p != ')') {
        if (*p == ' ' || *p == ',') {
            p++;
            continue;
        }
        size_t value = 0;
        if (*p < '0' || *p > '9')
            return gp_fail_path(err, GP_ERR_FORMAT, "'%s': shape must be a tuple of whole numbers", name);
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            if (!gp_size_mul(value, 10, &value) || !gp_size_add(value, (size_t)(*p - '0'), &value))
                return gp_fail_path(err, GP_ERR_FORMAT, "'%s': shape must be a tuple of whole numbers", name);
        if (dims == 2) return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' has more than two dimensions", name);
        size[dims++] = value;
    }
    if (p == end) return gp_fail_path(err, GP_ERR_FORMAT, "'%s': shape must be a tuple of whole numbers", name);
    if (dims == 0) return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' is a single number, not rows", name);
    h->n = size[0], h->d = size[1];
    return GP_OK;
}

/* bytes: the start of the file, at least as long as the longest header. */
static gp_status read_header(const char *name, const uint8_t *bytes, uint64_t size, header *h, gp_error *err)
{
    if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is not a NumPy array (.npy)", name);
    if (bytes[6] < 1 || bytes[6] > 3)
        return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' has NumPy format %u; goldpan supports 1 to 3", name,
                            bytes[6]);
    size_t start = bytes[6] == 1 ? 10 : 12, length = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > MOST_HEADER || length > size - start)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is cut off in its header", name);
    const char *text = (const char *)bytes + start, *end = text + length;
    const char *fortran = find_value(text, end, "fortran_order");
    if (!fortran || end - fortran < 5)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' has a header that goldpan cannot parse", name);
    GP_TRY(read_descr(name, find_value(text, end, "descr"), end, h, err));
    GP_TRY(read_shape(name, find_value(text, end, "shape"), end, h, err));
    if (memcmp(fortran, "True", 4) == 0 && h->d > 1 && h->n > 1)
        return gp_fail_path(err, GP_ERR_UNSUPPORTED,
                            "'%s' is in Fortran order; convert the array with np.ascontiguousarray before np.save",
                            name);
    h->data = start + length;
    return GP_OK;
}

/* ------------------------------------------------------------------ numbers */

static float half(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 15) << 31, exponent = bits >> 10 & 31, fraction = bits & 1023u, out;
    float value;
    if (exponent == 0) {
        value = (float)fraction / 16777216.0f; /* subnormal: fraction * 2^-24 */
        return sign ? -value : value;
    }
    out = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    memcpy(&value, &out, sizeof value);
    return value;
}

static float number(const uint8_t *p, char kind, size_t item)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < item; i++) bits |= (uint64_t)p[i] << 8 * i;
    if (kind == 'u' || kind == 'b') return (float)bits;
    if (kind == 'i') {
        unsigned spare = 64 - 8 * (unsigned)item;
        return (float)((int64_t)(bits << spare) >> spare);
    }
    if (item == 2) return half((uint16_t)bits);
    double wide;
    memcpy(&wide, &bits, sizeof wide);
    return (float)wide;
}

/* An array in memory, or in a file.  A file is read in parts, so that memory never holds both the whole file and the
 * array. */
typedef struct source {
    const char *name;
    const uint8_t *bytes; /* NULL: read from `file` */
    int file;
    uint64_t size;
} source;

static gp_status read_part(const source *s, uint64_t offset, void *out, size_t size, gp_error *err)
{
    if (!s->bytes) return gp_file_read_at(s->file, s->name, offset, out, size, err);
    if (size) memcpy(out, s->bytes + offset, size);
    return GP_OK;
}

static gp_status read_numbers(const source *s, const header *h, size_t count, float *out, gp_error *err)
{
    enum { PIECE = 8192 };
    uint8_t piece[PIECE * 8];
    if (h->kind == 'f' && h->item == 4) return read_part(s, h->data, out, 4 * count, err);
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        GP_TRY(read_part(s, h->data + (uint64_t)at * h->item, piece, n * h->item, err));
        for (size_t i = 0; i < n; i++) out[at + i] = number(piece + i * h->item, h->kind, h->item);
    }
    return GP_OK;
}

static gp_status read_array(const source *s, float **rows, size_t *n, size_t *d, gp_error *err)
{
    header h = {0};
    size_t count, total, first = s->size < MOST_HEADER + 12 ? (size_t)s->size : MOST_HEADER + 12;
    uint8_t *begin = NULL;
    float *out = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_alloc((void **)&begin, first + 1, 1, "the header of an array", err));
    GP_TRY_GOTO(read_part(s, 0, begin, first, err));
    GP_TRY_GOTO(read_header(s->name, begin, s->size, &h, err));
    if (!gp_size_mul(h.n, h.d, &count) || !gp_size_mul(count, h.item, &total) || total > s->size - h.data)
        GP_TRY_GOTO(gp_fail_path(err, GP_ERR_FORMAT, "'%s' is cut off: %zu x %zu numbers do not fit into %llu bytes",
                                 s->name, h.n, h.d, (unsigned long long)(s->size - h.data)));
    GP_TRY_GOTO(gp_alloc_aligned((void **)&out, count, sizeof *out, "an array", err));
    GP_TRY_GOTO(read_numbers(s, &h, count, out, err));
    *rows = out, *n = h.n, *d = h.d;
    out = NULL;
out:
    gp_mem_free(out);
    gp_mem_free(begin);
    return st;
}

gp_status gp_npy_parse(const char *name, const void *bytes, size_t size, float **rows, size_t *n, size_t *d,
                       gp_error *err)
{
    source s = {.name = name, .bytes = bytes, .file = -1, .size = size};
    return read_array(&s, rows, n, d, err);
}

gp_status gp_npy_load(const char *path, float **rows, size_t *n, size_t *d, gp_error *err)
{
    source s = {.name = path, .file = -1};
    GP_TRY(gp_file_open(path, &s.file, &s.size, err));
    gp_status st = read_array(&s, rows, n, d, err);
    close(s.file);
    return st;
}
