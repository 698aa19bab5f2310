/* SPDX-License-Identifier: MIT
 * The contact sheet: what it contains and where, and that the same catalog gives the same sheet. */
#include "report_support.h"

static const gp_pixels none = GP_INIT(gp_pixels);
static const uint8_t gold[3] = {0xd9, 0x92, 0x0a};

static const candidate animals[] = {
    {.name = "a1.png", .prompt = "a red fox", .score = 30, .picked = true, .colour = 0xff2000},
    {.name = "a2.png", .prompt = "a red fox", .score = 20, .colour = 0x2040ff},
    {.name = "a3.png", .prompt = "a red fox", .score = 10, .colour = 0x20ff40},
    /* this prompt has a lower gain than "a red fox", so its row comes later, although its scores are higher */
    {.name = "b1.png",
     .prompt = "a blue whale in a sea that goes on and on, seen from far above, in the manner of an etching, and then "
               "some more words that no row of a sheet of this width has any room for, so that the end is cut",
     .score = 90,
     .picked = true,
     .width = 40,
     .height = 80,
     .colour = 0x00a0a0},
    {.name = "b2.png",
     .prompt = "a blue whale in a sea that goes on and on, seen from far above, in the manner of an etching, and then "
               "some more words that no row of a sheet of this width has any room for, so that the end is cut",
     .score = 89,
     .colour = 0xa000a0},
};
enum { ANIMALS = sizeof animals / sizeof *animals };

static gp_status sheet(gp_catalog *cat, const char *file, uint32_t prompts, uint32_t columns, gp_report *report,
                       gp_error *err)
{
    gp_sheet_options options = GP_SHEET_DEFAULTS;
    options.file = file;
    options.thumb = 96;
    options.max_prompts = prompts;
    options.max_candidates = columns;
    return gp_report_sheet(cat, &options, report, err);
}

static gp_pixels sheet_pixels(const char *file)
{
    gp_error err = {0};
    gp_bytes bytes = {0};
    gp_pixels pixels = none;
    assert_ok(gp_file_read(file, 1 << 26, &bytes, &err));
    assert_ok(gp_image_decode_bytes(bytes.data, bytes.size, 1 << 26, &pixels, &err));
    gp_bytes_clear(&bytes);
    return pixels;
}

/* The bounding box of all pixels within `slack` of a colour, and their number. */
typedef struct region {
    uint32_t left, top, right, bottom;
    size_t count;
} region;

static region region_of(const gp_pixels *p, const uint8_t colour[3], int slack)
{
    region r = {UINT32_MAX, UINT32_MAX, 0, 0, 0};
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++) {
            const uint8_t *at_pixel = p->rgb + ((size_t)y * p->width + x) * 3;
            bool near = true;
            for (int c = 0; c < 3; c++) near &= abs(at_pixel[c] - colour[c]) <= slack;
            if (!near) continue;
            if (x < r.left) r.left = x;
            if (y < r.top) r.top = y;
            if (x > r.right) r.right = x;
            if (y > r.bottom) r.bottom = y;
            r.count++;
        }
    return r;
}

static void rgb_of(uint32_t colour, uint8_t rgb[3])
{
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(colour >> (8 * (2 - c)));
}

static void test_what_is_where(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    region at_cell[ANIMALS];
    gp_catalog *cat = candidates_catalog("where.db", animals, ANIMALS);
    assert_ok(sheet(cat, at("where.png"), 0, 8, &report, &err));
    assert_int_equal(report.done, 5);
    assert_int_equal(report.failed, 0);
    gp_pixels p = sheet_pixels(at("where.png"));
    assert_true(p.width >= 520 && p.width < 800 && p.height > 2 * 96 && p.height < 800);
    for (size_t i = 0; i < ANIMALS; i++) {
        uint8_t rgb[3];
        rgb_of(animals[i].colour, rgb);
        at_cell[i] = region_of(&p, rgb, 2);
        uint32_t w = at_cell[i].right - at_cell[i].left + 1, h = at_cell[i].bottom - at_cell[i].top + 1;
        /* the longest side has the size of the thumbnail */
        assert_true(i == 3 ? h <= 96 && h >= 94 : w <= 96 && w >= 94);
        assert_true(i == 3 ? w <= 48 : h <= 72); /* the aspect ratio is kept */
    }
    assert_true(at_cell[0].right < at_cell[1].left && at_cell[1].right < at_cell[2].left); /* in order of score */
    assert_true(at_cell[3].right < at_cell[4].left);
    assert_int_equal(at_cell[0].bottom, at_cell[1].bottom);
    assert_true(at_cell[0].bottom < at_cell[3].top); /* in order of gain */
    free(p.rgb);
    gp_cat_close(cat);
}

