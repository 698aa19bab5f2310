/* SPDX-License-Identifier: MIT
 * goldpan neighbours, cluster and map: parts of the analysis on the user's own vectors, without a catalog. */
#include "base/npy_write.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"
#include "cli/slices_features.h"

#include <stdio.h>
#include <string.h>

typedef struct vectors {
    float *rows; /* [n, d] */
    size_t n, d;
} vectors;

static gp_status read_vectors(const char *path, vectors *v, gp_error *err)
{
    GP_TRY(gp_npy_read_finite(path, &v->rows, &v->n, &v->d, err));
    if (v->n == 0 || v->d == 0) return gp_fail(err, GP_ERR_FORMAT, "'%s' is empty", path);
    return GP_OK;
}

static gp_neighbours_options search_options(gp_cli *cli)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    o.metric = (gp_metric)cli->metric, o.threads = gp_cli_threads(cli);
    o.progress = gp_term_progress, o.user = &cli->term;
    return o;
}

/* Appends rows [n, width] of floats or uint32 as nested arrays: [[1,2],[3,4]]. */
static void put_rows(gp_str *json, const char *name, const float *reals, const uint32_t *counts, size_t n, size_t width)
{
    gp_json_put_name(json, name);
    gp_str_putc(json, '[');
    for (size_t i = 0; i < n && !json->failed; i++) {
        gp_str_puts(json, i ? ",[" : "[");
        for (size_t j = 0; j < width; j++) {
            if (counts)
                gp_str_printf(json, "%s%u", j ? "," : "", counts[i * width + j]);
            else
                gp_str_printf(json, "%s%.7g", j ? "," : "", (double)reals[i * width + j]);
        }
        gp_str_putc(json, ']');
    }
    gp_str_putc(json, ']');
}

/* Returns the name of the file for one of several results, such as "NAME.ids.npy".  Owned. */
static char *part_path(const gp_cli *cli, const char *part)
{
    gp_str path = GP_STR_INIT;
    size_t length = strlen(cli->out);
    if (length > 4 && !strcmp(cli->out + length - 4, ".npy")) length -= 4;
    gp_str_add(&path, cli->out, length);
    gp_str_printf(&path, ".%s.npy", part);
    return gp_str_take(&path);
}

static gp_status write_part(const gp_cli *cli, const char *part, char kind, const void *rows, size_t n, size_t width,
                            gp_error *err)
{
    char *path = part_path(cli, part);
    gp_status st = path ? gp_npy_write(path, kind, rows, n, width, err) : gp_fail_memory(err, "a path");
    gp_mem_free(path);
    return st;
}

static gp_status check_part(const gp_cli *cli, const char *part, gp_error *err)
{
    char *path = part_path(cli, part);
    gp_status st = path ? gp_cli_check_output(cli, path, err) : gp_fail_memory(err, "a path");
    gp_mem_free(path);
    return st;
}

static gp_status check_outputs(const gp_cli *cli, gp_error *err)
{
    if (!cli->out) return GP_OK;
    if (cli->command != &gp_cmd_neighbours) return gp_cli_check_output(cli, cli->out, err);
    GP_TRY(check_part(cli, "ids", err));
    return check_part(cli, "distances", err);
}

/* Prints the error or the JSON object.  Returns the exit code. */
static int finish(gp_cli *cli, gp_status st, gp_str *json, const gp_error *err)
{
    if (st != GP_OK) {
        gp_str_clear(json);
        return gp_cli_fail(cli, err);
    }
    if (!cli->json) {
        gp_str_clear(json);
        return GP_EXIT_OK;
    }
    gp_str_putc(json, '}');
    return gp_cli_json_print(cli, json, GP_EXIT_OK);
}

/* ------------------------------------------------------------------ neighbours */

