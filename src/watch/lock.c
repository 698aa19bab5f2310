/* SPDX-License-Identifier: MIT
 * The file is deleted when the lock is released. A process may open the file just before it is deleted, and would then
 * lock a file without a name. So each process checks after locking that the file still has its name. */
#include "watch/lock.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static gp_status fail_locked(int fd, const char *catalog, gp_error *err)
{
    char text[32] = {0};
    long process = pread(fd, text, sizeof text - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
    if (process > 0)
        return gp_fail_path(err, GP_ERR_CATALOG,
                            "catalog '%s' is watched by another goldpan watch (process %ld): end that one first, or "
                            "name another catalog with --catalog",
                            catalog, process);
    return gp_fail_path(err, GP_ERR_CATALOG,
                        "catalog '%s' is watched by another goldpan watch: end that one first, or name another catalog "
                        "with --catalog",
                        catalog);
}

static bool still_named(int fd, const char *path)
{
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && stat(path, &named) == 0 && open_file.st_dev == named.st_dev &&
           open_file.st_ino == named.st_ino;
}

/* Locks the file once. *again: the file lost its name in the meantime. */
static gp_status try_lock(gp_watch_lock *lock, const char *catalog, bool *again, gp_error *err)
{
    *again = false;
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (lock->fd < 0) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot create '%s'", lock->path);
    if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
        gp_status st = errno == EWOULDBLOCK ? fail_locked(lock->fd, catalog, err) : GP_OK;
        close(lock->fd);
        lock->fd = -1;
        return st;
    }
    if (still_named(lock->fd, lock->path)) return GP_OK;
    close(lock->fd);
    lock->fd = -1;
    *again = true;
    return GP_OK;
}

gp_status gp_watch_lock_take(gp_watch_lock *lock, const char *catalog, gp_error *err)
{
    gp_str path = GP_STR_INIT;
    char text[32];
    bool again = true;
    lock->fd = -1;
    gp_str_printf(&path, "%s-watch", catalog);
    lock->path = gp_str_take(&path);
    if (!lock->path) return gp_fail_memory_path(err, "catalog '%s'", catalog);
    while (again) GP_TRY(try_lock(lock, catalog, &again, err));
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (lock->fd >= 0 && (ftruncate(lock->fd, 0) != 0 || !gp_fd_write(lock->fd, 0, text, (size_t)size)))
        return GP_OK; /* the disk is full: the lock holds without the number */
    return GP_OK;
}

void gp_watch_unlock(gp_watch_lock *lock)
{
    if (lock->fd >= 0) {
        (void)unlink(lock->path);
        close(lock->fd);
    }
    lock->fd = -1;
    gp_mem_free(lock->path);
    lock->path = NULL;
}
