/* SPDX-License-Identifier: MIT
 * Opens and closes catalogs, for writing and for reading, on writable and read-only media.
 *
 * A catalog is in WAL mode, so even a reader creates files beside it. Where that is impossible, there are two cases. A
 * catalog without a log is opened as immutable. A catalog with a log is opened without locks, and the connection keeps
 * the index of the log in memory. A catalog with an older schema that is opened for reading is copied to a temporary
 * database and migrated there.
 *
 * The file may come from an untrusted source. Triggers are disabled, and the schema may call only harmless functions.
 * goldpan's tables must be real tables, because a view could run forever. No statement here reads a view of the
 * file. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/db.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IN_MEMORY ":memory:"

typedef enum access_way {
    WAY_USUAL,
    WAY_IMMUTABLE, /* without locks, ignoring the log */
    WAY_ALONE      /* without locks, using the log */
} access_way;

/* ------------------------------------------------------------------ the path of the catalog */

/* Creates the folder of a new catalog. Fails if the folder, or the nearest existing folder above it, is read-only. */
static gp_status make_folder_of(const char *path, gp_error *err)
{
    struct stat info;
    char *folder = gp_path_folder(path), *above;
    while (folder && stat(folder, &info) != 0 && strcmp(folder, "/") != 0 && strcmp(folder, ".") != 0) {
        above = gp_path_folder(folder);
        gp_mem_free(folder);
        folder = above;
    }
    if (!folder) return gp_fail_memory_path(err, "the folder of '%s'", path);
    int number = access(folder, W_OK) == 0 ? 0 : errno;
    gp_mem_free(folder);
    if (number == EROFS || number == EACCES)
        return gp_fail_path(err, GP_ERR_IO,
                            "cannot create catalog '%s' in a read-only folder: name another file with --catalog FILE",
                            path);
    folder = gp_path_folder(path);
    if (!folder) return gp_fail_memory_path(err, "the folder of '%s'", path);
    gp_status st = gp_folder_make(folder, err);
    gp_mem_free(folder);
    return st;
}

static gp_status check_file(const char *path, bool create, gp_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) return gp_fail_path(err, GP_ERR_CATALOG, "'%s' is a folder, not a catalog", path);
        if (!S_ISREG(info.st_mode))
            return gp_fail_path(err, GP_ERR_CATALOG, "'%s' is not a regular file, so it cannot be a catalog", path);
        return GP_OK;
    }
    if (errno != ENOENT && errno != ENOTDIR)
        return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot open catalog '%s'", path);
    if (!create) return gp_fail_path(err, GP_ERR_NOT_FOUND, "there is no catalog '%s'", path);
    return make_folder_of(path, err);
}

/* Returns "file:" and the absolute path. Special characters are escaped, so that SQLite does not read a part of a name
 * as an option. */
static char *uri_of(const char *path, access_way way)
{
    gp_str s = GP_STR_INIT;
    char *absolute = gp_path_absolute(path);
    if (!absolute) return NULL;
    gp_str_puts(&s, "file:");
    for (const unsigned char *p = (const unsigned char *)absolute; *p; p++) {
        if (*p == '%' || *p == '?' || *p == '#')
            gp_str_printf(&s, "%%%02x", *p);
        else
            gp_str_putc(&s, (char)*p);
    }
    if (way == WAY_IMMUTABLE) gp_str_puts(&s, "?immutable=1");
    gp_mem_free(absolute);
    return gp_str_take(&s);
}

/* ------------------------------------------------------------------ connections */

