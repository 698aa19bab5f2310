/* SPDX-License-Identifier: MIT
 * How goldpan knows its own products again, so that sheets, tours and exports do not become images of the catalog. */
#ifndef GP_BASE_OWN_H
#define GP_BASE_OWN_H

/* In the top folder of a static site: an empty file. */
#define GP_MARK_SITE ".goldpan-site"
/* In a folder of exported images: their names, one a line. */
#define GP_MARK_EXPORT ".goldpan-export"
/* In an image that goldpan drew: the keyword of a PNG text, the beginning of a JPEG comment, a word in the XMP of WebP.
 */
#define GP_MARK_IMAGE "goldpan-product"

#endif
