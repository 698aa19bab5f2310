/* SPDX-License-Identifier: MIT
 * Reading of whole files and parts of files, and atomic replacement.  Nothing is mapped into memory: if another program
 * truncates a file during a read, the read returns an error, whereas access to a mapping would kill the process.  Files
 * are opened without blocking and must be regular, so a FIFO or a device among the images cannot hang the program. */
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static gp_status status_of(int number)
{
    return number == ENOENT || number == ENOTDIR ? GP_ERR_NOT_FOUND : GP_ERR_IO;
}

static atomic_int fail_with; /* for tests: errno with which opens for reading fail; 0: they do not fail */

void gp_file_fail_with(int number)
{
    atomic_store(&fail_with, number);
}

static gp_status open_regular(const char *path, int *out, struct stat *about, gp_error *err)
{
    int fd, told = atomic_load_explicit(&fail_with, memory_order_relaxed);
    if (told) return gp_fail_path_errno(err, status_of(told), told, "cannot open '%s'", path);
    do fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return gp_fail_path_errno(err, status_of(errno), errno, "cannot open '%s'", path);
    if (fstat(fd, about) != 0) {
        int number = errno;
        close(fd);
        return gp_fail_path_errno(err, status_of(number), number, "cannot read '%s'", path);
    }
    if (!S_ISREG(about->st_mode)) {
        close(fd);
        return gp_fail_path(err, GP_ERR_IO, "'%s' is %s", path,
                            S_ISDIR(about->st_mode) ? "a folder" : "not a regular file");
    }
    *out = fd;
    return GP_OK;
}

/* Reads until the end of the file or until `room` bytes have been read.  Returns the number of bytes, or -1 after an
 * error. */
