/* SPDX-License-Identifier: MIT
 * Matches rows with images: first by exact paths, then by common ends of paths, then by similar names. An ambiguous row
 * is given to no image. */
#include "ingest_support.h"

#include "base/clock.h"
#include "ingest/match.h"

#include <unistd.h>

enum { MOST = 16 };

static gp_table *table_of(const char *name, const char *const *cells)
{
    gp_error err = {0};
    gp_table *t = NULL;
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, "[");
    for (size_t i = 0; cells[i]; i++) {
        gp_str_puts(&s, i ? ",{" : "{");
        gp_json_put_name(&s, "image");
        gp_json_put_string(&s, cells[i]);
        gp_str_puts(&s, "}");
    }
    gp_str_puts(&s, "]");
    assert_ok(gp_table_parse(name, s.data, s.size, "json", &t, &err));
    gp_str_clear(&s);
    return t;
}

typedef struct matching {
    /* the lists of rows and images end with NULL; the table is in the folder /data/set, and the images are below the
     * root /pics */
    const char *cells[MOST], *images[MOST];
    const char *rows; /* the expected match of each image: the digit of its row, or '-' */
    int ambiguous;
} matching;

/* repeated: the expected number of repeated rows, or -1 to skip this check. */
static void expect_repeated(const matching *m, int repeated)
{
    gp_error err = {0};
    size_t rows[MOST], n = 0;
    static const char *const roots[] = {"/pics"};
    gp_match_counts counts;
    char got[MOST + 1] = "";
    gp_table *t = table_of("/data/set/p.json", m->cells);
    while (m->images[n]) n++;
    assert_ok(gp_match_rows(t, 0, m->images, n, roots, 1, NULL, rows, &counts, &err));
    for (size_t i = 0; i < n; i++) got[i] = rows[i] == SIZE_MAX ? '-' : (char)('0' + rows[i]);
    if (strcmp(got, m->rows) != 0 || counts.ambiguous != (uint64_t)m->ambiguous ||
        (repeated >= 0 && counts.repeated != (uint64_t)repeated))
        fail_msg("'%s' ... to '%s' ...: %s instead of %s, %d ambiguous, %d repeated", m->cells[0], m->images[0], got,
                 m->rows, (int)counts.ambiguous, (int)counts.repeated);
    gp_table_close(t);
}

static void expect(const matching *m)
{
    expect_repeated(m, -1);
}

