/* SPDX-License-Identifier: MIT
 * See codec.h. Entries without functions stand for formats whose library was absent when goldpan was built. */
#include "image/codec.h"

#ifndef GP_HAVE_GIF
const gp_codec gp_codec_gif = {.name = "GIF"};
#endif
#ifndef GP_HAVE_TIFF
const gp_codec gp_codec_tiff = {.name = "TIFF"};
#endif
#ifndef GP_HAVE_AVIF
const gp_codec gp_codec_avif = {.name = "AVIF"};
#endif
#ifndef GP_HAVE_JXL
const gp_codec gp_codec_jxl = {.name = "JPEG XL"};
#endif

const gp_codec *gp_codec_of(gp_format format)
{
    switch (format) {
    case GP_FORMAT_BMP: return &gp_codec_bmp;
    case GP_FORMAT_GIF: return &gp_codec_gif;
    case GP_FORMAT_TIFF: return &gp_codec_tiff;
    case GP_FORMAT_AVIF: return &gp_codec_avif;
    case GP_FORMAT_JXL: return &gp_codec_jxl;
    default: return NULL;
    }
}
