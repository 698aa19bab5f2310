/* SPDX-License-Identifier: MIT
 * Encoders, embeddings, and lists of what lacks an embedding. Vectors are float32, little endian, [dims] per row.
 *
 * An encoder is identified by all properties on which its embeddings depend. The name by which a model was opened is
 * stored only for display, so the same weights share their results whether they were opened by folder or by hub
 * name. */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

#include <math.h>

gp_status gp_cat_encoder_put(gp_catalog *cat, const gp_cat_encoder *encoder, int64_t *id, gp_error *err)
{
    gp_q q = gp_q_open(cat, "INSERT INTO encoders(model, weight_hash, precision, preprocess_id, text_rule, dims)"
                            " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
                            " ON CONFLICT(weight_hash, precision, preprocess_id, text_rule)"
                            " DO UPDATE SET model = ?1 WHERE dims = ?6 RETURNING id");
    int64_t found = 0;
    gp_q_text(&q, 1, encoder->model);
    gp_q_text(&q, 2, encoder->weight_hash);
    gp_q_text(&q, 3, encoder->precision);
    gp_q_text(&q, 4, encoder->preprocess_id);
    gp_q_text(&q, 5, encoder->text_rule);
    gp_q_int(&q, 6, encoder->dims);
    GP_TRY(gp_q_one(&q, 0, &found, err));
    if (found == 0)
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "catalog '%s' already stores model '%s' with another number of dimensions than %u",
                            cat->path, encoder->model, (unsigned)encoder->dims);
    *id = found;
    return GP_OK;
}

/* ------------------------------------------------------------------ lists of missing work */

static gp_status todo_no_memory(gp_catalog *cat, gp_error *err)
{
    return gp_fail_memory_path(err, "the list of images and prompts to process in catalog '%s'", cat->path);
}

/* Reads (id, text) or (id, path, hash) rows of a bound query, at most `limit`. */
gp_status gp_cat_todo_collect(gp_q *q, size_t limit, bool hashes, gp_cat_todo *out, gp_error *err)
{
    gp_status st = GP_OK;
    gp_cat_todo todo = {0};
    todo.ids = gp_mem_new(limit, sizeof *todo.ids);
    todo.paths = gp_mem_zero(limit, sizeof *todo.paths);
    todo.hashes = hashes ? gp_mem_new(limit, sizeof *todo.hashes) : NULL;
    if (!todo.ids || !todo.paths || (hashes && !todo.hashes)) {
        st = todo_no_memory(q->cat, err);
        goto out;
    }
    while (todo.count < limit) {
        bool row;
        GP_TRY_GOTO(gp_q_step(q, &row, err));
        if (!row) break;
        if (hashes) GP_TRY_GOTO(gp_q_image_hash(q, 2, &todo.hashes[todo.count], err));
        const char *text = gp_q_col_text(q, 1);
        char *copy = text ? gp_str_dup(text) : NULL;
        if (!copy) {
            st = todo_no_memory(q->cat, err);
            goto out;
        }
        todo.ids[todo.count] = gp_q_col_int(q, 0);
        todo.paths[todo.count++] = copy;
    }
out:
    gp_q_end(q);
    if (st == GP_OK)
        *out = todo;
    else
        gp_cat_todo_clear(&todo);
    return st;
}

void gp_cat_todo_clear(gp_cat_todo *todo)
{
    for (size_t i = 0; i < todo->count; i++) gp_mem_free(todo->paths[i]);
    gp_mem_free(todo->hashes);
    gp_mem_free(todo->paths);
    gp_mem_free(todo->ids);
    *todo = (gp_cat_todo){0};
}

/* SQL: an image needs an embedding if IMAGE_PRESENT and IMAGE_LACKS hold: it is a candidate, has a path that is not
 * missing and lacks the embedding, and no permanent "score" failure is recorded for it (?2 = 1: such failures do not
 * count). */
#define IMAGE_PRESENT "i.apart IS NULL AND EXISTS(SELECT 1 FROM paths p WHERE p.image = i.id AND p.missing = 0)"
#define IMAGE_LACKS                                                                                                    \
    "NOT EXISTS(SELECT 1 FROM image_embeddings e WHERE e.encoder = ?1 AND e.image = i.id)"                             \
    " AND (?2 OR NOT EXISTS(SELECT 1 FROM failures f WHERE f.image = i.id AND f.stage = 'score' AND f.passing = 0))"

gp_status gp_cat_images_todo(gp_catalog *cat, int64_t encoder, int64_t after, size_t limit, bool retry_failed,
                             gp_cat_todo *out, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT i.id, p.path, coalesce(p.hash, i.hash) FROM images i JOIN paths p ON p.id ="
                            " (SELECT x.id FROM paths x WHERE x.image = i.id AND x.missing = 0 ORDER BY x.path LIMIT 1)"
                            " WHERE i.apart IS NULL AND i.id > ?3 AND " IMAGE_LACKS " ORDER BY i.id LIMIT ?4");
    gp_q_int(&q, 1, encoder);
    gp_q_int(&q, 2, retry_failed);
    gp_q_int(&q, 3, after);
    gp_q_u64(&q, 4, limit);
    return gp_cat_todo_collect(&q, limit, true, out, err);
}

