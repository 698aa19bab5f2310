/* SPDX-License-Identifier: MIT
 * Implements goldpan/arrays.h, analysis of plain arrays, and gp_npy_read. */
#include "api/api.h"

#include "analyze/analyze.h"
#include "base/mem.h"
#include "table/npy_read.h"
#include "pick/difficulty.h"

/* Defines a public function that releases the contents of a caller's struct, of any version, by calling the internal
 * function. */
#define CLEAR(name, type, inner)                                                                                       \
    void name(type *theirs)                                                                                            \
    {                                                                                                                  \
        type ours = {0};                                                                                               \
        if (!theirs || gp_api_read(&ours, sizeof ours, theirs, #type, NULL) != GP_OK) return;                          \
        inner(&ours);                                                                                                  \
        gp_api_give(theirs, &ours, sizeof ours, GP_OK);                                                                \
    }

gp_status gp_neighbours(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                        const gp_neighbours_options *options, uint32_t *ids, float *distances, gp_error *err)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    API_NEEDS(rows);
    API_NEEDS(ids);
    API_NEEDS(distances);
    API_READ(gp_neighbours_options, &o, options);
    return gp_an_neighbours(rows, n, d, queries, m, k, &o, ids, distances, err);
}

gp_status gp_hierarchy_build(const float *rows, size_t n, size_t d, const gp_neighbours_options *options,
                             gp_hierarchy *out, gp_error *err)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    API_NEEDS(rows);
    API_NEEDS(out);
    API_READ(gp_neighbours_options, &o, options);
    gp_hierarchy ours = {0};
    API_OUTPUT(gp_hierarchy, out);
    GP_TRY(gp_an_hierarchy(rows, n, d, &o, &ours, err));
    return gp_api_give(out, &ours, sizeof ours, GP_OK);
}

CLEAR(gp_hierarchy_clear, gp_hierarchy, gp_an_hierarchy_clear)

gp_status gp_hdbscan(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_hdbscan_tree *out,
                     gp_error *err)
{
    gp_hdbscan_options o = GP_HDBSCAN_DEFAULTS;
    API_NEEDS(rows);
    API_NEEDS(out);
    API_READ(gp_hdbscan_options, &o, options);
    gp_hdbscan_tree ours = {0};
    API_OUTPUT(gp_hdbscan_tree, out);
    GP_TRY(gp_an_hdbscan(rows, n, d, &o, &ours, err));
    return gp_api_give(out, &ours, sizeof ours, GP_OK);
}

CLEAR(gp_hdbscan_clear, gp_hdbscan_tree, gp_an_hdbscan_clear)

gp_status gp_hierarchy_project(const gp_hierarchy *hierarchy, const float *rows, size_t d, size_t dims,
                               const gp_project_options *options, float *out, gp_error *err)
{
    gp_project_options o = GP_PROJECT_DEFAULTS;
    gp_hierarchy ours = {0};
    API_NEEDS(hierarchy);
    API_NEEDS(rows);
    API_NEEDS(out);
    API_READ(gp_project_options, &o, options);
    API_READ(gp_hierarchy, &ours, hierarchy);
    return gp_an_hierarchy_project(&ours, rows, d, dims, &o, out, err);
}

gp_status gp_umap(const float *rows, size_t n, size_t d, const gp_umap_options *options, float *out, gp_error *err)
{
    gp_umap_options o = GP_UMAP_DEFAULTS;
    API_NEEDS(rows);
    API_NEEDS(out);
    API_READ(gp_umap_options, &o, options);
    return gp_an_umap(rows, n, d, &o, out, err);
}

gp_status gp_umap_transform(const float *rows, const float *map, size_t n, size_t d, const float *fresh, size_t m,
                            const gp_umap_options *options, float *out, gp_error *err)
{
    gp_umap_options o = GP_UMAP_DEFAULTS;
    API_NEEDS(rows);
    API_NEEDS(map);
    API_NEEDS(fresh);
    API_NEEDS(out);
    API_READ(gp_umap_options, &o, options);
    return gp_an_umap_place(rows, map, n, d, fresh, m, &o, out, err);
}

gp_status gp_pca(const float *rows, size_t n, size_t d, size_t dims, const gp_pca_options *options, float *out,
                 gp_error *err)
{
    gp_pca_options o = GP_PCA_DEFAULTS;
    API_NEEDS(rows);
    API_NEEDS(out);
    API_READ(gp_pca_options, &o, options);
    return gp_an_pca(rows, n, d, dims, &o, out, err);
}

