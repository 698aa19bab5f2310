/* SPDX-License-Identifier: MIT
 * Score and pick: several models in one catalog, models that cannot score, a stop at any progress call, texts that are
 * too long, and memory that does not grow with the number of images. */
#include "place.h"

#include "api/api.h"
#include "recipe.h"

#include <time.h>

static void copy_from(const char *model_folder, const char *name, const char *to)
{
    gp_bytes bytes = {0};
    gp_error err = {0};
    char path[1100], out[400];
    snprintf(path, sizeof path, "%s/%s", source_path(model_folder), name);
    snprintf(out, sizeof out, "%s/%s", to, name);
    assert_ok(gp_file_read(path, 1 << 20, &bytes, &err));
    put_bytes(out, bytes.data, bytes.size);
    gp_bytes_clear(&bytes);
}

/* Opens a model with the shape of the bundled model, but with the weights of the recipe. */
static gp_model *other_model(const char *folder)
{
    static const char *const files[] = {"config.json", "merges.txt", "vocab.json", "tokenizer_config.json",
                                        "preprocessor_config.json"};
    recipe_sizes sizes = {.image = true,
                          .text = true,
                          .image_width = 128,
                          .image_layers = 6,
                          .image_mlp = 512,
                          .side = 112,
                          .patch = 16,
                          .text_width = 128,
                          .text_layers = 4,
                          .text_mlp = 512,
                          .vocabulary = 863,
                          .context = 77,
                          .embedding = 128};
    gp_model *other = NULL;
    gp_error err = {0};
    for (size_t i = 0; i < 5; i++) copy_from("models/drawn-world-mini", files[i], folder);
    assert_int_equal(recipe_write(folder, &sizes, &(recipe_how){.dtype = "F32", .shards = 1}), 0);
    assert_ok(gp_model_open(folder, NULL, &other, &err));
    return other;
}

typedef struct seen_scorers {
    size_t count;
    char id[2][512], model[2][200];
    uint64_t picks[2];
} seen_scorers;

static bool see_scorer(void *user, const gp_scorer_facts *s)
{
    seen_scorers *seen = user;
    if (seen->count == 2) return false;
    size_t i = seen->count++;
    snprintf(seen->id[i], sizeof seen->id[i], "%s", s->id);
    snprintf(seen->model[i], sizeof seen->model[i], "%s", s->model);
    seen->picks[i] = s->picks;
    assert_int_equal(s->last, i == 0);
    assert_int_equal(s->images, 8);
    assert_true(s->used_at > 0);
    return true;
}

/* Both scorers are listed. A scorer is named by its id, its model, or its model and precision. A call of gp_pick that
 * picks no image keeps the earlier picks. The last call makes the picks that the catalog had before by_name. */
static void by_name(gp_catalog *cat)
{
    seen_scorers seen = {0};
    gp_pick_options o = GP_PICK_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char name[300];
    assert_ok(gp_catalog_scorers(cat, see_scorer, &seen, &err));
    assert_int_equal(seen.count, 2);
    assert_true(seen.picks[0] > 0 && seen.picks[1] == 0);
    o.scorer = seen.id[1];
    assert_ok(gp_pick(cat, NULL, &o, &report, &err));
    memset(&seen, 0, sizeof seen);
    assert_ok(gp_catalog_scorers(cat, see_scorer, &seen, &err));
    assert_true(seen.picks[0] == 0 && seen.picks[1] > 0);
    o.has_min_score = true, o.min_score = 1000;
    o.scorer = seen.id[0];
    assert_ok(gp_pick(cat, NULL, &o, &report, &err));
    assert_int_equal(report.done, 0);
    memset(&seen, 0, sizeof seen);
    assert_ok(gp_catalog_scorers(cat, see_scorer, &seen, &err));
    assert_true(seen.picks[0] == 0 && seen.picks[1] > 0);
    o.has_min_score = false;
    o.scorer = "no such model";
    assert_int_equal(gp_pick(cat, NULL, &o, &report, &err), GP_ERR_NOT_FOUND);
    assert_int_equal(gp_pick(cat, model, &o, &report, &err), GP_ERR_USAGE);
    /* The id is NAME/WEIGHTS/PRECISION/...; the automatic precision depends on the processor. */
    char precision[16];
    assert_int_equal(sscanf(seen.id[0], "%*[^/]/%*[^/]/%15[^/]", precision), 1);
    snprintf(name, sizeof name, "%s:%s", seen.model[0], precision);
    o.scorer = name;
    assert_ok(gp_pick(cat, NULL, &o, &report, &err));
    o.scorer = seen.model[0];
    assert_ok(gp_pick(cat, NULL, &o, &report, &err));
}

