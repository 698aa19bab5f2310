/* SPDX-License-Identifier: MIT
 * See sets.h.  Memory: one row, one image file, and one row group for each Parquet file. */
#include "report/sets_private.h"

#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "image/image.h"
#include "image/mark.h"
#include "report/original.h"
#include "report/thumb.h"

#include <string.h>
#include <sys/stat.h>

#define SHARD_BYTES ((uint64_t)500 * 1000 * 1000) /* the default of `datasets` */
enum { JPEG_QUALITY = 80 };

#define WITH_IMAGES  (GP_EXPORT_HF_PARQUET | GP_EXPORT_WEBDATASET)
#define WITH_VECTORS (GP_EXPORT_NPY | GP_EXPORT_CLIP_RETRIEVAL)

static gp_status check_options(const gp_export_options *o, gp_error *err)
{
    static const uint64_t all = GP_EXPORT_RECORDS | GP_EXPORT_PARQUET | GP_EXPORT_HF_PARQUET | GP_EXPORT_WEBDATASET |
                                GP_EXPORT_NPY | GP_EXPORT_CLIP_RETRIEVAL | GP_EXPORT_FIFTYONE | GP_EXPORT_LABEL_STUDIO |
                                GP_EXPORT_HTML;
    if (o->formats & ~all) return gp_fail(err, GP_ERR_USAGE, "`formats` has an unknown format");
    if (o->embeddings && !(o->formats & (GP_EXPORT_PARQUET | GP_EXPORT_HF_PARQUET)))
        return gp_fail(err, GP_ERR_USAGE, "`embeddings` needs the format parquet or hf-parquet");
    return GP_OK;
}

/* Reads the summary of the catalog into s->facts. Its scorer is that of the newest picks if the export selects picks
 * and there are any, else the scorer used last. */
static gp_status read_facts(gp_export_sets *s, gp_error *err)
{
    const gp_export_options *o = s->options;
    char *scorer = NULL;
    bool picks = o->mine || (!o->all && !o->min_stars && !o->tag_count && !o->images);
    if (picks) GP_TRY(gp_cat_picks_scorer(s->cat, &scorer, err));
    gp_status st = gp_cat_summary_read(s->cat, scorer, &s->facts, err);
    gp_mem_free(scorer);
    return st;
}

gp_status gp_export_sets_new(gp_catalog *cat, const gp_export_options *options, gp_export_sets **out, gp_error *err)
{
    gp_status st = GP_OK;
    *out = NULL;
    GP_TRY(check_options(options, err));
    if (!options->formats) return GP_OK;
    gp_export_sets *s = gp_mem_zero(1, sizeof *s);
    if (!s) return gp_fail_memory(err, "an export");
    s->cat = cat, s->options = options;
    s->shard_bytes = options->shard_bytes ? options->shard_bytes : SHARD_BYTES;
    s->folder = gp_path_absolute(options->folder);
    if (!s->folder) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s'", options->folder));
    GP_TRY_GOTO(read_facts(s, err));
    bool vectors = options->embeddings || (options->formats & WITH_VECTORS);
    GP_TRY_GOTO(gp_cat_extra_open(cat, &s->facts, vectors, &s->extra, err));
    *out = s;
    return GP_OK;
out:
    gp_export_sets_free(s);
    return st;
}

void gp_export_sets_free(gp_export_sets *s)
{
    if (!s) return;
    gp_sets_abort(s);
    gp_cat_extra_clear(&s->extra);
    gp_cat_summary_clear(&s->facts);
    gp_mem_free(s->starts);
    gp_mem_free(s->folder);
    gp_mem_free(s);
}

/* ------------------------------------------------------------------ first pass */

static gp_status add_shard(gp_export_sets *s, gp_error *err)
{
    if (s->shards == s->shards_capacity) {
        size_t more = s->shards_capacity ? 2 * s->shards_capacity : 16;
        uint64_t *larger = gp_mem_resize(s->starts, more, sizeof *larger);
        if (!larger) return gp_fail_memory(err, "the shards of an export");
        s->starts = larger, s->shards_capacity = more;
    }
    s->starts[s->shards++] = s->planned;
    s->planned_bytes = 0;
    return GP_OK;
}

gp_status gp_export_sets_plan(gp_export_sets *s, const gp_row *row, uint64_t *bytes, gp_error *err)
{
    struct stat info;
    uint64_t size = 0, copies = 0;
    uint64_t texts = 1000 + (row->settings_json ? strlen(row->settings_json) : 0); /* about one record */
    if ((s->options->formats & WITH_IMAGES) && row->path && stat(row->path, &info) == 0 && S_ISREG(info.st_mode))
        size = (uint64_t)info.st_size;
    if (!s->shards || (s->planned_bytes && s->planned_bytes + size > s->shard_bytes)) GP_TRY(add_shard(s, err));
    s->planned_bytes += size;
    s->planned++;
    for (uint64_t format = 1; format <= s->options->formats; format <<= 1) {
        if (!(s->options->formats & format)) continue;
        copies += format & WITH_IMAGES ? size + texts : texts;
        if (format & WITH_VECTORS || (s->options->embeddings && format & (GP_EXPORT_PARQUET | GP_EXPORT_HF_PARQUET)))
            copies += 8 * (uint64_t)s->extra.dims;
    }
    *bytes += copies;
    return GP_OK;
}

/* ------------------------------------------------------------------ second pass */

gp_status gp_export_sets_begin(gp_export_sets *s, gp_set_files *files, gp_error *err)
{
    s->files = files;
    return gp_sets_open(s, err);
}

