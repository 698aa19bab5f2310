/* SPDX-License-Identifier: MIT
 * Prompt tables: chooses the reader, stores the cells and reports what was left out. */
#include "archive/unpack.h"
#include "base/file.h"
#include "base/image_names.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "table/encoding.h"
#include "table/table_private.h"
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_FILE = 1 << 30, MARK_EVERY = 256, GAP = 0xFF, GAP_BASE = 127 };

gp_status gp_table_wrong(const gp_table *table, size_t line, gp_error *err, const char *format, ...)
{
    gp_str s = GP_STR_INIT;
    va_list args;
    va_start(args, format);
    gp_str_vprintf(&s, format, args);
    va_end(args);
    gp_fail_path(err, GP_ERR_FORMAT, "'%s': line %zu: %s", table->label, line, s.data ? s.data : "malformed");
    gp_str_clear(&s);
    return GP_ERR_FORMAT;
}

/* ------------------------------------------------------------------ filling */

gp_status gp_table_add_column(gp_table *table, const char *name, size_t *column, gp_error *err)
{
    if (table->count == GP_TABLE_MAX_COLUMNS)
        return gp_fail_path(err, GP_ERR_LIMIT, "'%s' has more than %d columns", table->label, GP_TABLE_MAX_COLUMNS);
    if (table->count == table->name_room) {
        size_t room = table->name_room ? 2 * table->name_room : 8;
        void *grown = gp_mem_resize(table->names, room, sizeof *table->names);
        if (!grown) return gp_fail_memory(err, "a prompt table");
        table->names = grown, table->name_room = room;
    }
    char *copy = gp_str_dup(name);
    if (!copy) return gp_fail_memory(err, "a prompt table");
    table->names[table->count] = copy;
    *column = table->count++;
    return GP_OK;
}

gp_status gp_table_add_unlike(gp_table *table, const char *name, size_t size, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    size_t column;
    for (; size && (*name == ' ' || *name == '\t'); size--) name++;
    while (size && (name[size - 1] == ' ' || name[size - 1] == '\t')) size--;
    if (size)
        gp_str_add(&s, name, size);
    else
        gp_str_printf(&s, "column %zu", table->count + 1);
    size_t plain = s.size;
    for (size_t copy = 0; !s.failed; copy++) {
        if (copy) s.size = plain, gp_str_printf(&s, ".%zu", copy);
        size_t same = 0;      /* number of columns with this name */
        size_t followers = 0; /* number of columns with this name and a suffix such as ".1" */
        for (size_t i = 0; i < table->count && !s.failed; i++) {
            const char *other = table->names[i];
            same += strcmp(other, s.data) == 0;
            followers += strncmp(other, s.data, plain) == 0 && other[plain] == '.';
        }
        if (!same) break;
        if (!copy) copy = followers;
    }
    gp_status st = s.failed ? gp_fail_memory(err, "a prompt table") : gp_table_add_column(table, s.data, &column, err);
    gp_str_clear(&s);
    return st;
}

gp_status gp_table_begin(gp_table *table, gp_error *err)
{
    if (table->strips == table->strip_room) {
        size_t room = table->strip_room ? table->strip_room + table->strip_room / 4 : 64;
        void *grown = gp_mem_resize(table->starts, room, sizeof *table->starts);
        if (!grown) return gp_fail_memory(err, "a prompt table");
        table->starts = grown, table->strip_room = room;
    }
    table->starts[table->strips++] = (uint32_t)table->size;
    table->gap = 0;
    return GP_OK;
}

/* Makes room for `more` bytes. */
static gp_status reserve(gp_table *table, size_t more, gp_error *err)
{
    if (more <= table->room - table->size) return GP_OK;
    if (more > UINT32_MAX - table->size)
        return gp_fail_path(err, GP_ERR_LIMIT, "'%s' contains more than 4 GiB of text", table->label);
    size_t room = table->size + more + table->size / 4 + 64;
    char *grown = gp_mem_resize(table->text, room, 1);
    if (!grown) return gp_fail_memory(err, "a prompt table");
    table->text = grown, table->room = room;
    return GP_OK;
}

