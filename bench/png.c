/* SPDX-License-Identifier: MIT
 * Measures decoding of the files on the command line: milliseconds of one thread, best of `rounds` rounds in which all
 * decoders run in turn.  For PNG: the fast decoder, the full decoder, and inflate of libdeflate alone, which is a lower
 * limit.  For other formats: their only decoder.  Also measures the quality measures of the decoded pixels. bench_png
 * [-n ROUNDS] FILE... */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/png_scan.h"
#include "image/quality.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAST, FULL, INFLATE, MEASURE, WAYS };

/* The compressed pixel data of a PNG, joined from its chunks, and memory for the inflated data. */
typedef struct packed {
    uint8_t *data, *raw;
    size_t size, raw_size;
    struct libdeflate_decompressor *inflate;
} packed;

static void unpack_init(packed *p, const gp_bytes *file)
{
    gp_png_info plan;
    const uint8_t *part;
    size_t length;
    *p = (packed){0};
    if (gp_png_scan(file->data, file->size, 0, false, &plan, NULL) != GP_OK) return;
    p->raw_size = (plan.row_bytes + 1) * plan.height;
    p->data = gp_mem_new(plan.idat_bytes, 1);
    p->raw = gp_mem_new(p->raw_size, 1);
    p->inflate = libdeflate_alloc_decompressor();
    if (!p->data || !p->raw) abort();
    for (size_t at = plan.idat; gp_png_idat(&plan, file->data, &at, &part, &length); p->size += length)
        memcpy(p->data + p->size, part, length);
}

static void unpack_clear(packed *p)
{
    gp_mem_free(p->data);
    gp_mem_free(p->raw);
    libdeflate_free_decompressor(p->inflate);
}

/* decoded: the pixels of the file. Only the way `MEASURE` uses them, because it does not decode the file and times only
 * the quality measures. */
static bool run(int way, bool png, const gp_bytes *file, const gp_pixels *decoded, packed *p)
{
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_quality quality;
    gp_status st = GP_ERR_UNSUPPORTED;
    if (way == MEASURE) return decoded->rgb && gp_image_quality(decoded, true, &quality, NULL) == GP_OK;
    if (way == INFLATE)
        return p->data && libdeflate_zlib_decompress(p->inflate, p->data, p->size, p->raw, p->raw_size, NULL) ==
                              LIBDEFLATE_SUCCESS;
    if (way == FULL) st = (png ? gp_image_png_full : gp_image_decode_bytes)(file->data, file->size, 0, &pixels, NULL);
    if (way == FAST && png) st = gp_image_png_fast(file->data, file->size, 0, &pixels, NULL);
    gp_pixels_clear(&pixels);
    return st == GP_OK;
}

int main(int argc, char **argv)
{
    static const char *const names[WAYS] = {"fast", "full", "inflate", "measures"};
    int first = argc > 2 && strcmp(argv[1], "-n") == 0 ? 3 : 1, rounds = first == 3 ? atoi(argv[2]) : 10;
    double sum[WAYS] = {0};
    for (int i = first; i < argc; i++) {
        double best[WAYS] = {-1, -1, -1, -1};
        gp_error err = {0};
        gp_bytes file;
        gp_pixels decoded = GP_INIT(gp_pixels);
        packed p;
        if (gp_file_read(argv[i], UINT64_C(1) << 32, &file, &err)) return fprintf(stderr, "%s\n", err.message), 1;
        bool png = gp_image_sniff(file.data, file.size, NULL) == GP_FORMAT_PNG;
        unpack_init(&p, &file);
        (void)!gp_image_decode_bytes(file.data, file.size, 0, &decoded, &err);
        for (int turn = 0; turn < WAYS * rounds; turn++) {
            double start = gp_clock_now(), *b = &best[turn % WAYS];
            if (!run(turn % WAYS, png, &file, &decoded, &p)) continue;
            double ms = 1000 * (gp_clock_now() - start);
            if (*b < 0 || ms < *b) *b = ms;
        }
        for (int k = 0; k < WAYS; k++) {
            if (best[k] < 0)
                printf("  %s      -   ", names[k]);
            else
                printf("  %s %7.2f ms", names[k], best[k]);
            sum[k] += best[k] > 0 ? best[k] : 0;
        }
        printf("  %8zu bytes  %s\n", file.size, gp_path_base(argv[i]));
        unpack_clear(&p);
        gp_pixels_clear(&decoded);
        gp_bytes_clear(&file);
    }
    if (argc - first > 1) {
        for (int k = 0; k < WAYS; k++) printf("  %s %7.2f ms", names[k], sum[k]);
        printf("  in all\n");
    }
    return 0;
}
