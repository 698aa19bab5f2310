/* SPDX-License-Identifier: MIT
 * Prompt tables: which reader, the cells, which columns matter, and the row of an image.
 *
 * The row of an image is found by three keys of its cell, tried in this order: the absolute path (a relative cell is
 * taken relative to the table's folder), the path relative to the walked root, the base name.  Keys are compared as
 * hashes in sorted arrays (16 bytes a row each), then for real.  Cells written on Windows ('\') count as '/'. */
#include "ingest/table_inner.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 30 };

gp_status gp_table_wrong(const gp_table *table, size_t line, gp_error *err, const char *format, ...)
{
    gp_str s = GP_STR_INIT;
    va_list args;
    va_start(args, format);
    gp_str_vprintf(&s, format, args);
    va_end(args);
    gp_fail(err, GP_ERR_FORMAT, "'%s': line %zu: %s", table->label, line, s.data ? s.data : "malformed");
    gp_str_clear(&s);
    return GP_ERR_FORMAT;
}

static gp_status no_memory(gp_error *err)
{
    return gp_fail(err, GP_ERR_MEMORY, "out of memory for a prompt table");
}

gp_status gp_table_add_column(gp_table *table, const char *name, size_t *column, gp_error *err)
{
    if (table->count == GP_TABLE_MAX_COLUMNS)
        return gp_fail(err, GP_ERR_LIMIT, "'%s': more than %d columns", table->label, GP_TABLE_MAX_COLUMNS);
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 8;
        void *grown = gp_mem_resize(table->columns, capacity, sizeof *table->columns);
        if (!grown) return no_memory(err);
        table->columns = grown, table->capacity = capacity;
    }
    char *copy = gp_str_dup(name);
    if (!copy) return no_memory(err);
    table->columns[table->count] = (gp_table_col){.name = copy};
    *column = table->count++;
    return GP_OK;
}

