/* SPDX-License-Identifier: MIT
 * Metadata of image files, uninterpreted: text chunks of PNG, comments and EXIF of JPEG and WebP.  Which words in them
 * are a prompt is for ingest.  Bounded: inflated text at most 64 MiB in all, at most 4096 entries; damaged metadata is
 * skipped, never an error (the pixels may still be good). */
#ifndef GP_IMAGE_CHUNKS_H
#define GP_IMAGE_CHUNKS_H

#include "base/status.h"

typedef struct gp_chunk {
    char *key;  /* PNG keyword; "exif:UserComment", "exif:ImageDescription", "exif:Make", "exif:Model", "exif:Software",
                   "jpeg:comment", "xmp" for the others */
    char *text; /* UTF-8 (tEXt: UTF-8 if valid, else Latin-1; UserComment: decoded by its code), NUL-terminated */
    size_t size;  /* bytes of text without the NUL */
    bool damaged; /* the checksum is wrong, or the text is only the readable beginning */
} gp_chunk;
typedef struct gp_chunks {
    gp_chunk *items; /* in file order; [count] */
    size_t count;
    size_t damaged; /* metadata entries with a wrong checksum or that cannot be read, whether kept or skipped */
} gp_chunks;
/* Owns: out, gp_chunks_clear. */
gp_status gp_image_read_chunks(const uint8_t *bytes, size_t size, gp_chunks *out, gp_error *err);
void gp_chunks_clear(gp_chunks *chunks);
/* First chunk of that key, or NULL. */
const gp_chunk *gp_chunks_find(const gp_chunks *chunks, const char *key);

#endif