static gp_status put_string(gp_table *table, const char *bytes, size_t size, gp_error *err)
{
    GP_TRY(reserve(table, size + 1, err));
    memmove(table->text + table->size, bytes, size);
    table->size += size;
    table->text[table->size++] = 0;
    return GP_OK;
}

gp_status gp_table_put(gp_table *table, const char *cell, size_t size, gp_error *err)
{
    char gap[16];
    size_t digits = 0;
    gap[digits++] = (char)GAP;
    for (; table->gap; table->gap /= GAP_BASE) gap[digits++] = (char)(table->gap % GAP_BASE + 1);
    if (digits > 1) GP_TRY(put_string(table, gap, digits, err));
    return put_string(table, cell, size, err);
}

void gp_table_skip(gp_table *table)
{
    table->gap++;
}

void gp_table_take_back(gp_table *table)
{
    table->size = table->starts[--table->strips];
    table->gap = 0;
}

/* ------------------------------------------------------------------ strips */

/* Iterates over the strings of a strip. `place`: number of the cell at `at`. */
typedef struct strip {
    const char *at, *end;
    size_t place;
} strip;

static size_t end_of(const gp_table *t, size_t index)
{
    return index + 1 < t->strips ? t->starts[index + 1] : t->size;
}

static strip open_strip(const gp_table *t, size_t index)
{
    return (strip){t->text + t->starts[index], t->text + end_of(t, index), 0};
}

/* Returns the cell at s->at, or NULL for a gap, and moves s behind it. */
static const char *next_string(strip *s)
{
    const char *cell = s->at;
    s->at += strlen(cell) + 1;
    if ((unsigned char)*cell != GAP) {
        s->place++;
        return cell;
    }
    size_t count = 0;
    for (const char *digit = s->at - 2; digit > cell; digit--) count = count * GAP_BASE + (size_t)(*digit - 1);
    s->place += count;
    return NULL;
}

/* Moves s to the last cell of the strip that has a mark (gp_table_mark) and does not come after the wanted cell. */
static void jump(const gp_table *t, strip *s, size_t wanted)
{
    size_t begin = (size_t)(s->at - t->text), end = (size_t)(s->end - t->text);
    if (end - begin < 2 * MARK_EVERY) return;
    size_t low = begin / MARK_EVERY + 1, high = (end - 1) / MARK_EVERY + 1, first = low;
    if (high > t->mark_count) high = t->mark_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->marks[middle].offset < end && t->marks[middle].place <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == first) return;
    s->at = t->text + t->marks[low - 1].offset;
    s->place = t->marks[low - 1].place;
}

static const char *cell_of(const gp_table *t, size_t index, size_t wanted)
{
    if (index >= t->strips) return NULL;
    strip s = open_strip(t, index);
    jump(t, &s, wanted);
    while (s.at < s.end && s.place <= wanted) {
        size_t place = s.place;
        const char *cell = next_string(&s);
        if (place == wanted) return cell;
    }
    return NULL;
}

/* Frees the memory after `count` elements. */
static gp_status shrink(void **block, size_t count, size_t size, gp_error *err)
{
    void *less = count ? gp_mem_resize(*block, count, size) : *block;
    if (count && !less) return gp_fail_memory(err, "a prompt table");
    *block = less;
    return GP_OK;
}

