/* SPDX-License-Identifier: MIT
 * The Parquet files of an export: picks.parquet, data/train-*.parquet with the images, and the metadata of
 * clip-retrieval.  All have the columns of the record. */
#include "report/sets_private.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

static void add_column(gp_parquet_set *set, const char *name, gp_set_kind kind)
{
    set->columns[set->count++] = (gp_set_column){name, kind};
}

gp_status gp_parquet_set_open(gp_export_sets *s, gp_parquet_set *set, const char *name, gp_set_lead lead, bool vectors,
                              gp_error *err)
{
    set->lead = lead, set->vectors = vectors, set->count = 0;
    if (lead == GP_LEAD_IMAGE) add_column(set, "image", GP_SET_IMAGE);
    if (lead == GP_LEAD_CLIP) add_column(set, "image_path", GP_SET_TEXT), add_column(set, "caption", GP_SET_TEXT);
    for (size_t i = 0; i < GP_RECORD_COLUMNS; i++) set->columns[set->count++] = gp_record_columns[i];
    if (vectors) add_column(set, "image_embedding", GP_SET_FLOATS), add_column(set, "text_embedding", GP_SET_FLOATS);
    GP_TRY(gp_set_file_open(s->files, name, &set->file, err));
    return gp_parquet_writer_open(set->file, set->columns, set->count, &set->writer, err);
}

static gp_set_value floats(const float *vector, size_t dims, bool present)
{
    return (gp_set_value){.present = present, .floats = vector, .size = dims};
}

gp_status gp_parquet_set_row(gp_export_sets *s, gp_parquet_set *set, const gp_set_record *record, gp_set_image image,
                             gp_error *err)
{
    gp_set_value values[GP_SET_COLUMNS_MAX];
    const gp_set_value *file = &record->values[GP_RECORD_FILE], *path = &record->values[GP_RECORD_PATH];
    size_t n = 0;
    if (set->lead == GP_LEAD_IMAGE)
        values[n++] = (gp_set_value){.present = true,
                                     .bytes = image.bytes,
                                     .size = image.size,
                                     .text = file->present ? file->text : gp_path_base(path->text)};
    if (set->lead == GP_LEAD_CLIP) values[n++] = *path, values[n++] = record->values[GP_RECORD_PROMPT];
    memcpy(values + n, record->values, sizeof record->values);
    n += GP_RECORD_COLUMNS;
    if (set->vectors) {
        values[n++] = floats(s->extra.image_vector, s->extra.dims, s->extra.has_image_vector);
        values[n++] = floats(s->extra.text_vector, s->extra.dims, s->extra.has_text_vector);
    }
    return gp_parquet_writer_row(set->writer, values, err);
}

gp_status gp_parquet_set_commit(gp_parquet_set *set, gp_error *err)
{
    gp_parquet_writer *writer = set->writer;
    gp_set_file *file = set->file;
    if (!writer) return GP_OK;
    set->writer = NULL;
    GP_TRY(gp_parquet_writer_end(writer, set->lead != GP_LEAD_CLIP, err));
    set->file = NULL;
    return gp_set_file_commit(file, err);
}

void gp_parquet_set_abort(gp_parquet_set *set)
{
    gp_parquet_writer_abort(set->writer);
    gp_set_file_abort(set->file);
    set->writer = NULL, set->file = NULL;
}

gp_status gp_sets_next_shard(gp_export_sets *s, gp_error *err)
{
    char name[64];
    GP_TRY(gp_parquet_set_commit(&s->images, err));
    snprintf(name, sizeof name, "data/train-%05zu-of-%05zu.parquet", s->shard, s->shards);
    s->shard++;
    return gp_parquet_set_open(s, &s->images, name, GP_LEAD_IMAGE, s->options->embeddings, err);
}
