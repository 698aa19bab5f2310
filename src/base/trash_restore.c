/* SPDX-License-Identifier: MIT
 * Finds files in the trash by their original paths and moves them back. The .trashinfo files of a trash folder are read
 * once, and sorted by original path. */
#include "base/trash.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/trash_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_INFO = 1 << 16 /* bytes of a .trashinfo file */ };
#define INFO_SUFFIX ".trashinfo"

/* A file in the trash. */
typedef struct entry {
    char *original, *name; /* owned: the original path; the name in "files" */
    char date[32];         /* as written, so that texts compare like times */
    size_t folder;         /* index of its trash folder */
} entry;

typedef struct read_folder {
    char *path; /* owned: of the trash folder */
    gp_trash_folder folder;
} read_folder;

struct gp_trash_index {
    read_folder *folders;
    size_t folder_count;
    entry *entries;
    size_t count, capacity;
};

gp_status gp_trash_index_new(gp_trash_index **out, gp_error *err)
{
    *out = gp_mem_zero(1, sizeof **out);
    return *out ? GP_OK : gp_fail_memory(err, "the files in the trash");
}

void gp_trash_index_free(gp_trash_index *index)
{
    if (!index) return;
    for (size_t i = 0; i < index->count; i++) {
        gp_mem_free(index->entries[i].original);
        gp_mem_free(index->entries[i].name);
    }
    for (size_t i = 0; i < index->folder_count; i++) {
        gp_trash_folder_close(&index->folders[i].folder);
        gp_mem_free(index->folders[i].path);
    }
    gp_mem_free(index->entries);
    gp_mem_free(index->folders);
    gp_mem_free(index);
}

/* ------------------------------------------------------------------ reading a trash folder */

/* Returns the value of the first line "KEY=value", owned; NULL: there is none, or memory ran out. */
static char *value_of(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, length) == 0 && line[length] == '=')
            return gp_str_dup_n(line + length + 1, strcspn(line + length + 1, "\r\n"));
    return NULL;
}

/* Returns true if a component of the path is "..", so that the path could lead out of the folder to which it is
 * relative. */
static bool has_parent(const char *path)
{
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2])) return true;
    return false;
}

/* Reads one .trashinfo file. Returns false if it is not valid. */
static bool read_info(const gp_trash_folder *trash, const char *info_name, entry *out)
{
    char text[MAX_INFO];
    int file = openat(trash->info, info_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    if (size < 0) return false;
    text[size] = 0;
    char *path = strncmp(text, "[Trash Info]", 12) == 0 ? value_of(text, "Path") : NULL;
    char *date = value_of(text, "DeletionDate");
    if (path && gp_trash_decode(path) && *path && (*path == '/' || (trash->top && !has_parent(path)))) {
        out->original = gp_path_join(trash->top ? trash->top : "/", path);
        out->name = gp_str_dup_n(info_name, strlen(info_name) - strlen(INFO_SUFFIX));
        size_t length = date ? strlen(date) : 0;
        if (length >= sizeof out->date) length = sizeof out->date - 1;
        if (length) memcpy(out->date, date, length);
    }
    gp_mem_free(date);
    gp_mem_free(path);
    return out->original && out->name;
}

static int by_original(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->original, y->original);
    return order ? order : -strcmp(x->date, y->date);
}

static gp_status add_entry(gp_trash_index *index, const entry *one, gp_error *err)
{
    if (index->count == index->capacity) {
        size_t capacity = index->capacity ? 2 * index->capacity : 64;
        entry *more = gp_mem_resize(index->entries, capacity, sizeof *more);
        if (!more) return gp_fail_memory(err, "the files in the trash");
        index->entries = more, index->capacity = capacity;
    }
    index->entries[index->count++] = *one;
    return GP_OK;
}

static gp_status read_entries(gp_trash_index *index, size_t place, gp_error *err)
{
    const gp_trash_folder *trash = &index->folders[place].folder;
    gp_status st = GP_OK;
    int copy = dup(trash->info);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (!folder) {
        if (copy >= 0) close(copy);
        return gp_fail_path_errno(err, GP_ERR_IO, errno, "'%s' cannot be read", index->folders[place].path);
    }
    for (const struct dirent *item; st == GP_OK && (item = readdir(folder));) {
        entry one = {.folder = place};
        bool valid = gp_str_ends(item->d_name, INFO_SUFFIX) && read_info(trash, item->d_name, &one);
        if (valid) st = add_entry(index, &one, err);
        if (!valid || st != GP_OK) {
            gp_mem_free(one.original);
            gp_mem_free(one.name);
        }
    }
    closedir(folder);
    if (index->count) qsort(index->entries, index->count, sizeof *index->entries, by_original);
    return st;
}

