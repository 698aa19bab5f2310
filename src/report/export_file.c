/* SPDX-License-Identifier: MIT
 * Places one file in the export folder without overwriting any file.  link(), symlink() and the renames fail if the
 * name exists.  A copy is written under a hidden name and then renamed if its own name is free.  A second export
 * recognises files in the folder by their content, so it finds the same names again.  Only files with the content on
 * record are placed (original.h).  The check reads the open file; the target of a new link must then be that same
 * file. */
#include "report/export.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/packet.h"
#include "report/original.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_TRIED 100000
#ifndef FICLONE /* of linux/fs.h */
#define FICLONE _IOW(0x94, 9, int)
#endif
enum { LONGEST_NAME = 255, SHORTEST_LIMIT = 32 };

struct gp_export_files {
    const char *folder; /* borrowed */
    char *absolute;     /* owned: the folder as the journal names it */
    gp_export_mode mode;
    gp_export_journal *journal; /* NULL: nothing is recorded */
    gp_taken_names names;
    gp_export_folders folders;
    /* GP_EXPORT_STRIP: the bytes of the present file's copy, and the hash of the present file */
    gp_str stripped;
    gp_hash original;
};

gp_status gp_export_files_open(const char *folder, gp_export_mode mode, gp_export_journal *journal,
                               gp_export_files **out, gp_error *err)
{
    gp_status st = GP_OK;
    gp_export_files *p = gp_mem_zero(1, sizeof *p);
    if (!p) return gp_fail_memory(err, "the names of an export");
    long longest = pathconf(folder, _PC_NAME_MAX);
    *p = (gp_export_files){.folder = folder, .mode = mode, .journal = journal, .absolute = gp_path_absolute(folder)};
    p->folders = (gp_export_folders){.top = p->absolute, .journal = journal, .names = &p->names};
    p->folders.longest = longest > SHORTEST_LIMIT && longest < LONGEST_NAME ? (size_t)longest : LONGEST_NAME;
    st = p->absolute ? gp_export_folders_top(&p->folders, err) : gp_fail_memory(err, "the names of an export");
    if (st == GP_OK)
        *out = p;
    else
        gp_export_files_close(p);
    return st;
}

void gp_export_files_close(gp_export_files *p)
{
    if (!p) return;
    gp_export_folders_clear(&p->folders);
    gp_taken_names_clear(&p->names);
    gp_str_clear(&p->stripped);
    gp_mem_free(p->absolute);
    gp_mem_free(p);
}

void gp_export_files_sync(const gp_export_files *p)
{
    if (p) gp_export_folders_sync(&p->folders);
}

size_t gp_export_files_longest(const gp_export_files *p)
{
    return p->folders.longest;
}

/* ------------------------------------------------------------------ what is there */

