/* SPDX-License-Identifier: MIT
 * Decodes the first page of a TIFF: strips or tiles, samples side by side or in planes, all compressions that libtiff
 * and Pillow both read. As in Pillow, the image is turned by its orientation. Samples are converted as rgb.h says; in
 * addition:
 *   1 to 8 bits, white is 0          inverted
 *   32 bits, integer or real         clipped to 0..255
 *   premultiplied alpha              divided by alpha
 * Memory: the pixels, one strip or tile, and the turned pixels if the image is turned. */
#include "base/mem.h"
#include "image/rgb.h"
#include "image/tiff_open.h"
#include "image/turn.h"

#include <string.h>

enum { SMALL = 64 << 20, MOST_RATIO = 4 };

typedef struct job {
    gp_tiff_file file;
    gp_tiff_info info;
    uint8_t palette[256 * 3];
    uint8_t *block, *plane; /* block: samples of a strip or tile, side by side; plane: of one plane */
    size_t block_bytes, plane_bytes;
    gp_pixels pixels;
} job;

/* ------------------------------------------------------------------ samples to RGB */

static uint8_t clip(double v)
{
    return v >= 255 ? 255 : v > 0 ? (uint8_t)v : 0;
}

/* Returns a colour before it was multiplied by alpha. */
static uint8_t divided(unsigned v, unsigned alpha)
{
    const unsigned full = alpha ? v * 255 / alpha : 0;
    return (uint8_t)(full > 255 ? 255 : full);
}

static void convert_gray(const gp_tiff_info *t, const uint8_t *row, uint8_t *rgb)
{
    const bool white = t->photometric == PHOTOMETRIC_MINISWHITE;
    const bool divide = t->alpha && t->extra == EXTRASAMPLE_ASSOCALPHA;
    for (size_t i = 0; i < t->width; i++, rgb += 3) {
        uint8_t v = 0;
        if (t->bits == 8) {
            v = row[i * t->samples];
            if (white) v = (uint8_t)(255 - v);
            if (divide) v = divided(v, row[i * t->samples + 1]);
        } else if (t->bits == 16) {
            int16_t n;
            memcpy(&n, row + 2 * i, 2);
            v = clip(t->format == SAMPLEFORMAT_INT ? (double)n : (double)(uint16_t)n);
        } else if (t->format == SAMPLEFORMAT_IEEEFP) {
            float n;
            memcpy(&n, row + 4 * i, 4);
            v = clip((double)n);
        } else {
            int32_t n;
            memcpy(&n, row + 4 * i, 4);
            v = clip((double)n);
        }
        rgb[0] = rgb[1] = rgb[2] = v;
    }
}

/* Returns sample c of a pixel as 8 bits. */
static uint8_t sample(const gp_tiff_info *t, const uint8_t *pixel, size_t c)
{
    uint16_t v;
    if (t->bits == 8) return pixel[c];
    memcpy(&v, pixel + 2 * c, 2);
    return (uint8_t)(v >> 8);
}

static void convert_rgb(const gp_tiff_info *t, const uint8_t *row, size_t width, uint8_t *rgb)
{
    const size_t step = (size_t)t->samples * t->bits / 8;
    const bool divide = t->alpha && t->extra == EXTRASAMPLE_ASSOCALPHA;
    for (size_t i = 0; i < width; i++, row += step, rgb += 3) {
        const unsigned a = divide ? sample(t, row, 3) : 255;
        for (size_t c = 0; c < 3; c++) rgb[c] = divided(sample(t, row, c), a);
    }
}

static void convert_cmyk(const gp_tiff_info *t, const uint8_t *row, size_t width, uint8_t *rgb)
{
    const size_t step = (size_t)t->samples * t->bits / 8;
    for (size_t i = 0; i < width; i++, row += step, rgb += 3) {
        uint8_t inverted[4];
        for (size_t c = 0; c < 4; c++) inverted[c] = (uint8_t)(255 - sample(t, row, c));
        gp_rgb_from_inverted_cmyk(inverted, rgb, 1);
    }
}