static ssize_t read_some(int fd, uint8_t *bytes, size_t room)
{
    size_t used = 0;
    while (used < room) {
        ssize_t n = read(fd, bytes + used, room - used < (1u << 30) ? room - used : (1u << 30));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

gp_status gp_file_read(const char *path, uint64_t limit, gp_bytes *out, gp_error *err)
{
    struct stat about;
    int fd = -1;
    gp_bytes b = {0};
    gp_status st;
    GP_TRY(open_regular(path, &fd, &about, err));
    if (limit > PTRDIFF_MAX - 2) limit = PTRDIFF_MAX - 2;
    uint64_t told = about.st_size > 0 ? (uint64_t)about.st_size : 0;
    /* The size from fstat is only a hint: files grow, and files in /proc have size 0.  The buffer is larger than this
     * size, so that one read can reach the end of the file. */
    size_t capacity = (size_t)(told < (16u << 20) ? told : 16u << 20) + 2;
    if (told > limit) {
        st = gp_fail_path(err, GP_ERR_LIMIT, "'%s' has %llu bytes, more than the limit of %llu", path,
                          (unsigned long long)told, (unsigned long long)limit);
        goto out;
    }
    for (;;) {
        uint8_t *grown = gp_mem_resize(b.data, capacity, 1);
        if (!grown) {
            st = gp_fail_memory_path(err, "'%s' (%zu bytes)", path, capacity);
            goto out;
        }
        b.data = grown;
        ssize_t n = read_some(fd, b.data + b.size, capacity - 1 - b.size);
        if (n < 0) {
            st = gp_fail_path_errno(err, status_of(errno), errno, "cannot read '%s'", path);
            goto out;
        }
        b.size += (size_t)n;
        if (b.size > limit) {
            st = gp_fail_path(err, GP_ERR_LIMIT, "'%s' has more bytes than the limit of %llu", path,
                              (unsigned long long)limit);
            goto out;
        }
        if (b.size < capacity - 1) break;
        capacity = capacity <= PTRDIFF_MAX / 2 ? capacity * 2 : PTRDIFF_MAX;
    }
    b.data[b.size] = 0;
    *out = b;
    b = (gp_bytes){0};
    st = GP_OK;
out:
    gp_mem_free(b.data);
    close(fd);
    return st;
}

void gp_bytes_clear(gp_bytes *bytes)
{
    gp_mem_free(bytes->data);
    *bytes = (gp_bytes){0};
}

gp_status gp_file_open(const char *path, int *out, uint64_t *size, gp_error *err)
{
    struct stat about;
    GP_TRY(open_regular(path, out, &about, err));
    *size = about.st_size > 0 ? (uint64_t)about.st_size : 0;
    return GP_OK;
}

gp_status gp_file_read_at(int fd, const char *path, uint64_t offset, void *out, size_t size, gp_error *err)
{
    uint8_t *bytes = out;
    if (offset > INT64_MAX || size > INT64_MAX - offset)
        return gp_fail_path(err, GP_ERR_LIMIT, "cannot read '%s' from byte %llu: the range ends above 2^63", path,
                            (unsigned long long)offset);
    while (size > 0) {
        ssize_t n = pread(fd, bytes, size < (1u << 30) ? size : (1u << 30), (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return gp_fail_path_errno(err, status_of(errno), errno, "cannot read '%s'", path);
        if (n == 0) return gp_fail_path(err, GP_ERR_IO, "'%s' became shorter while goldpan read it", path);
        bytes += n, offset += (uint64_t)n, size -= (size_t)n;
    }
    return GP_OK;
}

struct gp_atomic_file {
    char *path, *temporary;
    int fd;
    size_t used;
    uint8_t buffer[1 << 16];
};

static void atomic_free(gp_atomic_file *file)
{
    if (file->fd >= 0) close(file->fd);
    gp_mem_free(file->path);
    gp_mem_free(file->temporary);
    gp_mem_free(file);
}

void gp_atomic_file_abort(gp_atomic_file *file)
{
    if (!file) return;
    if (file->fd >= 0 && file->temporary) unlink(file->temporary);
    atomic_free(file);
}

/* Returns the path to write.  Follows a symbolic link, so that the link stays and its target is replaced. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL); /* realpath allocates with malloc; NULL for a new file */
    char *copy = gp_str_dup(real ? real : path);
    free(real);
    return copy;
}

#define TEMPORARY ".goldpan-"

/* Locks a temporary file while it is written; the lock ends with the process.  Returns false if
 * gp_atomic_file_cleanup has already deleted the file as a leftover.  On file systems without locks,
 * gp_atomic_file_cleanup deletes nothing. */
static bool claim(int fd)
{
    struct stat about;
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    return fstat(fd, &about) != 0 || about.st_nlink > 0;
}

/* Returns true for names such as ".goldpan-123-4.tmp". */
static bool is_temporary(const char *name)
{
    static const char digits[] = "0123456789";
    if (strncmp(name, TEMPORARY, sizeof TEMPORARY - 1) != 0) return false;
    const char *p = name + sizeof TEMPORARY - 1;
    size_t process = strspn(p, digits), turn = p[process] == '-' ? strspn(p + process + 1, digits) : 0;
    return process && turn && strcmp(p + process + 1 + turn, ".tmp") == 0;
}

void gp_atomic_file_cleanup(const char *folder)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        if (!is_temporary(name)) continue;
        int fd = openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) (void)!unlinkat(dirfd(dir), name, 0);
        if (fd >= 0) close(fd);
    }
    if (dir) closedir(dir);
}

/* Deletes leftover temporary files of a folder.  Does nothing if the previous call was for the same folder, because
 * listing a large folder is slow. */
static void sweep_once(const char *folder)
{
    static atomic_uint_fast64_t last;
    gp_hash hash = gp_hash_of(folder, strlen(folder));
    uint64_t key;
    memcpy(&key, hash.bytes, sizeof key);
    if (atomic_exchange(&last, key) != key) gp_atomic_file_cleanup(folder);
}

/* Creates a new file beside file->path, with the permissions that the umask gives to any new file. */
static gp_status create_temporary(gp_atomic_file *file, gp_error *err)
{
    static atomic_uint turn;
    gp_status st = GP_ERR_IO;
    char *folder = gp_path_folder(file->path);
    if (folder) sweep_once(folder);
    for (int tries = 0; folder && tries < 100; tries++) {
        char name[80];
        snprintf(name, sizeof name, TEMPORARY "%ld-%u.tmp", (long)getpid(), atomic_fetch_add(&turn, 1));
        gp_mem_free(file->temporary);
        file->temporary = gp_path_join(folder, name);
        if (!file->temporary) break;
        file->fd = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0 && claim(file->fd)) {
            st = GP_OK;
            break;
        }
        if (file->fd < 0 && errno != EEXIST) break;
        if (file->fd >= 0) close(file->fd);
        file->fd = -1;
    }
    int number = errno;
    if (!folder || !file->temporary)
        st = gp_fail_memory_path(err, "'%s'", file->path);
    else if (st != GP_OK)
        st = gp_fail_path_errno(err, GP_ERR_IO, number, "cannot write in folder '%s'", folder);
    gp_mem_free(folder);
    return st;
}

