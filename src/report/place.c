/* SPDX-License-Identifier: MIT
 * One image into the export folder.  What arrives is what was scored: the content's hash is checked, on the copy itself
 * where one is made.  A file appears under its name at once or not at all, and never in place of another. */
#include "report/export.h"
#include "base/file.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FICLONE /* linux/fs.h: share the blocks of another file */
#define FICLONE _IOW(0x94, 9, int)
#endif

enum { BLOCK = 1 << 20, TRY_ALL = 100 };

static gp_status no_memory(gp_error *err, const char *path)
{
    return gp_fail(err, GP_ERR_MEMORY, "out of memory for '%s'", path);
}

/* ---- names */

char *gp_place_name(const char *base, uint32_t number)
{
    gp_str s = GP_STR_INIT;
    const char *extension = gp_path_extension(base);
    gp_str_add(&s, base, (size_t)(extension - base));
    if (number > 1) gp_str_printf(&s, "-%u", (unsigned)number);
    gp_str_puts(&s, extension);
    return gp_str_take(&s);
}

/* The place for `key` in the table of hints (open addressing; 0 is free).  Two names with one key only share a hint. */
static uint64_t *hint_slot(uint64_t *hints, size_t room, uint64_t key)
{
    size_t i = (size_t)key & (room - 1);
    while (hints[2 * i] != 0 && hints[2 * i] != key) i = (i + 1) & (room - 1);
    return hints + 2 * i;
}

static uint64_t *hint_of(gp_place *place, const char *base)
{
    uint64_t key;
    gp_hash hash = gp_hash_of(base, strlen(base));
    memcpy(&key, hash.bytes, sizeof key);
    if (key == 0) key = 1;
    if (2 * place->hint_count >= place->hint_room) {
        size_t room = place->hint_room ? place->hint_room * 2 : 256;
        uint64_t *grown = gp_mem_zero(room, 2 * sizeof *grown);
        if (!grown) return NULL;
        for (size_t i = 0; i < place->hint_room; i++)
            if (place->hints[2 * i] != 0)
                memcpy(hint_slot(grown, room, place->hints[2 * i]), place->hints + 2 * i, 2 * sizeof *grown);
        gp_mem_free(place->hints);
        place->hints = grown;
        place->hint_room = room;
    }
    uint64_t *slot = hint_slot(place->hints, place->hint_room, key);
    if (slot[0] == 0) {
        slot[0] = key;
        slot[1] = 1;
        place->hint_count++;
    }
    return slot + 1;
}

void gp_place_clear(gp_place *place)
{
    gp_mem_free(place->hints);
    place->hints = NULL;
    place->hint_count = place->hint_room = 0;
}

/* ---- contents */

static int open_source(const char *path, struct stat *info)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -1;
    if (fstat(fd, info) == 0 && S_ISREG(info->st_mode)) return fd;
    int number = S_ISDIR(info->st_mode) ? EISDIR : EINVAL;
    close(fd);
    errno = number;
    return -1;
}

/* Hash from the present position to the end; 0 or an errno. */
static int hash_fd(int fd, gp_hash *hash)
{
    int number = 0;
    gp_hasher *hasher = NULL;
    uint8_t *block = gp_mem_new(BLOCK, 1);
    if (!block || gp_hasher_new(&hasher, NULL) != GP_OK) {
        gp_mem_free(block);
        return ENOMEM;
    }
    for (;;) {
        ssize_t n = read(fd, block, BLOCK);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) number = errno;
        if (n <= 0) break;
        gp_hasher_add(hasher, block, (size_t)n);
    }
    if (number == 0) *hash = gp_hasher_end(hasher);
    gp_hasher_free(hasher);
    gp_mem_free(block);
    return number;
}

gp_status gp_place_hash(const char *path, gp_hash *hash, gp_error *err)
{
    struct stat info = {0};
    int fd = open_source(path, &info);
    if (fd < 0)
        return gp_fail_errno(err, errno == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, errno, "cannot open '%s'", path);
    int number = hash_fd(fd, hash);
    close(fd);
    if (number == ENOMEM) return no_memory(err, path);
    return number ? gp_fail_errno(err, GP_ERR_IO, number, "cannot read '%s'", path) : GP_OK;
}