static gp_status find_neighbours(gp_cli *cli, gp_str *json, vectors *v, vectors *q, uint32_t **ids, float **distances,
                                 gp_error *err)
{
    gp_neighbours_options o = search_options(cli);
    size_t k = cli->neighbours.set ? (size_t)cli->neighbours.value : 15;
    GP_TRY(check_outputs(cli, err));
    GP_TRY(read_vectors(cli->vectors, v, err));
    if (cli->queries) GP_TRY(read_vectors(cli->queries, q, err));
    if (cli->queries && q->d != v->d)
        return gp_fail(err, GP_ERR_USAGE,
                       "'%s' has %zu columns, but '%s' has %zu; both must have the same number of columns",
                       cli->queries, q->d, cli->vectors, v->d);
    size_t m = cli->queries ? q->n : v->n, most = cli->queries ? v->n : v->n - 1;
    if (k > most && !cli->neighbours.set) k = most;
    if (k == 0 || k > most)
        return gp_fail(err, GP_ERR_USAGE, "--neighbours must be between 1 and %zu for these vectors, not %zu", most, k);
    if (cli->recall.set) o.recall = cli->recall.value;
    GP_TRY(gp_alloc((void **)ids, m * k, sizeof **ids, "neighbours", err));
    GP_TRY(gp_alloc((void **)distances, m * k, sizeof **distances, "neighbours", err));
    GP_TRY(gp_neighbours(v->rows, v->n, v->d, q->rows, q->n, k, &o, *ids, *distances, err));
    gp_term_clear(&cli->term);
    if (cli->out) GP_TRY(write_part(cli, "ids", 'i', *ids, m, k, err));
    if (cli->out) GP_TRY(write_part(cli, "distances", 'f', *distances, m, k, err));
    gp_str_putc(json, '{');
    gp_cli_json_count(json, "rows", m);
    gp_cli_json_count(json, "k", k);
    if (!cli->out) put_rows(json, "ids", NULL, *ids, m, k);
    if (!cli->out) put_rows(json, "distances", *distances, NULL, m, k);
    return GP_OK;
}

static int run_neighbours(gp_cli *cli)
{
    gp_error err = {0};
    gp_str json = GP_STR_INIT;
    vectors v = {0}, q = {0};
    uint32_t *ids = NULL;
    float *distances = NULL;
    gp_status st = find_neighbours(cli, &json, &v, &q, &ids, &distances, &err);
    gp_mem_free(distances);
    gp_mem_free(ids);
    gp_free(q.rows);
    gp_free(v.rows);
    return finish(cli, st, &json, &err);
}

/* ------------------------------------------------------------------ cluster */

/* Returns the level whose number of clusters is nearest to `wanted`. */
static size_t level_for(const gp_hierarchy *h, uint64_t wanted)
{
    size_t best = 0;
    for (size_t t = 0; t < h->levels; t++) {
        uint64_t gap = h->sizes[t] > wanted ? h->sizes[t] - wanted : wanted - h->sizes[t];
        uint64_t least = h->sizes[best] > wanted ? h->sizes[best] - wanted : wanted - h->sizes[best];
        if (gap < least) best = t;
    }
    return best;
}

/* Selects the levels to write: all, or the level of --level or --clusters. */
static gp_status choose_levels(const gp_cli *cli, const gp_hierarchy *h, size_t *first, size_t *levels, gp_error *err)
{
    *first = 0, *levels = h->levels;
    if (cli->level.set && cli->level.value >= h->levels)
        return gp_fail(err, GP_ERR_USAGE, "--level must be between 0 and %zu for these vectors, not %llu",
                       h->levels - 1, (unsigned long long)cli->level.value);
    if (cli->level.set) *first = (size_t)cli->level.value, *levels = 1;
    if (cli->clusters.set) *first = level_for(h, cli->clusters.value), *levels = 1;
    return GP_OK;
}

static void put_reals(gp_str *json, const char *name, const double *x, size_t n)
{
    gp_json_put_name(json, name);
    gp_str_putc(json, '[');
    for (size_t i = 0; i < n && !json->failed; i++) {
        if (i) gp_str_putc(json, ',');
        gp_json_put_real(json, x[i]);
    }
    gp_str_putc(json, ']');
}

