/* SPDX-License-Identifier: MIT
 * JSON tables, read by a scanner of their own: a table of embeddings is tens of megabytes of numbers nobody here needs,
 * and a tree of them would cost ten times that.  In place, like CSV: strings are unescaped onto themselves, nested
 * values lose their white space, and each cell is ended by a NUL (after a number the NUL must wait until the byte
 * behind it has been read: `seal`).  No recursion; nesting is bounded.
 *
 * Forms:   [{"image": "a.png", "prompt": "..."}, ...]           records
 *          {"image": "a.png", "prompt": "..."} one after another   JSON lines
 *          {"image": {"0": "a.png"}, "prompt": {"0": "..."}}       columns (pandas' default orient)
 *          {"image": ["a.png"], "prompt": ["..."]}                 columns as lists
 *          {"a.png": {"p": "...", "se": 1}}                        by file (DiffusionDB): column "file_name"
 * null, NaN and infinities are absent cells. */
#include "ingest/table_inner.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

typedef struct cursor {
    gp_table *table;
    char *at, *end; /* *end is a NUL */
    char *seal;     /* where the last cell ends; written when the byte there is no longer needed */
    size_t line;
    gp_error *err;
} cursor;

static gp_status wrong(cursor *c, const char *what)
{
    return gp_table_wrong(c->table, c->line, c->err, "%s%s", what, c->at >= c->end ? " (the file ends here)" : "");
}

static void skip_space(cursor *c)
{
    for (; *c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'; c->at++) c->line += *c->at == '\n';
}

/* The next byte that is not white space, without taking it. */
static char peek(cursor *c)
{
    skip_space(c);
    return *c->at;
}

static char take(cursor *c)
{
    char byte = peek(c);
    if (c->seal) *c->seal = 0;
    c->seal = NULL;
    if (c->at < c->end) c->at++;
    return byte;
}

static gp_status expect(cursor *c, char wanted, const char *what)
{
    return take(c) == wanted ? GP_OK : wrong(c, what);
}

/* ---- strings and cells ------------------------------------------------------------------------------------------ */

static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char d = p[i];
        int digit = d >= '0' && d <= '9'   ? d - '0'
                    : d >= 'a' && d <= 'f' ? d - 'a' + 10
                    : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                           : -1;
        if (digit < 0) return -1; /* also at the NUL behind the text */
        value = value * 16 + digit;
    }
    return value;
}

/* Write a code point as UTF-8; never longer than its escape.  NUL and lone surrogates become U+FFFD. */
static char *put_utf8(char *to, uint32_t cp)
{
    if (cp == 0 || (cp >= 0xD800 && cp <= 0xDFFF)) cp = 0xFFFD;
    if (cp < 0x80) {
        *to++ = (char)cp;
    } else if (cp < 0x800) {
        *to++ = (char)(0xC0 | cp >> 6), *to++ = (char)(0x80 | (cp & 0x3F));
    } else if (cp < 0x10000) {
        *to++ = (char)(0xE0 | cp >> 12), *to++ = (char)(0x80 | (cp >> 6 & 0x3F)), *to++ = (char)(0x80 | (cp & 0x3F));
    } else {
        *to++ = (char)(0xF0 | cp >> 18), *to++ = (char)(0x80 | (cp >> 12 & 0x3F));
        *to++ = (char)(0x80 | (cp >> 6 & 0x3F)), *to++ = (char)(0x80 | (cp & 0x3F));
    }
    return to;
}

/* The escape at c->at (behind the backslash); its length is taken, its character written to *to. */
static bool unescape(cursor *c, char **to)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *known = *c->at ? strchr(names, *c->at) : NULL;
    if (known) {
        *(*to)++ = values[known - names];
        c->at++;
        return true;
    }
    if (*c->at != 'u') return false;
    int unit = hex4(c->at + 1);
    if (unit < 0) return false;
    c->at += 5;
    uint32_t cp = (uint32_t)unit;
    if (cp >= 0xD800 && cp <= 0xDBFF && c->at[0] == '\\' && c->at[1] == 'u') {
        int low = hex4(c->at + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            cp = 0x10000 + ((cp & 0x3FF) << 10 | ((uint32_t)low & 0x3FF));
            c->at += 6;
        }
    }
    *to = put_utf8(*to, cp);
    return true;
}