/* Is what lies at `path` the picture already, in the form that was asked for?  A link counts only as a link. */
static bool already_there(const gp_place *place, const char *path, const struct stat *there, const char *source,
                          const struct stat *from, gp_hash hash)
{
    gp_hash found;
    if (S_ISLNK(there->st_mode)) {
        char target[4096];
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (place->mode != GP_EXPORT_SYMLINK || n < 0) return false;
        target[n] = 0;
        return strcmp(target, source) == 0;
    }
    if (!S_ISREG(there->st_mode)) return false;
    if (from && from->st_dev == there->st_dev && from->st_ino == there->st_ino) return true;
    if (from && from->st_size != there->st_size) return false;
    return gp_place_hash(path, &found, NULL) == GP_OK && memcmp(found.bytes, hash.bytes, sizeof hash.bytes) == 0;
}

/* ---- bringing it there: all return GP_OK with *exists set if another file took the name meanwhile */

/* All bytes of `in` into the empty `out`: shared blocks if the file system can, else copied in the kernel, else here.
 * 0, or an errno with its sign telling the side: negative for reading. */
static int copy_bytes(int in, int out, uint64_t size)
{
    if (ioctl(out, FICLONE, in) == 0) return 0;
    uint64_t done = 0;
    while (done < size) {
        ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)(size - done), 0);
        if (n <= 0) break;
        done += (uint64_t)n;
    }
    /* What copy_file_range could not do (other file systems, the end of a growing file), or failed at, is tried
     * plainly. */
    uint8_t *block = gp_mem_new(BLOCK, 1);
    int number = block ? 0 : ENOMEM;
    while (number == 0) {
        ssize_t n = read(in, block, BLOCK);
        if (n < 0 && errno != EINTR) number = -errno;
        if (n == 0) break;
        for (ssize_t at = 0; n > 0 && at < n && number == 0;) {
            ssize_t w = write(out, block + at, (size_t)(n - at));
            if (w < 0 && errno != EINTR) number = errno;
            if (w > 0) at += w;
        }
    }
    gp_mem_free(block);
    return number;
}

/* Rename without replacing; file systems that cannot promise that get a look before. */
static int rename_new(const char *from, const char *to)
{
    struct stat info;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return errno;
    if (lstat(to, &info) == 0) return EEXIST;
    return rename(from, to) == 0 ? 0 : errno;
}

static gp_status copy_to(const char *source, int in, const struct stat *from, gp_hash hash, const char *folder,
                         const char *path, bool *bad_source, bool *exists, gp_error *err)
{
    gp_status st = GP_OK;
    gp_hash found = {{0}};
    gp_str temporary = GP_STR_INIT;
    int out = -1, number = 0;
    gp_str_printf(&temporary, "%s/.goldpan-%ld.tmp", folder, (long)getpid());
    if (temporary.failed) {
        gp_str_clear(&temporary);
        return no_memory(err, path);
    }
    (void)unlink(temporary.data); /* of a process that had our number and was killed */
    out = open(temporary.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, from->st_mode & 0777);
    if (out < 0) GP_GO(gp_fail_errno(err, GP_ERR_IO, errno, "cannot create a file in '%s'", folder));
    number = copy_bytes(in, out, (uint64_t)from->st_size);
    if (number < 0) {
        *bad_source = true;
        gp_fail_errno(err, GP_ERR_IO, -number, "cannot read '%s'", source);
        goto out;
    }
    if (number == 0 && lseek(out, 0, SEEK_SET) != 0) number = errno;
    if (number == 0) number = hash_fd(out, &found);
    if (number == 0 && memcmp(found.bytes, hash.bytes, sizeof hash.bytes) != 0) {
        *bad_source = true;
        gp_fail(err, GP_ERR_FORMAT, "'%s' has changed since it was added", source);
        goto out;
    }
    if (number == 0 && fsync(out) != 0) number = errno;
    if (number == 0) {
        number = rename_new(temporary.data, path);
        *exists = number == EEXIST;
        if (*exists) number = 0;
    }
    if (number == ENOMEM)
        st = no_memory(err, path);
    else if (number)
        st = gp_fail_errno(err, GP_ERR_IO, number, "cannot write '%s'", path);
out:
    if (out >= 0) {
        (void)unlink(temporary.data);
        close(out);
    }
    gp_str_clear(&temporary);
    return st;
}

