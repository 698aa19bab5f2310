/* SPDX-License-Identifier: MIT
 * The folders and the taken names of an export.  A folder's names are read once, when the export first uses the
 * folder. */
#include "report/export.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_EXTENSION = 16, NUMBERS_TRIED = 1000 };

/* ------------------------------------------------------------------ taken names */

/* FNV-1a of the path in lower case; never 0. */
static uint64_t folded(const char *path)
{
    uint64_t key = 0xCBF29CE484222325;
    for (; *path; path++) {
        unsigned char c = (unsigned char)(*path >= 'A' && *path <= 'Z' ? *path + 32 : *path);
        key = (key ^ c) * 0x100000001B3;
    }
    return key ? key : 1;
}

static size_t slot_of(const gp_taken_names *names, uint64_t key)
{
    size_t at = (size_t)key & (names->slot_count - 1);
    while (names->slots[at] && names->slots[at] != key) at = (at + 1) & (names->slot_count - 1);
    return at;
}

bool gp_taken_names_have(const gp_taken_names *names, const char *path)
{
    return names->slot_count && names->slots[slot_of(names, folded(path))] != 0;
}

gp_status gp_taken_names_add(gp_taken_names *names, const char *path, gp_error *err)
{
    uint64_t key = folded(path);
    if (2 * (names->used + 1) > names->slot_count) {
        gp_taken_names more = {.slot_count = names->slot_count ? 2 * names->slot_count : 256};
        more.slots = gp_mem_zero(more.slot_count, sizeof *more.slots);
        if (!more.slots) return gp_fail_memory(err, "the names of an export");
        for (size_t i = 0; i < names->slot_count; i++)
            if (names->slots[i]) more.slots[slot_of(&more, names->slots[i])] = names->slots[i];
        gp_mem_free(names->slots);
        names->slots = more.slots, names->slot_count = more.slot_count;
    }
    size_t at = slot_of(names, key);
    names->used += !names->slots[at];
    names->slots[at] = key;
    return GP_OK;
}

void gp_taken_names_clear(gp_taken_names *names)
{
    gp_mem_free(names->slots);
    *names = (gp_taken_names){0};
}

