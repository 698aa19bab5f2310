/* SPDX-License-Identifier: MIT
 * CSV and TSV.  RFC 4180: fields in quotes may hold the delimiter, line breaks and "" for a quote.  In place: a field
 * is unescaped onto itself and ended by a NUL where its delimiter stood.
 *
 * Departures, all met in real prompt tables:
 * - A quoted field must be followed by a delimiter or line end.  If its first lone quote is followed by anything else
 *   ("G I G G L E" painted on a wall), the field was never quoted: it is taken as it stands, quotes and all.
 * - TSV written by hand has no quoting, TSV written by pandas has.  A TSV file quotes by RFC 4180 only if every field
 *   that begins with a quote also ends with one, and at least one of them needed it (holds a tab, a line break or "")
 *   or stands in the header.  Otherwise quotes are letters.
 * - A CSV whose header has no comma but tabs or semicolons uses those.
 * - Line ends: LF, CRLF, or CR alone if the file has no LF.  Blank lines are skipped.
 * - A row with more or fewer cells than the header is an error that names its line; empty cells too many at its end are
 *   dropped (a trailing comma). */
#include "ingest/table_inner.h"
#include "base/mem.h"
#include "base/str.h"
#include <string.h>

typedef struct csv {
    gp_table *table;
    char *at, *end;
    size_t line;
    char delimiter;
    bool literal; /* quotes are letters */
    bool old_mac; /* CR ends lines */
    gp_error *err;
} csv;

/* Does a line end at p?  Its length, 0 if not. */
static size_t line_end(const csv *c, const char *p)
{
    if (p >= c->end) return 0;
    if (*p == '\n') return 1;
    if (*p != '\r') return 0;
    if (p + 1 < c->end && p[1] == '\n') return 2;
    return c->old_mac || p + 1 == c->end;
}

static bool field_ends(const csv *c, const char *p)
{
    return p >= c->end || *p == c->delimiter || line_end(c, p);
}

/* The closing quote of the field whose opening quote is at p; NULL if it never closes.  *needed: it holds what only a
 * quoted field can hold. */
static char *closing_quote(const csv *c, char *p, bool *needed)
{
    for (p++; p < c->end; p++) {
        if (*p == '"' && p[1] != '"') return p; /* text ends with a NUL: p[1] can be read */
        if (*p == '"')
            p++, *needed = true;
        else if (*p == c->delimiter || *p == '\n' || *p == '\r')
            *needed = true;
    }
    return NULL;
}

/* The TSV question of the head of this file. */
static bool quotes_by_rfc(const csv *c)
{
    bool evidence = false, header = true;
    for (char *p = c->at; p < c->end;) {
        if (*p == '"') {
            char *close = closing_quote(c, p, &evidence);
            if (!close || !field_ends(c, close + 1)) return false;
            evidence |= header;
            p = close + 1;
        }
        while (!field_ends(c, p)) p++;
        size_t end = line_end(c, p);
        header &= !end;
        p += end ? end : 1;
    }
    return evidence;
}

/* Delimiter of a file named .csv: what its header line has. */
static char find_delimiter(const csv *c)
{
    size_t commas = 0, tabs = 0, semicolons = 0;
    bool quoted = false;
    for (const char *p = c->at; p < c->end && (quoted || !line_end(c, p)); p++) {
        quoted ^= *p == '"';
        if (quoted) continue;
        commas += *p == ',', tabs += *p == '\t', semicolons += *p == ';';
    }
    if (commas || (!tabs && !semicolons)) return ',';
    return tabs ? '\t' : ';';
}

static void count_lines(csv *c, const char *from, const char *to)
{
    for (; from < to; from++) c->line += *from == '\n' || (*from == '\r' && c->old_mac);
}

