/* SPDX-License-Identifier: MIT
 * An image keeps its scores and marks when another program writes metadata into the file, saves the file again without
 * loss, or moves or copies it.  No other image gets them. */
#include "base/hash.h"
#include "catalog/catalog.h"
#include "catalog/db.h"
#include "place.h"
#include "png.h"

#include <fcntl.h>

enum { SIDE = 24 };

/* ------------------------------------------------------------------ files */

static void picture_of(uint64_t pixels, uint8_t *rgb)
{
    for (size_t i = 0; i < (size_t)SIDE * SIDE * 3; i++) rgb[i] = (uint8_t)(gp_rng_at(pixels, i / 31) >> 56);
}

/* Makes a PNG of the image number `pixels`, deflated at `level`, with `note` as metadata, and with a prompt (NULL: no
 * prompt). */
static void png_of(uint64_t pixels, int level, const char *note, const char *prompt, gp_str *out)
{
    uint8_t rgb[SIDE * SIDE * 3], rows[SIDE * (SIDE * 3 + 1)], packed[2 * sizeof rows];
    uint8_t head[13] = {0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 2, 0, 0, 0};
    uLongf size = sizeof packed;
    picture_of(pixels, rgb);
    for (size_t y = 0; y < SIDE; y++) {
        rows[y * (SIDE * 3 + 1)] = 0;
        memcpy(rows + y * (SIDE * 3 + 1) + 1, rgb + y * SIDE * 3, SIDE * 3);
    }
    assert_int_equal(compress2(packed, &size, rows, sizeof rows, level), Z_OK);
    gp_str text = GP_STR_INIT;
    gp_str_add(out, "\x89PNG\r\n\x1a\n", 8);
    png_chunk(out, "IHDR", head, sizeof head);
    gp_str_add(&text, "Comment", 8);
    gp_str_puts(&text, note);
    png_chunk(out, "tEXt", text.data, text.size);
    gp_str_reset(&text);
    gp_str_add(&text, "parameters", 11);
    if (prompt) gp_str_printf(&text, "%s\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1", prompt);
    if (prompt) png_chunk(out, "tEXt", text.data, text.size);
    png_chunk(out, "IDAT", packed, size);
    png_chunk(out, "IEND", "", 0);
    gp_str_clear(&text);
}

/* Gives the file a new modification time, so that a change is noticed even if the size is the same. */
static void touch(const place *p, const char *name)
{
    static time_t now = 1000000000;
    now++;
    struct timespec times[2] = {{now, 0}, {now, 0}};
    assert_int_equal(utimensat(AT_FDCWD, in(p, name), times, 0), 0);
}

static void put_png(const place *p, const char *name, uint64_t pixels, int level, const char *note, const char *prompt)
{
    gp_str png = GP_STR_INIT;
    png_of(pixels, level, note, prompt, &png);
    put_bytes(in(p, name), png.data, png.size);
    touch(p, name);
    gp_str_clear(&png);
}

/* ------------------------------------------------------------------ the catalog */

static int64_t image_at(const place *p, const char *name)
{
    char sql[400];
    snprintf(sql, sizeof sql, "SELECT coalesce((SELECT image FROM paths WHERE path = '%s' AND missing = 0), -2)",
             in(p, name));
    return ask(p, sql);
}

