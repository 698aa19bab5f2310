/* SPDX-License-Identifier: MIT
 * Implements goldpan/catalog.h: the catalog. */
#include "api/api.h"

#include "catalog/catalog.h"

gp_status gp_catalog_open(const char *path, unsigned flags, gp_catalog **out, gp_error *err)
{
    const unsigned known = GP_CATALOG_CREATE | GP_CATALOG_READONLY | GP_CATALOG_READ_IF_MUST;
    API_NEEDS(path);
    API_NEEDS(out);
    if (flags & ~known)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "unknown flags 0x%x: use GP_CATALOG_... values", flags & ~known);
    return gp_cat_open(path, flags, out, err);
}

void gp_catalog_close(gp_catalog *catalog)
{
    gp_cat_close(catalog);
}

bool gp_catalog_readonly(const gp_catalog *catalog)
{
    return gp_cat_readonly(catalog);
}

void gp_catalog_watch(gp_catalog *catalog, bool (*go_on)(void *user), void *user)
{
    gp_cat_watch(catalog, go_on, user);
}

const char *gp_catalog_path(const gp_catalog *catalog)
{
    return gp_cat_path(catalog);
}

gp_status gp_catalog_counts(gp_catalog *catalog, gp_counts *counts, gp_error *err)
{
    API_NEEDS(catalog);
    API_NEEDS(counts);
    gp_counts ours = {0};
    API_OUTPUT(gp_counts, counts);
    GP_TRY(gp_cat_counts(catalog, &ours, err));
    return gp_api_give(counts, &ours, sizeof ours, GP_OK);
}

gp_status gp_catalog_find_image(gp_catalog *catalog, const char *name, char *hash, gp_error *err)
{
    API_NEEDS(catalog);
    API_NEEDS(name);
    API_NEEDS(hash);
    return gp_cat_find_image(catalog, name, hash, err);
}

gp_status gp_catalog_scorers(gp_catalog *catalog, bool (*visit)(void *user, const gp_scorer_facts *scorer), void *user,
                             gp_error *err)
{
    API_NEEDS(catalog);
    API_NEEDS(visit);
    return gp_cat_scorers_visit(catalog, visit, user, err);
}

gp_status gp_catalog_missing(gp_catalog *catalog, bool (*visit)(void *user, const gp_missing *missing), void *user,
                             gp_error *err)
{
    API_NEEDS(catalog);
    API_NEEDS(visit);
    return gp_cat_missing(catalog, visit, user, err);
}

gp_status gp_catalog_failures(gp_catalog *catalog, bool (*visit)(void *user, const gp_failure *failure), void *user,
                              gp_error *err)
{
    API_NEEDS(catalog);
    API_NEEDS(visit);
    return gp_cat_failures(catalog, visit, user, err);
}

gp_status gp_catalog_check(const char *path, bool (*go_on)(void *user), void *go_on_user,
                           bool (*visit)(void *user, const gp_catalog_problem *problem), void *user, uint64_t *problems,
                           gp_error *err)
{
    API_NEEDS(path);
    API_NEEDS(problems);
    return gp_cat_check(path, go_on, go_on_user, visit, user, problems, err);
}

gp_status gp_catalog_rescue(const char *path, const gp_rescue_options *options, gp_rescue_report *report, gp_error *err)
{
    gp_rescue_options o = GP_RESCUE_DEFAULTS;
    API_NEEDS(path);
    API_NEEDS(report);
    API_READ(gp_rescue_options, &o, options);
    gp_rescue_report ours = {0};
    API_OUTPUT(gp_rescue_report, report);
    return gp_api_give(report, &ours, sizeof ours, gp_cat_rescue(path, &o, &ours, err));
}

gp_status gp_rows_open(gp_catalog *catalog, const gp_query *query, gp_rows **out, gp_error *err)
{
    gp_query q = GP_QUERY_DEFAULTS;
    API_NEEDS(catalog);
    API_NEEDS(out);
    API_READ(gp_query, &q, query);
    return gp_cat_rows_open(catalog, &q, out, err);
}

gp_status gp_rows_next(gp_rows *rows, const gp_row **row, gp_error *err)
{
    API_NEEDS(rows);
    API_NEEDS(row);
    return gp_cat_rows_next(rows, row, err);
}

void gp_rows_close(gp_rows *rows)
{
    gp_cat_rows_close(rows);
}
