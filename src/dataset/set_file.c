/* SPDX-License-Identifier: MIT
 * See set_file.h.  A line of .goldpan-sets is "SIZE HASH NAME". */
#include "dataset/set_file.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_NAME ".goldpan-sets"
enum { RECORD_MAX = 16 << 20, HASH_FIELD = 34 /* a hash between two blanks */ };

typedef struct entry {
    char *name; /* owned */
    uint64_t bytes;
    gp_hash hash;
    bool fresh; /* written by this export */
    bool gone;  /* no longer needed */
} entry;

/* A file that this export may replace, as it was at the check. */
typedef struct checked {
    char *name; /* owned */
    struct stat about;
} checked;

struct gp_set_files {
    const char *folder;
    gp_set_events events;
    entry *entries; /* [count] */
    size_t count, capacity;
    checked *checks; /* [check_count] */
    size_t check_count, check_capacity;
};

struct gp_set_file {
    gp_set_files *files;
    char *name; /* owned */
    gp_atomic_file *file;
    uint64_t bytes;
};

static gp_status add_entry(gp_set_files *f, const char *name, size_t length, const entry *about, gp_error *err)
{
    if (f->count == f->capacity) {
        size_t more = f->capacity ? 2 * f->capacity : 16;
        entry *larger = gp_mem_resize(f->entries, more, sizeof *larger);
        if (!larger) return gp_fail_memory(err, "the list of exported files");
        f->entries = larger, f->capacity = more;
    }
    char *copy = gp_str_dup_n(name, length);
    if (!copy) return gp_fail_memory(err, "the list of exported files");
    f->entries[f->count] = *about;
    f->entries[f->count++].name = copy;
    return GP_OK;
}

static gp_status parse(gp_set_files *f, const char *text, gp_error *err)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        char *end = NULL;
        entry about = {.bytes = strtoull(text, &end, 10)};
        size_t head = (size_t)(end - text) + HASH_FIELD;
        char hex[HASH_FIELD - 1] = "";
        bool fields = head < length && *end == ' ' && end[HASH_FIELD - 1] == ' ';
        if (fields) memcpy(hex, end + 1, HASH_FIELD - 2);
        if (fields && gp_hash_from_hex(hex, &about.hash) && text[head] != '/')
            GP_TRY(add_entry(f, text + head, length - head, &about, err));
        text += length;
        text += *text == '\n';
    }
    return GP_OK;
}

gp_status gp_set_files_open(const char *folder, const gp_set_events *events, gp_set_files **out, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_set_files *f = gp_mem_zero(1, sizeof *f);
    if (!f) return gp_fail_memory(err, "the list of exported files");
    f->folder = folder, f->events = *events;
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
    for (size_t i = 0; i < f->check_count; i++) gp_mem_free(f->checks[i].name);
    gp_mem_free(f->checks);
    gp_mem_free(f->entries);
    gp_mem_free(f);
}

char *gp_set_files_path(const gp_set_files *f, const char *name)
{
    return gp_path_join(f->folder, name);
}

/* Returns true if the regular file at `path` has the recorded content of `name`.  *about: of the file. */
static bool is_ours(const gp_set_files *f, const char *name, const char *path, struct stat *about, gp_error *err)
{
    gp_hash hash = {0};
    uint64_t bytes = 0;
    bool ours = false, sized = false;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (file >= 0 && fstat(file, about) == 0 && S_ISREG(about->st_mode))
        for (size_t i = 0; i < f->count; i++)
            sized |= f->entries[i].bytes == (uint64_t)about->st_size && strcmp(f->entries[i].name, name) == 0;
    if (sized && gp_hash_file(file, path, &hash, &bytes, err) == GP_OK)
        for (size_t i = 0; i < f->count; i++)
            ours |= f->entries[i].bytes == bytes && strcmp(f->entries[i].name, name) == 0 &&
                    memcmp(f->entries[i].hash.bytes, hash.bytes, sizeof hash.bytes) == 0;
    if (file >= 0) close(file);
    return ours;
}

static gp_status add_check(gp_set_files *f, const char *name, const struct stat *about, gp_error *err)
{
    if (f->check_count == f->check_capacity) {
        size_t more = f->check_capacity ? 2 * f->check_capacity : 16;
        checked *larger = gp_mem_resize(f->checks, more, sizeof *larger);
        if (!larger) return gp_fail_memory(err, "the list of exported files");
        f->checks = larger, f->check_capacity = more;
    }
    char *copy = gp_str_dup(name);
    if (!copy) return gp_fail_memory(err, "the list of exported files");
    f->checks[f->check_count++] = (checked){copy, *about};
    return GP_OK;
}

static gp_status not_ours(const char *path, gp_error *err)
{
    return gp_fail_path(err, GP_ERR_USAGE,
                        "'%s' exists and is not a file that goldpan wrote there, or its content has changed since: "
                        "move or rename it, or choose another folder",
                        path);
}

static gp_status check_path(gp_set_files *f, const char *name, const char *path, gp_error *err)
{
    struct stat about;
    gp_error why = {0};
    if (lstat(path, &about) != 0)
        return errno == ENOENT ? GP_OK : gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", path);
    if (is_ours(f, name, path, &about, &why)) return add_check(f, name, &about, err);
    return why.status == GP_ERR_MEMORY ? gp_fail_as(err, GP_ERR_MEMORY, &why) : not_ours(path, err);
}

gp_status gp_set_files_check(gp_set_files *f, const char *name, gp_error *err)
{
    char *path = gp_set_files_path(f, name), *folder = path ? gp_path_folder(path) : NULL;
    gp_status st = folder ? GP_OK : gp_fail_memory_path(err, "'%s'", name);
    if (st == GP_OK)
        st = f->events.folder ? f->events.folder(f->events.user, folder, err) : gp_folder_make(folder, err);
    if (st == GP_OK) st = check_path(f, name, path, err);
    gp_mem_free(folder);
    gp_mem_free(path);
    return st;
}