/* Frees spare memory and sets the marks, after everything has been read. */
static gp_status finish(gp_table *t, gp_error *err)
{
    size_t next = 0;
    GP_TRY(reserve(t, 1, err)); /* a table without cells needs a text too */
    GP_TRY(shrink((void **)&t->text, t->size, 1, err));
    GP_TRY(shrink((void **)&t->starts, t->strips, sizeof *t->starts, err));
    t->room = t->size, t->strip_room = t->strips;
    t->mark_count = t->size / MARK_EVERY + 1;
    GP_TRY(gp_alloc((void **)&t->marks, t->mark_count, sizeof *t->marks, "a prompt table", err));
    for (size_t i = 0; i < t->strips; i++) {
        strip s = open_strip(t, i);
        GP_TRY(gp_watch_work(t->watch, (size_t)(s.end - s.at) + 1, err));
        while (s.at < s.end) {
            gp_table_mark mark = {(uint32_t)(s.at - t->text), (uint32_t)s.place};
            for (; next < t->mark_count && next * MARK_EVERY <= mark.offset; next++) t->marks[next] = mark;
            next_string(&s);
        }
        if (t->by_column && s.place > t->rows) t->rows = s.place;
    }
    t->mark_count = next;
    if (!t->by_column) t->rows = t->strips;
    return GP_OK;
}

/* ------------------------------------------------------------------ remarks */

void gp_table_remark(gp_table *table, gp_remark kind, size_t line)
{
    if (!table->remarks[kind]++) table->remark_lines[kind] = line;
}

gp_status gp_table_remark_text(gp_table *table, gp_remark kind, size_t line, const char *text, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_table_remark(table, kind, line);
    if (table->remarks[kind] > 8) return GP_OK; /* enough names in one line */
    if (table->remark_text[kind]) gp_str_printf(&s, "%s, ", table->remark_text[kind]);
    gp_str_puts(&s, text);
    char *joined = gp_str_take(&s);
    if (!joined) return gp_fail_memory(err, "a prompt table");
    gp_mem_free(table->remark_text[kind]);
    table->remark_text[kind] = joined;
    return GP_OK;
}

/* Appends "3 rows have" or "1 row has", then `words`, then the line of the first such row. */
static void put_rows(gp_str *s, const gp_table *t, gp_remark kind, const char *noun, const char *words)
{
    uint64_t n = t->remarks[kind];
    gp_str_printf(s, "'%s': %llu %s%s %s (%sline %zu)", gp_table_name(t), (unsigned long long)n, noun,
                  gp_plural(n, " has", "s have"), words, gp_plural(n, "", "the first in "), t->remark_lines[kind]);
}

static void put_remark(gp_str *s, const gp_table *t, gp_remark kind)
{
    const char *name = gp_table_name(t), *text = t->remark_text[kind] ? t->remark_text[kind] : "";
    bool one = t->remarks[kind] == 1;
    switch (kind) {
    case GP_REMARK_ENCODING: gp_str_printf(s, "'%s' is not valid UTF-8; it was read as %s", name, text); break;
    case GP_REMARK_LONG_ROWS:
        put_rows(s, t, kind, "row", "more cells than the header; the cells without a column are left out");
        break;
    case GP_REMARK_JOINED_ROWS:
        put_rows(s, t, kind, "row",
                 "a delimiter without quotes in the last column; that cell gets the rest of the line");
        break;
    case GP_REMARK_SPLIT_ROWS:
        put_rows(s, t, kind, "row", "more cells than the header, and the delimiter that should be quoted is not clear");
        gp_str_puts(s, one ? "; it is left out" : "; they are left out");
        break;
    case GP_REMARK_SHORT_ROWS:
        put_rows(s, t, kind, "row", "fewer cells than the header; the cells that are missing stay empty");
        break;
    case GP_REMARK_OPEN_QUOTES:
        put_rows(s, t, kind, "cell", "a quote that never closes; the quote is read as a letter");
        break;
    case GP_REMARK_CUT_ROW:
        gp_str_printf(s, "'%s': the last row (line %zu) ends inside quotes and is left out", name,
                      t->remark_lines[kind]);
        break;
    case GP_REMARK_BAD_RECORDS:
        gp_str_printf(s, "'%s': %llu record%s cannot be read and %s left out (%s)", name,
                      (unsigned long long)t->remarks[kind], one ? "" : "s", one ? "is" : "are", text);
        break;
    case GP_REMARK_BROKEN_OFF: gp_str_printf(s, "%s; what comes before it is read", text); break;
    case GP_REMARK_COLUMNS:
        gp_str_printf(s, "'%s': %llu column%s left out: %s", name, (unsigned long long)t->remarks[kind],
                      one ? " is" : "s are", text);
        break;
    case GP_REMARK_LOST_CAPTIONS:
        gp_str_printf(s, "'%s': %llu caption%s to no image of its list, and %s left out", name,
                      (unsigned long long)t->remarks[kind], one ? " belongs" : "s belong", one ? "is" : "are");
        break;
    case GP_REMARK_NO_HEADER:
        gp_str_printf(s, "'%s' has no line of column names: its columns are read as file_name and prompt", name);
        break;
    case GP_REMARKS: break;
    }
}

