/* SPDX-License-Identifier: MIT
 * Reads single properties of an XMP packet, without an XML parser: by the usual prefix of their namespace. */
#ifndef GP_METADATA_XMP_H
#define GP_METADATA_XMP_H

#include "base/str.h"

/* Appends the first value of a property such as "dc:description": an attribute, or the text of an element (the first
 * item, if the element is a list). Entities are decoded. Returns false if the packet does not have the property. */
bool gp_xmp_get(const char *xml, size_t size, const char *property, gp_str *out);

#endif