static gp_status read_string(cursor *c, char **out)
{
    char *to;
    GP_TRY(expect(c, '"', "a string in double quotes was expected"));
    *out = to = c->at;
    for (;;) {
        char byte = *c->at;
        if (byte == '"') break;
        if ((unsigned char)byte < 0x20 && byte != '\t') return wrong(c, "a string has no closing quote on its line");
        c->at++;
        if (byte != '\\')
            *to++ = byte;
        else if (!unescape(c, &to))
            return wrong(c, "a bad \\ escape");
    }
    *to = 0; /* at the closing quote or before it */
    c->at++;
    return GP_OK;
}

/* Step over a string without changing it. */
static gp_status skip_string(cursor *c)
{
    for (c->at++; *c->at != '"'; c->at++) {
        if (*c->at == '\\' && c->at[1]) c->at++;
        if ((unsigned char)*c->at < 0x20 && *c->at != '\t')
            return wrong(c, "a string has no closing quote on its line");
    }
    c->at++;
    return GP_OK;
}

/* Step over an array or object, moving it together onto `to` without white space unless NULL; returns its new end. */
static gp_status skip_nested(cursor *c, char *to, char **new_end)
{
    uint64_t arrays = 0; /* bit i: level i is an array */
    int depth = 0;
    do {
        skip_space(c);
        char *from = c->at, byte = *from;
        if (byte == '"') {
            GP_TRY(skip_string(c));
        } else if (byte == '[' || byte == '{') {
            if (depth == MAX_DEPTH) return wrong(c, "values are nested too deeply");
            arrays = (arrays << 1) | (byte == '[');
            depth++, c->at++;
        } else if (byte == ']' || byte == '}') {
            if ((byte == ']') != (arrays & 1)) return wrong(c, "a bracket is closed by one of another kind");
            arrays >>= 1;
            depth--, c->at++;
        } else if (byte == ',' || byte == ':' || byte == '-' || byte == '+' || byte == '.' ||
                   (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) {
            c->at++;
        } else {
            return wrong(c, "a bracket is never closed, or a value is not JSON");
        }
        if (to) memmove(to, from, (size_t)(c->at - from)), to += c->at - from;
    } while (depth);
    if (new_end) *new_end = to;
    return GP_OK;
}

static bool is_number(const char *p, size_t size)
{
    if (size > 100) return false;
    char copy[104];
    double value;
    memcpy(copy, p, size);
    copy[size] = 0;
    return *p != '+' && *p != '.' && gp_parse_double(copy, &value);
}

/* Any value as a cell. */
static gp_status read_cell(cursor *c, const char **out)
{
    static const char *const absent[] = {"null", "NaN", "Infinity", "-Infinity"};
    char *start, first = peek(c);
    *out = NULL;
    if (first == '"') {
        GP_TRY(read_string(c, &start));
        *out = start;
        return GP_OK;
    }
    start = c->at;
    if (first == '{' || first == '[') {
        char *stop;
        GP_TRY(skip_nested(c, start, &stop));
        c->seal = stop;
        *out = start;
        return GP_OK;
    }
    size_t size = strcspn(start, " \t\r\n,]}:\"[{");
    c->at += size;
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (size == strlen(absent[i]) && memcmp(start, absent[i], size) == 0) return GP_OK;
    bool boolean = (size == 4 && memcmp(start, "true", 4) == 0) || (size == 5 && memcmp(start, "false", 5) == 0);
    if (!boolean && (!size || !is_number(start, size))) return wrong(c, "a value was expected");
    c->seal = start + size;
    *out = start;
    return GP_OK;
}

/* ---- the forms -------------------------------------------------------------------------------------------------- */

/* Column of that name, looked for first where the last record had it; added if new. */
static gp_status column_of(cursor *c, const char *name, size_t hint, size_t *column)
{
    gp_table *t = c->table;
    if (hint < t->count && strcmp(t->columns[hint].name, name) == 0) {
        *column = hint;
        return GP_OK;
    }
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->columns[i].name, name) == 0) {
            *column = i;
            return GP_OK;
        }
    return gp_table_add_column(t, name, column, c->err);
}

/* After a member or element: *more, or the closing bracket was taken. */
static gp_status next(cursor *c, char close, bool *more)
{
    char byte = take(c);
    *more = byte == ',';
    if (*more || byte == close) return GP_OK;
    return wrong(c, close == '}' ? "',' or '}' was expected" : "',' or ']' was expected");
}

