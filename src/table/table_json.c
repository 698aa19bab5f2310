/* SPDX-License-Identifier: MIT
 * JSON tables.  They have their own scanner, because a table with embeddings has tens of megabytes of numbers that
 * goldpan does not need.  A JSON tree would use ten times that memory.  Strings are unescaped in place, nested values
 * lose their white space, then each cell is copied into the table.  No recursion; nesting is limited.
 *
 * Forms:
 *   [{"image": "a.png", "prompt": "..."}, ...]              records
 *   {"image": "a.png", "prompt": "..."} one after another   JSON lines
 *   {"image": {"0": "a.png"}, "prompt": {"0": "..."}}       columns (pandas' default orient)
 *   {"image": ["a.png"], "prompt": ["..."]}                 columns as lists
 *   {"a.png": {"p": "...", "se": 1}}                        index: rows by name (DiffusionDB; pandas)
 *   {"columns": [...], "index": [...], "data": [[...]]}     split
 *   {"schema": {...}, "data": [{...}]}                      table; any object with exactly one list of objects
 *   {"a.png": "...", "b.png": ["...", "..."]}               texts by the name of the image file
 *   {"images": [{...}], "annotations": [{...}]}             COCO captions: see table_coco.c
 *
 * null, NaN and infinities are absent cells.  table_shape.c finds the form.
 *
 * A record that cannot be read is left out.  In JSON lines, reading continues at the next line.  In other forms, the
 * rows before the error are kept. */
#include "table/json_scan.h"
#include "base/image_names.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ a record */

typedef struct value {
    const char *text; /* NULL: absent */
    size_t size;
} value;

/* The cells of the row being read. */
typedef struct record {
    value cells[GP_TABLE_MAX_COLUMNS];
    bool set[GP_TABLE_MAX_COLUMNS];
    size_t end; /* index of the last column that is set, plus 1 */
} record;

typedef struct reader {
    gp_scan scan;
    record row;
} reader;

static void clear_record(record *r)
{
    memset(r->set, 0, r->end * sizeof *r->set);
    r->end = 0;
}

static void set_cell(record *r, size_t column, value v)
{
    r->cells[column] = v;
    r->set[column] = true;
    if (column >= r->end) r->end = column + 1;
}

static gp_status put_value(gp_scan *c, const char *text, size_t size)
{
    if (text) return gp_table_put(c->table, text, size, c->err);
    gp_table_skip(c->table);
    return GP_OK;
}

/* Appends the record to the table as a row. */
static gp_status put_record(gp_scan *c, const record *r)
{
    GP_TRY(gp_table_begin(c->table, c->err));
    for (size_t i = 0; i < r->end; i++) GP_TRY(put_value(c, r->set[i] ? r->cells[i].text : NULL, r->cells[i].size));
    return GP_OK;
}

/* Finds the column of that name. Compares the column `hint` first, because most records have the same columns in the
 * same order. Adds the column if it is new. */
static gp_status column_of(gp_scan *c, const char *name, size_t hint, size_t *column)
{
    gp_table *t = c->table;
    if (hint < t->count && strcmp(t->names[hint], name) == 0) {
        *column = hint;
        return GP_OK;
    }
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->names[i], name) == 0) {
            *column = i;
            return GP_OK;
        }
    return gp_table_add_column(t, name, column, c->err);
}

/* Reads the members of an object into the record.  `first`: the column that the first member probably has. */
static gp_status read_members(reader *r, size_t first)
{
    gp_scan *c = &r->scan;
    const char *begin = c->at;
    bool more;
    GP_TRY(gp_scan_open(c, '{', "each record must be an object {\"column\": value, ...}", &more));
    for (size_t hint = first; more; hint++) {
        char *name;
        value v;
        size_t column;
        GP_TRY(gp_scan_name(c, &name));
        GP_TRY(column_of(c, name, hint, &column));
        GP_TRY(gp_scan_cell(c, &v.text, &v.size));
        set_cell(&r->row, column, v);
        GP_TRY(gp_scan_next(c, '}', &more));
    }
    return gp_watch_work(c->table->watch, (size_t)(c->at - begin), c->err);
}

static gp_status read_record(reader *r)
{
    clear_record(&r->row);
    GP_TRY(read_members(r, 0));
    return put_record(&r->scan, &r->row);
}

/* ------------------------------------------------------------------ rows */