gp_status gp_atomic_file_open(const char *path, gp_atomic_file **out, gp_error *err)
{
    void *memory;
    struct stat about;
    gp_status st;
    GP_TRY(gp_alloc(&memory, 1, sizeof(gp_atomic_file), path, err));
    gp_atomic_file *file = memory;
    file->fd = -1, file->used = 0, file->temporary = NULL;
    file->path = resolve(path);
    if (!file->path) {
        st = gp_fail_memory_path(err, "'%s'", path);
        goto out;
    }
    bool exists = stat(file->path, &about) == 0;
    if (exists && !S_ISREG(about.st_mode)) {
        st = gp_fail_path(err, GP_ERR_IO, "cannot replace '%s': it is %s", path,
                          S_ISDIR(about.st_mode) ? "a folder" : "not a regular file");
        goto out;
    }
    GP_TRY_GOTO(create_temporary(file, err));
    /* the new file gets the permissions of the file that it replaces; if fchmod fails, the new file keeps the default
     * permissions */
    if (exists && fchmod(file->fd, about.st_mode & 0777) != 0) errno = 0;
    *out = file;
    return GP_OK;
out:
    gp_atomic_file_abort(file);
    return st;
}

bool gp_fd_write(int fd, int64_t at, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t part = size < (1u << 30) ? size : (1u << 30);
        ssize_t n = at < 0 ? write(fd, from, part) : pwrite(fd, from, part, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO;
        if (n <= 0) return false;
        from += n;
        size -= (size_t)n;
        if (at >= 0) at += n;
    }
    return true;
}

static gp_status write_all(gp_atomic_file *file, int64_t at, const void *bytes, size_t size, gp_error *err)
{
    if (gp_fd_write(file->fd, at, bytes, size)) return GP_OK;
    return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", file->path);
}

static gp_status flush(gp_atomic_file *file, gp_error *err)
{
    size_t used = file->used;
    file->used = 0;
    return write_all(file, -1, file->buffer, used, err);
}

gp_status gp_atomic_file_write(gp_atomic_file *file, const void *bytes, size_t size, gp_error *err)
{
    if (size > sizeof file->buffer - file->used) GP_TRY(flush(file, err));
    if (size >= sizeof file->buffer) return write_all(file, -1, bytes, size, err);
    if (size) memcpy(file->buffer + file->used, bytes, size);
    file->used += size;
    return GP_OK;
}

gp_status gp_folder_sync_of(const char *path, gp_error *err)
{
    char *folder = gp_path_folder(path);
    if (!folder) return gp_fail_memory_path(err, "'%s'", path);
    gp_status st = GP_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS)
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot sync folder '%s'", folder);
    if (fd >= 0) close(fd);
    gp_mem_free(folder);
    return st;
}

gp_status gp_atomic_file_write_at(gp_atomic_file *file, uint64_t offset, const void *bytes, size_t size, gp_error *err)
{
    GP_TRY(flush(file, err));
    return write_all(file, (int64_t)offset, bytes, size, err);
}

gp_status gp_atomic_file_set_time(gp_atomic_file *file, struct timespec modified, gp_error *err)
{
    const struct timespec times[2] = {modified, modified};
    GP_TRY(flush(file, err));
    (void)futimens(file->fd, times); /* optional, so a failure is ignored */
    return GP_OK;
}

gp_status gp_atomic_file_sync(gp_atomic_file *file, gp_error *err)
{
    GP_TRY(flush(file, err));
    if (fsync(file->fd) != 0) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", file->path);
    return GP_OK;
}

/* Copies one attribute.  A failure is ignored, because the file system of the copy may not have this attribute. */
static void copy_attribute(int from, int to, const char *name)
{
    ssize_t size = fgetxattr(from, name, NULL, 0);
    char *value = size >= 0 ? gp_mem_new((size_t)size + 1, 1) : NULL;
    if (value) size = fgetxattr(from, name, value, (size_t)size);
    if (value && size >= 0) (void)fsetxattr(to, name, value, (size_t)size, 0);
    gp_mem_free(value);
}