/* Open an array or object; *more: it is not empty. */
static gp_status open(cursor *c, char bracket, const char *what, bool *more)
{
    GP_TRY(expect(c, bracket, what));
    *more = peek(c) != (bracket == '{' ? '}' : ']');
    if (!*more) take(c);
    return GP_OK;
}

static gp_status read_name(cursor *c, char **name)
{
    GP_TRY(read_string(c, name));
    return expect(c, ':', "':' was expected");
}

static gp_status read_record(cursor *c, size_t row, size_t first_column)
{
    bool more;
    GP_TRY(open(c, '{', "each record must be an object {\"column\": value, ...}", &more));
    for (size_t hint = first_column; more; hint++) {
        char *name;
        const char *cell;
        size_t column;
        GP_TRY(read_name(c, &name));
        GP_TRY(column_of(c, name, hint, &column));
        GP_TRY(read_cell(c, &cell));
        GP_TRY(gp_table_put(c->table, row, column, cell, c->err));
        GP_TRY(next(c, '}', &more));
    }
    if (row >= c->table->rows) c->table->rows = row + 1; /* {} is a row too */
    return GP_OK;
}

static gp_status read_array(cursor *c)
{
    bool more;
    GP_TRY(open(c, '[', "'[' was expected", &more));
    for (size_t row = 0; more; row++) {
        GP_TRY(read_record(c, row, 0));
        GP_TRY(next(c, ']', &more));
    }
    return GP_OK;
}

static gp_status read_lines(cursor *c)
{
    for (size_t row = 0; peek(c); row++) GP_TRY(read_record(c, row, 0));
    return GP_OK;
}

static gp_status read_by_file(cursor *c)
{
    bool more;
    size_t column;
    GP_TRY(open(c, '{', "'{' was expected", &more));
    GP_TRY(gp_table_add_column(c->table, "file_name", &column, c->err));
    for (size_t row = 0; more; row++) {
        char *name;
        GP_TRY(read_name(c, &name));
        GP_TRY(read_record(c, row, 1));
        GP_TRY(gp_table_put(c->table, row, column, name, c->err));
        GP_TRY(next(c, '}', &more));
    }
    return GP_OK;
}

/* Row labels of the column orient, as the first column has them; later columns have the same, as a rule in the same
 * order. */
typedef struct labels {
    const char **in_order; /* [count] */
    size_t *sorted;        /* rows by label; made when first needed */
    size_t count, capacity;
} labels;

static int compare_labels(const void *a, const void *b, void *user)
{
    const char *const *names = user;
    return strcmp(names[*(const size_t *)a], names[*(const size_t *)b]);
}

static gp_status add_label(cursor *c, labels *l, const char *label)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        void *grown = gp_mem_resize(l->in_order, capacity, sizeof *l->in_order);
        if (!grown) return gp_fail(c->err, GP_ERR_MEMORY, "out of memory for a prompt table");
        l->in_order = grown, l->capacity = capacity;
    }
    l->in_order[l->count++] = label;
    return GP_OK;
}

