/* SPDX-License-Identifier: MIT
 * Checks before an export that the disk has space for the copies. */
#include "report/export.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { DEPTH = 4 /* folders in folders whose files may be copies of an earlier export */ };

/* Sets *bytes to the free bytes on the disk of `folder`, or of its nearest parent folder if `folder` does not exist.
 * UINT64_MAX: the system does not tell. */
static gp_status read_free(const char *folder, uint64_t *bytes, gp_error *err)
{
    struct statvfs disk = {0};
    char *path = gp_str_dup(folder);
    int failed = -1;
    while (path && (failed = statvfs(path, &disk)) != 0 && errno == ENOENT) {
        char *parent = gp_path_folder(path);
        bool top = parent && strcmp(parent, path) == 0;
        gp_mem_free(path);
        path = parent;
        if (top) break;
    }
    if (!path) return gp_fail_memory(err, "an export");
    gp_mem_free(path);
    *bytes = failed || !disk.f_blocks ? UINT64_MAX : (uint64_t)disk.f_bavail * (uint64_t)disk.f_frsize;
    return GP_OK;
}

gp_status gp_export_device(const char *folder, uint64_t *device, gp_error *err)
{
    struct stat info;
    char *path = gp_str_dup(folder);
    *device = 0;
    while (path && stat(path, &info) != 0 && strcmp(path, "/") != 0 && strcmp(path, ".") != 0) {
        char *parent = gp_path_folder(path);
        gp_mem_free(path);
        path = parent;
    }
    if (!path) return gp_fail_memory(err, "an export");
    if (stat(path, &info) == 0) *device = (uint64_t)info.st_dev;
    gp_mem_free(path);
    return GP_OK;
}

/* Returns the sum of the sizes of the regular files in `folder`, and in the folders below it down to this depth. */
static uint64_t bytes_in(const char *folder, int depth)
{
    uint64_t sum = 0;
    struct stat info;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISREG(info.st_mode)) sum += (uint64_t)info.st_size;
        if (!S_ISDIR(info.st_mode) || !depth || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        char *path = gp_path_join(folder, entry->d_name);
        if (path) sum += bytes_in(path, depth - 1);
        gp_mem_free(path);
    }
    if (dir) closedir(dir);
    return sum;
}

gp_status gp_export_check_space(const char *folder, uint64_t bytes, gp_error *err)
{
    uint64_t room = UINT64_MAX;
    GP_TRY(read_free(folder, &room, err));
    if (bytes <= room) return GP_OK;
    uint64_t there = bytes_in(folder, DEPTH);
    if (bytes <= there || bytes - there <= room) return GP_OK;
    return gp_fail_path(
        err, GP_ERR_IO,
        "no space for the copies in folder '%s': the copies need %.3f GB, but the disk has only %.3f GB "
        "of free space; use --hardlink or --symlink, or choose a folder on another disk",
        folder, (double)(bytes - there) / 1e9, (double)room / 1e9);
}