static void test_two_models(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    run_counts run = {0};
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char *folder = recipe_folder_new();
    gp_model *other = other_model(folder);
    place_make(&p);
    put_many(&p, 8);
    assert_ok(run_plan(&p, NULL, &run, &err));
    char *before = dump(&p);
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    /* with a model that has no scores, gp_pick fails, and the earlier picks stay */
    assert_int_equal(gp_pick(cat, other, NULL, &report, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "this model has no scores in catalog '"));
    char *after = dump(&p);
    assert_string_equal(before, after);
    gp_mem_free(after);
    /* gp_score adds the embeddings and scores of the second model, and does not change those of the first model */
    assert_ok(gp_score(cat, other, NULL, &report, &err));
    assert_int_equal(report.done, 8);
    assert_int_equal(ask(&p, "select count(*) from image_embeddings"), 16);
    assert_int_equal(ask(&p, "select count(*) from prompt_embeddings"), 8);
    assert_int_equal(ask(&p, "select count(*) from scores"), 16);
    assert_ok(gp_pick(cat, other, NULL, &report, &err));
    assert_int_equal(report.done, 4);
    assert_ok(gp_score(cat, model, NULL, &report, &err));
    assert_int_equal(report.done, 0);
    assert_int_equal(report.skipped, 8);
    assert_ok(gp_pick(cat, NULL, NULL, &report, &err)); /* by the scorer used last */
    by_name(cat);
    after = dump(&p);
    assert_string_equal(before, after);
    gp_catalog_close(cat);
    gp_model_close(other);
    recipe_folder_free(folder);
    gp_mem_free(after);
    gp_mem_free(before);
    place_remove(&p);
}

/* Writes a head of 128 zeros and the bias 3.5, for which lower is better; `out`: name of the scorer. */
static void write_head(const char *folder, char *out, size_t size)
{
    static const char header[] = "{\"__metadata__\":{\"higher_better\":\"false\"},"
                                 "\"weight\":{\"dtype\":\"F32\",\"shape\":[1,128],\"data_offsets\":[0,512]},"
                                 "\"bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[512,516]}}";
    const uint64_t length = sizeof header - 1;
    float values[129] = {0};
    snprintf(out, size, "linear:%s/flat.safetensors", folder);
    FILE *file = fopen(strchr(out, ':') + 1, "wb");
    assert_non_null(file);
    values[128] = 3.5f;
    fwrite(&length, 8, 1, file);
    fwrite(header, 1, length, file);
    fwrite(values, 1, sizeof values, file);
    fclose(file);
}

/* A second scorer uses the existing embeddings, and gp_pick can choose picks by the scores of this scorer. */
static void test_linear_head(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    run_counts run;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char *folder = recipe_folder_new(), named[600];
    gp_score_options o = GP_SCORE_DEFAULTS;
    gp_pick_options by = GP_PICK_DEFAULTS;
    place_make(&p);
    put_many(&p, 8);
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    write_head(folder, named, sizeof named);
    o.scorer = named;
    assert_ok(gp_score(cat, model, &o, &report, &err));
    assert_int_equal(report.done, 0);
    assert_int_equal(report.skipped, 8);
    by.scorer = "flat";
    assert_ok(gp_pick(cat, NULL, &by, &report, &err));
    assert_true(report.done > 0);
    assert_int_equal(ask(&p, "SELECT count(*) FROM scores s JOIN scorers c ON c.id = s.scorer WHERE c.name = 'flat'"
                             " AND c.needs = 'image' AND c.higher_better = 0 AND length(c.parameters) = 32"
                             " AND s.value = 3.5"),
                     8);
    assert_int_equal(ask(&p, "SELECT count(*) FROM picks k JOIN scorers c ON c.id = k.scorer WHERE c.name = 'flat'"),
                     (int64_t)report.done);
    o.scorer = "flat"; /* the name of a scorer in the catalog does not select a scorer for gp_score */
    assert_int_equal(gp_score(cat, model, &o, &report, &err), GP_ERR_USAGE);
    gp_catalog_close(cat);
    recipe_folder_free(folder);
    place_remove(&p);
}