/* Fails if the file at `path` is not the one that the check saw, or the check saw none. */
static gp_status check_again(const gp_set_files *f, const char *name, const char *path, gp_error *err)
{
    struct stat now;
    if (lstat(path, &now) != 0) return GP_OK;
    for (size_t i = 0; i < f->check_count; i++) {
        const struct stat *then = &f->checks[i].about;
        if (strcmp(f->checks[i].name, name) == 0 && then->st_dev == now.st_dev && then->st_ino == now.st_ino &&
            then->st_size == now.st_size && then->st_mtim.tv_sec == now.st_mtim.tv_sec &&
            then->st_mtim.tv_nsec == now.st_mtim.tv_nsec)
            return GP_OK;
    }
    return not_ours(path, err);
}

static gp_status write_record(const gp_set_files *f, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    char *path = gp_set_files_path(f, RECORD_NAME), hex[33];
    for (size_t i = 0; i < f->count; i++) {
        gp_hash_hex(f->entries[i].hash, hex);
        gp_str_printf(&text, "%" PRIu64 " %s %s\n", f->entries[i].bytes, hex, f->entries[i].name);
    }
    gp_status st = path && !text.failed ? gp_file_replace(path, text.data ? text.data : "", text.size, err)
                                        : gp_fail_memory(err, "the list of exported files");
    gp_str_clear(&text);
    gp_mem_free(path);
    return st;
}

/* Adds a file that this export wrote.  If an earlier export wrote the same content, that entry becomes fresh. */
static gp_status add_fresh(gp_set_files *f, const char *name, const entry *about, gp_error *err)
{
    for (size_t i = 0; i < f->count; i++) {
        entry *e = &f->entries[i];
        if (e->bytes != about->bytes || memcmp(&e->hash, &about->hash, sizeof e->hash) != 0 ||
            strcmp(e->name, name) != 0)
            continue;
        e->fresh = true;
        return GP_OK;
    }
    return add_entry(f, name, strlen(name), about, err);
}

gp_status gp_set_files_record(gp_set_files *f, const char *name, int fd, gp_error *err)
{
    entry about = {.fresh = true};
    char *path = gp_set_files_path(f, name);
    gp_status st = path ? check_again(f, name, path, err) : gp_fail_memory_path(err, "'%s'", name);
    if (st == GP_OK) st = gp_hash_file(fd, path, &about.hash, &about.bytes, err);
    if (st == GP_OK) st = add_fresh(f, name, &about, err);
    if (st == GP_OK) st = write_record(f, err);
    if (st == GP_OK && f->events.ready) st = f->events.ready(f->events.user, path, &about.hash, err);
    gp_mem_free(path);
    return st;
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
    bool gone = path && is_ours(f, old->name, path, &about, NULL) && unlink(path) == 0;
    gp_mem_free(path);
    return gone;
}

gp_status gp_set_files_end(gp_set_files *f, const char *const *patterns, size_t count, gp_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        entry *e = &f->entries[i];
        e->gone = !e->fresh && delete_surplus(f, e, patterns, count);
    }
    for (size_t i = 0; i < f->count; i++)
        if (f->entries[i].gone)
            gp_mem_free(f->entries[i].name);
        else
            f->entries[kept++] = f->entries[i];
    f->count = kept;
    gp_status st = kept ? write_record(f, err) : GP_OK;
    gp_set_files_close(f);
    return st;
}

gp_status gp_set_files_tidy(const char *folder, gp_error *err)
{
    gp_set_files *f = NULL;
    size_t kept = 0;
    GP_TRY(gp_set_files_open(folder, &(gp_set_events){0}, &f, err));
    const size_t before = f->count;
    gp_status st = GP_OK;
    for (size_t i = 0; i < before; i++) {
        struct stat about;
        entry e = f->entries[i];
        char *path = gp_set_files_path(f, e.name);
        if (!path) st = gp_fail_memory_path(err, "'%s'", folder);
        if (!path || lstat(path, &about) == 0)
            f->entries[kept++] = e;
        else
            gp_mem_free(e.name);
        gp_mem_free(path);
    }
    f->count = kept;
    if (st == GP_OK && kept && kept < before) st = write_record(f, err);
    char *record = before && !kept ? gp_set_files_path(f, RECORD_NAME) : NULL;
    if (record) (void)unlink(record); /* if this fails, the folder keeps a record without use */
    gp_mem_free(record);
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

gp_status gp_set_files_say(const gp_set_files *files, const char *name, gp_error *err)
{
    if (!files->events.written) return GP_OK;
    char *path = gp_set_files_path(files, name);
    if (!path) return gp_fail_memory_path(err, "'%s'", name);
    for (size_t i = files->count; i-- > 0;)
        if (files->entries[i].fresh && strcmp(files->entries[i].name, name) == 0) {
            files->events.written(files->events.user, path, files->entries[i].bytes);
            break;
        }
    gp_mem_free(path);
    return GP_OK;
}

gp_status gp_set_file_commit(gp_set_file *file, gp_error *err)
{
    gp_status st = gp_atomic_file_sync(file->file, err);
    if (st == GP_OK) st = gp_set_files_record(file->files, file->name, gp_atomic_file_fd(file->file), err);
    if (st == GP_OK) {
        st = gp_atomic_file_commit(file->file, err);
        file->file = NULL;
    }
    if (st == GP_OK) st = gp_set_files_say(file->files, file->name, err);
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
