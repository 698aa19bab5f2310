/* SPDX-License-Identifier: MIT
 * Implements gp_site of goldpan/outputs.h. */
#include "api/api.h"

#include "analyze/analyze.h"
#include "base/mem.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "report/site.h"

#include <string.h>

enum { NEAR = 24 };

/* Removes from `m` the images that have no row in the view, so that the k nearest rows contain none of them. rows[i]:
 * the view's row of image i of `m`, after the removal. */
static void keep_rows(const gp_view *view, gp_cat_matrix *m, uint32_t *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++) {
        size_t row = gp_view_find(view, &m->hashes[i]);
        if (row == SIZE_MAX) continue;
        if (kept < i) memcpy(m->vectors + kept * m->dims, m->vectors + i * m->dims, m->dims * sizeof *m->vectors);
        rows[kept++] = (uint32_t)row;
    }
    m->n = kept;
}

/* Finds the nearest rows of every row of the view.  *out stays NULL if there are fewer than two rows.  Changes m. */
static gp_status near_of(const gp_view *view, gp_cat_matrix *m, const gp_site_options *o, uint32_t **out, gp_error *err)
{
    size_t count = gp_view_count(view);
    gp_neighbours_options options = GP_NEIGHBOURS_DEFAULTS;
    uint32_t *rows = NULL, *ids = NULL, *near = NULL;
    float *distances = NULL;
    gp_status st = GP_OK;
    options.threads = o->threads, options.progress = o->progress, options.user = o->user;
    GP_TRY_GOTO(gp_alloc((void **)&rows, m->n, sizeof *rows, "the nearest images of each image", err));
    keep_rows(view, m, rows);
    if (m->n < 2) goto out;
    size_t k = m->n > NEAR ? NEAR : m->n - 1;
    GP_TRY_GOTO(gp_alloc((void **)&ids, m->n * k, sizeof *ids, "the nearest images of each image", err));
    GP_TRY_GOTO(gp_alloc((void **)&distances, m->n * k, sizeof *distances, "the nearest images of each image", err));
    GP_TRY_GOTO(gp_alloc((void **)&near, count * NEAR, sizeof *near, "the nearest images of each image", err));
    GP_TRY_GOTO(gp_an_neighbours(m->vectors, m->n, m->dims, NULL, 0, k, &options, ids, distances, err));
    for (size_t i = 0; i < count * NEAR; i++) near[i] = UINT32_MAX;
    for (size_t i = 0; i < m->n; i++)
        for (size_t j = 0; j < k; j++) near[(size_t)rows[i] * NEAR + j] = rows[ids[i * k + j]];
    *out = near;
    near = NULL;
out:
    gp_mem_free(near);
    gp_mem_free(distances);
    gp_mem_free(ids);
    gp_mem_free(rows);
    return st;
}

static gp_status find_near(gp_catalog *catalog, const gp_view *view, const gp_site_options *o, uint32_t **out,
                           gp_error *err)
{
    gp_cat_matrix m = {0};
    char *scorer = NULL;
    *out = NULL;
    if (gp_cat_scorer_last(catalog, &scorer, NULL) != GP_OK) return GP_OK; /* without scores there are no embeddings */
    gp_status st = gp_cat_matrix_columns(catalog, scorer, GP_MATRIX_VECTORS, &m, err);
    if (st == GP_OK && m.n) st = near_of(view, &m, o, out, err);
    gp_cat_matrix_clear(&m);
    gp_mem_free(scorer);
    return st;
}

gp_status gp_site(gp_catalog *catalog, const gp_site_options *options, gp_report *report, gp_error *err)
{
    gp_site_options o = GP_SITE_DEFAULTS;
    gp_report ours = {0};
    gp_view *view = NULL;
    uint32_t *near = NULL;
    API_NEEDS(catalog);
    API_OUTPUT(gp_report, report);
    API_READ(gp_site_options, &o, options);
    if (!o.folder) return gp_fail(err, GP_ERR_USAGE, "`folder` is not set: name a folder for the site");
    if ((unsigned)o.images > GP_SITE_THUMBNAILS)
        return gp_fail(err, GP_ERR_USAGE, "`images` must be a GP_SITE_... value, not %d", (int)o.images);
    GP_TRY(gp_view_new(catalog, NULL, &view, err));
    gp_status st = gp_view_count(view)
                       ? find_near(catalog, view, &o, &near, err)
                       : gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no images", gp_cat_path(catalog));
    if (st == GP_OK) st = gp_report_site(catalog, view, near, near ? NEAR : 0, &o, &ours, err);
    gp_mem_free(near);
    gp_view_free(view);
    return gp_api_give(report, &ours, sizeof ours, st);
}
