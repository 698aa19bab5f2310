/* SPDX-License-Identifier: MIT
 * Reads the blocks of a GIF file without decoding pixels. Private to this module. */
#ifndef GP_IMAGE_GIF_SCAN_H
#define GP_IMAGE_GIF_SCAN_H

#include "image/codec.h"

typedef struct gp_gif_info {
    uint32_t width, height;           /* of the canvas, enlarged so that the first frame is inside, as in Pillow */
    uint32_t left, top, wide, high;   /* place and size of the first frame */
    int transparent;                  /* palette index of the transparent pixels of the first frame, or -1 */
    bool animated;                    /* the file has a second frame */
    const uint8_t *palette;           /* [palette_size, 3], NULL: none */
    size_t palette_size, frame, data; /* frame: offset of the first frame's descriptor; data: of its image data */
    size_t end;                       /* offset after the image data of the first frame */
} gp_gif_info;

/* Reads the file up to the first frame, and searches for a second one. Errors: FORMAT. */
gp_status gp_gif_scan(const uint8_t *bytes, size_t size, gp_gif_info *out, gp_error *err);
/* Adds comments ("gif:comment") and XMP ("xmp") to the sink. */
void gp_gif_texts(const uint8_t *bytes, size_t size, const gp_text_sink *sink);

#endif