/* In a list of records, leaves out an element that is not an object. */
static gp_status leave_out(reader *r)
{
    const char *text;
    size_t size, line = r->scan.line;
    GP_TRY(gp_scan_cell(&r->scan, &text, &size));
    return gp_table_remark_text(r->scan.table, GP_REMARK_BAD_RECORDS, line, "not an object", r->scan.err);
}

static gp_status read_array(reader *r)
{
    gp_scan *c = &r->scan;
    bool more;
    GP_TRY(gp_scan_open(c, '[', "'[' was expected", &more));
    while (more) {
        char first = gp_scan_peek(c);
        GP_TRY(first == '{' || !first ? read_record(r) : leave_out(r));
        GP_TRY(gp_scan_next(c, ']', &more));
    }
    if (c->table->strips == 0 && c->table->remarks[GP_REMARK_BAD_RECORDS])
        return gp_scan_wrong(c, "each record must be an object {\"column\": value, ...}");
    return GP_OK;
}

/* Removes all columns after the first `columns`, and all strips after the first `strips`: the parts of a record
 * or column that could not be read. */
static void drop_column(gp_table *t, size_t columns, size_t strips)
{
    while (t->count > columns) gp_mem_free(t->names[--t->count]);
    while (t->strips > strips) gp_table_take_back(t);
}

/* Moves to the next line that begins an object. */
static void next_line(gp_scan *c)
{
    for (;;) {
        while (*c->at && *c->at != '\n') c->at++;
        if (!*c->at || gp_scan_peek(c) == '{' || !*c->at) return;
    }
}

/* Returns true if the first record is on one line, or if it is damaged.  Then every record is expected to be on one
 * line, and an error affects only its own line. */
static bool has_one_line(gp_scan look)
{
    gp_scan_peek(&look);
    const char *begin = look.at;
    look.err = NULL;
    return gp_scan_skip(&look) != GP_OK || !memchr(begin, '\n', (size_t)(look.at - begin));
}

/* Reads a record. If each record is expected to be on one line, reads at most to the end of the line. */
static gp_status read_line(reader *r)
{
    gp_scan *c = &r->scan;
    char *file_end = c->end, *line_end = c->one_line ? memchr(c->at, '\n', (size_t)(c->end - c->at)) : NULL;
    if (line_end) *line_end = 0, c->end = line_end;
    gp_status st = read_record(r);
    if (line_end) *line_end = '\n', c->end = file_end;
    if (line_end && st != GP_OK) c->at = line_end;
    return st;
}

static gp_status read_lines(reader *r)
{
    gp_scan *c = &r->scan;
    gp_error *err = c->err, first = {0}, reason;
    c->one_line = has_one_line(*c);
    for (c->err = &reason; gp_scan_peek(c);) {
        const char *begin = c->at;
        size_t line = c->line, columns = c->table->count;
        gp_status st = read_line(r);
        if (st != GP_OK && st != GP_ERR_FORMAT) return gp_fail_as(err, st, &reason);
        if (st == GP_OK) continue;
        if (!first.message[0]) first = reason;
        drop_column(c->table, columns, c->table->strips);
        const char *why = strstr(reason.message, "': ");
        GP_TRY(gp_table_remark_text(c->table, GP_REMARK_BAD_RECORDS, line, why ? why + 3 : "", err));
        next_line(c);
        GP_TRY(gp_watch_work(c->table->watch, (size_t)(c->at - begin), err));
    }
    c->err = err;
    return c->table->strips || !first.message[0] ? GP_OK : gp_fail_as(err, first.status, &first);
}

/* ------------------------------------------------------------------ names of rows */

/* Adds the names of the rows as a column, named "file_name" if they name images. Called only if the names are not just
 * row numbers. */
static gp_status add_index(gp_scan *c, bool images)
{
    return gp_table_add_column(c->table, images ? "file_name" : "index", &c->table->index_column, c->err);
}

static gp_status read_by_name(reader *r, const gp_shape *s)
{
    gp_scan *c = &r->scan;
    bool more, named = !s->outer_numbers;
    if (named) GP_TRY(add_index(c, s->outer_images));
    GP_TRY(gp_scan_open(c, '{', "'{' was expected", &more));
    while (more) {
        char *name;
        GP_TRY(gp_scan_name(c, &name));
        clear_record(&r->row);
        GP_TRY(read_members(r, named));
        if (named) set_cell(&r->row, 0, (value){name, strlen(name)}); /* replaces a value of the record */
        GP_TRY(put_record(c, &r->row));
        GP_TRY(gp_scan_next(c, '}', &more));
    }
    return GP_OK;
}

