/* SPDX-License-Identifier: MIT
 * gp_analyze and gp_pick under other conditions: out of memory, stopped, too few images, files that were deleted. */
#include "place.h"

enum { IMAGES = 40 };

static gp_catalog *scored(place *p)
{
    gp_catalog *cat = NULL;
    gp_error err = {0};
    place_make(p);
    put_many(p, IMAGES);
    assert_ok(gp_catalog_open(p->catalog, GP_CATALOG_CREATE, &cat, &err));
    add_to(cat, p->pictures, NULL, NULL);
    assert_ok(gp_score(cat, model, NULL, NULL, &err));
    return cat;
}

static bool count_category(void *user, const gp_analysis_category *category)
{
    *(uint32_t *)user += category->support;
    return true;
}

static uint32_t categorised(gp_catalog *cat)
{
    uint32_t images = 0;
    gp_error err = {0};
    gp_status st = gp_catalog_categories(cat, NULL, count_category, &images, &err);
    return st == GP_ERR_NOT_FOUND ? 0 : images;
}

static gp_analyze_options quick(const gp_slices_options *slices, const gp_umap_options *map)
{
    gp_analyze_options o = GP_ANALYZE_DEFAULTS;
    o.slices = slices, o.map = map, o.threads = 1;
    return o;
}

/* After a failed allocation nothing leaks, no analysis is stored in part, and the earlier analysis stays. */
static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = scored(&p);
    gp_slices_options slices = GP_SLICES_DEFAULTS;
    gp_umap_options map = GP_UMAP_DEFAULTS;
    gp_status st = GP_ERR_MEMORY;
    slices.resamples = 3, map.epochs = 2, map.neighbours = 5;
    gp_analyze_options o = quick(&slices, &map);
    gp_error err = {0};
    assert_ok(gp_analyze(cat, NULL, &o, NULL, &err)); /* the first run prepares SQL statements and fills caches */
    int64_t before = gp_mem_live();
    o.new_map = true;
    for (uint64_t i = 1; st != GP_OK; i += i < 400 ? 1 : 37) {
        gp_mem_fail_at(i);
        st = gp_analyze(cat, NULL, &o, NULL, &err);
        gp_mem_fail_at(0);
        if (st != GP_OK && st != GP_ERR_MEMORY) fail_msg("%s", err.message);
        assert_int_equal(gp_mem_live(), before);
        assert_int_equal(categorised(cat), IMAGES);
    }
    gp_catalog_close(cat);
    place_remove(&p);
}

static bool stop_in(void *user, const gp_progress *progress)
{
    return strcmp(progress->stage, user) != 0;
}

static void test_stopped_anywhere(void **state)
{
    (void)state;
    static char stages[][16] = {"neighbours", "slices", "map"};
    place p;
    gp_catalog *cat = scored(&p);
    gp_error err = {0};
    for (int i = 0; i < 3; i++) {
        gp_analyze_options o = GP_ANALYZE_DEFAULTS;
        o.progress = stop_in, o.user = stages[i], o.new_map = true;
        assert_int_equal(gp_analyze(cat, NULL, &o, NULL, &err), GP_ERR_STOPPED);
        /* if the call stops at the map (i == 2), the results of the earlier steps are stored; otherwise nothing is
         * stored */
        assert_int_equal(categorised(cat), i == 2 ? IMAGES : 0);
    }
    gp_catalog_close(cat);
    place_remove(&p);
}

static void test_too_little_to_go_by(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_analyze_report report = GP_INIT(gp_analyze_report);
    place_make(&p);
    put_picture(&p, "one.png", 1, "a red cat");
    put_picture(&p, "two.png", 2, NULL);
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    assert_int_equal(gp_analyze(cat, NULL, NULL, &report, &err), GP_ERR_NOT_FOUND);
    add_to(cat, p.pictures, NULL, NULL);
    assert_int_equal(gp_analyze(cat, NULL, NULL, &report, &err), GP_ERR_NOT_FOUND);
    assert_ok(gp_score(cat, model, NULL, NULL, &err));
    assert_ok(gp_analyze(cat, model, NULL, &report, &err));
    assert_int_equal(report.images, 2);
    assert_int_equal(report.categories, 1);
    assert_non_null(strstr(report.note, "too few"));
    gp_catalog_close(cat);
    place_remove(&p);
}

static void test_categories_by_words(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = scored(&p);
    gp_error err = {0};
    gp_analyze_report report = GP_INIT(gp_analyze_report);
    gp_analyze_options o = GP_ANALYZE_DEFAULTS;
    const char *words[] = {"animals=cat|dog", "vehicles=car|train", "buildings=house", "food=egg|apple"},
               *wrong[] = {"animals=cat||dog", "x"};
    o.category_labels = words, o.category_label_count = 4, o.no_map = true;
    assert_ok(gp_analyze(cat, NULL, &o, &report, &err));
    /* the plural of a category word also matches, as in "two blue cars" and "three eggs" */
    assert_int_equal(report.categories, 4);
    assert_string_equal(report.category_source, "your words");
    o.category_labels = wrong, o.category_label_count = 2;
    assert_int_equal(gp_analyze(cat, NULL, &o, &report, &err), GP_ERR_USAGE);
    o.category_label_count = 1;
    assert_int_equal(gp_analyze(cat, NULL, &o, &report, &err), GP_ERR_USAGE);
    assert_int_equal(categorised(cat), IMAGES); /* the earlier analysis stays */
    gp_catalog_close(cat);
    place_remove(&p);
}

