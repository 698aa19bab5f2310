/* SPDX-License-Identifier: MIT
 * Reads the input of an analysis: all embedded images on disk as one matrix, and the embeddings of their prompts. Rows
 * are counted first and read directly into the result, so no memory beyond the result is needed. */
#include "catalog/analysis.h"

#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct scorer_facts {
    int64_t id, encoder, dims;
    bool higher;
} scorer_facts;

static gp_status scorer_read(gp_catalog *cat, const char *scorer, scorer_facts *out, gp_error *err)
{
    bool row;
    gp_q q = gp_q_open(cat, "SELECT s.id, s.encoder, e.dims, s.higher_better FROM scorers s"
                            " LEFT JOIN encoders e ON e.id = s.encoder WHERE s.key = ?");
    gp_q_text(&q, 1, scorer);
    GP_TRY(gp_q_step(&q, &row, err));
    if (!row) return gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no scorer '%s'", cat->path, scorer);
    *out = (scorer_facts){gp_q_col_int(&q, 0), gp_q_col_int(&q, 1), gp_q_col_int(&q, 2), gp_q_col_int(&q, 3) != 0};
    gp_q_end(&q);
    if (!out->encoder)
        return gp_fail_path(
            err, GP_ERR_UNSUPPORTED,
            "catalog '%s' has no embeddings for scorer '%s', but this step needs embeddings: select another scorer",
            cat->path, scorer);
    if (out->dims < 1 || out->dims > 65536)
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is damaged: an encoder has %lld dimensions", cat->path,
                            (long long)out->dims);
    return GP_OK;
}

#define ON_DISK                                                                                                        \
    "EXISTS(SELECT 1 FROM paths p WHERE p.image = v.image AND p.missing = 0)"                                          \
    " AND NOT EXISTS(SELECT 1 FROM images a WHERE a.id = v.image AND a.apart IS NOT NULL)"

static gp_status count_rows(gp_catalog *cat, const scorer_facts *s, size_t *n, gp_error *err)
{
    int64_t count;
    gp_q q = gp_q_open(cat, "SELECT count(*) FROM image_embeddings v WHERE v.encoder = ? AND " ON_DISK);
    gp_q_int(&q, 1, s->encoder);
    GP_TRY(gp_q_one(&q, 0, &count, err));
    *n = (size_t)count;
    return GP_OK;
}

static gp_status allocate_columns(gp_cat_matrix *m, size_t n, unsigned columns, gp_error *err)
{
    size_t numbers;
    if (!gp_size_mul(n, m->dims, &numbers))
        return gp_fail(err, GP_ERR_LIMIT, "the embeddings of %zu images do not fit in memory", n);
    if (columns & GP_MATRIX_VECTORS)
        GP_TRY(gp_alloc_aligned((void **)&m->vectors, numbers, sizeof *m->vectors, "the embeddings", err));
    GP_TRY(gp_alloc((void **)&m->images, n, sizeof *m->images, "the images", err));
    GP_TRY(gp_alloc((void **)&m->prompts, n, sizeof *m->prompts, "the images", err));
    GP_TRY(gp_alloc((void **)&m->hashes, n, sizeof *m->hashes, "the images", err));
    GP_TRY(gp_alloc((void **)&m->scores, n, sizeof *m->scores, "the images", err));
    GP_TRY(gp_alloc((void **)&m->pixels, n, sizeof *m->pixels, "the images", err));
    GP_TRY(gp_alloc((void **)&m->bytes, n, sizeof *m->bytes, "the images", err));
    m->paths = gp_mem_zero(n, sizeof *m->paths);
    m->texts = gp_mem_zero(n, sizeof *m->texts);
    m->settings = gp_mem_zero(n, sizeof *m->settings);
    if (!m->paths || !m->texts || !m->settings) return gp_fail_memory(err, "%zu images", n);
    return GP_OK;
}

static gp_status copy(const char *text, char **out, gp_error *err)
{
    *out = text ? gp_str_dup(text) : NULL;
    return text && !*out ? gp_fail_memory(err, "the images of the catalog") : GP_OK;
}

static gp_status take_row(gp_q *q, const scorer_facts *s, gp_cat_matrix *m, gp_error *err)
{
    size_t i = m->n;
    if (!gp_q_col_hash(q, 2, &m->hashes[i]) || gp_q_col_int(q, 10) != (int64_t)m->dims * 4)
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is damaged: a hash or an embedding has the wrong length",
                            q->cat->path);
    m->images[i] = gp_q_col_int(q, 0);
    m->prompts[i] = gp_q_col_int(q, 1);
    bool scored = sqlite3_column_type(q->stmt, 3) != SQLITE_NULL;
    double score = sqlite3_column_double(q->stmt, 3);
    m->scores[i] = scored ? (s->higher ? score : -score) : NAN;
    m->pixels[i] = (uint64_t)gp_q_col_int(q, 4);
    m->bytes[i] = (uint64_t)gp_q_col_int(q, 5);
    if (m->vectors) {
        const void *vector = sqlite3_column_blob(q->stmt, 9);
        if (!vector) return gp_fail_memory(err, "the embeddings");
        gp_db_floats_from_le(vector, m->vectors + i * m->dims, m->dims);
    }
    m->n++; /* from now on gp_cat_matrix_clear frees this row */
    GP_TRY(copy(gp_q_col_text(q, 6), &m->paths[i], err));
    GP_TRY(copy(gp_q_col_text(q, 7), &m->texts[i], err));
    return copy(gp_q_col_text(q, 8), &m->settings[i], err);
}

