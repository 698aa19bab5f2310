/* SPDX-License-Identifier: MIT
 * Temporary errors and errors of the file itself, for each errno.  After a temporary error the next run tries the file
 * again; after an error of the file only a retry on request does. */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

static const struct {
    int number;
    bool passes;
} kinds[] = {
    {ENOENT, true},      {EACCES, true},     {EPERM, true},         {EIO, true},       {EMFILE, true},
    {ENFILE, true},      {ENOMEM, true},     {ESTALE, true},        {ENODEV, true},    {ENXIO, true},
    {EINTR, true},       {ETIMEDOUT, true},  {ELOOP, true},         {ENOTDIR, true},   {EHOSTDOWN, true},
    {EAGAIN, true},      {EBUSY, true},      {ETXTBSY, true},       {ENOTCONN, true},  {EHOSTUNREACH, true},
    {ENETDOWN, true},    {ECONNRESET, true}, {EREMOTEIO, true},     {ENOMEDIUM, true}, {ENOLINK, true},
    {EKEYEXPIRED, true}, {ENOBUFS, true},    {ESHUTDOWN, true},     {EISDIR, false},   {EFBIG, false},
    {EOVERFLOW, false},  {EINVAL, false},    {ENAMETOOLONG, false}, {EILSEQ, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        gp_error err = {0};
        gp_fail_errno(&err, GP_ERR_IO, kinds[i].number, "cannot open '/a'");
        assert_int_equal(gp_error_passes(&err), kinds[i].passes);
        gp_fail_within(&err, GP_ERR_IO, "x"); /* adding a prefix to the message keeps the errno */
        assert_int_equal(gp_error_passes(&err), kinds[i].passes);
    }
    static const gp_status of_the_file[] = {GP_ERR_FORMAT, GP_ERR_LIMIT, GP_ERR_UNSUPPORTED, GP_ERR_IO};
    for (size_t i = 0; i < 4; i++) assert_false(gp_error_passes(&(gp_error){.status = of_the_file[i]}));
    assert_true(gp_error_passes(&(gp_error){.status = GP_ERR_NOT_FOUND}));
    assert_true(gp_error_passes(&(gp_error){.status = GP_ERR_MEMORY}));
}

typedef struct counts {
    uint64_t done, failed;
} counts;

static counts score(gp_catalog *cat, bool retry)
{
    gp_score_options o = GP_SCORE_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    gp_error err = {0};
    o.retry_failed = retry;
    assert_ok(gp_score(cat, model, &o, &report, &err));
    return (counts){report.done, report.failed};
}

static bool first_passes(void *user, const gp_failure *failure)
{
    *(bool *)user = failure->passing;
    return false;
}

static void test_score(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        place p;
        gp_catalog *cat = NULL;
        gp_error err = {0};
        bool passing = false;
        place_make(&p);
        put_many(&p, 3);
        assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
        assert_int_equal(add_to(cat, p.pictures, NULL, NULL).done, 3);
        gp_file_fail_with(kinds[i].number);
        counts now = score(cat, false);
        gp_file_fail_with(0);
        assert_int_equal(now.done, 0);
        assert_int_equal(now.failed, 3);
        assert_ok(gp_catalog_failures(cat, first_passes, &passing, &err));
        assert_int_equal(passing, kinds[i].passes);
        now = score(cat, false);
        assert_int_equal(now.done, kinds[i].passes ? 3 : 0);
        assert_int_equal(now.failed, kinds[i].passes ? 0 : 3);
        if (!kinds[i].passes) assert_int_equal(score(cat, true).done, 3);
        gp_catalog_close(cat);
        place_remove(&p);
    }
}

/* The next run reads files that add and export could not read, and removes their failures. */
static void test_add_and_export(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_counts all = GP_INIT(gp_counts);
    char folder[128];
    place_make(&p);
    put_many(&p, 4);
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    gp_file_fail_with(EIO);
    assert_int_equal(add_to(cat, p.pictures, NULL, NULL).failed, 4);
    gp_file_fail_with(0);
    assert_int_equal(add_to(cat, p.pictures, NULL, NULL).done, 4);
    assert_int_equal(score(cat, false).done, 4);
    assert_ok(gp_pick(cat, model, NULL, &report, &err));
    assert_int_equal(report.done, 4);
    gp_export_options o = GP_EXPORT_DEFAULTS;
    snprintf(folder, sizeof folder, "%s/out", p.root);
    o.folder = folder, o.csv = false;
    gp_file_fail_with(ESTALE);
    assert_ok(gp_export(cat, &o, &report, &err));
    gp_file_fail_with(0);
    assert_int_equal(report.failed, 4);
    assert_ok(gp_export(cat, &o, &report, &err));
    assert_int_equal(report.done, 4);
    assert_ok(gp_catalog_counts(cat, &all, &err));
    assert_int_equal(all.failures, 0);
    assert_int_equal(all.picks, 4);
    gp_catalog_close(cat);
    place_remove(&p);
}

