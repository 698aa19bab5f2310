/* SPDX-License-Identifier: MIT
 * Fast quality measures of an image's pixels, and detection of frames that show nothing (docs/method.md, "Quality
 * measures").
 *
 * Luma is 0.299 R + 0.587 G + 0.114 B, rounded to levels 0..255 as in Pillow's convert("L"). The measures use a sample
 * at the file's own resolution, because resizing would change noise and sharpness. A side of up to 192 pixels is
 * sampled completely. A longer side is sampled by 8 windows of 24 pixels, each in the middle of an eighth of the side.
 * The last four measures use every second row of the sample; saturation also uses only every fourth pixel of a row.
 *
 *   sharpness   variance of the Laplacian [0 1 0; 1 -4 1; 0 1 0] of luma, in levels squared
 *   noise       Immerkaer's estimate (1996) of the standard deviation of white noise, in levels:
 *               sqrt(pi/2) / 6 * mean |luma * [1 -2 1; -2 4 -2; 1 -2 1]|
 *   exposure    mean luma / 255
 *   saturation  mean of (max - min) / max of R, G, B; black counts as 0
 *   entropy     bits of the histogram of luma, 0..8
 *   spread      standard deviation of luma / 255 */
#ifndef GP_IMAGE_QUALITY_H
#define GP_IMAGE_QUALITY_H

#include "base/status.h"

/* Computes the measures and decides whether the frame shows nothing. `plain`: the pixels are all that the file
 * shows (gp_image_is_plain): no transparency, no animation. Images that are not plain, or smaller than 64 x 64 pixels,
 * always count as normal frames. For all other images, the kind of frame depends on all pixels:
 *   black    all luma is below 32, and at most 1 pixel in 1000 has 16 or more
 *   uniform  in each of R, G and B, all pixels lie within 4 levels
 *   noise    the standard deviation of luma is at least 25 levels; the correlation of luma is within -0.2..0.2 between
 *            pixels 1 and 2 apart, along rows and columns; and in each of R, G and B, the standard deviation of the
 *            means of 16 x 16 blocks is at most 1/10 of the standard deviation of the pixels. In white noise this
 *            ratio is 1/16; in an image with noise and a subject it is more than 1/10.
 * Error: USAGE for an image without pixels. */
gp_status gp_image_quality(const gp_pixels *pixels, bool plain, gp_quality *out, gp_error *err);

#endif