void gp_table_notes(const gp_table *table, gp_note_fn note, void *user)
{
    static const char *const codes[GP_REMARKS] = {"table-encoding",   "table-long-rows",     "table-joined-rows",
                                                  "table-split-rows", "table-short-rows",    "table-open-quotes",
                                                  "table-cut-row",    "table-bad-records",   "table-broken-off",
                                                  "table-columns",    "table-lost-captions", "table-no-header"};
    for (int kind = 0; note && kind < GP_REMARKS; kind++) {
        gp_str s = GP_STR_INIT;
        if (!table->remarks[kind]) continue;
        put_remark(&s, table, (gp_remark)kind);
        if (!s.failed && s.data) note(user, &(gp_note){codes[kind], s.data, table->remarks[kind]});
        gp_str_clear(&s);
    }
}

/* ------------------------------------------------------------------ opening */

/* Converts the file's text to UTF-8. */
static gp_status take_text(gp_table *table, gp_bytes *bytes, gp_error *err)
{
    gp_encoding encoding;
    GP_TRY(gp_text_decode(table->label, bytes, &encoding, table->watch, err));
    if (encoding == GP_ENCODING_1252) GP_TRY(gp_table_remark_text(table, GP_REMARK_ENCODING, 0, "code page 1252", err));
    if (encoding == GP_ENCODING_UTF8_DAMAGED)
        GP_TRY(gp_table_remark_text(table, GP_REMARK_ENCODING, 0, "UTF-8 with U+FFFD for each invalid byte", err));
    const char *text = (const char *)bytes->data, *zero = memchr(text, 0, bytes->size);
    if (!zero) return GP_OK;
    size_t line = 1;
    for (const char *p = text; p < zero; p++) line += *p == '\n';
    return gp_table_wrong(table, line, err, "a NUL byte, so the file is not a text table");
}

/* Finds the kind of a table by its text. */
static const char *kind_of_text(const char *text)
{
    text += strspn(text, " \t\r\n");
    if (*text == '[' || *text == '{') return "json";
    size_t line = strcspn(text, "\r\n");
    return memchr(text, '\t', line) ? "tsv" : "csv";
}

/* Returns the delimiter of a first line that has the name of an image file, one delimiter and a text, else 0. Such a
 * table has no line of column names. */
static char delimiter_of_pair(const char *line)
{
    size_t size = strcspn(line, "\r\n"), name = strcspn(line, ",;\t");
    char delimiter = name < size ? line[name] : 0;
    bool pair = delimiter && !memchr(line, '"', size) && !memchr(line + name + 1, delimiter, size - name - 1);
    return pair && gp_name_is_image_sized(line, name) ? delimiter : 0;
}

/* Puts a line of column names before a table of pairs that has none. */
static gp_status add_header(gp_table *table, gp_bytes *bytes, gp_error *err)
{
    gp_str all = GP_STR_INIT;
    char delimiter = delimiter_of_pair((const char *)bytes->data);
    if (!delimiter) return GP_OK;
    gp_str_printf(&all, "file_name%cprompt\n", delimiter);
    gp_str_add(&all, bytes->data, bytes->size);
    if (all.failed) return gp_fail_memory(err, "a prompt table");
    gp_bytes_clear(bytes);
    *bytes = (gp_bytes){(uint8_t *)all.data, all.size};
    gp_table_remark(table, GP_REMARK_NO_HEADER, 1);
    return GP_OK;
}

