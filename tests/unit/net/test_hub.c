/* SPDX-License-Identifier: MIT
 * Names that become paths, hashes, the shard index and the cache on disk; the network itself is in
 * tests/e2e/hub_test.py. */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/hub.h"
#include "net/hub_cache.h"
#include "net/hub_index.h"
#include "net/sha.h"

static gp_error err;
static char home[] = "/tmp/goldpan-net-XXXXXX";

static int make_home(void **state)
{
    (void)state;
    if (!mkdtemp(home)) return -1;
    setenv("HF_HUB_CACHE", home, 1);
    return 0;
}

static int drop_home(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", home);
    return system(command);
}

static const char *in_home(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", home, name);
    return path;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    char *folder = gp_path_folder(path);
    assert_ok(gp_folder_make(folder, &err));
    assert_ok(gp_file_replace(path, bytes, size, &err));
    gp_mem_free(folder);
}

static void test_names(void **state)
{
    static const char *const good[] = {"gpt2", "openai/clip-vit-base-patch32", "a/b", "A_b.c-d/e.f", "0/1"};
    static const char *const bad[] = {"",     "/",       "a/",   "/a",   "a/b/c", "a//b",       "..",
                                      "a/..", "a..b",    "a--b", ".a",   "a/.b",  "-a",         "a-",
                                      "a/b-", "a/b.git", "a b",  "a\\b", "a\nb",  "h\xc3\xa9/x"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(gp_hub_name_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (gp_hub_name_valid(bad[i])) fail_msg("'%s' was taken for a model's name", bad[i]);
    assert_true(gp_hub_revision_valid("main") && gp_hub_revision_valid("refs/pr/1") &&
                gp_hub_revision_valid("v1.0+cpu"));
    assert_false(gp_hub_revision_valid("..") || gp_hub_revision_valid("a/../b") || gp_hub_revision_valid("/a") ||
                 gp_hub_revision_valid("a/") || gp_hub_revision_valid("") || gp_hub_revision_valid(".x") ||
                 gp_hub_revision_valid("a/.x") || gp_hub_revision_valid("a\tb") || gp_hub_revision_valid("a%2e"));
    assert_true(gp_hub_file_valid("model-00001-of-00002.safetensors"));
    assert_false(gp_hub_file_valid("a/b") || gp_hub_file_valid(".") || gp_hub_file_valid("..") ||
                 gp_hub_file_valid(""));
    assert_true(gp_hub_commit_valid("0123456789abcdef0123456789abcdef01234567"));
    assert_false(gp_hub_commit_valid("0123456789ABCDEF0123456789abcdef01234567") || gp_hub_commit_valid("main"));
    assert_false(gp_hub_etag_valid("0123456789abcdef0123456789abcdef012345678"));
}

/* Hashes computed by `git hash-object` and sha256sum. */
static void test_hashes(void **state)
{
    char hex[65];
    char path[400];
    (void)state;
    snprintf(path, sizeof path, "%s", in_home("hello"));
    write_file(path, "hello\n", 6);
    assert_ok(gp_sha_file(path, GP_SHA1_GIT, NULL, NULL, hex, &err));
    assert_string_equal(hex, "ce013625030ba8dba906f756967f9e9ca394464a");
    assert_ok(gp_sha_file(path, GP_SHA256, NULL, NULL, hex, &err));
    assert_string_equal(hex, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
    write_file(path, "", 0);
    assert_ok(gp_sha_file(path, GP_SHA1_GIT, NULL, NULL, hex, &err));
    assert_string_equal(hex, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    assert_int_equal(gp_sha_file(in_home("nothing"), GP_SHA256, NULL, NULL, hex, NULL), GP_ERR_IO);
}

static void test_shards(void **state)
{
    static const char two[] =
        "{\"weight_map\":{\"b\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\",\"c\":\"m-2.safetensors\"}}";
    char **names = NULL;
    size_t count = 0;
    (void)state;
    assert_ok(gp_hub_shards(two, sizeof two - 1, &names, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "m-1.safetensors");
    assert_string_equal(names[1], "m-2.safetensors");
    gp_hub_shards_free(names, count);
    for (uint64_t n = 1;; n++) { /* the test makes every allocation fail once */
        gp_mem_fail_at(n);
        gp_status st = gp_hub_shards(two, sizeof two - 1, &names, &count, &err);
        gp_mem_fail_at(0);
        if (st == GP_OK) break;
        assert_int_equal(st, GP_ERR_MEMORY);
        assert_true(n < 1000);
    }
    gp_hub_shards_free(names, count);
}

static void test_where_the_cache_is(void **state)
{
    static const char *const set[][3] = {
        {"HF_HUB_CACHE", "/c/one", "/c/one"},
        {"HUGGINGFACE_HUB_CACHE", "/c/two", "/c/two"},
        {"HF_HOME", "/c/three", "/c/three/hub"},
        {"XDG_CACHE_HOME", "/c/four", "/c/four/huggingface/hub"},
        {"HOME", "/c/five", "/c/five/.cache/huggingface/hub"},
    };
    char *old_home = gp_str_dup(getenv("HOME") ? getenv("HOME") : "/"), *folder = NULL;
    (void)state;
    for (size_t i = 0; i < 5; i++) setenv(set[i][0], set[i][1], 1);
    /* the test checks the environment variables from the highest to the lowest priority */
    for (size_t i = 0; i < 5; i++) {
        assert_ok(gp_hub_cache_folder(&folder, &err));
        assert_string_equal(folder, set[i][2]);
        gp_mem_free(folder);
        if (i < 4) unsetenv(set[i][0]);
    }
    setenv("HF_HOME", "~/x", 1);
    assert_ok(gp_hub_cache_folder(&folder, &err));
    assert_string_equal(folder, "/c/five/x/hub");
    gp_mem_free(folder);
    unsetenv("HF_HOME");
    setenv("HOME", old_home, 1);
    setenv("HF_HUB_CACHE", home, 1);
    gp_mem_free(old_home);
}

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER  "fedcba9876543210fedcba9876543210fedcba98"
static void put_file(const char *model, const char *commit, const char *file, const char *bytes)
{
    char path[400];
    snprintf(path, sizeof path, "%s/models--o--%s/snapshots/%s/%s", home, model, commit, file);
    write_file(path, bytes, strlen(bytes));
}
static void snapshot_file(const char *file, const char *bytes)
{
    put_file("m", COMMIT, file, bytes);
}

/* A snapshot is complete if it holds everything that goldpan needs. */
static void test_complete(void **state)
{
    gp_hub_repo repo;
    char *folder = NULL, lacking[GP_HUB_NAME];
    (void)state;
    assert_ok(gp_hub_repo_init(&repo, "o/m", &err));
    assert_int_equal(gp_hub_find("o/m", NULL, &folder, NULL), GP_ERR_NOT_FOUND);
    snapshot_file("config.json", "{}");
    snapshot_file("vocab.json", "{}");
    snapshot_file("preprocessor_config.json", "{}");
    snapshot_file("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"x.safetensors\"}}");
    assert_false(gp_hub_complete(&repo, COMMIT));
    snapshot_file("x.safetensors", "");
    assert_false(gp_hub_missing(&repo, COMMIT, lacking));
    assert_false(gp_hub_complete(&repo, COMMIT)); /* merges.txt is missing */
    assert_ok(gp_hub_absent_note(&repo, COMMIT, "tokenizer.json", &err));
    assert_ok(gp_hub_absent_note(&repo, COMMIT, "merges.txt", &err));
    assert_true(gp_hub_complete(&repo, COMMIT)); /* the cache records that the hub has no other files */
    assert_ok(gp_hub_ref_write(&repo, "main", COMMIT, &err));
    assert_ok(gp_hub_find("o/m", NULL, &folder, &err));
    assert_true(gp_str_ends(folder, "/models--o--m/snapshots/" COMMIT));
    gp_mem_free(folder);
    assert_ok(gp_hub_find("o/m", COMMIT, &folder, &err));
    gp_mem_free(folder);
    /* the ref file does not contain a commit, so the ref counts as missing */
    write_file(in_home("models--o--m/refs/main"), "../../../etc", 12);
    assert_ok(gp_hub_find("o/m", NULL, &folder, &err));
    assert_true(gp_str_ends(folder, "/models--o--m/snapshots/" COMMIT));
    gp_mem_free(folder);
    gp_hub_repo_clear(&repo);
}

static void cannot_find(const char *name, const char *revision, const char *why)
{
    char *folder = NULL;
    err = (gp_error){0};
    assert_int_equal(gp_hub_find(name, revision, &folder, &err), GP_ERR_NOT_FOUND);
    if (!strstr(err.message, why)) fail_msg("'%s' does not say '%s'", err.message, why);
}

/* A download by commit, or a copied cache, has no refs/main. */
static void test_without_refs(void **state)
{
    char *folder = NULL;
    (void)state;
    cannot_find("o/r", NULL, "goldpan model get o/r");
    put_file("r", COMMIT, "config.json", "{}");
    cannot_find("o/r", NULL, COMMIT " has no model.safetensors");
    put_file("r", COMMIT, "model.safetensors.index.json", "{\"weight_map\":{\"a\":\"x.safetensors\"}}");
    cannot_find("o/r", NULL, COMMIT " has no x.safetensors");
    put_file("r", COMMIT, "x.safetensors", "");
    assert_ok(gp_hub_find("o/r", NULL, &folder, &err));
    assert_true(gp_str_ends(folder, "/snapshots/" COMMIT));
    gp_mem_free(folder);
    put_file("r", OTHER, "model.safetensors", ""); /* this snapshot is incomplete, so the other one is used */
    assert_ok(gp_hub_find("o/r", NULL, &folder, &err));
    gp_mem_free(folder);
    cannot_find("o/r", "v1", "but " COMMIT " is: use it with --revision " COMMIT);
    cannot_find("o/r", OTHER, "revision '" OTHER "'");
    /* if there are two complete snapshots, goldpan cannot know which of them the user means */
    put_file("r", OTHER, "config.json", "{}");
    cannot_find("o/r", NULL, COMMIT ", " OTHER);
    assert_ok(gp_hub_find("o/r", OTHER, &folder, &err));
    gp_mem_free(folder);
    char path[400];
    snprintf(path, sizeof path, "%s", in_home("models--o--r/refs/main"));
    write_file(path, "00112233445566778899aabbccddeeff00112233", 40); /* the ref names a snapshot that does not exist */
    cannot_find("o/r", NULL, "--revision COMMIT");
    write_file(path, OTHER, 40);
    assert_ok(gp_hub_find("o/r", NULL, &folder, &err));
    assert_true(gp_str_ends(folder, OTHER));
    gp_mem_free(folder);
    snprintf(path, sizeof path, "%s", in_home("models--o--r/snapshots/" OTHER "/model.safetensors"));
    assert_int_equal(unlink(path), 0);
    cannot_find("o/r", NULL, OTHER " has no model.safetensors");
}

/* A process that is killed while it links a file leaves a temporary link, which the next process removes. */
static void test_link_leftover(void **state)
{
    gp_hub_repo repo;
    char path[400];
    (void)state;
    assert_ok(gp_hub_repo_init(&repo, "o/l", &err));
    assert_ok(gp_hub_prepare(&repo, COMMIT, &err));
    snprintf(path, sizeof path, "%s", in_home("models--o--l/blobs/" COMMIT));
    write_file(path, "{}", 2);
    snprintf(path, sizeof path, "%s", in_home("models--o--l/snapshots/" COMMIT "/.config.json.tmp"));
    assert_int_equal(symlink("../../blobs/" COMMIT, path), 0);
    assert_ok(gp_hub_link(&repo, COMMIT, "config.json", COMMIT, false, &err));
    assert_true(gp_hub_has(&repo, COMMIT, "config.json"));
    assert_int_not_equal(access(path, F_OK), 0);
    gp_hub_repo_clear(&repo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),         cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_shards),        cmocka_unit_test(test_where_the_cache_is),
        cmocka_unit_test(test_complete),      cmocka_unit_test(test_without_refs),
        cmocka_unit_test(test_link_leftover),
    };
    return cmocka_run_group_tests(tests, make_home, drop_home);
}