gp_status gp_cat_images_todo_count(gp_catalog *cat, int64_t encoder, bool retry_failed, uint64_t *todo, uint64_t *have,
                                   gp_error *err)
{
    int64_t lacking = 0, having = 0;
    gp_q q = gp_q_open(cat, "SELECT count(*) FROM images i WHERE " IMAGE_PRESENT " AND " IMAGE_LACKS);
    gp_q_int(&q, 1, encoder);
    gp_q_int(&q, 2, retry_failed);
    GP_TRY(gp_q_one(&q, 0, &lacking, err));
    gp_q h = gp_q_open(cat, "SELECT count(*) FROM images i WHERE " IMAGE_PRESENT
                            " AND EXISTS(SELECT 1 FROM image_embeddings e WHERE e.encoder = ?1 AND e.image = i.id)");
    gp_q_int(&h, 1, encoder);
    GP_TRY(gp_q_one(&h, 0, &having, err));
    *todo = (uint64_t)lacking;
    *have = (uint64_t)having;
    return GP_OK;
}

gp_status gp_cat_prompts_todo(gp_catalog *cat, int64_t encoder, const gp_cat_text_rule *rule, int64_t after,
                              size_t limit, gp_cat_todo *out, gp_error *err)
{
    gp_q q = gp_q_open(cat, "SELECT t.id, t.text FROM prompts t WHERE t.id > ?2"
                            " AND EXISTS(SELECT 1 FROM image_prompts ip WHERE ip.prompt = t.id)"
                            " AND NOT EXISTS(SELECT 1 FROM prompt_embeddings e WHERE e.encoder = ?1 AND e.prompt = t.id"
                            "  AND (?4 IS NULL OR e.rule = ?4 OR e.tokens <= ?5))"
                            " ORDER BY t.id LIMIT ?3");
    gp_q_int(&q, 1, encoder);
    gp_q_int(&q, 2, after);
    gp_q_u64(&q, 3, limit);
    gp_q_text(&q, 4, rule ? rule->name : NULL);
    gp_q_int(&q, 5, rule ? rule->context : 0);
    return gp_cat_todo_collect(&q, limit, false, out, err);
}

gp_status gp_cat_prompts_cut(gp_catalog *cat, int64_t encoder, uint64_t *count, gp_error *err)
{
    int64_t n = 0;
    gp_q q = gp_q_open(cat, "SELECT count(*) FROM prompt_embeddings e WHERE e.encoder = ? AND e.truncated = 1"
                            " AND EXISTS(SELECT 1 FROM image_prompts ip WHERE ip.prompt = e.prompt)");
    gp_q_int(&q, 1, encoder);
    GP_TRY(gp_q_one(&q, 0, &n, err));
    *count = (uint64_t)n;
    return GP_OK;
}

/* ------------------------------------------------------------------ vectors */

/* Binds vector [dims] to ?3 and dims to ?4 and runs the statement. Rejects a vector with a number that is not finite,
 * and a vector whose number of dimensions differs from that of the encoder. */
static gp_status put_vector(gp_q *q, const float *vector, uint32_t dims, gp_error *err)
{
    for (uint32_t j = 0; j < dims; j++) {
        if (isfinite(vector[j])) continue;
        gp_q_end(q);
        return gp_fail(err, GP_ERR_FORMAT, "an embedding must be finite, but this one contains NaN or infinity");
    }
    uint8_t *bytes = gp_mem_new(dims, 4);
    if (!bytes) return gp_fail_memory(err, "an embedding with %u dimensions", (unsigned)dims);
    gp_db_floats_to_le(vector, bytes, dims);
    gp_q_blob(q, 3, bytes, (size_t)dims * 4);
    gp_q_int(q, 4, dims);
    gp_status st = gp_q_run(q, err);
    gp_q_end(q);
    gp_mem_free(bytes);
    if (st == GP_OK && sqlite3_changes(q->cat->db) == 0)
        return gp_fail(err, GP_ERR_USAGE, "an embedding with %u dimensions does not fit its encoder in catalog '%s'",
                       (unsigned)dims, q->cat->path);
    return st;
}

gp_status gp_cat_image_embedding_put(gp_catalog *cat, int64_t image, int64_t encoder, const float *vector,
                                     uint32_t dims, gp_error *err)
{
    gp_q q = gp_q_open(cat, "INSERT INTO image_embeddings(image, encoder, dtype, vector)"
                            " SELECT ?1, id, 'f32', ?3 FROM encoders WHERE id = ?2 AND dims = ?4"
                            " ON CONFLICT(encoder, image) DO UPDATE SET vector = ?3");
    gp_q_int(&q, 1, image);
    gp_q_int(&q, 2, encoder);
    return put_vector(&q, vector, dims, err);
}

gp_status gp_cat_prompt_embedding_put(gp_catalog *cat, int64_t prompt, int64_t encoder, const float *vector,
                                      uint32_t dims, uint32_t tokens, bool truncated, const gp_cat_text_rule *rule,
                                      gp_error *err)
{
    gp_q q = gp_q_open(
        cat, "INSERT INTO prompt_embeddings(prompt, encoder, dtype, tokens, truncated, rule, vector)"
             " SELECT ?1, id, 'f32', ?5, ?6, ?7, ?3 FROM encoders WHERE id = ?2 AND dims = ?4"
             " ON CONFLICT(encoder, prompt) DO UPDATE SET vector = ?3, tokens = ?5, truncated = ?6, rule = ?7");
    gp_q_int(&q, 1, prompt);
    gp_q_int(&q, 2, encoder);
    gp_q_int(&q, 5, tokens);
    gp_q_int(&q, 6, truncated);
    gp_q_text(&q, 7, rule ? rule->name : "truncate");
    return put_vector(&q, vector, dims, err);
}