static gp_status read_text(gp_table *table, gp_bytes *bytes, const char *kind, gp_error *err)
{
    GP_TRY(take_text(table, bytes, err));
    if (bytes->size == strspn((char *)bytes->data, " \t\r\n"))
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is empty", table->label);
    if (!kind && gp_table_is_html_log((char *)bytes->data))
        return gp_table_read_html(table, (char *)bytes->data, bytes->size, err);
    if (!kind) kind = kind_of_text((char *)bytes->data);
    if (strcmp(kind, "json") == 0 || strcmp(kind, "jsonl") == 0)
        return gp_table_read_json(table, (char *)bytes->data, bytes->size, strcmp(kind, "jsonl") == 0, err);
    assert(strcmp(kind, "csv") == 0 || strcmp(kind, "tsv") == 0);
    GP_TRY(add_header(table, bytes, err));
    table->text = (char *)bytes->data, table->room = bytes->size + 1; /* packed in place */
    *bytes = (gp_bytes){0};
    return gp_table_read_csv(table, strcmp(kind, "tsv") == 0, err);
}

/* Unpacks a table that is compressed with gzip or zstd. */
static gp_status unpack(const char *name, gp_bytes *bytes, gp_watch *watch, gp_error *err)
{
    gp_bytes plain = {0};
    if (!gp_stream_packing(bytes->data, bytes->size)) return GP_OK;
    GP_TRY(gp_stream_unpack(name, bytes->data, bytes->size, MAX_FILE, watch, &plain, err));
    gp_bytes_clear(bytes);
    *bytes = plain;
    if (!gp_stream_packing(bytes->data, bytes->size)) return GP_OK;
    return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' is compressed twice: unpack it once", name);
}

/* Reads a table from `bytes`. On success the function has freed the bytes, or they belong to the table. */
static gp_status read_bytes(const char *name, gp_bytes *bytes, const char *kind, gp_watch *watch, gp_table **out,
                            gp_error *err)
{
    gp_status st;
    gp_table *table = gp_mem_zero(1, sizeof *table);
    char *absolute = NULL;
    if (!table) return gp_fail_memory(err, "a prompt table");
    table->index_column = SIZE_MAX, table->watch = watch;
    if (bytes->size > MAX_FILE) GP_TRY_GOTO(gp_fail_path(err, GP_ERR_LIMIT, "'%s' is larger than 1 GiB", name));
    table->label = gp_str_dup(name);
    absolute = gp_path_absolute(name);
    table->folder = absolute ? gp_path_folder(absolute) : NULL;
    if (!table->label || !table->folder) GP_TRY_GOTO(gp_fail_memory(err, "a prompt table"));
    GP_TRY_GOTO(unpack(name, bytes, watch, err));
    if (bytes->size >= 4 && memcmp(bytes->data, "PAR1", 4) == 0)
        GP_TRY_GOTO(gp_table_read_parquet(table, bytes->data, bytes->size, err));
    else
        GP_TRY_GOTO(read_text(table, bytes, kind, err));
    gp_bytes_clear(bytes);
    GP_TRY_GOTO(finish(table, err));
    GP_TRY_GOTO(gp_table_rename_known(table, err));
    table->watch = NULL;
    *out = table;
    table = NULL;
out:
    gp_mem_free(absolute);
    gp_table_close(table);
    return st;
}

gp_status gp_table_parse(const char *name, const void *bytes, size_t size, const char *kind, gp_table **out,
                         gp_error *err)
{
    if (size > MAX_FILE) return gp_fail_path(err, GP_ERR_LIMIT, "'%s' is larger than 1 GiB", name);
    gp_bytes copy = {(uint8_t *)gp_str_dup_n(bytes, size), size};
    if (!copy.data) return gp_fail_memory(err, "a prompt table");
    gp_status st = read_bytes(name, &copy, kind, NULL, out, err);
    gp_bytes_clear(&copy);
    return st;
}