static void test_exact(void **state)
{
    (void)state;
    static const matching all[] = {
        {{"/x/a.png", "/x/b.png"}, {"/x/b.png", "/x/a.png"}, "10", 0},
        {{"/x//b.png", "/x/./a.png", "/x/y/../c.png"}, {"/x/a.png", "/x/b.png", "/x/c.png"}, "102", 0},
        /* paths are relative to the table's folder, and may contain ".."; '\' counts as '/' */
        {{"b/a.png", "a.png"}, {"/data/set/a.png", "/data/set/b/a.png"}, "10", 0},
        {{"../other/a.png", "./b/a.png"}, {"/data/other/a.png", "/data/set/b/a.png"}, "01", 0},
        {{"b\\a.png"}, {"/data/set/b/a.png"}, "0", 0},
        /* relative to the root */
        {{"x/a.png", "y/a.png"}, {"/pics/y/a.png", "/pics/x/a.png"}, "10", 0},
        /* a row that contains the exact path of an image does not match another image of the same name */
        {{"a.png", "b.png"}, {"/data/set/a.png", "/data/set/b.png", "/pics/a.png", "/pics/t/b.png"}, "01--", 0},
        {{"a.png"}, {"/pics/a.png", "/pics/x/a.png"}, "0-", 0},
        /* the same image in two rows, written differently: the first row is used */
        {{"./a.png", "a.png", "/data/set/a.png"}, {"/data/set/a.png"}, "0", 0},
        {{"", "a.png"}, {"/data/set/a.png"}, "1", 0},
        {{" a.png\n"}, {"/data/set/a.png"}, "0", 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) expect(&all[i]);
}

static void test_ends(void **state)
{
    (void)state;
    static const matching all[] = {
        /* if folders were moved, the row matches the image whose path has the longest end in common with the row's
         * path */
        {{"D:\\sd\\1\\a.png", "D:\\sd\\2\\a.png"}, {"/pics/2/a.png", "/pics/1/a.png"}, "10", 0},
        {{"/old/one/1/a.png", "/old/two/1/a.png"}, {"/pics/two/1/a.png", "/pics/one/1/a.png"}, "10", 0},
        {{"\\\\nas\\share\\1\\a.png"}, {"/pics/1/a.png", "/pics/2/a.png"}, "0-", 0},
        {{"x/a.png", "x/b.png"}, {"/pics/all/b.png"}, "1", 0},
        /* a longer common end has priority over a shorter one */
        {{"q/a.png", "z/1/a.png"}, {"/pics/1/a.png"}, "1", 0},
        {{"a.png", "q/1/a.png"}, {"/pics/1/a.png"}, "1", 0},
        /* if two rows have equally long common ends with an image, the image gets no row, unless the two rows contain
         * the same path; if two images have equally long common ends with a row, neither image gets the row */
        {{"x/a.png", "y/a.png"}, {"/pics/z/a.png"}, "-", 2},
        {{"x/a.png", "x/a.png"}, {"/pics/z/a.png"}, "0", 0},
        {{"a.png"}, {"/pics/1/a.png", "/pics/2/a.png"}, "--", 1},
        {{"z/a.png", "y/1/a.png"}, {"/pics/1/a.png", "/pics/2/a.png"}, "1-", 1},
        /* whole names are compared */
        {{"x1/a.png", "fox.png"}, {"/pics/1/b.png", "/pics/redfox.png"}, "--", 0},
        /* web addresses */
        {{"https://h.example/s/1/a%20b.png?w=1#x", "gs://bucket/2/a b.png"},
         {"/pics/1/a b.png", "/pics/2/a b.png"},
         "01",
         0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) expect(&all[i]);
}

/* A row counts as repeated if it names an image that already has a row. A row that names an absent file with the same
 * file name does not count. */
static void test_repeated(void **state)
{
    (void)state;
    static const struct {
        matching m;
        int repeated;
    } all[] = {
        {{{"a.png", "a.png", "a.png"}, {"/data/set/a.png"}, "0", 0}, 2},
        {{{"./a.png", "a.png", "/data/set/a.png"}, {"/data/set/a.png"}, "0", 0}, 2},
        {{{"x/a.png", "x/a.png"}, {"/pics/x/a.png"}, "0", 0}, 1},
        {{{"D:\\sd\\a.png", "D:\\sd\\a.png"}, {"/pics/z/a.png"}, "0", 0}, 1},
        {{{"a.png", "q/1/a.png"}, {"/pics/1/a.png"}, "1", 0}, 1}, /* the row with the longer common end comes later */
        {{{"q/1/a.png", "a.png"}, {"/pics/1/a.png"}, "0", 0}, 1},
        {{{"a.png", "A.PNG", "a"}, {"/data/set/a.png"}, "0", 0}, 2},
        {{{"test/a.png", "train/a.png"}, {"/pics/test/a.png"}, "0", 0}, 0},
        {{{"train/a.png", "test/a.png"}, {"/pics/z/test/a.png"}, "1", 0}, 0},
        {{{"a.png", "b.png"}, {"/data/set/a.png"}, "0", 0}, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) expect_repeated(&all[i].m, all[i].repeated);
}

#define NFC "caf\xC3\xA9"
#define NFD "cafe\xCC\x81"

static void test_weaker_names(void **state)
{
    (void)state;
    static const matching all[] = {
        /* composed and decomposed Unicode forms count as the same name; a name in the same form is preferred */
        {{NFC ".png"}, {"/data/set/" NFD ".png"}, "0", 0},
        {{NFD ".png"}, {"/data/set/" NFC ".png"}, "0", 0},
        {{"q/" NFC "/a.png"}, {"/pics/" NFD "/a.png", "/pics/x/a.png"}, "0-", 0},
        {{NFC ".png", NFD ".png"}, {"/data/set/" NFD ".png", "/data/set/" NFC ".png"}, "10", 0},
        {{"q/" NFD ".png"}, {"/pics/" NFD ".png", "/pics/" NFC ".png"}, "0-", 0},
        {{"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB.png"}, {"/data/set/\xED\x95\x9C.png"}, "0", 0}, /* Hangul */
        /* file addresses */
        {{"file:///data/set/my%20fox.png", "file://localhost/data/set/b%231.png", "file:/data/set/c.png"},
         {"/data/set/my fox.png", "/data/set/b#1.png", "/data/set/c.png"},
         "012",
         0},
        {{"file:///D:/sd/1/caf%C3%A9.png", "file://nas/share/2/b.png"},
         {"/pics/1/" NFD ".png", "/pics/2/b.png"},
         "01",
         0},
        /* %XX is decoded, unless a file has exactly the written name */
        {{"b%231.png"}, {"/data/set/b#1.png"}, "0", 0},
        {{"b%231.png"}, {"/data/set/b#1.png", "/data/set/b%231.png"}, "-0", 0},
        {{"my fox.png"}, {"/data/set/my%20fox.png"}, "0", 0},
        {{"100%.png"}, {"/data/set/100%.png"}, "0", 0},
        /* case is ignored if only one image has such a name */
        {{"IMG_1.PNG"}, {"/data/set/img_1.png"}, "0", 0},
        {{"A.png"}, {"/data/set/a.png", "/data/set/a.PNG"}, "--", 1},
        /* a less strict match does not replace the row of an image */
        {{"a.png", "A.PNG"}, {"/data/set/a.png"}, "0", 0},
        {{"\xC3\x89t\xC3\xA9.png"}, {"/data/set/e\xCC\x81t\xC3\xA9.png"}, "0", 0},
        {{"q/Day1/a.png", "q/Day2/a.png"}, {"/pics/day2/a.png", "/pics/day1/a.png"}, "10", 0},
        /* the row's name has no extension, or another extension than the image */
        {{"0001", "0002.jpg", "v1.5", "0003.txt"},
         {"/pics/0001.png", "/pics/0002.png", "/pics/v1.5.png", "/pics/0003.webp"},
         "0123",
         0},
        {{"a"}, {"/pics/a.png", "/pics/a.webp"}, "--", 1},
        {{"a.png", "a"}, {"/pics/a.png"}, "0", 0},
        {{"sub/A%20B"}, {"/pics/sub/a b.PNG"}, "0", 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) expect(&all[i]);
}

/* The file that a row names exists, but is not in the list of images. An image with the same file name does not get
 * this row, but a link to the named file gets it. */
static void test_elsewhere(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_match_counts counts;
    size_t rows[2];
    char *folder = folder_new(), *own = gp_str_dup(put_text(folder, "train/a.png", "x"));
    char *other = gp_str_dup(put_text(folder, "test/a.png", "y")),
         *name = gp_str_dup(in_folder(folder, "train/p.json"));
    char *link = gp_str_dup(in_folder(folder, "test/b.png"));
    const char *images[2] = {other, link}, *root = folder, *cells[2] = {"a.png", NULL};
    gp_table *t = table_of(name, cells);
    assert_ok(gp_match_rows(t, 0, images, 1, &root, 1, NULL, rows, &counts, &err));
    assert_true(rows[0] == SIZE_MAX);
    assert_int_equal(counts.elsewhere, 1);
    assert_int_equal(counts.first_elsewhere, 0);
    gp_table_close(t);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(symlink(own, other), 0);
    t = table_of(name, cells);
    assert_ok(gp_match_rows(t, 0, images, 1, &root, 1, NULL, rows, &counts, &err));
    assert_int_equal(rows[0], 0);
    gp_table_close(t);
    gp_mem_free(link), gp_mem_free(name), gp_mem_free(other), gp_mem_free(own);
    folder_free(folder);
}

typedef struct many {
    char **paths;
    size_t *rows;
    gp_table *table;
} many;

static many many_new(int n, const char *cell, const char *path)
{
    gp_error err = {0};
    gp_str s = GP_STR_INIT;
    many m = {gp_mem_new((size_t)n, sizeof *m.paths), gp_mem_new((size_t)n, sizeof *m.rows), NULL};
    gp_str_puts(&s, "file_name\n");
    for (int i = 0; i < n; i++) {
        gp_str one = GP_STR_INIT;
        gp_str_printf(&s, cell, i % 1000, i / 1000), gp_str_putc(&s, '\n');
        gp_str_printf(&one, path, i % 1000, i / 1000);
        m.paths[i] = gp_str_take(&one);
    }
    assert_ok(gp_table_parse("/data/set/p.csv", s.data, s.size, "csv", &m.table, &err));
    gp_str_clear(&s);
    return m;
}

/* 100,000 rows and images need only seconds, even if all names are equal and only folders differ. */
static void test_many(void **state)
{
    (void)state;
    static const struct {
        const char *cell, *path;
    } all[] = {
        {"f%d/%d.png", "/data/set/f%d/%d.png"},
        {"D:\\out\\day%d\\%d.png", "/pics/day%d/%d.png"},
        {"/gone/%d/%d/image.png", "/pics/%d/%d/image.png"},
        {"F%d/%d.JPG", "/else/f%d/%d.png"},
    };
    static const char *const roots[] = {"/pics"};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const int N = k < 2 ? 100000 : 20000;
        gp_error err = {0};
        gp_match_counts counts;
        many m = many_new(N, all[k].cell, all[k].path);
        double start = gp_clock_now();
        assert_ok(
            gp_match_rows(m.table, 0, (const char *const *)m.paths, (size_t)N, roots, 1, NULL, m.rows, &counts, &err));
        print_message("%s: %.2f s\n", all[k].cell, gp_clock_now() - start);
        for (size_t i = 0; i < (size_t)N; i++) assert_int_equal(m.rows[i], i);
        for (size_t i = 0; i < (size_t)N; i++) gp_mem_free(m.paths[i]);
        gp_table_close(m.table);
        gp_mem_free(m.rows);
        gp_mem_free(m.paths);
    }
}

static bool never(void *user)
{
    ++*(int *)user;
    return false;
}

static void test_stop_and_memory(void **state)
{
    (void)state;
    enum { N = 20000 };
    gp_error err = {0};
    gp_match_counts counts;
    int asked = 0;
    gp_watch watch = {.go_on = never, .user = &asked};
    many m = many_new(N, "F%d/%d.JPG", "/else/" NFD "f%d/%d.png");
    assert_int_equal(gp_match_rows(m.table, 0, (const char *const *)m.paths, N, NULL, 0, &watch, m.rows, &counts, &err),
                     GP_ERR_STOPPED);
    assert_int_equal(asked, 1);
    static const char *const roots[] = {"rel"}, *const cells[] = {"F0/0.JPG", "%41/\xC3\xA9.png", "['x', 'y']", NULL};
    gp_table *few = table_of("/data/set/p.json", cells);
    for (uint64_t n = 1;; n++) {
        int64_t before = gp_mem_live();
        gp_mem_fail_at(n);
        gp_status st = gp_match_rows(few, 0, (const char *const *)m.paths, 3, roots, 1, NULL, m.rows, &counts, &err);
        uint64_t seen = gp_mem_fail_at(0);
        assert_int_equal(gp_mem_live(), before);
        if (seen < n) break;
        /* the call may succeed, because text that is not JSON stays text */
        if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
    }
    gp_table_close(few);
    for (size_t i = 0; i < N; i++) gp_mem_free(m.paths[i]);
    gp_table_close(m.table);
    gp_mem_free(m.rows);
    gp_mem_free(m.paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),           cmocka_unit_test(test_ends),      cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_weaker_names),    cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_many),
        cmocka_unit_test(test_stop_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
