/* SPDX-License-Identifier: MIT
 * Opens a damaged catalog. With writable_schema SQLite continues after errors in the schema, and after a file that is
 * shorter than its header says. A damaged header is repaired in a copy. If a page of the schema is damaged or missing,
 * the copy gets the schema's pages of a new, empty catalog. That works because a catalog of the same version has its
 * tables in the same places. These pages are used only under two conditions: most root pages are of the right kind, and
 * no readable row of the old schema contradicts them. */
#include "catalog/rescue_open.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE = 16384, /* page size of every catalog in bytes, see schema/schema.c */
    HEADER = 100,
    SCHEMA_PAGES = 64, /* maximum number of pages of the schema */
    ROOTS = 256        /* maximum number of tables and indexes read; a catalog has fewer */
};

static int connect_to(const char *path, const char *way, sqlite3 **out, int64_t *version)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_open_v2(path, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, way);
    *version = 0;
    sqlite3_db_config(*out, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(*out, SQLITE_LIMIT_LENGTH, GP_DB_MAX_BYTES);
    if (rc == SQLITE_OK && way) rc = sqlite3_exec(*out, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    /* If the schema has an error, the first statement fails. A second statement can use the part of the schema that was
     * read, so try twice. */
    for (int i = 0; rc == SQLITE_OK && !q && i < 2; i++)
        if (sqlite3_prepare_v2(*out,
                               "SELECT user_version FROM pragma_user_version, pragma_application_id"
                               " WHERE application_id = 1196441934",
                               -1, &q, NULL) != SQLITE_OK &&
            i == 1)
            rc = sqlite3_errcode(*out);
    if (rc == SQLITE_OK) rc = sqlite3_step(q);
    if (rc == SQLITE_ROW) *version = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return rc;
}

static void disconnect(gp_rescue_source *s)
{
    sqlite3_close_v2(s->db);
    s->db = NULL;
    s->version = 0;
}

/* Opens the catalog or its copy, if necessary without file locks ("unix-none"). Returns SQLITE_ROW for a goldpan
 * catalog, SQLITE_DONE for another program's file. */
static int connect_any(gp_rescue_source *s)
{
    static const char *const ways[] = {NULL, "unix-none"};
    int rc = SQLITE_ERROR;
    for (int i = 0; i < 2; i++) {
        disconnect(s);
        rc = connect_to(s->copied ? s->copy : s->path, ways[i], &s->db, &s->version);
        if (rc == SQLITE_ROW || rc == SQLITE_DONE || rc == SQLITE_NOTADB) break;
    }
    if (rc != SQLITE_ROW) disconnect(s);
    return rc;
}

/* ------------------------------------------------------------------ the private copy */

char *gp_rescue_name(const char *path, const char *end)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%s%s", path, end);
    return gp_str_take(&s);
}

void gp_rescue_remove(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char *name = gp_rescue_name(path, ends[i]);
        if (name) (void)unlink(name);
        gp_mem_free(name);
    }
}

