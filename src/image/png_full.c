/* SPDX-License-Identifier: MIT
 * Decodes every kind of PNG with libpng. png_scan.c has checked the chunks before. libpng reads a reduced file: the
 * header, a palette of black and the IDAT chunks. So libpng never parses a text, profile or animation chunk. It returns
 * raw samples of 1 to 16 bits, which rgb.c converts and looks up in the real palette.
 *
 * Errors inside libpng jump back to run(). Resources are kept in a `job` outside run()'s stack frame, so they can be
 * released after the jump. */
#include "base/mem.h"
#include "image/bytes.h"
#include "image/image.h"
#include "image/png_scan.h"
#include "image/rgb.h"

#include <libdeflate.h>
#include <png.h>
#include <setjmp.h>
#include <string.h>

typedef struct job {
    const gp_png_info *header;
    const uint8_t *bytes;
    /* on_read gives libpng a reduced file, which has only the chunks that libpng needs; at: read position in the
     * reduced file; cut_size: bytes of data in the last IDAT if the file ends inside that IDAT, else 0 */
    size_t head_size, cut_size, at;
    uint8_t head[8 + 25 + 12 + 768], cut_head[8];
    png_structp png;
    png_infop info;
    uint8_t *raw;     /* scratch for one row, or, if the image is interlaced, all rows: [h, row_bytes] */
    png_bytep *lines; /* [h] row pointers, only if interlaced */
    gp_pixels pixels;
    bool no_memory, ended;
    char message[160];
} job;

