/* SPDX-License-Identifier: MIT
 * Catalogs on read-only media and in read-only folders, with and without a write-ahead log, also with older schemas;
 * and files made by a stranger.  Root ignores permissions, so for root the folder is a private read-only mount. */
#include "analysis_support.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* Makes the folder read-only for this process.  Returns false if that is not possible on this system. */
static bool make_unwritable(const char *folder)
{
    if (geteuid() != 0) return chmod(folder, 0555) == 0;
    if (unshare(CLONE_NEWNS) != 0) return false;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount(folder, folder, NULL, MS_BIND, NULL) == 0 &&
           mount("none", folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0;
}

enum { NO_MOUNT = 77 };

/* Calls `look` in a process for which `folder` is read-only. */
static void in_unwritable(const char *folder, void (*look)(void))
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!make_unwritable(folder)) _exit(NO_MOUNT);
        look();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)chmod(folder, 0755);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_MOUNT) {
        printf("skipped: read-only folders (no mount of our own here)\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define MUST(what)                                                                                                     \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            fprintf(stderr, "line %d: %s\n", __LINE__, #what);                                                         \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

enum { IMAGES = 20 };

/* Writes a catalog in a process that is killed before SQLite copies the write-ahead log into the catalog file. */
static void leave_log(const char *path, const gp_db_step *steps, size_t count)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        gp_error err = {0};
        gp_catalog *cat = NULL;
        if (gp_db_open(path, GP_CATALOG_CREATE, steps, count, &cat, &err) != GP_OK) _exit(2);
        for (int i = 0; i < IMAGES; i++)
            if (gp_db_exec(cat,
                           "INSERT INTO images(hash, bytes, format, width, height, orientation)"
                           " VALUES(randomblob(16), 1, 'png', 1, 1, 0)",
                           &err) != GP_OK)
                _exit(3);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void in_folder(const char *name, const char **folder, const char **db)
{
    char file[100];
    *folder = at(name);
    snprintf(file, sizeof file, "%s/c.db", name);
    *db = at(file);
    assert_int_equal(mkdir(*folder, 0755), 0);
}

static const char *the_db, *the_other;

static void look(void)
{
    static const unsigned flags[] = {GP_CATALOG_READONLY, GP_CATALOG_READ_IF_MUST};
    for (int i = 0; i < 2; i++) {
        gp_error err = {0};
        gp_catalog *cat = NULL;
        gp_counts counts = GP_INIT(gp_counts);
        gp_status st = gp_cat_open(the_db, flags[i], &cat, &err);
        if (st != GP_OK) fprintf(stderr, "%s\n", err.message);
        MUST(st == GP_OK);
        MUST(gp_cat_readonly(cat));
        MUST(gp_cat_counts(cat, &counts, &err) == GP_OK);
        MUST(counts.images == IMAGES);
        MUST(gp_db_exec(cat, "DELETE FROM images", &err) == GP_ERR_IO);
        MUST(strstr(err.message, "opened read-only"));
        gp_cat_close(cat);
    }
    gp_error err = {0};
    gp_catalog *cat = NULL;
    /* opening the catalog for writing fails at once with the reason */
    MUST(gp_cat_open(the_db, 0, &cat, &err) == GP_ERR_IO);
    if (!strstr(err.message, "cannot be written")) fprintf(stderr, "%s\n", err.message);
    MUST(strstr(err.message, "cannot be written"));
    MUST(strstr(err.message, the_db));
    MUST(gp_cat_open(the_other, GP_CATALOG_CREATE, &cat, &err) == GP_ERR_IO);
    MUST(strstr(err.message, "read-only") && strstr(err.message, "--catalog FILE") && strstr(err.message, the_other));
}

static void test_unwritable(void **state)
{
    (void)state;
    static const gp_db_step first[] = {{1, gp_db_version_1}};
    static const char *const names[] = {"closed", "log", "log-alone", "old", "old-log", "old-log-alone"};
    for (int i = 0; i < 6; i++) {
        const char *folder;
        char other[100], shm[600];
        in_folder(names[i], &folder, &the_db);
        snprintf(other, sizeof other, "%s/.goldpan/new.db", names[i]);
        the_other = at(other);
        leave_log(the_db, i < 3 ? gp_db_all.list : first, i < 3 ? gp_db_all.count : 1);
        if (i % 3 == 0) { /* opening and closing the catalog removes the write-ahead log */
            gp_catalog *cat = NULL;
            gp_error err = {0};
            assert_ok(i ? gp_db_open(the_db, 0, first, 1, &cat, &err) : gp_cat_open(the_db, 0, &cat, &err));
            gp_cat_close(cat);
        }
        snprintf(shm, sizeof shm, "%s-shm", the_db);
        if (i % 3 == 2) assert_int_equal(unlink(shm), 0);
        (void)chmod(the_db, 0444), (void)chmod(shm, 0444);
        snprintf(shm, sizeof shm, "%s-wal", the_db);
        (void)chmod(shm, 0444);
        in_unwritable(folder, look);
    }
}

/* ------------------------------------------------------------------ a file made by a stranger */

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void test_stranger(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("view.db"), GP_CATALOG_CREATE);
    gp_cat_close(cat);
    run_sql(at("view.db"), "DROP VIEW v_images; DROP VIEW v_standings; DROP VIEW v_scores; DROP TABLE failures;"
                           "CREATE VIEW failures AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
                           " SELECT x AS path, x AS stage, x AS message FROM n");
    cat = NULL;
    assert_int_equal(gp_cat_open(at("view.db"), GP_CATALOG_READONLY, &cat, &err), GP_ERR_CATALOG);
    assert_int_equal(gp_cat_open(at("view.db"), 0, &cat, &err), GP_ERR_CATALOG);
    assert_null(cat);
    cat = catalog_open(at("trigger.db"), GP_CATALOG_CREATE);
    gp_cat_close(cat);
    run_sql(at("trigger.db"), "CREATE TRIGGER t AFTER INSERT ON images BEGIN DELETE FROM images; END");
    cat = catalog_open(at("trigger.db"), 0);
    put_image(cat, 1, "/x/1.png");
    assert_int_equal(ask(cat, "SELECT count(*) FROM images"), 1);
    gp_cat_close(cat);
}

static bool is_listed(const char *name)
{
    for (const gp_db_table *t = gp_db_tables; t->name; t++)
        if (!strcmp(t->name, name)) return true;
    return false;
}

/* gp_db_tables lists every table of a new catalog.  No table of a catalog may be a view. */
static void test_tables(void **state)
{
    (void)state;
    size_t listed = 0;
    sqlite3_stmt *q = NULL;
    gp_catalog *cat = catalog_open(at("tables.db"), GP_CATALOG_CREATE);
    const char *sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    assert_int_equal(sqlite3_prepare_v2(cat->db, sql, -1, &q, NULL), SQLITE_OK);
    for (; sqlite3_step(q) == SQLITE_ROW; listed++) assert_true(is_listed((const char *)sqlite3_column_text(q, 0)));
    sqlite3_finalize(q);
    gp_cat_close(cat);
    for (const gp_db_table *t = gp_db_tables; t->name; t++, listed--) {
        gp_error err = {0};
        char change[300];
        unlink(at("table.db"));
        gp_cat_close(catalog_open(at("table.db"), GP_CATALOG_CREATE));
        snprintf(change, sizeof change,
                 "DROP VIEW v_images; DROP VIEW v_standings; DROP VIEW v_scores; DROP TABLE %s;"
                 "CREATE VIEW %s AS SELECT 1 AS id",
                 t->name, t->name);
        run_sql(at("table.db"), change);
        if (gp_cat_open(at("table.db"), GP_CATALOG_READONLY, &cat, &err) != GP_ERR_CATALOG) fail_msg("%s", t->name);
    }
    assert_int_equal(listed, 0);
}

/* A callback that ends a long query by returning false. */
static bool not_any_more(void *user)
{
    ++*(int *)user;
    return false;
}

static void test_watch(void **state)
{
    (void)state;
    int asked = 0;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("watch.db"), GP_CATALOG_CREATE);
    gp_cat_watch(cat, not_any_more, &asked);
    assert_int_equal(gp_db_exec(cat,
                                "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
                                " SELECT count(*) FROM n",
                                &err),
                     GP_ERR_STOPPED);
    assert_int_equal(asked, 1);
    gp_cat_watch(cat, NULL, NULL);
    put_image(cat, 1, "/x/1.png");
    gp_cat_close(cat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unwritable), cmocka_unit_test(test_stranger),
                                       cmocka_unit_test(test_tables), cmocka_unit_test(test_watch)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
