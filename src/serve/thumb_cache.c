/* SPDX-License-Identifier: MIT
 * The thumbnail cache on disk. Files are named ab/HASH-SIDE.jpg, where ab are the hash's first two digits. A file is
 * written under another name and then renamed, so readers see only complete files. It is not synced, so a power cut may
 * truncate it. Therefore the first and last bytes of a JPEG are checked before use.
 * The modification time is the time of the last use, set at most once an hour, because file systems keep no exact
 * access time. Other servers write to the same folder, so the total size is computed again before files are deleted. */
#include "serve/thumbs.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TOUCH_SECONDS = 3600, LEFTOVER_SECONDS = 3600 };

struct gp_thumb_cache {
    char *folder; /* NULL: no caching */
    uint64_t most;
    pthread_mutex_t lock;
    uint64_t bytes; /* approximate total bytes of all files */
    uint64_t names; /* counter for names of temporary files */
    bool counted, sweeping;
};

/* Returns $XDG_CACHE_HOME/goldpan/thumbs/1, or the same below ~/.cache; NULL if neither variable is set.  1 is the
 * version of the thumbnail recipe. */
static char *folder_of(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    gp_str s = GP_STR_INIT;
    if (cache && cache[0] == '/')
        gp_str_printf(&s, "%s/goldpan/thumbs/1", cache);
    else if (home && home[0] == '/')
        gp_str_printf(&s, "%s/.cache/goldpan/thumbs/1", home);
    else
        return NULL;
    return gp_str_take(&s);
}

gp_status gp_thumb_cache_open(uint64_t most_bytes, gp_thumb_cache **out, gp_error *err)
{
    gp_thumb_cache *cache = gp_mem_zero(1, sizeof *cache);
    if (!cache) return gp_fail_memory(err, "the server");
    pthread_mutex_init(&cache->lock, NULL);
    cache->most = most_bytes;
    cache->folder = folder_of();
    if (cache->folder && gp_folder_make(cache->folder, NULL) != GP_OK) {
        gp_mem_free(cache->folder);
        cache->folder = NULL;
    }
    *out = cache;
    return GP_OK;
}

void gp_thumb_cache_close(gp_thumb_cache *cache)
{
    if (!cache) return;
    pthread_mutex_destroy(&cache->lock);
    gp_mem_free(cache->folder);
    gp_mem_free(cache);
}

/* Returns the path of a thumbnail, or of its folder (side 0).  Owned; NULL: out of memory, or no cache. */
static char *path_of(const gp_thumb_cache *cache, const gp_hash *hash, uint32_t side)
{
    char hex[33];
    gp_str s = GP_STR_INIT;
    if (!cache->folder) return NULL;
    gp_hash_hex(*hash, hex);
    gp_str_printf(&s, "%s/%.2s", cache->folder, hex);
    if (side) gp_str_printf(&s, "/%s-%u.jpg", hex, side);
    return gp_str_take(&s);
}

static bool is_complete(int file, off_t size)
{
    uint8_t begin[2], end[2];
    return size > 4 && pread(file, begin, 2, 0) == 2 && pread(file, end, 2, size - 2) == 2 && begin[0] == 0xff &&
           begin[1] == 0xd8 && end[0] == 0xff && end[1] == 0xd9;
}

int gp_thumb_cache_find(gp_thumb_cache *cache, const gp_hash *hash, uint32_t side, uint64_t *size)
{
    struct stat info;
    char *path = path_of(cache, hash, side);
    if (!path) return -1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    gp_mem_free(path);
    if (file < 0) return -1;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || !is_complete(file, info.st_size)) {
        close(file);
        return -1;
    }
    if (time(NULL) - info.st_mtime > TOUCH_SECONDS) (void)futimens(file, NULL);
    *size = (uint64_t)info.st_size;
    return file;
}

/* ------------------------------------------------------------------ deleting */

typedef struct old_file {
    char *path; /* owned */
    struct timespec seen;
    uint64_t size;
} old_file;
typedef struct old_files {
    old_file *files;
    size_t count, capacity;
    uint64_t bytes;
    bool failed;
} old_files;