/* Writes, for each level, the parent of each of its clusters: a cluster of the next coarser level. */
static void put_parents(gp_str *json, const gp_hierarchy *h)
{
    gp_json_put_name(json, "parents");
    gp_str_putc(json, '[');
    for (size_t t = 0; t + 1 < h->levels && !json->failed; t++) {
        gp_str_puts(json, t ? ",[" : "[");
        for (size_t c = 0; c < h->sizes[t]; c++) gp_str_printf(json, "%s%u", c ? "," : "", h->parents[t][c]);
        gp_str_putc(json, ']');
    }
    gp_str_putc(json, ']');
}

static gp_status cluster_levels(gp_cli *cli, gp_str *json, const vectors *v, gp_error *err)
{
    gp_neighbours_options o = search_options(cli);
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    int32_t *table = NULL; /* [n, levels] the cluster of each row at each level, from fine to coarse */
    size_t first, levels;
    gp_status st = GP_OK;
    GP_TRY(gp_hierarchy_build(v->rows, v->n, v->d, &o, &h, err));
    gp_term_clear(&cli->term);
    GP_TRY_GOTO(choose_levels(cli, &h, &first, &levels, err));
    GP_TRY_GOTO(gp_alloc((void **)&table, v->n * levels, sizeof *table, "clusters", err));
    for (size_t i = 0; i < v->n; i++)
        for (size_t t = 0; t < levels; t++) table[i * levels + t] = (int32_t)h.labels[(first + t) * v->n + i];
    if (cli->out) GP_TRY_GOTO(gp_npy_write(cli->out, 'i', table, v->n, levels, err));
    if (cli->json) {
        gp_cli_json_count(json, "level", first);
        if (cli->clusters.set) gp_cli_json_count(json, "clusters_wanted", cli->clusters.value);
        gp_json_put_name(json, "sizes");
        for (size_t t = 0; t < levels; t++) gp_str_printf(json, "%s%u", t ? "," : "[", h.sizes[first + t]);
        gp_str_putc(json, ']');
        if (levels == h.levels) put_parents(json, &h);
        if (!cli->out) put_rows(json, "labels", NULL, (const uint32_t *)table, v->n, levels);
    }
    for (size_t t = 0; t < levels; t++)
        gp_term_say(&cli->term, "level %zu: %u %s", first + t, h.sizes[first + t],
                    gp_plural(h.sizes[first + t], "cluster", "clusters"));
    if (cli->clusters.set && h.sizes[first] != cli->clusters.value)
        gp_term_warn(&cli->term, "goldpan: no level has %llu clusters; using level %zu with %u clusters",
                     (unsigned long long)cli->clusters.value, first, h.sizes[first]);
out:
    gp_mem_free(table);
    gp_hierarchy_clear(&h);
    return st;
}

/* Writes the edges of the tree as [parent, child, lambda, size].  An infinite lambda (between equal rows) is null. */
static void put_tree(gp_str *json, const gp_hdbscan_tree *t)
{
    gp_json_put_name(json, "tree");
    gp_str_putc(json, '[');
    for (size_t i = 0; i < t->edges && !json->failed; i++) {
        gp_str_printf(json, "%s[%u,%u,", i ? "," : "", t->edge[i].parent, t->edge[i].child);
        gp_json_put_real(json, t->edge[i].lambda);
        gp_str_printf(json, ",%u]", t->edge[i].size);
    }
    gp_str_putc(json, ']');
    gp_json_put_name(json, "selected");
    gp_str_putc(json, '[');
    for (size_t c = 0; c < t->clusters; c++) gp_str_printf(json, "%s%u", c ? "," : "", t->selected[c]);
    gp_str_putc(json, ']');
    put_reals(json, "stability", t->stability, t->clusters);
}

static void put_members(gp_str *json, const gp_hdbscan_tree *t)
{
    gp_json_put_name(json, "labels");
    gp_str_putc(json, '[');
    for (size_t i = 0; i < t->n && !json->failed; i++) gp_str_printf(json, "%s%d", i ? "," : "", t->labels[i]);
    gp_str_putc(json, ']');
    put_reals(json, "strength", t->strength, t->n);
    put_reals(json, "outlier", t->outlier, t->n);
}

