/* SPDX-License-Identifier: MIT
 * See parquet_write.h.  Source: the specification of Apache Parquet (parquet-format 2.10), data pages of version 1.
 * Levels are written as runs of equal levels (RLE), never bit-packed. */
#include "dataset/parquet_private.h"

#include "base/mem.h"
#include "dataset/thrift_write.h"

#include <snappy-c.h>
#include <string.h>

enum { PAGE_BYTES = 1 << 20, GROUP_BYTES = 32 << 20, GROUP_ROWS = 1 << 16 };

static void leaf_init(gp_parquet_leaf_writer *leaf, const gp_set_column *column, bool image_path)
{
    static const int types[] = {
        [GP_SET_TEXT] = PARQUET_BYTES,   [GP_SET_U64] = PARQUET_INT64,    [GP_SET_I64] = PARQUET_INT64,
        [GP_SET_REAL] = PARQUET_DOUBLE,  [GP_SET_BOOL] = PARQUET_BOOLEAN, [GP_SET_TEXTS] = PARQUET_BYTES,
        [GP_SET_FLOATS] = PARQUET_FLOAT, [GP_SET_IMAGE] = PARQUET_BYTES};
    bool list = column->kind == GP_SET_TEXTS || column->kind == GP_SET_FLOATS;
    bool plain = column->kind == GP_SET_FLOATS || (column->kind == GP_SET_IMAGE && !image_path);
    leaf->column = column;
    leaf->type = types[column->kind];
    leaf->codec = plain ? PARQUET_PLAIN_CODEC : PARQUET_SNAPPY;
    leaf->most_definition = list || column->kind == GP_SET_IMAGE ? 2 : 1;
    leaf->most_repetition = list;
}

gp_status gp_parquet_writer_open(gp_set_file *file, const gp_set_column *columns, size_t count, gp_parquet_writer **out,
                                 gp_error *err)
{
    gp_parquet_writer *w = gp_mem_zero(1, sizeof *w);
    if (!w) return gp_fail_memory(err, "a Parquet file");
    w->file = file, w->columns = columns, w->count = count;
    w->leaves = gp_mem_zero(2 * count, sizeof *w->leaves);
    if (!w->leaves) {
        gp_parquet_writer_abort(w);
        return gp_fail_memory(err, "a Parquet file");
    }
    for (size_t i = 0; i < count; i++) {
        leaf_init(&w->leaves[w->leaf_count++], &columns[i], false);
        if (columns[i].kind == GP_SET_IMAGE) leaf_init(&w->leaves[w->leaf_count++], &columns[i], true);
    }
    gp_status st = gp_set_file_write(file, "PAR1", 4, err);
    if (st == GP_OK)
        *out = w;
    else
        gp_parquet_writer_abort(w);
    return st;
}

void gp_parquet_writer_abort(gp_parquet_writer *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->leaf_count; i++) {
        gp_str_clear(&w->leaves[i].values);
        gp_str_clear(&w->leaves[i].definitions);
        gp_str_clear(&w->leaves[i].repetitions);
        gp_str_clear(&w->leaves[i].pages);
    }
    gp_mem_free(w->leaves);
    gp_mem_free(w->chunks);
    gp_mem_free(w->group_sizes);
    gp_mem_free(w);
}

/* ------------------------------------------------------------------ values */

static void put_level(gp_parquet_leaf_writer *leaf, unsigned definition, unsigned repetition)
{
    gp_str_putc(&leaf->definitions, (char)definition);
    if (leaf->most_repetition) gp_str_putc(&leaf->repetitions, (char)repetition);
}

static void put_u32(gp_str *s, uint64_t value)
{
    const char bytes[4] = {(char)value, (char)(value >> 8), (char)(value >> 16), (char)(value >> 24)};
    gp_str_add(s, bytes, 4);
}

static void put_bytes(gp_str *s, const void *bytes, size_t size)
{
    put_u32(s, size);
    gp_str_add(s, bytes, size);
}

static void put_text(gp_str *s, const char *text, size_t size)
{
    if (gp_utf8_valid(text, size)) {
        put_bytes(s, text, size);
        return;
    }
    gp_str clean = GP_STR_INIT;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        at += gp_utf8_next(text + at, size - at, &code);
        gp_utf8_put(&clean, code);
    }
    put_bytes(s, clean.data, clean.size);
    s->failed |= clean.failed;
    gp_str_clear(&clean);
}

