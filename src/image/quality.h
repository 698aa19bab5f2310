/* SPDX-License-Identifier: MIT
 * Cheap measures of an image's pixels, and frames that show nothing (docs/method.md, "Quality measures").
 *
 * Luma is 0.299 R + 0.587 G + 0.114 B in whole levels 0..255, as Pillow's convert("L") has it.  The measures read a
 * sample at the file's own resolution, so that noise and sharpness are those of the file: a side of up to 192 pixels
 * is read whole; of a longer side, 8 windows of 24 pixels, each in the middle of an eighth of the side.  The last four
 * measures read every second row of the sample, and saturation every fourth pixel of it.
 *
 *   sharpness   variance of the Laplacian [0 1 0; 1 -4 1; 0 1 0] of luma, in levels squared
 *   noise       Immerkaer's estimate (1996) of the standard deviation of white noise, in levels:
 *               sqrt(pi/2) / 6 * mean |luma * [1 -2 1; -2 4 -2; 1 -2 1]|
 *   exposure    mean luma / 255
 *   saturation  mean of (max - min) / max of R, G, B; black counts as 0
 *   entropy     bits of the histogram of luma, 0..8
 *   spread      standard deviation of luma / 255
 */
#ifndef GP_IMAGE_QUALITY_H
#define GP_IMAGE_QUALITY_H

#include "base/status.h"

/* Measures the pixels, and decides whether the frame shows nothing.  `frame` is decided by all pixels, and only for
 * images of at least 64 x 64 pixels that are `plain`: the image is only these pixels (gp_image_is_plain), and none that
 * its transparency draws.
 *   black    no luma of 32 or more, and at most 1 pixel in 1000 of 16 or more
 *   uniform  in each of R, G and B, all pixels lie within 4 levels
 *   noise    standard deviation of luma of at least 25 levels; correlation of luma within -0.2..0.2 between pixels 1
 *            and 2 apart, along rows and columns; and in each of R, G and B the means of blocks of 16 x 16 pixels
 *            deviate at most 1/10 as much as the pixels (1/16 in white noise): a noisy picture of something is not one
 * Error: USAGE for an image without pixels. */
gp_status gp_image_quality(const gp_pixels *pixels, bool plain, gp_quality *out, gp_error *err);

#endif