static bool leads_to(const char *target, int file)
{
    struct stat a, b;
    return stat(target, &a) == 0 && fstat(file, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool is_itself(const char *target, const char *source)
{
    struct stat a, b;
    return lstat(target, &a) == 0 && lstat(source, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Sets *same if `target` holds this image.  A file that cannot be read counts as another image.  A file that is moved
 * is only the same as itself: another file with this content stays, and so does the one to move. */
static gp_status is_there(const gp_export_files *p, const char *target, const char *source, const gp_hash *hash,
                          bool *same, gp_error *err)
{
    int file = -1;
    *same = false;
    if (p->mode == GP_EXPORT_MOVE && !is_itself(target, source)) return GP_OK;
    gp_status st = gp_original_open(target, hash, &file, err);
    *same = st == GP_OK;
    if (file >= 0) close(file);
    return st == GP_ERR_MEMORY ? st : GP_OK;
}

/* ------------------------------------------------------------------ copies */

/* Commits a copy, after the journal has its line. */
static gp_status commit(gp_export_files *p, gp_atomic_file *file, const char *source, const gp_hash *hash,
                        const char *target, gp_error *err)
{
    struct stat info;
    gp_status st = fstat(gp_atomic_file_fd(file), &info) == 0
                       ? gp_export_journal_file(p->journal, target, source, hash,
                                                p->mode == GP_EXPORT_STRIP ? &p->original : NULL, &info, false, err)
                       : gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", target);
    if (st != GP_OK) {
        gp_atomic_file_abort(file);
        return st;
    }
    st = gp_atomic_file_commit_new(file, err);
    if (st != GP_OK) (void)gp_export_journal_void(p->journal, target, NULL);
    return st;
}

/* Writes bytes with this hash to `target`. The file gets the time of `source`. */
static gp_status put_bytes(gp_export_files *p, const void *bytes, size_t size, const char *source, const gp_hash *hash,
                           const char *target, gp_error *err)
{
    gp_atomic_file *file = NULL;
    struct stat info;
    gp_status st = gp_atomic_file_open(target, &file, err);
    if (st == GP_OK) st = gp_atomic_file_write(file, bytes, size, err);
    if (st == GP_OK && stat(source, &info) == 0) st = gp_atomic_file_set_time(file, info.st_mtim, err);
    if (st == GP_OK) return commit(p, file, source, hash, target, err);
    gp_atomic_file_abort(file);
    return st;
}

static gp_status copy(gp_export_files *p, const char *source, const gp_hash *hash, const char *target, gp_error *err)
{
    gp_bytes bytes = {0};
    GP_TRY(gp_original_read(source, hash, &bytes, err));
    gp_status st = put_bytes(p, bytes.data, bytes.size, source, hash, target, err);
    gp_bytes_clear(&bytes);
    return st;
}

/* Makes the copy without metadata in memory; *copied: the hash of its bytes. */
static gp_status strip(gp_export_files *p, const char *source, const gp_hash *hash, gp_hash *copied, gp_error *err)
{
    gp_bytes bytes = {0};
    GP_TRY(gp_original_read(source, hash, &bytes, err));
    gp_str_reset(&p->stripped);
    gp_status st = gp_image_strip(bytes.data, bytes.size, &p->stripped, err);
    if (st == GP_OK) *copied = gp_hash_of(p->stripped.data, p->stripped.size);
    gp_bytes_clear(&bytes);
    return st;
}

/* Makes `to` share the blocks of `from`. */
static gp_status share(int from, int to, const char *source, const gp_export_files *p, gp_error *err)
{
    if (ioctl(to, FICLONE, from) == 0) return GP_OK;
    if (errno == EXDEV)
        return gp_fail_path(err, GP_ERR_UNSUPPORTED,
                            "'%s' and '%s' are on different disks, and reflinks work only on one disk: use --copy",
                            source, p->folder);
    if (errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL || errno == ENOSYS)
        return gp_fail_path(
            err, GP_ERR_UNSUPPORTED,
            "'%s': the file system of this folder has no reflinks (Btrfs and XFS have them): use --copy", p->folder);
    return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot make a reflink of '%s'", source);
}

/* Checks the clone, not the original, which may change at any time. */
static gp_status reflink(gp_export_files *p, const char *source, const gp_hash *hash, const char *target, gp_error *err)
{
    gp_atomic_file *file = NULL;
    struct stat info;
    int from = -1;
    GP_TRY(gp_original_open_unchecked(source, &from, err));
    gp_status st = gp_atomic_file_open(target, &file, err);
    if (st == GP_OK) st = share(from, gp_atomic_file_fd(file), source, p, err);
    if (st == GP_OK) st = gp_original_check(gp_atomic_file_fd(file), hash, err);
    if (st == GP_OK && fstat(from, &info) == 0) st = gp_atomic_file_set_time(file, info.st_mtim, err);
    if (st == GP_OK)
        st = commit(p, file, source, hash, target, err);
    else
        gp_atomic_file_abort(file);
    close(from);
    return st;
}

/* ------------------------------------------------------------------ links and moves */

/* Makes a hard link to the open file. The link is correct even if the path of the file now leads to another file. */
static int hard_link(int file, const char *source, const char *target)
{
    char open_file[40];
    snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", file);
    if (linkat(AT_FDCWD, open_file, AT_FDCWD, target, AT_SYMLINK_FOLLOW) == 0) return 0;
    return errno == ENOENT ? link(source, target) : -1; /* without /proc, link by the path */
}

static gp_status put_link(gp_export_files *p, const char *source, int file, const gp_hash *hash, const char *target,
                          gp_error *err)
{
    struct stat info;
    bool hard = p->mode == GP_EXPORT_HARDLINK;
    gp_status st = GP_OK;
    if (fstat(file, &info) != 0) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot read '%s'", source);
    GP_TRY(gp_export_journal_file(p->journal, target, source, hash, NULL, &info, false, err));
    if ((hard ? hard_link(file, source, target) : symlink(source, target)) != 0) {
        if (errno == EEXIST)
            st = GP_ERR_STOPPED;
        else if (hard && errno == EXDEV)
            st = gp_fail_path(err, GP_ERR_UNSUPPORTED,
                              "'%s' and '%s' are on different disks, and hard links work only on one disk: use --copy",
                              source, p->folder);
        else
            st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot create the link '%s'", target);
    } else if (!leads_to(target, file)) {
        unlink(target);
        st = gp_fail(err, GP_ERR_NOT_FOUND, "the file was replaced by another program while goldpan linked it");
    }
    if (st != GP_OK) (void)gp_export_journal_void(p->journal, target, NULL);
    return st;
}

static gp_status place(gp_export_files *p, const char *source, const gp_hash *hash, const char *target, gp_error *err)
{
    int file = -1;
    if (p->mode == GP_EXPORT_COPY) return copy(p, source, hash, target, err);
    if (p->mode == GP_EXPORT_STRIP) return put_bytes(p, p->stripped.data, p->stripped.size, source, hash, target, err);
    if (p->mode == GP_EXPORT_REFLINK) return reflink(p, source, hash, target, err);
    GP_TRY(gp_original_open(source, hash, &file, err));
    gp_status st = p->mode == GP_EXPORT_MOVE ? gp_export_move(source, file, hash, target, p->journal, err)
                                             : put_link(p, source, file, hash, target, err);
    close(file);
    return st;
}

/* ------------------------------------------------------------------ names */

/* Tries one path within the folder.  *same: the image is there already.  GP_ERR_STOPPED: another file has the name. */
static gp_status try_name(gp_export_files *p, const char *source, const gp_hash *hash, const char *name, bool *same,
                          gp_error *err)
{
    char *target = gp_path_join(p->absolute, name);
    gp_status st = GP_OK;
    if (!target) return gp_fail_memory_path(err, "the export of '%s'", source);
    if (exists(target)) {
        st = is_there(p, target, source, hash, same, err);
        if (st == GP_OK && !*same) st = GP_ERR_STOPPED;
    } else if (gp_taken_names_have(&p->names, name)) {
        st = GP_ERR_STOPPED;
    } else {
        st = place(p, source, hash, target, err);
        if (st == GP_OK) st = gp_taken_names_add(&p->names, name, err);
    }
    gp_mem_free(target);
    return st;
}

/* Tries the name, then the name with -2, -3 ... in the folder `below`, a path within the export's folder. */
static gp_status try_names(gp_export_files *p, const char *source, const char *below, const char *base,
                           const gp_hash *hash, char **name, bool *placed, gp_error *err)
{
    for (unsigned number = 1; number < NAMES_TRIED; number++) {
        bool same = false;
        char *own = gp_export_numbered(base, number, p->folders.longest, false);
        char *file = own && *below ? gp_path_join(below, own) : own;
        if (file != own) gp_mem_free(own);
        gp_status st =
            file ? try_name(p, source, hash, file, &same, err) : gp_fail_memory_path(err, "the export of '%s'", source);
        if (st == GP_OK) {
            *name = file;
            *placed = !same;
            return GP_OK;
        }
        gp_mem_free(file);
        if (st != GP_ERR_STOPPED) return st;
    }
    return gp_fail_path(err, GP_ERR_LIMIT,
                        "folder '%s' already has too many files with the name of '%s': choose another folder",
                        p->folder, source);
}

gp_status gp_export_files_put(gp_export_files *p, const char *source, const char *wanted, const gp_hash *hash,
                              char **name, bool *placed, gp_error *err)
{
    const char *below = "", *base = gp_path_base(wanted);
    gp_hash copied;
    if (p->mode == GP_EXPORT_STRIP) {
        p->original = *hash;
        GP_TRY(strip(p, source, hash, &copied, err));
        hash = &copied;
    }
    if (base > wanted) {
        char *folder = gp_str_dup_n(wanted, (size_t)(base - 1 - wanted));
        gp_status st = folder ? gp_export_folders_enter(&p->folders, folder, &below, err)
                              : gp_fail_memory_path(err, "the export of '%s'", source);
        gp_mem_free(folder);
        if (st != GP_OK) return st;
    }
    return try_names(p, source, below, base, hash, name, placed, err);
}