static void put_bool(gp_parquet_leaf_writer *leaf, bool value)
{
    if (leaf->bits % 8 == 0) gp_str_putc(&leaf->values, 0);
    if (value && !leaf->values.failed) leaf->values.data[leaf->values.size - 1] |= (char)(1 << leaf->bits % 8);
    leaf->bits = (leaf->bits + 1) % 8;
}

static void put_texts(gp_parquet_leaf_writer *leaf, const gp_set_value *v)
{
    const char *at = v->text, *end = v->text + v->size;
    put_level(leaf, v->size ? 2 : 1, 0);
    while (v->size) {
        const char *comma = memmem(at, (size_t)(end - at), ", ", 2);
        put_text(&leaf->values, at, (size_t)((comma ? comma : end) - at));
        if (!comma) return;
        at = comma + 2;
        put_level(leaf, 2, 1);
    }
}

static void put_present(gp_parquet_leaf_writer *leaf, const gp_set_value *v)
{
    if (leaf->column->kind == GP_SET_TEXTS) {
        put_texts(leaf, v);
        return;
    }
    if (leaf->column->kind == GP_SET_FLOATS) {
        put_level(leaf, v->size ? 2 : 1, 0);
        for (size_t i = 1; i < v->size; i++) put_level(leaf, 2, 1);
        gp_str_add(&leaf->values, v->floats, v->size * sizeof *v->floats);
        return;
    }
    put_level(leaf, leaf->most_definition, 0);
    switch (leaf->column->kind) {
    case GP_SET_U64: gp_str_add(&leaf->values, &v->u64, 8); break;
    case GP_SET_I64: gp_str_add(&leaf->values, &v->i64, 8); break;
    case GP_SET_REAL: gp_str_add(&leaf->values, &v->real, 8); break;
    case GP_SET_BOOL: put_bool(leaf, v->flag); break;
    default: put_text(&leaf->values, v->text, v->size);
    }
}

/* Appends the bytes and the name of an image to its two leaves. */
static void put_image(gp_parquet_leaf_writer leaves[2], const gp_set_value *v)
{
    put_level(&leaves[0], !v->present ? 0 : v->bytes ? 2 : 1, 0);
    if (v->present && v->bytes) put_bytes(&leaves[0].values, v->bytes, v->size);
    put_level(&leaves[1], !v->present ? 0 : v->text ? 2 : 1, 0);
    if (v->present && v->text) put_text(&leaves[1].values, v->text, strlen(v->text));
}

/* ------------------------------------------------------------------ pages and row groups */

/* Appends levels as runs, after their size. */
static void put_runs(gp_str *page, const gp_str *levels)
{
    gp_str runs = GP_STR_INIT;
    for (size_t i = 0, length; i < levels->size; i += length) {
        for (length = 1; i + length < levels->size && levels->data[i + length] == levels->data[i];) length++;
        gp_varint_put(&runs, (uint64_t)length << 1);
        gp_str_putc(&runs, levels->data[i]);
    }
    put_bytes(page, runs.data, runs.size);
    page->failed |= runs.failed;
    gp_str_clear(&runs);
}

static gp_status compress(int codec, gp_str *page, gp_error *err)
{
    size_t size = codec == PARQUET_SNAPPY ? snappy_max_compressed_length(page->size) : 0;
    if (codec != PARQUET_SNAPPY) return GP_OK;
    char *small = gp_mem_new(size, 1);
    if (!small) return gp_fail_memory(err, "a page of Parquet");
    bool done = snappy_compress(page->data, page->size, small, &size) == SNAPPY_OK;
    gp_str_reset(page);
    gp_str_add(page, small, done ? size : 0);
    gp_mem_free(small);
    if (done && page->failed) return gp_fail_memory(err, "a page of Parquet");
    return done ? GP_OK : gp_fail(err, GP_ERR_UNSUPPORTED, "Snappy cannot compress a page of Parquet");
}

static void put_page_header(gp_str *out, uint64_t values, size_t plain, size_t compressed)
{
    gp_thrift_writer t = gp_thrift_begin(out);
    gp_thrift_put_i32(&t, 1, 0); /* data page */
    gp_thrift_put_i32(&t, 2, (int32_t)plain);
    gp_thrift_put_i32(&t, 3, (int32_t)compressed);
    gp_thrift_struct(&t, 5);
    gp_thrift_put_i32(&t, 1, (int32_t)values);
    gp_thrift_put_i32(&t, 2, 0); /* encoding of the values: PLAIN */
    gp_thrift_put_i32(&t, 3, 3); /* encodings of both levels: RLE */
    gp_thrift_put_i32(&t, 4, 3);
    gp_thrift_struct_end(&t);
    gp_thrift_struct_end(&t);
}