static gp_status set_up(gp_catalog *cat, gp_error *err)
{
    sqlite3_busy_timeout(cat->db, GP_DB_BUSY_MS);
    sqlite3_db_config(cat->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(cat->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_limit(cat->db, SQLITE_LIMIT_LENGTH, GP_DB_MAX_BYTES);
    GP_TRY(gp_db_exec(cat, "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON", err));
    /* The cache is 32 MiB and the log 64 MiB. New hashes change random pages of their index, and a smaller cache would
     * read and write these pages repeatedly. */
    return gp_db_exec(cat, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4096",
                      err);
}

static void disconnect(gp_catalog *cat)
{
    for (size_t i = 0; i < cat->cached; i++) sqlite3_finalize(cat->cache[i].stmt);
    cat->cached = 0;
    if (!cat->db) return;
    gp_cat_rollback(cat);
    /* if a cursor is still open, _v2 closes the database later; sqlite3_close would leak it */
    sqlite3_close_v2(cat->db);
    cat->db = NULL;
}

static gp_status connect_db(gp_catalog *cat, bool create, access_way way, gp_error *err)
{
    int mode = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    mode |= cat->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (create) mode |= SQLITE_OPEN_CREATE;
    char *uri = cat->memory ? gp_str_dup(IN_MEMORY) : uri_of(cat->path, way);
    if (!uri) return gp_fail_memory_path(err, "catalog '%s'", cat->path);
    disconnect(cat);
    int rc = sqlite3_open_v2(uri, &cat->db, mode, way == WAY_ALONE ? "unix-none" : NULL);
    gp_mem_free(uri);
    if (rc != SQLITE_OK) return gp_db_fail(cat, rc, err);
    /* If a file is not writable, SQLite opens it read-only and reports no error. */
    if (!cat->readonly && !cat->memory && sqlite3_db_readonly(cat->db, "main") == 1)
        return gp_db_fail(cat, SQLITE_READONLY, err);
    if (way == WAY_ALONE) GP_TRY(gp_db_exec(cat, "PRAGMA locking_mode = EXCLUSIVE", err));
    return set_up(cat, err);
}

/* ------------------------------------------------------------------ opening for reading */

static bool has_log(const gp_catalog *cat)
{
    struct stat info;
    gp_str wal = GP_STR_INIT;
    gp_str_printf(&wal, "%s-wal", cat->path);
    bool has = !wal.failed && stat(wal.data, &info) == 0 && info.st_size > 0;
    gp_str_clear(&wal);
    return has;
}

static gp_status attempt(gp_catalog *cat, access_way way, const gp_db_steps *steps, gp_error *err)
{
    cat->older = false;
    GP_TRY(connect_db(cat, false, way, err));
    return gp_db_migrate(cat, steps->list, steps->count, false, err);
}

/* Copies the catalog to a temporary database and migrates the copy. The temporary file has no name, so it disappears
 * even if the process is killed. */
static gp_status copy_up_to_date(gp_catalog *cat, const gp_db_steps *steps, gp_error *err)
{
    sqlite3 *from = cat->db, *to = NULL;
    int rc = sqlite3_open_v2(
        "", &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    sqlite3_backup *backup = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (rc == SQLITE_OK && !backup) rc = sqlite3_errcode(to);
    if (backup) {
        do rc = sqlite3_backup_step(backup, 4096);
        while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED);
        int end = sqlite3_backup_finish(backup);
        if (rc == SQLITE_DONE) rc = end;
    }
    disconnect(cat);
    cat->db = to;
    cat->copy = true;
    gp_status st = rc == SQLITE_OK ? set_up(cat, err) : gp_db_fail(cat, rc, err);
    if (st == GP_OK) st = gp_db_migrate(cat, steps->list, steps->count, false, err);
    if (st == GP_OK) st = gp_db_exec(cat, "PRAGMA query_only = ON", err);
    return st == GP_OK ? st : gp_fail_within(err, st, "cannot make a temporary copy to read an older catalog");
}

static gp_status open_reading(gp_catalog *cat, const gp_db_steps *steps, gp_error *err)
{
    gp_error first = {0};
    gp_status st = attempt(cat, WAY_USUAL, steps, &first);
    if (st == GP_ERR_IO) {
        gp_status other = attempt(cat, has_log(cat) ? WAY_ALONE : WAY_IMMUTABLE, steps, NULL);
        if (other == GP_OK || cat->older) st = other;
    }
    if (st != GP_OK && cat->older) return copy_up_to_date(cat, steps, err);
    if (st != GP_OK && err) *err = first;
    return st;
}

/* ------------------------------------------------------------------ opening for writing */

static gp_status open_writing(gp_catalog *cat, bool create, const gp_db_steps *steps, gp_error *err)
{
    GP_TRY(connect_db(cat, create, WAY_USUAL, err));
    return gp_db_migrate(cat, steps->list, steps->count, create, err);
}

static gp_status new_handle(const char *path, gp_catalog **out, gp_error *err)
{
    gp_catalog *cat = NULL;
    GP_TRY(gp_alloc((void **)&cat, 1, sizeof *cat, "the catalog handle", err));
    memset(cat, 0, sizeof *cat);
    cat->marks.fd = -1;
    cat->path = gp_str_dup(path);
    *out = cat;
    return cat->path ? GP_OK : gp_fail_memory_path(err, "catalog '%s'", path);
}

gp_status gp_db_open(const char *path, unsigned flags, const gp_db_step *list, size_t count, gp_catalog **out,
                     gp_error *err)
{
    const gp_db_steps steps = {list, count};
    gp_catalog *cat = NULL;
    bool create = flags & GP_CATALOG_CREATE, either = flags & GP_CATALOG_READ_IF_MUST;
    if (!path || !*path) return gp_fail(err, GP_ERR_USAGE, "the file name of the catalog is empty");
    if (create && (flags & (GP_CATALOG_READONLY | GP_CATALOG_READ_IF_MUST)))
        return gp_fail(err, GP_ERR_USAGE, "a catalog cannot be both created and read-only");
    GP_TRY(check_file(path, create, err));
    gp_status st = new_handle(path, &cat, err);
    if (st == GP_OK && !(flags & GP_CATALOG_READONLY)) st = open_writing(cat, create, &steps, err);
    if (cat && cat->path && ((flags & GP_CATALOG_READONLY) || (either && st == GP_ERR_IO))) {
        cat->readonly = true;
        st = open_reading(cat, &steps, err);
    }
    if (st == GP_OK)
        *out = cat;
    else
        gp_cat_close(cat);
    return st;
}

gp_status gp_cat_open(const char *path, unsigned flags, gp_catalog **out, gp_error *err)
{
    gp_catalog *cat = NULL;
    GP_TRY(gp_db_open(path, flags, gp_db_all.list, gp_db_all.count, &cat, err));
    gp_status st = cat->readonly ? GP_OK : gp_marks_attach(cat, err);
    if (st == GP_OK)
        *out = cat;
    else
        gp_cat_close(cat);
    return st;
}

gp_status gp_cat_open_memory(gp_catalog **out, gp_error *err)
{
    gp_catalog *cat = NULL;
    gp_status st = new_handle(IN_MEMORY, &cat, err);
    if (st == GP_OK) cat->memory = true;
    if (st == GP_OK) st = connect_db(cat, true, WAY_USUAL, err);
    if (st == GP_OK) st = gp_db_migrate(cat, gp_db_all.list, gp_db_all.count, true, err);
    if (st == GP_OK)
        *out = cat;
    else
        gp_cat_close(cat);
    return st;
}

/* ------------------------------------------------------------------ the handle */

bool gp_cat_readonly(const gp_catalog *cat)
{
    return cat->readonly;
}

/* SQLite calls this function about 1000 times per second while a statement runs. */
static int on_progress(void *user)
{
    const gp_catalog *cat = user;
    return cat->go_on && !cat->go_on(cat->go_on_user);
}

void gp_cat_watch(gp_catalog *cat, bool (*go_on)(void *user), void *user)
{
    enum { STEPS = 20000 /* instructions of SQLite's virtual machine: about a millisecond */ };
    cat->go_on = go_on, cat->go_on_user = user;
    sqlite3_progress_handler(cat->db, go_on ? STEPS : 0, go_on ? on_progress : NULL, cat);
}

void gp_cat_close(gp_catalog *cat)
{
    if (!cat) return;
    disconnect(cat);
    gp_marks_close(cat);
    gp_mem_free(cat->path);
    gp_mem_free(cat);
}

const char *gp_cat_path(const gp_catalog *cat)
{
    return cat->path;
}