static gp_status cluster_density(gp_cli *cli, gp_str *json, const vectors *v, gp_error *err)
{
    gp_hdbscan_options o = GP_HDBSCAN_DEFAULTS;
    gp_hdbscan_tree t = GP_INIT(gp_hdbscan_tree);
    size_t noise = 0;
    gp_status st = GP_OK;
    if (cli->min_cluster_size.set) o.min_cluster_size = (uint32_t)cli->min_cluster_size.value;
    o.min_samples = (uint32_t)cli->min_samples.value;
    o.leaf = cli->leaf, o.allow_single = cli->allow_single, o.epsilon = cli->epsilon.value;
    o.metric = (gp_metric)cli->metric, o.threads = gp_cli_threads(cli), o.progress = gp_term_progress,
    o.user = &cli->term;
    GP_TRY(gp_hdbscan(v->rows, v->n, v->d, &o, &t, err));
    gp_term_clear(&cli->term);
    for (size_t i = 0; i < t.n; i++) noise += t.labels[i] < 0;
    if (cli->out) GP_TRY_GOTO(gp_npy_write(cli->out, 'i', t.labels, t.n, 1, err));
    if (cli->json) {
        gp_cli_json_count(json, "clusters", t.clusters);
        gp_cli_json_count(json, "noise", noise);
        put_tree(json, &t);
        if (!cli->out) put_members(json, &t);
    }
    gp_term_say(&cli->term, "%zu %s; %zu of %zu rows are in no cluster", t.clusters,
                gp_plural(t.clusters, "cluster", "clusters"), noise, t.n);
out:
    gp_hdbscan_clear(&t);
    return st;
}

static int run_cluster(gp_cli *cli)
{
    gp_error err = {0};
    gp_str json = GP_STR_INIT;
    vectors v = {0};
    gp_status st = check_outputs(cli, &err);
    if (st == GP_OK) st = read_vectors(cli->vectors, &v, &err);
    gp_str_putc(&json, '{');
    gp_cli_json_count(&json, "rows", v.n);
    if (st == GP_OK) st = cli->method ? cluster_density(cli, &json, &v, &err) : cluster_levels(cli, &json, &v, &err);
    gp_free(v.rows);
    return finish(cli, st, &json, &err);
}

/* ------------------------------------------------------------------ map */

static gp_status lay_out(gp_cli *cli, const vectors *v, size_t dims, float *place, gp_error *err)
{
    if (cli->method == 1) {
        gp_pca_options o = GP_PCA_DEFAULTS;
        o.threads = gp_cli_threads(cli), o.progress = gp_term_progress, o.user = &cli->term;
        return gp_pca(v->rows, v->n, v->d, dims, &o, place, err);
    }
    if (cli->method == 2) {
        gp_neighbours_options o = search_options(cli);
        gp_project_options p = GP_PROJECT_DEFAULTS;
        gp_hierarchy h = GP_INIT(gp_hierarchy);
        p.threads = o.threads, p.progress = o.progress, p.user = o.user;
        gp_status st = gp_hierarchy_build(v->rows, v->n, v->d, &o, &h, err);
        if (st == GP_OK) st = gp_hierarchy_project(&h, v->rows, v->d, dims, &p, place, err);
        gp_hierarchy_clear(&h);
        return st;
    }
    gp_umap_options o = GP_UMAP_DEFAULTS;
    if (cli->neighbours.set)
        o.neighbours = cli->neighbours.value > UINT32_MAX ? UINT32_MAX : (uint32_t)cli->neighbours.value;
    if (!cli->neighbours.set && o.neighbours > v->n) o.neighbours = (uint32_t)v->n;
    if (cli->min_dist.set) o.min_dist = cli->min_dist.value;
    if (cli->seed.set) o.seed = cli->seed.value;
    if (cli->recall.set) o.recall = cli->recall.value;
    o.dims = (uint32_t)dims, o.metric = (gp_metric)cli->metric, o.threads = gp_cli_threads(cli);
    o.progress = gp_term_progress, o.user = &cli->term;
    return gp_umap(v->rows, v->n, v->d, &o, place, err);
}

