/* SPDX-License-Identifier: MIT
 * Reads the pages of a Parquet column: header, levels, values.  Supports data pages of both versions, PLAIN,
 * dictionary and boolean run-length encodings, and no compression, Snappy, gzip and Zstandard.  Checks every size
 * against the available bytes.  A page may inflate only to its stated size, at most 256 MiB. */
#include "base/mem.h"
#include "table/parquet.h"
#include "table/thrift.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

enum { MOST_PAGE = 1 << 28, MOST_DICTIONARY = 1 << 24, MOST_WORDS = 1 << 30 };
enum { DATA, INDEX, DICTIONARY, DATA_2 };
enum { PLAIN = 0, PLAIN_DICTIONARY = 2, RLE = 3, RLE_DICTIONARY = 8 };
enum { UNCOMPRESSED, SNAPPY, GZIP, ZSTD = 6 };

typedef struct page {
    int type, encoding;
    int64_t inflated, stored, values;
    int64_t definition_bytes, repetition_bytes; /* version 2 */
    bool compressed;
} page;

typedef struct reader {
    const gp_parquet_meta *m;
    const gp_parquet_leaf *leaf;
    const gp_parquet_chunk *chunk;
    gp_parquet_value value;
    void *user;
    uint8_t *room;   /* inflated page, owned */
    gp_str words;    /* the dictionary as text: words in sequence, each with its NUL */
    uint32_t *begin; /* [word_count] offset of each word, owned; NULL: no dictionary */
    size_t word_count;
} reader;

static gp_status wrong(const reader *r, const char *what, gp_error *err)
{
    return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is a damaged Parquet file: column '%.100s': %s", r->m->label,
                        r->leaf->name, what);
}

static gp_status not_read(const reader *r, const char *what, int number, gp_error *err)
{
    return gp_fail_path(
        err, GP_ERR_UNSUPPORTED,
        "'%s': column '%.100s' has %s %d, which goldpan does not support; write the file with pandas' defaults",
        r->m->label, r->leaf->name, what, number);
}

/* ------------------------------------------------------------------ headers */

static void read_inner(gp_thrift *t, page *p, int version)
{
    gp_thrift_field f = {0};
    while (gp_thrift_next(t, &f)) {
        int64_t value = f.type <= GP_THRIFT_I64 ? gp_thrift_int(t, &f) : 0;
        if (f.type > GP_THRIFT_I64) gp_thrift_skip(t, &f);
        if (f.id == 1) p->values = value;
        if ((version == 1 && f.id == 2) || (version == 2 && f.id == 4)) p->encoding = (int)value;
        if (version == 2 && f.id == 5) p->definition_bytes = value;
        if (version == 2 && f.id == 6) p->repetition_bytes = value;
        if (version == 2 && f.id == 7) p->compressed = value != 0;
    }
}

static void read_header(gp_thrift *t, page *p)
{
    gp_thrift_field f = {0};
    *p = (page){.type = -1, .encoding = -1, .compressed = true};
    while (gp_thrift_next(t, &f)) {
        if (f.id == 1)
            p->type = (int)gp_thrift_int(t, &f);
        else if (f.id == 2)
            p->inflated = gp_thrift_int(t, &f);
        else if (f.id == 3)
            p->stored = gp_thrift_int(t, &f);
        else if ((f.id == 5 || f.id == 7 || f.id == 8) && f.type == GP_THRIFT_STRUCT)
            read_inner(t, p, f.id == 8 ? 2 : 1);
        else
            gp_thrift_skip(t, &f);
    }
}

/* ------------------------------------------------------------------ inflating */

static bool gunzip(const uint8_t *in, size_t size, uint8_t *out, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)size, .next_out = out, .avail_out = (uInt)room};
    if (inflateInit2(&z, 15 + 32) != Z_OK) return false;
    int rc = inflate(&z, Z_FINISH);
    bool done = rc == Z_STREAM_END && z.avail_out == 0;
    inflateEnd(&z);
    return done;
}

