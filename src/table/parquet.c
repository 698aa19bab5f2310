/* SPDX-License-Identifier: MIT
 * Reads Parquet into a table of text, column by column; lists become JSON.  Columns that cannot be read are left
 * out. */
#include "table/parquet.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

enum { MOST_TEXT = 1 << 30 };

typedef struct filler {
    gp_table *table;
    const gp_parquet_leaf *leaf;
    gp_str cell;      /* the current list, or text with invalid bytes replaced */
    size_t row, rows; /* row: rows begun in this column; rows: rows of the file */
    bool open;        /* a list has begun and not ended */
} filler;

static gp_status put_cell(filler *f, const char *text, size_t size, gp_error *err)
{
    if (f->table->size > MOST_TEXT)
        return gp_fail_path(err, GP_ERR_LIMIT, "'%s' contains more than 1 GiB of text", f->table->label);
    return gp_table_put(f->table, text, size, err);
}

static gp_status close_list(filler *f, gp_error *err)
{
    if (!f->open) return GP_OK;
    f->open = false;
    gp_str_putc(&f->cell, ']');
    if (f->cell.failed) return gp_fail_memory_path(err, "'%s'", f->table->label);
    return put_cell(f, f->cell.data, f->cell.size, err);
}

/* Stores a text. In text that is not UTF-8, U+FFFD replaces each invalid byte. */
static gp_status put_text(filler *f, const char *text, gp_error *err)
{
    size_t size = strlen(text);
    if (gp_utf8_valid(text, size)) return put_cell(f, text, size, err);
    gp_str_reset(&f->cell);
    for (size_t i = 0; i < size;) {
        uint32_t cp;
        i += gp_utf8_next(text + i, size - i, &cp);
        gp_utf8_put(&f->cell, cp);
    }
    if (f->cell.failed) return gp_fail_memory_path(err, "'%s'", f->table->label);
    return put_cell(f, f->cell.data, f->cell.size, err);
}

static void add_element(filler *f, const char *text)
{
    bool plain = text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ||
                          (f->leaf->type != GP_PARQUET_BYTES && text[strspn(text, "0123456789+-.eE")] == 0 &&
                           !(text[0] && strchr(text + 1, '-') && !strchr(text, 'e'))));
    if (!text || (plain && !*text))
        gp_str_puts(&f->cell, "null");
    else if (plain)
        gp_str_puts(&f->cell, text);
    else
        gp_json_put_string(&f->cell, text);
}

static gp_status take_value(void *user, const char *text, size_t size, unsigned definition, unsigned repetition,
                            gp_error *err)
{
    (void)size; /* without `raw` a text contains no NUL */
    filler *f = user;
    const gp_parquet_leaf *leaf = f->leaf;
    if (repetition == 0) {
        GP_TRY(close_list(f, err));
        if (f->row == f->rows)
            return gp_fail_path(err, GP_ERR_FORMAT,
                                "'%s' is a damaged Parquet file: column '%.100s' has more rows than the table",
                                f->table->label, leaf->name);
        f->row++;
    } else if (f->row == 0 || !f->open) {
        return gp_fail_path(err, GP_ERR_FORMAT,
                            "'%s' is a damaged Parquet file: column '%.100s' continues a list that did not begin",
                            f->table->label, leaf->name);
    }
    if (leaf->most_repetition == 0) {
        if (text) return put_text(f, text, err);
        gp_table_skip(f->table);
        return GP_OK;
    }
    if (definition + 1 < leaf->list_definition) { /* the list is absent */
        if (repetition == 0) gp_table_skip(f->table);
        return GP_OK;
    }
    if (repetition == 0) {
        f->open = true;
        gp_str_reset(&f->cell);
        gp_str_putc(&f->cell, '[');
    } else {
        gp_str_putc(&f->cell, ',');
    }
    if (definition >= leaf->list_definition) add_element(f, text);
    if (f->cell.size > MOST_TEXT)
        return gp_fail_path(err, GP_ERR_LIMIT, "'%s' contains more than 1 GiB of text", f->table->label);
    return f->cell.failed ? gp_fail_memory_path(err, "'%s'", f->table->label) : GP_OK;
}