static void on_error(png_structp png, png_const_charp message)
{
    job *j = png_get_error_ptr(png);
    snprintf(j->message, sizeof j->message, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t size)
{
    job *j = png_get_mem_ptr(png);
    void *p = gp_mem_new(size, 1);
    if (!p) j->no_memory = true;
    return p;
}

static void on_free(png_structp png, png_voidp p)
{
    (void)png, gp_mem_free(p);
}

static void on_read(png_structp png, png_bytep to, size_t size)
{
    static const uint8_t end[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    job *j = png_get_io_ptr(png);
    const gp_png_info *p = j->header;
    const uint8_t *bytes = j->bytes;
    const struct {
        const uint8_t *data;
        size_t size;
    } parts[] = {{j->head, j->head_size},
                 {bytes + p->idat, p->idat_cut - p->idat},
                 {j->cut_head, j->cut_size ? 8 : 0},
                 {bytes + p->idat_cut + 8, j->cut_size},
                 /* any 4 bytes replace the missing CRC of the truncated IDAT, because libpng ignores CRCs */
                 {end, j->cut_size ? 4 : 0},
                 {end, sizeof end}};
    size_t skip = j->at;
    j->at += size;
    for (int i = 0; i < 6 && size; i++) {
        if (skip >= parts[i].size) {
            skip -= parts[i].size;
            continue;
        }
        size_t n = parts[i].size - skip < size ? parts[i].size - skip : size;
        memcpy(to, parts[i].data + skip, n);
        to += n, size -= n, skip = 0;
    }
    if (size) {
        j->ended = true;
        png_error(png, "is truncated");
    }
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
    return p + 4;
}

/* Writes the signature, IHDR and, for colour type 3, a PLTE with as many entries as the depth allows. If the last IDAT
 * is truncated, the function also writes a new header for that chunk, with its actual length. */
static void write_header(job *j)
{
    static const uint8_t start[16] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    const gp_png_info *header = j->header;
    uint8_t *p = j->head;
    memcpy(p, start, sizeof start);
    p = put32(put32(p + 16, header->width), header->height);
    *p++ = (uint8_t)header->depth, *p++ = (uint8_t)header->color, *p++ = 0, *p++ = 0, *p++ = header->interlaced;
    p = put32(p, libdeflate_crc32(0, j->head + 12, 17));
    if (header->color == 3) {
        uint32_t n = 3u << header->depth;
        uint8_t *name = put32(p, n);
        memcpy(name, "PLTE", 4);
        memset(name + 4, 0, n);
        p = put32(name + 4 + n, libdeflate_crc32(0, name, n + 4));
    }
    j->head_size = (size_t)(p - j->head);
    if (header->idat_cut == header->idat_end) return;
    const uint8_t *data;
    size_t cut = header->idat_cut;
    gp_png_idat(header, j->bytes, &cut, &data, &j->cut_size);
    memcpy(put32(j->cut_head, (uint32_t)j->cut_size), "IDAT", 4);
}

static bool allocate(job *j)
{
    const gp_png_info *p = j->header;
    size_t rows = p->interlaced ? p->height : 1;
    j->raw = gp_mem_zero(rows, p->row_bytes);
    j->lines = p->interlaced ? gp_mem_new(rows, sizeof *j->lines) : NULL;
    if (gp_image_alloc(p->width, p->height, &j->pixels, NULL) || !j->raw || (p->interlaced && !j->lines)) {
        j->no_memory = true;
        return false;
    }
    for (size_t y = 0; j->lines && y < rows; y++) j->lines[y] = j->raw + y * p->row_bytes;
    return true;
}

static void convert_row(job *j, uint32_t y)
{
    const gp_png_info *p = j->header;
    gp_rgb_from_png(p->interlaced ? j->lines[y] : j->raw, j->pixels.rgb + 3 * (size_t)p->width * y, p->width, p->color,
                    p->depth, p->palette);
}

/* Returns true if libpng has read all rows. The caller then ignores an error in the compressed data after the last
 * row. */
static bool all_rows_read(const job *j)
{
    if (!j->pixels.rgb) return false;
    return j->header->interlaced ? png_get_current_pass_number(j->png) == 7
                                 : png_get_current_row_number(j->png) == j->header->height;
}

/* Reads the pixels. libpng may leave this function by longjmp. */
static bool run(job *j)
{
    const gp_png_info *p = j->header;
    j->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, j, on_error, on_warning, j, on_alloc, on_free);
    if (!j->png) return j->no_memory = true, false;
    if (setjmp(png_jmpbuf(j->png))) return all_rows_read(j);
    j->info = png_create_info_struct(j->png);
    if (!j->info) return j->no_memory = true, false;
    png_set_user_limits(j->png, 0x7fffffff, 0x7fffffff);
    png_set_crc_action(j->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE); /* png_scan.c has checked the CRCs */
    png_set_check_for_invalid_index(j->png, 0);
    png_set_read_fn(j->png, j, on_read);
    png_read_info(j->png, j->info);
    if (p->interlaced) png_set_interlace_handling(j->png);
    png_read_update_info(j->png, j->info);
    if (png_get_rowbytes(j->png, j->info) != p->row_bytes) png_error(j->png, "rows of unexpected length");
    if (!allocate(j)) return false;
    if (p->interlaced) png_read_image(j->png, j->lines);
    for (uint32_t y = 0; y < p->height && !p->interlaced; y++) {
        png_read_row(j->png, j->raw, NULL);
        if (y + 1 < p->height) convert_row(j, y);
    }
    return true;
}

gp_status gp_image_png_full(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    gp_png_info header;
    GP_TRY(gp_png_scan(bytes, size, max_pixels, false, &header, err));
    job j = {.header = &header, .bytes = bytes};
    write_header(&j);
    bool done = run(&j);
    for (uint32_t y = header.interlaced ? 0 : header.height - 1; done && y < header.height; y++) convert_row(&j, y);
    png_destroy_read_struct(&j.png, &j.info, NULL);
    gp_mem_free(j.lines);
    gp_mem_free(j.raw);
    if (done) {
        *out = j.pixels;
        return GP_OK;
    }
    gp_mem_free(j.pixels.rgb);
    if (j.no_memory) return gp_fail_memory(err, "%ux%u pixels", header.width, header.height);
    if (j.ended || strcmp(j.message, "Not enough image data") == 0)
        return gp_fail(err, GP_ERR_FORMAT, "PNG data is truncated");
    return gp_fail(err, GP_ERR_FORMAT, "PNG image data is damaged: %s", j.message);
}
