/* SPDX-License-Identifier: MIT
 * CSV and TSV.  RFC 4180: fields in quotes may contain the delimiter, line breaks and "" for a quote.  A field is
 * unescaped in place; its row is then packed into the part of the text that has been read.
 *
 * Exceptions for real prompt tables:
 * - A quoted field must end before a delimiter or line end.  If anything else follows its first single quote ("G I G
 *   G L E" painted on a wall), the field is read as unquoted, with its quotes.
 * - TSV written by hand has no quoting, TSV written by pandas has.  A TSV file quotes by RFC 4180 only under two
 *   conditions.  Every field that begins with a quote ends with one.  And at least one such field needs the quotes
 *   (it contains a tab, a line break or "") or is in the header.  Otherwise quotes are letters.
 * - Excel's first line "sep=;" names the delimiter.  Without it the header decides: the delimiter that gives the
 *   most usual column names, otherwise commas before tabs before semicolons.
 * - Line ends: LF, CRLF, or CR alone if the file has no LF.  Blank lines are skipped.
 * - In a row with fewer cells than the header, the last columns are absent.  Cells beyond the header are left out,
 *   because a log that gained columns keeps its old header.  But if an unquoted cell begins with a blank (", "), a
 *   delimiter inside a sentence has split the row.  In the last column the sentence is joined again; elsewhere the
 *   row is left out.
 * - A quote that never closes is a letter; in the last line it shows that the file was truncated.
 * - In goldpan's own picks.csv and metadata.csv, one apostrophe is removed from a guarded text (csv_cell.h). */
#include "table/csv_cell.h"
#include "table/table_private.h"
#include <string.h>

typedef struct csv {
    gp_table *table;
    char *at, *end;
    size_t line;
    char delimiter;
    bool literal; /* quotes are letters */
    bool old_mac; /* CR ends lines */
    bool spaced;  /* the header has blanks after its delimiters */
    bool ours;    /* goldpan wrote the file, and guarded its texts by an apostrophe (csv_cell.h) */
    gp_error *err;
} csv;

typedef struct field {
    char *text;
    size_t size;
    bool quoted, last; /* quoted: the field is in quotes; last: the field is the last of its row */
    bool cut;          /* the file ends inside the field's quotes */
} field;

/* Returns the length of the line end at p, or 0. */
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

/* Returns the closing quote of the field whose opening quote is at p; NULL: not closed.  *needed: the field contains
 * text that needs quotes. */
static char *closing_quote(const csv *c, char *p, bool *needed)
{
    for (p++; p < c->end; p++) {
        if (*p == '"' && p[1] != '"') return p; /* p[1] can be read, because the text ends with a NUL */
        if (*p == '"')
            p++, *needed = true;
        else if (*p == c->delimiter || *p == '\n' || *p == '\r')
            *needed = true;
    }
    return NULL;
}

/* Decides whether a TSV file quotes by RFC 4180, by the rule at the top of this file. */
static gp_status quotes_by_rfc(const csv *c, bool *by_rfc)
{
    bool evidence = false, header = true;
    *by_rfc = false;
    for (char *p = c->at, *told = p; p < c->end;) {
        if (*p == '"') {
            char *close = closing_quote(c, p, &evidence);
            if (!close || !field_ends(c, close + 1)) return GP_OK;
            evidence |= header;
            p = close + 1;
        }
        while (!field_ends(c, p)) p++;
        size_t end = line_end(c, p);
        header &= !end;
        p += end ? end : 1;
        GP_TRY(gp_watch_work(c->table->watch, (size_t)(p - told), c->err));
        told = p;
    }
    *by_rfc = evidence;
    return GP_OK;
}

/* ------------------------------------------------------------------ the delimiter */

