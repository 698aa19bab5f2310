/* SPDX-License-Identifier: MIT
 * A parser with one pass and an explicit stack: the open elements are linked by `parent`. */
#include "ratings/xmp_doc.h"

#include "base/mem.h"

#include <string.h>

enum { MOST = 1 << 18, DEEPEST = 64, MOST_NAMES = 256 };

typedef struct parser {
    gp_xmp_doc *doc;
    const char *text;
    size_t at, size, open, depth; /* open: the innermost open element */
    size_t in_force;              /* number of namespaces in force; they are the last ones of `stack` */
    size_t stack[MOST_NAMES];     /* indexes of names */
    gp_error *err;
} parser;

static gp_status bad(const parser *p, const char *what)
{
    return gp_fail(p->err, GP_ERR_FORMAT, "XMP is not well-formed at byte %zu: %s", p->at, what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || (c & 0x80);
}

static bool next_is(const parser *p, const char *text)
{
    size_t n = strlen(text);
    return p->size - p->at >= n && memcmp(p->text + p->at, text, n) == 0;
}

static void skip_space(parser *p)
{
    while (p->at < p->size && is_space(p->text[p->at])) p->at++;
}

/* Moves behind the next `end`. */
static gp_status skip_past(parser *p, size_t from, const char *end, const char *what)
{
    const char *found = from > p->size ? NULL : memmem(p->text + from, p->size - from, end, strlen(end));
    if (!found) return bad(p, what);
    p->at = (size_t)(found - p->text) + strlen(end);
    return GP_OK;
}

/* Makes room for one more item of an array. */
static gp_status grow(void **items, size_t count, size_t *capacity, size_t size, gp_error *err)
{
    if (count == MOST) return gp_fail(err, GP_ERR_LIMIT, "XMP has more than %d elements or attributes", MOST);
    if (count < *capacity) return GP_OK;
    size_t more = *capacity ? 2 * *capacity : 32;
    void *grown = gp_mem_resize(*items, more, size);
    if (!grown) return gp_fail_memory(err, "an XMP packet");
    *items = grown, *capacity = more;
    return GP_OK;
}

/* ------------------------------------------------------------------ names */

static gp_status read_name(parser *p, gp_xmp_span *prefix, gp_xmp_span *name)
{
    size_t begin = p->at;
    *prefix = (gp_xmp_span){begin, begin};
    while (p->at < p->size && is_name(p->text[p->at])) p->at++;
    if (p->at < p->size && p->text[p->at] == ':') {
        *prefix = (gp_xmp_span){begin, p->at};
        begin = ++p->at;
        while (p->at < p->size && is_name(p->text[p->at])) p->at++;
    }
    *name = (gp_xmp_span){begin, p->at};
    return p->at > begin ? GP_OK : bad(p, "a name is missing");
}

static bool same_text(const parser *p, gp_xmp_span a, gp_xmp_span b)
{
    size_t size = a.end - a.at;
    return size == b.end - b.at && memcmp(p->text + a.at, p->text + b.at, size) == 0;
}

/* Finds the namespace of a prefix. An empty prefix may have none, which is an empty span. */
static gp_status namespace_of(const parser *p, gp_xmp_span prefix, gp_xmp_span *uri)
{
    *uri = (gp_xmp_span){0, 0};
    for (size_t i = p->in_force; i-- > 0;) {
        const gp_xmp_namespace *n = &p->doc->names[p->stack[i]];
        if (!same_text(p, n->prefix, prefix)) continue;
        *uri = n->uri;
        return GP_OK;
    }
    bool known = prefix.at == prefix.end || gp_xmp_is(p->doc, prefix, "xml") || gp_xmp_is(p->doc, prefix, "xmlns");
    return known ? GP_OK : bad(p, "a prefix is not declared");
}

static gp_status declare(parser *p, const gp_xmp_attribute *a)
{
    gp_xmp_doc *d = p->doc;
    if (p->in_force == MOST_NAMES)
        return gp_fail(p->err, GP_ERR_LIMIT, "XMP has more than %d namespaces at one place", MOST_NAMES);
    GP_TRY(grow((void **)&d->names, d->name_count, &d->name_capacity, sizeof *d->names, p->err));
    bool plain = a->prefix.at == a->prefix.end;
    d->names[d->name_count] = (gp_xmp_namespace){plain ? a->prefix : a->name, a->value};
    p->stack[p->in_force++] = d->name_count++;
    return GP_OK;
}

/* ------------------------------------------------------------------ tags */

static gp_status read_attribute(parser *p, size_t space)
{
    gp_xmp_doc *d = p->doc;
    gp_xmp_attribute a = {.whole.at = space};
    GP_TRY(read_name(p, &a.prefix, &a.name));
    skip_space(p);
    if (!next_is(p, "=")) return bad(p, "an attribute has no value");
    p->at++;
    skip_space(p);
    if (!next_is(p, "\"") && !next_is(p, "'")) return bad(p, "the value of an attribute has no quotes");
    char quote[2] = {p->text[p->at], 0};
    a.value.at = p->at + 1;
    GP_TRY(skip_past(p, a.value.at, quote, "the value of an attribute does not end"));
    a.value.end = p->at - 1, a.whole.end = p->at;
    if (memchr(p->text + a.value.at, '<', a.value.end - a.value.at)) return bad(p, "'<' in an attribute");
    GP_TRY(grow((void **)&d->attributes, d->attribute_count, &d->attribute_capacity, sizeof *d->attributes, p->err));
    d->attributes[d->attribute_count++] = a;
    bool plain = a.prefix.at == a.prefix.end;
    return gp_xmp_is(d, plain ? a.name : a.prefix, "xmlns") ? declare(p, &a) : GP_OK;
}

/* Links a new element to its parent. *last is the last child so far of each open element. */
static gp_status add_element(parser *p, const gp_xmp_element *e, size_t *last)
{
    gp_xmp_doc *d = p->doc;
    GP_TRY(grow((void **)&d->elements, d->count, &d->capacity, sizeof *d->elements, p->err));
    if (last[p->depth] != GP_XMP_NONE)
        d->elements[last[p->depth]].next = d->count;
    else if (p->open != GP_XMP_NONE)
        d->elements[p->open].child = d->count;
    last[p->depth] = d->count;
    d->elements[d->count++] = *e;
    return GP_OK;
}

static gp_status first_tag(parser *p, size_t *last)
{
    gp_xmp_doc *d = p->doc;
    gp_xmp_element e = {.parent = p->open, .next = GP_XMP_NONE, .child = GP_XMP_NONE};
    e.whole.at = p->at++, e.attribute = d->attribute_count, e.names_before = d->name_count;
    GP_TRY(read_name(p, &e.prefix, &e.name));
    e.name_end = p->at;
    for (;;) {
        size_t space = p->at;
        skip_space(p);
        if (next_is(p, ">") || next_is(p, "/>")) break;
        if (space == p->at) return bad(p, "a tag does not end");
        GP_TRY(read_attribute(p, space));
    }
    e.closed = next_is(p, "/");
    p->at += e.closed ? 2 : 1;
    e.attributes = d->attribute_count - e.attribute, e.names_end = d->name_count;
    e.inside = (gp_xmp_span){p->at, p->at}, e.whole.end = p->at;
    GP_TRY(namespace_of(p, e.prefix, &e.uri));
    for (size_t i = e.attribute; i < d->attribute_count; i++)
        if (d->attributes[i].prefix.at < d->attributes[i].prefix.end)
            GP_TRY(namespace_of(p, d->attributes[i].prefix, &d->attributes[i].uri));
    GP_TRY(add_element(p, &e, last));
    if (e.closed) {
        p->in_force -= e.names_end - e.names_before;
        return GP_OK;
    }
    if (++p->depth == DEEPEST) return gp_fail(p->err, GP_ERR_LIMIT, "XMP has more than %d levels", DEEPEST - 1);
    last[p->depth] = GP_XMP_NONE;
    p->open = d->count - 1;
    return GP_OK;
}

static gp_status last_tag(parser *p)
{
    gp_xmp_span prefix, name, inside_end = {p->at, p->at};
    if (p->open == GP_XMP_NONE) return bad(p, "a closing tag has no opening tag");
    gp_xmp_element *e = &p->doc->elements[p->open];
    p->at += 2;
    GP_TRY(read_name(p, &prefix, &name));
    if (!same_text(p, prefix, e->prefix) || !same_text(p, name, e->name)) return bad(p, "a tag closes another element");
    skip_space(p);
    if (!next_is(p, ">")) return bad(p, "a tag does not end");
    p->at++;
    e->inside.end = inside_end.at, e->whole.end = p->at;
    p->in_force -= e->names_end - e->names_before;
    p->open = e->parent;
    p->depth--;
    return GP_OK;
}

/* ------------------------------------------------------------------ the document */

static gp_status check_text(parser *p)
{
    if (p->size > GP_XMP_LARGEST) return gp_fail(p->err, GP_ERR_LIMIT, "XMP has more than %zu bytes", GP_XMP_LARGEST);
    if (p->size >= 2 && (!memcmp(p->text, "\xff\xfe", 2) || !memcmp(p->text, "\xfe\xff", 2)))
        return gp_fail(p->err, GP_ERR_UNSUPPORTED, "XMP is in UTF-16, which goldpan does not read");
    if (memchr(p->text, 0, p->size) || !gp_utf8_valid(p->text, p->size))
        return gp_fail(p->err, GP_ERR_FORMAT, "XMP is not UTF-8");
    if (next_is(p, "\xef\xbb\xbf")) p->at = 3;
    return GP_OK;
}

static gp_status read_markup(parser *p, size_t *last)
{
    if (next_is(p, "<?")) return skip_past(p, p->at + 2, "?>", "an instruction does not end");
    if (next_is(p, "<!--")) return skip_past(p, p->at + 4, "-->", "a comment does not end");
    if (next_is(p, "<![CDATA[") && p->open != GP_XMP_NONE)
        return skip_past(p, p->at + 9, "]]>", "a CDATA section does not end");
    if (next_is(p, "<!")) return gp_fail(p->err, GP_ERR_UNSUPPORTED, "XMP has a document type, which is not allowed");
    return next_is(p, "</") ? last_tag(p) : first_tag(p, last);
}

static gp_status read_all(parser *p)
{
    size_t last[DEEPEST + 1];
    last[0] = GP_XMP_NONE;
    GP_TRY(check_text(p));
    while (p->at < p->size) {
        const char *open = memchr(p->text + p->at, '<', p->size - p->at);
        size_t next = open ? (size_t)(open - p->text) : p->size;
        for (; p->open == GP_XMP_NONE && p->at < next; p->at++)
            if (!is_space(p->text[p->at])) return bad(p, "a text outside of all elements");
        p->at = next;
        if (open) GP_TRY(read_markup(p, last));
    }
    return p->open == GP_XMP_NONE ? GP_OK : bad(p, "an element does not end");
}

gp_status gp_xmp_parse(const char *text, size_t size, gp_xmp_doc *doc, gp_error *err)
{
    *doc = (gp_xmp_doc){.text = text, .size = size, .rdf = GP_XMP_NONE};
    parser p = {.doc = doc, .text = text, .size = size, .open = GP_XMP_NONE, .err = err};
    gp_status st = read_all(&p);
    for (size_t i = 0; i < doc->count && doc->rdf == GP_XMP_NONE; i++)
        if (gp_xmp_named(doc, i, GP_XMP_RDF, "RDF")) doc->rdf = i;
    if (st != GP_OK) gp_xmp_doc_clear(doc);
    return st;
}

void gp_xmp_doc_clear(gp_xmp_doc *doc)
{
    gp_mem_free(doc->elements);
    gp_mem_free(doc->attributes);
    gp_mem_free(doc->names);
    *doc = (gp_xmp_doc){.rdf = GP_XMP_NONE};
}

/* ------------------------------------------------------------------ finding */

bool gp_xmp_is(const gp_xmp_doc *doc, gp_xmp_span span, const char *text)
{
    size_t size = span.end - span.at;
    return size == strlen(text) && memcmp(doc->text + span.at, text, size) == 0;
}

bool gp_xmp_named(const gp_xmp_doc *doc, size_t element, const char *uri, const char *name)
{
    const gp_xmp_element *e = &doc->elements[element];
    return gp_xmp_is(doc, e->name, name) && gp_xmp_is(doc, e->uri, uri);
}

/* Returns the first element from `element` on, among its siblings, that has this name of RDF. */
static size_t rdf_from(const gp_xmp_doc *doc, size_t element, const char *name)
{
    while (element != GP_XMP_NONE && !gp_xmp_named(doc, element, GP_XMP_RDF, name))
        element = doc->elements[element].next;
    return element;
}

size_t gp_xmp_description(const gp_xmp_doc *doc, size_t last)
{
    if (doc->rdf == GP_XMP_NONE) return GP_XMP_NONE;
    return rdf_from(doc, last == GP_XMP_NONE ? doc->elements[doc->rdf].child : doc->elements[last].next, "Description");
}

void gp_xmp_find(const gp_xmp_doc *doc, const char *uri, const char *name, size_t *description, size_t *attribute,
                 size_t *element)
{
    size_t d = GP_XMP_NONE;
    *attribute = *element = *description = GP_XMP_NONE;
    while ((d = gp_xmp_description(doc, d)) != GP_XMP_NONE) {
        const gp_xmp_element *e = &doc->elements[d];
        *description = d;
        for (size_t i = e->attribute; i < e->attribute + e->attributes; i++) {
            const gp_xmp_attribute *a = &doc->attributes[i];
            if (!gp_xmp_is(doc, a->name, name) || !gp_xmp_is(doc, a->uri, uri)) continue;
            *attribute = i;
            return;
        }
        for (size_t c = e->child; c != GP_XMP_NONE; c = doc->elements[c].next) {
            if (!gp_xmp_named(doc, c, uri, name)) continue;
            *element = c;
            return;
        }
    }
    *description = GP_XMP_NONE;
}

size_t gp_xmp_list(const gp_xmp_doc *doc, size_t element)
{
    static const char *const lists[] = {"Bag", "Seq", "Alt"};
    for (int i = 0; i < 3; i++) {
        size_t list = rdf_from(doc, doc->elements[element].child, lists[i]);
        if (list != GP_XMP_NONE) return list;
    }
    return GP_XMP_NONE;
}

size_t gp_xmp_item(const gp_xmp_doc *doc, size_t list, size_t last)
{
    return rdf_from(doc, last == GP_XMP_NONE ? doc->elements[list].child : doc->elements[last].next, "li");
}

/* ------------------------------------------------------------------ texts */

/* Appends the character of the entity at p. Returns its size in the packet, or 0 if it is not an entity. */
static size_t put_entity(const char *p, size_t left, gp_str *out)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        size_t size = strlen(named[i].name);
        if (left < size || memcmp(p, named[i].name, size) != 0) continue;
        gp_str_putc(out, named[i].c);
        return size;
    }
    if (left < 4 || p[1] != '#') return 0;
    bool hex = p[2] == 'x';
    uint32_t cp = 0;
    size_t at = 2 + (size_t)hex, first = at;
    for (; at < left && p[at] != ';'; at++) {
        int value = gp_hex_digit(p[at]);
        if (value < 0 || (!hex && value > 9) || cp > 0x10ffff) return 0;
        cp = cp * (hex ? 16 : 10) + (uint32_t)value;
    }
    if (at == left || at == first || cp == 0 || cp > 0x10ffff) return 0;
    gp_utf8_put(out, cp);
    return at + 1;
}

