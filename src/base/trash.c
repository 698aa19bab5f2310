/* SPDX-License-Identifier: MIT
 * Finds the trash folder of a file and moves the file there. The .trashinfo file is created first, with O_EXCL, which
 * reserves the name. Sources: the FreeDesktop.org Trash specification 1.0, RFC 2396 for the encoding of paths. */
#include "base/trash.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/trash_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_NAME = 245,   /* bytes of a name in the trash; with ".trashinfo" 255 */
    MAX_TRIES = 10000 /* names that are tried for one file */
};
#define INFO_SUFFIX ".trashinfo"

/* ------------------------------------------------------------------ trash folders */

void gp_trash_folder_close(gp_trash_folder *folder)
{
    if (folder->files >= 0) close(folder->files);
    if (folder->info >= 0) close(folder->info);
    gp_mem_free(folder->top);
    *folder = (gp_trash_folder){.files = -1, .info = -1};
}

char *gp_trash_home(void)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && *data == '/') return gp_path_join(data, "Trash");
    return home && *home == '/' ? gp_path_join(home, ".local/share/Trash") : NULL;
}

static int open_below(int at, const char *name, bool make)
{
    if (make) (void)mkdirat(at, name, 0700);
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int gp_trash_folder_open(const char *path, bool own, bool make, gp_trash_folder *out)
{
    struct stat info;
    *out = (gp_trash_folder){.files = -1, .info = -1};
    if (make) (void)mkdir(path, 0700);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (own ? O_NOFOLLOW : 0)), number = 0;
    if (folder < 0) return errno;
    if (own && (fstat(folder, &info) != 0 || info.st_uid != getuid())) {
        number = EPERM;
    } else {
        out->files = open_below(folder, "files", make);
        if (out->files >= 0) out->info = open_below(folder, "info", make);
        if (out->info < 0) number = errno;
    }
    close(folder);
    if (number) gp_trash_folder_close(out);
    return number;
}

char *gp_trash_topdir(const char *path)
{
    struct stat info;
    char *top = gp_str_dup(path);
    if (!top || stat(top, &info) != 0) return top;
    const dev_t device = info.st_dev;
    while (strcmp(top, "/") != 0) {
        char *above = gp_path_folder(top);
        if (!above || stat(above, &info) != 0 || info.st_dev != device) {
            gp_mem_free(above);
            break;
        }
        gp_mem_free(top);
        top = above;
    }
    return top;
}

void gp_trash_names(const char *top, gp_str *shared, gp_str *own)
{
    struct stat info;
    const char *slash = strcmp(top, "/") == 0 ? "" : "/";
    gp_str_printf(shared, "%s%s.Trash", top, slash);
    gp_str_printf(own, "%s%s.Trash-%u", top, slash, (unsigned)getuid());
    if (!shared->failed && lstat(shared->data, &info) == 0 && S_ISDIR(info.st_mode) && info.st_mode & S_ISVTX)
        gp_str_printf(shared, "/%u", (unsigned)getuid());
    else
        gp_str_reset(shared);
}

/* Returns the device of the nearest folder at or above `path` that exists; 0: none. */
static dev_t device_above(const char *path)
{
    struct stat info;
    dev_t device = 0;
    char *at = gp_str_dup(path);
    while (at && stat(at, &info) != 0 && strcmp(at, "/") != 0) {
        char *above = gp_path_folder(at);
        gp_mem_free(at);
        at = above;
    }
    if (at && stat(at, &info) == 0) device = info.st_dev;
    gp_mem_free(at);
    return device;
}

/* Opens or creates the home trash if it is on this device. *tried: path of the home trash, owned; not set if the home
 * trash is not on the device. */
static int open_home(dev_t device, char **tried, gp_trash_folder *out)
{
    char *home = gp_trash_home();
    if (!home || device_above(home) != device) {
        gp_mem_free(home);
        return ENOENT;
    }
    *tried = home;
    char *data = gp_path_folder(home);
    if (data) (void)gp_folder_make(data, NULL);
    gp_mem_free(data);
    return gp_trash_folder_open(home, false, true, out);
}

