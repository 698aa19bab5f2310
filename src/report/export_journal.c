/* SPDX-License-Identifier: MIT
 * Writes the journals of exports.  Each line is appended by one write.  A line that could not be written whole is cut
 * off again, so that it does not damage the next one. */
#include "report/export_journal.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/marks.h"
#include "report/export_journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

const char *const gp_export_modes[] = {"copy", "hardlink", "symlink", "none", "move", "reflink", "strip", NULL};

struct gp_export_journal {
    char *path; /* owned */
    uint64_t number;
    int file;
    bool fresh;  /* a new journal in which nothing is recorded */
    bool broken; /* a line could not be written */
};

char *gp_exports_folder(const char *catalog)
{
    gp_str s = GP_STR_INIT;
    size_t size = strlen(catalog);
    gp_str_add(&s, catalog, gp_str_ends(catalog, ".db") ? size - 3 : size);
    gp_str_puts(&s, ".exports");
    return gp_str_take(&s);
}

char *gp_export_journal_path(const char *catalog, uint64_t number)
{
    gp_str s = GP_STR_INIT;
    char *folder = gp_exports_folder(catalog);
    if (folder) gp_str_printf(&s, "%s/%llu.jsonl", folder, (unsigned long long)number);
    s.failed |= folder == NULL;
    gp_mem_free(folder);
    return gp_str_take(&s);
}

/* ------------------------------------------------------------------ lines */

/* Appends a path as a JSON string.  A path may be no valid UTF-8: then the bytes that are not, and "%", are written as
 * %XX. */
static void put_path(gp_str *s, const char *name, const char *path)
{
    gp_str text = GP_STR_INIT;
    size_t size = strlen(path);
    for (size_t at = 0; at < size;) {
        uint32_t c;
        size_t length = gp_utf8_next(path + at, size - at, &c);
        if (path[at] == '%' || (c == 0xFFFD && length == 1))
            gp_str_printf(&text, "%%%02X", (unsigned)(unsigned char)path[at]);
        else
            gp_str_add(&text, path + at, length);
        at += length;
    }
    gp_json_put_text(s, name, text.data ? text.data : "");
    s->failed |= text.failed;
    gp_str_clear(&text);
}

/* Appends the line whose members are in `body`, which begins with '{'.  Clears `body`. */
static gp_status append(gp_export_journal *j, gp_str *body, bool sync, gp_error *err)
{
    gp_str line = GP_STR_INIT;
    gp_status st = GP_OK;
    gp_marks_line(&line, body);
    gp_str_clear(body);
    off_t before = lseek(j->file, 0, SEEK_END);
    if (line.failed) {
        st = gp_fail_memory(err, "the journal of an export");
    } else if (before < 0 || !gp_fd_write(j->file, -1, line.data, line.size) || (sync && fdatasync(j->file) != 0)) {
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", j->path);
        if (before >= 0 && ftruncate(j->file, before) != 0) errno = 0;
    }
    if (st != GP_OK) j->broken = true;
    gp_str_clear(&line);
    return st;
}

static void put_at(gp_str *s)
{
    gp_str_printf(s, ",\"at\":%lld", (long long)time(NULL));
}

static void put_hash(gp_str *s, const char *name, const gp_hash *hash)
{
    char hex[33];
    gp_hash_hex(*hash, hex);
    gp_json_put_text(s, name, hex);
}

gp_status gp_export_journal_file(gp_export_journal *j, const char *to, const char *from, const gp_hash *hash,
                                 const gp_hash *original, const struct stat *source, bool sync, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (!j) return GP_OK;
    j->fresh = false;
    gp_str_putc(&s, '{');
    put_path(&s, "file", to);
    put_path(&s, "from", from);
    put_hash(&s, "hash", hash);
    if (original) put_hash(&s, "original", original);
    gp_str_printf(&s, ",\"size\":%llu,\"device\":%llu,\"inode\":%llu", (unsigned long long)source->st_size,
                  (unsigned long long)source->st_dev, (unsigned long long)source->st_ino);
    put_at(&s);
    return append(j, &s, sync, err);
}

static gp_status append_path(gp_export_journal *j, const char *name, const char *path, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (!j) return GP_OK;
    gp_str_putc(&s, '{');
    put_path(&s, name, path);
    return append(j, &s, false, err);
}

gp_status gp_export_journal_void(gp_export_journal *j, const char *to, gp_error *err)
{
    return append_path(j, "void", to, err);
}

gp_status gp_export_journal_undone(gp_export_journal *j, const char *path, gp_error *err)
{
    return append_path(j, "undone", path, err);
}

gp_status gp_export_journal_folder(gp_export_journal *j, const char *path, gp_error *err)
{
    if (j) j->fresh = false;
    return append_path(j, "folder", path, err);
}

gp_status gp_export_journal_table(gp_export_journal *j, const char *path, const gp_hash *hash, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (!j) return GP_OK;
    j->fresh = false;
    gp_str_putc(&s, '{');
    put_path(&s, "table", path);
    put_hash(&s, "hash", hash);
    return append(j, &s, false, err);
}

gp_status gp_export_journal_undo(gp_export_journal *j, uint64_t left, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "{\"undo\":%llu", (unsigned long long)left);
    put_at(&s);
    return append(j, &s, true, err);
}

