/* SPDX-License-Identifier: MIT
 * Computes the similarity of all embeddings to a vector. Memory bandwidth limits the speed of a pass over the
 * embeddings, so a matrix larger than a cache is divided among several threads. Each sum uses 16 partial sums in a
 * fixed order, so the result does not depend on the number of threads. */
#include "serve/embedding_index.h"

#include "base/mem.h"
#include "base/thread.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16, MAX_THREADS = 16 };
#define MIN_VALUES_FOR_THREADS ((size_t)8 << 20) /* minimum number of values in the matrix for several threads */

static gp_status read_matrix(const char *catalog, gp_cat_matrix *m, char **scorer, gp_error *err)
{
    gp_catalog *cat = NULL;
    GP_TRY(gp_cat_open(catalog, GP_CATALOG_READONLY, &cat, err));
    gp_status st = gp_cat_scorer_last(cat, scorer, err);
    if (st == GP_OK) st = gp_cat_matrix_columns(cat, *scorer, GP_MATRIX_VECTORS, m, err);
    gp_cat_close(cat);
    return st;
}

gp_status gp_embedding_index_read(const char *catalog, const gp_view *view, gp_embedding_index *out, gp_error *err)
{
    gp_cat_matrix m = {0};
    char *scorer = NULL;
    gp_status st = read_matrix(catalog, &m, &scorer, err);
    uint32_t *rows = st == GP_OK ? gp_mem_new(m.n, sizeof *rows) : NULL;
    if (st == GP_OK && !m.n) st = gp_fail(err, GP_ERR_NOT_FOUND, "no image has an embedding yet");
    if (st == GP_OK && !rows) st = gp_fail_memory(err, "a search");
    if (st == GP_OK) {
        for (size_t i = 0; i < m.n; i++) {
            size_t row = gp_view_find(view, &m.hashes[i]);
            rows[i] = row == SIZE_MAX ? UINT32_MAX : (uint32_t)row;
        }
        *out = (gp_embedding_index){scorer, m.n, m.dims, m.hashes, m.vectors, rows};
        m.hashes = NULL, m.vectors = NULL, scorer = NULL, rows = NULL;
    }
    gp_mem_free(rows);
    gp_mem_free(scorer);
    gp_cat_matrix_clear(&m);
    return st;
}

void gp_embedding_index_clear(gp_embedding_index *p)
{
    gp_mem_free(p->rows);
    gp_mem_free(p->vectors);
    gp_mem_free(p->hashes);
    gp_mem_free(p->scorer);
    *p = (gp_embedding_index){0};
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(gp_hash));
}

const float *gp_embedding_index_find(const gp_embedding_index *p, const gp_hash *hash)
{
    const gp_hash *at = p->n ? bsearch(hash, p->hashes, p->n, sizeof *hash, by_hash) : NULL;
    return at ? p->vectors + (size_t)(at - p->hashes) * p->dims : NULL;
}

static float dot_product(const float *a, const float *b, size_t d)
{
    float lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t k = 0; k < LANES; k++) lanes[k] += a[i + k] * b[i + k];
    for (; i < d; i++) lanes[i % LANES] += a[i] * b[i];
    for (size_t k = 0; k < LANES; k++) sum += lanes[k];
    return sum;
}

typedef struct pass {
    const gp_embedding_index *p;
    const float *direction;
    float *out;
    size_t count, threads;
} pass;

static void compute_part(void *user, int index)
{
    const pass *a = user;
    size_t first = a->p->n * (size_t)index / a->threads, end = a->p->n * ((size_t)index + 1) / a->threads;
    for (size_t i = first; i < end; i++)
        if (a->p->rows[i] < a->count)
            a->out[a->p->rows[i]] = dot_product(a->p->vectors + i * a->p->dims, a->direction, a->p->dims);
}

void gp_embedding_index_of(const gp_embedding_index *p, const float *direction, float *out, size_t count)
{
    int processors = gp_thread_processors();
    gp_threads *threads = NULL;
    pass a = {p, direction, out, count, (size_t)(processors < MAX_THREADS ? processors : MAX_THREADS)};
    for (size_t i = 0; i < count; i++) out[i] = NAN;
    if (p->n * p->dims < MIN_VALUES_FOR_THREADS) a.threads = 1;
    if (a.threads > 1 && gp_threads_start((int)a.threads, compute_part, &a, &threads, NULL) == GP_OK) {
        gp_threads_join(threads);
        return;
    }
    a.threads = 1;
    compute_part(&a, 0);
}