/* Three scorers of one model encode each image once.  Scorers that need no text also score the image without a prompt,
 * with the prompt 0, and score it anew when it gets a prompt.  The first scorer counts as used last. */
static void test_several_scorers(void **state)
{
    (void)state;
    static const char by_name[] = "select count(*) from scores s join scorers c on c.id = s.scorer where c.name = ";
    static const char *const probe = "a red cat|a blue house";
    place p;
    gp_catalog *cat = NULL;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char sql[300];
    gp_score_options o = GP_SCORE_DEFAULTS;
    place_make(&p);
    put_many(&p, 8);
    put_picture(&p, "alone.png", 99, NULL);
    add_folder(&p, p.pictures, NULL, NULL);
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    o.scorer = "pickscore,clip-iqa:sharpness,clip", o.probes = &probe, o.probe_count = 1;
    assert_ok(gp_score(cat, model, &o, &report, &err));
    assert_int_equal(report.done, 9);
    assert_int_equal(report.without_prompt, 1);
    const struct {
        const char *name;
        int64_t scores;
    } wanted[] = {{"pickscore", 8}, {"clip-iqa:sharpness", 9}, {"clip", 8}, {probe, 9}};
    for (size_t i = 0; i < 4; i++) {
        snprintf(sql, sizeof sql, "%s'%s'", by_name, wanted[i].name);
        assert_int_equal(ask(&p, sql), wanted[i].scores);
    }
    assert_int_equal(ask(&p, "select count(*) from scores where prompt = 0"), 2);
    assert_int_equal(ask(&p, "select count(*) from scorers where name = 'pickscore' and used = (select max(used) from"
                             " scorers)"),
                     1);
    /* both are multiples of the cosine, but pickscore's factor is exp(logit_scale) instead of 100 */
    assert_int_equal(ask(&p, "select max(b.value / a.value) - min(b.value / a.value) < 1e-9 and"
                             " abs(max(b.value / a.value) - 1) > 0.01 from scores a join scores b on b.image = a.image"
                             " and b.prompt = a.prompt where a.scorer = (select id from scorers where name = 'clip')"
                             " and b.scorer = (select id from scorers where name = 'pickscore')"),
                     1);
    /* the image gets a prompt: only its two scores of that prompt are added for the scorers without text */
    put_text(in(&p, "alone.txt"), "a red cat");
    add_to(cat, p.pictures, NULL, NULL);
    assert_ok(gp_score(cat, model, &o, &report, &err));
    assert_int_equal(report.done, 0);
    snprintf(sql, sizeof sql, "%s'%s'", by_name, "clip-iqa:sharpness");
    assert_int_equal(ask(&p, sql), 10);
    snprintf(sql, sizeof sql, "%s'%s'", by_name, "pickscore");
    assert_int_equal(ask(&p, sql), 9);
    gp_catalog_close(cat);
    place_remove(&p);
}

/* The cursor shows the score of an image without a prompt, but no rank.  The empty text is not counted as a prompt. */
static void test_score_without_prompt(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_report report = GP_INIT(gp_report);
    gp_counts counts = GP_INIT(gp_counts);
    gp_error err = {0};
    gp_score_options o = GP_SCORE_DEFAULTS;
    place_make(&p);
    put_picture(&p, "alone.png", 99, NULL);
    put_picture(&p, "other.png", 98, NULL);
    add_folder(&p, p.pictures, NULL, NULL);
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    o.scorer = "clip-iqa";
    assert_ok(gp_score(cat, model, &o, &report, &err));
    assert_ok(gp_rows_open(cat, NULL, &rows, &err));
    for (int i = 0; i < 2; i++) {
        assert_ok(gp_rows_next(rows, &row, &err));
        assert_true(row && row->has_score && row->score >= 0 && row->score <= 1);
        assert_int_equal(row->rank + row->candidates, 0);
        assert_null(row->prompt);
    }
    gp_rows_close(rows);
    assert_ok(gp_catalog_counts(cat, &counts, &err));
    assert_int_equal(counts.prompts, 0);
    assert_int_equal(counts.scores, 2);
    assert_int_equal(gp_pick(cat, NULL, NULL, &report, &err), GP_OK);
    assert_int_equal(report.done, 0);
    gp_catalog_close(cat);
    place_remove(&p);
}

