/* SPDX-License-Identifier: MIT
 * The bundled model on the bundled sample, through goldpan.h: compares scores with transformers (tools/reference.py
 * mini) and picks with the sample's answer key. */
#include "../npy.h"
#include "base/str.h"
#include "ingest/match.h"
#include "table/table.h"
#include "support.h"

#include <goldpan.h>
#include <math.h>

enum { D = 128, KEPT = 32, MOST = 1000 };

typedef struct sample {
    gp_table *rows; /* the columns of the file are file, prompt and score */
    size_t n;
    char *paths[MOST];
    float *images, *texts; /* [n, D] */
    bool ok[MOST];
} sample;

static void sample_open(sample *s)
{
    gp_error err = {0};
    assert_ok(gp_table_open(source_path("tests/golden/mini/scores.tsv"), &s->rows, &err));
    s->n = gp_table_rows(s->rows);
    assert_in_range(s->n, 192, MOST);
    for (size_t i = 0; i < s->n; i++) {
        char relative[300];
        snprintf(relative, sizeof relative, "sample/drawn-world/%s", gp_table_cell(s->rows, i, 0));
        s->paths[i] = gp_str_dup(source_path(relative));
    }
    s->images = calloc(s->n * D, sizeof *s->images);
    s->texts = calloc(s->n * D, sizeof *s->texts);
}

static void sample_close(sample *s)
{
    for (size_t i = 0; i < s->n; i++) gp_free(s->paths[i]);
    free(s->images), free(s->texts);
    gp_table_close(s->rows);
}

static void encode(sample *s, gp_precision precision)
{
    gp_error err = {0};
    gp_model *model = NULL;
    gp_model_options options = GP_MODEL_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    const char *texts[MOST];
    options.precision = precision;
    assert_ok(gp_model_open(source_path("models/drawn-world-mini"), &options, &model, &err));
    assert_ok(gp_embed_files(model, (const char *const *)s->paths, s->n, NULL, s->images, s->ok, &report, &err));
    assert_int_equal(report.done, s->n);
    for (size_t i = 0; i < s->n; i++) texts[i] = gp_table_cell(s->rows, i, 1);
    assert_ok(gp_encode_texts(model, texts, s->n, NULL, s->texts, &err));
    gp_model_close(model);
}

static double cosine(const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < D; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* Returns the largest and the mean difference from the golden scores, which are not clamped at 0. */
static double score_differences(const sample *s, double *mean)
{
    double worst = 0, sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        double want, got = 100 * cosine(s->images + i * D, s->texts + i * D);
        assert_true(gp_parse_double(gp_table_cell(s->rows, i, 2), &want));
        double away = fabs(want - got);
        sum += away;
        if (away > worst) worst = away;
    }
    *mean = sum / (double)s->n;
    return worst;
}

static void test_fp32(void **state)
{
    (void)state;
    sample s = {0};
    double mean, least = 1;
    sample_open(&s);
    encode(&s, GP_PRECISION_FP32);
    double worst = score_differences(&s, &mean);
    npy images = npy_load(source_path("tests/golden/mini/images.npy"));
    for (size_t i = 0; i < KEPT; i++) least = fmin(least, cosine(s.images + i * D, (const float *)images.data + i * D));
    npy_free(&images);
    npy texts = npy_load(source_path("tests/golden/mini/texts.npy"));
    for (size_t i = 0, k = 0; i < s.n; i++) { /* the texts are sorted by first appearance in the sample; images of one
                                               * prompt are adjacent */
        if (i && strcmp(gp_table_cell(s.rows, i, 1), gp_table_cell(s.rows, i - 1, 1)) != 0) k++;
        least = fmin(least, cosine(s.texts + i * D, (const float *)texts.data + k * D));
        assert_true(k < texts.shape[0]);
    }
    npy_free(&texts);
    printf("fp32: score differs by %.2g at most, cosine %.8f at least\n", worst, least);
    if (worst > 0.01) print_message("are these values of other weights?  python tools/reference.py mini\n");
    assert_true(worst <= 0.01);
    assert_true(least >= 0.99999);
    /* goldpan clamps the score at 0, so the golden score is clamped here too */
    double *scores = calloc(s.n, sizeof *scores);
    gp_clip_score(s.images, s.texts, s.n, D, scores);
    for (size_t i = 0; i < s.n; i++) assert_true(scores[i] >= 0);
    free(scores);
    sample_close(&s);
}

static void test_bf16(void **state)
{
    (void)state;
    sample s = {0};
    double mean;
    sample_open(&s);
    encode(&s, GP_PRECISION_BF16);
    double worst = score_differences(&s, &mean);
    printf("bf16: score differs by %.2g at most, %.2g on average\n", worst, mean);
    assert_true(worst <= 1.0); /* measured 0.73 */
    assert_true(mean <= 0.3);  /* measured 0.045 */
    sample_close(&s);
}

/* The whole pipeline on the sample: reads prompts from the files, picks images, and compares the picks with the answer
 * key. */
static void test_picks_are_faithful(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_model *model = NULL;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_table *key = NULL;
    gp_query query = GP_QUERY_DEFAULTS;
    gp_run_options options = GP_RUN_DEFAULTS;
    gp_add_options add = GP_ADD_DEFAULTS;
    gp_report added = GP_INIT(gp_report), scored = GP_INIT(gp_report);
    gp_run_report report = GP_INIT(gp_run_report);
    report.add = &added, report.score = &scored;
    char catalog[] = "/tmp/goldpan-sample-XXXXXX", root[1100], command[1200];
    size_t picks = 0, faithful = 0;
    assert_non_null(mkdtemp(catalog));
    snprintf(command, sizeof command, "%s/catalog.db", catalog);
    snprintf(root, sizeof root, "%s", source_path("sample/drawn-world"));
    const char *roots[] = {root};
    add.roots = roots, add.root_count = 1, options.add = &add;
    assert_ok(gp_catalog_open(command, GP_CATALOG_CREATE, &cat, &err));
    assert_ok(gp_model_open(source_path("models/drawn-world-mini"), NULL, &model, &err));
    assert_ok(gp_run(cat, model, &options, &report, &err));
    assert_int_equal(added.failed + scored.failed + added.without_prompt, 0);
    assert_ok(gp_table_open(source_path("sample/drawn-world/answers.csv"), &key, &err));
    assert_int_equal(added.done, gp_table_rows(key));
    size_t file_column, prompt_column;
    assert_ok(gp_table_roles(key, "file", "prompt", &file_column, &prompt_column, &err));
    query.picked_only = true;
    assert_ok(gp_rows_open(cat, &query, &rows, &err));
    for (;; picks++) {
        assert_ok(gp_rows_next(rows, &row, &err));
        if (!row) break;
        size_t at;
        gp_match_counts counts;
        assert_ok(gp_match_rows(key, file_column, &row->path, 1, roots, 1, NULL, &at, &counts, &err));
        assert_true(at != SIZE_MAX);
        assert_string_equal(gp_table_cell(key, at, prompt_column), row->prompt);
        const char *flaw = gp_table_cell(key, at, 3);
        faithful += !flaw || !*flaw;
    }
    printf("%zu of %zu picks are faithful\n", faithful, picks);
    assert_true(picks >= 48);
    assert_true((double)faithful >= 0.90 * (double)picks);
    gp_rows_close(rows);
    gp_table_close(key);
    gp_model_close(model);
    gp_catalog_close(cat);
    snprintf(command, sizeof command, "rm -rf '%s'", catalog);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fp32),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_picks_are_faithful),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