/* If a folder cannot be read for a while, its files do not count as missing. The next `add` that can read the folder
 * removes its failure from the catalog. */
static void test_folder_away_for_a_while(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_counts all = GP_INIT(gp_counts);
    struct rlimit limit, low;
    place_make(&p);
    mkdir(in(&p, "deep"), 0755);
    put_picture(&p, "deep/a.png", 1, "a red cat");
    put_picture(&p, "b.png", 2, "a red cat");
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    assert_int_equal(add_to(cat, p.pictures, NULL, NULL).done, 2);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int last = dup(0); /* last: the lowest free file descriptor; the limit set below prevents opening more files */
    close(last);
    low = (struct rlimit){(rlim_t)last, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    gp_report report = add_to(cat, p.pictures, NULL, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(report.failed, 1); /* the folder */
    assert_ok(gp_catalog_counts(cat, &all, &err));
    assert_int_equal(all.missing_paths, 0);
    assert_int_equal(all.failures, 1);
    assert_int_equal(add_to(cat, p.pictures, NULL, NULL).skipped, 2);
    assert_ok(gp_catalog_counts(cat, &all, &err));
    assert_int_equal(all.failures, 0);
    gp_catalog_close(cat);
    place_remove(&p);
}

/* If `score` finds that a file was replaced, the next `add` reads it, even if its size and time are unchanged. */
static void test_changed_since(void **state)
{
    (void)state;
    place p;
    run_counts run = {0};
    gp_report report = GP_INIT(gp_report);
    gp_catalog *cat = NULL;
    gp_error err = {0};
    struct stat before;
    place_make(&p);
    put_many(&p, 2);
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    report = add_to(cat, p.pictures, NULL, NULL);
    assert_int_equal(report.done, 2);
    gp_bytes bytes = {0};
    assert_int_equal(stat(in(&p, "000.png"), &before), 0);
    assert_ok(gp_file_read(in(&p, "000.png"), 1 << 20, &bytes, &err));
    bytes.data[bytes.size - 1] ^= 1; /* the test changes the checksum of IEND, which decoders ignore */
    put_bytes(in(&p, "000.png"), bytes.data, bytes.size);
    gp_bytes_clear(&bytes);
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, in(&p, "000.png"), times, 0), 0);
    assert_int_equal(score(cat, false).failed, 1);
    gp_catalog_close(cat);
    assert_ok(run_plan(&p, NULL, &run, &err));
    assert_int_equal(run.score.done, 1);
    assert_int_equal(run.score.failed, 0);
    place_remove(&p);
}

/* The failure of a file is removed when the file is gone. */
static void test_bad_file_removed(void **state)
{
    (void)state;
    place p;
    gp_catalog *cat = NULL;
    gp_error err = {0};
    gp_counts all = GP_INIT(gp_counts);
    place_make(&p);
    put_text(in(&p, "a.png"), "no image");
    put_text(in(&p, "b.png"), "no image");
    put_text(in(&p, "c.png"), "no image");
    assert_ok(gp_catalog_open(p.catalog, GP_CATALOG_CREATE, &cat, &err));
    assert_int_equal(add_to(cat, p.pictures, NULL, NULL).failed, 3);
    unlink(in(&p, "a.png"));
    unlink(in(&p, "c.png"));
    assert_int_equal(add_to(cat, p.pictures, NULL, NULL).failed, 1);
    assert_ok(gp_catalog_counts(cat, &all, &err));
    assert_int_equal(all.failures, 1);
    gp_catalog_close(cat);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),          cmocka_unit_test(test_score),
        cmocka_unit_test(test_add_and_export), cmocka_unit_test(test_folder_away_for_a_while),
        cmocka_unit_test(test_changed_since),  cmocka_unit_test(test_bad_file_removed)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
