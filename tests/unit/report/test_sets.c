/* SPDX-License-Identifier: MIT
 * Data sets of an export: shards, surplus files of an earlier export, a stop, and failing allocations. */
#include "report_support.h"
#include <ftw.h>

static const candidate cats[] = {
    {.name = "a/x 1.png",
     .prompt = "a cat",
     .score = 31.25,
     .picked = true,
     .settings = "{\"seed\":7,\"model\":\"m\"}"},
    {.name = "b/x.png", .prompt = "a dog", .score = 12, .picked = true, .settings = "{\"steps\":20,\"l\":[1,2]}"},
    {.name = "c/x.png", .prompt = "an eel,\r\nlong", .score = 20, .picked = true},
};
enum { CATS = sizeof cats / sizeof *cats };
#define EVERY_FORMAT 511

/* A catalog whose images and prompts have embeddings, except the last image. */
static gp_catalog *embedded_catalog(const char *name)
{
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog(name, cats, CATS);
    int64_t encoder = put_encoder(cat, "w");
    for (int64_t id = 1; id < CATS; id++) {
        float vector[DIMS] = {(float)id};
        assert_ok(gp_cat_image_embedding_put(cat, id, encoder, vector, DIMS, &err));
        assert_ok(gp_cat_prompt_embedding_put(cat, id, encoder, vector, DIMS, 3, false, NULL, &err));
    }
    return cat;
}

static size_t found_files;

static int count_file(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)path, (void)about, (void)where;
    found_files += kind == FTW_F;
    return 0;
}

/* Returns the number of files in the folder and below it. */
static size_t files_below(const char *folder)
{
    found_files = 0;
    (void)nftw(folder, count_file, 8, FTW_PHYS);
    return found_files;
}

static void count_written(void *user, const char *path, uint64_t bytes)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, bytes);
    ++*(size_t *)user;
}

static size_t export_formats(gp_catalog *cat, const char *folder, uint64_t formats, uint64_t shard_bytes)
{
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_export_options options = GP_EXPORT_DEFAULTS;
    size_t written = 0;
    options.folder = folder, options.mode = GP_EXPORT_NONE, options.csv = false;
    options.formats = formats, options.shard_bytes = shard_bytes;
    options.embeddings = (formats & GP_EXPORT_PARQUET) != 0;
    options.written = count_written, options.written_user = &written;
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_int_equal(report.done, CATS);
    return written;
}

static void test_shards(void **state)
{
    (void)state;
    gp_catalog *cat = embedded_catalog("shards.db");
    const char *out = at("shards");
    /* three shards of each format, one for each image, and the record of files */
    assert_int_equal(export_formats(cat, out, GP_EXPORT_HF_PARQUET | GP_EXPORT_WEBDATASET, 1), 6);
    assert_int_equal(files_below(out), 7);
    assert_true(file_there(at("shards/data/train-00002-of-00003.parquet")));
    assert_true(file_there(at("shards/00002.tar")));
    gp_error err = {0};
    assert_ok(gp_file_replace(at("shards/00007.tar"), "not goldpan's", 13, &err));
    assert_int_equal(export_formats(cat, out, GP_EXPORT_HF_PARQUET | GP_EXPORT_WEBDATASET, 0), 2);
    assert_int_equal(files_below(out), 4); /* the surplus shards are gone, the other file stays */
    assert_true(file_there(at("shards/data/train-00000-of-00001.parquet")));
    assert_true(file_there(at("shards/00007.tar")));
    gp_cat_close(cat);
}

static void test_every_format(void **state)
{
    (void)state;
    gp_catalog *cat = embedded_catalog("every.db");
    assert_int_equal(export_formats(cat, at("every"), EVERY_FORMAT, 0), 13);
    assert_int_equal(files_below(at("every")), 14);
    gp_cat_close(cat);
    cat = candidates_catalog("bare.db", cats, CATS); /* no image has an embedding */
    assert_int_equal(export_formats(cat, at("bare"), GP_EXPORT_CLIP_RETRIEVAL, 0), 2);
    assert_false(file_there(at("bare/text_emb/text_emb_0.npy")));
    gp_cat_close(cat);
}

static bool stop_at_once(void *user, const gp_progress *progress)
{
    (void)user, (void)progress;
    return false;
}

static void test_stopped(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = embedded_catalog("stopped.db");
    gp_export_options options = GP_EXPORT_DEFAULTS;
    options.folder = at("stopped"), options.mode = GP_EXPORT_NONE, options.csv = false;
    options.formats = EVERY_FORMAT & ~(uint64_t)(GP_EXPORT_WEBDATASET | GP_EXPORT_HF_PARQUET);
    options.progress = stop_at_once;
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_STOPPED);
    assert_int_equal(files_below(at("stopped")), 0);
    gp_cat_close(cat);
}

static void test_wrong_options(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("wrong.db", cats, CATS);
    gp_export_options options = GP_EXPORT_DEFAULTS;
    options.folder = at("wrong"), options.formats = 512;
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_USAGE);
    options.formats = GP_EXPORT_HTML, options.embeddings = true;
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_USAGE);
    assert_false(file_there(at("wrong")));
    gp_cat_close(cat);
    cat = catalog_open(at("unscored.db"), GP_CATALOG_CREATE);
    options.formats = GP_EXPORT_NPY, options.embeddings = false;
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "has no embeddings"));
    gp_cat_close(cat);
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = embedded_catalog("memory.db");
    options.folder = at("memory"), options.formats = EVERY_FORMAT, options.embeddings = true;
    options.mode = GP_EXPORT_NONE, options.csv = false;
    /* Each export syncs 13 files, so not every allocation fails here.  GOLDPAN_THOROUGH: every one. */
    uint64_t step = getenv("GOLDPAN_THOROUGH") ? UINT64_MAX : 8;
    for (uint64_t n = 1; n < 20000; n += 1 + n / step) {
        int64_t live = gp_mem_live();
        gp_mem_fail_at(n);
        gp_status st = gp_report_export(cat, &options, NULL, &err);
        bool failed = gp_mem_fail_at(0) >= n;
        assert_int_equal(gp_mem_live(), live);
        if (failed) {
            if (st != GP_ERR_MEMORY) fail_msg("allocation %llu: status %d", (unsigned long long)n, (int)st);
            continue;
        }
        assert_int_equal(st, GP_OK);
        gp_cat_close(cat);
        return;
    }
    fail_msg("never enough memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shards), cmocka_unit_test(test_every_format),
                                       cmocka_unit_test(test_stopped), cmocka_unit_test(test_wrong_options),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