static void give_stars(const place *p, const char *name, int stars)
{
    char sql[400];
    gp_catalog *cat = NULL;
    gp_error err = {0};
    snprintf(sql, sizeof sql,
             "INSERT INTO ratings(image, flag, stars, at) SELECT image, 0, %d, 1 FROM paths WHERE path = '%s' AND"
             " missing = 0 ON CONFLICT(image) DO UPDATE SET stars = excluded.stars",
             stars, in(p, name));
    assert_ok(gp_cat_open(p->catalog, 0, &cat, &err));
    assert_ok(gp_db_exec(cat, sql, &err));
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ single cases */

static void test_metadata_written(void **state)
{
    (void)state;
    place p;
    run_counts run = {0};
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    place_make(&p);
    put_png(&p, "a.png", 1, 6, "first", "a red cat");
    put_png(&p, "b.png", 2, 6, "first", "a red cat");
    assert_ok(run_plan(&p, NULL, &run, &err));
    give_stars(&p, "a.png", 5);
    int64_t image = image_at(&p, "a.png");
    put_png(&p, "a.png", 1, 6, "five stars", "a red cat");
    report = add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(image_at(&p, "a.png"), image);
    assert_int_equal(report.done, 0);
    assert_int_equal(report.skipped, 2);
    assert_int_equal(report.duplicates, 0);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_images WHERE stars = 5 AND score IS NOT NULL"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM paths WHERE hash IS NOT NULL"), 1);
    /* no image must be scored again, and export copies the new file */
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.score.done, 0);
    gp_catalog *cat = NULL;
    gp_export_options export = GP_EXPORT_DEFAULTS;
    char folder[128];
    snprintf(folder, sizeof folder, "%s/out", p.root);
    export.folder = folder, export.all = true;
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    assert_ok(gp_export(cat, &export, &report, &err));
    gp_catalog_close(cat);
    assert_int_equal(report.done, 2);
    assert_int_equal(report.failed, 0);
    /* the same content at another path is still the old image, although the old path holds a new image */
    assert_int_equal(rename(in(&p, "a.png"), in(&p, "z.png")), 0);
    put_png(&p, "a.png", 3, 6, "new", NULL);
    report = add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(image_at(&p, "z.png"), image);
    assert_int_not_equal(image_at(&p, "a.png"), image);
    place_remove(&p);
}