static void test_half_a_model(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    gp_model *half = NULL;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    char *folder = recipe_folder_new();
    recipe_sizes sizes = {.image = true,
                          .image_width = 48,
                          .image_layers = 2,
                          .image_mlp = 192,
                          .side = 112,
                          .patch = 16,
                          .embedding = 40};
    copy_from("tests/golden/towers/vision-only", "config.json", folder);
    assert_int_equal(recipe_write(folder, &sizes, &(recipe_how){.dtype = "F32", .shards = 1}), 0);
    assert_ok(gp_model_open(folder, NULL, &half, &err));
    place_make(&p);
    put_many(&p, 2);
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    assert_int_equal(gp_score(cat, half, NULL, &report, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "' has no text tower: it cannot score pairs"));
    assert_int_equal(gp_pick(cat, NULL, NULL, &report, &err), GP_ERR_NOT_FOUND);
    float vectors[2 * 40];
    bool ok[2];
    char *paths[] = {gp_str_dup(in(&p, "000.png")), gp_str_dup(in(&p, "001.png"))};
    /* a model with only an image tower can embed images */
    assert_ok(gp_embed_files(half, (const char *const *)paths, 2, NULL, vectors, ok, &report, &err));
    assert_true(ok[0] && ok[1]);
    const char *texts[] = {"a cat"};
    assert_int_equal(gp_encode_texts(half, texts, 1, NULL, vectors, &err), GP_ERR_UNSUPPORTED);
    gp_mem_free(paths[0]);
    gp_mem_free(paths[1]);
    gp_catalog_close(cat);
    gp_model_close(half);
    recipe_folder_free(folder);
    place_remove(&p);
}

static void test_empty_folder(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    gp_run_options o = GP_RUN_DEFAULTS;
    gp_add_options add = GP_ADD_DEFAULTS;
    gp_sheet_options drawing = GP_SHEET_DEFAULTS;
    run_counts report = {0};
    gp_error err = {0};
    char sheet[160];
    place_make(&p);
    snprintf(sheet, sizeof sheet, "%s/sheet.jpg", p.root);
    const char *roots[] = {p.pictures};
    add.roots = roots, add.root_count = 1, drawing.file = sheet, o.add = &add, o.sheet = &drawing;
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    assert_ok(run_counted(cat, &o, &report, &err));
    assert_int_equal(report.add.done + report.score.done + report.pick.done, 0);
    assert_int_equal(access(sheet, F_OK), -1);
    gp_catalog_close(cat);
    place_remove(&p);
}

static void test_long_prompt_is_marked(void **state)
{
    (void)state;
    place p;
    run_counts report = {0};
    gp_error err = {0};
    gp_str words = GP_STR_INIT;
    place_make(&p);
    for (int i = 0; i < 100; i++) gp_str_puts(&words, "a red cat ");
    put_picture(&p, "long.png", 1, words.data);
    put_picture(&p, "short.png", 2, "a red cat");
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(ask(&p, "select count(*) from prompt_embeddings where truncated = 1 and tokens = 302"), 1);
    assert_int_equal(ask(&p, "select count(*) from prompt_embeddings where truncated = 0 and tokens = 5"), 1);
    assert_int_equal(ask(&p, "select count(*) from scores where value is not null"), 2);
    gp_str_clear(&words);
    place_remove(&p);
}

static double score_by(const place *p, const char *rule, const char *file)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "select cast(1e6 * s.value as integer) from scores s join scorers c on c.id = s.scorer join paths p"
             " on p.image = s.image where c.key like '%%/%s' and p.path like '%%/%s'",
             rule, file);
    return (double)ask(p, sql) / 1e6;
}

