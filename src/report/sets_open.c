/* SPDX-License-Identifier: MIT
 * Opens, commits and deletes the files of the data sets of an export. */
#include "report/sets_private.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

bool gp_sets_want(const gp_export_sets *s, gp_export_format format)
{
    return (s->options->formats & (uint64_t)format) != 0;
}

static gp_status open_texts(gp_export_sets *s, gp_error *err)
{
    const struct {
        gp_export_format format;
        const char *name;
        gp_text_set set;
        gp_text_writer **writer;
    } texts[] = {{GP_EXPORT_RECORDS, "picks.json", GP_TEXT_RECORDS, &s->json},
                 {GP_EXPORT_FIFTYONE, "samples.json", GP_TEXT_FIFTYONE, &s->samples},
                 {GP_EXPORT_LABEL_STUDIO, "tasks.json", GP_TEXT_LABEL_STUDIO, &s->tasks},
                 {GP_EXPORT_NPY, "embeddings.jsonl", GP_TEXT_LINES, &s->ids}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (gp_sets_want(s, texts[i].format))
            GP_TRY(gp_text_writer_open(s->files, texts[i].name, texts[i].set, s->folder, texts[i].writer, err));
    return GP_OK;
}

gp_status gp_sets_open(gp_export_sets *s, gp_error *err)
{
    size_t dims = s->extra.dims;
    GP_TRY(open_texts(s, err));
    if (gp_sets_want(s, GP_EXPORT_PARQUET))
        GP_TRY(gp_parquet_set_open(s, &s->table, "picks.parquet", GP_LEAD_NONE, s->options->embeddings, err));
    if (gp_sets_want(s, GP_EXPORT_HF_PARQUET)) GP_TRY(gp_sets_next_shard(s, err));
    if (gp_sets_want(s, GP_EXPORT_WEBDATASET)) GP_TRY(gp_web_writer_open(s->files, s->shard_bytes, &s->web, err));
    if (gp_sets_want(s, GP_EXPORT_NPY)) GP_TRY(gp_npy_set_open(s->files, "embeddings.npy", dims, &s->vectors, err));
    if (gp_sets_want(s, GP_EXPORT_CLIP_RETRIEVAL)) {
        GP_TRY(gp_npy_set_open(s->files, "img_emb/img_emb_0.npy", dims, &s->clip_images, err));
        GP_TRY(gp_npy_set_open(s->files, "text_emb/text_emb_0.npy", dims, &s->clip_texts, err));
        GP_TRY(gp_parquet_set_open(s, &s->clip, "metadata/metadata_0.parquet", GP_LEAD_CLIP, false, err));
    }
    if (gp_sets_want(s, GP_EXPORT_HTML))
        GP_TRY(gp_html_writer_open(s->files, "report.html", gp_path_base(s->folder), s->planned, &s->html, err));
    return GP_OK;
}

/* Commits the writer at *place, if it is open, by the function `commit`. */
#define COMMIT(place, commit)                                                                                          \
    do {                                                                                                               \
        void *writer = (place);                                                                                        \
        (place) = NULL;                                                                                                \
        if (writer) GP_TRY(commit(writer, err));                                                                       \
    } while (0)

/* Writes metadata.json, without which FiftyOne does not know that the samples are images. */
static gp_status write_fiftyone_metadata(gp_export_sets *s, gp_error *err)
{
    gp_set_file *file = NULL;
    gp_str text = GP_STR_INIT;
    gp_str_putc(&text, '{');
    gp_json_put_text(&text, "name", gp_path_base(s->folder));
    gp_json_put_text(&text, "media_type", "image");
    gp_str_puts(&text, "}\n");
    gp_status st = gp_set_file_open(s->files, "metadata.json", &file, err);
    if (st == GP_OK) st = gp_set_file_flush(file, &text, err);
    gp_str_clear(&text);
    if (st == GP_OK) return gp_set_file_commit(file, err);
    gp_set_file_abort(file);
    return st;
}

/* An export without embeddings of prompts has no file of them. */
static gp_status commit_clip(gp_export_sets *s, gp_error *err)
{
    COMMIT(s->clip_images, gp_npy_set_commit);
    if (!s->text_vectors) {
        gp_npy_set_abort(s->clip_texts);
        s->clip_texts = NULL;
    }
    COMMIT(s->clip_texts, gp_npy_set_commit);
    return gp_parquet_set_commit(&s->clip, err);
}

gp_status gp_sets_commit(gp_export_sets *s, gp_error *err)
{
    COMMIT(s->json, gp_text_writer_commit);
    if (s->samples) GP_TRY(write_fiftyone_metadata(s, err));
    COMMIT(s->samples, gp_text_writer_commit);
    COMMIT(s->tasks, gp_text_writer_commit);
    COMMIT(s->vectors, gp_npy_set_commit);
    COMMIT(s->ids, gp_text_writer_commit);
    COMMIT(s->web, gp_web_writer_commit);
    COMMIT(s->html, gp_html_writer_commit);
    GP_TRY(gp_parquet_set_commit(&s->table, err));
    while (s->images.writer && s->shard < s->shards) GP_TRY(gp_sets_next_shard(s, err)); /* the catalog has shrunk */
    GP_TRY(gp_parquet_set_commit(&s->images, err));
    return commit_clip(s, err);
}

size_t gp_export_sets_surplus(const gp_export_sets *s, const char *patterns[GP_SURPLUS_MAX])
{
    static const struct {
        gp_export_format format;
        const char *pattern;
    } surplus[GP_SURPLUS_MAX] = {{GP_EXPORT_HF_PARQUET, "data/train-*-of-*.parquet"},
                                 {GP_EXPORT_WEBDATASET, "[0-9][0-9][0-9][0-9][0-9].tar"},
                                 {GP_EXPORT_CLIP_RETRIEVAL, "text_emb/text_emb_0.npy"}};
    size_t count = 0;
    for (size_t i = 0; i < GP_SURPLUS_MAX; i++)
        if (gp_sets_want(s, surplus[i].format)) patterns[count++] = surplus[i].pattern;
    return count;
}

void gp_sets_abort(gp_export_sets *s)
{
    gp_text_writer_abort(s->json);
    gp_text_writer_abort(s->samples);
    gp_text_writer_abort(s->tasks);
    gp_text_writer_abort(s->ids);
    gp_npy_set_abort(s->vectors);
    gp_npy_set_abort(s->clip_images);
    gp_npy_set_abort(s->clip_texts);
    gp_web_writer_abort(s->web);
    gp_html_writer_abort(s->html);
    gp_parquet_set_abort(&s->table);
    gp_parquet_set_abort(&s->images);
    gp_parquet_set_abort(&s->clip);
}