gp_status gp_slices_find(const gp_feature *features, size_t count, const double *metric, size_t n,
                         const gp_hierarchy *tree, const gp_slices_options *options, gp_slices *out, gp_error *err)
{
    gp_slices_options o = GP_SLICES_DEFAULTS;
    if (!tree) API_NEEDS(features);
    API_NEEDS(metric);
    API_NEEDS(out);
    API_READ(gp_slices_options, &o, options);
    gp_slices ours = {0};
    gp_hierarchy given = {0};
    gp_feature *copy = NULL;
    API_OUTPUT(gp_slices, out);
    API_READ(gp_hierarchy, &given, tree);
    GP_TRY(gp_api_read_array((void **)&copy, sizeof *copy, features, count, "gp_feature", err));
    gp_status st = gp_an_slices(copy, count, metric, n, tree ? &given : NULL, &o, &ours, err);
    gp_mem_free(copy);
    if (st != GP_OK) return st;
    return gp_api_give(out, &ours, sizeof ours, GP_OK);
}

CLEAR(gp_slices_clear, gp_slices, gp_an_slices_clear)

gp_status gp_reasons_find(const gp_reasons_input *input, const bool *inside, const gp_reasons_options *options,
                          gp_reasons *out, gp_error *err)
{
    gp_reasons_options o = GP_REASONS_DEFAULTS;
    API_NEEDS(input);
    API_NEEDS(inside);
    API_NEEDS(out);
    gp_reasons ours = {0};
    gp_reasons_input in = {0};
    gp_feature *copy = NULL;
    API_READ(gp_reasons_options, &o, options);
    API_OUTPUT(gp_reasons, out);
    API_READ(gp_reasons_input, &in, input);
    GP_TRY(gp_api_read_array((void **)&copy, sizeof *copy, in.features, in.feature_count, "gp_feature", err));
    in.features = copy;
    gp_status st = gp_an_reasons(&in, inside, &o, &ours, err);
    gp_mem_free(copy);
    if (st != GP_OK) return st;
    return gp_api_give(out, &ours, sizeof ours, GP_OK);
}

CLEAR(gp_reasons_clear, gp_reasons, gp_an_reasons_clear)

gp_status gp_duplicates_find(const float *rows, size_t n, size_t d, const double *priority, const uint64_t *pixels,
                             const uint64_t *phashes, const gp_duplicates_options *options, gp_duplicates *out,
                             gp_error *err)
{
    gp_duplicates_options o = GP_DUPLICATES_DEFAULTS;
    API_NEEDS(rows);
    API_NEEDS(out);
    API_READ(gp_duplicates_options, &o, options);
    gp_duplicates ours = {0};
    API_OUTPUT(gp_duplicates, out);
    GP_TRY(gp_an_duplicates(rows, n, d, priority, pixels, phashes, &o, &ours, err));
    return gp_api_give(out, &ours, sizeof ours, GP_OK);
}

CLEAR(gp_duplicates_clear, gp_duplicates, gp_an_duplicates_clear)

gp_status gp_npy_read(const char *path, float **rows, size_t *n, size_t *d, gp_error *err)
{
    API_NEEDS(path);
    API_NEEDS(rows);
    API_NEEDS(n);
    API_NEEDS(d);
    return gp_npy_load(path, rows, n, d, err);
}

gp_status gp_difficulty_correct(const double *score, const int32_t *prompt, size_t n, const float *embeddings,
                                size_t prompts, size_t d, const gp_difficulty_options *options, double *corrected,
                                gp_difficulty *facts, gp_error *err)
{
    gp_difficulty_options o = GP_DIFFICULTY_DEFAULTS;
    API_NEEDS(score);
    API_NEEDS(prompt);
    API_NEEDS(embeddings);
    API_NEEDS(corrected);
    API_READ(gp_difficulty_options, &o, options);
    for (size_t i = 0; i < n; i++)
        if (prompt[i] >= 0 && (size_t)prompt[i] >= prompts)
            return gp_fail(err, GP_ERR_USAGE, "image %zu has prompt %d, but there are %zu prompts", i, (int)prompt[i],
                           prompts);
    gp_difficulty ours = {0};
    API_OUTPUT(gp_difficulty, facts);
    GP_TRY(gp_calibrate_difficulty(score, prompt, n, embeddings, prompts, d, &o, corrected, &ours, err));
    return gp_api_give(facts, &ours, sizeof ours, GP_OK);
}