/* Copies the catalog and its log, if it has one. */
static gp_status copy_both(const gp_rescue_source *s, gp_error *err)
{
    char *from = gp_rescue_name(s->path, "-wal"), *to = gp_rescue_name(s->copy, "-wal");
    gp_status st = from && to ? gp_file_copy(s->path, s->copy, err) : gp_fail_memory(err, "rescuing the catalog");
    if (st == GP_OK && access(from, F_OK) == 0) st = gp_file_copy(from, to, err);
    gp_mem_free(from);
    gp_mem_free(to);
    return st;
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_big_endian(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The bytes of an empty catalog, and the pages of them that contain its schema. */
typedef struct new_schema {
    const uint8_t *bytes;
    uint32_t pages[SCHEMA_PAGES]; /* numbers of pages from 1; the first is page 1 */
    size_t count;                 /* 0: the schema is stored in another way than this code expects */
} new_schema;

/* Finds the pages of the table sqlite_schema, whose root is page 1: only page 1, or an interior page and its leaves
 * (https://sqlite.org/fileformat2.html#b_tree_pages). No row of a schema is longer than a page. */
static new_schema find_schema(const uint8_t *bytes, size_t size)
{
    enum { LEAF = 13, INTERIOR = 5 };
    new_schema found = {.bytes = bytes, .pages = {1}, .count = 1};
    const uint8_t *head = bytes + HEADER;
    if (head[0] == LEAF) return found;
    size_t cells = (size_t)(head[3] << 8 | head[4]);
    if (head[0] != INTERIOR || cells + 2 > SCHEMA_PAGES) return (new_schema){0};
    for (size_t i = 0; i <= cells; i++) {
        const uint8_t *pointer = head + 12 + 2 * i;
        size_t at = (size_t)(pointer[0] << 8 | pointer[1]);
        if (i < cells && at > PAGE - 4) return (new_schema){0};
        uint32_t page = big_endian(i < cells ? bytes + at : head + 8);
        if (page < 2 || page > size / PAGE || bytes[(size_t)(page - 1) * PAGE] != LEAF) return (new_schema){0};
        found.pages[found.count++] = page;
    }
    return found;
}

/* Writes the pages of the schema after the first. */
static bool write_schema(int fd, const new_schema *schema)
{
    for (size_t i = 1; i < schema->count; i++) {
        off_t at = (off_t)(schema->pages[i] - 1) * PAGE;
        if (pwrite(fd, schema->bytes + at, PAGE, at) != PAGE) return false;
    }
    return true;
}

/* Makes the copy unless it exists, and repairs its header or replaces its schema. The number of pages is set to that of
 * the file, and the last page is filled up with zeros. schema: the new schema, or NULL to repair the header only. */
static gp_status repair_copy(gp_rescue_source *s, const new_schema *schema, gp_error *err)
{
    static const char magic[16] = "SQLite format 3";
    uint8_t page[PAGE];
    struct stat info;
    gp_status st = GP_OK;
    disconnect(s);
    bool is_new = !s->copied;
    s->copied = true;
    if (is_new) GP_TRY(copy_both(s, err));
    int fd = open(s->copy, O_RDWR | O_CLOEXEC);
    if (fd < 0) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", s->copy);
    if (fstat(fd, &info) != 0 || pread(fd, page, PAGE, 0) != PAGE)
        GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", s->copy));
    if (schema) memcpy(page, schema->bytes, PAGE);
    memcpy(page, magic, sizeof magic);
    uint32_t pages = (uint32_t)((info.st_size + PAGE - 1) / PAGE);
    for (size_t i = 0; schema && i < schema->count; i++) pages = pages > schema->pages[i] ? pages : schema->pages[i];
    put_big_endian(page + 28, pages);
    memcpy(page + 92, page + 24, 4);     /* marks the number of pages as valid */
    if (schema) memset(page + 32, 0, 8); /* clears the list of free pages */
    if (pwrite(fd, page, PAGE, 0) != PAGE || ftruncate(fd, (off_t)pages * PAGE) != 0 ||
        (schema && !write_schema(fd, schema)))
        GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", s->copy));
out:
    close(fd);
    return st;
}

gp_status gp_rescue_open(const char *path, const char *copy, gp_rescue_source *out, gp_error *err)
{
    struct stat info;
    *out = (gp_rescue_source){.path = path, .copy = copy};
    if (stat(path, &info) != 0) return GP_OK;
    int rc = connect_any(out);
    out->foreign = rc == SQLITE_DONE;
    if (rc == SQLITE_ROW || out->foreign || info.st_size < PAGE) return GP_OK;
    GP_TRY(repair_copy(out, NULL, err));
    (void)connect_any(out);
    return GP_OK;
}

/* ------------------------------------------------------------------ the schema */

typedef struct root {
    char name[64];
    uint32_t page;
} root;

/* Reads names and root pages from the schema until a row cannot be read. *whole: all rows were read. */
static size_t read_roots(sqlite3 *db, root *roots, bool *whole)
{
    sqlite3_stmt *q = NULL;
    size_t n = 0;
    int rc = SQLITE_ERROR;
    for (int i = 0; i < 2 && rc != SQLITE_OK; i++)
        rc = sqlite3_prepare_v2(db, "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0", -1, &q, NULL);
    while (rc == SQLITE_OK && n < ROOTS && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(q, 0);
        snprintf(roots[n].name, sizeof roots[n].name, "%s", name ? name : "");
        roots[n++].page = (uint32_t)sqlite3_column_int64(q, 1);
        rc = SQLITE_OK;
    }
    *whole = rc == SQLITE_DONE;
    sqlite3_finalize(q);
    return n;
}

static const root *find_root(const root *roots, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(roots[i].name, name) == 0) return &roots[i];
    return NULL;
}

/* Compares root pages of `made`, the bytes of an empty catalog, with the same pages of the damaged file. Returns how
 * many of them have the same kind in both. */
static size_t count_same_kind(const char *path, const root *roots, size_t count, const uint8_t *made, size_t size)
{
    size_t same = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < count; i++) {
        uint8_t kind;
        off_t at = (off_t)(roots[i].page - 1) * PAGE;
        if ((size_t)at >= size || pread(fd, &kind, 1, at) != 1) continue;
        /* a leaf page of the empty catalog may be an interior page in the damaged file; the two kinds differ by 8 */
        same += kind == made[at] || kind + 8 == made[at];
    }
    if (fd >= 0) close(fd);
    return same;
}

gp_status gp_rescue_schema(gp_rescue_source *s, gp_catalog *to, gp_error *err)
{
    root want[ROOTS], have[ROOTS];
    bool whole = false, all;
    struct stat info;
    sqlite3_int64 size = 0;
    gp_status st = GP_OK;
    if (s->foreign || stat(s->path, &info) != 0 || info.st_size < 2 * (off_t)PAGE) return GP_OK;
    size_t wanted = read_roots(to->db, want, &all), had = s->db ? read_roots(s->db, have, &whole) : 0;
    if (whole && had >= wanted) return GP_OK;
    for (size_t i = 0; i < had; i++) {
        const root *other = find_root(want, wanted, have[i].name);
        if (other && other->page != have[i].page) return GP_OK;
    }
    uint8_t *made = sqlite3_serialize(to->db, "main", &size, 0);
    if (!made) return gp_fail_memory(err, "rescuing the catalog");
    const new_schema schema = size >= 2 * PAGE ? find_schema(made, (size_t)size) : (new_schema){0};
    if (schema.count && big_endian(made + 68) == GP_DB_APPLICATION_ID &&
        count_same_kind(s->path, want, wanted, made, (size_t)size) * 4 >= wanted * 3) {
        st = repair_copy(s, &schema, err);
        if (st == GP_OK) (void)connect_any(s);
    }
    sqlite3_free(made);
    return st;
}

void gp_rescue_close(gp_rescue_source *s)
{
    disconnect(s);
    if (s->copied) gp_rescue_remove(s->copy);
    s->copied = false;
}
