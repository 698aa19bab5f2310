/* SPDX-License-Identifier: MIT
 * See set_file.h.  A line of .goldpan-sets is "SIZE NAME". */
#include "dataset/set_file.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_NAME ".goldpan-sets"
enum { RECORD_MAX = 16 << 20 };

typedef struct entry {
    char *name; /* owned */
    uint64_t bytes;
    bool fresh; /* written by this export */
} entry;

struct gp_set_files {
    const char *folder;
    gp_set_file_fn file;
    void *user;
    entry *entries; /* [count] */
    size_t count, capacity;
};

struct gp_set_file {
    gp_set_files *files;
    char *name; /* owned */
    gp_atomic_file *file;
    uint64_t bytes;
};

static gp_status add_entry(gp_set_files *f, const char *name, size_t length, uint64_t bytes, bool fresh, gp_error *err)
{
    if (f->count == f->capacity) {
        size_t more = f->capacity ? 2 * f->capacity : 16;
        entry *larger = gp_mem_resize(f->entries, more, sizeof *larger);
        if (!larger) return gp_fail_memory(err, "the list of exported files");
        f->entries = larger, f->capacity = more;
    }
    char *copy = gp_str_dup_n(name, length);
    if (!copy) return gp_fail_memory(err, "the list of exported files");
    f->entries[f->count++] = (entry){copy, bytes, fresh};
    return GP_OK;
}

static gp_status parse(gp_set_files *f, const char *text, gp_error *err)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *blank = memchr(text, ' ', length);
        char *end = NULL;
        uint64_t bytes = strtoull(text, &end, 10);
        if (blank && end == blank && blank[1] != '/' && blank + 1 < text + length)
            GP_TRY(add_entry(f, blank + 1, length - (size_t)(blank + 1 - text), bytes, false, err));
        text += length;
        text += *text == '\n';
    }
    return GP_OK;
}

gp_status gp_set_files_open(const char *folder, gp_set_file_fn file, void *user, gp_set_files **out, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_set_files *f = gp_mem_zero(1, sizeof *f);
    if (!f) return gp_fail_memory(err, "the list of exported files");
    f->folder = folder, f->file = file, f->user = user;
    char *path = gp_set_files_path(f, RECORD_NAME);
    gp_error why = {0};
    gp_status st = path ? gp_file_read(path, RECORD_MAX, &bytes, &why) : gp_fail_memory_path(&why, "'%s'", folder);
    if (st == GP_OK)
        st = parse(f, (const char *)bytes.data, err);
    else
        st = st == GP_ERR_NOT_FOUND ? GP_OK : gp_fail_as(err, st, &why);
    gp_bytes_clear(&bytes);
    gp_mem_free(path);
    if (st == GP_OK)
        *out = f;
    else
        gp_set_files_close(f);
    return st;
}

void gp_set_files_close(gp_set_files *f)
{
    if (!f) return;
    for (size_t i = 0; i < f->count; i++) gp_mem_free(f->entries[i].name);
    gp_mem_free(f->entries);
    gp_mem_free(f);
}

char *gp_set_files_path(const gp_set_files *f, const char *name)
{
    return gp_path_join(f->folder, name);
}

/* Returns true if the record has an entry with this name and size. */
static bool is_ours(const gp_set_files *f, const char *name, uint64_t bytes)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->entries[i].bytes == bytes && strcmp(f->entries[i].name, name) == 0) return true;
    return false;
}

static gp_status check_path(const gp_set_files *f, const char *name, const char *path, gp_error *err)
{
    struct stat about;
    if (lstat(path, &about) != 0)
        return errno == ENOENT ? GP_OK : gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", path);
    if (S_ISREG(about.st_mode) && is_ours(f, name, (uint64_t)about.st_size)) return GP_OK;
    return gp_fail_path(err, GP_ERR_USAGE,
                        "'%s' exists and is not a file that goldpan wrote there: move or rename it, or choose "
                        "another folder",
                        path);
}

gp_status gp_set_files_check(const gp_set_files *f, const char *name, gp_error *err)
{
    char *path = gp_set_files_path(f, name), *folder = path ? gp_path_folder(path) : NULL;
    gp_status st = folder ? gp_folder_make(folder, err) : gp_fail_memory_path(err, "'%s'", name);
    if (st == GP_OK) st = check_path(f, name, path, err);
    gp_mem_free(folder);
    gp_mem_free(path);
    return st;
}