static void convert_palette(const gp_tiff_info *t, const uint8_t *row, size_t width, const uint8_t *palette,
                            uint8_t *rgb)
{
    for (size_t i = 0; i < width; i++) memcpy(rgb + 3 * i, palette + 3 * (size_t)row[i * t->samples], 3);
}

/* Converts the first `width` pixels of a row. */
static void convert_row(const job *j, const uint8_t *row, size_t width, uint8_t *rgb)
{
    gp_tiff_info t = j->info;
    t.width = (uint32_t)width;
    if (t.photometric == PHOTOMETRIC_YCBCR)
        memcpy(rgb, row, 3 * width); /* libtiff has converted JPEG data to RGB */
    else if (t.photometric == PHOTOMETRIC_RGB)
        convert_rgb(&t, row, width, rgb);
    else if (t.photometric == PHOTOMETRIC_SEPARATED)
        convert_cmyk(&t, row, width, rgb);
    else if (t.bits < 8)
        gp_rgb_from_png(row, rgb, t.width, 3, t.bits, j->palette);
    else if (t.photometric == PHOTOMETRIC_PALETTE)
        convert_palette(&t, row, width, j->palette, rgb);
    else
        convert_gray(&t, row, rgb);
}

/* Fills the palette. Gray images of less than 8 bits also use it. */
static gp_status read_palette(job *j, gp_error *err)
{
    const gp_tiff_info *t = &j->info;
    uint16_t *r = NULL, *g = NULL, *b = NULL;
    if (t->bits > 8) return GP_OK;
    const unsigned count = 1u << t->bits;
    const bool colours = t->photometric == PHOTOMETRIC_PALETTE;
    if (colours && (!TIFFGetField(j->file.tiff, TIFFTAG_COLORMAP, &r, &g, &b) || !r || !g || !b))
        return gp_fail(err, GP_ERR_FORMAT, "TIFF data is damaged: the palette is missing");
    for (unsigned i = 0; i < count; i++) {
        const unsigned v = i * 255 / (count - 1), gray = t->photometric == PHOTOMETRIC_MINISWHITE ? 255 - v : v;
        j->palette[3 * i] = (uint8_t)(colours ? r[i] >> 8 : gray);
        j->palette[3 * i + 1] = (uint8_t)(colours ? g[i] >> 8 : gray);
        j->palette[3 * i + 2] = (uint8_t)(colours ? b[i] >> 8 : gray);
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ strips and tiles */

static gp_status damaged(const job *j, gp_error *err)
{
    if (strstr(j->file.message, "emory")) return gp_fail(err, GP_ERR_LIMIT, "TIFF data needs too much memory");
    return gp_fail(err, GP_ERR_FORMAT, "TIFF image data is damaged or truncated");
}

/* Reads one strip or tile of one plane. `need`: bytes that the strip or tile must have. */
static gp_status read_plane(job *j, uint32_t index, uint8_t *to, size_t bytes, size_t need, gp_error *err)
{
    TIFF *tiff = j->file.tiff;
    const tmsize_t got = j->info.tiled ? TIFFReadEncodedTile(tiff, index, to, (tmsize_t)bytes)
                                       : TIFFReadEncodedStrip(tiff, index, to, (tmsize_t)bytes);
    return got >= 0 && (size_t)got >= need ? GP_OK : damaged(j, err);
}

/* Reads the strip or tile at (x, y) to j->block, samples side by side. rows: number of rows that the image has there. */
static gp_status read_block(job *j, uint32_t x, uint32_t y, uint32_t rows, gp_error *err)
{
    const gp_tiff_info *t = &j->info;
    TIFF *tiff = j->file.tiff;
    const size_t stride = (size_t)(t->tiled ? TIFFTileRowSize64(tiff) : TIFFScanlineSize64(tiff));
    const size_t need = rows * stride, depth = t->bits / 8u, count = (size_t)t->wide * rows;
    for (uint16_t s = 0; s < (t->planes ? t->samples : 1); s++) {
        const uint32_t index = t->tiled ? TIFFComputeTile(tiff, x, y, 0, s) : TIFFComputeStrip(tiff, y, s);
        if (!t->planes) return read_plane(j, index, j->block, j->block_bytes, need, err);
        GP_TRY(read_plane(j, index, j->plane, j->plane_bytes, need, err));
        for (size_t i = 0; i < count; i++) memcpy(j->block + (i * t->samples + s) * depth, j->plane + i * depth, depth);
    }
    return GP_OK;
}

static void convert_block(job *j, uint32_t x, uint32_t y, uint32_t rows, uint32_t columns)
{
    const gp_tiff_info *t = &j->info;
    const size_t stride = ((size_t)t->wide * t->samples * t->bits + 7) / 8;
    for (uint32_t i = 0; i < rows; i++) {
        uint8_t *rgb = j->pixels.rgb + ((size_t)(y + i) * t->width + x) * 3;
        convert_row(j, j->block + i * stride, columns, rgb);
    }
}

/* libtiff converts a strip or tile to RGBA. The first row of a strip's raster is the lowest row of the image there; a
 * tile's raster always has all rows of a tile. */
static gp_status read_rgba(job *j, uint32_t x, uint32_t y, uint32_t rows, uint32_t columns, gp_error *err)
{
    const gp_tiff_info *t = &j->info;
    uint32_t *raster = (uint32_t *)(void *)j->block;
    const uint32_t last = t->tiled ? t->high - 1 : rows - 1;
    const int ok = t->tiled ? TIFFReadRGBATileExt(j->file.tiff, x, y, raster, 1)
                            : TIFFReadRGBAStripExt(j->file.tiff, y, raster, 1);
    if (!ok) return damaged(j, err);
    for (uint32_t i = 0; i < rows; i++) {
        const uint32_t *from = raster + (size_t)(last - i) * t->wide;
        uint8_t *rgb = j->pixels.rgb + ((size_t)(y + i) * t->width + x) * 3;
        for (uint32_t k = 0; k < columns; k++, rgb += 3)
            rgb[0] = TIFFGetR(from[k]), rgb[1] = TIFFGetG(from[k]), rgb[2] = TIFFGetB(from[k]);
    }
    return GP_OK;
}

static gp_status decode_blocks(job *j, gp_error *err)
{
    const gp_tiff_info *t = &j->info;
    for (uint32_t y = 0; y < t->height; y += t->high) {
        const uint32_t rows = t->height - y < t->high ? t->height - y : t->high;
        for (uint32_t x = 0; x < t->width; x += t->wide) {
            const uint32_t columns = t->width - x < t->wide ? t->width - x : t->wide;
            if (t->as_rgba) {
                GP_TRY(read_rgba(j, x, y, rows, columns, err));
            } else {
                GP_TRY(read_block(j, x, y, rows, err));
                convert_block(j, x, y, rows, columns);
            }
            if (t->width - x <= t->wide) break; /* x would overflow */
        }
        if (t->height - y <= t->high) break;
    }
    return GP_OK;
}

/* Allocates j->block and j->plane. A tile may be larger than the image, but not much. */
static gp_status make_blocks(job *j, gp_error *err)
{
    const gp_tiff_info *t = &j->info;
    TIFF *tiff = j->file.tiff;
    const uint64_t pixels = (uint64_t)t->wide * t->high, image = (uint64_t)t->width * t->height;
    const uint64_t plane = t->tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
    const size_t each = t->as_rgba ? 4 : (size_t)t->samples * (t->bits >= 8 ? t->bits / 8u : 1);
    if (pixels > MOST_RATIO * image + (1 << 20))
        return gp_fail(err, GP_ERR_LIMIT, "has TIFF tiles of %ux%u pixels, which is far more than the image", t->wide,
                       t->high);
    j->plane_bytes = (size_t)plane;
    j->block_bytes = (size_t)pixels * each;
    if (j->block_bytes < j->plane_bytes) j->block_bytes = j->plane_bytes;
    if (plane > (pixels + t->high) * (each > 4 ? each : 4)) return damaged(j, err);
    GP_TRY(gp_alloc((void **)&j->block, j->block_bytes, 1, "pixels", err));
    if (t->planes && !t->as_rgba) GP_TRY(gp_alloc((void **)&j->plane, j->plane_bytes, 1, "pixels", err));
    return GP_OK;
}

/* An image without compression must have the bytes of its pixels, so a short file costs no memory. */
static gp_status check_size(const job *j, uint64_t max_pixels, gp_error *err)
{
    const gp_tiff_info *t = &j->info;
    GP_TRY(gp_image_check_size(t->width, t->height, max_pixels, err));
    const uint64_t need = (uint64_t)t->width * t->height * t->samples * t->bits / 8;
    if (t->compression == COMPRESSION_NONE && t->photometric != PHOTOMETRIC_YCBCR && need > j->file.size)
        return damaged(j, err);
    return GP_OK;
}

static gp_status turn(job *j, gp_error *err)
{
    const gp_tiff_info *t = &j->info;
    const bool lies = t->orientation >= 5;
    gp_pixels turned = {0};
    if (t->orientation == 1) return GP_OK;
    GP_TRY(gp_image_alloc(lies ? t->height : t->width, lies ? t->width : t->height, &turned, err));
    gp_rgb_turn(j->pixels.rgb, t->width, t->height, t->orientation, turned.rgb);
    gp_pixels_clear(&j->pixels);
    j->pixels = turned;
    return GP_OK;
}

/* Sets what libtiff shall do with the data. */
static void set_up(job *j)
{
    uint16_t across, down;
    if (j->info.photometric == PHOTOMETRIC_YCBCR && !j->info.as_rgba)
        TIFFSetField(j->file.tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (j->info.as_rgba && j->info.compression == COMPRESSION_NONE &&
        !TIFFGetField(j->file.tiff, TIFFTAG_YCBCRSUBSAMPLING, &across, &down))
        TIFFSetField(j->file.tiff, TIFFTAG_YCBCRSUBSAMPLING, 1, 1);       /* as Pillow writes such files */
    TIFFSetField(j->file.tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT); /* turned here, not by libtiff */
}

static gp_status run(job *j, uint64_t max_pixels, gp_error *err)
{
    GP_TRY(gp_tiff_read_info(&j->file, &j->info, err));
    GP_TRY(check_size(j, max_pixels, err));
    set_up(j);
    GP_TRY(read_palette(j, err));
    GP_TRY(make_blocks(j, err));
    GP_TRY(gp_image_alloc(j->info.width, j->info.height, &j->pixels, err));
    GP_TRY(decode_blocks(j, err));
    return turn(j, err);
}

static gp_status decode(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    job j = {0};
    const uint64_t most = max_pixels ? max_pixels : GP_MAX_PIXELS;
    GP_TRY(gp_tiff_open(bytes, size, (size_t)(8 * most + SMALL), &j.file, err));
    gp_status st = run(&j, max_pixels, err);
    if (st == GP_OK)
        *out = j.pixels;
    else
        gp_pixels_clear(&j.pixels);
    gp_mem_free(j.block);
    gp_mem_free(j.plane);
    TIFFClose(j.file.tiff);
    return st;
}

/* ------------------------------------------------------------------ the codec */

static gp_status info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    gp_tiff_file file;
    gp_tiff_info t;
    GP_TRY(gp_tiff_open(bytes, size, SMALL, &file, err));
    gp_status st = gp_tiff_read_info(&file, &t, err);
    TIFFClose(file.tiff);
    if (st != GP_OK) return st;
    const bool lies = t.orientation >= 5;
    *out = (gp_image_info){
        .format = GP_FORMAT_TIFF, .width = lies ? t.height : t.width, .height = lies ? t.width : t.height};
    return GP_OK;
}

/* Tags that say how the data is decoded. */
static void hash_tags(TIFF *tiff, const gp_tiff_info *t, gp_hasher *hasher)
{
    const uint32_t values[] = {t->width,   t->height, t->wide,        t->high,        t->orientation, t->bits,
                               t->samples, t->format, t->photometric, t->compression, t->extra,       t->planes};
    static const uint32_t tags[] = {TIFFTAG_FILLORDER, TIFFTAG_PREDICTOR};
    void *tables = NULL;
    uint16_t *r = NULL, *g = NULL, *b = NULL, down[2] = {2, 2};
    uint32_t size = 0;
    gp_hasher_add(hasher, values, sizeof values);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        uint16_t v = 1;
        TIFFGetField(tiff, tags[i], &v);
        gp_hasher_add(hasher, &v, sizeof v);
    }
    if (t->photometric == PHOTOMETRIC_YCBCR &&
        TIFFGetFieldDefaulted(tiff, TIFFTAG_YCBCRSUBSAMPLING, &down[0], &down[1]))
        gp_hasher_add(hasher, down, sizeof down);
    if (t->compression == COMPRESSION_JPEG && TIFFGetField(tiff, TIFFTAG_JPEGTABLES, &size, &tables) && tables)
        gp_hasher_add(hasher, tables, size);
    if (t->bits <= 8 && TIFFGetField(tiff, TIFFTAG_COLORMAP, &r, &g, &b) && r && g && b) {
        gp_hasher_add(hasher, r, sizeof *r << t->bits);
        gp_hasher_add(hasher, g, sizeof *g << t->bits);
        gp_hasher_add(hasher, b, sizeof *b << t->bits);
    }
}

static bool hash_blocks(const gp_tiff_file *file, const gp_tiff_info *t, gp_hasher *hasher)
{
    const uint32_t count = t->tiled ? TIFFNumberOfTiles(file->tiff) : TIFFNumberOfStrips(file->tiff);
    if (count > file->size) return false; /* each strip has at least one byte */
    size_t left = file->size;             /* strips may overlap; their bytes are not hashed more than once on average */
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t at = TIFFGetStrileOffset(file->tiff, i), n = TIFFGetStrileByteCount(file->tiff, i);
        if (at > file->size || n > file->size - at || n > left) return false;
        gp_hasher_add(hasher, file->bytes + at, (size_t)n);
        left -= (size_t)n;
    }
    return count > 0;
}