static int run_map(gp_cli *cli)
{
    gp_error err = {0};
    gp_str json = GP_STR_INIT;
    vectors v = {0};
    float *place = NULL;
    size_t dims = cli->dims.set ? (size_t)cli->dims.value : 2;
    gp_status st = check_outputs(cli, &err);
    if (st == GP_OK) st = read_vectors(cli->vectors, &v, &err);
    if (st == GP_OK) st = gp_alloc((void **)&place, v.n * dims, sizeof *place, "the map", &err);
    if (st == GP_OK) st = lay_out(cli, &v, dims, place, &err);
    gp_term_clear(&cli->term);
    if (st == GP_OK && cli->out) st = gp_npy_write(cli->out, 'f', place, v.n, dims, &err);
    gp_str_putc(&json, '{');
    gp_cli_json_count(&json, "rows", v.n);
    gp_cli_json_count(&json, "dims", dims);
    if (st == GP_OK && !cli->out) put_rows(&json, "map", place, NULL, v.n, dims);
    gp_mem_free(place);
    gp_free(v.rows);
    return finish(cli, st, &json, &err);
}

/* ------------------------------------------------------------------ tables */

#define VECTORS_NEEDS "vectors; out json"
#define VECTORS(metrics)                                                                                               \
    GP_CLI_OPTION("vectors", 0, GP_OPT_TEXT, "X.npy", vectors, "NumPy file with one vector per row"),                  \
        GP_CLI_OPTION("metric", 0, GP_OPT_CHOICE, "cosine|euclidean", metric,                                          \
                      "distance between vectors (default: cosine)", .needs = metrics)
#define VECTORS_OUT(help)                                                                                              \
    GP_CLI_OPTION("out", 'o', GP_OPT_TEXT, "FILE", out, help), GP_CLI_FORCE(.needs = "out"), GP_CLI_THREADS,           \
        GP_CLI_COMMON

static const gp_cli_option neighbours_options[] = {
    VECTORS(NULL),
    GP_CLI_OPTION("queries", 0, GP_OPT_TEXT, "Q.npy", queries,
                  "find the neighbours of these vectors (default: of the rows of --vectors)"),
    GP_CLI_OPTION("neighbours", 'k', GP_OPT_COUNT, "K", neighbours,
                  "neighbours per row (default: 15, or all rows if there are fewer)", .range = GP_CLI_FROM(1)),
    GP_CLI_OPTION("recall", 0, GP_OPT_REAL, "R", recall,
                  "share of the true neighbours to find; below 1 is faster from 20,000 rows on (default: 1)",
                  .range = GP_CLI_FROM_TO(0, 1), .excludes = "queries"),
    VECTORS_OUT("write NumPy files FILE.ids.npy and FILE.distances.npy")};

const gp_cli_command gp_cmd_neighbours = {
    .name = "neighbours",
    .arguments = "--vectors X.npy",
    .summary = "Find the nearest neighbours of each vector",
    .about = "Writes FILE.ids.npy and FILE.distances.npy: one row for each vector (or query), nearest first.  --json "
             "without --out prints the ids and the distances instead.\n\n"
             "The search is exact.  With --recall 0.99 it is approximate (IVF) from 20,000 rows on; the distances "
             "stay exact.",
    .examples = "goldpan neighbours --vectors embeddings.npy -k 10 --out near\n"
                "goldpan neighbours --vectors a-million.npy --recall 0.98 --out near",
    .options = neighbours_options,
    .needs = VECTORS_NEEDS,
    .run = run_neighbours,
};

#define HNNE    "method=hnne"
#define HDBSCAN "method=hdbscan"

