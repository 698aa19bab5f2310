/* SPDX-License-Identifier: MIT
 * Changes the metadata of an image file without decoding it: writes its XMP packet, or removes its metadata. No byte of
 * the compressed pixels changes. Both functions reject a file whose structure they cannot read completely. */
#ifndef GP_IMAGE_PACKET_H
#define GP_IMAGE_PACKET_H

#include "base/str.h"

/* Appends the XMP packet of a PNG, JPEG or WebP to `packet`; nothing if the file has none. Does not read the extended
 * XMP of a JPEG. Errors: FORMAT (damaged, or two packets), UNSUPPORTED (another format, or a packet in a form that
 * goldpan does not write), LIMIT (an inflated packet is too large), MEMORY. Messages do not name the file. */
gp_status gp_packet_read(const uint8_t *bytes, size_t size, gp_str *packet, gp_error *err);

/* Copies the file to `out` (empty) with this XMP packet instead of its own. All other bytes stay unchanged, except
 * those that state the sizes of the chunks around the packet, and the header VP8X of a WebP, which is added if it is
 * missing. Errors: as gp_packet_read; LIMIT (the packet is too large for a JPEG). */
gp_status gp_packet_write(const uint8_t *bytes, size_t size, const gp_str *packet, gp_str *out, gp_error *err);

/* Copies the file to `out` (empty) without its metadata. The copy keeps the compressed pixels, all that determines their
 * colours (ICC profile, gamma, chromaticities), the density and the EXIF orientation. It lacks texts, comments, EXIF, XMP, IPTC,
 * Content Credentials, previews, the time, and bytes after the end of the image. Errors: FORMAT (damaged), UNSUPPORTED
 * (another format, or a text is hidden in the pixels), MEMORY. */
gp_status gp_image_strip(const uint8_t *bytes, size_t size, gp_str *out, gp_error *err);

#endif