/* Reads the column's chunks, which begin at *chunk; the chunks are sorted by leaf. */
static gp_status read_chunks(filler *f, const gp_parquet_meta *m, size_t leaf, size_t *chunk, gp_error *err)
{
    for (; *chunk < m->chunk_count && m->chunks[*chunk].leaf == leaf; ++*chunk)
        GP_TRY(gp_parquet_chunk_read(m, &m->chunks[*chunk], take_value, f, err));
    GP_TRY(close_list(f, err));
    if (f->row != f->rows)
        return gp_fail_path(err, GP_ERR_FORMAT,
                            "'%s' is a damaged Parquet file: column '%.100s' has only %zu of %zu rows", f->table->label,
                            f->leaf->name, f->row, f->rows);
    return GP_OK;
}

static gp_status read_column(gp_table *table, const gp_parquet_meta *m, size_t leaf, size_t *chunk, gp_error *err)
{
    filler f = {.table = table, .leaf = &m->leaves[leaf], .cell = GP_STR_INIT, .rows = (size_t)m->rows};
    GP_TRY(gp_table_add_unlike(table, f.leaf->name, strlen(f.leaf->name), err));
    gp_status st = gp_table_begin(table, err);
    if (st == GP_OK) st = read_chunks(&f, m, leaf, chunk, err);
    gp_str_clear(&f.cell);
    if (st == GP_OK && strcmp(f.leaf->name, "__index_level_0__") == 0)
        table->index_column = table->count - 1; /* the index of pandas */
    return st;
}

/* Reports a column as left out: "'tags' (structs and maps are not read)". */
static gp_status leave_out(gp_table *table, const gp_parquet_meta *m, size_t leaf, const char *why, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    const char *name = m->leaves[leaf].name;
    for (size_t i = 0; i < leaf; i++) /* the leaves of a struct are one column */
        if (m->leaves[i].unsupported && strcmp(m->leaves[i].name, name) == 0) return GP_OK;
    gp_str_printf(&s, "'%.60s' (%.200s)", name, why);
    char *text = gp_str_take(&s);
    gp_status st = text ? gp_table_remark_text(table, GP_REMARK_COLUMNS, 0, text, err)
                        : gp_fail_memory_path(err, "'%s'", table->label);
    gp_mem_free(text);
    return st;
}

/* Returns the part of a message after "'file': ". */
static const char *reason_of(const gp_error *e)
{
    const char *colon = strstr(e->message, ": ");
    return colon ? colon + 2 : e->message;
}

static gp_status read_columns(gp_table *table, const gp_parquet_meta *m, gp_error *err)
{
    size_t chunk = 0;
    gp_error first = {0}, reason;
    for (size_t leaf = 0; leaf < m->leaf_count; leaf++) {
        size_t columns = table->count, strips = table->strips;
        gp_status st = m->leaves[leaf].unsupported
                           ? gp_fail_path(&reason, GP_ERR_UNSUPPORTED, "'%s': column '%.100s': %s", table->label,
                                          m->leaves[leaf].name, m->leaves[leaf].unsupported)
                           : read_column(table, m, leaf, &chunk, &reason);
        while (chunk < m->chunk_count && m->chunks[chunk].leaf <= leaf) chunk++;
        if (st == GP_OK) continue;
        if (st != GP_ERR_FORMAT && st != GP_ERR_UNSUPPORTED) return gp_fail_as(err, st, &reason);
        if (!first.status) first = reason;
        while (table->count > columns) gp_mem_free(table->names[--table->count]);
        while (table->strips > strips) gp_table_take_back(table);
        GP_TRY(leave_out(table, m, leaf, m->leaves[leaf].unsupported ? m->leaves[leaf].unsupported : reason_of(&reason),
                         err));
    }
    return table->count || !first.status ? GP_OK : gp_fail_as(err, first.status, &first);
}

gp_status gp_table_read_parquet(gp_table *table, const void *bytes, size_t size, gp_error *err)
{
    gp_parquet_work work = {.watch = table->watch};
    gp_parquet_meta m = {.label = table->label, .bytes = bytes, .size = size, .work = &work};
    gp_status st = GP_OK;
    table->by_column = true;
    GP_TRY_GOTO(gp_parquet_meta_read(&m, err));
    if (m.rows > GP_PARQUET_MOST_VALUES)
        GP_TRY_GOTO(
            gp_fail_path(err, GP_ERR_LIMIT, "'%s' has more than %d rows", table->label, GP_PARQUET_MOST_VALUES));
    gp_parquet_sort_chunks(&m);
    GP_TRY_GOTO(read_columns(table, &m, err));
    table->rows = table->count ? (size_t)m.rows : 0;
out:
    gp_parquet_meta_clear(&m);
    return st;
}