static gp_status put_texts(gp_export_sets *s, const gp_set_record *record, gp_error *err)
{
    if (s->json) GP_TRY(gp_text_writer_row(s->json, record, err));
    if (s->samples) GP_TRY(gp_text_writer_row(s->samples, record, err));
    if (s->tasks) GP_TRY(gp_text_writer_row(s->tasks, record, err));
    return s->table.writer ? gp_parquet_set_row(s, &s->table, record, (gp_set_image){0}, err) : GP_OK;
}

/* Adds the image's embedding to the formats that consist of embeddings.  Images without an embedding are left out. */
static gp_status put_vectors(gp_export_sets *s, const gp_set_record *record, gp_error *err)
{
    gp_cat_extra *x = &s->extra;
    if (!x->has_image_vector) return GP_OK;
    if (s->vectors) {
        GP_TRY(gp_npy_set_add(s->vectors, x->image_vector, err));
        GP_TRY(gp_text_writer_row(s->ids, record, err));
    }
    if (!s->clip_images) return GP_OK;
    if (x->has_text_vector)
        s->text_vectors++;
    else
        memset(x->text_vector, 0, x->dims * sizeof *x->text_vector); /* the rows of both arrays must correspond */
    GP_TRY(gp_npy_set_add(s->clip_images, x->image_vector, err));
    GP_TRY(gp_npy_set_add(s->clip_texts, x->text_vector, err));
    return gp_parquet_set_row(s, &s->clip, record, (gp_set_image){0}, err);
}

static gp_status put_images(gp_export_sets *s, const gp_set_record *record, gp_set_image image, gp_error *err)
{
    if (s->web) GP_TRY(gp_web_writer_row(s->web, record, image.bytes, image.size, err));
    return s->images.writer ? gp_parquet_set_row(s, &s->images, record, image, err) : GP_OK;
}

/* Appends a JPEG of the image to `jpeg`. */
static gp_status make_thumbnail(const gp_row *row, const gp_hash *hash, gp_str *jpeg, gp_error *err)
{
    gp_pixels pixels = {0}, small = {0};
    uint32_t w, h;
    GP_TRY(gp_thumb_read(row->path, hash, &pixels, err));
    gp_thumb_fit(pixels.width, pixels.height, row->orientation, GP_HTML_SIDE, &w, &h);
    gp_status st = gp_thumb_shape(&pixels, row->orientation, w, h, &small, err);
    if (st == GP_OK) st = gp_image_jpeg_bytes(small.rgb, w, h, JPEG_QUALITY, jpeg, err);
    gp_pixels_clear(&small);
    gp_pixels_clear(&pixels);
    return st;
}

static gp_status put_html(gp_export_sets *s, const gp_row *row, const gp_hash *hash, const gp_set_record *record,
                          bool *unread, gp_error *why, gp_error *err)
{
    gp_str jpeg = GP_STR_INIT;
    if (!s->html || !gp_html_writer_wants(s->html)) return GP_OK;
    gp_status st = make_thumbnail(row, hash, &jpeg, why);
    if (st == GP_ERR_MEMORY) {
        gp_str_clear(&jpeg);
        return gp_fail_as(err, st, why);
    }
    *unread |= st != GP_OK;
    st = gp_html_writer_row(s->html, record, st == GP_OK ? jpeg.data : NULL, jpeg.size, err);
    gp_str_clear(&jpeg);
    return st;
}

static gp_status put_row(gp_export_sets *s, const gp_row *row, const gp_set_record *record, bool *unread, gp_error *why,
                         gp_error *err)
{
    gp_hash hash = {0};
    gp_bytes bytes = {0};
    gp_status st = GP_OK;
    GP_TRY(put_texts(s, record, err));
    GP_TRY(put_vectors(s, record, err));
    if (!row->path || !row->file_hash || !gp_hash_from_hex(row->file_hash, &hash)) {
        *unread = true;
        (void)gp_fail(why, GP_ERR_FORMAT, "the catalog has no hash of this file");
        return GP_OK;
    }
    GP_TRY(put_html(s, row, &hash, record, unread, why, err));
    if (!s->web && !s->images.writer) return GP_OK;
    st = gp_original_read(row->path, &hash, &bytes, why);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, why);
    *unread |= st != GP_OK;
    if (st != GP_OK) return GP_OK;
    st = put_images(s, record, (gp_set_image){bytes.data, bytes.size}, err);
    gp_bytes_clear(&bytes);
    return st;
}

gp_status gp_export_sets_row(gp_export_sets *s, const gp_row *row, const char *file, bool *unread, gp_error *why,
                             gp_error *err)
{
    gp_set_record record;
    *unread = false;
    GP_TRY(gp_cat_extra_read(s->cat, &s->facts, row->image, &s->extra, err));
    if (s->images.writer && s->shard < s->shards && s->row >= s->starts[s->shard]) GP_TRY(gp_sets_next_shard(s, err));
    s->row++;
    const gp_record_extra extra = {.file = file,
                                   .scorer = s->facts.scorer,
                                   .category = s->extra.category,
                                   .reason = s->extra.reason,
                                   .corrected = s->extra.corrected};
    GP_TRY(gp_set_record_fill(row, &extra, &record, err));
    gp_status st = put_row(s, row, &record, unread, why, err);
    gp_set_record_clear(&record);
    return st;
}

gp_status gp_export_sets_commit(gp_export_sets *s, gp_error *err)
{
    return gp_sets_commit(s, err);
}
