/* SPDX-License-Identifier: MIT
 * Thumbnails: one picture read, checked, made small and upright.  Any thread.  Memory: its pixels twice. */
#ifndef GP_REPORT_THUMB_H
#define GP_REPORT_THUMB_H

#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"

/* Decodes an image if its file may be given out (original.h).  Owns: out->rgb, gp_pixels_clear. */
gp_status gp_thumb_read(const char *path, const gp_hash *hash, gp_pixels *out, gp_error *err);
/* Size of a picture stored as width x height, turned upright, no side longer than `side`; never enlarged. */
void gp_thumb_fit(uint32_t width, uint32_t height, uint32_t orientation, uint32_t side, uint32_t *w, uint32_t *h);
/* The picture turned upright by its EXIF orientation, [h, w, 3].  Owns: out->rgb. */
gp_status gp_thumb_shape(const gp_pixels *pixels, uint32_t orientation, uint32_t w, uint32_t h, gp_pixels *out,
                         gp_error *err);

#endif
