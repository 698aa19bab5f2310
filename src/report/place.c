/* SPDX-License-Identifier: MIT
 * One file into the export folder, without ever overwriting: link() and symlink() refuse an existing name by
 * themselves, and a copy is written under a hidden name first and then renamed to its own if that is free.  A second
 * export finds the same names again, since what is there already is recognised by its content. */
#include "report/export.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT  ((uint64_t)1 << 30)
#define NAMES_TRIED 100000

/* "x.png" with number 2: "x-2.png". */
static char *numbered(const char *base, unsigned number)
{
    gp_str s = GP_STR_INIT;
    const char *extension = gp_path_extension(base);
    gp_str_add(&s, base, strlen(base) - strlen(extension));
    if (number > 1) gp_str_printf(&s, "-%u", number);
    gp_str_puts(&s, extension);
    return gp_str_take(&s);
}

static bool content_is(const gp_bytes *bytes, const char *hash)
{
    char hex[33];
    gp_hash_hex(gp_hash_of(bytes->data, bytes->size), hex);
    return strcmp(hex, hash) == 0;
}

/* Is `target` already this file: the same inode, a link to it, or the same content?  What cannot be read is another. */
static gp_status is_there(const char *source, const char *hash, const char *target, bool *same, gp_error *err)
{
    struct stat a, b;
    gp_bytes bytes = {0};
    *same = stat(source, &a) == 0 && stat(target, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    if (*same) return GP_OK;
    gp_status st = gp_file_read(target, FILE_LIMIT, &bytes, err);
    *same = st == GP_OK && content_is(&bytes, hash);
    gp_bytes_clear(&bytes);
    return st == GP_ERR_MEMORY ? st : GP_OK;
}

static void keep_time(const char *source, const char *target)
{
    struct stat st;
    if (stat(source, &st) != 0) return;
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    (void)utimensat(AT_FDCWD, target, times, 0); /* a nicety: the export is good without it */
}

/* Give the hidden copy its name unless that is taken (STOPPED).  Disks without such a rename (NFS) have hard links;
 * those without hard links (exFAT) have the rename. */
static gp_status settle(const char *hidden, const char *target, gp_error *err)
{
    if (renameat2(AT_FDCWD, hidden, AT_FDCWD, target, RENAME_NOREPLACE) == 0) return GP_OK;
    if (errno == EINVAL || errno == ENOSYS) {
        if (link(hidden, target) == 0) return unlink(hidden), GP_OK;
    }
    gp_status st = errno == EEXIST ? GP_ERR_STOPPED : gp_fail_errno(err, GP_ERR_IO, errno, "cannot write '%s'", target);
    unlink(hidden);
    return st;
}

/* The copy's bytes are those that were scored, or it is refused. */
static gp_status copy(const char *source, const char *hash, const char *folder, const char *target, gp_error *err)
{
    gp_bytes bytes = {0};
    char *hidden = NULL;
    gp_status st = GP_OK;
    gp_str name = GP_STR_INIT;
    gp_str_printf(&name, ".goldpan-%ld-%s", (long)getpid(), hash);
    char *part = gp_str_take(&name);
    hidden = part ? gp_path_join(folder, part) : NULL;
    if (!hidden) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for the copy of '%s'", source));
    GP_GO(gp_file_read(source, FILE_LIMIT, &bytes, err));
    if (!content_is(&bytes, hash)) GP_GO(gp_fail(err, GP_ERR_NOT_FOUND, "'%s' has changed since it was added", source));
    GP_GO(gp_file_replace(hidden, bytes.data, bytes.size, err));
    keep_time(source, hidden);
    st = settle(hidden, target, err);
out:
    gp_bytes_clear(&bytes);
    gp_mem_free(hidden);
    gp_mem_free(part);
    return st;
}

/* GP_ERR_STOPPED: the name was taken meanwhile. */
static gp_status put(const char *source, const char *hash, const char *folder, const char *target, gp_export_mode mode,
                     gp_error *err)
{
    if (mode == GP_EXPORT_COPY) return copy(source, hash, folder, target, err);
    if (access(source, R_OK) != 0) return gp_fail_errno(err, GP_ERR_NOT_FOUND, errno, "cannot read '%s'", source);
    bool hard = mode == GP_EXPORT_HARDLINK;
    if ((hard ? link(source, target) : symlink(source, target)) == 0) return GP_OK;
    if (errno == EEXIST) return GP_ERR_STOPPED;
    if (hard && errno == EXDEV)
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "'%s' and '%s' are on different disks, which a hard link cannot join; copy instead (--copy)",
                       source, folder);
    return gp_fail_errno(err, GP_ERR_IO, errno, "cannot link '%s' to '%s'", source, target);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

gp_status gp_export_place(const char *source, const char *hash, const char *folder, gp_export_mode mode, char **name,
                          bool *placed, gp_error *err)
{
    for (unsigned number = 1; number < NAMES_TRIED; number++) {
        char *file = numbered(gp_path_base(source), number), *target = file ? gp_path_join(folder, file) : NULL;
        gp_status st = target ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "out of memory for the export of '%s'", source);
        bool there = st == GP_OK && exists(target), same = false;
        if (there) st = is_there(source, hash, target, &same, err);
        if (st == GP_OK && !there) st = put(source, hash, folder, target, mode, err);
        gp_mem_free(target);
        if (st == GP_OK && (same || !there)) {
            *name = file;
            *placed = !same;
            return GP_OK;
        }
        gp_mem_free(file);
        if (st != GP_OK && st != GP_ERR_STOPPED) return st;
    }
    return gp_fail(err, GP_ERR_LIMIT, "no free name in '%s' for '%s'", folder, source);
}