static const gp_cli_option cluster_options[] = {
    VECTORS(NULL),
    GP_CLI_OPTION("method", 0, GP_OPT_CHOICE, "hnne|hdbscan", method,
                  "hnne: nested levels of clusters; hdbscan: clusters by density, with noise (default: hnne)"),
    GP_CLI_OPTION("level", 0, GP_OPT_COUNT, "L", level, "output only this level; 0 is the finest (default: all levels)",
                  .needs = HNNE, .excludes = "clusters"),
    GP_CLI_OPTION("clusters", 0, GP_OPT_COUNT, "N", clusters,
                  "output only the level whose number of clusters is nearest to N (default: all levels)",
                  .range = GP_CLI_FROM(1), .needs = HNNE),
    GP_CLI_OPTION("min-cluster-size", 0, GP_OPT_COUNT, "N", min_cluster_size,
                  "rows in the smallest cluster (default: 5)", .range = GP_CLI_FROM_U32(2), .needs = HDBSCAN),
    GP_CLI_OPTION("min-samples", 0, GP_OPT_COUNT, "N", min_samples,
                  "number of neighbours that define the core distance (default: --min-cluster-size)",
                  .range = GP_CLI_FROM_U32(1), .needs = HDBSCAN),
    GP_CLI_FLAG("leaf", 0, leaf,
                "select the leaves of the cluster tree as the clusters (default: select clusters by excess of mass)",
                .needs = HDBSCAN),
    GP_CLI_FLAG("allow-single", 0, allow_single, "allow a single cluster that contains all rows", .needs = HDBSCAN),
    GP_CLI_OPTION("epsilon", 0, GP_OPT_REAL, "E", epsilon,
                  "merge clusters whose distance is below E; 0: never (default: 0)", .range = GP_CLI_FROM(0),
                  .needs = HDBSCAN),
    VECTORS_OUT("write the labels to this NumPy file")};

const gp_cli_command gp_cmd_cluster = {
    .name = "cluster",
    .arguments = "--vectors X.npy",
    .summary = "Group vectors into clusters, in nested levels or by density",
    .about = "Writes one row of labels for each vector: one column for each level, from fine to coarse.  With "
             "--method hdbscan there is one column, and -1 is noise.\n\n"
             "--json prints the whole tree.  With hnne, \"parents\" contains, for each cluster of a level, the "
             "cluster of the next level that contains it.  With hdbscan, \"tree\" lists edges [parent, child, lambda, "
             "size]; a child whose number is below the number of rows is a row.",
    .examples = "goldpan cluster --vectors embeddings.npy --out labels.npy\n"
                "goldpan cluster --vectors embeddings.npy --clusters 12 --out labels.npy\n"
                "goldpan cluster --vectors embeddings.npy --method hdbscan --min-cluster-size 20 --json",
    .options = cluster_options,
    .needs = VECTORS_NEEDS,
    .run = run_cluster,
};

#define UMAP "method=umap"

static const gp_cli_option map_options[] = {
    VECTORS("method=umap|hnne"),
    GP_CLI_OPTION("method", 0, GP_OPT_CHOICE, "umap|pca|hnne", method, "projection (default: umap)"),
    GP_CLI_OPTION("neighbours", 'k', GP_OPT_COUNT, "K", neighbours,
                  "neighbours per row, the n_neighbors of UMAP (default: 15)", .range = GP_CLI_FROM(2), .needs = UMAP),
    GP_CLI_OPTION("min-dist", 0, GP_OPT_REAL, "D", min_dist,
                  "smallest distance between points of the map (default: 0.1)", .range = GP_CLI_FROM(0), .needs = UMAP),
    GP_CLI_OPTION("dims", 0, GP_OPT_COUNT, "D", dims, "dimensions of the map (default: 2)",
                  .range = GP_CLI_FROM_TO(1, 64)),
    GP_CLI_OPTION("seed", 0, GP_OPT_COUNT, "N", seed, "random seed (default: 42)", .needs = UMAP),
    GP_CLI_OPTION("recall", 0, GP_OPT_REAL, "R", recall,
                  "share of the true neighbours to find; below 1 is faster from 20,000 rows on (default: 0.98)",
                  .range = GP_CLI_FROM_TO(0, 1), .needs = UMAP),
    VECTORS_OUT("write the positions to this NumPy file")};

const gp_cli_command gp_cmd_map = {
    .name = "map",
    .arguments = "--vectors X.npy",
    .summary = "Compute a map of vectors",
    .about = "Writes the position of each row.  The same seed gives the same map, with any number of threads.",
    .examples = "goldpan map --vectors embeddings.npy --out map.npy\n"
                "goldpan map --vectors embeddings.npy --method pca --dims 8 --out x.npy",
    .options = map_options,
    .needs = VECTORS_NEEDS,
    .run = run_map,
};