/* The frame surrounds the pick and no other image. */
static void test_pick_is_marked(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("mark.db", animals, 3);
    assert_ok(sheet(cat, at("mark.png"), 0, 8, NULL, &err));
    gp_pixels p = sheet_pixels(at("mark.png"));
    uint8_t red[3], blue[3];
    rgb_of(animals[0].colour, red);
    rgb_of(animals[1].colour, blue);
    region pick = region_of(&p, red, 2), second = region_of(&p, blue, 2);
    size_t around = 0;
    for (uint32_t y = pick.top; y <= pick.bottom; y++) { /* left of the pick, a line of three pixels over the whole
                                                          * height */
        size_t found = 0;
        for (uint32_t x = pick.left - 8; x < pick.left; x++)
            found += memcmp(p.rgb + ((size_t)y * p.width + x) * 3, gold, 3) == 0;
        around += found >= 2;
    }
    assert_true(around + 4 >= pick.bottom - pick.top + 1);
    for (uint32_t y = second.top; y <= second.bottom; y++) /* the second image has no line beside it */
        for (uint32_t x = second.right + 1; x < second.right + 8; x++)
            assert_memory_not_equal(p.rgb + ((size_t)y * p.width + x) * 3, gold, 3);
    free(p.rgb);
    gp_cat_close(cat);
}

static void test_same_bytes(void **state)
{
    (void)state;
    gp_error err = {0};
    static const char *const names[] = {"one.png", "two.png", "one.jpg", "two.jpg"};
    gp_catalog *cat = candidates_catalog("same.db", animals, ANIMALS);
    gp_hash hash[4];
    for (size_t i = 0; i < 4; i++) {
        /* from now on, the scorer that was used last is not the scorer of the picks; this must not change the sheet */
        if (i == 1) put_scorer(cat, "clip/other", put_encoder(cat, "other"));
        assert_ok(sheet(cat, at(names[i]), 0, 8, NULL, &err));
        hash[i] = file_hash(at(names[i]));
    }
    assert_memory_equal(&hash[0], &hash[1], sizeof hash[0]);
    assert_memory_equal(&hash[2], &hash[3], sizeof hash[0]);
    assert_ok(sheet(cat, at("one.png"), 1, 8, NULL, &err)); /* an older sheet is replaced */
    hash[1] = file_hash(at("one.png"));
    assert_memory_not_equal(&hash[0], &hash[1], sizeof hash[0]);
    gp_cat_close(cat);
}

/* The title of the sheet is the name of DIR for the catalog DIR/.goldpan/catalog.db, and the file name of any other
 * catalog. */
static void test_title(void **state)
{
    (void)state;
    static const char *const names[] = {"outputs/.goldpan/catalog.db", "outputs", "Outputs",
                                        "more/.goldpan/catalog.db"};
    gp_error err = {0};
    gp_hash hash[4];
    for (size_t i = 0; i < 4; i++) {
        if (i == 1) folder_remove_tree(at("outputs"));
        gp_catalog *cat = candidates_catalog(names[i], animals, ANIMALS);
        assert_ok(sheet(cat, at("title.png"), 0, 8, NULL, &err));
        hash[i] = file_hash(at("title.png"));
        gp_cat_close(cat);
    }
    assert_memory_equal(&hash[0], &hash[1], sizeof hash[0]);
    for (size_t i = 2; i < 4; i++) assert_memory_not_equal(&hash[0], &hash[i], sizeof hash[0]);
}

static void test_unreadable(void **state)
{
    (void)state;
    static const uint8_t grey[3] = {0xe7, 0xe5, 0xe0};
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_catalog *cat = candidates_catalog("unreadable.db", animals, ANIMALS);
    assert_ok(sheet(cat, at("before.png"), 0, 8, NULL, &err));
    unlink(at("a2.png"));
    assert_ok(gp_file_replace(at("a3.png"), "not a picture", 13, &err));
    assert_ok(sheet(cat, at("after.png"), 0, 8, &report, &err));
    assert_int_equal(report.done, 3);
    assert_int_equal(report.failed, 2);
    gp_pixels before = sheet_pixels(at("before.png")), after = sheet_pixels(at("after.png"));
    assert_int_equal(before.width, after.width);
    assert_int_equal(before.height, after.height);
    size_t boxes = region_of(&after, grey, 0).count - region_of(&before, grey, 0).count;
    assert_true(boxes > 2 * 96 * 72 / 2 && boxes < 2 * 96 * 72); /* two grey boxes with text */
    free(before.rgb);
    free(after.rgb);
    gp_cat_close(cat);
}

