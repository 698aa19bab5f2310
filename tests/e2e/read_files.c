/* SPDX-License-Identifier: MIT
 * read_files pixels|texts|prompt|table FILE..., or ids FOLDER FILE: prints checksums of what the library reads from
 * files, for read_files_test.py. Prints one block of lines for each file, and a line "end" after the block. */
#include "base/file.h"
#include "base/mem.h"
#include "image/chunks.h"
#include "image/image.h"
#include "metadata/meta.h"
#include "table/table.h"
#include "text/clip_bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MAX_PIXELS = 30000000 };

static unsigned long crc_of(const void *bytes, size_t size)
{
    return crc32_z(0, bytes, size);
}

static unsigned long crc_of_text(const char *text)
{
    return text ? crc_of(text, strlen(text)) : 0;
}

static gp_status read_pixels(const gp_bytes *file, gp_error *err)
{
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_status st = gp_image_decode_bytes(file->data, file->size, MAX_PIXELS, &pixels, err);
    if (st == GP_OK)
        printf("%ux%u %08lx\n", pixels.width, pixels.height,
               crc_of(pixels.rgb, 3 * (size_t)pixels.width * pixels.height));
    gp_pixels_clear(&pixels);
    return st;
}

static gp_status read_texts(const gp_bytes *file, const char *path, bool prompt, gp_error *err)
{
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    gp_status st = gp_image_read_chunks(file->data, file->size, &chunks, err);
    for (size_t i = 0; !prompt && st == GP_OK && i < chunks.count; i++)
        printf("%s %zu %08lx\n", chunks.items[i].key, chunks.items[i].size,
               crc_of(chunks.items[i].text, chunks.items[i].size));
    if (prompt && st == GP_OK) st = gp_meta_read_file(file->data, file->size, &chunks, path, &meta, err);
    if (prompt && st == GP_OK)
        printf("%s %s %08lx %08lx %s\n", meta.found ? meta.tool : "none", gp_evidence_name(meta.evidence),
               crc_of_text(meta.prompt), crc_of_text(meta.negative), meta.found ? meta.settings_json : "{}");
    gp_meta_clear(&meta);
    gp_chunks_clear(&chunks);
    return st;
}

static gp_status read_table(const char *path, gp_error *err)
{
    gp_table *table = NULL;
    gp_status st = gp_table_open(path, &table, err);
    if (st) return st;
    printf("%zu %zu\n", gp_table_rows(table), gp_table_columns(table));
    for (size_t c = 0; c < gp_table_columns(table); c++) {
        unsigned long crc = 0;
        for (size_t r = 0; r < gp_table_rows(table); r++) {
            const char *cell = gp_table_cell(table, r, c);
            if (cell) crc = crc32_z(crc, (const void *)cell, strlen(cell));
            crc = crc32_z(crc, (const void *)(cell ? "\n" : "\t"), 1);
        }
        printf("%s %08lx\n", gp_table_column(table, c), crc);
    }
    gp_table_close(table);
    return GP_OK;
}

/* Prints the token ids of each line of the file `path`.  `folder` has the vocabulary of the tokenizer. */
static int write_ids(const char *folder, const char *path)
{
    gp_error err = {0};
    gp_bytes file = {0};
    gp_bpe *bpe = NULL;
    gp_status st = gp_bpe_open(folder, &bpe, &err);
    if (st == GP_OK) st = gp_file_read(path, 1 << 28, &file, &err);
    char *at = (char *)file.data;
    for (char *line; st == GP_OK && (line = strsep(&at, "\n")) && at;) {
        int32_t *ids = NULL;
        size_t count = 0;
        st = gp_bpe_encode(bpe, line, strlen(line), &ids, &count, &err);
        for (size_t i = 0; i < count; i++) printf(i ? " %d" : "%d", ids[i]);
        puts("");
        gp_mem_free(ids);
    }
    if (st) fprintf(stderr, "%s\n", err.message);
    gp_bytes_clear(&file);
    gp_bpe_free(bpe);
    return st != GP_OK;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "ids") == 0) return write_ids(argv[2], argv[3]);
    for (int i = 2; i < argc; i++) {
        gp_bytes file = {0};
        gp_error err = {0};
        gp_status st = gp_file_read(argv[i], 1 << 28, &file, &err);
        if (st == GP_OK && strcmp(argv[1], "pixels") == 0)
            st = read_pixels(&file, &err);
        else if (st == GP_OK && strcmp(argv[1], "table") == 0)
            st = read_table(argv[i], &err);
        else if (st == GP_OK)
            st = read_texts(&file, argv[i], strcmp(argv[1], "prompt") == 0, &err);
        if (st) printf("error %s\n", err.message);
        puts("end");
        gp_bytes_clear(&file);
    }
    return 0;
}