gp_status gp_export_journal_end(gp_export_journal *j, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    if (!j || j->fresh) return GP_OK;
    gp_str_puts(&s, "{\"end\":true");
    put_at(&s);
    return append(j, &s, true, err);
}

/* ------------------------------------------------------------------ opening */

uint64_t gp_export_journal_number(const gp_export_journal *j)
{
    return j && !j->fresh ? j->number : 0;
}

bool gp_export_journal_broken(const gp_export_journal *j)
{
    return j && j->broken;
}

void gp_export_journal_keep(gp_export_journal *j)
{
    if (j) j->fresh = false;
}

void gp_export_journal_close(gp_export_journal *j)
{
    if (!j) return;
    if (j->fresh) (void)unlink(j->path);
    if (j->file >= 0) close(j->file);
    gp_mem_free(j->path);
    gp_mem_free(j);
}

static bool lock(int file)
{
    int rc;
    while ((rc = flock(file, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {
    }
    return rc == 0 || errno != EWOULDBLOCK; /* a file system without locks */
}

static gp_status write_head(gp_export_journal *j, const gp_export_options *o, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    char *folder = gp_path_absolute(o->folder);
    gp_str_printf(&s, "{\"goldpan\":\"export\",\"version\":%d,\"number\":%llu", GP_JOURNAL_VERSION,
                  (unsigned long long)j->number);
    put_at(&s);
    if (folder) put_path(&s, "folder", folder);
    s.failed |= folder == NULL;
    gp_json_put_text(&s, "mode", gp_export_modes[o->mode]);
    gp_json_put_text(&s, "name", o->name);
    gp_mem_free(folder);
    return append(j, &s, false, err);
}

static gp_status journal_at(const char *catalog, uint64_t number, int flags, gp_export_journal **out, gp_error *err)
{
    gp_export_journal *j = gp_mem_zero(1, sizeof *j);
    if (!j) return gp_fail_memory(err, "the journal of an export");
    *j = (gp_export_journal){.path = gp_export_journal_path(catalog, number), .number = number, .file = -1};
    gp_status st = GP_OK;
    if (!j->path)
        st = gp_fail_memory(err, "the journal of an export");
    else if ((j->file = open(j->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666)) < 0)
        st = errno == EEXIST   ? GP_ERR_STOPPED
             : errno == ENOENT ? gp_fail(err, GP_ERR_NOT_FOUND, "there is no export %llu", (unsigned long long)number)
                               : gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", j->path);
    if (st == GP_OK)
        *out = j;
    else
        gp_export_journal_close(j);
    return st;
}

gp_status gp_export_journal_new(const char *catalog, const gp_export_options *options, gp_export_journal **out,
                                gp_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    gp_export_journal *j = NULL;
    char *folder = gp_exports_folder(catalog);
    gp_status st = folder ? gp_folder_make(folder, err) : gp_fail_memory(err, "the journal of an export");
    if (st == GP_OK) st = gp_exports_list(catalog, &numbers, &count, err);
    uint64_t number = count ? numbers[count - 1] : 0;
    gp_mem_free(numbers);
    gp_mem_free(folder);
    if (st == GP_OK) st = GP_ERR_STOPPED; /* another process may take the number first */
    while (st == GP_ERR_STOPPED) st = journal_at(catalog, ++number, O_CREAT | O_EXCL, &j, err);
    if (st != GP_OK) return st;
    j->fresh = true;
    /* waits for a process that looks whether this new journal is that of a killed export */
    while (flock(j->file, LOCK_EX) != 0 && errno == EINTR) {
    }
    st = write_head(j, options, err);
    if (st == GP_OK) st = gp_folder_sync_of(j->path, err);
    if (st == GP_OK)
        *out = j;
    else
        gp_export_journal_close(j);
    return st;
}

gp_status gp_export_journal_open(const char *catalog, uint64_t number, gp_export_journal **out, gp_error *err)
{
    *out = NULL;
    GP_TRY(journal_at(catalog, number, 0, out, err));
    if (lock((*out)->file)) {
        /* ends a line that was written in part, so that the next line is a line of its own */
        char last = '\n';
        off_t size = lseek((*out)->file, 0, SEEK_END);
        if (size > 0 && pread((*out)->file, &last, 1, size - 1) == 1 && last != '\n')
            (void)gp_fd_write((*out)->file, -1, "\n", 1);
        return GP_OK;
    }
    gp_export_journal_close(*out);
    *out = NULL;
    return GP_OK;
}

gp_status gp_export_journal_make_folder(gp_export_journal *j, const char *path, gp_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0) return gp_folder_make(path, err); /* its message, if it is no folder */
    char *above = gp_path_folder(path);
    if (!above) return gp_fail_memory_path(err, "'%s'", path);
    gp_status st = GP_OK;
    if (strcmp(above, path) != 0 && strcmp(above, ".") != 0) st = gp_export_journal_make_folder(j, above, err);
    gp_mem_free(above);
    if (st == GP_OK) st = gp_export_journal_folder(j, path, err);
    return st == GP_OK ? gp_folder_make(path, err) : st;
}
