/* SPDX-License-Identifier: MIT
 * Moves one file without ever replacing one, also to another file system. */
#include "report/export.h"

#include "base/file.h"
#include "base/mem.h"
#include "report/export_journal_private.h"
#include "report/original.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

static bool same_file(const char *path, const struct stat *file)
{
    struct stat now;
    return lstat(path, &now) == 0 && now.st_dev == file->st_dev && now.st_ino == file->st_ino;
}

static bool same_content(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

gp_status gp_export_open_hashed(const char *path, int *file, gp_hash *hash, gp_error *err)
{
    struct stat info;
    uint64_t size;
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (*file < 0)
        return gp_fail_path_errno(err, errno == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, errno, "cannot read '%s'", path);
    gp_status st = fstat(*file, &info) == 0 && S_ISREG(info.st_mode)
                       ? gp_hash_file(*file, path, hash, &size, err)
                       : gp_fail_path(err, GP_ERR_IO, "'%s' is not a regular file", path);
    if (st != GP_OK) close(*file), *file = -1;
    return st;
}

bool gp_export_has_hash(const char *path, const gp_hash *hash)
{
    int file = -1;
    gp_hash now;
    if (gp_export_open_hashed(path, &file, &now, NULL) != GP_OK) return false;
    close(file);
    return memcmp(now.bytes, hash->bytes, sizeof now.bytes) == 0;
}

/* ------------------------------------------------------------------ to another file system */

static gp_status copy_content(int from, const char *path, off_t size, gp_atomic_file *to, gp_error *err)
{
    uint8_t *piece = NULL;
    gp_status st = gp_alloc((void **)&piece, PIECE, 1, "a copy", err);
    for (off_t at = 0; st == GP_OK && at < size; at += PIECE) {
        size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        st = gp_file_read_at(from, path, (uint64_t)at, piece, n, err);
        if (st == GP_OK) st = gp_atomic_file_write(to, piece, n, err);
    }
    gp_mem_free(piece);
    return st;
}

/* Reads the new file again, from the disk where the system can drop its cached copy. */
static gp_status verify(const char *path, const gp_hash *hash, gp_error *err)
{
    int file = -1;
    gp_hash now;
    int unread = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (unread >= 0) {
        (void)posix_fadvise(unread, 0, 0, POSIX_FADV_DONTNEED);
        close(unread);
    }
    GP_TRY(gp_export_open_hashed(path, &file, &now, err));
    close(file);
    if (memcmp(now.bytes, hash->bytes, sizeof now.bytes) == 0) return GP_OK;
    return gp_fail_path(err, GP_ERR_IO, "the copy '%s' differs from its original", path);
}

/* Deletes the original after the copy was verified.  Keeps it, and deletes the copy, if it has changed meanwhile or
 * cannot be deleted.  Never deletes the copy if another program has deleted the original: the copy may be the only
 * file. */
static gp_status finish(const char *from, int file, const struct stat *before, const char *to, const gp_hash *hash,
                        gp_error *err)
{
    struct stat now;
    gp_status st = verify(to, hash, err);
    const bool verified = st == GP_OK;
    if (st == GP_OK && (fstat(file, &now) != 0 || !same_content(&now, before) || !same_file(from, before)))
        st = gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' changed while goldpan moved it", from);
    if (st == GP_OK && unlink(from) != 0)
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot delete '%s' after it was copied", from);
    if (st == GP_OK)
        (void)gp_folder_sync_of(from, NULL);
    else if (fstat(file, &now) == 0 && now.st_nlink > 0)
        (void)unlink(to);
    else if (verified)
        st = GP_OK;
    return st;
}

static gp_status move_by_copy(const char *from, int file, const gp_hash *hash, const char *to, gp_export_journal *j,
                              gp_error *err)
{
    struct stat info;
    gp_atomic_file *copy = NULL;
    if (fstat(file, &info) != 0) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", from);
    GP_TRY(gp_atomic_file_open(to, &copy, err));
    gp_status st = copy_content(file, from, info.st_size, copy, err);
    if (st == GP_OK) st = gp_atomic_file_set_time(copy, info.st_mtim, err);
    if (st == GP_OK) gp_atomic_file_copy_attributes(copy, file);
    if (st == GP_OK) (void)fchmod(gp_atomic_file_fd(copy), info.st_mode & 0777);
    if (st == GP_OK) st = gp_export_journal_file(j, to, from, hash, NULL, &info, true, err);
    if (st != GP_OK) {
        gp_atomic_file_abort(copy);
        return st;
    }
    st = gp_atomic_file_commit_new(copy, err);
    if (st == GP_OK) st = finish(from, file, &info, to, hash, err);
    if (st != GP_OK) (void)gp_export_journal_void(j, to, NULL);
    return st;
}

/* ------------------------------------------------------------------ on one file system */

static gp_status move_by_name(const char *from, const struct stat *info, const gp_hash *hash, const char *to,
                              gp_export_journal *j, bool *far, gp_error *err)
{
    GP_TRY(gp_export_journal_file(j, to, from, hash, NULL, info, true, err));
    int number = gp_file_rename_new(from, to);
    gp_status st = GP_OK;
    *far = number == EXDEV;
    if (number == EEXIST)
        st = GP_ERR_STOPPED;
    else if (number && !*far)
        st = gp_fail_path_errno(err, number == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, number, "cannot move '%s'", from);
    if (!number && !same_file(to, info)) { /* another file took its place just now */
        (void)gp_file_rename_new(to, from);
        st = gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' was replaced by another file", from);
    }
    if (st != GP_OK || *far) (void)gp_export_journal_void(j, to, NULL);
    return st;
}

gp_status gp_export_move(const char *from, int file, const gp_hash *hash, const char *to, gp_export_journal *j,
                         gp_error *err)
{
    struct stat info, now, there;
    char *folder = gp_path_folder(to);
    bool far = folder && stat(folder, &there) == 0;
    gp_mem_free(folder);
    if (fstat(file, &info) != 0 || lstat(from, &now) != 0)
        return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot move '%s'", from);
    if (S_ISLNK(now.st_mode))
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is a symbolic link: only files can be moved", from);
    if (!same_file(from, &info)) return gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' was replaced by another file", from);
    far = far && there.st_dev != info.st_dev;
    if (!far) {
        gp_status st = move_by_name(from, &info, hash, to, j, &far, err);
        if (st != GP_OK || !far) return st;
    }
    return move_by_copy(from, file, hash, to, j, err);
}
