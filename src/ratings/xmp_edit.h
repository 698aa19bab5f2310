/* SPDX-License-Identifier: MIT
 * Changes single properties of an XMP packet. All bytes that do not belong to the changed property stay as they are:
 * unknown properties, their order, comments, white space and the padding. Each function parses the packet again, so
 * that one change at a time has to be placed. */
#ifndef GP_RATINGS_XMP_EDIT_H
#define GP_RATINGS_XMP_EDIT_H

#include "base/str.h"

/* A property's name. */
typedef struct gp_xmp_property {
    const char *uri, *prefix, *name; /* prefix: used if the packet does not declare the namespace */
} gp_xmp_property;

/* Fills an empty packet with an empty rdf:Description: for a sidecar file, or with the frame of an embedded packet.
 * Gives a packet without a description one. Errors: those of gp_xmp_parse; FORMAT (no rdf:RDF). */
gp_status gp_xmp_begin(gp_str *packet, bool sidecar, gp_error *err);
/* Sets a property with a simple value: the attribute or element that exists, else a new attribute. Errors: those of
 * gp_xmp_parse; UNSUPPORTED (the property exists and is not simple). */
gp_status gp_xmp_set(gp_str *packet, const gp_xmp_property *property, const char *value, gp_error *err);
/* Appends items to a list. Makes the property an rdf:Bag if it is missing or simple. */
gp_status gp_xmp_add_items(gp_str *packet, const gp_xmp_property *property, const char *const *items, size_t count,
                           gp_error *err);

#endif