static bool stream(const uint8_t *bytes, size_t size, gp_hasher *hasher)
{
    gp_tiff_file file;
    gp_tiff_info t;
    if (gp_tiff_open(bytes, size, SMALL, &file, NULL) != GP_OK) return false;
    bool known = gp_tiff_read_info(&file, &t, NULL) == GP_OK;
    if (known) hash_tags(file.tiff, &t, hasher);
    known = known && hash_blocks(&file, &t, hasher);
    TIFFClose(file.tiff);
    return known;
}

/* A file with several pages shows more than its first page. */
static bool plain(const uint8_t *bytes, size_t size)
{
    gp_tiff_file file;
    gp_tiff_info t;
    if (gp_tiff_open(bytes, size, SMALL, &file, NULL) != GP_OK) return false;
    const bool found = gp_tiff_read_info(&file, &t, NULL) == GP_OK && !t.alpha && TIFFLastDirectory(file.tiff);
    TIFFClose(file.tiff);
    return found;
}

/* A TIFF file has the layout of an EXIF block. */
static void texts(const uint8_t *bytes, size_t size, const gp_text_sink *sink)
{
    if (size > 3 && bytes[2] != '+' && bytes[3] != '+') sink->exif(sink->user, bytes, size);
}

const gp_codec gp_codec_tiff = {"TIFF", info, decode, stream, plain, texts};