/* Returns the kind that the extension of a file tells, or NULL. "a.csv.gz" has the kind of "a.csv". */
static const char *kind_of_name(const char *path)
{
    static const struct {
        const char *extension, *kind;
    } known[] = {{".csv", "csv"},   {".tsv", "tsv"},     {".tab", "tsv"},
                 {".json", "json"}, {".jsonl", "jsonl"}, {".ndjson", "jsonl"}};
    static const char *const packed[] = {"", ".gz", ".zst", ".zstd"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (size_t k = 0; k < sizeof packed / sizeof *packed; k++) {
            size_t inner = strlen(known[i].extension), whole = inner + strlen(packed[k]), size = strlen(path);
            if (size >= whole && strncasecmp(path + size - whole, known[i].extension, inner) == 0 &&
                gp_str_equal_nocase(path + size - whole + inner, packed[k]))
                return known[i].kind;
        }
    return NULL;
}

gp_status gp_table_read(const char *path, gp_watch *watch, gp_table **out, gp_error *err)
{
    const char *kind = kind_of_name(path);
    gp_bytes bytes = {0};
    if (gp_str_equal_nocase(gp_path_extension(path), ".xlsx"))
        return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' is an Excel workbook (.xlsx): save it as CSV", path);
    GP_TRY(gp_file_read(path, MAX_FILE, &bytes, err));
    gp_status st = read_bytes(path, &bytes, kind, watch, out, err);
    gp_bytes_clear(&bytes);
    return st;
}

gp_status gp_table_open(const char *path, gp_table **out, gp_error *err)
{
    return gp_table_read(path, NULL, out, err);
}

void gp_table_close(gp_table *table)
{
    if (!table) return;
    for (size_t i = 0; i < table->count; i++) gp_mem_free(table->names[i]);
    for (int kind = 0; kind < GP_REMARKS; kind++) gp_mem_free(table->remark_text[kind]);
    gp_mem_free(table->names);
    gp_mem_free(table->marks);
    gp_mem_free(table->starts);
    gp_mem_free(table->text);
    gp_mem_free(table->folder);
    gp_mem_free(table->label);
    gp_mem_free(table);
}

/* ------------------------------------------------------------------ reading cells */

const char *gp_table_name(const gp_table *table)
{
    return gp_path_base(table->label);
}
const char *gp_table_folder(const gp_table *table)
{
    return table->folder;
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
    return table->names[column];
}

const char *gp_table_cell(const gp_table *table, size_t row, size_t column)
{
    assert(column < table->count && row < table->rows);
    return table->by_column ? cell_of(table, column, row) : cell_of(table, row, column);
}

static void put_extra(const gp_table *table, size_t column, const char *cell, gp_str *out)
{
    if (!cell || !*cell) return;
    gp_json_put_name(out, table->names[column]);
    if (gp_table_is_number(table->names[column], cell))
        gp_str_puts(out, cell);
    else
        gp_json_put_string(out, cell);
}

void gp_table_put_extras(const gp_table *table, size_t row, size_t but, size_t and_but, gp_str *out)
{
    for (size_t c = 0; table->by_column && c < table->count; c++)
        if (c != but && c != and_but) put_extra(table, c, cell_of(table, c, row), out);
    if (table->by_column || row >= table->strips) return;
    for (strip s = open_strip(table, row); s.at < s.end;) {
        size_t column = s.place;
        const char *cell = next_string(&s);
        if (column != but && column != and_but) put_extra(table, column, cell, out);
    }
}

size_t gp_table_find(const gp_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->names[i], name) == 0) return i;
    for (size_t i = 0; i < table->count; i++)
        if (gp_str_equal_nocase(table->names[i], name)) return i;
    return SIZE_MAX;
}