gp_status gp_cat_matrix_columns(gp_catalog *cat, const char *scorer, unsigned columns, gp_cat_matrix *out,
                                gp_error *err)
{
    gp_cat_matrix m = {0};
    scorer_facts s = {0};
    size_t max_rows;
    bool row;
    gp_status st = GP_OK;
    GP_TRY(scorer_read(cat, scorer, &s, err));
    GP_TRY(count_rows(cat, &s, &max_rows, err));
    m.dims = (uint32_t)s.dims, m.encoder = s.encoder;
    GP_TRY_GOTO(allocate_columns(&m, max_rows, columns, err));
    gp_q q = gp_q_open(
        cat,
        "SELECT v.image, coalesce(ip.prompt, 0), i.hash, sc.value, i.width * i.height, i.bytes,"
        " (SELECT p.path FROM paths p WHERE p.image = v.image AND p.missing = 0 ORDER BY p.path LIMIT 1),"
        " CASE WHEN ?3 & 1 THEN pr.text END, CASE WHEN ?3 & 2 THEN ip.settings END,"
        " CASE WHEN ?3 & 4 THEN v.vector END, length(v.vector) FROM image_embeddings v JOIN images i ON i.id = v.image"
        " LEFT JOIN image_prompts ip ON ip.image = v.image LEFT JOIN prompts pr ON pr.id = ip.prompt"
        " LEFT JOIN scores sc ON sc.scorer = ?2 AND sc.prompt = coalesce(ip.prompt, 0) AND sc.image = v.image"
        "  AND i.apart IS NULL"
        " WHERE v.encoder = ?1 AND " ON_DISK " ORDER BY i.hash");
    gp_q_int(&q, 1, s.encoder);
    gp_q_int(&q, 2, s.id);
    gp_q_int(&q, 3, columns);
    for (;;) {
        st = gp_q_step(&q, &row, err);
        if (st != GP_OK || !row || m.n == max_rows) break;
        st = take_row(&q, &s, &m, err);
        if (st != GP_OK) break;
    }
    gp_q_end(&q);
out:
    if (st == GP_OK)
        *out = m;
    else
        gp_cat_matrix_clear(&m);
    return st;
}

gp_status gp_cat_matrix_read(gp_catalog *cat, const char *scorer, gp_cat_matrix *out, gp_error *err)
{
    return gp_cat_matrix_columns(cat, scorer, GP_MATRIX_ALL, out, err);
}

void gp_cat_matrix_clear(gp_cat_matrix *m)
{
    for (size_t i = 0; i < m->n; i++) {
        gp_mem_free(m->paths[i]);
        gp_mem_free(m->texts[i]);
        gp_mem_free(m->settings[i]);
    }
    gp_mem_free(m->settings);
    gp_mem_free(m->texts);
    gp_mem_free(m->paths);
    gp_mem_free(m->bytes);
    gp_mem_free(m->pixels);
    gp_mem_free(m->scores);
    gp_mem_free(m->hashes);
    gp_mem_free(m->prompts);
    gp_mem_free(m->images);
    gp_mem_free(m->vectors);
    memset(m, 0, sizeof *m);
}

/* ------------------------------------------------------------------ prompts */

static int by_number(const void *a, const void *b)
{
    int64_t p = *(const int64_t *)a, q = *(const int64_t *)b;
    return (p > q) - (p < q);
}

gp_status gp_cat_prompt_vectors(gp_catalog *cat, int64_t encoder, const int64_t *prompts, size_t n, int64_t **ids,
                                float **vectors, size_t *count, gp_error *err)
{
    int64_t *list = NULL, dims = 0;
    float *rows = NULL;
    size_t distinct = 0, kept = 0;
    gp_status st = GP_OK;
    gp_q d = gp_q_open(cat, "SELECT dims FROM encoders WHERE id = ?");
    gp_q_int(&d, 1, encoder);
    GP_TRY(gp_q_one(&d, 0, &dims, err));
    if (dims < 1 || dims > 65536)
        return gp_fail_path(err, GP_ERR_USAGE, "catalog '%s' has no encoder %lld", cat->path, (long long)encoder);
    GP_TRY_GOTO(gp_alloc((void **)&list, n, sizeof *list, "the prompts", err));
    memcpy(list, prompts, n * sizeof *list);
    qsort(list, n, sizeof *list, by_number);
    for (size_t i = 0; i < n; i++)
        if (list[i] && (distinct == 0 || list[i] != list[distinct - 1])) list[distinct++] = list[i];
    GP_TRY_GOTO(
        gp_alloc_aligned((void **)&rows, distinct * (size_t)dims, sizeof *rows, "the prompts' embeddings", err));
    for (size_t i = 0; i < distinct; i++) {
        bool row;
        gp_q q = gp_q_open(cat, "SELECT vector FROM prompt_embeddings WHERE encoder = ? AND prompt = ?");
        gp_q_int(&q, 1, encoder);
        gp_q_int(&q, 2, list[i]);
        GP_TRY_GOTO(gp_q_step(&q, &row, err));
        if (!row) continue;
        const void *vector = sqlite3_column_blob(q.stmt, 0);
        bool fits = vector && sqlite3_column_bytes(q.stmt, 0) == (int)dims * 4;
        if (fits) gp_db_floats_from_le(vector, rows + kept * (size_t)dims, (size_t)dims);
        gp_q_end(&q);
        if (!fits)
            GP_TRY_GOTO(gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is damaged: an embedding has the wrong length",
                                     cat->path));
        list[kept++] = list[i];
    }
    *ids = list, *vectors = rows, *count = kept;
    return GP_OK;
out:
    gp_mem_free(rows);
    gp_mem_free(list);
    return st;
}