static void test_limits(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_catalog *cat = candidates_catalog("limits.db", animals, ANIMALS);
    assert_ok(sheet(cat, at("limits.png"), 1, 8, &report, &err));
    assert_int_equal(report.done, 3); /* the sheet has only the row of the prompt with the largest gain */
    assert_ok(sheet(cat, at("limits.png"), 0, 2, &report, &err));
    assert_int_equal(report.done, 4);
    assert_ok(sheet(cat, at("limits.png"), 0, 1, &report, &err));
    assert_int_equal(report.done, 2);
    gp_pixels p = sheet_pixels(at("limits.png"));
    uint8_t red[3];
    rgb_of(animals[0].colour, red);
    assert_true(region_of(&p, red, 2).count > 1000); /* a sheet with a single column contains only the picks */
    free(p.rgb);
    gp_cat_close(cat);
}

static void test_wrong_use(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("use.db", animals, ANIMALS);
    gp_hash before = file_hash(at("a1.png")), after;
    static const char *const names[] = {"sheet", "sheet.webp", "sheet.png.txt", "sheet.pdf"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sheet(cat, at(names[i]), 0, 8, NULL, &err), GP_ERR_USAGE);
        assert_non_null(strstr(err.message, names[i]));
        assert_false(file_there(at(names[i])));
    }
    assert_int_equal(sheet(cat, NULL, 0, 8, NULL, &err), GP_ERR_USAGE);
    assert_int_equal(sheet(cat, at("x.png"), 0, 0, NULL, &err), GP_ERR_USAGE);
    /* the path of the sheet is that of an image in the catalog, so goldpan must not write the sheet */
    assert_int_equal(sheet(cat, at("a1.png"), 0, 8, NULL, &err), GP_ERR_USAGE);
    after = file_hash(at("a1.png"));
    assert_memory_equal(&before, &after, sizeof before);
    assert_ok(gp_cat_picks_replace(cat, SCORER, NULL, NULL, 0, "none", NULL, NULL, &err));
    assert_int_equal(sheet(cat, at("x.png"), 0, 8, NULL, &err), GP_ERR_NOT_FOUND);
    assert_false(file_there(at("x.png")));
    gp_cat_close(cat);
}

static bool stop(void *user, const gp_progress *progress)
{
    (void)user, (void)progress;
    return false;
}

static void test_stopped(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("stop.db", animals, ANIMALS);
    gp_sheet_options options = GP_SHEET_DEFAULTS;
    options.file = at("stop.png");
    options.progress = stop;
    assert_int_equal(gp_report_sheet(cat, &options, NULL, &err), GP_ERR_STOPPED);
    assert_false(file_there(at("stop.png")));
    gp_cat_close(cat);
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("memory.db", animals, ANIMALS);
    assert_ok(sheet(cat, at("enough.png"), 0, 8, NULL, &err));
    gp_hash good = file_hash(at("enough.png")), hash;
    for (uint64_t n = 1; n < 5000; n++) {
        int64_t live = gp_mem_live();
        gp_mem_fail_at(n);
        gp_status st = sheet(cat, at("memory.png"), 0, 8, NULL, &err);
        bool failed = gp_mem_fail_at(0) >= n;
        assert_int_equal(gp_mem_live(), live);
        if (st == GP_OK) { /* a failed allocation may have no effect, such as one for making a block smaller */
            hash = file_hash(at("memory.png"));
            assert_memory_equal(&hash, &good, sizeof good);
            unlink(at("memory.png"));
        } else if (st != GP_ERR_MEMORY) {
            fail_msg("allocation %llu: status %d", (unsigned long long)n, (int)st);
        }
        if (!failed) {
            assert_int_equal(st, GP_OK);
            gp_cat_close(cat);
            return;
        }
    }
    fail_msg("never enough memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_where), cmocka_unit_test(test_pick_is_marked), cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_unreadable),    cmocka_unit_test(test_limits),         cmocka_unit_test(test_wrong_use),
        cmocka_unit_test(test_stopped),       cmocka_unit_test(test_no_memory),      cmocka_unit_test(test_title),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
