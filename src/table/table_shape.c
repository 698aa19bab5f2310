/* SPDX-License-Identifier: MIT
 * Finds the form of a JSON table.  Rows by name and columns by name look alike: {"x": {"y": value}}.  These
 * properties decide, in this order: names of image files; usual column names; names that are the numbers 0, 1, 2
 * ...; the number of names, because a table has more rows than columns. */
#include "table/json_scan.h"
#include "base/image_names.h"

#include <string.h>

/* What the names of an object's members are. */
typedef struct names {
    size_t count, images; /* number of names, and of names that are names of image files */
    bool image;           /* the first is the name of an image file */
    bool usual;           /* one name is the usual name of an image or prompt column */
    bool numbers;         /* the names are 0, 1, 2 ... */
} names;

typedef struct members {
    names outer, inner;              /* names of the members of the object, and of its first member that is an object */
    size_t objects, arrays, scalars; /* members by kind */
    size_t texts;                    /* members that are a text, a list that begins with a text, or null */
    char *columns, *index, *data;    /* members of these names */
    char *rows;                      /* the only member that is a list of objects */
    size_t row_lists;
    char *images, *annotations; /* members of these names, if they are lists of objects */
} members;

bool gp_shape_is_number(const char *name, size_t size, size_t row)
{
    size_t number = 0, i = 0;
    for (; i < size && name[i] >= '0' && name[i] <= '9' && number <= row; i++)
        number = number * 10 + (size_t)(name[i] - '0');
    return size && i == size && number == row &&
           (size == 1 || *name != '0'); /* "00" may be a file name, so it is not a number */
}

static void see_name(names *n, const char *name, size_t size)
{
    bool image = gp_name_is_image_sized(name, size);
    if (n->count == 0) n->image = image, n->numbers = true;
    n->images += image;
    n->numbers &= gp_shape_is_number(name, size, n->count);
    n->usual |= gp_table_usual_name(name, size);
    n->count++;
}

/* Skips a name and its colon. */
static gp_status skip_name(gp_scan *c, const char **name, size_t *size)
{
    if (gp_scan_peek(c) != '"') return gp_scan_wrong(c, "a string in double quotes was expected");
    *name = c->at + 1;
    GP_TRY(gp_scan_skip(c));
    *size = (size_t)(c->at - 1 - *name);
    if (gp_scan_peek(c) != ':') return gp_scan_wrong(c, "':' was expected");
    c->at++;
    return GP_OK;
}

static gp_status look_inside(gp_scan *c, names *inner)
{
    bool more;
    GP_TRY(gp_scan_open(c, '{', "'{' was expected", &more));
    while (more) {
        const char *name = "", *begin = c->at;
        size_t size = 0;
        GP_TRY(skip_name(c, &name, &size));
        see_name(inner, name, size);
        GP_TRY(gp_scan_skip(c));
        GP_TRY(gp_scan_next(c, '}', &more));
        GP_TRY(gp_watch_work(c->table->watch, (size_t)(c->at - begin), c->err));
    }
    return GP_OK;
}

static bool is_called(const char *name, size_t size, const char *wanted)
{
    return size == strlen(wanted) && memcmp(name, wanted, size) == 0;
}

static void see_member(members *m, gp_scan *c, const char *name, size_t size)
{
    char first = gp_scan_peek(c);
    see_name(&m->outer, name, size);
    m->objects += first == '{', m->arrays += first == '[', m->scalars += first != '{' && first != '[';
    m->texts += first == '"' || first == 'n';
    if (first != '[') return;
    gp_scan look = *c;
    look.at++;
    bool rows = gp_scan_peek(&look) == '{';
    m->texts += *look.at == '"';
    m->row_lists += rows;
    if (rows && is_called(name, size, "images")) m->images = c->at;
    if (rows && is_called(name, size, "annotations")) m->annotations = c->at;
    if (rows) m->rows = c->at;
    if (is_called(name, size, "columns")) m->columns = c->at;
    if (is_called(name, size, "index")) m->index = c->at;
    if (is_called(name, size, "data")) m->data = c->at;
}

/* Counts the members of the first object. *follows: there is text after the object. */
static gp_status look_at_members(gp_scan *c, members *m, bool *follows)
{
    bool more;
    GP_TRY(gp_scan_open(c, '{', "'{' was expected", &more));
    while (more) {
        const char *name = "", *begin = c->at;
        size_t size = 0;
        GP_TRY(skip_name(c, &name, &size));
        see_member(m, c, name, size);
        GP_TRY(*c->at == '{' && m->objects == 1 ? look_inside(c, &m->inner) : gp_scan_skip(c));
        GP_TRY(gp_scan_next(c, '}', &more));
        GP_TRY(gp_watch_work(c->table->watch, (size_t)(c->at - begin), c->err));
    }
    *follows = gp_scan_peek(c) != 0;
    return GP_OK;
}

static bool rows_are_named(const members *m)
{
    const names *outer = &m->outer, *inner = &m->inner;
    if (inner->image != outer->image) return outer->image;
    if (inner->usual != outer->usual) return inner->usual;
    if (inner->numbers != outer->numbers) return outer->numbers;
    return outer->count > inner->count && inner->count > 0;
}

gp_status gp_shape_find(gp_scan look, bool lines, gp_shape *out)
{
    members m = {0};
    bool follows = false;
    char first = gp_scan_peek(&look);
    *out = (gp_shape){.form = first == '[' ? GP_FORM_ARRAY : GP_FORM_LINES};
    if (first != '[' && first != '{') return gp_scan_wrong(&look, "a table in JSON begins with '[' or '{'");
    if (first == '[' || lines) return GP_OK;
    gp_error *err = look.err;
    look.err = NULL;
    gp_status st = look_at_members(&look, &m, &follows);
    look.err = err;
    if (st == GP_ERR_STOPPED) return gp_fail(err, st, "stopped");
    /* a truncated object is judged by its members before the cut */
    out->outer_images = m.outer.image, out->outer_numbers = m.outer.numbers;
    out->columns = m.columns, out->index = m.index, out->data = m.data ? m.data : m.rows;
    out->alone = !follows, out->images = m.images, out->annotations = m.annotations;
    if (!follows && m.outer.count && m.outer.images == m.outer.count && m.texts == m.outer.count)
        out->form = GP_FORM_TEXTS;
    if (follows || !(m.objects + m.arrays) || out->form == GP_FORM_TEXTS) return GP_OK;
    if (m.images && m.annotations)
        out->form = GP_FORM_COCO;
    else if (m.columns && m.data)
        out->form = GP_FORM_SPLIT;
    else if (m.row_lists == 1 && !m.outer.usual && (m.objects || m.scalars || m.arrays == 1)) {
        out->form = GP_FORM_WRAPPED;
        out->data = m.rows;
    } else if (m.scalars || (m.objects && m.arrays))
        return GP_OK;
    else if (m.arrays)
        out->form = GP_FORM_LISTS;
    else
        out->form = rows_are_named(&m) ? GP_FORM_BY_NAME : GP_FORM_COLUMNS;
    return GP_OK;
}