char *gp_export_numbered(const char *base, unsigned number, size_t longest, bool folder)
{
    gp_str s = GP_STR_INIT;
    char suffix[16] = "";
    const char *extension = folder ? base + strlen(base) : gp_path_extension(base);
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

/* ------------------------------------------------------------------ folders */

struct gp_export_subfolder {
    char *wanted, *actual; /* owned: paths within the top */
    char *path;            /* owned: the whole path of `actual` */
    bool made;             /* this export made the folder */
};

static char *below(const char *folder, const char *name)
{
    return *folder ? gp_path_join(folder, name) : gp_str_dup(name);
}

/* Adds the names in the folder `path`, which is `actual` within the top, to the taken names. */
static gp_status read_names(gp_export_folders *f, const char *path, const char *actual, gp_error *err)
{
    gp_status st = GP_OK;
    DIR *dir = opendir(path);
    for (const struct dirent *entry; st == GP_OK && dir && (entry = readdir(dir));) {
        char *name = below(actual, entry->d_name);
        st = name ? gp_taken_names_add(f->names, name, err) : gp_fail_memory(err, "the names of an export");
        gp_mem_free(name);
    }
    if (dir) closedir(dir);
    return st;
}

gp_status gp_export_folders_top(gp_export_folders *f, gp_error *err)
{
    return read_names(f, f->top, "", err);
}

/* Writes to `name` the folder in `path` that has this name except for upper and lower case. */
static bool find_folder(const char *path, const char *wanted, char name[256])
{
    bool found = false;
    DIR *dir = opendir(path);
    for (const struct dirent *entry; !found && dir && (entry = readdir(dir));) {
        struct stat info;
        found = gp_str_equal_nocase(entry->d_name, wanted) &&
                fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
        if (found) snprintf(name, 256, "%s", entry->d_name);
    }
    if (dir) closedir(dir);
    return found;
}

/* Finds or makes one folder: tries "x", "x-2" and so on in the folder `parent` of the top. */
static gp_status choose(gp_export_folders *f, const char *parent, const char *base, struct gp_export_subfolder *out,
                        gp_error *err)
{
    char *above = below(f->top, parent);
    gp_status st = above ? GP_OK : gp_fail_memory(err, "the folders of an export");
    bool chosen = false;
    for (unsigned number = 1; st == GP_OK && !chosen && number < NUMBERS_TRIED; number++) {
        char existing[256];
        char *name = gp_export_numbered(base, number, f->longest, true);
        char *actual = name ? below(parent, name) : NULL;
        bool taken = actual && gp_taken_names_have(f->names, actual);
        if (taken && find_folder(above, name, existing)) {
            gp_mem_free(actual);
            actual = below(parent, existing);
            chosen = actual != NULL;
        }
        char *path = actual ? below(f->top, actual) : NULL;
        if (!path)
            st = gp_fail_memory(err, "the folders of an export");
        else if (!taken)
            st = gp_export_journal_make_folder(f->journal, path, err), chosen = st == GP_OK, out->made = true;
        if (chosen) out->actual = actual, out->path = path, actual = path = NULL;
        if (chosen && st == GP_OK) st = gp_taken_names_add(f->names, out->actual, err);
        if (chosen && st == GP_OK) st = read_names(f, out->path, out->actual, err);
        gp_mem_free(name);
        gp_mem_free(actual);
        gp_mem_free(path);
    }
    gp_mem_free(above);
    if (st == GP_OK && !chosen)
        st = gp_fail_path(err, GP_ERR_LIMIT, "folder '%s' already has too many files with the name '%s'", f->top, base);
    return st;
}

/* Returns the slot of `index` for the folder: that of its number, or a free one. */
static size_t index_slot(const gp_export_folders *f, const char *wanted)
{
    gp_hash hash = gp_hash_of(wanted, strlen(wanted));
    uint64_t key;
    memcpy(&key, hash.bytes, sizeof key);
    size_t at = (size_t)key & (2 * f->room - 1);
    while (f->index[at] && strcmp(f->list[f->index[at] - 1].wanted, wanted) != 0) at = (at + 1) & (2 * f->room - 1);
    return at;
}

static const char *find(const gp_export_folders *f, const char *wanted)
{
    size_t number = f->room ? f->index[index_slot(f, wanted)] : 0;
    return number ? f->list[number - 1].actual : NULL;
}

static gp_status grow(gp_export_folders *f, gp_error *err)
{
    size_t wider = f->room ? 2 * f->room : 32;
    size_t *index = gp_mem_zero(2 * wider, sizeof *index);
    struct gp_export_subfolder *more = index ? gp_mem_resize(f->list, wider, sizeof *more) : NULL;
    if (!more) {
        gp_mem_free(index);
        return gp_fail_memory(err, "the folders of an export");
    }
    gp_mem_free(f->index);
    f->list = more, f->room = wider, f->index = index;
    for (size_t i = 0; i < f->count; i++) f->index[index_slot(f, f->list[i].wanted)] = i + 1;
    return GP_OK;
}

static gp_status add(gp_export_folders *f, const char *wanted, const char *parent, gp_error *err)
{
    if (f->count == f->room) GP_TRY(grow(f, err));
    struct gp_export_subfolder *one = &f->list[f->count];
    *one = (struct gp_export_subfolder){.wanted = gp_str_dup(wanted)};
    if (!one->wanted) return gp_fail_memory(err, "the folders of an export");
    gp_status st = choose(f, parent, gp_path_base(wanted), one, err);
    if (st == GP_OK) {
        f->index[index_slot(f, wanted)] = ++f->count;
        return GP_OK;
    }
    gp_mem_free(one->wanted);
    gp_mem_free(one->actual);
    gp_mem_free(one->path);
    return st;
}

gp_status gp_export_folders_enter(gp_export_folders *f, const char *wanted, const char **actual, gp_error *err)
{
    *actual = find(f, wanted);
    if (*actual) return GP_OK;
    const char *parent = "", *slash = strrchr(wanted, '/');
    if (slash) {
        char *above = gp_str_dup_n(wanted, (size_t)(slash - wanted));
        gp_status st = above ? gp_export_folders_enter(f, above, &parent, err) : gp_fail_memory(err, "an export");
        gp_mem_free(above);
        if (st != GP_OK) return st;
    }
    GP_TRY(add(f, wanted, parent, err));
    *actual = f->list[f->count - 1].actual;
    return GP_OK;
}

void gp_export_folders_sync(const gp_export_folders *f)
{
    for (size_t i = 0; i <= f->count; i++) {
        int folder = open(i ? f->list[i - 1].path : f->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0) continue;
        (void)fsync(folder); /* some file systems cannot sync a folder */
        close(folder);
    }
}

void gp_export_folders_clear(gp_export_folders *f)
{
    while (f->count) {
        struct gp_export_subfolder *one = &f->list[--f->count];
        if (one->made && rmdir(one->path) == 0) (void)gp_export_journal_void(f->journal, one->path, NULL);
        gp_mem_free(one->path);
        gp_mem_free(one->wanted);
        gp_mem_free(one->actual);
    }
    gp_mem_free(f->list);
    gp_mem_free(f->index);
    f->list = NULL, f->index = NULL, f->room = 0;
}
