/* SPDX-License-Identifier: MIT
 * Feeds a corpus to a fuzz target without libFuzzer: each complete file, then some of its beginnings, then copies
 * with a few changed bytes.  The generator of changes is seeded with the file's number, so every run is the
 * same.  Each input is in a block of exactly its size, so that AddressSanitizer detects the first byte read beyond. */
#include "base/rng.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BEGINNINGS = 48, CHANGED = 48, LARGEST = 1 << 16 /* files larger than this are tested only as a whole */ };

static uint8_t *copy_of(const uint8_t *data, size_t size)
{
    uint8_t *block = malloc(size);
    if (!block && size) abort();
    if (size) memcpy(block, data, size);
    return block;
}

static void feed(const uint8_t *data, size_t size)
{
    uint8_t *block = copy_of(data, size);
    LLVMFuzzerTestOneInput(block, size);
    free(block);
}

static void feed_variants(const uint8_t *data, size_t size, uint64_t seed)
{
    size_t step = size / BEGINNINGS + 1;
    for (size_t n = 0; n < size; n += step) feed(data, n);
    for (uint64_t i = 0; i < CHANGED && size; i++) {
        uint8_t *block = copy_of(data, size);
        uint64_t changes = 1 + gp_rng_at(seed, i << 8) % 4;
        for (uint64_t k = 1; k <= changes; k++) {
            uint64_t r = gp_rng_at(seed, i << 8 | k);
            static const uint8_t edge[4] = {0x00, 0xFF, 0x7F, 0x80};
            uint8_t *byte = &block[(r >> 16) % size];
            *byte = r & 1 ? (uint8_t)(r >> 8) : edge[(r >> 1) & 3];
        }
        LLVMFuzzerTestOneInput(block, size);
        free(block);
    }
}

static uint8_t *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) return NULL;
    long end = ftell(file);
    rewind(file);
    uint8_t *data = end < 0 ? NULL : malloc((size_t)end + 1);
    if (data && fread(data, 1, (size_t)end, file) != (size_t)end) {
        free(data);
        data = NULL;
    }
    fclose(file);
    *size = (size_t)end;
    return data;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    int count = scandir(argv[1], &entries, NULL, alphasort), files = 0;
    if (count < 0) {
        perror(argv[1]);
        return 1;
    }
    feed((const uint8_t *)"", 0);
    for (int i = 0; i < count; i++) {
        char path[4096];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        bool hidden = entries[i]->d_name[0] == '.';
        free(entries[i]);
        if (hidden) continue;
        uint8_t *data = read_whole(path, &size);
        if (!data) {
            perror(path);
            return 1;
        }
        printf("%s\n", path); /* after a crash, the last printed line names the input file */
        fflush(stdout);
        feed(data, size);
        if (size <= LARGEST) feed_variants(data, size, (uint64_t)files << 32);
        free(data);
        files++;
    }
    free(entries);
    if (files == 0) fprintf(stderr, "%s: no files\n", argv[1]);
    return files == 0;
}
