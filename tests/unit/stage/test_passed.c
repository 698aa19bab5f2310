/* SPDX-License-Identifier: MIT
 * Notes report skipped files by kind.  Grids and goldpan's own products are not candidates.  Picks stay while their
 * folder is missing.  Notes report a folder without prompts or images, and prompts without a choice of images. */
#include "base/hash.h"
#include "catalog/catalog.h"
#include "catalog/db.h"
#include "image/webp_animation.h"
#include "image/mark.h"
#include "image/png_text.h"
#include "place.h"

/* ------------------------------------------------------------------ notes */

typedef struct notes {
    gp_str text; /* all notes, one line "code count: message" for each */
} notes;

static void on_note(void *user, const gp_note *note)
{
    notes *n = user;
    gp_str_printf(&n->text, "%s %llu: %s\n", note->code, (unsigned long long)note->count, note->message);
}

static gp_report add(const place *p, const char *folder, notes *n)
{
    if (!n) return add_folder(p, folder, NULL, NULL);
    gp_str_reset(&n->text);
    gp_report report = add_folder(p, folder, on_note, n);
    if (!n->text.data) gp_str_puts(&n->text, "");
    return report;
}

static void assert_said(const notes *n, const char *wanted)
{
    if (!strstr(n->text.data, wanted)) fail_msg("nothing like '%s' in:\n%s", wanted, n->text.data);
}

static void assert_unsaid(const notes *n, const char *unwanted)
{
    if (strstr(n->text.data, unwanted)) fail_msg("'%s' in:\n%s", unwanted, n->text.data);
}

/* ------------------------------------------------------------------ skipped files */

static void test_kinds(void **state)
{
    (void)state;
    place p;
    notes n = {.text = GP_STR_INIT};
    char other[80];
    place_make(&p);
    static const char *const names[] = {"a.heic", "b.HEIF", "c.tga", "d.qoi", "e.ppm", "f.xcf", "g.kra",
                                        "h.jp2",  "i.mp4",  "j.psd", "k.cr2", "l.txt", "m.svg", "n.exr"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) put_text(in(&p, names[i]), "x");
    put_picture(&p, "z.png", 1, "a red cat");
    mkdir(in(&p, ".hidden"), 0755);
    mkdir(in(&p, ".goldpan"), 0755); /* goldpan's own folder is not reported */
    put_text(in(&p, "._z.png"), "x");
    snprintf(other, sizeof other, "%s/other", p.root);
    mkdir(other, 0755);
    assert_int_equal(symlink(other, in(&p, "images")), 0);
    /* this link leads to a folder that the walk visits anyway */
    assert_int_equal(symlink(p.pictures, in(&p, "loop")), 0);
    assert_int_equal(symlink("/nowhere/at/all", in(&p, "disk")), 0);
    assert_int_equal(mkfifo(in(&p, "pipe.png"), 0644), 0);
    assert_int_equal(add(&p, p.pictures, &n).done, 1);
    assert_said(&n, "other-formats 13: ");
    assert_said(&n, "2 HEIC");
    static const char *const words[] = {"1 TGA",   "1 QOI",       "1 PNM",        "1 GIMP",    "1 Krita", "1 JPEG 2000",
                                        "1 video", "1 Photoshop", "1 camera raw", "1 OpenEXR", "1 SVG"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) assert_said(&n, words[i]);
    assert_said(&n, "linked-folders 1: ");
    assert_said(&n, "/images'");
    assert_said(&n, "broken-links 1: ");
    assert_said(&n, "/disk'");
    assert_said(&n, "hidden 2: ");
    assert_said(&n, "special-files 1: ");
    assert_said(&n, "links-inside 1: ");
    assert_said(&n, "/loop'");
    assert_unsaid(&n, ".goldpan'");
    gp_str_clear(&n.text);
    place_remove(&p);
}

static void test_nothing_there(void **state)
{
    (void)state;
    place p;
    notes n = {.text = GP_STR_INIT};
    place_make(&p);
    add(&p, p.pictures, &n);
    assert_said(&n, "empty-folder 0: ");
    put_text(in(&p, "a.txt"), "words");
    add(&p, p.pictures, &n);
    assert_said(&n, "no-images 0: ");
    put_picture(&p, "b.png", 1, NULL);
    put_picture(&p, "c.png", 2, NULL);
    add(&p, p.pictures, &n);
    assert_said(&n, "no-prompts 2: none of the 2 images has a prompt");
    assert_said(&n, "--prompts");
    add(&p, p.pictures, &n); /* the note is also printed when the catalog already contains the images */
    assert_said(&n, "no-prompts 2: ");
    put_picture(&p, "d.png", 3, "a red cat");
    add(&p, p.pictures, &n);
    assert_unsaid(&n, "no-prompts");
    gp_str_clear(&n.text);
    place_remove(&p);
}