/* Files are deleted after the analysis: picks come from the remaining files. */
static void test_files_gone_since(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = scored(&p);
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_pick_options pick = GP_PICK_DEFAULTS;
    assert_ok(gp_analyze(cat, NULL, NULL, NULL, &err));
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "%03d.png", i);
        unlink(in(&p, name));
    }
    add_to(cat, p.pictures, NULL, NULL);
    pick.strategy = GP_PICK_CATEGORY, pick.by = GP_BY_CORRECTED, pick.per_category = 100, pick.per_prompt = 0;
    assert_ok(gp_pick(cat, NULL, &pick, &report, &err));
    assert_int_equal(report.done, IMAGES - 20);
    gp_catalog_close(cat);
    place_remove(&p);
}

static void test_pick_needs_an_analysis_only_where_it_does(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = scored(&p);
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_pick_options pick = GP_PICK_DEFAULTS;
    assert_ok(gp_pick(cat, NULL, &pick, &report, &err));
    assert_int_equal(report.done, 4);
    pick.strategy = GP_PICK_SLICES;
    assert_int_equal(gp_pick(cat, NULL, &pick, &report, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "goldpan slices"));
    gp_catalog_close(cat);
    place_remove(&p);
}

typedef struct told {
    char codes[256], message[512]; /* all codes of the notes; the message of the last note */
} told;

static void hear(void *user, const gp_note *note)
{
    told *t = user;
    snprintf(t->codes + strlen(t->codes), sizeof t->codes - strlen(t->codes), "%s ", note->code);
    snprintf(t->message, sizeof t->message, "%s", note->message);
}

/* Picks by scores that are corrected for the difficulty of prompts. The correction needs the embeddings of the prompts,
 * but no analysis. */
static void test_pick_by_difficulty(void **state)
{
    (void)state;
    enum { PROMPTS = 14 };
    static const char *const colours[] = {"red", "blue", "green", "black", "white", "pink", "gray"};
    place p;
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_pick_options pick = GP_PICK_DEFAULTS;
    told t = {0};
    place_make(&p);
    for (size_t i = 0; i < 2 * PROMPTS; i++) {
        char name[32], prompt[64];
        snprintf(name, sizeof name, "%03zu.png", i);
        snprintf(prompt, sizeof prompt, "%s %s", colours[i / 2 % 7], i < PROMPTS ? "cats" : "a castle at night");
        put_picture(&p, name, i + 1, prompt);
    }
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    add_to(cat, p.pictures, NULL, NULL);
    assert_ok(gp_score(cat, model, NULL, NULL, &err));
    pick.by = GP_BY_DIFFICULTY, pick.top = 3, pick.note = hear, pick.note_user = &t;
    assert_ok(gp_pick(cat, NULL, &pick, &report, &err));
    assert_int_equal(report.done, 3);
    assert_string_equal(t.codes, "difficulty ");
    assert_int_equal(ask(&p, "SELECT count(*) FROM picks WHERE rule LIKE '%by=difficulty%'"), 3);
    assert_ok(gp_analyze(cat, NULL, NULL, NULL, &err));
    pick.strategy = GP_PICK_CATEGORY, pick.per_category = 100, pick.per_prompt = 0, pick.top = 0;
    assert_ok(gp_pick(cat, NULL, &pick, &report, &err));
    assert_int_equal(report.done, 2 * PROMPTS);
    gp_catalog_close(cat);
    place_remove(&p);

    cat = scored(&p); /* 4 prompts are too few */
    t = (told){0};
    pick = (gp_pick_options)GP_PICK_DEFAULTS;
    pick.by = GP_BY_DIFFICULTY, pick.top = 3, pick.note = hear, pick.note_user = &t;
    assert_ok(gp_pick(cat, NULL, &pick, &report, &err));
    assert_string_equal(t.codes, "no-difficulty ");
    assert_string_equal(t.message, "compared by the raw score: --by difficulty needs 12 scored prompts with an "
                                   "embedding, and there are 4");
    assert_int_equal(ask(&p, "SELECT count(*) FROM picks WHERE rule NOT LIKE '%difficulty%'"), 3);
    gp_catalog_close(cat);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_fails_once),
                                       cmocka_unit_test(test_stopped_anywhere),
                                       cmocka_unit_test(test_too_little_to_go_by),
                                       cmocka_unit_test(test_categories_by_words),
                                       cmocka_unit_test(test_files_gone_since),
                                       cmocka_unit_test(test_pick_needs_an_analysis_only_where_it_does),
                                       cmocka_unit_test(test_pick_by_difficulty)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
