/* SPDX-License-Identifier: MIT
 * Every change replaces one part of the packet by another text. */
#include "ratings/xmp_edit.h"

#include "base/mem.h"
#include "ratings/xmp_doc.h"

#include <stdio.h>
#include <string.h>

/* Replaces the bytes [at, end) of the packet; clears `with`. */
static gp_status splice(gp_str *packet, size_t at, size_t end, gp_str *with, gp_error *err)
{
    gp_str whole = GP_STR_INIT;
    gp_str_add(&whole, packet->data, at);
    gp_str_add(&whole, with->data, with->size);
    gp_str_add(&whole, packet->data + end, packet->size - end);
    bool failed = whole.failed || with->failed;
    gp_str_clear(with);
    if (failed) {
        gp_str_clear(&whole);
        return gp_fail_memory(err, "an XMP packet");
    }
    gp_str_clear(packet);
    *packet = whole;
    return GP_OK;
}

static void put_span(const gp_xmp_doc *doc, gp_xmp_span span, gp_str *out)
{
    gp_str_add(out, doc->text + span.at, span.end - span.at);
}

/* Appends a tag's name with its prefix. */
static void put_name(const gp_xmp_doc *doc, const gp_xmp_element *e, gp_str *out)
{
    put_span(doc, e->prefix, out);
    if (e->prefix.end > e->prefix.at) gp_str_putc(out, ':');
    put_span(doc, e->name, out);
}

/* ------------------------------------------------------------------ prefixes */

/* Returns the namespace of a prefix at an element, or NULL if the prefix is not declared there. */
static const gp_xmp_namespace *declared(const gp_xmp_doc *doc, size_t element, const char *prefix)
{
    for (; element != GP_XMP_NONE; element = doc->elements[element].parent)
        for (size_t i = doc->elements[element].names_end; i-- > doc->elements[element].names_before;)
            if (gp_xmp_is(doc, doc->names[i].prefix, prefix)) return &doc->names[i];
    return NULL;
}

typedef struct prefix {
    char text[40];
    bool new; /* the packet does not declare it */
} prefix;

/* Finds a prefix of the namespace at an element, or one that is free there. */
static gp_status find_prefix(const gp_xmp_doc *doc, size_t element, const char *uri, const char *preferred, prefix *out,
                             gp_error *err)
{
    for (size_t e = element; e != GP_XMP_NONE; e = doc->elements[e].parent)
        for (size_t i = doc->elements[e].names_before; i < doc->elements[e].names_end; i++) {
            gp_xmp_span p = doc->names[i].prefix;
            if (p.end == p.at || p.end - p.at >= sizeof out->text || !gp_xmp_is(doc, doc->names[i].uri, uri)) continue;
            *out = (prefix){.new = false};
            memcpy(out->text, doc->text + p.at, p.end - p.at);
            if (declared(doc, element, out->text) == &doc->names[i]) return GP_OK;
        }
    *out = (prefix){.new = true};
    snprintf(out->text, sizeof out->text, "%s", preferred);
    for (int n = 1; n < 1000 && declared(doc, element, out->text); n++)
        snprintf(out->text, sizeof out->text, "ns%d", n);
    return declared(doc, element, out->text) ? gp_fail(err, GP_ERR_LIMIT, "XMP has too many namespaces") : GP_OK;
}

static void put_declaration(const prefix *p, const char *uri, gp_str *out)
{
    if (p->new) gp_str_printf(out, " xmlns:%s=\"%s\"", p->text, uri);
}

/* ------------------------------------------------------------------ an empty packet */