gp_status gp_table_put(gp_table *table, size_t row, size_t column, const char *cell, gp_error *err)
{
    assert(column < table->count);
    gp_table_col *c = &table->columns[column];
    if (row >= c->capacity) {
        size_t capacity = c->capacity ? c->capacity : 64;
        while (capacity <= row) capacity *= 2; /* row counts bytes of a file at most: no overflow */
        void *grown = gp_mem_resize(c->cells, capacity, sizeof *c->cells);
        if (!grown) return no_memory(err);
        c->cells = grown, c->capacity = capacity;
    }
    while (c->filled <= row) c->cells[c->filled++] = NULL;
    c->cells[row] = cell;
    if (row >= table->rows) table->rows = row + 1;
    return GP_OK;
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

/* The file's bytes as UTF-8 without BOM in table->text; FORMAT with the line of the first byte that is not text. */
static gp_status take_text(gp_table *table, const uint8_t *bytes, size_t size, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    bool little = size >= 2 && bytes[0] == 0xFF && bytes[1] == 0xFE,
         big = size >= 2 && bytes[0] == 0xFE && bytes[1] == 0xFF;
    if (little || big)
        gp_str_add_utf16(&s, bytes + 2, size - 2, big);
    else if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        gp_str_add(&s, bytes + 3, size - 3);
    else
        gp_str_add(&s, bytes, size);
    gp_str_add(&s, "", 0); /* a BOM alone: an empty text, not none */
    if (s.failed) {
        gp_str_clear(&s);
        return no_memory(err);
    }
    table->text = s.data, table->size = s.size;
    size_t line = 1;
    for (size_t i = 0; i < s.size;) {
        uint32_t cp;
        size_t n = gp_utf8_next(s.data + i, s.size - i, &cp);
        if (cp == 0) return gp_table_wrong(table, line, err, "a NUL byte: not a text table");
        if (cp == 0xFFFD && n == 1) return gp_table_wrong(table, line, err, "not UTF-8; save the table as UTF-8");
        line += cp == '\n';
        i += n;
    }
    return GP_OK;
}

/* The kind by what the text looks like. */
static const char *kind_of_text(const char *text)
{
    text += strspn(text, " \t\r\n");
    if (*text == '[' || *text == '{') return "json";
    size_t line = strcspn(text, "\r\n");
    return memchr(text, '\t', line) ? "tsv" : "csv";
}

static gp_status read_as(gp_table *table, const char *kind, gp_error *err)
{
    if (table->size == strspn(table->text, " \t\r\n"))
        return gp_fail(err, GP_ERR_FORMAT, "'%s' is empty", table->label);
    if (!kind) kind = kind_of_text(table->text);
    if (strcmp(kind, "json") == 0 || strcmp(kind, "jsonl") == 0)
        return gp_table_read_json(table, strcmp(kind, "jsonl") == 0, err);
    assert(strcmp(kind, "csv") == 0 || strcmp(kind, "tsv") == 0);
    return gp_table_read_csv(table, strcmp(kind, "tsv") == 0, err);
}

gp_status gp_table_parse(const char *name, const void *bytes, size_t size, const char *kind, gp_table **out,
                         gp_error *err)
{
    gp_status st;
    gp_table *table = gp_mem_zero(1, sizeof *table);
    char *absolute = NULL;
    if (!table) return no_memory(err);
    if (size > MAX_FILE) GP_GO(gp_fail(err, GP_ERR_LIMIT, "'%s' is larger than 1 GiB", name));
    table->label = gp_str_dup(name);
    absolute = gp_path_absolute(name);
    table->folder = absolute ? gp_path_folder(absolute) : NULL;
    if (!table->label || !table->folder) GP_GO(no_memory(err));
    if (size >= 4 && memcmp(bytes, "PAR1", 4) == 0) {
        GP_GO(gp_table_read_parquet(table, bytes, size, err));
    } else {
        GP_GO(take_text(table, bytes, size, err));
        GP_GO(read_as(table, kind, err));
    }
    *out = table;
    table = NULL;
out:
    gp_mem_free(absolute);
    gp_table_close(table);
    return st;
}

gp_status gp_table_open(const char *path, gp_table **out, gp_error *err)
{
    static const struct {
        const char *extension, *kind;
    } known[] = {
        {".csv", "csv"}, {".tsv", "tsv"}, {".tab", "tsv"}, {".json", "json"}, {".jsonl", "jsonl"}, {".ndjson", "jsonl"},
    };
    const char *kind = NULL, *extension = gp_path_extension(path);
    gp_bytes bytes = {0};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (gp_str_equal_nocase(extension, known[i].extension)) kind = known[i].kind;
    GP_TRY(gp_file_read(path, MAX_FILE, &bytes, err));
    gp_status st = gp_table_parse(path, bytes.data, bytes.size, kind, out, err);
    gp_bytes_clear(&bytes);
    return st;
}

void gp_table_close(gp_table *table)
{
    if (!table) return;
    for (size_t i = 0; i < table->count; i++) {
        gp_mem_free(table->columns[i].name);
        gp_mem_free((void *)table->columns[i].cells);
    }
    for (int k = 0; k < GP_TABLE_INDEXES; k++) gp_mem_free(table->slots[k]);
    gp_mem_free(table->columns);
    gp_mem_free(table->text);
    gp_mem_free(table->folder);
    gp_mem_free(table->label);
    gp_mem_free(table);
}

/* ---- looking -------------------------------------------------------------------------------------------------- */

const char *gp_table_name(const gp_table *table)
{
    return gp_path_base(table->label);
}
size_t gp_table_rows(const gp_table *table)
{
    return table->rows;
}
size_t gp_table_columns(const gp_table *table)
{
    return table->count;
}

const char *gp_table_column(const gp_table *table, size_t column)
{
    assert(column < table->count);
    return table->columns[column].name;
}

const char *gp_table_cell(const gp_table *table, size_t row, size_t column)
{
    assert(column < table->count && row < table->rows);
    const gp_table_col *c = &table->columns[column];
    return row < c->filled ? c->cells[row] : NULL;
}

size_t gp_table_find(const gp_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->columns[i].name, name) == 0) return i;
    for (size_t i = 0; i < table->count; i++)
        if (gp_str_equal_nocase(table->columns[i].name, name)) return i;
    return SIZE_MAX;
}

/* ---- roles ---------------------------------------------------------------------------------------------------- */

/* Usual names, best first; "image file" and "image-file" count as "image_file", and case does not matter. */
static const char *const image_names[] = {"file_name", "image",     "image_path",     "image_file", "image_name",
                                          "img_path",  "img",       "path",           "file",       "filename",
                                          "filepath",  "file_path", "image_filename", "image_id",   NULL};
static const char *const prompt_names[] = {
    "prompt", "text", "caption", "positive_prompt", "positive", "prompt_text", "captions", "description", "p", NULL};

static bool same_name(const char *column, const char *usual)
{
    for (; *column && *usual; column++, usual++) {
        char c = *column == ' ' || *column == '-' ? '_' : *column;
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if (c != *usual) return false;
    }
    return *column == *usual;
}