/* ------------------------------------------------------------------ grids */

enum { CELL = 32 };

/* Writes an image of columns x rows cells, with the settings of one cell as metadata.  Each cell is a different smooth
 * image.  If `one` is true, the file is not a grid but one enlarged image. */
static void put_grid(const place *p, const char *name, uint32_t columns, uint32_t rows, bool one, const char *size)
{
    uint32_t w = columns * CELL, h = rows * CELL;
    uint8_t *rgb = gp_mem_new((size_t)w * h, 3);
    gp_str png = GP_STR_INIT, text = GP_STR_INIT;
    gp_bytes in_file = {0}, out = {0};
    gp_error err = {0};
    assert_non_null(rgb);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            uint32_t cell = one ? 0 : y / CELL * columns + x / CELL, u = one ? x / columns : x % CELL,
                     v = one ? y / rows : y % CELL;
            uint8_t *at = rgb + ((size_t)y * w + x) * 3;
            at[0] = (uint8_t)(40 + cell * 50 + u), at[1] = (uint8_t)(200 - cell * 45 + v), at[2] = (uint8_t)(u + v);
        }
    assert_ok(gp_image_png_bytes(rgb, w, h, &png, &err));
    gp_str_printf(&text, "a red cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: %zu, Size: %s", strlen(name),
                  size);
    in_file = (gp_bytes){(uint8_t *)png.data, png.size};
    assert_ok(gp_png_add_text(&in_file, "parameters", text.data, &out, &err));
    put_bytes(in(p, name), out.data, out.size);
    gp_bytes_clear(&out);
    gp_str_clear(&text);
    gp_str_clear(&png);
    gp_mem_free(rgb);
}

static void test_grids(void **state)
{
    (void)state;
    place p;
    notes n = {.text = GP_STR_INIT};
    run_counts run = {0};
    gp_error err = {0};
    place_make(&p);
    static const char *const folders[] = {"txt2img-grids", "txt2img-grids/2024-01-01", "out"};
    for (int i = 0; i < 3; i++) mkdir(in(&p, folders[i]), 0755);
    put_grid(&p, "out/a.png", 1, 1, false, "32x32");
    put_grid(&p, "out/b.png", 2, 2, true, "32x32"); /* an upscaled image, which has the metadata of the small one */
    put_grid(&p, "out/c.png", 3, 3, true, "32x32, Hires upscale: 3");
    put_grid(&p, "out/grid-of-houses.png", 1, 1, false, "32x32");
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.counts.apart, 0);
    put_grid(&p, "txt2img-grids/2024-01-01/grid-0000.png", 2, 2, false, "32x32");
    put_grid(&p, "txt2img-grids/grid-0001.png", 1, 1, true, "33x32"); /* a grid of one image */
    put_grid(&p, "out/grid-0007.png", 3, 1, false, "32x32");
    put_grid(&p, "out/xyz_grid-0001-12.png", 4, 2, false, "30x28"); /* a grid with labels around the cells */
    /* goldpan recognises this grid by its size and pixels, not by its name */
    put_grid(&p, "out/whatever.png", 2, 3, false, "32x32");
    put_grid(&p, "out/large.png", 4, 4, false, "32x32, Hires upscale: 2"); /* 2 x 2 cells of 64 pixels */
    add(&p, p.pictures, &n);
    assert_said(&n, "grids 6: ");
    assert_int_equal(ask(&p, "SELECT count(*) FROM images WHERE apart = 'grid'"), 6);
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.counts.apart, 6);
    assert_int_equal(ask(&p, "SELECT max(candidates) FROM v_images"), 4);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_images WHERE apart IS NOT NULL AND (picked OR score IS NOT NULL)"),
                     0);
    assert_int_equal(ask(&p, "SELECT count(*) FROM image_embeddings"), 4);
    gp_str_clear(&n.text);
    place_remove(&p);
}