static void put_empty(gp_str *packet, bool sidecar)
{
    gp_str_puts(packet, sidecar ? "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                : "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n");
    gp_str_puts(packet, "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\" x:xmptk=\"goldpan\">\n <rdf:RDF xmlns:rdf=\"" GP_XMP_RDF
                        "\">\n  <rdf:Description rdf:about=\"\"/>\n </rdf:RDF>\n</x:xmpmeta>\n");
    if (!sidecar) gp_str_puts(packet, "<?xpacket end=\"w\"?>");
}

static gp_status add_description(gp_str *packet, const gp_xmp_doc *doc, gp_error *err)
{
    const gp_xmp_element *rdf = &doc->elements[doc->rdf];
    gp_str with = GP_STR_INIT;
    prefix p;
    GP_TRY(find_prefix(doc, doc->rdf, GP_XMP_RDF, "rdf", &p, err));
    if (rdf->closed) gp_str_putc(&with, '>');
    gp_str_printf(&with, "<%s:Description", p.text);
    put_declaration(&p, GP_XMP_RDF, &with);
    gp_str_printf(&with, " %s:about=\"\"/>", p.text);
    if (rdf->closed) {
        gp_str_puts(&with, "</");
        put_name(doc, rdf, &with);
        gp_str_putc(&with, '>');
    }
    return splice(packet, rdf->closed ? rdf->whole.end - 2 : rdf->inside.end, rdf->inside.end, &with, err);
}

gp_status gp_xmp_begin(gp_str *packet, bool sidecar, gp_error *err)
{
    gp_xmp_doc doc;
    gp_status st = GP_OK;
    if (!packet->size) put_empty(packet, sidecar);
    if (packet->failed) return gp_fail_memory(err, "an XMP packet");
    GP_TRY(gp_xmp_parse(packet->data, packet->size, &doc, err));
    if (doc.rdf == GP_XMP_NONE)
        st = gp_fail(err, GP_ERR_FORMAT, "XMP has no rdf:RDF");
    else if (gp_xmp_description(&doc, GP_XMP_NONE) == GP_XMP_NONE)
        st = add_description(packet, &doc, err);
    gp_xmp_doc_clear(&doc);
    return st;
}

/* ------------------------------------------------------------------ a simple value */

static gp_status other_form(const gp_xmp_property *property, gp_error *err)
{
    return gp_fail(err, GP_ERR_UNSUPPORTED, "XMP has the property %s:%s in a form that goldpan does not change",
                   property->prefix, property->name);
}

static gp_status set_element(gp_str *packet, const gp_xmp_doc *doc, const gp_xmp_element *e,
                             const gp_xmp_property *property, const char *value, gp_error *err)
{
    gp_str with = GP_STR_INIT;
    if (e->child != GP_XMP_NONE) return other_form(property, err);
    if (e->closed) gp_str_putc(&with, '>');
    gp_xmp_escape(value, strlen(value), &with);
    if (e->closed) {
        gp_str_puts(&with, "</");
        put_name(doc, e, &with);
        gp_str_putc(&with, '>');
    }
    return splice(packet, e->closed ? e->whole.end - 2 : e->inside.at, e->inside.end, &with, err);
}

/* Inserts the attribute behind the name of the first description's tag, with the white space of the tag's attributes. */
static gp_status add_attribute(gp_str *packet, const gp_xmp_doc *doc, const gp_xmp_property *property,
                               const char *value, gp_error *err)
{
    size_t index = gp_xmp_description(doc, GP_XMP_NONE);
    const gp_xmp_element *e = &doc->elements[index];
    gp_xmp_span space = {e->name_end, e->name_end};
    gp_str with = GP_STR_INIT;
    prefix p;
    GP_TRY(find_prefix(doc, index, property->uri, property->prefix, &p, err));
    if (e->attributes) {
        const gp_xmp_attribute *first = &doc->attributes[e->attribute];
        space =
            (gp_xmp_span){first->whole.at, first->prefix.at < first->prefix.end ? first->prefix.at : first->name.at};
    }
    put_declaration(&p, property->uri, &with);
    if (space.at < space.end)
        put_span(doc, space, &with);
    else
        gp_str_putc(&with, ' ');
    gp_str_printf(&with, "%s:%s=\"", p.text, property->name);
    gp_xmp_escape(value, strlen(value), &with);
    gp_str_putc(&with, '"');
    return splice(packet, e->name_end, e->name_end, &with, err);
}

gp_status gp_xmp_set(gp_str *packet, const gp_xmp_property *property, const char *value, gp_error *err)
{
    gp_xmp_doc doc;
    size_t description, attribute, element;
    gp_status st;
    GP_TRY(gp_xmp_parse(packet->data, packet->size, &doc, err));
    gp_xmp_find(&doc, property->uri, property->name, &description, &attribute, &element);
    if (attribute != GP_XMP_NONE) {
        gp_str with = GP_STR_INIT;
        gp_xmp_span old = doc.attributes[attribute].value;
        gp_xmp_escape(value, strlen(value), &with);
        st = splice(packet, old.at, old.end, &with, err);
    } else if (element != GP_XMP_NONE) {
        st = set_element(packet, &doc, &doc.elements[element], property, value, err);
    } else {
        st = add_attribute(packet, &doc, property, value, err);
    }
    gp_xmp_doc_clear(&doc);
    return st;
}

/* ------------------------------------------------------------------ lists */

typedef struct items {
    const char *const *texts; /* [count] */
    size_t count;
    gp_xmp_span old; /* an item that exists, as it is in the packet; may be empty */
} items;

/* Appends the items, each after `space`. */
static void put_items(const gp_xmp_doc *doc, const items *list, const char *rdf, gp_xmp_span space, gp_str *out)
{
    if (list->old.at < list->old.end) {
        gp_str_printf(out, "<%s:li>", rdf);
        put_span(doc, list->old, out);
        gp_str_printf(out, "</%s:li>", rdf);
    }
    for (size_t i = 0; i < list->count; i++) {
        put_span(doc, space, out);
        gp_str_printf(out, "<%s:li>", rdf);
        gp_xmp_escape(list->texts[i], strlen(list->texts[i]), out);
        gp_str_printf(out, "</%s:li>", rdf);
    }
}

static void put_bag(const gp_xmp_doc *doc, const items *list, const prefix *rdf, gp_str *out)
{
    gp_str_printf(out, "<%s:Bag", rdf->text);
    put_declaration(rdf, GP_XMP_RDF, out);
    gp_str_putc(out, '>');
    put_items(doc, list, rdf->text, (gp_xmp_span){0, 0}, out);
    gp_str_printf(out, "</%s:Bag>", rdf->text);
}

/* Returns the white space before an element, if there is nothing else between it and the tag before it. */
static gp_xmp_span space_before(const gp_xmp_doc *doc, size_t begin)
{
    size_t at = begin;
    while (at > 0 && strchr(" \t\r\n", doc->text[at - 1])) at--;
    return at > 0 && doc->text[at - 1] == '>' ? (gp_xmp_span){at, begin} : (gp_xmp_span){begin, begin};
}

static gp_status extend_list(gp_str *packet, const gp_xmp_doc *doc, size_t index, const items *list, gp_error *err)
{
    const gp_xmp_element *bag = &doc->elements[index];
    size_t last = GP_XMP_NONE, at = bag->inside.at;
    gp_xmp_span space = {0, 0};
    gp_str with = GP_STR_INIT;
    prefix rdf;
    GP_TRY(find_prefix(doc, index, GP_XMP_RDF, "rdf", &rdf, err));
    for (size_t i = GP_XMP_NONE; (i = gp_xmp_item(doc, index, i)) != GP_XMP_NONE;) last = i;
    if (last != GP_XMP_NONE) {
        at = doc->elements[last].whole.end;
        space = space_before(doc, doc->elements[last].whole.at);
    }
    if (rdf.new) return gp_fail(err, GP_ERR_UNSUPPORTED, "XMP has no prefix for RDF");
    if (!bag->closed) {
        put_items(doc, list, rdf.text, space, &with);
        return splice(packet, at, at, &with, err);
    }
    gp_str_putc(&with, '>');
    put_items(doc, list, rdf.text, space, &with);
    gp_str_puts(&with, "</");
    put_name(doc, bag, &with);
    gp_str_putc(&with, '>');
    return splice(packet, bag->whole.end - 2, bag->whole.end, &with, err);
}

/* Makes a list of a property that has no list: an element with a text, or an empty element. */
static gp_status make_list(gp_str *packet, const gp_xmp_doc *doc, size_t index, items *list, gp_error *err)
{
    const gp_xmp_element *e = &doc->elements[index];
    gp_str with = GP_STR_INIT;
    prefix rdf;
    GP_TRY(find_prefix(doc, index, GP_XMP_RDF, "rdf", &rdf, err));
    list->old = e->inside;
    while (list->old.at < list->old.end && strchr(" \t\r\n", doc->text[list->old.at])) list->old.at++;
    if (e->closed) gp_str_putc(&with, '>');
    put_bag(doc, list, &rdf, &with);
    if (e->closed) {
        gp_str_puts(&with, "</");
        put_name(doc, e, &with);
        gp_str_putc(&with, '>');
    }
    return splice(packet, e->closed ? e->whole.end - 2 : e->inside.at, e->inside.end, &with, err);
}

/* Adds the property with its list as the last element of the first description. */
static gp_status add_list(gp_str *packet, const gp_xmp_doc *doc, const gp_xmp_property *property, const items *list,
                          gp_error *err)
{
    size_t index = gp_xmp_description(doc, GP_XMP_NONE);
    const gp_xmp_element *e = &doc->elements[index];
    gp_str with = GP_STR_INIT;
    prefix own, rdf;
    GP_TRY(find_prefix(doc, index, property->uri, property->prefix, &own, err));
    GP_TRY(find_prefix(doc, index, GP_XMP_RDF, "rdf", &rdf, err));
    if (e->closed) gp_str_putc(&with, '>');
    gp_str_printf(&with, "<%s:%s", own.text, property->name);
    put_declaration(&own, property->uri, &with);
    gp_str_putc(&with, '>');
    put_bag(doc, list, &rdf, &with);
    gp_str_printf(&with, "</%s:%s>", own.text, property->name);
    if (e->closed) {
        gp_str_puts(&with, "</");
        put_name(doc, e, &with);
        gp_str_putc(&with, '>');
    }
    return splice(packet, e->closed ? e->whole.end - 2 : e->inside.end, e->inside.end, &with, err);
}

/* Returns true if the packet has the property as an attribute. */
static bool is_attribute(const gp_str *packet, const gp_xmp_property *property)
{
    gp_xmp_doc doc;
    size_t description, attribute = GP_XMP_NONE, element;
    if (gp_xmp_parse(packet->data, packet->size, &doc, NULL) != GP_OK) return false;
    gp_xmp_find(&doc, property->uri, property->name, &description, &attribute, &element);
    gp_xmp_doc_clear(&doc);
    return attribute != GP_XMP_NONE;
}

/* Removes an attribute, and adds a list with its value as the first item.  Fails if the packet has the property twice,
 * so the recursion has one level. */
static gp_status list_from_attribute(gp_str *packet, const gp_xmp_doc *doc, size_t attribute,
                                     const gp_xmp_property *property, const items *list, gp_error *err)
{
    const gp_xmp_attribute *a = &doc->attributes[attribute];
    const char *one[1];
    gp_str value = GP_STR_INIT, none = GP_STR_INIT;
    gp_xmp_decode(doc, a->value, &value);
    char *text = gp_str_take(&value);
    one[0] = text;
    gp_status st = text ? splice(packet, a->whole.at, a->whole.end, &none, err) : gp_fail_memory(err, "an XMP packet");
    if (st == GP_OK && is_attribute(packet, property)) st = other_form(property, err);
    if (st == GP_OK && *text) st = gp_xmp_add_items(packet, property, one, 1, err);
    if (st == GP_OK) st = gp_xmp_add_items(packet, property, list->texts, list->count, err);
    gp_mem_free(text);
    return st;
}

gp_status gp_xmp_add_items(gp_str *packet, const gp_xmp_property *property, const char *const *texts, size_t count,
                           gp_error *err)
{
    gp_xmp_doc doc;
    items list = {.texts = texts, .count = count};
    size_t description, attribute, element;
    gp_status st;
    GP_TRY(gp_xmp_parse(packet->data, packet->size, &doc, err));
    gp_xmp_find(&doc, property->uri, property->name, &description, &attribute, &element);
    size_t bag = element == GP_XMP_NONE ? GP_XMP_NONE : gp_xmp_list(&doc, element);
    if (attribute != GP_XMP_NONE)
        st = list_from_attribute(packet, &doc, attribute, property, &list, err);
    else if (bag != GP_XMP_NONE)
        st = extend_list(packet, &doc, bag, &list, err);
    else if (element == GP_XMP_NONE)
        st = add_list(packet, &doc, property, &list, err);
    else if (doc.elements[element].child != GP_XMP_NONE)
        st = other_form(property, err);
    else
        st = make_list(packet, &doc, element, &list, err);
    gp_xmp_doc_clear(&doc);
    return st;
}
