/* SPDX-License-Identifier: MIT
 * A catalog in a new folder, and short functions that fill it. */
#ifndef GP_TESTS_CATALOG_SUPPORT_H
#define GP_TESTS_CATALOG_SUPPORT_H

#include "support.h"
#include "base/mem.h"
#include "catalog/db.h"
#include <dirent.h>
#include <sys/stat.h>

enum { DIMS = 4 };

/* Returns "<temporary folder>/NAME" in one of eight static buffers, which are used in turn. */
static char test_folder[256];
static inline const char *at(const char *name)
{
    static char buffers[8][512];
    static int turn;
    char *out = buffers[turn++ & 7];
    snprintf(out, sizeof buffers[0], "%s/%s", test_folder, name);
    return out;
}

static inline int folder_make(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(test_folder, sizeof test_folder, "%s/goldpan-test-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline void folder_remove_tree(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *e; (e = readdir(dir));) {
        char path[4096];
        struct stat info;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path) continue;
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
            folder_remove_tree(path);
        else
            unlink(path);
    }
    closedir(dir);
    rmdir(folder);
}

static inline int folder_remove(void **state)
{
    (void)state;
    folder_remove_tree(test_folder);
    return 0;
}

static inline gp_catalog *catalog_open(const char *path, unsigned flags)
{
    gp_error err = {0};
    gp_catalog *cat = NULL;
    assert_ok(gp_cat_open(path, flags, &cat, &err));
    return cat;
}

/* Returns an image whose content is the number n. */
static inline gp_cat_image image_of(unsigned n)
{
    gp_cat_image image = {.bytes = 1000 + n, .format = "png", .width = 64, .height = 48};
    image.hash = gp_hash_of(&n, sizeof n);
    return image;
}

static inline int64_t put_image(gp_catalog *cat, unsigned n, const char *path)
{
    gp_error err = {0};
    int64_t id = 0;
    bool fresh;
    gp_cat_image image = image_of(n);
    assert_ok(gp_cat_image_put(cat, &image, path, 1000 + n, 77, &id, &fresh, &err));
    return id;
}

static inline void put_prompt(gp_catalog *cat, int64_t image, const char *text, const char *source, int strength)
{
    gp_error err = {0};
    gp_cat_prompt prompt = {.text = text, .raw = text, .source = source, .strength = strength};
    assert_ok(gp_cat_prompt_put(cat, image, &prompt, NULL, &err));
}

static inline int64_t put_encoder(gp_catalog *cat, const char *weights)
{
    gp_error err = {0};
    int64_t id = 0;
    gp_cat_encoder encoder = {"test/model", weights, "fp32", "pre", "keep-end", DIMS};
    assert_ok(gp_cat_encoder_put(cat, &encoder, &id, &err));
    return id;
}

static inline void put_scorer(gp_catalog *cat, const char *key, int64_t encoder)
{
    gp_error err = {0};
    gp_cat_scorer scorer = {key, "clip", "100*max(cos,0)", encoder, true, NULL, "pair"};
    assert_ok(gp_cat_scorer_put(cat, &scorer, &err));
}

/* Runs an SQL query, and returns the number in its first row. */
static inline int64_t ask(gp_catalog *cat, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(cat->db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

/* Checks every invariant at the head of schema.c that SQL can express. */
static inline void assert_invariants(gp_catalog *cat)
{
    assert_int_equal(ask(cat, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_int_equal(ask(cat, "PRAGMA application_id"), GP_DB_APPLICATION_ID);
    assert_int_equal(ask(cat, "SELECT count(*) - count(DISTINCT hash) FROM images"), 0);
    assert_int_equal(ask(cat, "SELECT count(*) FROM image_embeddings v JOIN encoders e ON e.id = v.encoder"
                              " WHERE length(v.vector) <> 4 * e.dims"),
                     0);
    assert_int_equal(ask(cat, "SELECT count(*) FROM prompt_embeddings v JOIN encoders e ON e.id = v.encoder"
                              " WHERE length(v.vector) <> 4 * e.dims"),
                     0);
    assert_int_equal(
        ask(cat,
            "SELECT count(*) FROM scores s JOIN scorers c ON c.id = s.scorer AND c.needs <> 'pixels' WHERE NOT EXISTS"
            " (SELECT 1 FROM image_embeddings v WHERE v.encoder = c.encoder AND v.image = s.image)"),
        0);
    assert_int_equal(
        ask(cat, "SELECT count(*) FROM scores s JOIN scorers c ON c.id = s.scorer AND c.needs = 'pair' WHERE NOT EXISTS"
                 " (SELECT 1 FROM prompt_embeddings v WHERE v.encoder = c.encoder AND v.prompt = s.prompt)"),
        0);
    assert_int_equal(ask(cat, "SELECT count(*) FROM (SELECT DISTINCT scorer, rule FROM picks k WHERE EXISTS"
                              " (SELECT 1 FROM paths p WHERE p.image = k.image AND p.missing = 0))") <= 1,
                     1);
}

#endif
