/* SPDX-License-Identifier: MIT
 * Options and results of an analysis, for the commands slices, run, categories and duplicates. */
#include "base/json.h"
#include "cli/analysis_options.h"

#include "base/mem.h"
#include "cli/context.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ words between commas */

gp_status gp_cli_words_split(const char *text, gp_cli_words *out, gp_error *err)
{
    gp_cli_words w = {.text = gp_str_dup(text)};
    size_t most = 1;
    for (const char *p = text; *p; p++) most += *p == ',';
    w.words = gp_mem_zero(most, sizeof *w.words);
    if (!w.text || !w.words) {
        gp_cli_words_clear(&w);
        return gp_fail_memory(err, "a list of words");
    }
    for (char *p = w.text, *next; p; p = next) {
        next = strchr(p, ',');
        if (next) *next++ = 0;
        while (*p == ' ') p++;
        for (size_t length = strlen(p); length > 0 && p[length - 1] == ' '; length--) p[length - 1] = 0;
        if (*p) w.words[w.count++] = p;
    }
    *out = w;
    return GP_OK;
}

void gp_cli_words_clear(gp_cli_words *w)
{
    gp_mem_free(w->text);
    gp_mem_free(w->words);
    memset(w, 0, sizeof *w);
}

/* ------------------------------------------------------------------ paths */

typedef struct gp_cli_path {
    int64_t image;
    char *path;
} gp_cli_path;

static int by_image(const void *a, const void *b)
{
    int64_t p = ((const gp_cli_path *)a)->image, q = ((const gp_cli_path *)b)->image;
    return (p > q) - (p < q);
}

gp_status gp_cli_paths_read(gp_catalog *catalog, gp_cli_paths *out, gp_error *err)
{
    gp_cli_paths p = {0};
    gp_rows *rows = NULL;
    gp_query query = GP_QUERY_DEFAULTS;
    const gp_row *row = NULL;
    size_t capacity = 0;
    gp_status st;
    query.order = GP_ORDER_PATH;
    GP_TRY(gp_rows_open(catalog, &query, &rows, err));
    while ((st = gp_rows_next(rows, &row, err)) == GP_OK && row) {
        if (p.count == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            gp_cli_path *grown = gp_mem_resize(p.list, capacity, sizeof *grown);
            if (!grown) {
                st = gp_fail_memory(err, "the paths of images");
                break;
            }
            p.list = grown;
        }
        p.list[p.count] = (gp_cli_path){row->image, row->path ? gp_str_dup(row->path) : NULL};
        if (row->path && !p.list[p.count].path) {
            st = gp_fail_memory(err, "the paths of images");
            break;
        }
        p.count++;
    }
    gp_rows_close(rows);
    if (st != GP_OK) {
        gp_cli_paths_clear(&p);
        return st;
    }
    if (p.count) qsort(p.list, p.count, sizeof *p.list, by_image);
    *out = p;
    return GP_OK;
}

const char *gp_cli_path_of(const gp_cli_paths *paths, int64_t image)
{
    gp_cli_path key = {.image = image};
    const gp_cli_path *found = paths->count ? bsearch(&key, paths->list, paths->count, sizeof key, by_image) : NULL;
    return found ? found->path : NULL;
}

void gp_cli_paths_clear(gp_cli_paths *p)
{
    for (size_t i = 0; i < p->count; i++) gp_mem_free(p->list[i].path);
    gp_mem_free(p->list);
    memset(p, 0, sizeof *p);
}

/* ------------------------------------------------------------------ find */

