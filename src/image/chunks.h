/* SPDX-License-Identifier: MIT
 * Reads the metadata texts of image files: text chunks of PNG, comments, EXIF and XMP of the other formats. The module
 * `metadata` decides which of them are prompts.
 * Limits: at most 64 MiB of inflated text in all, at most 4096 entries. Damaged metadata is skipped and is never an
 * error, because the pixels may still be good. */
#ifndef GP_IMAGE_CHUNKS_H
#define GP_IMAGE_CHUNKS_H

#include "base/status.h"

typedef struct gp_chunk {
    char *key;    /* a PNG keyword, or "exif:UserComment", "exif:ImageDescription", "exif:Make", "exif:Model",
                     "exif:Software", "jpeg:comment", "gif:comment", "xmp", "c2pa" (an empty text: the file has Content Credentials),
                     or "stealth" (gp_chunks_add_hidden) */
    char *text;   /* UTF-8, NUL-terminated; tEXt is read as UTF-8 if valid, else as Latin-1 */
    size_t size;  /* bytes of text without the NUL */
    bool damaged; /* the checksum is wrong, or only the beginning of the text is readable */
} gp_chunk;
typedef struct gp_chunks {
    gp_chunk *items; /* in file order; [count] */
    size_t count;
    /* number of metadata entries that have a wrong checksum or cannot be read; some of them are in `items` */
    size_t damaged;
} gp_chunks;
/* Reads the metadata texts of a file. The caller frees *out with gp_chunks_clear. */
gp_status gp_image_read_chunks(const uint8_t *bytes, size_t size, gp_chunks *out, gp_error *err);
/* Appends the text that is hidden in the pixels of a PNG or of a lossless WebP ("stealth PNG info"), with the key
 * "stealth", if there is one. A damaged text is counted in chunks->damaged. Errors: MEMORY only. */
gp_status gp_chunks_add_hidden(const uint8_t *bytes, size_t size, gp_chunks *chunks, gp_error *err);
void gp_chunks_clear(gp_chunks *chunks);
/* Returns the first chunk with this key, or NULL. */
const gp_chunk *gp_chunks_find(const gp_chunks *chunks, const char *key);

#endif
