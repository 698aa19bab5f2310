/* SPDX-License-Identifier: MIT
 * Decodes JPEG with libjpeg-turbo's defaults, as Pillow does: islow IDCT, fancy upsampling, the colour space that the
 * markers name, and inverted ink for four channels. The whole file is in memory, so the data source "suspends" at the
 * end of the bytes. Missing rows are an error; a missing end marker after the last row is not.
 *
 * Errors inside libjpeg jump back to run(). Resources are kept in a `job` outside run()'s stack frame, so they can be
 * released after the jump. Warnings about damaged data are ignored, as in Pillow; the pixels are those that libjpeg
 * returns. */
#include "base/mem.h"
#include "image/image.h"
#include "image/jpeg_scan.h"
#include "image/rgb.h"

#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>

enum { MAX_SCANS = 500 }; /* limits decoding time; encoders write about 10 scans */

typedef struct job {
    struct jpeg_error_mgr errors; /* must be the first member: on_error casts its address to job */
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
    struct jpeg_decompress_struct jpeg;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const gp_jpeg_info *header;
    uint32_t reduce; /* 1, 2, 4 or 8: the inverse DCTs have 8/reduce instead of 8 pixels per side */
    uint8_t *row;    /* scratch for one row: gray [w] or CMYK [w, 4] */
    gp_pixels pixels;
    gp_status failed; /* error found by run() itself; GP_OK: the error is libjpeg's message */
    bool created;
} job;

static void on_error(j_common_ptr c)
{
    job *j = (job *)(void *)c->err;
    j->errors.format_message(c, j->message);
    if (j->errors.msg_code == JERR_OUT_OF_MEMORY) j->failed = GP_ERR_MEMORY;
    longjmp(j->jump, 1);
}

static void on_message(j_common_ptr c, int level)
{
    (void)c, (void)level;
}
static void source_start(j_decompress_ptr d)
{
    (void)d;
}
static boolean source_fill(j_decompress_ptr d)
{
    return (void)d, FALSE;
}

static void source_skip(j_decompress_ptr d, long n)
{
    if (n <= 0) return;
    size_t skip = (size_t)n < d->src->bytes_in_buffer ? (size_t)n : d->src->bytes_in_buffer;
    d->src->next_input_byte += skip;
    d->src->bytes_in_buffer -= skip;
}

static void on_progress(j_common_ptr c)
{
    job *j = (job *)(void *)c->err;
    if (j->jpeg.input_scan_number <= MAX_SCANS) return;
    snprintf(j->message, sizeof j->message, "more than %d scans", (int)MAX_SCANS);
    j->failed = GP_ERR_LIMIT;
    longjmp(j->jump, 1);
}

static void set_callbacks(job *j, const uint8_t *bytes, size_t size)
{
    j->jpeg.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->source = (struct jpeg_source_mgr){.next_input_byte = bytes,
                                         .bytes_in_buffer = size,
                                         .init_source = source_start,
                                         .fill_input_buffer = source_fill,
                                         .skip_input_data = source_skip,
                                         .resync_to_restart = jpeg_resync_to_restart,
                                         .term_source = source_start};
    j->progress.progress_monitor = on_progress;
}

static bool stop(job *j, gp_status status, const char *message)
{
    j->failed = status;
    snprintf(j->message, sizeof j->message, "%s", message);
    return false;
}

static bool read_rows(job *j)
{
    const gp_jpeg_info *p = j->header;
    const uint32_t width = j->jpeg.output_width, height = j->jpeg.output_height;
    if (gp_image_alloc(width, height, &j->pixels, NULL)) return stop(j, GP_ERR_MEMORY, "");
    if (p->components != 3 && !(j->row = gp_mem_new(width, 4))) return stop(j, GP_ERR_MEMORY, "");
    for (uint32_t y = 0; y < height; y++) {
        uint8_t *rgb = j->pixels.rgb + 3 * (size_t)width * y;
        JSAMPROW line = p->components == 3 ? rgb : j->row;
        if (jpeg_read_scanlines(&j->jpeg, &line, 1) != 1) return stop(j, GP_ERR_FORMAT, "is truncated");
        if (p->components == 1) gp_rgb_from_png(j->row, rgb, width, 0, 8, NULL);
        if (p->components == 4) gp_rgb_from_inverted_cmyk(j->row, rgb, width);
    }
    return true;
}

/* Decodes into j->pixels. libjpeg may leave this function by longjmp. */
static bool run(job *j)
{
    static const J_COLOR_SPACE wanted[5] = {[1] = JCS_GRAYSCALE, [3] = JCS_RGB, [4] = JCS_CMYK};
    const gp_jpeg_info *p = j->header;
    if (setjmp(j->jump)) return false;
    jpeg_create_decompress(&j->jpeg);
    j->created = true;
    j->jpeg.src = &j->source;
    j->jpeg.progress = &j->progress;
    int got;
    do got = jpeg_read_header(&j->jpeg, FALSE);
    while (got == JPEG_HEADER_TABLES_ONLY);
    if (got == JPEG_SUSPENDED) return stop(j, GP_ERR_FORMAT, "is truncated");
    j->jpeg.out_color_space = wanted[p->components];
    j->jpeg.scale_num = 1, j->jpeg.scale_denom = j->reduce;
    if (j->jpeg.image_width != p->width || j->jpeg.image_height != p->height || j->jpeg.num_components != p->components)
        return stop(j, GP_ERR_FORMAT, "has two headers that differ");
    if (!jpeg_start_decompress(&j->jpeg)) return stop(j, GP_ERR_FORMAT, "is truncated");
    if (!read_rows(j)) return false;
    /* libjpeg reports damage after the last row here; a missing end marker is no error */
    jpeg_finish_decompress(&j->jpeg);
    return true;
}

static gp_status report(const job *j, gp_error *err)
{
    switch ((int)j->failed) {
    case GP_ERR_MEMORY: return gp_fail_memory(err, "%ux%u pixels", j->header->width, j->header->height);
    case GP_ERR_LIMIT: return gp_fail(err, GP_ERR_LIMIT, "JPEG has %s", j->message);
    case GP_ERR_FORMAT: return gp_fail(err, GP_ERR_FORMAT, "JPEG data %s", j->message);
    default: return gp_fail(err, GP_ERR_FORMAT, "JPEG data is damaged: %s", j->message);
    }
}

gp_status gp_image_jpeg(const uint8_t *bytes, size_t size, uint64_t max_pixels, uint32_t reduce, gp_pixels *out,
                        gp_error *err)
{
    gp_jpeg_info header;
    GP_TRY(gp_jpeg_scan(bytes, size, &header, err));
    GP_TRY(gp_image_check_size(header.width, header.height, max_pixels, err));
    job j = {.header = &header, .reduce = reduce};
    set_callbacks(&j, bytes, size);
    bool done = run(&j);
    if (j.created) jpeg_destroy_decompress(&j.jpeg);
    gp_mem_free(j.row);
    if (done) {
        *out = j.pixels;
        return GP_OK;
    }
    gp_mem_free(j.pixels.rgb);
    return report(&j, err);
}