/* Inflates `size` bytes at `in` into out [room]; the result must have exactly that size. */
static gp_status inflate_bytes(const reader *r, const uint8_t *in, size_t size, uint8_t *out, size_t room,
                               gp_error *err)
{
    size_t got = room;
    bool done = false;
    switch (r->chunk->codec) {
    case UNCOMPRESSED:
        done = size == room;
        if (done) memcpy(out, in, size);
        break;
    case SNAPPY: done = snappy_uncompress((const char *)in, size, (char *)out, &got) == SNAPPY_OK && got == room; break;
    case GZIP: done = gunzip(in, size, out, room); break;
    case ZSTD: done = ZSTD_decompress(out, room, in, size) == room; break;
    default: return not_read(r, "compression", r->chunk->codec, err);
    }
    return done ? GP_OK : wrong(r, "a page does not unpack to the size in its header", err);
}

/* Finds the page's bytes, inflated if needed. In version 2 the levels are stored uncompressed before the values. */
static gp_status open_page(reader *r, const page *p, const uint8_t *at, const uint8_t **data, gp_error *err)
{
    size_t levels = 0;
    if (p->definition_bytes >= 0 && p->definition_bytes <= MOST_PAGE && p->repetition_bytes >= 0 &&
        p->repetition_bytes <= MOST_PAGE)
        levels = p->type == DATA_2 ? (size_t)(p->definition_bytes + p->repetition_bytes) : 0;
    else
        return wrong(r, "its levels are larger than a page", err);
    if (p->stored < 0 || p->inflated < 0 || p->inflated > MOST_PAGE || p->stored > r->m->bytes + r->m->size - at ||
        levels > (size_t)p->stored || levels > (size_t)p->inflated)
        return wrong(r, "a page is larger than the file", err);
    gp_mem_free(r->room);
    r->room = NULL;
    r->m->work->inflated += (uint64_t)p->inflated;
    if (r->m->work->inflated > GP_PARQUET_MOST_INFLATED)
        return gp_fail_path(err, GP_ERR_LIMIT, "'%s' unpacks to more than 16 GiB", r->m->label);
    GP_TRY(gp_watch_work(r->m->work->watch, (size_t)p->inflated, err));
    if (r->chunk->codec == UNCOMPRESSED || !p->compressed) {
        if (p->stored != p->inflated) return wrong(r, "the size of a page differs from its header", err);
        *data = at;
        return GP_OK;
    }
    GP_TRY(gp_alloc((void **)&r->room, (size_t)p->inflated, 1, "a page", err));
    memcpy(r->room, at, levels);
    if ((size_t)p->inflated > levels || (size_t)p->stored > levels)
        GP_TRY(inflate_bytes(r, at + levels, (size_t)p->stored - levels, r->room + levels, (size_t)p->inflated - levels,
                             err));
    *data = r->room;
    return GP_OK;
}

/* ------------------------------------------------------------------ runs */

/* State of a run-length / bit-packed hybrid: runs of one value, and bit-packed values (parquet-format,
 * Encodings.md). */
typedef struct runs {
    const uint8_t *at, *end;
    unsigned width; /* bits of a value */
    uint64_t left;  /* values left in the current run */
    bool packed;
    uint32_t same; /* value of the current run */
    unsigned bit;  /* next bit in *at */
    bool bad;
} runs;

static void begin_run(runs *x)
{
    uint64_t head = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (x->at == x->end || shift > 35) {
            x->bad = true;
            return;
        }
        head |= (uint64_t)(*x->at & 127) << shift;
        if (!(*x->at++ & 128)) break;
    }
    x->packed = head & 1;
    x->left = x->packed ? (head >> 1) * 8 : head >> 1;
    x->bit = 0;
    if (x->packed) return;
    x->same = 0;
    for (unsigned b = 0; b < (x->width + 7) / 8; b++) {
        if (x->at == x->end) {
            x->bad = true;
            return;
        }
        x->same |= (uint32_t)*x->at++ << 8 * b;
    }
}

