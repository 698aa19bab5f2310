/* SPDX-License-Identifier: MIT
 * libtiff reads the file through functions that check every position. Its messages are kept in gp_tiff_file, one for
 * each open file, so threads do not share them. */
#include "image/tiff_open.h"

#include <stdio.h>
#include <string.h>

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t count)
{
    gp_tiff_file *f = handle;
    const size_t rest = f->at < f->size ? f->size - f->at : 0;
    const size_t n = count < 0 ? 0 : (size_t)count < rest ? (size_t)count : rest;
    if (n) memcpy(to, f->bytes + f->at, n);
    f->at += n;
    return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t count)
{
    (void)handle, (void)from, (void)count;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    gp_tiff_file *f = handle;
    const toff_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? f->at : f->size;
    if (offset > SIZE_MAX / 2) return (toff_t)-1;
    f->at = (size_t)(base + offset);
    return f->at;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    return ((gp_tiff_file *)handle)->size;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list values)
{
    gp_tiff_file *f = user;
    (void)tiff, (void)module;
    if (!f->message[0]) vsnprintf(f->message, sizeof f->message, format, values);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list values)
{
    (void)tiff, (void)user, (void)module, (void)format, (void)values;
    return 1;
}

gp_status gp_tiff_open(const uint8_t *bytes, size_t size, size_t limit, gp_tiff_file *file, gp_error *err)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return gp_fail_memory(err, "decoding");
    *file = (gp_tiff_file){.bytes = bytes, .size = size};
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)limit);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, file);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, file);
    /* m: no memory map; O: read offsets of strips only when they are needed */
    file->tiff =
        TIFFClientOpenExt("TIFF", "rm", file, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    if (!file->tiff) return gp_fail(err, GP_ERR_FORMAT, "TIFF data is damaged or truncated");
    return GP_OK;
}

static bool is_known_compression(uint16_t compression)
{
    static const uint16_t known[] = {COMPRESSION_NONE,          COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3,
                                     COMPRESSION_CCITTFAX4,     COMPRESSION_LZW,      COMPRESSION_JPEG,
                                     COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS, COMPRESSION_DEFLATE,
                                     COMPRESSION_LZMA,          COMPRESSION_ZSTD,     COMPRESSION_WEBP};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == compression) return TIFFIsCODECConfigured(compression);
    return false;
}

/* Returns whether the samples are of a kind that convert_row in tiff.c converts. */
static bool is_known_kind(const gp_tiff_info *t)
{
    const bool deep = t->bits == 16 && t->format == SAMPLEFORMAT_UINT, byte = t->bits == 8;
    const bool small = t->bits == 1 || t->bits == 2 || t->bits == 4;
    if (t->format == SAMPLEFORMAT_IEEEFP && t->bits != 32) return false;
    switch (t->photometric) {
    case PHOTOMETRIC_MINISWHITE: return t->samples == 1 && (small || byte || t->bits == 16 || t->bits == 32);
    case PHOTOMETRIC_MINISBLACK:
        return (t->samples == 1 && (small || t->bits == 16 || t->bits == 32)) || (byte && t->samples <= 2);
    case PHOTOMETRIC_PALETTE: return (t->samples == 1 && (small || byte)) || (byte && t->samples == 2);
    case PHOTOMETRIC_RGB: return t->samples >= 3 && t->samples <= 6 && (byte || deep);
    case PHOTOMETRIC_SEPARATED: return t->samples >= 4 && t->samples <= 6 && (byte || deep);
    case PHOTOMETRIC_YCBCR: return t->samples == 3 && byte;
    default: return false;
    }
}

static void read_extra(TIFF *tiff, gp_tiff_info *t)
{
    uint16_t count = 0, *kinds = NULL;
    const uint16_t colours = t->photometric == PHOTOMETRIC_RGB ? 3 : t->photometric == PHOTOMETRIC_SEPARATED ? 4 : 1;
    if (t->photometric == PHOTOMETRIC_YCBCR || t->samples <= colours) return;
    if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) && count && kinds)
        t->extra = kinds[0];
    else
        t->extra = colours == 3 ? EXTRASAMPLE_UNASSALPHA : EXTRASAMPLE_UNSPECIFIED;
    t->alpha = t->extra != EXTRASAMPLE_UNSPECIFIED;
}

gp_status gp_tiff_read_info(gp_tiff_file *file, gp_tiff_info *out, gp_error *err)
{
    TIFF *tiff = file->tiff;
    gp_tiff_info t = {0};
    uint16_t planes = PLANARCONFIG_CONTIG, orientation = 1;
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &t.width) || !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &t.height))
        return gp_fail(err, GP_ERR_FORMAT, "TIFF data is damaged: it has no image size");
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &t.photometric)) t.photometric = PHOTOMETRIC_MINISWHITE;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &t.bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &t.samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &t.format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &t.compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planes);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    t.planes = planes == PLANARCONFIG_SEPARATE && t.samples > 1;
    t.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    t.tiled = TIFFIsTiled(tiff);
    if (t.tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &t.wide);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &t.high);
    } else {
        t.wide = t.width;
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &t.high);
        if (t.high > t.height) t.high = t.height;
    }
    if (t.format == 0 || t.format == SAMPLEFORMAT_VOID) t.format = SAMPLEFORMAT_UINT;
    if (!is_known_compression(t.compression))
        return gp_fail(err, GP_ERR_UNSUPPORTED, "has TIFF compression %u, which goldpan does not read", t.compression);
    read_extra(tiff, &t);
    if (!is_known_kind(&t))
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "has TIFF pixels that goldpan does not read: photometric %u, %u samples of %u bits",
                       t.photometric, t.samples, t.bits);
    t.as_rgba = t.photometric == PHOTOMETRIC_YCBCR && (t.compression != COMPRESSION_JPEG || t.planes);
    if (!t.width || !t.height || !t.wide || !t.high)
        return gp_fail(err, GP_ERR_FORMAT, "TIFF data is damaged: a side has 0 pixels");
    *out = t;
    return GP_OK;
}