static gp_status link_to(const gp_place *place, const char *source, const char *path, bool *exists, gp_error *err)
{
    bool hard = place->mode == GP_EXPORT_HARDLINK;
    if ((hard ? link(source, path) : symlink(source, path)) == 0) return GP_OK;
    *exists = errno == EEXIST;
    if (*exists) return GP_OK;
    if (hard && errno == EXDEV)
        return gp_fail(
            err, GP_ERR_UNSUPPORTED,
            "cannot make a hard link to '%s' in '%s': they are on different file systems; copy or symlink instead",
            source, place->folder);
    return gp_fail_errno(err, GP_ERR_IO, errno, "cannot make a %s link to '%s' at '%s'", hard ? "hard" : "symbolic",
                         source, path);
}

/* ---- the whole */

/* What is under this number's name?  *taken: something else.  *name set unless taken. */
static gp_status try_name(gp_place *place, const char *source, int in, const struct stat *from, gp_hash hash,
                          uint32_t number, gp_placed *placed, char **name, bool *taken, gp_error *err)
{
    gp_status st = GP_OK;
    struct stat there;
    bool bad_source = false;
    char *candidate = gp_place_name(gp_path_base(source), number);
    char *path = candidate ? gp_path_join(place->folder, candidate) : NULL;
    *taken = false;
    if (!path) GP_GO(no_memory(err, source));
    if (lstat(path, &there) == 0) {
        if (already_there(place, path, &there, source, in >= 0 ? from : NULL, hash))
            *placed = GP_PLACED_SAME;
        else
            *taken = true;
    } else if (errno != ENOENT) {
        GP_GO(gp_fail_errno(err, GP_ERR_IO, errno, "cannot write '%s'", path));
    } else if (in < 0) {
        bad_source = true;
    } else {
        *placed = GP_PLACED_NEW;
        if (place->mode != GP_EXPORT_COPY)
            GP_GO(link_to(place, source, path, taken, err));
        else
            GP_GO(copy_to(source, in, from, hash, place->folder, path, &bad_source, taken, err));
    }
    if (bad_source) *placed = GP_PLACED_FAILED;
    if (!*taken && !bad_source) {
        *name = candidate;
        candidate = NULL;
    }
out:
    gp_mem_free(path);
    gp_mem_free(candidate);
    return st;
}

gp_status gp_place_file(gp_place *place, const char *source, gp_hash hash, gp_placed *placed, char **name,
                        gp_error *err)
{
    gp_status st = GP_OK;
    struct stat from = {0};
    gp_hash found;
    uint64_t *hint = hint_of(place, gp_path_base(source));
    if (!hint) return no_memory(err, source);
    *placed = GP_PLACED_FAILED;
    int in = open_source(source, &from);
    /* The message for a source that is gone, should its picture not lie in the folder already. */
    if (in < 0) gp_fail_errno(err, errno == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, errno, "cannot open '%s'", source);
    if (in >= 0 && place->mode != GP_EXPORT_COPY) {
        int number = hash_fd(in, &found);
        if (number != 0 || memcmp(found.bytes, hash.bytes, sizeof hash.bytes) != 0) {
            if (number == ENOMEM)
                st = no_memory(err, source);
            else if (number)
                gp_fail_errno(err, GP_ERR_IO, number, "cannot read '%s'", source);
            else
                gp_fail(err, GP_ERR_FORMAT, "'%s' has changed since it was added", source);
            close(in);
            return st;
        }
    }
    bool taken = true;
    for (uint32_t number = 1; taken; number++) {
        /* Thousands of equal names: those before the hint were given to others in this call. */
        if (number > TRY_ALL && number < *hint) number = (uint32_t)*hint;
        GP_GO(try_name(place, source, in, &from, hash, number, placed, name, &taken, err));
        if (!taken && *placed != GP_PLACED_FAILED && *hint <= number) *hint = number + 1;
    }
out:
    if (in >= 0) close(in);
    return st;
}