static uint32_t next_of(runs *x)
{
    while (x->left == 0 && !x->bad) begin_run(x);
    if (x->bad) return 0;
    x->left--;
    if (!x->packed) return x->same;
    uint32_t value = 0;
    for (unsigned b = 0; b < x->width; b++) {
        if (x->at == x->end) {
            x->bad = true;
            return 0;
        }
        value |= (uint32_t)(*x->at >> x->bit & 1) << b;
        if (++x->bit == 8) x->bit = 0, x->at++;
    }
    return value;
}

static unsigned bits_for(unsigned most)
{
    unsigned bits = 0;
    while (most >> bits) bits++;
    return bits;
}

/* ------------------------------------------------------------------ values as text */

static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = 0; i < n && i < 8; i++) x |= (uint64_t)p[i] << 8 * i;
    return x;
}

/* Writes days or parts of seconds since 1970 as a date; false: the year does not have four digits. */
static bool put_time(gp_str *out, int64_t value, int converted)
{
    static const int64_t last_second = 253402300799; /* last second of the year 9999 */
    int64_t parts = converted == 9 ? 1000 : 1000000, whole = value;
    if (converted != 6) whole = value / parts - (value % parts < 0);
    if (whole > last_second || whole < -last_second) return false;
    time_t seconds = (time_t)(converted == 6 ? whole * 86400 : whole);
    struct tm date;
    if (!gmtime_r(&seconds, &date) || date.tm_year < -900 || date.tm_year > 8099) return false;
    gp_str_printf(out, "%04d-%02d-%02d", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday);
    if (converted == 6) return true;
    gp_str_printf(out, "T%02d:%02d:%02d", date.tm_hour, date.tm_min, date.tm_sec);
    int64_t rest = value - (int64_t)seconds * parts;
    if (rest) gp_str_printf(out, converted == 9 ? ".%03d" : ".%06d", (int)rest);
    return true;
}

static void put_int(gp_str *out, const gp_parquet_leaf *leaf, int64_t value)
{
    int c = leaf->converted;
    if (c == 5 && leaf->scale > 0) { /* decimal */
        uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, power = 1;
        for (int32_t i = 0; i < leaf->scale && i < 18; i++) power *= 10;
        gp_str_printf(out, "%s%llu.%0*llu", value < 0 ? "-" : "", (unsigned long long)(size / power),
                      leaf->scale < 18 ? (int)leaf->scale : 18, (unsigned long long)(size % power));
    } else if ((c == 6 || c == 9 || c == 10) && put_time(out, value, c)) {
        return;
    } else if (c >= 11 && c <= 14 && leaf->type == GP_PARQUET_INT64) {
        gp_str_printf(out, "%llu", (unsigned long long)value);
    } else if (c >= 11 && c <= 13) {
        gp_str_printf(out, "%u", (unsigned)(uint32_t)value);
    } else {
        gp_str_printf(out, "%lld", (long long)value);
    }
}

static void put_real(gp_str *out, double value, bool single)
{
    if (isnan(value)) return; /* NaN becomes an empty cell */
    gp_str_printf(out, single ? "%.9g" : "%.17g", value);
}

/* Writes the PLAIN value at *at as text; false: the value is cut off. */
static bool plain_value(const gp_parquet_leaf *leaf, const uint8_t **at, const uint8_t *end, gp_str *out)
{
    static const size_t sizes[] = {0, 4, 8, 12, 4, 8, 0, 0};
    size_t size = leaf->type == GP_PARQUET_FIXED ? (size_t)leaf->width : sizes[leaf->type], room = (size_t)(end - *at);
    gp_str_reset(out);
    if (leaf->type == GP_PARQUET_BYTES) {
        if (room < 4) return false;
        size = (size_t)little(*at, 4);
        *at += 4, room -= 4;
    }
    if (size > room) return false;
    const uint8_t *p = *at;
    *at += size;
    uint64_t bits = little(p, size);
    if (leaf->type == GP_PARQUET_INT32) {
        put_int(out, leaf, (int32_t)(uint32_t)bits);
    } else if (leaf->type == GP_PARQUET_INT64) {
        put_int(out, leaf, (int64_t)bits);
    } else if (leaf->type == GP_PARQUET_FLOAT) {
        float x;
        uint32_t single = (uint32_t)bits;
        memcpy(&x, &single, sizeof x);
        put_real(out, (double)x, true);
    } else if (leaf->type == GP_PARQUET_DOUBLE) {
        double x;
        memcpy(&x, &bits, sizeof x);
        put_real(out, x, false);
    } else { /* bytes: text up to a NUL, because a cell cannot contain a NUL */
        const uint8_t *nul = leaf->raw ? NULL : memchr(p, 0, size);
        gp_str_add(out, p, nul ? (size_t)(nul - p) : size);
    }
    gp_str_add(out, "", 0);
    return true;
}