/* Reads an object in which each member has the name of an image file and, as its value, the prompt. */
static gp_status read_texts(reader *r)
{
    gp_scan *c = &r->scan;
    size_t column;
    bool more;
    GP_TRY(gp_table_add_column(c->table, "file_name", &column, c->err));
    GP_TRY(gp_table_add_column(c->table, "prompt", &column, c->err));
    GP_TRY(gp_scan_open(c, '{', "'{' was expected", &more));
    while (more) {
        const char *begin = c->at, *text;
        char *name;
        size_t size;
        GP_TRY(gp_scan_name(c, &name));
        GP_TRY(gp_scan_cell(c, &text, &size));
        GP_TRY(gp_table_begin(c->table, c->err));
        GP_TRY(gp_table_put(c->table, name, strlen(name), c->err));
        GP_TRY(put_value(c, text, size));
        GP_TRY(gp_scan_next(c, '}', &more));
        GP_TRY(gp_watch_work(c->table->watch, (size_t)(c->at - begin), c->err));
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ columns */

/* Row names, as read in the first column.  Later columns repeat the names, usually in the same order.  All arrays hold
 * positions in the text, 4 bytes each. */
typedef struct labels {
    uint32_t *in_order; /* [count] position of each name */
    uint32_t *values;   /* [count] position of each value of the current column; 0: absent */
    uint32_t *sorted;   /* rows sorted by name; made when first needed */
    size_t count, room;
    bool numbers, images; /* numbers: the names are 0, 1, 2 ...; images: the first name is the name of an image file */
} labels;

static int compare_labels(const void *a, const void *b, void *user)
{
    const reader *r = ((void **)user)[0];
    const labels *l = ((void **)user)[1];
    return strcmp(r->scan.text + l->in_order[*(const uint32_t *)a], r->scan.text + l->in_order[*(const uint32_t *)b]);
}

static gp_status add_label(gp_scan *c, labels *l, const char *name)
{
    if (l->count == l->room) {
        size_t room = l->room ? l->room + l->room / 2 : 64;
        void *names = gp_mem_resize(l->in_order, room, sizeof *l->in_order);
        if (names) l->in_order = names;
        void *values = names ? gp_mem_resize(l->values, room, sizeof *l->values) : NULL;
        if (!values) return gp_fail_memory(c->err, "a prompt table");
        l->values = values, l->room = room;
    }
    l->numbers &= gp_shape_is_number(name, strlen(name), l->count);
    if (l->count == 0) l->images = gp_name_is_image(name);
    l->in_order[l->count++] = (uint32_t)(name - c->text);
    return GP_OK;
}

/* Finds the row of a name by binary search, for a column whose names are in another order. */
static gp_status find_label(reader *r, labels *l, const char *name, size_t *row)
{
    if (!l->sorted) {
        l->sorted = gp_mem_new(l->count, sizeof *l->sorted);
        if (!l->sorted) return gp_fail_memory(r->scan.err, "a prompt table");
        for (size_t i = 0; i < l->count; i++) l->sorted[i] = (uint32_t)i;
        if (l->count) qsort_r(l->sorted, l->count, sizeof *l->sorted, compare_labels, (void *[]){r, l});
    }
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(r->scan.text + l->in_order[l->sorted[middle]], name);
        *row = l->sorted[middle];
        if (order == 0) return GP_OK;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return gp_table_wrong(r->scan.table, r->scan.line, r->scan.err, "row '%.60s' is not in the first column", name);
}

/* Finds the positions of a column's values without reading them. */
static gp_status find_values(reader *r, labels *l, bool first)
{
    gp_scan *c = &r->scan;
    bool more;
    if (l->count) memset(l->values, 0, l->count * sizeof *l->values);
    GP_TRY(gp_scan_open(c, '{', "each column must be an object {\"row\": value, ...}", &more));
    for (size_t place = 0; more; place++) {
        const char *begin = c->at;
        char *name;
        size_t row = place;
        GP_TRY(gp_scan_name(c, &name));
        if (first)
            GP_TRY(add_label(c, l, name));
        else if (place >= l->count || strcmp(c->text + l->in_order[place], name) != 0)
            GP_TRY(find_label(r, l, name, &row));
        gp_scan_peek(c);
        l->values[row] = (uint32_t)(c->at - c->text);
        GP_TRY(gp_scan_skip(c));
        GP_TRY(gp_scan_next(c, '}', &more));
        GP_TRY(gp_watch_work(c->table->watch, (size_t)(c->at - begin), c->err));
    }
    return GP_OK;
}

/* Reads the values that were found, in the order of the rows. */
static gp_status put_values(reader *r, const labels *l)
{
    gp_scan *c = &r->scan;
    char *behind = c->at;
    GP_TRY(gp_table_begin(c->table, c->err));
    for (size_t row = 0; row < l->count; row++) {
        const char *text = NULL;
        size_t size = 0;
        c->at = c->text + l->values[row];
        if (l->values[row]) GP_TRY(gp_scan_cell(c, &text, &size));
        GP_TRY(put_value(c, text, size));
        if (text) GP_TRY(gp_watch_work(c->table->watch, size + 8, c->err));
    }
    c->at = behind;
    return GP_OK;
}

static gp_status put_labels(reader *r, const labels *l)
{
    gp_scan *c = &r->scan;
    if (l->numbers || !l->count || gp_table_find(c->table, l->images ? "file_name" : "index") != SIZE_MAX) return GP_OK;
    GP_TRY(add_index(c, l->images));
    GP_TRY(gp_table_begin(c->table, c->err));
    for (size_t row = 0; row < l->count; row++) {
        const char *name = c->text + l->in_order[row];
        GP_TRY(gp_table_put(c->table, name, strlen(name), c->err));
    }
    return GP_OK;
}

static gp_status put_list(reader *r)
{
    gp_scan *c = &r->scan;
    bool more;
    size_t rows = 0;
    GP_TRY(gp_table_begin(c->table, c->err));
    GP_TRY(gp_scan_open(c, '[', "each column must be a list", &more));
    for (; more; rows++) {
        const char *begin = c->at, *text;
        size_t size;
        GP_TRY(gp_scan_cell(c, &text, &size));
        GP_TRY(put_value(c, text, size));
        GP_TRY(gp_scan_next(c, ']', &more));
        GP_TRY(gp_watch_work(c->table->watch, (size_t)(c->at - begin), c->err));
    }
    if (rows > c->table->rows) c->table->rows = rows;
    return GP_OK;
}

/* Reads one column; its strip is the last of the table. */
static gp_status read_column(reader *r, labels *l, bool lists)
{
    gp_scan *c = &r->scan;
    char *name;
    size_t column, before = c->table->count;
    GP_TRY(gp_scan_name(c, &name));
    GP_TRY(column_of(c, name, SIZE_MAX, &column));
    if (column < before) return gp_scan_wrong(c, "a column occurs twice");
    if (lists) return put_list(r);
    GP_TRY(find_values(r, l, before == 0));
    return put_values(r, l);
}

static gp_status read_columns(reader *r, bool lists)
{
    gp_status st = GP_OK;
    gp_scan *c = &r->scan;
    labels l = {.numbers = true};
    bool more;
    c->table->by_column = true;
    GP_TRY_GOTO(gp_scan_open(c, '{', "'{' was expected", &more));
    while (more) {
        size_t columns = c->table->count, strips = c->table->strips;
        st = read_column(r, &l, lists);
        if (st == GP_OK)
            st = gp_scan_next(c, '}', &more);
        else
            drop_column(c->table, columns, strips);
        if (st != GP_OK) break;
    }
    if (l.count > c->table->rows) c->table->rows = l.count;
    if (st == GP_OK || (st == GP_ERR_FORMAT && c->table->count)) {
        gp_status put = put_labels(r, &l);
        if (put != GP_OK) st = put;
    }
out:
    gp_mem_free(l.in_order);
    gp_mem_free(l.values);
    gp_mem_free(l.sorted);
    return st;
}

/* ------------------------------------------------------------------ split */

static gp_status read_column_names(reader *r)
{
    gp_scan *c = &r->scan;
    bool more;
    GP_TRY(gp_scan_open(c, '[', "\"columns\" must be a list", &more));
    while (more) {
        const char *text;
        size_t size;
        GP_TRY(gp_scan_cell(c, &text, &size));
        GP_TRY(gp_table_add_unlike(c->table, text ? text : "", size, c->err));
        GP_TRY(gp_scan_next(c, ']', &more));
    }
    return GP_OK;
}

/* Reads a row [1, 2, ...]. `index`: position of the next row name, or NULL if the rows have no useful names. */
static gp_status read_split_row(reader *r, gp_scan *index)
{
    gp_scan *c = &r->scan;
    const char *begin = c->at;
    size_t columns = c->table->count, column = 0;
    bool more;
    value v;
    clear_record(&r->row);
    if (index) {
        bool names;
        GP_TRY(gp_scan_cell(index, &v.text, &v.size));
        set_cell(&r->row, column++, v);
        GP_TRY(gp_scan_next(index, ']', &names));
    }
    GP_TRY(gp_scan_open(c, '[', "each row of \"data\" must be a list", &more));
    while (more) {
        GP_TRY(gp_scan_cell(c, &v.text, &v.size));
        if (column < columns) set_cell(&r->row, column++, v);
        GP_TRY(gp_scan_next(c, ']', &more));
    }
    GP_TRY(put_record(c, &r->row));
    return gp_watch_work(c->table->watch, (size_t)(c->at - begin), c->err);
}

/* Sets *numbers if the names of the rows are only 0, 1, 2 ..., and *image if the first name is the name of an image
 * file. */
static gp_status look_at_index(gp_scan look, bool *numbers, bool *image)
{
    bool more;
    *numbers = true, *image = false;
    GP_TRY(gp_scan_open(&look, '[', "\"index\" must be a list", &more));
    for (size_t row = 0; more && *numbers; row++) {
        gp_scan_peek(&look);
        const char *name = look.at;
        GP_TRY(gp_scan_skip(&look));
        size_t size = (size_t)(look.at - name);
        *numbers = gp_shape_is_number(name, size, row);
        if (row == 0 && *name == '"') *image = gp_name_is_image_sized(name + 1, size - 2);
        GP_TRY(gp_scan_next(&look, ']', &more));
    }
    return GP_OK;
}

static gp_status read_split(reader *r, const gp_shape *s)
{
    gp_scan *c = &r->scan, index = *c;
    bool numbers = true, image = false, more;
    if (s->index) {
        index.at = s->index;
        GP_TRY(look_at_index(index, &numbers, &image));
    }
    if (!numbers) {
        GP_TRY(add_index(c, image));
        GP_TRY(gp_scan_open(&index, '[', "\"index\" must be a list", &more));
    }
    c->at = s->columns;
    GP_TRY(read_column_names(r));
    c->at = s->data;
    GP_TRY(gp_scan_open(c, '[', "\"data\" must be a list", &more));
    while (more) {
        GP_TRY(read_split_row(r, numbers ? NULL : &index));
        GP_TRY(gp_scan_next(c, ']', &more));
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the whole text */

static gp_status read_form(reader *r, const gp_shape *s, bool *whole)
{
    *whole = true; /* only white space may follow */
    switch (s->form) {
    case GP_FORM_ARRAY: return read_array(r);
    case GP_FORM_LINES: r->scan.table->alone = s->alone; return read_lines(r);
    case GP_FORM_BY_NAME: return read_by_name(r, s);
    case GP_FORM_COLUMNS: return read_columns(r, false);
    case GP_FORM_LISTS: return read_columns(r, true);
    case GP_FORM_SPLIT: *whole = false; return read_split(r, s);
    case GP_FORM_TEXTS: return read_texts(r);
    case GP_FORM_COCO: *whole = false; return gp_table_read_coco(&r->scan, s);
    case GP_FORM_WRAPPED:
        *whole = false;
        r->scan.at = s->data;
        return read_array(r);
    }
    return GP_OK;
}

/* Keeps the rows before the error, if there are any. */
static gp_status keep_the_rest(reader *r, gp_status st, const gp_error *reason, gp_error *err)
{
    gp_table *t = r->scan.table;
    if (st != GP_ERR_FORMAT || !t->strips || !t->count) return gp_fail_as(err, st, reason);
    return gp_table_remark_text(t, GP_REMARK_BROKEN_OFF, r->scan.line, reason->message, err);
}

gp_status gp_table_read_json(gp_table *table, char *text, size_t size, bool lines, gp_error *err)
{
    gp_error reason = {0};
    gp_shape s = {0};
    bool whole = true;
    reader *r = gp_mem_zero(1, sizeof *r);
    if (!r) return gp_fail_memory(err, "a prompt table");
    r->scan = (gp_scan){.table = table, .text = text, .at = text, .end = text + size, .line = 1, .err = &reason};
    gp_status st = gp_shape_find(r->scan, lines, &s);
    if (st == GP_OK) st = read_form(r, &s, &whole);
    if (st == GP_OK && whole && gp_scan_peek(&r->scan)) st = gp_scan_wrong(&r->scan, "more follows after the table");
    if (st != GP_OK) st = keep_the_rest(r, st, &reason, err);
    gp_mem_free(r);
    return st;
}
