/* SPDX-License-Identifier: MIT
 * Quality measures in the catalog: frames that show nothing are set apart and become candidates again, images of older
 * catalogs are measured, and picks respect limits on measures. */
#include "place.h"

typedef struct notes {
    gp_str text; /* lines "code count" */
} notes;

static void take_note(void *user, const gp_note *note)
{
    gp_str_printf(&((notes *)user)->text, "%s %llu\n", note->code, (unsigned long long)note->count);
}

static void do_sql(const place *p, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(p->catalog, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Writes an image of one grey level with its prompt; grey < 0: noise. */
static void put_frame(const place *p, const char *name, int grey)
{
    enum { SIDE = 128 };
    static uint8_t rgb[SIDE * SIDE * 3];
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(grey < 0 ? gp_rng_at(7, i) >> 56 : (uint64_t)grey);
    png_write(in(p, name), rgb, SIDE, SIDE);
    put_prompt(p, name, "a red cat");
}

static void put_all(const place *p)
{
    put_many(p, 8);
    put_frame(p, "black.png", 0);
    put_frame(p, "white.png", 255);
    put_frame(p, "noise.png", -1);
}

static gp_catalog *open_catalog(const place *p)
{
    gp_catalog *cat = NULL;
    gp_error err = {0};
    assert_ok(gp_catalog_open(p->catalog, GP_CATALOG_CREATE, &cat, &err));
    return cat;
}

/* Scores the images, and compares the notes with `said`. */
static void score(const place *p, bool keep, const char *said)
{
    notes n = {GP_STR_INIT};
    gp_score_options o = GP_SCORE_DEFAULTS;
    gp_error err = {0};
    gp_catalog *cat = open_catalog(p);
    o.note = take_note, o.note_user = &n, o.keep_frames = keep;
    assert_ok(gp_score(cat, model, &o, NULL, &err));
    gp_catalog_close(cat);
    assert_string_equal(n.text.data ? n.text.data : "", said);
    gp_str_clear(&n.text);
}

static uint64_t pick(const place *p, const char *const *where, size_t count)
{
    gp_pick_options o = GP_PICK_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    gp_catalog *cat = open_catalog(p);
    o.per_prompt = 0, o.where = where, o.where_count = count;
    assert_ok(gp_pick(cat, NULL, &o, &report, &err));
    gp_catalog_close(cat);
    return report.done;
}

static const char ALL[] = "frames-black 1\nframes-noise 1\n";

static void test_frames_are_set_apart(void **state)
{
    (void)state;
    place p;
    gp_counts counts = GP_INIT(gp_counts);
    gp_error err = {0};
    place_make(&p);
    put_all(&p);
    add_folder(&p, p.pictures, NULL, NULL);
    score(&p, false, ALL);
    assert_int_equal(ask(&p, "SELECT count(*) FROM image_quality"), 11);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_images WHERE apart IS NOT NULL"), 2);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_images WHERE score IS NOT NULL"), 9);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_images WHERE apart = 'black' AND exposure = 0 AND sharpness = 0"),
                     1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_images WHERE apart = 'noise' AND noise > 30"), 1);
    assert_int_equal(pick(&p, NULL, 0), 9);
    gp_catalog *cat = open_catalog(&p);
    assert_ok(gp_catalog_counts(cat, &counts, &err));
    gp_catalog_close(cat);
    assert_int_equal(counts.apart, 2);
    assert_int_equal(counts.measured, 11);
    assert_true(counts.black == 1 && counts.noise == 1);
    score(&p, false, "");          /* the notes come only once */
    put_frame(&p, "black.png", 0); /* goldpan reads the file again and finds the same pixels */
    do_sql(&p, "UPDATE paths SET size = 0");
    add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(ask(&p, "SELECT count(*) FROM images WHERE apart IS NOT NULL"), 2);
    place_remove(&p);
}

/* If all images are set apart, there is nothing to analyse or pick; that is not an error. */
static void test_only_frames(void **state)
{
    (void)state;
    place p;
    run_counts report = {0};
    gp_error err = {0};
    place_make(&p);
    put_frame(&p, "black.png", 0);
    put_frame(&p, "dark.png", 10);
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(report.score.done, 2);
    assert_int_equal(report.pick.done, 0);
    assert_int_equal(report.counts.apart, 2);
    place_remove(&p);
}

