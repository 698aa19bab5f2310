/* SPDX-License-Identifier: MIT
 * Encodes RGB pixels as PNG (libpng) or JPEG (libjpeg-turbo) in memory. Settings are fixed and there are no time
 * stamps, so the same pixels give the same bytes with the same library versions. */
#include "base/mem.h"
#include "base/str.h"
#include "image/image.h"

#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <png.h>
#include <setjmp.h>
#include <string.h>

static gp_status check_size(uint32_t width, uint32_t height, uint32_t max_side, gp_error *err)
{
    if (width == 0 || height == 0 || width > max_side || height > max_side)
        return gp_fail(err, GP_ERR_USAGE, "cannot write an image of %ux%u pixels: each side must be 1 to %u", width,
                       height, max_side);
    return GP_OK;
}

typedef struct png_job {
    png_structp png;
    png_infop info;
    gp_str out;
    bool no_memory;
    char message[160];
} png_job;

static void png_failed(png_structp png, png_const_charp message)
{
    png_job *j = png_get_error_ptr(png);
    snprintf(j->message, sizeof j->message, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void png_warned(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static png_voidp png_alloc(png_structp png, png_alloc_size_t size)
{
    png_job *j = png_get_mem_ptr(png);
    void *p = gp_mem_new(size, 1);
    if (!p) j->no_memory = true;
    return p;
}

static void png_release(png_structp png, png_voidp p)
{
    (void)png, gp_mem_free(p);
}

static void png_put(png_structp png, png_bytep bytes, size_t size)
{
    png_job *j = png_get_io_ptr(png);
    gp_str_add(&j->out, bytes, size);
    if (j->out.failed) {
        j->no_memory = true;
        png_error(png, "no memory");
    }
}

static void png_flush(png_structp png)
{
    (void)png;
}

static bool png_run(png_job *j, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    j->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, j, png_failed, png_warned, j, png_alloc, png_release);
    if (!j->png) return j->no_memory = true, false;
    if (setjmp(png_jmpbuf(j->png))) return false;
    j->info = png_create_info_struct(j->png);
    if (!j->info) return j->no_memory = true, false;
    png_set_user_limits(j->png, 0x7fffffff, 0x7fffffff);
    png_set_write_fn(j->png, j, png_put, png_flush);
    png_set_compression_level(j->png, 6);
    png_set_IHDR(j->png, j->info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(j->png, j->info);
    for (uint32_t y = 0; y < height; y++) png_write_row(j->png, rgb + 3 * (size_t)width * y);
    png_write_end(j->png, NULL);
    return true;
}

/* Writes the file's bytes to j->out, which the caller must always clear. Messages do not name a file. */
static gp_status png_encode(png_job *j, const uint8_t *rgb, uint32_t width, uint32_t height, gp_error *err)
{
    GP_TRY(check_size(width, height, 0x7fffffff, err));
    bool done = png_run(j, rgb, width, height);
    png_destroy_write_struct(&j->png, &j->info);
    if (done) return GP_OK;
    return j->no_memory ? gp_fail_memory(err, "a PNG") : gp_fail(err, GP_ERR_IO, "cannot encode a PNG: %s", j->message);
}

gp_status gp_image_png_bytes(const uint8_t *rgb, uint32_t width, uint32_t height, gp_str *out, gp_error *err)
{
    png_job j = {.out = GP_STR_INIT};
    gp_status st = png_encode(&j, rgb, width, height, err);
    if (st == GP_OK) gp_str_add(out, j.out.data, j.out.size);
    if (st == GP_OK && out->failed) st = gp_fail_memory(err, "a PNG");
    gp_str_clear(&j.out);
    return st;
}

typedef struct jpeg_job {
    struct jpeg_error_mgr errors; /* must be the first member: jpeg_failed casts its address to jpeg_job */
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
    struct jpeg_compress_struct jpeg;
    unsigned char *bytes; /* memory that libjpeg allocated with malloc */
    unsigned long size;
    bool created;
} jpeg_job;

static void jpeg_failed(j_common_ptr c)
{
    jpeg_job *j = (jpeg_job *)(void *)c->err;
    j->errors.format_message(c, j->message);
    longjmp(j->jump, 1);
}

static void jpeg_message(j_common_ptr c, int level)
{
    (void)c, (void)level;
}

static bool jpeg_run(jpeg_job *j, const uint8_t *rgb, uint32_t width, uint32_t height, int quality)
{
    if (setjmp(j->jump)) return false;
    jpeg_create_compress(&j->jpeg);
    j->created = true;
    jpeg_mem_dest(&j->jpeg, &j->bytes, &j->size);
    j->jpeg.image_width = width, j->jpeg.image_height = height;
    j->jpeg.input_components = 3, j->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&j->jpeg);
    jpeg_set_quality(&j->jpeg, quality, TRUE);
    j->jpeg.optimize_coding = TRUE;
    if (quality >= 90) /* no chroma subsampling, so that captions and hard edges stay sharp */
        for (int i = 0; i < 3; i++) j->jpeg.comp_info[i].h_samp_factor = j->jpeg.comp_info[i].v_samp_factor = 1;
    jpeg_start_compress(&j->jpeg, TRUE);
    for (uint32_t y = 0; y < height; y++) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + 3 * (size_t)width * y);
        jpeg_write_scanlines(&j->jpeg, &row, 1);
    }
    jpeg_finish_compress(&j->jpeg);
    return true;
}

/* Writes the file's bytes to j->bytes, which the caller must always free(). */
static gp_status jpeg_encode(jpeg_job *j, const uint8_t *rgb, uint32_t width, uint32_t height, int quality,
                             gp_error *err)
{
    GP_TRY(check_size(width, height, 65500, err));
    if (quality < 1 || quality > 100)
        return gp_fail(err, GP_ERR_USAGE, "the JPEG quality must be 1 to 100, not %d", quality);
    j->jpeg.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = jpeg_failed;
    j->errors.emit_message = jpeg_message;
    bool done = jpeg_run(j, rgb, width, height, quality);
    if (j->created) jpeg_destroy_compress(&j->jpeg);
    return done ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "%s", j->message);
}

gp_status gp_image_jpeg_bytes(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, gp_str *out,
                              gp_error *err)
{
    jpeg_job j = {0};
    gp_status st = jpeg_encode(&j, rgb, width, height, quality, err);
    if (st == GP_OK) gp_str_add(out, j.bytes, j.size);
    if (st == GP_OK && out->failed) st = gp_fail_memory(err, "a JPEG");
    free(j.bytes);
    return st;
}
