/* SPDX-License-Identifier: MIT
 * Parquet into a table of text: cells one after the other in one block, lists as "[1,2,3]". */
#include "ingest/parquet.h"

#include "base/mem.h"

#include <string.h>

enum { MOST_TEXT = 1 << 30 };

typedef struct filler {
    gp_table *table;
    const gp_parquet_leaf *leaf;
    gp_str *text;     /* all cells, each with its NUL */
    size_t *cells;    /* [rows] offset + 1; 0: none */
    size_t row, rows; /* rows begun in this column; of the file */
    bool open;        /* a list is under way */
} filler;

static gp_status full(const filler *f, gp_error *err)
{
    if (f->text->failed) return gp_fail(err, GP_ERR_MEMORY, "out of memory for '%s'", f->table->label);
    if (f->text->size > MOST_TEXT)
        return gp_fail(err, GP_ERR_LIMIT, "'%s' is larger than 1 GiB of text", f->table->label);
    return GP_OK;
}

static void close_list(filler *f)
{
    if (!f->open) return;
    gp_str_puts(f->text, "]");
    gp_str_putc(f->text, 0);
    f->open = false;
}

static gp_status take_value(void *user, const char *text, unsigned definition, unsigned repetition, gp_error *err)
{
    filler *f = user;
    const gp_parquet_leaf *leaf = f->leaf;
    if (repetition == 0) {
        close_list(f);
        if (f->row == f->rows)
            return gp_fail(err, GP_ERR_FORMAT,
                           "'%s' is a damaged Parquet file: column '%.100s' has more rows than the table",
                           f->table->label, leaf->name);
        f->cells[f->row++] = 0;
    } else if (f->row == 0 || !f->open) {
        return gp_fail(err, GP_ERR_FORMAT,
                       "'%s' is a damaged Parquet file: column '%.100s' goes on with a list that did not begin",
                       f->table->label, leaf->name);
    }
    if (leaf->most_repetition == 0) {
        if (!text) return GP_OK;
        f->cells[f->row - 1] = f->text->size + 1;
        gp_str_add(f->text, text, strlen(text) + 1);
        return full(f, err);
    }
    if (definition + 1 < leaf->list_definition) return GP_OK; /* no list at all */
    if (repetition == 0) {
        f->cells[f->row - 1] = f->text->size + 1;
        gp_str_putc(f->text, '[');
        f->open = true;
    } else {
        gp_str_putc(f->text, ',');
    }
    if (definition >= leaf->list_definition) gp_str_puts(f->text, text && *text ? text : "null");
    return full(f, err);
}

/* Lists of text would need quotes; what is wanted of lists are numbers. */
static const char *cannot(const gp_parquet_leaf *leaf)
{
    if (leaf->unsupported) return leaf->unsupported;
    if (leaf->most_repetition && (leaf->type == GP_PARQUET_BYTES || leaf->type == GP_PARQUET_FIXED))
        return "lists of text are not read";
    return NULL;
}

static gp_status read_column(gp_table *table, const gp_parquet_meta *m, size_t leaf, gp_str *text, size_t *cells,
                             gp_error *err)
{
    filler f = {.table = table, .leaf = &m->leaves[leaf], .text = text, .cells = cells, .rows = (size_t)m->rows};
    for (size_t c = 0; c < m->chunk_count; c++)
        if (m->chunks[c].leaf == leaf) GP_TRY(gp_parquet_chunk_read(m, &m->chunks[c], take_value, &f, err));
    close_list(&f);
    if (f.row != f.rows)
        return gp_fail(err, GP_ERR_FORMAT, "'%s' is a damaged Parquet file: column '%.100s' has %zu rows of %zu",
                       table->label, f.leaf->name, f.row, f.rows);
    return full(&f, err);
}

gp_status gp_table_read_parquet(gp_table *table, const void *bytes, size_t size, gp_error *err)
{
    gp_parquet_meta m = {.label = table->label, .bytes = bytes, .size = size};
    gp_str text = GP_STR_INIT;
    size_t *cells = NULL, count; /* [leaves, rows] */
    gp_status st = GP_OK;
    GP_GO(gp_parquet_meta_read(&m, err));
    if (m.rows > size * 8 || !gp_size_mul(m.leaf_count, (size_t)m.rows, &count))
        GP_GO(gp_fail(err, GP_ERR_FORMAT, "'%s' is a damaged Parquet file: more rows than bytes", table->label));
    for (size_t c = 0; c < m.leaf_count; c++)
        if (cannot(&m.leaves[c]))
            GP_GO(gp_fail(err, GP_ERR_UNSUPPORTED, "'%s': column '%.100s': %s", table->label, m.leaves[c].name,
                          cannot(&m.leaves[c])));
    GP_GO(gp_alloc((void **)&cells, count, sizeof *cells, "the table", err));
    for (size_t c = 0; c < m.leaf_count; c++) GP_GO(read_column(table, &m, c, &text, cells + c * (size_t)m.rows, err));
    gp_str_add(&text, "", 0);
    if (text.failed) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for '%s'", table->label));
    table->text = text.data, table->size = text.size;
    text = (gp_str)GP_STR_INIT;
    for (size_t c = 0; c < m.leaf_count; c++) {
        size_t column;
        GP_GO(gp_table_add_column(table, m.leaves[c].name, &column, err));
        for (size_t i = 0; i < (size_t)m.rows; i++) {
            size_t at = cells[c * (size_t)m.rows + i];
            GP_GO(gp_table_put(table, i, column, at ? table->text + at - 1 : NULL, err));
        }
    }
out:
    gp_mem_free(cells);
    gp_str_clear(&text);
    gp_parquet_meta_clear(&m);
    return st;
}