gp_status gp_cli_find_options(gp_cli *cli, gp_cli_find *out, gp_error *err)
{
    *out = (gp_cli_find){GP_ANALYZE_DEFAULTS, GP_SLICES_DEFAULTS, GP_DUPLICATES_DEFAULTS, {0}};
    gp_slices_options *s = &out->slices;
    double alpha = cli->alpha.set ? cli->alpha.value : s->alpha;
    if (cli->resamples.set && alpha * (double)(cli->resamples.value + 1) <= 1)
        return gp_fail(err, GP_ERR_USAGE, "--resamples %llu is too small for --alpha %g: it must be at least %.0f",
                       (unsigned long long)cli->resamples.value, alpha, ceil(1 / alpha));
    s->profile = (gp_slice_profile)cli->profile;
    s->mode = (gp_slice_mode)cli->mode;
    s->criterion = (gp_slice_criterion)cli->criterion;
    s->parent_reference = cli->reference == 1;
    s->remove_outliers = cli->remove_outliers;
    s->min_support = (uint32_t)cli->min_support.value;
    s->n_slices = (uint32_t)cli->n_slices.value;
    s->has_min_lift = cli->min_lift.set, s->min_lift = cli->min_lift.value;
    s->alpha = alpha;
    if (cli->seed.set) s->seed = cli->seed.value;
    if (cli->resamples.set) s->resamples = (uint32_t)cli->resamples.value;
    if (cli->distance) s->metric = GP_METRIC_COSINE;
    if (cli->min_cosine.set) out->duplicates.min_cosine = cli->min_cosine.value;
    if (cli->categories) GP_TRY(gp_cli_words_split(cli->categories, &out->labels, err));
    out->find.category_labels = out->labels.words, out->find.category_label_count = out->labels.count;
    out->find.category_column = cli->category_column;
    out->find.no_map = cli->no_map, out->find.no_duplicates = cli->no_duplicates, out->find.new_map = cli->new_map;
    out->find.slices = s, out->find.duplicates = &out->duplicates;
    out->find.threads = gp_cli_threads(cli);
    out->find.progress = gp_term_progress, out->find.user = &cli->term;
    return GP_OK;
}

void gp_cli_find_clear(gp_cli_find *options)
{
    gp_cli_words_clear(&options->labels);
}

static void say_count(gp_str *s, uint64_t count, const char *one, const char *many)
{
    gp_str_printf(s, "%s%llu %s", s->size ? ", " : "found ", (unsigned long long)count, gp_plural(count, one, many));
}

void gp_cli_say_find(gp_cli *cli, const gp_analyze_report *r)
{
    gp_str s = GP_STR_INIT;
    say_count(&s, r->categories, "category", "categories");
    if (r->categories > 1) gp_str_printf(&s, " (%s)", r->category_source);
    say_count(&s, r->slices, "slice of images", "slices of images");
    say_count(&s, r->prompt_slices, "of prompts", "of prompts");
    say_count(&s, r->duplicates, "near-duplicate", "near-duplicates");
    if (!s.failed) gp_term_say(&cli->term, "%s", s.data);
    gp_str_clear(&s);
    if (*r->note) gp_term_say(&cli->term, "%s", r->note);
}

void gp_cli_json_find(gp_str *json, const gp_analyze_report *r)
{
    gp_json_put_name(json, "find");
    gp_str_putc(json, '{');
    gp_cli_json_count(json, "images", r->images);
    gp_cli_json_count(json, "levels", r->levels);
    gp_cli_json_count(json, "categories", r->categories);
    gp_cli_json_count(json, "slices", r->slices);
    gp_cli_json_count(json, "prompt_slices", r->prompt_slices);
    gp_cli_json_count(json, "category_slices", r->category_slices);
    gp_cli_json_count(json, "duplicate_groups", r->groups);
    gp_cli_json_count(json, "duplicates", r->duplicates);
    gp_cli_json_text(json, "category_source", r->category_source);
    gp_cli_json_real(json, "cohesion", r->cohesion);
    gp_cli_json_real(json, "agreement", r->agreement);
    gp_cli_json_text(json, "remark", r->note);
    gp_cli_json_real(json, "seconds", r->seconds);
    gp_str_putc(json, '}');
}
