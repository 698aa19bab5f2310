/* SPDX-License-Identifier: MIT
 * A folder that appears complete or not at all.  Its mark is an empty file.  A folder without the mark is never
 * replaced or removed. */
#include "report/site.h"

#include "base/file.h"
#include "base/own.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The site's own entries in its top folder.  All other entries belong to other programs. */
static const char *const own[] = {GP_MARK_SITE, "index.html", "assets", "data", "thumb", "image"};

static bool is_own(const char *name)
{
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!strcmp(name, own[i])) return true;
    return false;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path) == 0 ? 0 : -1;
}

static bool has_mark(const char *folder)
{
    struct stat info;
    char *mark = gp_path_join(folder, GP_MARK_SITE);
    bool has = mark && lstat(mark, &info) == 0 && S_ISREG(info.st_mode);
    gp_mem_free(mark);
    return has;
}

/* Removes the site's own entries except the mark.  If the removal is interrupted, the mark still shows that goldpan
 * made the folder. */
static void remove_parts(const char *folder)
{
    for (size_t i = 1; i < sizeof own / sizeof *own; i++) {
        char *path = gp_path_join(folder, own[i]);
        if (path) (void)nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
        gp_mem_free(path);
    }
}

/* Removes a site if the folder has goldpan's mark.  Then removes the folder, unless it contains other entries. */
static void remove_site(const char *folder)
{
    char *mark = gp_path_join(folder, GP_MARK_SITE);
    if (mark && has_mark(folder)) {
        remove_parts(folder);
        (void)unlink(mark);
        (void)rmdir(folder);
    }
    gp_mem_free(mark);
}

/* Sets *entries to the number of entries of the folder.  GP_ERR_NOT_FOUND: the folder does not exist. */
static gp_status look_at(const char *folder, size_t *entries, gp_error *err)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    *entries = 0;
    if (!dir && errno == ENOENT) return GP_ERR_NOT_FOUND;
    if (!dir) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot use the folder '%s'", folder);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) ++*entries;
    closedir(dir);
    return GP_OK;
}

/* Returns the hidden name: ".site.goldpan-part" beside "site". */
static char *hidden_name(const char *target)
{
    char *above = gp_path_folder(target);
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%s/.%s.goldpan-part", above ? above : "", gp_path_base(target));
    s.failed |= !above;
    gp_mem_free(above);
    return gp_str_take(&s);
}

/* Resolves the target. If the target is a link to a folder, the link stays and the folder is replaced. */
static char *real_place(const char *target)
{
    char *real = realpath(target, NULL), *own_copy = real ? gp_str_dup(real) : gp_path_absolute(target);
    free(real); /* from the C library */
    return own_copy;
}

/* Returns true if the name still leads to the open `file`.  Another run may have renamed or deleted the folder after
 * this run opened it and before this run locked it. */
static bool still_there(int file, const char *name)
{
    struct stat mine, named;
    return fstat(file, &mine) == 0 && lstat(name, &named) == 0 && mine.st_dev == named.st_dev &&
           mine.st_ino == named.st_ino;
}

/* Creates the hidden folder, or uses the hidden folder of a killed run.  Locks the folder, and then deletes what the
 * killed run left in it. */
static gp_status begin(gp_site_folder *f, gp_error *err)
{
    size_t entries = 0;
    GP_TRY(gp_folder_make(f->hidden, err));
    int lock = open(f->hidden, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0) return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", f->hidden);
    gp_status st = GP_OK;
    if (flock(lock, LOCK_EX | LOCK_NB) != 0 || !still_there(lock, f->hidden))
        st = gp_fail_path(err, GP_ERR_USAGE, "another export to '%s' is running: wait until it has ended", f->target);
    else
        st = look_at(f->hidden, &entries, err);
    if (st == GP_OK && entries && !has_mark(f->hidden))
        st = gp_fail_path(err, GP_ERR_USAGE, "the folder '%s' exists and was not written by goldpan: move or rename it",
                          f->hidden);
    if (st != GP_OK) {
        close(lock);
        return st;
    }
    f->lock = lock;
    remove_parts(f->hidden);
    return GP_OK;
}