static size_t find_usual(const gp_table *table, const char *const *names)
{
    for (; *names; names++)
        for (size_t i = 0; i < table->count; i++)
            if (same_name(table->columns[i].name, *names)) return i;
    return SIZE_MAX;
}

/* "'image', 'prompt', 'seed'" with at most twenty names. */
static void add_columns(gp_str *s, const gp_table *table)
{
    if (!table->count) gp_str_puts(s, "none");
    for (size_t i = 0; i < table->count && i < 20; i++)
        gp_str_printf(s, "%s'%.60s'", i ? ", " : "", table->columns[i].name);
    if (table->count > 20) gp_str_printf(s, " and %zu more", table->count - 20);
}

static gp_status missing(const gp_table *table, const char *wanted, const char *what, bool prompts_only, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (wanted)
        gp_str_printf(&s, "'%s' has no column '%s'", table->label, wanted);
    else
        gp_str_printf(&s, "'%s' has no %s column by a usual name (%s); name it with --%s-column", table->label, what,
                      *what == 'i' ? "file_name, image, path ..." : "prompt, text, caption ...", what);
    if (prompts_only) gp_str_puts(&s, "; a table of prompts alone does not say which picture is whose");
    gp_str_puts(&s, "; its columns: ");
    add_columns(&s, table);
    gp_fail(err, GP_ERR_USAGE, "%s", s.failed || !s.data ? "a column is missing in the prompt table" : s.data);
    gp_str_clear(&s);
    return GP_ERR_USAGE;
}

/* ---- the row of an image ---------------------------------------------------------------------------------------- */

/* Append `path` with '\' as '/', and without "//", "." and (where possible) ".." components. */
static void add_normal(gp_str *s, const char *path)
{
    size_t start = s->size;
    bool absolute = *path == '/' || *path == '\\';
    if (absolute) gp_str_putc(s, '/'), start++;
    while (*path && !s->failed) {
        path += strspn(path, "/\\");
        size_t n = strcspn(path, "/\\");
        bool climbed = s->size >= start + 2 && memcmp(s->data + s->size - 2, "..", 2) == 0 &&
                       (s->size == start + 2 || s->data[s->size - 3] == '/'); /* "../..": not a folder to leave */
        if (n == 2 && path[0] == '.' && path[1] == '.' && s->size > start && !climbed) {
            while (s->size > start && s->data[s->size - 1] != '/') s->size--;
            if (s->size > start) s->size--;
            s->data[s->size] = 0;
        } else if (n && !(n == 1 && path[0] == '.') && !(n == 2 && absolute && path[0] == '.' && path[1] == '.')) {
            if (s->size > start) gp_str_putc(s, '/');
            gp_str_add(s, path, n);
        }
        path += n;
    }
}

static const char *base_of(const char *cell)
{
    const char *base = cell;
    for (; *cell; cell++)
        if (*cell == '/' || *cell == '\\') base = cell + 1;
    return base;
}

static void set_key(gp_str *s, const gp_table *table, int kind, const char *cell)
{
    gp_str_reset(s);
    if (kind == GP_TABLE_BY_BASE) {
        gp_str_puts(s, base_of(cell));
    } else if (kind == GP_TABLE_BY_RELATIVE || *cell == '/' || *cell == '\\') {
        add_normal(s, cell);
    } else {
        char *joined = gp_path_join(table->folder, cell);
        if (joined) add_normal(s, joined);
        s->failed |= !joined;
        gp_mem_free(joined);
    }
}

static uint64_t hash_key(const gp_str *s)
{
    uint64_t hash;
    gp_hash full = gp_hash_of(s->data ? s->data : "", s->size);
    memcpy(&hash, full.bytes, sizeof hash);
    return hash;
}