static void test_frames_come_back(void **state)
{
    (void)state;
    place p;
    place_make(&p);
    put_all(&p);
    add_folder(&p, p.pictures, NULL, NULL);
    score(&p, false, ALL);
    score(&p, true, "frames-kept 2\n");
    assert_int_equal(ask(&p, "SELECT count(*) FROM images WHERE apart IS NOT NULL"), 0);
    assert_int_equal(pick(&p, NULL, 0), 11);
    score(&p, false, ""); /* the images that were made candidates again stay candidates */
    do_sql(&p, "UPDATE paths SET size = 0");
    add_folder(&p, p.pictures, NULL, NULL);
    score(&p, false, "");
    assert_int_equal(ask(&p, "SELECT count(*) FROM images WHERE apart IS NOT NULL"), 0);
    assert_int_equal(ask(&p, "SELECT count(*) FROM image_quality WHERE frame <> 'normal'"), 3);
    place_remove(&p);
}

/* A catalog whose images were scored and picked before goldpan had quality measures; one file has changed since. */
static void test_older_catalogs_are_measured(void **state)
{
    (void)state;
    place p;
    place_make(&p);
    put_all(&p);
    add_folder(&p, p.pictures, NULL, NULL);
    score(&p, true, "");
    assert_int_equal(pick(&p, NULL, 0), 11);
    do_sql(&p, "DELETE FROM image_quality");
    put_frame(&p, "white.png", 254);
    score(&p, false, "frames-black 1\nframes-noise 1\n");
    assert_int_equal(ask(&p, "SELECT count(*) FROM image_quality"), 10);
    assert_int_equal(ask(&p, "SELECT count(*) FROM picks"), 9);
    assert_int_equal(ask(&p, "SELECT count(*) FROM failures"), 0);
    place_remove(&p);
}

static void put_reason(void *user, const char *path, bool picked, const char *sentence)
{
    (void)path;
    gp_str_printf(user, "%d %s\n", picked, sentence);
}

static void test_limits(void **state)
{
    (void)state;
    place p;
    gp_str said = GP_STR_INIT;
    gp_error err = {0};
    gp_pick_options o = GP_PICK_DEFAULTS;
    static const char *const wrong[] = {"noise", "noise<", "noise=5", "loudness<5", "noise<5x", "<5", "noise<nan", ""};
    place_make(&p);
    put_all(&p);
    add_folder(&p, p.pictures, NULL, NULL);
    score(&p, true, "");
    assert_int_equal(pick(&p, (const char *[]){"noise<1e9"}, 1), 11);
    assert_int_equal(pick(&p, (const char *[]){"exposure > 0"}, 1), 10);
    assert_int_equal(pick(&p, (const char *[]){"exposure>=0", "exposure<1"}, 2), 10);
    assert_int_equal(pick(&p, (const char *[]){"sharpness<=0"}, 1), 2);
    do_sql(&p, "DELETE FROM image_quality WHERE image = (SELECT image FROM v_images WHERE path LIKE '%/000.png')");
    assert_int_equal(pick(&p, (const char *[]){"exposure>0"}, 1), 9);
    gp_catalog *cat = open_catalog(&p);
    const char *paths[] = {in(&p, "black.png"), in(&p, "000.png")};
    o.where = (const char *[]){"exposure>0"}, o.where_count = 1;
    o.explain = put_reason, o.explain_user = &said, o.explain_paths = paths, o.explain_count = 2;
    assert_ok(gp_pick(cat, NULL, &o, NULL, &err));
    assert_non_null(strstr(said.data, "0 not picked: its exposure 0 does not pass 'exposure>0', score "));
    assert_non_null(strstr(said.data, "0 not picked: the image has no quality measures yet"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        o.where = &wrong[i];
        assert_int_equal(gp_pick(cat, NULL, &o, NULL, &err), GP_ERR_USAGE);
        assert_non_null(strstr(err.message, "the measures are sharpness, noise"));
    }
    gp_catalog_close(cat);
    gp_str_clear(&said);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_are_set_apart),
        cmocka_unit_test(test_only_frames),
        cmocka_unit_test(test_frames_come_back),
        cmocka_unit_test(test_older_catalogs_are_measured),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