gp_status gp_site_folder_open(const char *target, gp_site_folder *out, gp_error *err)
{
    gp_site_folder f = {.lock = -1};
    size_t entries = 0;
    gp_status st = GP_OK;
    f.target = real_place(target);
    f.hidden = f.target ? hidden_name(f.target) : NULL;
    if (!f.hidden) GP_TRY_GOTO(gp_fail_memory(err, "a site"));
    st = look_at(f.target, &entries, err);
    if (st == GP_OK && entries && !has_mark(f.target))
        st = gp_fail_path(err, GP_ERR_USAGE,
                          "the folder '%s' is not empty and is not a site that goldpan wrote: name another folder",
                          target);
    if (st == GP_ERR_NOT_FOUND) st = GP_OK;
    if (st != GP_OK) goto out;
    GP_TRY_GOTO(begin(&f, err));
    st = gp_site_folder_put(&f, GP_MARK_SITE, "", 0, err);
out:
    if (st != GP_OK)
        gp_site_folder_close(&f);
    else
        *out = f;
    return st;
}

gp_status gp_site_folder_make(const gp_site_folder *folder, const char *name, gp_error *err)
{
    char *path = gp_path_join(folder->hidden, name);
    gp_status st = path ? gp_folder_make(path, err) : gp_fail_memory(err, "a site");
    gp_mem_free(path);
    return st;
}

gp_status gp_site_folder_put(const gp_site_folder *folder, const char *name, const void *bytes, size_t size,
                             gp_error *err)
{
    char *path = gp_path_join(folder->hidden, name);
    if (!path) return gp_fail_memory(err, "a site");
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    gp_status st = file >= 0 && gp_fd_write(file, -1, bytes, size)
                       ? GP_OK
                       : gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", path);
    if (file >= 0 && close(file) != 0 && st == GP_OK)
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", path);
    gp_mem_free(path);
    return st;
}

/* Moves other programs' files from the old site, now at the hidden name, to the new site. */
static void take_along(const gp_site_folder *f)
{
    DIR *dir = opendir(f->hidden);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || is_own(entry->d_name)) continue;
        char *from = gp_path_join(f->hidden, entry->d_name), *to = gp_path_join(f->target, entry->d_name);
        if (from && to) (void)renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
        gp_mem_free(from);
        gp_mem_free(to);
    }
    if (dir) closedir(dir);
}

/* Forgets the hidden name, because another run may use it from now on. */
static void let_go(gp_site_folder *f)
{
    gp_mem_free(f->hidden);
    f->hidden = NULL;
}

gp_status gp_site_folder_settle(gp_site_folder *f, gp_error *err)
{
    (void)syncfs(f->lock);                   /* sync all files to the disk before the folder becomes visible */
    if (rename(f->hidden, f->target) == 0) { /* this succeeds if the target does not exist or is an empty folder */
        let_go(f);
        return GP_OK;
    }
    if (errno != ENOTEMPTY && errno != EEXIST)
        return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot write '%s'", f->target);
    if (!has_mark(f->target)) /* check again, because the user may have changed the folder during the export */
        return gp_fail_path(
            err, GP_ERR_USAGE,
            "the folder '%s' is no longer empty and is not a site that goldpan wrote: name another folder", f->target);
    if (renameat2(AT_FDCWD, f->hidden, AT_FDCWD, f->target, RENAME_EXCHANGE) != 0)
        return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot replace '%s'; remove it and export again", f->target);
    take_along(f);
    remove_site(f->hidden);
    let_go(f);
    return GP_OK;
}

void gp_site_folder_close(gp_site_folder *f)
{
    if (f->lock >= 0 && f->hidden) remove_site(f->hidden);
    if (f->lock >= 0) close(f->lock);
    gp_mem_free(f->hidden);
    gp_mem_free(f->target);
    *f = (gp_site_folder){.lock = -1};
}
