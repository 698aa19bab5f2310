/* SPDX-License-Identifier: MIT
 * See export_formats.h. */
#include "cli/export_formats.h"

#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

typedef struct format {
    const char *word;
    uint64_t bit;    /* a gp_export_format; 0: a field of its own */
    bool own_images; /* the format needs no files beside it */
} format;

static const format formats[] = {{"csv", 0, false},
                                 {"jsonl", 0, false},
                                 {"imagefolder", 0, false},
                                 {"json", GP_EXPORT_RECORDS, false},
                                 {"parquet", GP_EXPORT_PARQUET, false},
                                 {"hf-parquet", GP_EXPORT_HF_PARQUET, true},
                                 {"webdataset", GP_EXPORT_WEBDATASET, true},
                                 {"npy", GP_EXPORT_NPY, true},
                                 {"clip-retrieval", GP_EXPORT_CLIP_RETRIEVAL, true},
                                 {"fiftyone", GP_EXPORT_FIFTYONE, false},
                                 {"label-studio", GP_EXPORT_LABEL_STUDIO, false},
                                 {"html", GP_EXPORT_HTML, true}};
enum { FORMATS = sizeof formats / sizeof *formats };

static gp_status unknown(const char *word, gp_error *err)
{
    const char *names[FORMATS + 1] = {0};
    for (size_t i = 0; i < FORMATS; i++) names[i] = formats[i].word;
    const char *meant = gp_cli_suggest(word, names);
    if (meant) return gp_fail(err, GP_ERR_USAGE, "--format: unknown format '%s': did you mean '%s'?", word, meant);
    return gp_fail(err, GP_ERR_USAGE,
                   "--format: unknown format '%s'; formats: csv, jsonl, json, parquet, imagefolder, hf-parquet, "
                   "webdataset, npy, clip-retrieval, fiftyone, label-studio, html",
                   word);
}

static gp_status add_word(const char *word, gp_export_options *o, bool *needs_files, gp_error *err)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i].word, word) != 0) continue;
        o->formats |= formats[i].bit;
        if (strcmp(word, "csv") == 0) o->csv = true;
        if (strcmp(word, "jsonl") == 0) o->jsonl = true;
        if (strcmp(word, "imagefolder") == 0) o->imagefolder = true;
        *needs_files |= !formats[i].own_images;
        return GP_OK;
    }
    return unknown(word, err);
}

gp_status gp_cli_export_formats(const gp_cli *cli, gp_export_options *o, gp_error *err)
{
    bool needs_files = cli->csv || cli->jsonl || cli->imagefolder;
    if (!cli->format) return GP_OK;
    char *list = gp_str_dup(cli->format), *rest = list, *word;
    if (!list) return gp_fail_memory(err, "--format");
    gp_status st = GP_OK;
    o->csv = cli->csv;
    while (st == GP_OK && (word = strsep(&rest, ",")) != NULL) {
        while (*word == ' ') word++;
        st = add_word(word, o, &needs_files, err);
    }
    gp_mem_free(list);
    if (st != GP_OK) return st;
    if (!needs_files && !cli->copy && !cli->hardlink && !cli->symlink && !cli->strip) o->mode = GP_EXPORT_NONE;
    o->embeddings = cli->with_embeddings;
    if (o->embeddings && !(o->formats & (GP_EXPORT_PARQUET | GP_EXPORT_HF_PARQUET)))
        return gp_fail(err, GP_ERR_USAGE, "--embeddings needs --format parquet or hf-parquet");
    if (cli->shard_size.set) o->shard_bytes = cli->shard_size.value * 1000000;
    return GP_OK;
}

void gp_cli_export_written(void *user, const char *path, uint64_t bytes)
{
    gp_str *files = user;
    gp_str_puts(files, files->size ? ",{" : "{");
    gp_json_put_text(files, "path", path);
    gp_str_printf(files, ",\"bytes\":%" PRIu64 "}", bytes);
}
