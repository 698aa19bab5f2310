/* SPDX-License-Identifier: MIT
 * Milliseconds to decode each file named on the command line: fast and full PNG decoder, or the one decoder that the
 * others have.  Best of `rounds`, one thread:  bench_png [-n ROUNDS] FILE... */
#include "base/clock.h"
#include "base/file.h"
#include "image/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef gp_status decoder(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);

/* Negative if the decoder does not answer. */
static double best_of(decoder *decode, const gp_bytes *file, int rounds, gp_pixels *pixels)
{
    double best = -1;
    for (int i = 0; i < rounds; i++) {
        double start = gp_clock_now();
        if (decode(file->data, file->size, 0, pixels, NULL) != GP_OK) return -1;
        double ms = 1000 * (gp_clock_now() - start);
        if (best < 0 || ms < best) best = ms;
        if (pixels->rgb && i + 1 < rounds) gp_pixels_clear(pixels);
    }
    return best;
}

static void print_time(const char *name, double ms)
{
    if (ms < 0)
        printf("  %s      -   ", name);
    else
        printf("  %s %7.2f ms", name, ms);
}

int main(int argc, char **argv)
{
    int first = argc > 2 && strcmp(argv[1], "-n") == 0 ? 3 : 1, rounds = first == 3 ? atoi(argv[2]) : 10;
    double sum[2] = {0, 0};
    for (int i = first; i < argc; i++) {
        gp_error err = {0};
        gp_bytes file;
        gp_pixels pixels = {0};
        if (gp_file_read(argv[i], UINT64_C(1) << 32, &file, &err)) return fprintf(stderr, "%s\n", err.message), 1;
        bool png = gp_image_sniff(file.data, file.size, NULL) == GP_FORMAT_PNG;
        double full = best_of(png ? gp_image_png_full : gp_image_decode_bytes, &file, rounds, &pixels);
        gp_pixels_clear(&pixels);
        double fast = png ? best_of(gp_image_png_fast, &file, rounds, &pixels) : -1;
        gp_pixels_clear(&pixels);
        print_time("fast", fast);
        print_time("full", full);
        printf("  %8zu bytes  %s\n", file.size, gp_path_base(argv[i]));
        sum[0] += fast > 0 ? fast : 0, sum[1] += full > 0 ? full : 0;
        gp_bytes_clear(&file);
    }
    if (argc - first > 1) printf("  fast %7.2f ms  full %7.2f ms  in all\n", sum[0], sum[1]);
    return 0;
}