/* ------------------------------------------------------------------ pages */

static gp_status read_dictionary(reader *r, const page *p, const uint8_t *data, gp_error *err)
{
    const uint8_t *end = data + p->inflated;
    gp_str text = GP_STR_INIT;
    gp_status st = GP_OK;
    if (r->begin || p->values < 0 || p->values > MOST_DICTIONARY || p->values > p->inflated + 1)
        return wrong(r, "its dictionary is too large", err);
    r->begin = gp_mem_new((size_t)p->values, sizeof *r->begin);
    if (!r->begin) return gp_fail_memory_path(err, "'%s'", r->m->label);
    for (; r->word_count < (size_t)p->values; r->word_count++) {
        if (!plain_value(r->leaf, &data, end, &text)) GP_TRY_GOTO(wrong(r, "its dictionary is cut off", err));
        if (r->words.size > MOST_WORDS) GP_TRY_GOTO(wrong(r, "its dictionary is too large", err));
        r->begin[r->word_count] = (uint32_t)r->words.size;
        gp_str_add(&r->words, text.data ? text.data : "", text.size + (text.data != NULL));
        if (!text.data) gp_str_putc(&r->words, 0);
        if (text.failed || r->words.failed) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s'", r->m->label));
        GP_TRY_GOTO(gp_watch_work(r->m->work->watch, text.size + 16, err));
    }
out:
    gp_str_clear(&text);
    return st;
}

/* Opens the levels before the values.  most 0: no levels are stored, and all are 0. */
static gp_status open_levels(const reader *r, runs *x, const uint8_t **at, const uint8_t *end, unsigned most,
                             int64_t stated, gp_error *err)
{
    size_t size = stated >= 0 ? (size_t)stated : 0;
    *x = (runs){.width = bits_for(most)};
    if (stated < 0 && most) { /* version 1 stores the length before the levels */
        if (end - *at < 4) return wrong(r, "its levels are cut off", err);
        size = (size_t)little(*at, 4);
        *at += 4;
    }
    if (size > (size_t)(end - *at)) return wrong(r, "its levels are cut off", err);
    x->at = *at, x->end = *at + size;
    *at += size;
    return GP_OK;
}