/* Opens or creates a trash folder on the file system of `folder`, a folder without links. */
static gp_status open_trash(const char *folder, dev_t device, gp_trash_folder *out, gp_error *err)
{
    char *tried = NULL, *top = NULL;
    gp_str shared = GP_STR_INIT, own = GP_STR_INIT;
    gp_status st = GP_OK;
    int number = open_home(device, &tried, out);
    if (number && !tried) {
        top = gp_trash_topdir(folder);
        if (top) gp_trash_names(top, &shared, &own);
        if (!top || shared.failed || own.failed) GP_TRY_GOTO(gp_fail_memory(err, "the trash"));
        if (shared.size) number = gp_trash_folder_open(shared.data, true, true, out);
        if (number) number = gp_trash_folder_open(own.data, true, true, out);
        if (!number) out->top = top, top = NULL;
    }
    if (number)
        st = gp_fail_path_errno(err, GP_ERR_IO, number, "the trash folder '%s' cannot be written",
                                tried ? tried : own.data);
out:
    gp_str_clear(&shared);
    gp_str_clear(&own);
    gp_mem_free(top);
    gp_mem_free(tried);
    return st;
}

/* ------------------------------------------------------------------ .trashinfo files */

void gp_trash_encode(gp_str *s, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()/";
    for (; *path; path++)
        if (strchr(plain, *path))
            gp_str_putc(s, *path);
        else
            gp_str_printf(s, "%%%02X", (unsigned)(unsigned char)*path);
}

bool gp_trash_decode(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        int high = gp_hex_digit(at[1]), low = high < 0 ? -1 : gp_hex_digit(at[2]);
        if (low < 0 || high + low == 0) return false;
        *to++ = (char)(16 * high + low);
        at += 2;
    }
    *to = 0;
    return true;
}

char *gp_trash_original(const char *path)
{
    char *folder = gp_path_folder(path), *real = folder ? realpath(folder, NULL) : NULL;
    char *out = real ? gp_path_join(real, gp_path_base(path)) : folder ? gp_str_dup(path) : NULL;
    free(real);
    gp_mem_free(folder);
    return out;
}

static gp_status write_info(const gp_trash_folder *trash, int file, const char *original, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    char date[32];
    time_t now = time(NULL);
    struct tm local;
    size_t top = trash->top ? strlen(trash->top) : 0;
    if (top > 1) top++; /* the slash; "/" already ends with one */
    localtime_r(&now, &local);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &local);
    gp_str_puts(&s, "[Trash Info]\nPath=");
    gp_trash_encode(&s, original + top);
    gp_str_printf(&s, "\nDeletionDate=%s\n", date);
    gp_status st = s.failed ? gp_fail_memory(err, "the trash") : GP_OK;
    if (st == GP_OK && (!gp_fd_write(file, -1, s.data, s.size) || fsync(file) != 0))
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "the trash cannot record '%s'", original);
    gp_str_clear(&s);
    return st;
}

/* ------------------------------------------------------------------ the move */

