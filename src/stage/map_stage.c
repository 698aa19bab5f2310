/* SPDX-License-Identifier: MIT
 * The map: a UMAP projection of the image embeddings. It is kept: new images are placed on it without moving the
 * others. It is computed again on request, or if most of its images would be new. */
#include "stage/analyze_stage.h"

#include "analyze/analyze.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

enum { MIN_ROWS = 8 }; /* with fewer rows, the map is a PCA */

static char *settings_text(const gp_analysis_run *r)
{
    const gp_umap_options *o = r->mapping;
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "{\"method\":\"umap\",\"neighbours\":%u,\"min_dist\":", o->neighbours);
    gp_json_put_real(&s, o->min_dist);
    gp_str_puts(&s, ",\"spread\":");
    gp_json_put_real(&s, o->spread);
    gp_str_printf(&s, ",\"metric\":\"%s\",\"seed\":%llu}", o->metric == GP_METRIC_COSINE ? "cosine" : "euclidean",
                  (unsigned long long)o->seed);
    return gp_str_take(&s);
}

static gp_status compute_map(const gp_analysis_run *r, float *place, gp_error *err)
{
    gp_umap_options o = *r->mapping;
    const gp_cat_matrix *m = &r->m;
    if (m->n < MIN_ROWS) {
        size_t dims = m->dims < 2 ? m->dims : 2;
        memset(place, 0, m->n * 2 * sizeof *place);
        if (m->n < 3 || dims < 2) return GP_OK;
        return gp_an_pca(m->vectors, m->n, m->dims, 2, &(gp_pca_options){.threads = o.threads}, place, err);
    }
    if (o.neighbours > m->n - 1) o.neighbours = (uint32_t)m->n - 1;
    return gp_an_umap(m->vectors, m->n, m->dims, &o, place, err);
}

/* Places the rows that have no position. The `old` rows with a position stay fixed and serve as the reference. */
static gp_status place_new(const gp_analysis_run *r, float *place, const bool *known, size_t old, gp_error *err)
{
    const gp_cat_matrix *m = &r->m;
    size_t d = m->dims, new_count = m->n - old;
    float *rows = NULL, *map = NULL, *added = NULL, *out = NULL;
    gp_umap_options o = *r->mapping;
    gp_status st = GP_OK;
    if (o.neighbours > old) o.neighbours = (uint32_t)old;
    GP_TRY_GOTO(gp_alloc_aligned((void **)&rows, old * d, sizeof *rows, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&map, old * 2, sizeof *map, "the map", err));
    GP_TRY_GOTO(gp_alloc_aligned((void **)&added, new_count * d, sizeof *added, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&out, new_count * 2, sizeof *out, "the map", err));
    for (size_t i = 0, a = 0, b = 0; i < m->n; i++) {
        memcpy(known[i] ? rows + a * d : added + b * d, m->vectors + i * d, d * sizeof *rows);
        if (known[i]) memcpy(map + a * 2, place + i * 2, 2 * sizeof *map);
        if (known[i])
            a++;
        else
            b++;
    }
    GP_TRY_GOTO(gp_an_umap_place(rows, map, old, d, added, new_count, &o, out, err));
    for (size_t i = 0, b = 0; i < m->n; i++)
        if (!known[i]) memcpy(place + i * 2, out + b++ * 2, 2 * sizeof *place);
out:
    gp_mem_free(out);
    gp_mem_free(added);
    gp_mem_free(map);
    gp_mem_free(rows);
    return st;
}

gp_status gp_analysis_map(gp_analysis_run *r, gp_error *err)
{
    double start = gp_clock_now();
    const gp_cat_matrix *m = &r->m;
    float *place = NULL; /* [n, 2] */
    bool *known = NULL;
    char *had = NULL, *wanted = NULL;
    size_t old = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&place, m->n * 2, sizeof *place, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&known, m->n, sizeof *known, "the map", err));
    wanted = settings_text(r);
    if (!wanted) GP_TRY_GOTO(gp_fail_memory(err, "the map"));
    GP_TRY_GOTO(gp_cat_map_read(r->cat, m->encoder, m->images, m->n, place, known, &had, err));
    for (size_t i = 0; i < m->n; i++) old += known[i];
    bool recompute = !had || r->options->new_map || strcmp(had, wanted) != 0 || old < MIN_ROWS || old < m->n - old;
    if (!recompute && old == m->n) goto out;
    if (recompute)
        GP_TRY_GOTO(compute_map(r, place, err));
    else
        GP_TRY_GOTO(place_new(r, place, known, old, err));
    GP_TRY_GOTO(gp_cat_map_put(r->cat, m->encoder, wanted, m->images, place, m->n, recompute, err));
out:
    gp_mem_free(wanted);
    gp_mem_free(had);
    gp_mem_free(known);
    gp_mem_free(place);
    r->report->map_seconds = gp_clock_now() - start;
    return st;
}