/* The rules for long prompts change the score of the long prompt only, and each rule has its own scorer. */
static void test_rules_of_long_prompts(void **state)
{
    (void)state;
    static const char *const rules[] = {"clip-bpe/cut-keeps-end", "clip-bpe/chunk-mean", "clip-bpe/first-sentence"};
    place p;
    gp_error err = {0};
    gp_str words = GP_STR_INIT;
    place_make(&p);
    gp_str_puts(&words, "A red cat. Then ");
    for (int i = 0; i < 30; i++) gp_str_puts(&words, "a blue house, ");
    put_picture(&p, "long.png", 1, words.data);
    put_picture(&p, "short.png", 2, "a red cat");
    for (int rule = 0; rule < GP_LONG_PROMPTS; rule++) {
        run_counts report = {0};
        gp_encoder_set_long_prompt(model->encoder, (gp_long_prompt)rule);
        assert_ok(run_plan(&p, NULL, &report, &err));
        assert_int_equal(report.score.done, rule == 0 ? 2 : 0); /* images are encoded once */
        assert_int_equal(ask(&p, "select count(*) from prompt_embeddings"), 2);
        assert_int_equal(ask(&p, "select truncated from prompt_embeddings where tokens > 77"), rule != 1);
        assert_int_equal(ask(&p, "select count(*) from v_images where prompt_cut = 1"), rule != 1);
        assert_true(score_by(&p, rules[rule], "short.png") == score_by(&p, rules[0], "short.png"));
    }
    double truncated = score_by(&p, rules[0], "long.png"), chunks = score_by(&p, rules[1], "long.png"),
           first = score_by(&p, rules[2], "long.png");
    if (truncated == chunks || first == truncated || first == chunks)
        fail_msg("truncated %g, chunks %g, first sentence %g", truncated, chunks, first);
    gp_encoder_set_long_prompt(model->encoder, GP_LONG_PROMPT_TRUNCATE);
    run_counts again = {0};
    assert_ok(run_plan(&p, NULL, &again, &err));
    assert_true(score_by(&p, rules[0], "long.png") == truncated);
    gp_str_clear(&words);
    place_remove(&p);
}

static void test_failures_stay_counted(void **state)
{
    (void)state;
    place p;
    run_counts report = {0};
    gp_error err = {0};
    gp_bytes whole = {0};
    place_make(&p);
    put_many(&p, 3);
    assert_ok(gp_file_read(in(&p, "000.png"), 1 << 20, &whole, &err));
    put_bytes(in(&p, "cut.png"), whole.data, whole.size / 2);
    for (int again = 0; again < 2; again++) {
        assert_ok(run_plan(&p, NULL, &report, &err));
        assert_int_equal(report.score.done, again ? 0 : 3);
        assert_int_equal(report.score.skipped, again ? 3 : 0);
        assert_int_equal(report.score.failed, 1); /* the failed image is not tried again, but still counted */
    }
    assert_int_equal(ask(&p, "select count(*) from failures"), 1);
    gp_bytes_clear(&whole);
    place_remove(&p);
}

/* If a file is replaced between add and score, its embedding must not be stored for the earlier content. */
static void test_replaced_before_score(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    place_make(&p);
    put_many(&p, 3);
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    add_to(cat, p.pictures, NULL, NULL);
    put_picture(&p, "001.png", 77, NULL);
    assert_ok(gp_score(cat, model, NULL, &report, &err));
    assert_int_equal(report.done, 2);
    assert_int_equal(report.failed, 1);
    assert_int_equal(ask(&p, "select count(*) from failures where message like 'has changed since it was added%'"), 1);
    assert_int_equal(add_to(cat, p.pictures, NULL, NULL).done, 1);
    assert_ok(gp_score(cat, model, NULL, &report, &err));
    assert_int_equal(report.done, 1);
    assert_int_equal(report.failed, 0);
    assert_int_equal(ask(&p, "select count(*) from failures"), 0);
    gp_catalog_close(cat);
    place_remove(&p);
}

/* ------------------------------------------------------------------ stopping */

typedef struct stopper {
    int calls, stop_at;
    bool bad;
} stopper;

/* Waits longer than the interval between two reports, so that each update is reported.  Stops at call `stop_at`. */
static bool stop_at(void *user, const gp_progress *progress)
{
    stopper *s = user;
    nanosleep(&(struct timespec){0, 110000000}, NULL);
    if (progress->total && progress->done > progress->total) s->bad = true;
    return ++s->calls != s->stop_at;
}