void gp_atomic_file_copy_attributes(gp_atomic_file *file, int from)
{
    struct stat info;
    if (fstat(from, &info) == 0 && fchown(file->fd, (uid_t)-1, info.st_gid) != 0) errno = 0;
    ssize_t size = flistxattr(from, NULL, 0);
    char *names = size > 0 ? gp_mem_new((size_t)size, 1) : NULL;
    if (names) size = flistxattr(from, names, (size_t)size);
    for (ssize_t at = 0; names && at < size; at += (ssize_t)strlen(names + at) + 1)
        copy_attribute(from, file->fd, names + at);
    gp_mem_free(names);
}

/* Where RENAME_NOREPLACE is missing (NFS), uses a hard link.  File systems without hard links (exFAT) have
 * RENAME_NOREPLACE. */
int gp_file_rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    return link(from, to) == 0 && unlink(from) == 0 ? 0 : errno;
}

int gp_atomic_file_fd(gp_atomic_file *file)
{
    return file->fd;
}

static gp_status commit(gp_atomic_file *file, bool only_new, gp_error *err)
{
    gp_status st;
    GP_TRY_GOTO(flush(file, err));
    if (fsync(file->fd) != 0) {
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", file->path);
        goto out;
    }
    int number = only_new                                   ? gp_file_rename_new(file->temporary, file->path)
                 : rename(file->temporary, file->path) == 0 ? 0
                                                            : errno;
    if (number) {
        st = only_new && number == EEXIST
                 ? GP_ERR_STOPPED
                 : gp_fail_path_errno(err, GP_ERR_IO, number, "cannot replace '%s'", file->path);
        goto out;
    }
    st = gp_folder_sync_of(file->path, err);
    atomic_free(file);
    return st;
out:
    gp_atomic_file_abort(file);
    return st;
}

gp_status gp_atomic_file_commit(gp_atomic_file *file, gp_error *err)
{
    return commit(file, false, err);
}

gp_status gp_atomic_file_commit_new(gp_atomic_file *file, gp_error *err)
{
    return commit(file, true, err);
}

gp_status gp_file_replace(const char *path, const void *bytes, size_t size, gp_error *err)
{
    gp_atomic_file *file = NULL;
    GP_TRY(gp_atomic_file_open(path, &file, err));
    gp_status st = gp_atomic_file_write(file, bytes, size, err);
    if (st == GP_OK) return gp_atomic_file_commit(file, err);
    gp_atomic_file_abort(file);
    return st;
}

gp_status gp_file_copy(const char *from, const char *to, gp_error *err)
{
    enum { PIECE = 1 << 20 };
    int source = -1;
    uint64_t size = 0;
    uint8_t *piece = NULL;
    gp_atomic_file *file = NULL;
    gp_status st;
    GP_TRY(gp_file_open(from, &source, &size, err));
    GP_TRY_GOTO(gp_alloc((void **)&piece, PIECE, 1, "a copy", err));
    GP_TRY_GOTO(gp_atomic_file_open(to, &file, err));
    for (uint64_t at = 0; at < size; at += PIECE) {
        size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        GP_TRY_GOTO(gp_file_read_at(source, from, at, piece, n, err));
        GP_TRY_GOTO(gp_atomic_file_write(file, piece, n, err));
    }
    st = gp_atomic_file_commit(file, err);
    file = NULL;
out:
    gp_atomic_file_abort(file);
    gp_mem_free(piece);
    close(source);
    return st;
}

gp_status gp_folder_make(const char *path, gp_error *err)
{
    char *copy = gp_str_dup(path);
    if (!copy) return gp_fail_memory_path(err, "'%s'", path);
    gp_status st = GP_OK;
    for (char *p = copy; *p && st == GP_OK;) {
        p += strspn(p, "/");
        p += strcspn(p, "/");
        char kept = *p;
        *p = '\0';
        struct stat about;
        if (*copy && mkdir(copy, 0777) != 0) {
            int number = errno; /* mkdir fails with EEXIST, or for "/mnt" with an error such as EROFS; both are fine if
                                 * the folder exists */
            if (stat(copy, &about) != 0)
                st = gp_fail_path_errno(err, GP_ERR_IO, number, "cannot create folder '%s'", copy);
            else if (!S_ISDIR(about.st_mode))
                st = gp_fail_path(err, GP_ERR_IO, "'%s' is not a folder", copy);
        }
        *p = kept;
    }
    gp_mem_free(copy);
    return st;
}