/* Reads Excel's first line "sep=;". Returns false if there is no such line. */
static bool take_separator_line(csv *c)
{
    const char *p = c->at;
    bool quoted = *p == '"';
    p += quoted;
    if ((p[0] | 32) != 's' || (p[1] | 32) != 'e' || (p[2] | 32) != 'p' || p[3] != '=' || !p[4]) return false;
    if (p[4] != '\t' && !strchr(",;|:^~", p[4])) return false;
    const char *behind = p + 5 + (quoted && p[5] == '"');
    if (behind < c->end && !line_end(c, behind)) return false;
    c->delimiter = p[4];
    c->at = (char *)(uintptr_t)behind;
    c->at += line_end(c, c->at);
    c->line++;
    return true;
}

/* Counts the cells of the header line for this delimiter, and how many of them have a usual name. */
static void try_delimiter(const csv *c, char delimiter, size_t *cells, size_t *usual)
{
    const char *start = c->at;
    bool quoted = false;
    *cells = *usual = 0;
    for (const char *p = c->at;; p++) {
        bool end = p >= c->end || (!quoted && line_end(c, p));
        if (end || (!quoted && *p == delimiter)) {
            const char *from = start, *to = p;
            while (from < to && strchr(" \t\"", *from)) from++;
            while (to > from && strchr(" \t\"", to[-1])) to--;
            *usual += gp_table_usual_name(from, (size_t)(to - from));
            ++*cells;
            start = p + 1;
        }
        if (end) return;
        quoted ^= *p == '"';
    }
}

static char find_delimiter(const csv *c)
{
    static const char known[] = ",\t;|";
    char best = ',';
    size_t most = 0, most_cells = 1;
    for (const char *d = known; *d; d++) {
        size_t cells, usual;
        try_delimiter(c, *d, &cells, &usual);
        if (cells < 2 || (*d == '|' && usual < 2)) continue;
        if (usual > most || (most_cells == 1 && usual == most)) best = *d, most = usual, most_cells = cells;
    }
    return best;
}

/* ------------------------------------------------------------------ fields */

static void count_lines(csv *c, const char *from, const char *to)
{
    for (; from < to; from++) c->line += *from == '\n' || (*from == '\r' && c->old_mac);
}

/* Unescapes the text between the opening and the closing quote. */
static void unquote(field *f, char *p, const char *close)
{
    char *to = f->text = p;
    for (; p < close; p++) {
        *to++ = *p;
        p += *p == '"';
    }
    f->size = (size_t)(to - f->text);
    f->quoted = true;
}

/* Reads the field at c->at and moves c->at behind its delimiter or line end. */
static void read_field(csv *c, field *f)
{
    char *p = c->at, *close = NULL, *stop;
    bool needed = false;
    *f = (field){.text = p};
    if (*p == '"' && !c->literal) {
        close = closing_quote(c, p, &needed);
        f->cut = !close && !memchr(p, '\n', (size_t)(c->end - p));
        if (!close && !f->cut) gp_table_remark(c->table, GP_REMARK_OPEN_QUOTES, c->line);
        if (close && !field_ends(c, close + 1)) close = NULL;
    }
    if (close) {
        count_lines(c, p + 1, close);
        unquote(f, p + 1, close);
        stop = close + 1;
    } else {
        while (!field_ends(c, p)) p++;
        f->size = (size_t)(p - f->text);
        stop = p;
    }
    size_t end = line_end(c, stop);
    f->last = end || stop >= c->end;
    c->line += end != 0;
    c->at = stop >= c->end ? c->end : stop + (end ? end : 1);
    /* a delimiter as the file's last byte: one empty field follows, which the next call reads at c->end */
}

static void skip_blank_lines(csv *c)
{
    for (size_t n; (n = line_end(c, c->at)) != 0; c->at += n) c->line++;
}

/* ------------------------------------------------------------------ rows */

static gp_status read_header(csv *c)
{
    c->table->headed = true;
    c->ours = gp_csv_is_ours(c->at, (size_t)(c->end - c->at));
    field f = {0};
    while (!f.last) {
        read_field(c, &f);
        if (f.cut) return gp_table_wrong(c->table, c->line, c->err, "the header ends inside quotes");
        c->spaced |= c->table->count && f.size && *f.text == ' ';
        GP_TRY(gp_table_add_unlike(c->table, f.text, f.size, c->err));
    }
    return GP_OK;
}