static int compare_slots(const void *a, const void *b)
{
    const gp_table_slot *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Index the rows by the cells of the image column: three sorted arrays. */
static gp_status build_index(gp_table *table, size_t column, gp_error *err)
{
    gp_status st = GP_OK;
    gp_str key = GP_STR_INIT;
    size_t count = 0;
    for (int k = 0; k < GP_TABLE_INDEXES; k++) {
        gp_mem_free(table->slots[k]);
        table->slots[k] = NULL;
    }
    table->slot_count = 0;
    for (int k = 0; k < GP_TABLE_INDEXES; k++) {
        table->slots[k] = gp_mem_new(table->rows, sizeof(gp_table_slot));
        if (!table->slots[k]) GP_GO(no_memory(err));
    }
    for (size_t row = 0; row < table->rows; row++) {
        const char *cell = gp_table_cell(table, row, column);
        if (!cell || !*cell) continue;
        for (int k = 0; k < GP_TABLE_INDEXES; k++) {
            set_key(&key, table, k, cell);
            if (key.failed) GP_GO(no_memory(err));
            table->slots[k][count] = (gp_table_slot){hash_key(&key), row};
        }
        count++;
    }
    for (int k = 0; k < GP_TABLE_INDEXES; k++)
        if (count) qsort(table->slots[k], count, sizeof(gp_table_slot), compare_slots);
    table->slot_count = count, table->slot_column = column;
out:
    gp_str_clear(&key);
    return st;
}

/* First row with that key; SIZE_MAX if none.  A base name that stands for two different cells is no answer. */
static size_t find_key(const gp_table *table, int kind, const gp_str *wanted, gp_str *scratch)
{
    size_t low = 0, high = table->slot_count, found = SIZE_MAX;
    uint64_t hash = hash_key(wanted);
    const gp_table_slot *slots = table->slots[kind];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slots[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < table->slot_count && slots[low].hash == hash; low++) {
        const char *cell = gp_table_cell(table, slots[low].row, table->slot_column);
        set_key(scratch, table, kind, cell);
        if (scratch->failed || scratch->size != wanted->size || memcmp(scratch->data, wanted->data, wanted->size) != 0)
            continue;
        if (found == SIZE_MAX) found = slots[low].row;
        if (kind != GP_TABLE_BY_BASE) break;
        if (strcmp(cell, gp_table_cell(table, found, table->slot_column)) != 0) return SIZE_MAX;
    }
    return found;
}

size_t gp_table_row_of(const gp_table *table, size_t image_column, const char *path, const char *root)
{
    gp_str key = GP_STR_INIT, scratch = GP_STR_INIT;
    size_t row = SIZE_MAX;
    assert(table->slots[0] && table->slot_column == image_column); /* gp_table_roles was called */
    if (!table->slots[0] || table->slot_column != image_column || !table->slot_count) return SIZE_MAX;
    add_normal(&key, path);
    if (!key.failed && key.size) row = find_key(table, GP_TABLE_BY_PATH, &key, &scratch);
    if (row == SIZE_MAX && root && !key.failed) {
        gp_str top = GP_STR_INIT;
        add_normal(&top, root);
        size_t skip = top.size + (top.size && top.data[top.size - 1] != '/');
        if (!top.failed && key.size > skip && memcmp(key.data, top.data, top.size) == 0 && key.data[skip - 1] == '/') {
            gp_str relative = {key.data + skip, key.size - skip, 0, false};
            row = find_key(table, GP_TABLE_BY_RELATIVE, &relative, &scratch);
        }
        gp_str_clear(&top);
    }
    if (row == SIZE_MAX) {
        set_key(&key, table, GP_TABLE_BY_BASE, path);
        if (!key.failed && key.size) row = find_key(table, GP_TABLE_BY_BASE, &key, &scratch);
    }
    gp_str_clear(&scratch);
    gp_str_clear(&key);
    return row;
}

void gp_table_put_extras(const gp_table *table, size_t row, size_t but, size_t and_but, gp_str *out)
{
    for (size_t c = 0; c < gp_table_columns(table); c++) {
        const char *cell = gp_table_cell(table, row, c);
        if (c == but || c == and_but || !cell || !*cell) continue;
        gp_json_put_name(out, gp_table_column(table, c));
        gp_json_put_string(out, cell);
    }
}

gp_status gp_table_prompt_column(const gp_table *table, const char *wanted, size_t *prompt, gp_error *err)
{
    *prompt = wanted ? gp_table_find(table, wanted) : find_usual(table, prompt_names);
    return *prompt == SIZE_MAX ? missing(table, wanted, "prompt", false, err) : GP_OK;
}

gp_status gp_table_roles(gp_table *table, const char *image_column, const char *prompt_column, size_t *image,
                         size_t *prompt, gp_error *err)
{
    size_t i = image_column ? gp_table_find(table, image_column) : find_usual(table, image_names);
    size_t p = prompt_column ? gp_table_find(table, prompt_column) : find_usual(table, prompt_names);
    if (i == SIZE_MAX) return missing(table, image_column, "image", !image_column && p != SIZE_MAX, err);
    if (p == SIZE_MAX) return missing(table, prompt_column, "prompt", false, err);
    if (i == p)
        return gp_fail(err, GP_ERR_USAGE, "'%s': column '%s' cannot be both image and prompt", table->label,
                       table->columns[i].name);
    GP_TRY(build_index(table, i, err));
    *image = i, *prompt = p;
    return GP_OK;
}