static void test_new_prompt_is_read(void **state)
{
    (void)state;
    place p;
    place_make(&p);
    put_png(&p, "a.png", 1, 6, "first", "a red cat");
    add_folder(&p, p.pictures, NULL, NULL);
    put_png(&p, "a.png", 1, 6, "second", "a blue dog");
    add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(ask(&p, "SELECT count(*) FROM images"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_images WHERE prompt = 'a blue dog'"), 1);
    place_remove(&p);
}

static void test_saved_again(void **state)
{
    (void)state;
    place p;
    run_counts run = {0};
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    place_make(&p);
    put_png(&p, "a.png", 1, 6, "first", "a red cat");
    put_png(&p, "b.png", 2, 6, "first", "a red cat");
    assert_ok(run_plan(&p, NULL, &run, &err));
    int64_t image = image_at(&p, "a.png"), other = image_at(&p, "b.png");
    /* the rewritten file has different compressed data, but the same pixels */
    put_png(&p, "a.png", 1, 0, "optimised", "a red cat");
    put_png(&p, "b.png", 7, 0, "painted over", "a red cat");
    report = add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(image_at(&p, "a.png"), image);
    assert_int_not_equal(image_at(&p, "b.png"), other);
    assert_int_equal(report.done, 1);
    /* the catalog now has the hash of the new compressed data */
    put_png(&p, "a.png", 1, 0, "and a note", "a red cat");
    assert_int_equal(ask(&p, "SELECT count(pixels) FROM images"), 3);
    report = add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(image_at(&p, "a.png"), image);
    place_remove(&p);
}

/* The user keeps a copy of the old bytes in another folder, and restores the file from it later. */
static void test_copy_of_old_bytes(void **state)
{
    (void)state;
    place p;
    place_make(&p);
    put_png(&p, "a.png", 1, 6, "old", NULL);
    put_png(&p, "c.png", 1, 6, "old", NULL);
    add_folder(&p, p.pictures, NULL, NULL);
    int64_t image = image_at(&p, "a.png");
    put_png(&p, "a.png", 1, 6, "rewritten", NULL);
    add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(image_at(&p, "a.png"), image);
    assert_int_equal(image_at(&p, "c.png"), image);
    put_png(&p, "a.png", 1, 6, "old", NULL);
    add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(image_at(&p, "a.png"), image);
    assert_int_equal(ask(&p, "SELECT count(*) FROM images"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM paths WHERE hash IS NOT NULL"), 0);
    place_remove(&p);
}

/* Two images with the same pixels were in the catalog at the same time. They stay two images, even if the file of one
 * image overwrites the file of the other image. */
static void test_known_content_is_itself(void **state)
{
    (void)state;
    place p;
    place_make(&p);
    put_png(&p, "a.png", 1, 6, "one", "a red cat");
    put_png(&p, "b.png", 1, 6, "other", "a blue dog");
    add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(ask(&p, "SELECT count(*) FROM images"), 2);
    put_png(&p, "a.png", 1, 6, "other", "a blue dog");
    add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(image_at(&p, "a.png"), image_at(&p, "b.png"));
    place_remove(&p);
}

/* A copy of a rewritten file is read before the file itself. */
static void test_copy_read_first(void **state)
{
    (void)state;
    place p;
    place_make(&p);
    put_png(&p, "m.png", 1, 6, "old", NULL);
    add_folder(&p, p.pictures, NULL, NULL);
    give_stars(&p, "m.png", 4);
    int64_t image = image_at(&p, "m.png");
    put_png(&p, "m.png", 1, 6, "rewritten", NULL);
    put_png(&p, "a.png", 1, 6, "rewritten", NULL);
    add_folder(&p, p.pictures, NULL, NULL);
    assert_int_equal(image_at(&p, "m.png"), image);
    assert_int_equal(image_at(&p, "a.png"), image);
    assert_int_equal(ask(&p, "SELECT count(*) FROM images"), 1);
    place_remove(&p);
}

/* ------------------------------------------------------------------ random changes, compared with a model */

enum { NAMES = 8, STEPS = 400, CONTENTS = STEPS + NAMES, NONE = -1 };

typedef struct content {
    uint64_t pixels;
    int note;
    int image; /* number of the image in the model of the catalog; NONE: the file was never added */
} content;

typedef struct world {
    content contents[CONTENTS];
    int count;
    int file[NAMES];             /* number of the content; NONE: no file */
    int held[NAMES];             /* the image that the last add found at this path, also if the file is gone now */
    int stars[CONTENTS];         /* stars of the model's images */
    uint64_t of_image[CONTENTS]; /* pixels of the model's images */
    int images, merged;
    uint64_t random;
} world;

static unsigned draw(world *w, unsigned below)
{
    return (unsigned)(gp_rng_at(4711, w->random++) % below);
}

static const char *name_of(int i)
{
    static char names[4][16];
    static int turn;
    char *out = names[turn++ & 3];
    snprintf(out, sizeof names[0], "%c.png", 'a' + i);
    return out;
}

static void write_new(const place *p, world *w, int name, uint64_t pixels)
{
    char note[32];
    w->contents[w->count] = (content){pixels, w->count, NONE};
    snprintf(note, sizeof note, "note %d", w->count);
    put_png(p, name_of(name), pixels, 6, note, NULL);
    w->file[name] = w->count++;
}

static void change(const place *p, world *w)
{
    int a = (int)draw(w, NAMES), b = (int)draw(w, NAMES);
    bool there = w->file[a] != NONE;
    switch (draw(w, 6)) {
    case 0: write_new(p, w, a, 1000 + draw(w, 1000)); break; /* another image */
    case 1:
    case 2: /* new metadata */
        if (there) write_new(p, w, a, w->contents[w->file[a]].pixels);
        break;
    case 3: /* the file is moved, perhaps over another file */
        if (!there || a == b) break;
        assert_int_equal(rename(in(p, name_of(a)), in(p, name_of(b))), 0);
        w->file[b] = w->file[a], w->file[a] = NONE;
        break;
    case 4: /* the file is copied, to a new path or over another file */
        if (!there || a == b) break;
        gp_bytes bytes = {0};
        assert_int_equal(gp_file_read(in(p, name_of(a)), 1 << 20, &bytes, NULL), GP_OK);
        put_bytes(in(p, name_of(b)), bytes.data, bytes.size);
        touch(p, name_of(b));
        gp_bytes_clear(&bytes);
        w->file[b] = w->file[a];
        break;
    default: /* deleted */
        if (!there) break;
        assert_int_equal(unlink(in(p, name_of(a))), 0);
        w->file[a] = NONE;
    }
}

/* Merges image `from` of the model into image `into`. */
static void merge(world *w, int from, int into)
{
    for (int i = 0; i < w->count; i++)
        if (w->contents[i].image == from) w->contents[i].image = into;
    for (int i = 0; i < NAMES; i++)
        if (w->held[i] == from) w->held[i] = into;
    w->merged++;
}

/* Changes the model as `add` should change the catalog. A content that the catalog knows belongs to the same image as
 * before. A new content with the same pixels as the earlier image at its path belongs to this earlier image. A known
 * content may belong to an image K, but have the same pixels as the earlier image E at its path. Then K is merged into
 * E, unless K has stars. */
static void add_to_model(world *w)
{
    for (int i = 0; i < NAMES; i++) {
        if (w->file[i] == NONE) continue;
        content *c = &w->contents[w->file[i]];
        bool same = w->held[i] != NONE && w->of_image[w->held[i]] == c->pixels;
        if (c->image == NONE && same) c->image = w->held[i];
        if (same && c->image != w->held[i] && !w->stars[c->image]) merge(w, c->image, w->held[i]);
        if (c->image == NONE) {
            c->image = w->images++;
            w->of_image[c->image] = c->pixels, w->stars[c->image] = 0;
        }
        w->held[i] = c->image;
    }
}

static void compare(const place *p, const world *w)
{
    int64_t ids[CONTENTS] = {0}; /* the catalog's image at each path */
    for (int i = 0; i < NAMES; i++) {
        int64_t image = image_at(p, name_of(i));
        if (w->file[i] == NONE) {
            assert_int_equal(image, -2);
            continue;
        }
        char sql[200], hex[33];
        gp_bytes bytes = {0};
        assert_int_equal(gp_file_read(in(p, name_of(i)), 1 << 20, &bytes, NULL), GP_OK);
        gp_hash_hex(gp_hash_of(bytes.data, bytes.size), hex);
        gp_bytes_clear(&bytes);
        snprintf(sql, sizeof sql, "SELECT coalesce(max(stars), 0) FROM ratings WHERE image = %lld", (long long)image);
        assert_int_equal(ask(p, sql), w->stars[w->held[i]]);
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM paths p JOIN images i ON i.id = p.image WHERE p.path = '%s' AND"
                 " lower(hex(coalesce(p.hash, i.hash))) = '%s'",
                 in(p, name_of(i)), hex);
        assert_int_equal(ask(p, sql), 1); /* the catalog has the right hash for each path */
        /* two paths have the same image in the catalog if and only if they have the same image in the model */
        for (int k = 0; k < i; k++)
            if (w->file[k] != NONE) assert_int_equal(ids[k] == image, w->held[k] == w->held[i]);
        ids[i] = image;
    }
    assert_int_equal(ask(p, "SELECT count(*) FROM images"), w->images - w->merged);
}

static void test_random_changes(void **state)
{
    (void)state;
    place p;
    world *w = gp_mem_zero(1, sizeof *w);
    assert_non_null(w);
    place_make(&p);
    for (int i = 0; i < NAMES; i++) w->file[i] = w->held[i] = NONE;
    for (int i = 0; i < NAMES; i++) write_new(&p, w, i, (uint64_t)i + 1);
    for (int step = 0; step < STEPS && w->count < CONTENTS - NAMES; step++) {
        if (draw(w, 3)) {
            change(&p, w);
            continue;
        }
        add_folder(&p, p.pictures, NULL, NULL);
        add_to_model(w);
        int name = (int)draw(w, NAMES), stars = 1 + (int)draw(w, 5);
        if (w->file[name] != NONE) give_stars(&p, name_of(name), stars), w->stars[w->held[name]] = stars;
        compare(&p, w);
    }
    gp_mem_free(w);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_metadata_written),
                                       cmocka_unit_test(test_new_prompt_is_read),
                                       cmocka_unit_test(test_saved_again),
                                       cmocka_unit_test(test_copy_of_old_bytes),
                                       cmocka_unit_test(test_known_content_is_itself),
                                       cmocka_unit_test(test_copy_read_first),
                                       cmocka_unit_test(test_random_changes)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