/* ------------------------------------------------------------------ goldpan's own products */

static void test_own_products(void **state)
{
    (void)state;
    place p;
    notes n = {.text = GP_STR_INIT};
    run_counts run = {0};
    gp_report report = GP_INIT(gp_report);
    gp_catalog *cat = NULL;
    gp_error err = {0};
    uint8_t rgb[64 * 48 * 3] = {9};
    gp_animation *animation = NULL;
    char folder[128];
    place_make(&p);
    put_many(&p, 8);
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    gp_sheet_options sheet = GP_SHEET_DEFAULTS;
    sheet.file = in(&p, "best.jpg");
    assert_ok(gp_sheet(cat, &sheet, &report, &err));
    sheet.file = in(&p, "best.png");
    assert_ok(gp_sheet(cat, &sheet, &report, &err));
    assert_ok(gp_animation_open(64, 48, &animation, &err));
    assert_ok(gp_animation_add(animation, rgb, 100, &err));
    rgb[500] = 200;
    assert_ok(gp_animation_add(animation, rgb, 100, &err));
    assert_ok(gp_animation_write(animation, in(&p, "tour.webp"), &err));
    gp_animation_close(animation);
    gp_export_options export = GP_EXPORT_DEFAULTS;
    snprintf(folder, sizeof folder, "%s", in(&p, "keep"));
    export.folder = folder;
    assert_ok(gp_export(cat, &export, &report, &err));
    assert_int_equal(report.done, 4);
    gp_catalog_close(cat);
    /* this image is in the folder of exported copies, but goldpan did not export it */
    put_picture(&p, "keep/mine.png", 77, NULL);
    report = add(&p, p.pictures, &n);
    assert_int_equal(report.done, 1);
    assert_int_equal(report.failed, 0);
    assert_said(&n, "own-products 7: ");
    assert_int_equal(ask(&p, "SELECT count(*) FROM images"), 9);
    assert_int_equal(ask(&p, "SELECT count(*) FROM paths"), 9);
    assert_int_equal(add(&p, folder, &n).duplicates, 4); /* goldpan always reads a folder that the user names */
    gp_str_clear(&n.text);
    place_remove(&p);
}

/* After an export into the folder of the originals, the originals still count as the user's images. */
static void test_export_beside_originals(void **state)
{
    (void)state;
    place p;
    run_counts run = {0};
    gp_report report = GP_INIT(gp_report);
    gp_catalog *cat = NULL;
    gp_error err = {0};
    char folder[128];
    place_make(&p);
    mkdir(in(&p, "in"), 0755);
    put_picture(&p, "in/a.png", 1, "a red cat");
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    gp_export_options export = GP_EXPORT_DEFAULTS;
    snprintf(folder, sizeof folder, "%s", in(&p, "in"));
    export.folder = folder;
    assert_ok(gp_export(cat, &export, &report, &err));
    gp_catalog_close(cat);
    assert_int_equal(add(&p, p.pictures, NULL).skipped, 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM paths WHERE missing = 1"), 0);
    place_remove(&p);
}

/* ------------------------------------------------------------------ missing folders */

static void pick(const place *p, notes *n)
{
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_pick_options o = GP_PICK_DEFAULTS;
    gp_str_reset(&n->text);
    o.note = on_note, o.note_user = n;
    assert_ok(gp_catalog_open(p->catalog, 0, &cat, &err));
    assert_ok(gp_pick(cat, NULL, &o, &report, &err));
    gp_catalog_close(cat);
    if (!n->text.data) gp_str_puts(&n->text, "");
}

static void test_folder_away(void **state)
{
    (void)state;
    place p;
    notes n = {.text = GP_STR_INIT};
    run_counts run = {0};
    gp_error err = {0};
    char away[128], home[128];
    place_make(&p);
    mkdir(in(&p, "disk"), 0755);
    put_picture(&p, "disk/a.png", 1, "a red cat");
    put_picture(&p, "disk/b.png", 2, "a red cat");
    put_picture(&p, "disk/c.png", 3, "two blue cars");
    put_picture(&p, "d.png", 4, "two blue cars");
    put_picture(&p, "e.png", 5, "three eggs");
    put_picture(&p, "f.png", 6, "three eggs");
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.pick.done, 3);
    char *before = dump(&p);
    snprintf(home, sizeof home, "%s", in(&p, "disk"));
    snprintf(away, sizeof away, "%s/away", p.root);
    assert_int_equal(rename(home, away), 0);
    mkdir(home, 0755); /* an empty mount point */
    add(&p, p.pictures, &n);
    assert_said(&n, "missing 3: 3 known images are missing now, in '");
    assert_said(&n, "/disk'");
    assert_int_equal(ask(&p, "SELECT count(*) FROM picks"), 3);
    pick(&p, &n);
    assert_said(&n, "picks-away 1: ");
    /* the picks are a red cat (on the missing disk), cars and eggs */
    assert_int_equal(ask(&p, "SELECT count(*) FROM picks"), 3);
    /* if single files are missing, goldpan assumes that the user deleted them, so the next pick drops their picks */
    assert_int_equal(ask(&p, "SELECT count(*) FROM picks k JOIN image_prompts ip ON ip.image = k.image JOIN prompts t"
                             " ON t.id = ip.prompt WHERE t.text = 'three eggs'"),
                     1);
    unlink(in(&p, "e.png"));
    unlink(in(&p, "f.png"));
    add(&p, p.pictures, &n);
    pick(&p, &n);
    assert_int_equal(ask(&p, "SELECT count(*) FROM picks"), 2);
    /* when the folder is back, the picks are the same as before */
    put_picture(&p, "e.png", 5, "three eggs");
    put_picture(&p, "f.png", 6, "three eggs");
    assert_int_equal(rmdir(home), 0);
    assert_int_equal(rename(away, home), 0);
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.score.done, 0);
    char *after = dump(&p);
    assert_string_equal(before, after);
    gp_mem_free(after);
    gp_mem_free(before);
    gp_str_clear(&n.text);
    place_remove(&p);
}