/* Returns the size of a section such as a comment at p, or 0. A CDATA section's text is appended. */
static size_t put_section(const char *p, size_t left, gp_str *out)
{
    static const char *const begin[] = {"<!--", "<![CDATA[", "<?"}, *const end[] = {"-->", "]]>", "?>"};
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(begin[i]);
        if (left < n || memcmp(p, begin[i], n) != 0) continue;
        const char *close = memmem(p + n, left - n, end[i], strlen(end[i]));
        if (!close) return 0;
        if (i == 1) gp_str_add(out, p + n, (size_t)(close - p) - n);
        return (size_t)(close - p) + strlen(end[i]);
    }
    return 0;
}

void gp_xmp_decode(const gp_xmp_doc *doc, gp_xmp_span span, gp_str *out)
{
    while (span.at < span.end) {
        const char *p = doc->text + span.at;
        size_t left = span.end - span.at, plain = 0, special = 0;
        while (plain < left && p[plain] != '&' && p[plain] != '<') plain++;
        gp_str_add(out, p, plain);
        if (plain < left)
            special =
                p[plain] == '&' ? put_entity(p + plain, left - plain, out) : put_section(p + plain, left - plain, out);
        if (plain < left && !special) {
            gp_str_putc(out, p[plain]);
            special = 1;
        }
        span.at += plain + special;
    }
}

void gp_xmp_escape(const char *text, size_t size, gp_str *out)
{
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '&': gp_str_puts(out, "&amp;"); break;
        case '<': gp_str_puts(out, "&lt;"); break;
        case '>': gp_str_puts(out, "&gt;"); break;
        case '"': gp_str_puts(out, "&quot;"); break;
        case '\'': gp_str_puts(out, "&apos;"); break;
        default: gp_str_putc(out, text[i]);
        }
    }
}
