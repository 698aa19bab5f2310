/* SPDX-License-Identifier: MIT
 * Places one file in the export folder without overwriting any file.  link() and symlink() fail if the name exists.
 * A copy is written under a hidden name and then renamed if its own name is free.  A second export recognises files
 * in the folder by their content, so it finds the same names again.  Only files with the content on record are placed
 * (original.h).  The check reads the open file; the target of a new link must then be that same file. */
#include "report/export.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/original.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_TRIED 100000
enum { LONGEST_NAME = 255, LONGEST_EXTENSION = 16 };

/* Hashes of the names in the folder, in lower case: on disks of Windows and macOS "A.png" and "a.png" are the same
 * name. */
struct gp_export_files {
    const char *folder; /* borrowed */
    gp_export_mode mode;
    size_t longest;  /* maximum bytes of a name */
    uint64_t *slots; /* [slot_count] hashes; 0: free slot */
    size_t slot_count, used;
};

static uint64_t folded(const char *name)
{
    char low[LONGEST_NAME + 1];
    size_t size = 0;
    uint64_t key;
    for (; name[size] && size < LONGEST_NAME; size++)
        low[size] = name[size] >= 'A' && name[size] <= 'Z' ? (char)(name[size] + 32) : name[size];
    gp_hash hash = gp_hash_of(low, size);
    memcpy(&key, hash.bytes, sizeof key);
    return key ? key : 1;
}

static size_t slot_of(const gp_export_files *p, uint64_t key)
{
    size_t at = (size_t)key & (p->slot_count - 1);
    while (p->slots[at] && p->slots[at] != key) at = (at + 1) & (p->slot_count - 1);
    return at;
}

static gp_status take_name(gp_export_files *p, const char *name, gp_error *err)
{
    if (2 * (p->used + 1) > p->slot_count) {
        gp_export_files more = {.slot_count = p->slot_count ? 2 * p->slot_count : 256};
        more.slots = gp_mem_zero(more.slot_count, sizeof *more.slots);
        if (!more.slots) return gp_fail_memory(err, "the names of an export");
        for (size_t i = 0; i < p->slot_count; i++)
            if (p->slots[i]) more.slots[slot_of(&more, p->slots[i])] = p->slots[i];
        gp_mem_free(p->slots);
        p->slots = more.slots, p->slot_count = more.slot_count;
    }
    uint64_t key = folded(name);
    size_t at = slot_of(p, key);
    p->used += !p->slots[at];
    p->slots[at] = key;
    return GP_OK;
}

gp_status gp_export_files_open(const char *folder, gp_export_mode mode, gp_export_files **out, gp_error *err)
{
    gp_export_files *p = gp_mem_zero(1, sizeof *p);
    if (!p) return gp_fail_memory(err, "the names of an export");
    long longest = pathconf(folder, _PC_NAME_MAX);
    *p = (gp_export_files){.folder = folder, .mode = mode, .longest = LONGEST_NAME};
    if (longest > 2 * LONGEST_EXTENSION && longest < LONGEST_NAME) p->longest = (size_t)longest;
    gp_status st = take_name(p, "", err);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; st == GP_OK && dir && (entry = readdir(dir));)
        st = take_name(p, entry->d_name, err);
    if (dir) closedir(dir);
    if (st == GP_OK)
        *out = p;
    else
        gp_export_files_close(p);
    return st;
}

void gp_export_files_close(gp_export_files *p)
{
    if (!p) return;
    gp_mem_free(p->slots);
    gp_mem_free(p);
}

/* Returns "x-2.png" for "x.png" and number 2.  If the name becomes too long, removes whole characters at the end of
 * "x". */
static char *numbered(const char *base, unsigned number, size_t longest)
{
    gp_str s = GP_STR_INIT;
    char suffix[16] = "";
    const char *extension = gp_path_extension(base);
    if (strlen(extension) > LONGEST_EXTENSION) extension = base + strlen(base);
    if (number > 1) snprintf(suffix, sizeof suffix, "-%u", number);
    size_t stem = (size_t)(extension - base), room = longest - strlen(extension) - strlen(suffix);
    if (stem > room) {
        stem = room;
        while (stem > 1 && ((unsigned char)base[stem] & 0xc0) == 0x80) stem--;
    }
    gp_str_add(&s, base, stem);
    gp_str_puts(&s, suffix);
    gp_str_puts(&s, extension);
    return gp_str_take(&s);
}

/* Sets *same if `target` holds this image.  A file that cannot be read counts as another image. */
static gp_status is_there(const char *target, const gp_hash *hash, bool *same, gp_error *err)
{
    int file = -1;
    gp_status st = gp_original_open(target, hash, &file, err);
    *same = st == GP_OK;
    if (file >= 0) close(file);
    return st == GP_ERR_MEMORY ? st : GP_OK;
}

static gp_status copy(const char *source, const gp_hash *hash, const char *target, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_atomic_file *file = NULL;
    struct stat info;
    GP_TRY(gp_original_read(source, hash, &bytes, err));
    gp_status st = gp_atomic_file_open(target, &file, err);
    if (st == GP_OK) st = gp_atomic_file_write(file, bytes.data, bytes.size, err);
    if (st == GP_OK && stat(source, &info) == 0) st = gp_atomic_file_set_time(file, info.st_mtim, err);
    if (st == GP_OK)
        st = gp_atomic_file_commit_new(file, err);
    else
        gp_atomic_file_abort(file);
    gp_bytes_clear(&bytes);
    return st;
}

/* Makes a hard link to the open file. The link is correct even if the path of the file now leads to another file. */
static int hard_link(int file, const char *source, const char *target)
{
    char open_file[40];
    snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", file);
    if (linkat(AT_FDCWD, open_file, AT_FDCWD, target, AT_SYMLINK_FOLLOW) == 0) return 0;
    return errno == ENOENT ? link(source, target) : -1; /* without /proc, link by the path */
}

static bool leads_to(const char *target, int file)
{
    struct stat a, b;
    return stat(target, &a) == 0 && fstat(file, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static gp_status put_link(const char *source, const gp_hash *hash, const gp_export_files *p, const char *target,
                          gp_error *err)
{
    int file = -1;
    bool hard = p->mode == GP_EXPORT_HARDLINK;
    gp_status st = GP_OK;
    GP_TRY(gp_original_open(source, hash, &file, err));
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
    close(file);
    return st;
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Tries one name.  *same: the image is there already.  GP_ERR_STOPPED: another file has the name. */
static gp_status try_name(gp_export_files *p, const char *source, const gp_hash *hash, const char *name, bool *same,
                          gp_error *err)
{
    char *target = gp_path_join(p->folder, name);
    gp_status st = GP_OK;
    if (!target) return gp_fail_memory_path(err, "the export of '%s'", source);
    if (exists(target)) {
        st = is_there(target, hash, same, err);
        if (st == GP_OK && !*same) st = GP_ERR_STOPPED;
    } else if (p->slots[slot_of(p, folded(name))]) {
        st = GP_ERR_STOPPED;
    } else {
        st = p->mode == GP_EXPORT_COPY ? copy(source, hash, target, err) : put_link(source, hash, p, target, err);
        if (st == GP_OK) st = take_name(p, name, err);
    }
    gp_mem_free(target);
    return st;
}

gp_status gp_export_files_put(gp_export_files *p, const char *source, const gp_hash *hash, char **name, bool *placed,
                              gp_error *err)
{
    for (unsigned number = 1; number < NAMES_TRIED; number++) {
        bool same = false;
        char *file = numbered(gp_path_base(source), number, p->longest);
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