static gp_status read_values(reader *r, const page *p, const uint8_t *data, gp_error *err)
{
    const gp_parquet_leaf *leaf = r->leaf;
    const uint8_t *at = data, *end = data + p->inflated;
    runs repetitions, definitions, indices = {0};
    bool second = p->type == DATA_2, dictionary = p->encoding == PLAIN_DICTIONARY || p->encoding == RLE_DICTIONARY;
    unsigned bit = 0;
    gp_str text = GP_STR_INIT;
    gp_status st = GP_OK;
    GP_TRY(open_levels(r, &repetitions, &at, end, leaf->most_repetition, second ? p->repetition_bytes : -1, err));
    GP_TRY(open_levels(r, &definitions, &at, end, leaf->most_definition, second ? p->definition_bytes : -1, err));
    if (dictionary) {
        if (at < end) indices = (runs){.at = at + 1, .end = end, .width = *at};
        if (indices.width > 32) return wrong(r, "its dictionary indices have more than 32 bits", err);
    } else if (p->encoding == RLE && leaf->type == GP_PARQUET_BOOLEAN) {
        GP_TRY(open_levels(r, &indices, &at, end, 1, -1, err));
    } else if (p->encoding != PLAIN) {
        return not_read(r, "encoding", p->encoding, err);
    }
    for (int64_t i = 0; i < p->values; i++) {
        if (r->m->work->values++ >= GP_PARQUET_MOST_VALUES)
            GP_TRY_GOTO(
                gp_fail_path(err, GP_ERR_LIMIT, "'%s' has more than %d values", r->m->label, GP_PARQUET_MOST_VALUES));
        GP_TRY_GOTO(gp_watch_work(r->m->work->watch, 32, err));
        unsigned repetition = leaf->most_repetition ? next_of(&repetitions) : 0,
                 definition = leaf->most_definition ? next_of(&definitions) : 0;
        const char *word = NULL;
        size_t word_size = 0;
        if (repetitions.bad || definitions.bad || repetition > leaf->most_repetition ||
            definition > leaf->most_definition)
            GP_TRY_GOTO(wrong(r, "its levels are cut off", err));
        if (definition == leaf->most_definition) {
            if (dictionary) {
                uint32_t index = next_of(&indices);
                if (indices.bad || index >= r->word_count)
                    GP_TRY_GOTO(wrong(r, "a dictionary index is too large", err));
                word = r->words.data + r->begin[index];
                word_size = (index + 1 < r->word_count ? r->begin[index + 1] : r->words.size) - r->begin[index] - 1;
            } else if (leaf->type == GP_PARQUET_BOOLEAN && p->encoding == RLE) {
                word = next_of(&indices) ? "true" : "false";
                if (indices.bad) GP_TRY_GOTO(wrong(r, "its values are cut off", err));
            } else if (leaf->type == GP_PARQUET_BOOLEAN) {
                if (at == end) GP_TRY_GOTO(wrong(r, "its values are cut off", err));
                word = *at >> bit & 1 ? "true" : "false";
                if (++bit == 8) bit = 0, at++;
            } else {
                if (!plain_value(leaf, &at, end, &text)) GP_TRY_GOTO(wrong(r, "its values are cut off", err));
                if (text.failed) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s'", r->m->label));
                word = text.data, word_size = text.size;
            }
        }
        GP_TRY_GOTO(r->value(r->user, word, word_size, definition, repetition, err));
    }
out:
    gp_str_clear(&text);
    return st;
}

static gp_status read_pages(reader *r, gp_error *err)
{
    const uint8_t *at = r->m->bytes + r->chunk->offset, *end = r->m->bytes + r->m->size;
    for (uint64_t values = 0; values < r->chunk->values;) {
        page p;
        const uint8_t *data = NULL;
        gp_thrift t = {.at = at, .end = end};
        read_header(&t, &p);
        if (t.bad || p.values < 0 ||
            (p.type != DICTIONARY && p.type != INDEX &&
             (p.values == 0 || (uint64_t)p.values > r->chunk->values - values)))
            return wrong(r, "a page has no valid header", err);
        GP_TRY(open_page(r, &p, t.at, &data, err));
        at = t.at + p.stored;
        if (p.type == DICTIONARY)
            GP_TRY(read_dictionary(r, &p, data, err));
        else if (p.type == DATA || p.type == DATA_2) {
            GP_TRY(read_values(r, &p, data, err));
            values += (uint64_t)p.values;
        }
        if (at == end && values < r->chunk->values) return wrong(r, "its pages are truncated", err);
    }
    return GP_OK;
}

gp_status gp_parquet_chunk_read(const gp_parquet_meta *meta, const gp_parquet_chunk *chunk, gp_parquet_value value,
                                void *user, gp_error *err)
{
    reader r = {.m = meta,
                .leaf = &meta->leaves[chunk->leaf],
                .chunk = chunk,
                .value = value,
                .user = user,
                .words = GP_STR_INIT};
    if (r.leaf->type == GP_PARQUET_INT96) return not_read(&r, "physical type", r.leaf->type, err);
    gp_status st = read_pages(&r, err);
    gp_str_clear(&r.words);
    gp_mem_free(r.begin);
    gp_mem_free(r.room);
    return st;
}
