/* SPDX-License-Identifier: MIT
 * Marks by which goldpan recognises its own products, so that contact sheets, tours and exports are not added to the
 * catalog. */
#ifndef GP_BASE_OWN_H
#define GP_BASE_OWN_H

/* Name of an empty file in the top folder of a static site. */
#define GP_MARK_SITE ".goldpan-site"
/* Name of a file in a folder of exported images; it lists their names, one a line. */
#define GP_MARK_EXPORT ".goldpan-export"
/* Mark in an image that goldpan drew: the keyword of a PNG text chunk, the beginning of a JPEG comment, or a word in
 * the XMP of a WebP file. */
#define GP_MARK_IMAGE "goldpan-product"

#endif
