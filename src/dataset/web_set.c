/* SPDX-License-Identifier: MIT
 * See web_set.h.  Hugging Face datasets infer the types of the members of KEY.json from the first samples, so absent
 * members are left out, and the settings are a text.  They have no uint64 there, so the seed is a text too. */
#include "dataset/web_set.h"

#include "base/mem.h"
#include "dataset/tar_write.h"

#include <stdio.h>
#include <string.h>

enum { SAMPLES = 10000 /* of a shard */ };

struct gp_web_writer {
    gp_set_files *files;
    gp_set_file *shard;
    uint64_t shard_bytes, rows;
    unsigned shards, samples; /* samples: of this shard */
    gp_str json;
};

static gp_status open_shard(gp_web_writer *w, gp_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "%05u.tar", w->shards++);
    w->samples = 0;
    return gp_set_file_open(w->files, name, &w->shard, err);
}

static gp_status end_shard(gp_web_writer *w, gp_error *err)
{
    gp_set_file *shard = w->shard;
    gp_status st = gp_tar_end(shard, err);
    if (st != GP_OK) return st;
    w->shard = NULL;
    return gp_set_file_commit(shard, err);
}

gp_status gp_web_writer_open(gp_set_files *files, uint64_t shard_bytes, gp_web_writer **out, gp_error *err)
{
    gp_web_writer *w = gp_mem_zero(1, sizeof *w);
    if (!w) return gp_fail_memory(err, "a WebDataset");
    w->files = files, w->shard_bytes = shard_bytes;
    gp_status st = open_shard(w, err);
    if (st == GP_OK)
        *out = w;
    else
        gp_web_writer_abort(w);
    return st;
}

void gp_web_writer_abort(gp_web_writer *w)
{
    if (!w) return;
    gp_set_file_abort(w->shard);
    gp_str_clear(&w->json);
    gp_mem_free(w);
}

static gp_status put_member(gp_web_writer *w, const char *extension, const void *bytes, size_t size, gp_error *err)
{
    char name[40];
    snprintf(name, sizeof name, "%09llu.%s", (unsigned long long)w->rows, extension);
    return gp_tar_put(w->shard, name, bytes, size, err);
}

gp_status gp_web_writer_row(gp_web_writer *w, const gp_set_record *record, const void *image, size_t size,
                            gp_error *err)
{
    const char *prompt = gp_set_record_text(record, GP_RECORD_PROMPT);
    const char *format = gp_set_record_text(record, GP_RECORD_FORMAT);
    size_t length = prompt ? strlen(prompt) : 0;
    gp_str_reset(&w->json);
    gp_str_printf(&w->json, "{\"key\":\"%09llu\"", (unsigned long long)w->rows);
    gp_set_record_put_json(record, GP_RECORD_SEED_TEXT | GP_RECORD_SETTINGS_TEXT | GP_RECORD_NO_NULL, &w->json);
    gp_str_putc(&w->json, '}');
    if (w->json.failed) return gp_fail_memory(err, "a WebDataset");
    uint64_t more = gp_tar_member_bytes(size) + gp_tar_member_bytes(length) + gp_tar_member_bytes(w->json.size);
    bool full = w->samples == SAMPLES || gp_set_file_bytes(w->shard) + more + 1024 > w->shard_bytes;
    if (w->samples && full) {
        GP_TRY(end_shard(w, err));
        GP_TRY(open_shard(w, err));
    }
    GP_TRY(put_member(w, !format ? "img" : strcmp(format, "jpeg") == 0 ? "jpg" : format, image, size, err));
    GP_TRY(put_member(w, "txt", prompt ? prompt : "", length, err));
    GP_TRY(put_member(w, "json", w->json.data, w->json.size, err));
    w->rows++, w->samples++;
    return GP_OK;
}

gp_status gp_web_writer_commit(gp_web_writer *w, gp_error *err)
{
    gp_status st = end_shard(w, err);
    gp_web_writer_abort(w);
    return st;
}