/* The row of a label that is not at its usual place. */
static gp_status find_label(cursor *c, labels *l, const char *label, size_t *row)
{
    if (!l->sorted) {
        l->sorted = gp_mem_new(l->count, sizeof *l->sorted);
        if (!l->sorted) return gp_fail(c->err, GP_ERR_MEMORY, "out of memory for a prompt table");
        for (size_t i = 0; i < l->count; i++) l->sorted[i] = i;
        if (l->count) qsort_r(l->sorted, l->count, sizeof *l->sorted, compare_labels, (void *)l->in_order);
    }
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(l->in_order[l->sorted[middle]], label);
        if (order == 0) {
            *row = l->sorted[middle];
            return GP_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return gp_table_wrong(c->table, c->line, c->err, "row '%.60s' is not in the first column", label);
}

static gp_status read_column(cursor *c, labels *l, size_t column)
{
    bool more;
    GP_TRY(open(c, '{', "each column must be an object {\"row\": value, ...}", &more));
    for (size_t place = 0; more; place++) {
        char *label;
        const char *cell;
        size_t row = place;
        GP_TRY(read_name(c, &label));
        if (column == 0)
            GP_TRY(add_label(c, l, label));
        else if (place >= l->count || strcmp(l->in_order[place], label) != 0)
            GP_TRY(find_label(c, l, label, &row));
        GP_TRY(read_cell(c, &cell));
        GP_TRY(gp_table_put(c->table, row, column, cell, c->err));
        GP_TRY(next(c, '}', &more));
    }
    return GP_OK;
}

static gp_status read_list(cursor *c, size_t column)
{
    bool more;
    GP_TRY(open(c, '[', "each column must be a list", &more));
    for (size_t row = 0; more; row++) {
        const char *cell;
        GP_TRY(read_cell(c, &cell));
        GP_TRY(gp_table_put(c->table, row, column, cell, c->err));
        GP_TRY(next(c, ']', &more));
    }
    return GP_OK;
}

static gp_status read_columns(cursor *c, bool lists)
{
    gp_status st = GP_OK;
    labels l = {0};
    bool more;
    GP_GO(open(c, '{', "'{' was expected", &more));
    while (more) {
        char *name;
        size_t column, before = c->table->count;
        GP_GO(read_name(c, &name));
        GP_GO(column_of(c, name, SIZE_MAX, &column));
        if (column < before) GP_GO(wrong(c, "a column occurs twice"));
        GP_GO(lists ? read_list(c, column) : read_column(c, &l, column));
        GP_GO(next(c, '}', &more));
    }
out:
    gp_mem_free((void *)l.in_order);
    gp_mem_free(l.sorted);
    return st;
}

/* ---- which form ------------------------------------------------------------------------------------------------- */

typedef struct shape {
    size_t objects, arrays, scalars; /* members of the first object by kind */
    bool by_file;                    /* the first name is that of a picture */
    bool has_columns, has_data;      /* pandas' split orient */
    bool more;                       /* something follows the object */
} shape;

/* Look at the first object without changing it. */
static gp_status find_shape(cursor look, shape *out)
{
    static const char *const pictures[] = {".png", ".jpg", ".jpeg", ".webp"};
    cursor *c = &look;
    *out = (shape){0};
    GP_TRY(expect(c, '{', "'{' was expected"));
    bool more = peek(c) != '}';
    if (!more) take(c);
    while (more) {
        if (peek(c) != '"') return wrong(c, "a string in double quotes was expected");
        const char *name = c->at + 1;
        GP_TRY(skip_string(c));
        size_t size = (size_t)(c->at - 1 - name);
        for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
            size_t n = strlen(pictures[i]);
            if (!out->objects && size > n && memcmp(name + size - n, pictures[i], n) == 0) out->by_file = true;
        }
        out->has_columns |= size == 7 && memcmp(name, "columns", 7) == 0;
        out->has_data |= size == 4 && memcmp(name, "data", 4) == 0;
        GP_TRY(expect(c, ':', "':' was expected"));
        char first = peek(c);
        out->objects += first == '{', out->arrays += first == '[', out->scalars += first != '{' && first != '[';
        const char *cell;
        if (first == '{' || first == '[')
            GP_TRY(skip_nested(c, NULL, NULL));
        else if (first == '"')
            GP_TRY(skip_string(c));
        else
            GP_TRY(read_cell(c, &cell)); /* changes nothing yet: the cursor is a copy, its seal is dropped */
        c->seal = NULL;
        GP_TRY(next(c, '}', &more));
    }
    out->more = peek(c) != 0;
    return GP_OK;
}

gp_status gp_table_read_json(gp_table *table, bool lines, gp_error *err)
{
    cursor c = {.table = table, .at = table->text, .end = table->text + table->size, .line = 1, .err = err};
    shape s = {0};
    char first = peek(&c);
    if (first == '{' && !lines) GP_TRY(find_shape(c, &s));
    if (first == '[')
        GP_TRY(read_array(&c));
    else if (first != '{')
        return wrong(&c, "a table in JSON begins with '[' or '{'");
    else if (lines || s.more || s.scalars || !(s.objects + s.arrays) || (s.objects && s.arrays))
        return read_lines(&c);
    else if (s.has_columns && s.has_data)
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "'%s' is JSON in pandas' split orient; write records (orient='records')", table->label);
    else if (s.objects && s.by_file)
        GP_TRY(read_by_file(&c));
    else
        GP_TRY(read_columns(&c, s.arrays != 0));
    return peek(&c) ? wrong(&c, "more follows after the table") : GP_OK;
}
