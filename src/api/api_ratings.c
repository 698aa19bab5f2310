/* SPDX-License-Identifier: MIT
 * Implements goldpan/ratings.h. */
#include "api/api.h"

#include "ratings/ratings.h"

typedef gp_status ratings_call(gp_catalog *catalog, const gp_ratings_options *options, gp_ratings_report *report,
                               gp_error *err);

static gp_status call(ratings_call *work, gp_catalog *catalog, const gp_ratings_options *options,
                      gp_ratings_report *report, gp_error *err)
{
    gp_ratings_options o = GP_RATINGS_DEFAULTS;
    gp_ratings_report ours = {0};
    API_READ(gp_ratings_options, &o, options);
    API_OUTPUT(gp_ratings_report, report);
    if (o.path_count && !o.paths) return gp_fail(err, GP_ERR_USAGE, "`paths` is NULL, but `path_count` is not 0");
    if (o.place > GP_RATINGS_EMBED) return gp_fail(err, GP_ERR_USAGE, "`place` is not a gp_ratings_place");
    return gp_api_give(report, &ours, sizeof ours, work(catalog, &o, &ours, err));
}

gp_status gp_ratings_read(gp_catalog *catalog, const gp_ratings_options *options, gp_ratings_report *report,
                          gp_error *err)
{
    API_NEEDS(catalog);
    return call(gp_ratings_take, catalog, options, report, err);
}

gp_status gp_ratings_write(gp_catalog *catalog, const gp_ratings_options *options, gp_ratings_report *report,
                           gp_error *err)
{
    API_NEEDS(catalog);
    return call(gp_ratings_give, catalog, options, report, err);
}