static void test_one_candidate(void **state)
{
    (void)state;
    place p;
    notes n = {.text = GP_STR_INIT};
    run_counts run = {0};
    gp_error err = {0};
    place_make(&p);
    put_picture(&p, "a.png", 1, "a red cat");
    put_picture(&p, "b.png", 2, "two blue cars");
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.counts.contested, 0);
    pick(&p, &n);
    assert_said(&n, "one-candidate 2: ");
    assert_said(&n, "--top");
    put_picture(&p, "c.png", 3, "a red cat");
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.counts.contested, 1);
    pick(&p, &n);
    assert_unsaid(&n, "one-candidate");
    gp_str_clear(&n.text);
    place_remove(&p);
}

/* A note reports prompts that are longer than the model's limit. */
static void test_prompts_cut(void **state)
{
    (void)state;
    place p;
    notes n = {.text = GP_STR_INIT};
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_score_options o = GP_SCORE_DEFAULTS;
    gp_str words = GP_STR_INIT;
    place_make(&p);
    for (int i = 0; i < 200; i++) gp_str_puts(&words, "red cat ");
    put_picture(&p, "a.png", 1, words.data);
    put_picture(&p, "b.png", 2, "a red cat");
    add(&p, p.pictures, NULL);
    o.note = on_note, o.note_user = &n;
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    assert_ok(gp_score(cat, model, &o, &report, &err));
    gp_catalog_close(cat);
    assert_said(&n, "prompts-cut 1: 1 prompt is longer");
    gp_str_clear(&words);
    gp_str_clear(&n.text);
    place_remove(&p);
}

/* The map needs no prompts. */
static void test_no_prompts_at_all(void **state)
{
    (void)state;
    place p;
    run_counts run = {0};
    gp_error err = {0};
    char name[32];
    place_make(&p);
    for (unsigned i = 0; i < 24; i++) {
        snprintf(name, sizeof name, "%02u.png", i);
        put_picture(&p, name, i + 1, NULL);
    }
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.pick.done, 0);
    assert_int_equal(run.find.images, 24);
    assert_int_equal(ask(&p, "SELECT count(*) FROM map_images"), 24);
    assert_non_null(strstr(run.find.note, "no slices"));
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds),
                                       cmocka_unit_test(test_nothing_there),
                                       cmocka_unit_test(test_grids),
                                       cmocka_unit_test(test_own_products),
                                       cmocka_unit_test(test_export_beside_originals),
                                       cmocka_unit_test(test_folder_away),
                                       cmocka_unit_test(test_one_candidate),
                                       cmocka_unit_test(test_prompts_cut),
                                       cmocka_unit_test(test_no_prompts_at_all)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
