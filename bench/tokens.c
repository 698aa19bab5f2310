/* SPDX-License-Identifier: MIT
 * Measures how many texts per second one thread tokenizes.
 *
 *     bench_tokens FOLDER FILE     FOLDER: vocab.json and merges.txt; FILE: a prompt a line */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/clip_bpe.h"

#include <stdio.h>
#include <string.h>

/* Tokenizes all lines once. sums: the numbers of texts, ids and bytes. */
static gp_status all_lines(const gp_bpe *bpe, const gp_bytes *file, size_t sums[3], gp_error *err)
{
    const char *text = (const char *)file->data, *end = text + file->size;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const size_t size = (size_t)((stop ? stop : end) - text);
        int32_t *ids;
        size_t n;
        GP_TRY(gp_bpe_encode(bpe, text, size, &ids, &n, err));
        gp_mem_free(ids);
        sums[0]++, sums[1] += n, sums[2] += size;
        text += size + 1;
    }
    return GP_OK;
}

int main(int argc, char **argv)
{
    gp_error err = {0};
    gp_bpe *bpe = NULL;
    gp_bytes file = {0};
    gp_status st;
    if (argc != 3) {
        fprintf(stderr, "usage: bench_tokens FOLDER FILE\n");
        return 2;
    }
    double start = gp_clock_now();
    GP_TRY_GOTO(gp_bpe_open(argv[1], &bpe, &err));
    printf("load        %8.1f ms  (%zu entries)\n", (gp_clock_now() - start) * 1e3, gp_bpe_size(bpe));
    GP_TRY_GOTO(gp_file_read(argv[2], 1 << 30, &file, &err));
    double best = 0;
    size_t sums[3] = {0};
    for (int round = 0; round < 5; round++) {
        memset(sums, 0, sizeof sums);
        start = gp_clock_now();
        GP_TRY_GOTO(all_lines(bpe, &file, sums, &err));
        const double took = gp_clock_now() - start;
        if (round == 0 || took < best) best = took;
    }
    printf("texts/s     %8.0f     (%zu texts)\n", (double)sums[0] / best, sums[0]);
    printf("tokens/s    %8.0f     (%.1f a text)\n", (double)sums[1] / best, (double)sums[1] / (double)sums[0]);
    printf("MB/s        %8.1f\n", (double)sums[2] / best / 1e6);
out:
    if (st != GP_OK) fprintf(stderr, "%s\n", err.message);
    gp_bytes_clear(&file);
    gp_bpe_free(bpe);
    return st != GP_OK;
}
