/* SPDX-License-Identifier: MIT
 * Select: the scored candidates from the catalog, the choice by pick, the choice back into the catalog. */
#include "stage/stage.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "pick/rank.h"

/* The rule in words, as it is stored beside the picks. */
static char *rule_text(const gp_pick_options *o)
{
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, "picks");
    if (o->per_prompt) gp_str_printf(&s, " per-prompt=%u", o->per_prompt);
    if (o->top) gp_str_printf(&s, " top=%llu", (unsigned long long)o->top);
    if (o->has_min_score) gp_str_printf(&s, " min-score=%g", o->min_score);
    return gp_str_take(&s);
}

/* The scorer to pick by: the wanted one if it has scored anything (else the picks of another would be lost for
 * nothing), or the one used last.  Owns: *out. */
static gp_status find_scorer(gp_catalog *cat, const char *wanted, char **out, gp_error *err)
{
    char *model = NULL;
    if (!wanted) return gp_cat_scorer_last(cat, out, err);
    gp_status st = gp_cat_scorer_model(cat, wanted, &model, err);
    gp_mem_free(model);
    if (st == GP_ERR_NOT_FOUND)
        return gp_fail(err, st, "nothing is scored by this model yet in catalog '%s'", gp_cat_path(cat));
    GP_TRY(st);
    *out = gp_str_dup(wanted);
    return *out ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "out of memory for the picks");
}

gp_status gp_stage_select(gp_catalog *cat, const char *wanted, const gp_pick_options *options, gp_report *report,
                          gp_error *err)
{
    double start = gp_clock_now();
    gp_report counts = {0};
    gp_cat_candidate *rows = NULL;        /* [n] */
    gp_candidate *candidates = NULL;      /* [n] */
    uint32_t *rank = NULL, *ranks = NULL; /* [n], [picked] */
    bool *chosen = NULL;                  /* [n] */
    int64_t *images = NULL;               /* [picked] */
    char *scorer = NULL, *rule = NULL;
    size_t n = 0, picked = 0;
    gp_status st = GP_OK;
    GP_GO(find_scorer(cat, wanted, &scorer, err));
    GP_GO(gp_cat_candidates(cat, scorer, &rows, &n, err));
    GP_GO(gp_alloc((void **)&candidates, n, sizeof *candidates, "candidates", err));
    GP_GO(gp_alloc((void **)&rank, n, sizeof *rank, "candidates", err));
    GP_GO(gp_alloc((void **)&chosen, n, sizeof *chosen, "candidates", err));
    for (size_t i = 0; i < n; i++)
        candidates[i] = (gp_candidate){.group = rows[i].prompt, .score = rows[i].score, .tie = rows[i].hash};
    GP_GO(gp_rank_groups(candidates, n, rank, err));
    GP_GO(gp_rank_choose(candidates, rank, n, options->per_prompt, options->top, options->has_min_score,
                         options->min_score, chosen, &picked, err));
    GP_GO(gp_alloc((void **)&images, picked, sizeof *images, "picks", err));
    GP_GO(gp_alloc((void **)&ranks, picked, sizeof *ranks, "picks", err));
    for (size_t i = 0, k = 0; i < n; i++) {
        if (!chosen[i]) continue;
        images[k] = rows[i].image;
        ranks[k++] = rank[i];
    }
    rule = rule_text(options);
    if (!rule) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for the picks"));
    GP_GO(gp_cat_picks_replace(cat, scorer, images, ranks, picked, rule, NULL, NULL, err));
    counts.done = picked;
    counts.skipped = n - picked;
out:
    gp_mem_free(rule);
    gp_mem_free(scorer);
    gp_mem_free(ranks);
    gp_mem_free(images);
    gp_mem_free(chosen);
    gp_mem_free(rank);
    gp_mem_free(candidates);
    gp_mem_free(rows);
    counts.seconds = gp_clock_now() - start;
    if (report) *report = counts;
    return st;
}