/* The surplus cells of a row that has more cells than the header. */
typedef struct surplus {
    bool any;        /* at least one surplus cell is not empty */
    bool sentence;   /* an unquoted cell of the row begins with a blank, as prose does after a comma */
    bool joinable;   /* the sentence began in the last column: the extra cells continue it */
    char *from, *to; /* text of the last column and everything after it, as written */
    size_t size;     /* size of the last column's cell */
} surplus;

static gp_status read_cells(csv *c, surplus *s, size_t *count, bool *cut)
{
    size_t wanted = c->table->count;
    field f = {0}, before = {0};
    *s = (surplus){.joinable = true};
    for (*count = 0; !f.last; ++*count, before = f) {
        read_field(c, &f);
        if (c->ours && gp_csv_is_guarded(f.text, f.size)) f.text++, f.size--;
        *cut |= f.cut;
        bool blank = *count && f.size && *f.text == ' ' && !f.quoted && !before.quoted && !c->spaced;
        s->sentence |= blank;
        if (blank && *count < wanted) s->joinable = false;
        if (*count + 1 >= wanted) s->to = f.text + f.size, s->joinable &= !f.quoted;
        /* the caller stores this cell when the end of the row is known */
        if (*count + 1 == wanted) s->from = f.text, s->size = f.size;
        if (*count + 1 < wanted) GP_TRY(gp_table_put(c->table, f.text, f.size, c->err));
        s->any |= *count >= wanted && f.size;
    }
    return GP_OK;
}

/* Handles a row with more cells than the header. Returns false if the row is left out. */
static bool settle(csv *c, surplus *s, size_t line)
{
    gp_remark kind = !s->sentence ? GP_REMARK_LONG_ROWS : s->joinable ? GP_REMARK_JOINED_ROWS : GP_REMARK_SPLIT_ROWS;
    gp_table_remark(c->table, kind, line);
    if (kind == GP_REMARK_JOINED_ROWS) s->size = (size_t)(s->to - s->from);
    return kind != GP_REMARK_SPLIT_ROWS;
}

static gp_status read_row(csv *c)
{
    size_t line = c->line, count;
    const char *begin = c->at;
    surplus s;
    bool cut = false;
    GP_TRY(gp_table_begin(c->table, c->err));
    GP_TRY(read_cells(c, &s, &count, &cut));
    if (cut) gp_table_remark(c->table, GP_REMARK_CUT_ROW, line);
    if (cut || (s.any && !settle(c, &s, line)))
        gp_table_take_back(c->table);
    else if (s.from)
        GP_TRY(gp_table_put(c->table, s.from, s.size, c->err));
    else
        gp_table_remark(c->table, GP_REMARK_SHORT_ROWS, line);
    return gp_watch_work(c->table->watch, (size_t)(c->at - begin) + 1, c->err);
}

gp_status gp_table_read_csv(gp_table *table, bool tabs, gp_error *err)
{
    csv c = {.table = table, .at = table->text, .end = table->text + table->room - 1, .line = 1, .err = err};
    c.old_mac = !memchr(c.at, '\n', table->room - 1);
    skip_blank_lines(&c);
    bool told = take_separator_line(&c);
    skip_blank_lines(&c);
    if (!told) {
        const char *end = c.at;
        while (end < c.end && !line_end(&c, end)) end++;
        c.delimiter = tabs && memchr(c.at, '\t', (size_t)(end - c.at)) ? '\t' : find_delimiter(&c);
        if (tabs && c.delimiter == ',' && !memchr(c.at, ',', (size_t)(end - c.at))) c.delimiter = '\t';
    }
    if (c.delimiter == '\t') {
        bool by_rfc;
        GP_TRY(quotes_by_rfc(&c, &by_rfc));
        c.literal = !by_rfc;
    }
    if (c.at >= c.end) return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is empty", table->label);
    GP_TRY(read_header(&c));
    for (;;) {
        skip_blank_lines(&c);
        if (c.at >= c.end) return GP_OK;
        GP_TRY(read_row(&c));
    }
}