/* Reads the trash folder at `path` unless it was read before. A folder that does not exist has no files. */
static gp_status read_folder_at(gp_trash_index *index, const char *path, const char *top, gp_error *err)
{
    for (size_t i = 0; i < index->folder_count; i++)
        if (strcmp(index->folders[i].path, path) == 0) return GP_OK;
    read_folder *more = gp_mem_resize(index->folders, index->folder_count + 1, sizeof *more);
    if (!more) return gp_fail_memory(err, "the files in the trash");
    index->folders = more;
    read_folder *one = &more[index->folder_count];
    *one = (read_folder){.path = gp_str_dup(path), .folder = {.files = -1, .info = -1}};
    if (!one->path) return gp_fail_memory(err, "the files in the trash");
    index->folder_count++;
    if (gp_trash_folder_open(path, top != NULL, false, &one->folder) != 0) return GP_OK;
    if (top && !(one->folder.top = gp_str_dup(top))) return gp_fail_memory(err, "the files in the trash");
    return read_entries(index, index->folder_count - 1, err);
}

/* Returns the nearest folder at or above `path` that exists, without links. Owned; NULL: none. */
static char *folder_above(const char *path)
{
    char *at = gp_path_folder(path), *real = NULL;
    while (at && !(real = realpath(at, NULL)) && strcmp(at, "/") != 0) {
        char *above = gp_path_folder(at);
        gp_mem_free(at);
        at = above;
    }
    gp_mem_free(at);
    char *out = real ? gp_str_dup(real) : NULL;
    free(real);
    return out;
}

/* Reads the trash folders that may hold a file of this path. */
static gp_status read_folders_of(gp_trash_index *index, const char *path, gp_error *err)
{
    gp_status st = GP_OK;
    gp_str shared = GP_STR_INIT, own = GP_STR_INIT;
    char *home = gp_trash_home(), *folder = folder_above(path), *top = folder ? gp_trash_topdir(folder) : NULL;
    if (home) GP_TRY_GOTO(read_folder_at(index, home, NULL, err));
    if (!top) goto out;
    gp_trash_names(top, &shared, &own);
    if (shared.failed || own.failed) GP_TRY_GOTO(gp_fail_memory(err, "the trash"));
    if (shared.size) GP_TRY_GOTO(read_folder_at(index, shared.data, top, err));
    GP_TRY_GOTO(read_folder_at(index, own.data, top, err));
out:
    gp_str_clear(&shared);
    gp_str_clear(&own);
    gp_mem_free(top);
    gp_mem_free(folder);
    gp_mem_free(home);
    return st;
}

/* ------------------------------------------------------------------ the move */

/* Returns the index of the first entry that has this original path, or index->count. */
static size_t first_of(const gp_trash_index *index, const char *original)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->entries[middle].original, original) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->count && strcmp(index->entries[low].original, original) == 0 ? low : index->count;
}

static bool accepted(const gp_trash_folder *trash, const char *name, bool (*is_it)(void *user, int file), void *user)
{
    struct stat info;
    int file = openat(trash->files, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool right = file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode) && is_it(user, file);
    if (file >= 0) close(file);
    return right;
}

static gp_status move_back(const gp_trash_folder *trash, const char *name, const char *path, gp_error *err)
{
    gp_str info_name = GP_STR_INIT;
    char *folder = gp_path_folder(path);
    int to = -1, number = 0;
    gp_status st = GP_OK;
    gp_str_printf(&info_name, "%s" INFO_SUFFIX, name);
    if (!folder || info_name.failed) GP_TRY_GOTO(gp_fail_memory(err, "the trash"));
    GP_TRY_GOTO(gp_folder_make(folder, err));
    to = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    number = to < 0 ? errno : gp_trash_rename(trash->files, name, to, gp_path_base(path));
    if (number == EEXIST)
        GP_TRY_GOTO(gp_fail_path(err, GP_ERR_IO, "'%s' exists again, so the file stays in the trash", path));
    if (number) GP_TRY_GOTO(gp_fail_path_errno(err, GP_ERR_IO, number, "'%s' cannot be moved back", path));
    (void)unlinkat(trash->info, info_name.data, 0);
out:
    if (to >= 0) close(to);
    gp_str_clear(&info_name);
    gp_mem_free(folder);
    return st;
}

gp_status gp_trash_restore(gp_trash_index *index, const char *path, bool (*is_it)(void *user, int file), void *user,
                           gp_error *err)
{
    GP_TRY(read_folders_of(index, path, err));
    char *original = gp_trash_original(path);
    if (!original) return gp_fail_memory(err, "the trash");
    gp_status st = gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' is not in the trash", path);
    for (size_t i = first_of(index, original); i < index->count; i++) {
        const entry *one = &index->entries[i];
        const gp_trash_folder *trash = &index->folders[one->folder].folder;
        if (strcmp(one->original, original) != 0) break;
        if (!accepted(trash, one->name, is_it, user)) continue;
        st = move_back(trash, one->name, path, err);
        break;
    }
    gp_mem_free(original);
    return st;
}