/* Moves the present values of a leaf to a finished page. */
static gp_status end_page(gp_parquet_leaf_writer *leaf, gp_error *err)
{
    gp_str page = GP_STR_INIT;
    gp_status st = GP_OK;
    size_t before = leaf->pages.size, count = leaf->definitions.size;
    if (leaf->values.failed || leaf->definitions.failed || leaf->repetitions.failed)
        return gp_fail_memory(err, "a page of Parquet");
    if (!count) return GP_OK;
    if (leaf->most_repetition) put_runs(&page, &leaf->repetitions);
    put_runs(&page, &leaf->definitions);
    gp_str_add(&page, leaf->values.data, leaf->values.size);
    if (page.failed) GP_TRY_GOTO(gp_fail_memory(err, "a page of Parquet"));
    size_t plain = page.size;
    if (plain > INT32_MAX) GP_TRY_GOTO(gp_fail(err, GP_ERR_LIMIT, "a row is larger than 2 GiB, the limit of Parquet"));
    GP_TRY_GOTO(compress(leaf->codec, &page, err));
    put_page_header(&leaf->pages, count, plain, page.size);
    leaf->plain_bytes += leaf->pages.size - before + plain;
    gp_str_add(&leaf->pages, page.data, page.size);
    leaf->count += count;
    gp_str_reset(&leaf->values), gp_str_reset(&leaf->definitions), gp_str_reset(&leaf->repetitions);
    leaf->bits = 0;
    if (leaf->pages.failed) st = gp_fail_memory(err, "a page of Parquet");
out:
    gp_str_clear(&page);
    return st;
}

static gp_status end_group(gp_parquet_writer *w, gp_error *err)
{
    if (!w->group_rows) return GP_OK;
    gp_parquet_written *chunks = gp_mem_resize(w->chunks, (w->groups + 1) * w->leaf_count, sizeof *chunks);
    if (chunks) w->chunks = chunks;
    uint64_t *sizes = gp_mem_resize(w->group_sizes, w->groups + 1, sizeof *sizes);
    if (sizes) w->group_sizes = sizes;
    if (!chunks || !sizes) return gp_fail_memory(err, "a Parquet file");
    sizes[w->groups] = w->group_rows;
    for (size_t i = 0; i < w->leaf_count; i++) {
        gp_parquet_leaf_writer *leaf = &w->leaves[i];
        GP_TRY(end_page(leaf, err));
        chunks[w->groups * w->leaf_count + i] =
            (gp_parquet_written){gp_set_file_bytes(w->file), leaf->pages.size, leaf->plain_bytes, leaf->count};
        GP_TRY(gp_set_file_flush(w->file, &leaf->pages, err));
        leaf->plain_bytes = leaf->count = 0;
    }
    w->groups++;
    w->rows += w->group_rows;
    w->group_rows = w->group_bytes = 0;
    return GP_OK;
}

gp_status gp_parquet_writer_row(gp_parquet_writer *w, const gp_set_value *values, gp_error *err)
{
    gp_parquet_leaf_writer *leaf = w->leaves;
    for (size_t i = 0; i < w->count; i++) {
        const gp_set_value *v = &values[i];
        size_t leaves = w->columns[i].kind == GP_SET_IMAGE ? 2 : 1;
        size_t before = leaf->values.size;
        if (leaves == 2)
            put_image(leaf, v);
        else if (v->present)
            put_present(leaf, v);
        else
            put_level(leaf, 0, 0);
        w->group_bytes += leaf->values.size - before + leaves;
        for (size_t j = 0; j < leaves; j++, leaf++)
            if (leaf->values.size >= PAGE_BYTES || leaf->definitions.size >= PAGE_BYTES) GP_TRY(end_page(leaf, err));
    }
    w->group_rows++;
    return w->group_rows >= GROUP_ROWS || w->group_bytes >= GROUP_BYTES ? end_group(w, err) : GP_OK;
}

gp_status gp_parquet_writer_end(gp_parquet_writer *w, bool hugging_face, gp_error *err)
{
    gp_str footer = GP_STR_INIT;
    gp_status st = end_group(w, err);
    if (st == GP_OK) {
        gp_parquet_put_footer(w, hugging_face, &footer);
        st = gp_set_file_flush(w->file, &footer, err);
    }
    gp_str_clear(&footer);
    gp_parquet_writer_abort(w);
    return st;
}
