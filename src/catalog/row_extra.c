/* SPDX-License-Identifier: MIT
 * See row_extra.h. */
#include "catalog/row_extra.h"

#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

#include <math.h>

enum { DIMS_MAX = 65536 };

gp_status gp_cat_extra_open(gp_catalog *cat, const gp_cat_summary *facts, bool vectors, gp_cat_extra *out,
                            gp_error *err)
{
    int64_t dims = 0;
    *out = (gp_cat_extra){.corrected = NAN};
    if (!vectors) return GP_OK;
    gp_q q = gp_q_open(cat, "SELECT dims FROM encoders WHERE id = ?");
    gp_q_int(&q, 1, facts->encoder);
    GP_TRY(gp_q_one(&q, 0, &dims, err));
    if (!dims) return gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no embeddings: score it first", cat->path);
    if (dims < 1 || dims > DIMS_MAX)
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is damaged: an encoder has %lld dimensions", cat->path,
                            (long long)dims);
    out->dims = (uint32_t)dims;
    GP_TRY(gp_alloc((void **)&out->image_vector, out->dims, sizeof *out->image_vector, "an embedding", err));
    gp_status st = gp_alloc((void **)&out->text_vector, out->dims, sizeof *out->text_vector, "an embedding", err);
    if (st != GP_OK) gp_cat_extra_clear(out);
    return st;
}

void gp_cat_extra_clear(gp_cat_extra *extra)
{
    gp_mem_free(extra->category);
    gp_mem_free(extra->reason);
    gp_mem_free(extra->image_vector);
    gp_mem_free(extra->text_vector);
    *extra = (gp_cat_extra){0};
}

static gp_status take_text(const gp_q *q, int column, char **out, gp_error *err)
{
    gp_mem_free(*out);
    *out = NULL;
    if (sqlite3_column_type(q->stmt, column) == SQLITE_NULL) return GP_OK;
    const char *text = gp_q_col_text(q, column);
    *out = text ? gp_str_dup(text) : NULL;
    return *out ? GP_OK : gp_fail_memory(err, "a row of the export");
}

static gp_status take_vector(const gp_q *q, int column, const gp_cat_extra *extra, float *out, bool *has, gp_error *err)
{
    const uint8_t *bytes = sqlite3_column_blob(q->stmt, column);
    *has = bytes != NULL;
    if (!bytes) return GP_OK;
    if (sqlite3_column_bytes(q->stmt, column) != (int)extra->dims * 4)
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is damaged: an embedding has the wrong length",
                            q->cat->path);
    gp_db_floats_from_le(bytes, out, extra->dims);
    return GP_OK;
}

static gp_status read_vectors(gp_catalog *cat, const gp_cat_summary *facts, int64_t image, gp_cat_extra *extra,
                              gp_error *err)
{
    bool row;
    gp_status st = GP_OK;
    gp_q q = gp_q_open(cat, "SELECT (SELECT v.vector FROM image_embeddings v WHERE v.encoder = ?2 AND v.image = ?1),"
                            " (SELECT v.vector FROM prompt_embeddings v JOIN image_prompts p ON p.prompt = v.prompt"
                            "  WHERE v.encoder = ?2 AND p.image = ?1)");
    gp_q_int(&q, 1, image);
    gp_q_int(&q, 2, facts->encoder);
    GP_TRY_GOTO(gp_q_step(&q, &row, err));
    GP_TRY_GOTO(take_vector(&q, 0, extra, extra->image_vector, &extra->has_image_vector, err));
    GP_TRY_GOTO(take_vector(&q, 1, extra, extra->text_vector, &extra->has_text_vector, err));
out:
    gp_q_end(&q);
    return st;
}

gp_status gp_cat_extra_read(gp_catalog *cat, const gp_cat_summary *facts, int64_t image, gp_cat_extra *extra,
                            gp_error *err)
{
    bool row;
    gp_status st = GP_OK;
    gp_q q = gp_q_open(cat, "SELECT coalesce(c.name, k.category), k.reason, t.corrected FROM images i"
                            " LEFT JOIN picks k ON k.image = i.id"
                            " LEFT JOIN standings t ON t.analysis = ?2 AND t.image = i.id"
                            " LEFT JOIN categories c ON c.id = t.category WHERE i.id = ?1");
    gp_q_int(&q, 1, image);
    gp_q_int(&q, 2, facts->analysis);
    GP_TRY_GOTO(gp_q_step(&q, &row, err));
    if (!row) goto out;
    GP_TRY_GOTO(take_text(&q, 0, &extra->category, err));
    GP_TRY_GOTO(take_text(&q, 1, &extra->reason, err));
    extra->corrected = sqlite3_column_type(q.stmt, 2) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(q.stmt, 2);
out:
    gp_q_end(&q);
    return st == GP_OK && extra->dims ? read_vectors(cat, facts, image, extra, err) : st;
}