int gp_trash_rename(int from, const char *old_name, int to, const char *new_name)
{
    if (renameat2(from, old_name, to, new_name, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    if (linkat(from, old_name, to, new_name, 0) != 0) return errno; /* NFS: has hard links, and no RENAME_NOREPLACE */
    return unlinkat(from, old_name, 0) == 0 ? 0 : errno;
}

/* Writes the name to try: "picture.png", then "picture.2.png" and so on. A long name is cut, at the beginning of a
 * character. */
static void name_to_try(const char *base, unsigned number, char name[MAX_NAME + 1])
{
    const char *extension = gp_path_extension(base);
    char end[40] = "";
    if (strlen(extension) > 16) extension = "";
    if (number > 1) snprintf(end, sizeof end, ".%u", number);
    snprintf(end + strlen(end), sizeof end - strlen(end), "%s", extension);
    size_t stem = strlen(base) - strlen(extension), most = MAX_NAME - strlen(end);
    if (stem > most)
        for (stem = most; stem && ((unsigned char)base[stem] & 0xC0) == 0x80;) stem--;
    snprintf(name, MAX_NAME + 1, "%.*s%s", (int)stem, base, end);
}

static bool same_file(int folder, const char *name, const struct stat *file)
{
    struct stat now;
    return fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(now.st_mode) &&
           now.st_dev == file->st_dev && now.st_ino == file->st_ino;
}

/* A file to move: its folder, its name there, and its identity. */
typedef struct moving {
    const char *path, *original;
    int folder;
    const struct stat *file;
} moving;

/* Moves the file into the trash under the name `name`. *taken: the trash already contains this name, and nothing was
 * moved. */
static gp_status move_as(const moving *m, const gp_trash_folder *trash, const char *name, bool *taken, gp_error *err)
{
    char info_name[MAX_NAME + sizeof INFO_SUFFIX];
    const char *base = gp_path_base(m->path);
    snprintf(info_name, sizeof info_name, "%s" INFO_SUFFIX, name);
    int info = openat(trash->info, info_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *taken = info < 0 && errno == EEXIST;
    if (*taken) return GP_OK;
    if (info < 0)
        return gp_fail_path_errno(err, GP_ERR_IO, errno, "'%s' cannot be moved: the trash cannot be written", m->path);
    gp_status st = write_info(trash, info, m->original, err);
    close(info);
    if (st == GP_OK) {
        int number = gp_trash_rename(m->folder, base, trash->files, name);
        *taken = number == EEXIST;
        if (number && !*taken)
            st = gp_fail_path_errno(err, number == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, number,
                                    "'%s' cannot be moved to the trash", m->path);
        if (!number && !same_file(trash->files, name, m->file)) { /* another file took its place just now */
            (void)gp_trash_rename(trash->files, name, m->folder, base);
            st = gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' was replaced by another file", m->path);
        }
    }
    if (st != GP_OK || *taken) (void)unlinkat(trash->info, info_name, 0);
    return st;
}

static gp_status check_file(const moving *m, gp_error *err)
{
    struct stat now;
    if (fstatat(m->folder, gp_path_base(m->path), &now, AT_SYMLINK_NOFOLLOW) != 0)
        return gp_fail_path_errno(err, errno == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, errno,
                                  "'%s' cannot be moved to the trash", m->path);
    if (S_ISLNK(now.st_mode))
        return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' is a symbolic link: the trash takes only files", m->path);
    if (!same_file(m->folder, gp_path_base(m->path), m->file))
        return gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' was replaced by another file", m->path);
    return GP_OK;
}

gp_status gp_trash_put(const char *path, int file, gp_error *err)
{
    struct stat info;
    gp_trash_folder trash = {.files = -1, .info = -1};
    char *folder = gp_path_folder(path), *original = gp_trash_original(path), *real = NULL;
    moving m = {.path = path, .original = original, .folder = -1, .file = &info};
    bool taken = true;
    gp_status st = GP_OK;
    if (!folder || !original || !(real = gp_path_folder(original))) GP_TRY_GOTO(gp_fail_memory(err, "the trash"));
    if (fstat(file, &info) != 0 || (m.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        GP_TRY_GOTO(gp_fail_path_errno(err, errno == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, errno,
                                       "'%s' cannot be moved to the trash", path));
    GP_TRY_GOTO(check_file(&m, err));
    GP_TRY_GOTO(open_trash(real, info.st_dev, &trash, err));
    for (unsigned i = 1; taken && i <= MAX_TRIES; i++) {
        char name[MAX_NAME + 1];
        name_to_try(gp_path_base(path), i, name);
        GP_TRY_GOTO(move_as(&m, &trash, name, &taken, err));
    }
    if (taken)
        st = gp_fail_path(err, GP_ERR_IO, "'%s' cannot be moved: the trash already has %d files of this name", path,
                          (int)MAX_TRIES);
out:
    gp_trash_folder_close(&trash);
    if (m.folder >= 0) close(m.folder);
    gp_mem_free(real);
    gp_mem_free(original);
    gp_mem_free(folder);
    return st;
}
