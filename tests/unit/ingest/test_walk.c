/* SPDX-License-Identifier: MIT
 * The walk: which files it finds, in which order, each once; and unusual folders or folders that change during the
 * walk. */
#include "ingest_support.h"

#include "base/image_names.h"
#include "ingest/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

typedef struct seen {
    const char *folder; /* paths are compared relative to this folder */
    gp_str files, problems;
    size_t count, problem_count, stop_at;
    const char *remove; /* a folder that the callback removes when the walk finds the first file */
    gp_walk_entry last;
} seen;

static bool on_file(void *user, const gp_walk_entry *found)
{
    seen *s = user;
    size_t size = strlen(s->folder);
    assert_int_equal(found->path[0], '/');
    if (strncmp(found->path, s->folder, size) != 0) fail_msg("'%s' is not under '%s'", found->path, s->folder);
    gp_str_printf(&s->files, "%s%s", s->count++ ? " " : "", found->path + size + 1);
    s->last = *found;
    if (s->remove) assert_int_equal(nftw(s->remove, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    s->remove = NULL;
    return s->count != s->stop_at;
}

static void on_problem(void *user, const gp_walk_problem *problem)
{
    seen *s = user;
    gp_str_printf(&s->problems, "%s%s '%s'", s->problem_count++ ? "\n" : "", problem->message, problem->path);
}

/* Walks the roots that the text `roots` names.  The names are separated by blanks, and relative to the folder ("" is
 * the folder itself). */
static gp_status walk(seen *s, const char *roots, gp_error *err)
{
    char *paths[16];
    size_t count = 0;
    for (const char *at = roots;;) {
        size_t n = strcspn(at, " ");
        gp_str path = GP_STR_INIT;
        gp_str_printf(&path, "%s%s%.*s", s->folder, n ? "/" : "", (int)n, at);
        paths[count++] = gp_str_take(&path);
        if (!at[n]) break;
        at += n + 1;
    }
    gp_status st = gp_walk((const char *const *)paths, count, on_file, on_problem, s, err);
    while (count) gp_mem_free(paths[--count]);
    return st;
}

static void expect_walk(const char *folder, const char *roots, const char *files)
{
    gp_error err = {0};
    seen s = {.folder = folder};
    assert_ok(walk(&s, roots, &err));
    if (s.problems.size) fail_msg("%s", s.problems.data);
    assert_string_equal(s.files.data ? s.files.data : "", files);
    gp_str_clear(&s.files);
}

static void put_files(const char *folder, const char *const *names)
{
    for (; *names; names++) put_text(folder, *names, "x");
}

static void test_order(void **state)
{
    (void)state;
    char *folder = folder_new();
    put_files(folder, (const char *const[]){"b.png", "a/x.png", "a.png", "a-b/x.png", "a/b/c.png", "B.png", "a0.png",
                                            "a/.png/y.png", "10.png", "9.png", "\xC3\xA9.png", NULL});
    expect_walk(folder, "", "10.png 9.png B.png a-b/x.png a.png a/b/c.png a/x.png a0.png b.png \xC3\xA9.png");
    folder_free(folder);
}

static void test_names(void **state)
{
    (void)state;
    char *folder = folder_new();
    put_files(folder,
              (const char *const[]){"a.png",       "b.PNG",      "c.jpg",   "d.JPEG", "e.webp",         "f.apng",
                                    "g.jfif",      "h.jpe",      "i.txt",   "j.heic", "k.png.tmp",      "l.tmp",
                                    "png",         "m.png.part", "n.png~",  ".o.png", ".goldpan/p.png", ".hidden/q.png",
                                    "r.png/s.png", "t..png",     "u v.png", NULL});
    expect_walk(folder, "", "a.png b.PNG c.jpg d.JPEG e.webp f.apng g.jfif h.jpe r.png/s.png t..png u v.png");
    expect_walk(folder, "i.txt", "i.txt"); /* a file that the caller names is read whatever its name is */
    expect_walk(folder, ".o.png", ".o.png");
    expect_walk(folder, ".hidden", ".hidden/q.png");
    folder_free(folder);
}

/* Names that are not UTF-8 are treated as bytes. */
static void test_bytes(void **state)
{
    (void)state;
    char *folder = folder_new();
    put_files(folder, (const char *const[]){"\xFF\xFE.png", "caf\xE9/a.png", "a\nb.png", NULL});
    expect_walk(folder, "", "a\nb.png caf\xE9/a.png \xFF\xFE.png");
    folder_free(folder);
}

static void test_found(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_new();
    const char *path = put_text(folder, "a.png", "12345");
    struct timespec times[2] = {{1, 0}, {1700000000, 123456789}};
    seen s = {.folder = folder};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_ok(walk(&s, "", &err));
    assert_int_equal(s.last.size, 5);
    assert_true(s.last.mtime_ns == 1700000000123456789);
    gp_str_clear(&s.files);
    folder_free(folder);
}

static void test_links(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_new(), *other = folder_new();
    put_files(folder, (const char *const[]){"in/a.png", "in/deep/b.png", "c.png", NULL});
    put_text(other, "far.png", "x");
    assert_int_equal(symlink(folder, in_folder(folder, "in/loop")), 0);
    /* a link to a folder; the link has a name like an image */
    assert_int_equal(symlink(folder, in_folder(folder, "in/loop.png")), 0);
    assert_int_equal(symlink(other, in_folder(folder, "other")), 0);
    assert_int_equal(symlink("../c.png", in_folder(folder, "in/link.png")), 0);
    assert_int_equal(symlink("../c.png", in_folder(folder, "in/link.txt")), 0);
    expect_walk(folder, "", "c.png in/a.png in/deep/b.png in/link.png");
    expect_walk(folder, "other", "other/far.png"); /* the walk follows a link that the caller names */
    expect_walk(folder, "in/loop/in/deep", "in/loop/in/deep/b.png");
    assert_int_equal(symlink("nowhere", in_folder(folder, "broken.png")), 0);
    seen s = {.folder = folder};
    assert_ok(walk(&s, "", &err));
    assert_int_equal(s.count, 4);
    assert_int_equal(s.problem_count, 1);
    assert_non_null(strstr(s.problems.data, "broken link"));
    assert_non_null(strstr(s.problems.data, "broken.png'"));
    gp_str_clear(&s.problems);
    gp_str_clear(&s.files);
    /* the problem callback may be NULL */
    assert_ok(gp_walk((const char *const[]){folder}, 1, on_file, NULL, &s, &err));
    gp_str_clear(&s.files);
    folder_free(other);
    folder_free(folder);
}

static void test_roots(void **state)
{
    (void)state;
    char *folder = folder_new();
    put_files(folder, (const char *const[]){"a/x.png", "a/y.png", "a/b/z.png", "a/.h/w.png", "a/n.txt", "c.png", NULL});
    /* files are visited in sorted order, not in the order in which the caller gave them */
    expect_walk(folder, "c.png a", "a/b/z.png a/x.png a/y.png c.png");
    expect_walk(folder, "a a a/", "a/b/z.png a/x.png a/y.png"); /* each file once */
    expect_walk(folder, "a/b a a/x.png", "a/b/z.png a/x.png a/y.png");
    expect_walk(folder, " a a/../a/b", "a/b/z.png a/x.png a/y.png c.png");
    expect_walk(folder, "a a/.h", "a/b/z.png a/x.png a/y.png a/.h/w.png");
    expect_walk(folder, "a/n.txt a", "a/b/z.png a/x.png a/y.png a/n.txt");
    expect_walk(folder, "a/.h/w.png a/.h/w.png", "a/.h/w.png");
    folder_free(folder);
}

typedef struct passed {
    size_t counts[GP_PASSED_KINDS];
    gp_str own; /* paths */
} passed;

static bool skip_file(void *user, const gp_walk_entry *found)
{
    (void)user, (void)found;
    return true;
}

static void on_passed(void *user, const gp_walk_passed *one)
{
    passed *p = user;
    p->counts[one->kind]++;
    if (one->kind == GP_PASSED_OWN) gp_str_printf(&p->own, "%s\n", one->path);
}

static void test_own_folders(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_new();
    put_files(folder, (const char *const[]){"out/a.png", "out/b.png", "out/mine.png", "site/image/1.png",
                                            "site/thumb/2.jpg", "site/mine.png", "odd/c.png", NULL});
    put_text(folder, "out/.goldpan-export", "b.png\na.png\n");
    put_text(folder, "site/.goldpan-site", "");
    /* a folder has the name of the export list */
    assert_int_equal(mkdir(in_folder(folder, "odd/.goldpan-export"), 0755), 0);
    expect_walk(folder, "", "odd/c.png out/mine.png site/mine.png");
    expect_walk(folder, "out",
                "out/mine.png out/a.png out/b.png"); /* a root is read even if it is a folder of exported files; files
                                                      * in its export list come last */
    expect_walk(folder, "site/image", "site/image/1.png");
    passed p = {.own = GP_STR_INIT};
    gp_walk_calls calls = {.visit = skip_file, .passed = on_passed, .user = &p};
    assert_ok(gp_walk_all((const char *const[]){folder}, 1, &calls, &err));
    assert_int_equal(p.counts[GP_PASSED_OWN], 4); /* two files and two folders */
    assert_non_null(strstr(p.own.data, "/out/a.png\n"));
    assert_non_null(strstr(p.own.data, "/site/thumb\n"));
    assert_int_equal(p.counts[GP_PASSED_HIDDEN], 0);
    gp_str_clear(&p.own);
    folder_free(folder);
}

static void test_formats(void **state)
{
    (void)state;
    assert_string_equal(gp_name_other_format("a.HEIC"), "HEIC");
    assert_string_equal(gp_name_other_format("a.b.psd"), "Photoshop");
    assert_string_equal(gp_name_other_format("a.MoV"), "video");
    static const char *const none[] = {"a.png", "gif", "a.", "a.gi", "a.giff", ".gif", "a.txt", ""};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_null(gp_name_other_format(none[i]));
    assert_true(gp_name_is_image("a.PNG"));
    assert_true(gp_name_is_image("a.Bmp"));
    /* a format is read, or goldpan was built without it, or goldpan never reads it */
    static const char *const optional[] = {"a.gif", "a.tif", "a.TIFF", "a.avif", "a.JXL"};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        assert_true(gp_name_is_image(optional[i]) == !gp_name_unbuilt_format(optional[i]));
    assert_false(gp_name_is_image("a.heic"));
    assert_null(gp_name_unbuilt_format("a.heic"));
}

static void test_no_roots(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_new();
    put_text(folder, "a.png", "x");
    seen s = {.folder = folder};
    /* if a root does not exist, the walk fails before it visits any file */
    assert_int_equal(walk(&s, "a.png absent", &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/absent'"));
    assert_int_equal(walk(&s, "a.png/b", &err), GP_ERR_NOT_FOUND);
    assert_int_equal(s.count, 0);
    assert_int_equal(gp_walk((const char *const[]){""}, 1, on_file, NULL, &s, &err), GP_ERR_USAGE);
    assert_ok(gp_walk(NULL, 0, on_file, NULL, &s, &err));
    expect_walk(folder, "", "a.png");
    assert_int_equal(mkfifo(in_folder(folder, "pipe.png"), 0600), 0);
    expect_walk(folder, "", "a.png"); /* the walk does not open the FIFO, because opening it would block */
    assert_ok(walk(&s, "pipe.png", &err));
    assert_int_equal(s.problem_count, 1);
    gp_str_clear(&s.problems);
    folder_free(folder);
}

static void test_stop(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_new();
    int64_t before = gp_mem_live();
    put_files(folder, (const char *const[]){"a/b/x.png", "a/y.png", "z.png", NULL});
    seen s = {.folder = folder, .stop_at = 1};
    assert_int_equal(walk(&s, "", &err), GP_ERR_STOPPED);
    assert_string_equal(s.files.data, "a/b/x.png");
    gp_str_clear(&s.files);
    assert_int_equal(gp_mem_live(), before);
    folder_free(folder);
}

/* Folders that disappear during the walk are reported, files that disappear are skipped, and the walk continues. */
static void test_vanishing(void **state)
{
    (void)state;
    gp_error err = {0};
    char *folder = folder_new();
    put_files(folder, (const char *const[]){"a.png", "gone/x.png", "z.png", NULL});
    seen s = {.folder = folder, .remove = in_folder(folder, "gone")};
    assert_ok(walk(&s, "", &err));
    assert_string_equal(s.files.data, "a.png z.png");
    assert_int_equal(s.problem_count, 1);
    assert_non_null(strstr(s.problems.data, "cannot read folder: "));
    assert_non_null(strstr(s.problems.data, "No such file or directory '"));
    gp_str_clear(&s.problems);
    gp_str_clear(&s.files);
    put_text(folder, "gone.png", "x");
    seen t = {.folder = folder, .remove = in_folder(folder, "gone.png")};
    assert_ok(walk(&t, "", &err));
    assert_string_equal(t.files.data, "a.png z.png");
    assert_int_equal(t.problem_count, 0);
    gp_str_clear(&t.files);
    folder_free(folder);
}

/* A folder whose path is longer than PATH_MAX cannot be opened: it is reported, and the walk continues. */
static void test_deep(void **state)
{
    (void)state;
    enum { LEVELS = 2200 };
    gp_error err = {0};
    char *folder = folder_new();
    put_text(folder, "z.png", "x");
    int at = open(folder, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < LEVELS; i++) {
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        if (i == 1900) close(openat(next, "deep.png", O_CREAT | O_WRONLY, 0600));
        close(at);
        at = next;
    }
    close(at);
    seen s = {.folder = folder};
    assert_ok(walk(&s, "", &err));
    assert_int_equal(s.count, 2);
    assert_true(strlen(s.files.data) > 3800);
    assert_string_equal(s.files.data + s.files.size - 15, "/deep.png z.png");
    assert_int_equal(s.problem_count, 1);
    assert_non_null(strstr(s.problems.data, "cannot read folder: "));
    gp_str_clear(&s.problems);
    gp_str_clear(&s.files);
    /* `rm` removes the folders, because their paths are too long for nftw */
    char *command = NULL;
    assert_true(asprintf(&command, "rm -rf '%s/d'", folder) > 0);
    assert_int_equal(system(command), 0);
    free(command);
    folder_free(folder);
}

static void test_memory(void **state)
{
    (void)state;
    char *folder = folder_new();
    put_files(folder, (const char *const[]){"a/b/x.png", "a/y.png", "z.png", NULL});
    for (uint64_t n = 1;; n++) {
        gp_error err = {0};
        int64_t before = gp_mem_live();
        gp_mem_fail_at(n);
        seen s = {.folder = folder};
        gp_status st = gp_walk((const char *const[]){folder, folder}, 2, on_file, NULL, &s, &err);
        bool ours = s.files.failed;
        uint64_t seen_allocations = gp_mem_fail_at(0);
        gp_str_clear(&s.files);
        assert_int_equal(gp_mem_live(), before);
        if (st == GP_OK && !ours) {
            assert_true(seen_allocations < n);
            break;
        }
        if (!ours) assert_int_equal(st, GP_ERR_MEMORY);
        assert_true(n < 1000);
    }
    folder_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),       cmocka_unit_test(test_names),     cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_found),       cmocka_unit_test(test_links),     cmocka_unit_test(test_roots),
        cmocka_unit_test(test_own_folders), cmocka_unit_test(test_formats),   cmocka_unit_test(test_no_roots),
        cmocka_unit_test(test_stop),        cmocka_unit_test(test_vanishing), cmocka_unit_test(test_deep),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