/* Read the field at c->at; afterwards c->at is behind its delimiter or line end.  *ends: it was the row's last. */
static gp_status read_field(csv *c, char **field, bool *ends)
{
    char *p = c->at, *close = NULL, *stop;
    bool needed = false;
    if (*p == '"' && !c->literal) {
        close = closing_quote(c, p, &needed);
        if (!close) return gp_table_wrong(c->table, c->line, c->err, "a quoted cell never ends");
        if (!field_ends(c, close + 1)) close = NULL;
    }
    if (close) {
        char *to = *field = ++p;
        count_lines(c, p, close);
        for (; p < close; p++) {
            *to++ = *p;
            p += *p == '"';
        }
        stop = close + 1;
        *to = 0;
    } else {
        *field = p;
        while (!field_ends(c, p)) p++;
        stop = p;
    }
    size_t end = line_end(c, stop);
    *ends = end || stop >= c->end;
    c->line += end != 0;
    c->at = stop >= c->end ? c->end : stop + (end ? end : 1);
    *stop = 0;
    /* a delimiter as the file's very last byte: one empty field follows, which the next call reads at c->end */
    return GP_OK;
}

static void skip_blank_lines(csv *c)
{
    for (size_t n; (n = line_end(c, c->at)) != 0; c->at += n) c->line++;
}

/* A header cell becomes a column: trimmed, named "column N" if empty, "x.1", "x.2" if it repeats (as pandas does). */
static gp_status add_header(csv *c, char *name)
{
    gp_status st = GP_OK;
    size_t column;
    gp_str s = GP_STR_INIT;
    name += strspn(name, " \t");
    size_t size = strlen(name);
    while (size && (name[size - 1] == ' ' || name[size - 1] == '\t')) size--;
    name[size] = 0;
    if (size)
        gp_str_puts(&s, name);
    else
        gp_str_printf(&s, "column %zu", c->table->count + 1);
    size_t plain = s.size;
    for (size_t copy = 0; !s.failed; copy++) {
        if (copy) s.size = plain, gp_str_printf(&s, ".%zu", copy);
        size_t same = 0, followers = 0; /* of this name; of this name and a number: those numbers are taken */
        for (size_t i = 0; i < c->table->count && !s.failed; i++) {
            const char *other = c->table->columns[i].name;
            same += strcmp(other, s.data) == 0;
            followers += strncmp(other, s.data, plain) == 0 && other[plain] == '.';
        }
        if (!same) break;
        if (!copy) copy = followers;
    }
    if (s.failed) GP_GO(gp_fail(c->err, GP_ERR_MEMORY, "out of memory for a prompt table"));
    GP_GO(gp_table_add_column(c->table, s.data, &column, c->err));
out:
    gp_str_clear(&s);
    return st;
}

static gp_status read_header(csv *c)
{
    bool ends = false;
    char *field;
    skip_blank_lines(c);
    while (!ends) {
        GP_TRY(read_field(c, &field, &ends));
        GP_TRY(add_header(c, field));
    }
    return GP_OK;
}

static gp_status read_row(csv *c, size_t row)
{
    size_t line = c->line, count = 0, wanted = c->table->count;
    bool ends = false, extra = false;
    char *field;
    for (; !ends; count++) {
        GP_TRY(read_field(c, &field, &ends));
        if (count < wanted)
            GP_TRY(gp_table_put(c->table, row, count, field, c->err));
        else
            extra |= *field != 0;
    }
    if (count < wanted || extra)
        return gp_table_wrong(c->table, line, c->err, "%zu cells where the header has %zu%s", count, wanted,
                              extra && !c->literal ? " (a cell that holds the delimiter needs quotes)" : "");
    return GP_OK;
}

gp_status gp_table_read_csv(gp_table *table, bool tabs, gp_error *err)
{
    csv c = {.table = table, .at = table->text, .end = table->text + table->size, .line = 1, .err = err};
    c.old_mac = !memchr(c.at, '\n', table->size);
    skip_blank_lines(&c);
    c.delimiter = tabs ? '\t' : find_delimiter(&c);
    if (c.delimiter == '\t') c.literal = !quotes_by_rfc(&c);
    GP_TRY(read_header(&c));
    for (size_t row = 0;; row++) {
        skip_blank_lines(&c);
        if (c.at >= c.end) return GP_OK;
        GP_TRY(read_row(&c, row));
    }
}