static void list_file(old_files *list, char *path)
{
    struct stat info;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        old_file *more = gp_mem_resize(list->files, capacity, sizeof *more);
        if (more) list->files = more, list->capacity = capacity;
    }
    if (list->count == list->capacity || lstat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        gp_mem_free(path);
        return;
    }
    if (gp_str_ends(path, ".part") &&
        time(NULL) - info.st_mtime > LEFTOVER_SECONDS) { /* a file left by a server that was killed */
        unlink(path);
        gp_mem_free(path);
        return;
    }
    list->bytes += (uint64_t)info.st_size;
    list->files[list->count++] = (old_file){path, info.st_mtim, (uint64_t)info.st_size};
}

static void list_folder(old_files *list, const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.') continue;
        char *path = gp_path_join(folder, entry->d_name);
        if (!path) continue;
        if (depth == 0) {
            list_folder(list, path, 1);
            gp_mem_free(path);
        } else {
            list_file(list, path);
        }
    }
    if (dir) closedir(dir);
}

static int by_time(const void *a, const void *b)
{
    const struct timespec *s = &((const old_file *)a)->seen, *t = &((const old_file *)b)->seen;
    if (s->tv_sec != t->tv_sec) return s->tv_sec < t->tv_sec ? -1 : 1;
    return (s->tv_nsec > t->tv_nsec) - (s->tv_nsec < t->tv_nsec);
}

/* Computes the total size and deletes the oldest files until the total is a tenth below the limit. */
static uint64_t sweep(const gp_thumb_cache *cache)
{
    old_files list = {0};
    list_folder(&list, cache->folder, 0);
    if (list.bytes > cache->most) {
        qsort(list.files, list.count, sizeof *list.files, by_time);
        for (size_t i = 0; i < list.count && list.bytes > cache->most - cache->most / 10; i++)
            if (unlink(list.files[i].path) == 0) list.bytes -= list.files[i].size;
    }
    for (size_t i = 0; i < list.count; i++) gp_mem_free(list.files[i].path);
    gp_mem_free(list.files);
    return list.bytes;
}

static void add_to_total(gp_thumb_cache *cache, size_t size)
{
    pthread_mutex_lock(&cache->lock);
    cache->bytes += size;
    bool mine = !cache->sweeping && (!cache->counted || cache->bytes > cache->most);
    if (mine) cache->sweeping = true;
    pthread_mutex_unlock(&cache->lock);
    if (!mine) return;
    uint64_t bytes = sweep(cache);
    pthread_mutex_lock(&cache->lock);
    cache->bytes = bytes;
    cache->counted = true;
    cache->sweeping = false;
    pthread_mutex_unlock(&cache->lock);
}

/* ------------------------------------------------------------------ storing */

static bool write_new(gp_thumb_cache *cache, const char *folder, const char *path, const void *bytes, size_t size)
{
    gp_str name = GP_STR_INIT;
    pthread_mutex_lock(&cache->lock);
    uint64_t number = cache->names++;
    pthread_mutex_unlock(&cache->lock);
    gp_str_printf(&name, "%s/%ld-%llu.part", folder, (long)getpid(), (unsigned long long)number);
    int file = name.failed ? -1 : open(name.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool kept = false;
    if (file >= 0) {
        kept = gp_fd_write(file, -1, bytes, size);
        kept = close(file) == 0 && kept && rename(name.data, path) == 0;
        if (!kept) unlink(name.data);
    }
    gp_str_clear(&name);
    return kept;
}

void gp_thumb_cache_put(gp_thumb_cache *cache, const gp_hash *hash, uint32_t side, const void *bytes, size_t size)
{
    char *folder = path_of(cache, hash, 0), *path = path_of(cache, hash, side);
    if (folder && path && (mkdir(folder, 0700) == 0 || access(folder, W_OK) == 0) &&
        write_new(cache, folder, path, bytes, size))
        add_to_total(cache, size);
    gp_mem_free(path);
    gp_mem_free(folder);
}
