/* SPDX-License-Identifier: MIT
 * Stage import: embeddings (and scores) computed by other programs. Row i of the array belongs to row i of a table that
 * names the images. The embeddings get their own encoder, identified by the hash of the array, so that they never mix
 * with others. */
#include "stage/stage.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "table/npy_read.h"
#include "table/columns.h"
#include "stage/rows.h"

#include <math.h>
#include <stdio.h>

typedef struct bringer {
    gp_catalog *cat;
    const gp_import_options *o;
    const gp_add_options *add;
    gp_table *table;
    size_t image_column, prompt_column;
    gp_rows_of of;
    float *rows; /* [n, d] */
    size_t n, d;
    double *scores; /* [n] or NULL */
    int64_t encoder;
    char scorer[200];
} bringer;

static gp_status open_all(bringer *b, gp_error *err)
{
    GP_TRY(gp_table_open(b->add->prompts, &b->table, err));
    GP_TRY(gp_table_roles(b->table, b->add->image_column, b->add->prompt_column, &b->image_column, &b->prompt_column,
                          err));
    GP_TRY(gp_npy_load(b->o->embeddings, &b->rows, &b->n, &b->d, err));
    if (b->n != gp_table_rows(b->table))
        return gp_fail_path(err, GP_ERR_USAGE,
                            "'%s' has %zu rows, but '%s' has %zu; both must have the same number of rows",
                            b->o->embeddings, b->n, b->add->prompts, gp_table_rows(b->table));
    if (b->d == 0 || b->d > 65536)
        return gp_fail_path(err, GP_ERR_LIMIT, "'%s' has %zu columns; it must have 1 to 65536", b->o->embeddings, b->d);
    if (!b->o->score_column) return GP_OK;
    size_t column = gp_table_find(b->table, b->o->score_column);
    if (column == SIZE_MAX)
        return gp_fail_path(err, GP_ERR_USAGE, "'%s' has no column '%s'", b->add->prompts, b->o->score_column);
    GP_TRY(gp_alloc((void **)&b->scores, b->n, sizeof *b->scores, "the scores", err));
    return gp_column_numbers(b->table, column, b->scores, err);
}

/* Scales a vector to length 1, as the catalog requires of all embeddings. Returns false if that is impossible. */
static bool normalise(float *x, size_t d)
{
    double norm = 0;
    for (size_t j = 0; j < d; j++) norm += (double)x[j] * (double)x[j];
    if (!(norm > 0) || isinf(norm)) return false;
    for (size_t j = 0; j < d; j++) x[j] = (float)((double)x[j] / sqrt(norm));
    return true;
}

static gp_status put_encoder(bringer *b, gp_error *err)
{
    char hex[33];
    gp_hash hash = gp_hash_of(b->rows, b->n * b->d * sizeof *b->rows);
    const char *name = b->o->name ? b->o->name : gp_path_base(b->o->embeddings);
    gp_hash_hex(hash, hex);
    gp_cat_encoder encoder = {.model = name,
                              .weight_hash = hex,
                              .precision = "fp32",
                              .preprocess_id = "made elsewhere",
                              .text_rule = "made elsewhere",
                              .dims = (uint32_t)b->d};
    GP_TRY(gp_cat_encoder_put(b->cat, &encoder, &b->encoder, err));
    snprintf(b->scorer, sizeof b->scorer, "made-elsewhere/%s/%.100s", hex,
             b->o->score_column ? b->o->score_column : "none");
    gp_cat_scorer scorer = {.id = b->scorer,
                            .name = b->o->score_column ? b->o->score_column : "none",
                            .scale = "as it came",
                            .encoder = b->encoder,
                            .needs = "image",
                            .higher_better = !b->o->lower_better};
    return gp_cat_scorer_put(b->cat, &scorer, err);
}

static gp_status put_bad_vector(bringer *b, const gp_row *row, size_t at, gp_error *err)
{
    char message[400];
    snprintf(message, sizeof message, "row %zu of '%.200s' is zero or not finite (NaN or infinite)", at + 1,
             b->o->embeddings);
    return gp_cat_failure_put(b->cat, row->path, 0, 0, row->image, "score", message, false, err);
}

static gp_status put_vectors(bringer *b, gp_report *report, gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_status st;
    query.order = GP_ORDER_PATH;
    GP_TRY(gp_cat_rows_open(b->cat, &query, &rows, err));
    while ((st = gp_cat_rows_next(rows, &row, err)) == GP_OK && row) {
        size_t at = row->path ? gp_rows_find(&b->of, row->path) : SIZE_MAX;
        if (at == SIZE_MAX) continue;
        if (!normalise(b->rows + at * b->d, b->d)) {
            report->failed++;
            st = put_bad_vector(b, row, at, err);
        } else {
            report->done++;
            st = gp_cat_image_embedding_put(b->cat, row->image, b->encoder, b->rows + at * b->d, (uint32_t)b->d, err);
        }
        if (st != GP_OK) break;
    }
    gp_cat_rows_close(rows);
    return st;
}

static gp_status put_scores(bringer *b, gp_error *err)
{
    gp_cat_matrix m = {0};
    gp_status st = GP_OK;
    uint64_t without = 0;
    if (!b->scores) return GP_OK;
    GP_TRY(gp_cat_matrix_columns(b->cat, b->scorer, 0, &m, err));
    for (size_t i = 0; i < m.n && st == GP_OK; i++) {
        size_t at = gp_rows_find(&b->of, m.paths[i]);
        if (at == SIZE_MAX || !m.prompts[i]) continue;
        if (isnan(b->scores[at]))
            without++;
        else
            st = gp_cat_score_put(b->cat, m.images[i], m.prompts[i], b->scorer, b->scores[at], err);
    }
    if (st == GP_OK && without)
        gp_note_say(b->add->note, b->add->note_user, "no-scores", without,
                    "%llu %s no score, because '%s' has no number in column '%s' for %s", (unsigned long long)without,
                    gp_plural(without, "image has", "images have"), b->add->prompts, b->o->score_column,
                    gp_plural(without, "it", "them"));
    gp_cat_matrix_clear(&m);
    return st;
}

gp_status gp_stage_import(gp_catalog *cat, const gp_add_options *add, const gp_import_options *options,
                          gp_report *added, gp_report *report, gp_error *err)
{
    double start = gp_clock_now();
    bringer b = {.cat = cat, .o = options, .add = add};
    gp_report counts = {0};
    gp_status st = GP_OK;
    /* open all inputs before anything is added, so that a wrong table changes nothing */
    GP_TRY_GOTO(open_all(&b, err));
    GP_TRY_GOTO(gp_stage_add_table(cat, add, b.table, &b.of, added, err));
    GP_TRY_GOTO(gp_cat_begin(cat, err));
    st = put_encoder(&b, err);
    if (st == GP_OK) st = put_vectors(&b, &counts, err);
    if (st == GP_OK) st = put_scores(&b, err);
    if (st == GP_OK) st = gp_cat_commit(cat, err);
    if (st != GP_OK) gp_cat_rollback(cat);
out:
    gp_mem_free(b.scores);
    gp_rows_clear(&b.of);
    gp_mem_free(b.rows);
    gp_table_close(b.table);
    counts.seconds = gp_clock_now() - start;
    *report = counts;
    return st;
}