static gp_status write_record(const gp_set_files *f, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    char *path = gp_set_files_path(f, RECORD_NAME);
    for (size_t i = 0; i < f->count; i++)
        gp_str_printf(&text, "%" PRIu64 " %s\n", f->entries[i].bytes, f->entries[i].name);
    gp_status st = path && !text.failed ? gp_file_replace(path, text.data ? text.data : "", text.size, err)
                                        : gp_fail_memory(err, "the list of exported files");
    gp_str_clear(&text);
    gp_mem_free(path);
    return st;
}

gp_status gp_set_files_record(gp_set_files *f, const char *name, uint64_t bytes, gp_error *err)
{
    GP_TRY(add_entry(f, name, strlen(name), bytes, true, err));
    return write_record(f, err);
}

static bool is_fresh(const gp_set_files *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->entries[i].fresh && strcmp(f->entries[i].name, name) == 0) return true;
    return false;
}

/* Deletes an earlier file unless it has changed.  Returns true if its entry in the record is no longer needed. */
static bool delete_surplus(const gp_set_files *f, const entry *old, const char *const *patterns, size_t count)
{
    struct stat about;
    bool surplus = false;
    if (is_fresh(f, old->name)) return true;
    for (size_t i = 0; i < count; i++) surplus |= fnmatch(patterns[i], old->name, 0) == 0;
    if (!surplus || strstr(old->name, "../")) return false;
    char *path = gp_set_files_path(f, old->name);
    bool gone = path && lstat(path, &about) == 0 && S_ISREG(about.st_mode) && (uint64_t)about.st_size == old->bytes &&
                unlink(path) == 0;
    gp_mem_free(path);
    return gone;
}

gp_status gp_set_files_end(gp_set_files *f, const char *const *patterns, size_t count, gp_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        entry *e = &f->entries[i];
        if (!e->fresh && delete_surplus(f, e, patterns, count)) gp_mem_free(e->name), e->name = NULL;
    }
    for (size_t i = 0; i < f->count; i++)
        if (f->entries[i].name) f->entries[kept++] = f->entries[i];
    f->count = kept;
    gp_status st = kept ? write_record(f, err) : GP_OK;
    gp_set_files_close(f);
    return st;
}

/* ------------------------------------------------------------------ one file */

gp_status gp_set_file_open(gp_set_files *files, const char *name, gp_set_file **out, gp_error *err)
{
    gp_set_file *file = gp_mem_zero(1, sizeof *file);
    char *path = gp_set_files_path(files, name);
    gp_status st = GP_OK;
    if (file) file->files = files, file->name = gp_str_dup(name);
    if (!file || !path || !file->name) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s'", name));
    GP_TRY_GOTO(gp_set_files_check(files, name, err));
    GP_TRY_GOTO(gp_atomic_file_open(path, &file->file, err));
    *out = file;
    file = NULL;
out:
    gp_mem_free(path);
    gp_set_file_abort(file);
    return st;
}

gp_status gp_set_file_write(gp_set_file *file, const void *bytes, size_t size, gp_error *err)
{
    file->bytes += size;
    return gp_atomic_file_write(file->file, bytes, size, err);
}

gp_status gp_set_file_flush(gp_set_file *file, gp_str *text, gp_error *err)
{
    if (text->failed) return gp_fail_memory_path(err, "'%s'", file->name);
    gp_status st = gp_set_file_write(file, text->data, text->size, err);
    gp_str_reset(text);
    return st;
}

uint64_t gp_set_file_bytes(const gp_set_file *file)
{
    return file->bytes;
}

gp_status gp_set_files_say(const gp_set_files *files, const char *name, uint64_t bytes, gp_error *err)
{
    if (!files->file) return GP_OK;
    char *path = gp_set_files_path(files, name);
    if (!path) return gp_fail_memory_path(err, "'%s'", name);
    files->file(files->user, path, bytes);
    gp_mem_free(path);
    return GP_OK;
}

gp_status gp_set_file_commit(gp_set_file *file, gp_error *err)
{
    gp_status st = gp_set_files_record(file->files, file->name, file->bytes, err);
    if (st == GP_OK) {
        st = gp_atomic_file_commit(file->file, err);
        file->file = NULL;
    }
    if (st == GP_OK) st = gp_set_files_say(file->files, file->name, file->bytes, err);
    gp_set_file_abort(file);
    return st;
}

void gp_set_file_abort(gp_set_file *file)
{
    if (!file) return;
    gp_atomic_file_abort(file->file);
    gp_mem_free(file->name);
    gp_mem_free(file);
}