static void test_stops_and_goes_on(void **state)
{
    (void)state;
    place whole, parts;
    run_counts report = {0};
    gp_error err = {0};
    place_make(&whole);
    put_many(&whole, 12);
    assert_ok(run_plan(&whole, NULL, &report, &err));
    char *expected = dump(&whole);
    place_make(&parts);
    put_many(&parts, 12);
    int stops = 0, amid_images = 0;
    for (;;) { /* the test stops the run first in `add`, then at the texts, then at the first image, and so on */
        stopper s = {.stop_at = stops == 0 ? 3 : stops == 1 ? 1 : 2};
        plan how = {.threads = 2, .batch = 1, .progress = stop_at, .user = &s, .only_score = stops > 0};
        gp_status st = run_plan(&parts, &how, &report, &err);
        assert_false(s.bad);
        if (st == GP_OK) break;
        assert_int_equal(st, GP_ERR_STOPPED);
        assert_int_equal(err.status, GP_ERR_STOPPED);
        amid_images += report.score.done > 0 && report.score.done + report.score.skipped < 12;
        /* all images that were encoded before the stop have a score */
        assert_int_equal(ask(&parts, "select count(*) from image_embeddings"),
                         ask(&parts, "select count(*) from scores"));
        assert_true(++stops < 20);
    }
    assert_true(stops >= 4 && amid_images >= 1);
    char *got = dump(&parts);
    assert_string_equal(expected, got);
    gp_mem_free(expected);
    gp_mem_free(got);
    place_remove(&whole);
    place_remove(&parts);
}

/* ------------------------------------------------------------------ memory */

#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
static long peak_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) (void)sscanf(line, "VmHWM: %ld", &kib);
    if (f) fclose(f);
    return kib;
}

/* Makes n images of one PNG by adding bytes after its end. */
static void put_copies(const place *p, size_t n)
{
    gp_bytes png = {0};
    gp_error err = {0};
    put_picture(p, "seed.png", 1, "a red cat");
    assert_ok(gp_file_read(in(p, "seed.png"), 1 << 20, &png, &err));
    uint8_t *bytes = gp_mem_new(png.size + 8, 1);
    memcpy(bytes, png.data, png.size);
    for (size_t i = 0; i < n; i++) {
        char name[32], side[256];
        snprintf(name, sizeof name, "%05zu.png", i);
        memcpy(bytes + png.size, &i, sizeof i);
        put_bytes(in(p, name), bytes, png.size + sizeof i);
        snprintf(side, sizeof side, "%s/%05zu.txt", p->pictures, i);
        put_text(side, "a red cat");
    }
    gp_mem_free(bytes);
    gp_bytes_clear(&png);
}

static void test_memory_does_not_grow(void **state)
{
    (void)state;
    long peak[2];
    for (size_t i = 0; i < 2; i++) {
        place p;
        run_counts report = {0};
        gp_error err = {0};
        plan how = {.threads = 2};
        place_make(&p);
        put_copies(&p, i ? 800 : 80);
        assert_ok(run_plan(&p, &how, &report, &err));
        assert_int_equal(report.score.done, i ? 801 : 81);
        peak[i] = peak_kib();
        place_remove(&p);
    }
    printf("peak memory: %ld KiB for 81 images, %ld KiB for 801\n", peak[0], peak[1]);
    assert_true(peak[0] > 0 && peak[1] - peak[0] < 5 * 1024);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_models),
        cmocka_unit_test(test_linear_head),
        cmocka_unit_test(test_several_scorers),
        cmocka_unit_test(test_score_without_prompt),
        cmocka_unit_test(test_half_a_model),
        cmocka_unit_test(test_empty_folder),
        cmocka_unit_test(test_long_prompt_is_marked),
        cmocka_unit_test(test_rules_of_long_prompts),
        cmocka_unit_test(test_failures_stay_counted),
        cmocka_unit_test(test_replaced_before_score),
        cmocka_unit_test(test_stops_and_goes_on),
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
        cmocka_unit_test(test_memory_does_not_grow),
#endif
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
