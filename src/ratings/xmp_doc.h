/* SPDX-License-Identifier: MIT
 * Parses an XMP packet into elements with their positions, so that single properties can be read and changed while all
 * other bytes stay. The parser accepts XML as XMP writers use it: no document type, so no entities except the five of
 * XML and character references, and no external files. It rejects everything else, because a packet that is not
 * understood must not be changed.
 * Limits: 16 MiB; 262,144 elements and as many attributes; 64 levels; 256 namespaces in force at one place. */
#ifndef GP_RATINGS_XMP_DOC_H
#define GP_RATINGS_XMP_DOC_H

#include "base/str.h"

#define GP_XMP_LARGEST ((size_t)16 << 20)
#define GP_XMP_RDF     "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

/* A part of the packet's text. */
typedef struct gp_xmp_span {
    size_t at, end;
} gp_xmp_span;

typedef struct gp_xmp_attribute {
    gp_xmp_span whole; /* from the white space before the name to the closing quote */
    gp_xmp_span prefix, name, uri;
    gp_xmp_span value; /* between the quotes */
} gp_xmp_attribute;

typedef struct gp_xmp_element {
    gp_xmp_span whole, inside; /* inside: between the tags; empty at the end of a tag such as <a/> */
    gp_xmp_span prefix, name, uri;
    size_t name_end;                /* end of the name in the first tag */
    bool closed;                    /* one tag only, such as <a/> */
    size_t parent, next, child;     /* indexes of elements; GP_XMP_NONE: none. child: the first */
    size_t attribute, attributes;   /* the first attribute, and their number */
    size_t names_before, names_end; /* the namespaces that this element declares, in gp_xmp_doc.names */
} gp_xmp_element;

/* A declaration such as xmlns:xmp="...". */
typedef struct gp_xmp_namespace {
    gp_xmp_span prefix, uri;
} gp_xmp_namespace;

#define GP_XMP_NONE SIZE_MAX
typedef struct gp_xmp_doc {
    const char *text; /* [size] borrowed */
    size_t size;
    gp_xmp_element *elements; /* [count] in the order of their first tags */
    gp_xmp_attribute *attributes;
    gp_xmp_namespace *names;
    size_t count, attribute_count, name_count;
    size_t capacity, attribute_capacity, name_capacity;
    size_t rdf; /* the element rdf:RDF, or GP_XMP_NONE */
} gp_xmp_doc;

/* Parses the text, which must stay until gp_xmp_doc_clear. Errors: FORMAT (not well-formed, or not UTF-8), UNSUPPORTED (a
 * document type, UTF-16), LIMIT, MEMORY. Messages begin with "XMP". The caller clears *doc only after success. */
gp_status gp_xmp_parse(const char *text, size_t size, gp_xmp_doc *doc, gp_error *err);
void gp_xmp_doc_clear(gp_xmp_doc *doc);

bool gp_xmp_is(const gp_xmp_doc *doc, gp_xmp_span span, const char *text);
/* Returns true if the element has this namespace and this name. */
bool gp_xmp_named(const gp_xmp_doc *doc, size_t element, const char *uri, const char *name);
/* Returns the index of the next rdf:Description below rdf:RDF after `last` (GP_XMP_NONE: the first), or GP_XMP_NONE. */
size_t gp_xmp_description(const gp_xmp_doc *doc, size_t last);
/* Finds a property in all descriptions: an attribute, or an element. Both are GP_XMP_NONE if it is missing.
 * *description: the description that has the property. */
void gp_xmp_find(const gp_xmp_doc *doc, const char *uri, const char *name, size_t *description, size_t *attribute,
                 size_t *element);
/* Returns the list (rdf:Bag, rdf:Seq or rdf:Alt) in a property's element, or GP_XMP_NONE. */
size_t gp_xmp_list(const gp_xmp_doc *doc, size_t element);
/* Returns the next rdf:li of a list after `last` (GP_XMP_NONE: the first), or GP_XMP_NONE. */
size_t gp_xmp_item(const gp_xmp_doc *doc, size_t list, size_t last);
/* Appends a text with its entities decoded; leaves out comments. */
void gp_xmp_decode(const gp_xmp_doc *doc, gp_xmp_span span, gp_str *out);
/* Appends a text with the characters & < > " and ' as entities. */
void gp_xmp_escape(const char *text, size_t size, gp_str *out);

#endif
