/* SPDX-License-Identifier: MIT
 *
 * Finds the catalog that a command works on.  All commands use one rule, like git's rule for its repository:
 *   1. --catalog names the catalog (a file, or the folder that it belongs to);
 *   2. else the catalog is the nearest FOLDER/.goldpan/catalog.db at or above the given path (without a path: the
 *      current folder).  For a file, the search begins in its folder.  The path is tried as written, then with its
 *      links resolved.  The search does not end at the home folder or at another file system;
 *   3. else a command that may create a catalog creates it in the first folder given, or in that of the first file.
 * Several paths must lead to the same catalog.  docs/command.md describes the rule for users. */
#include "cli/context.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The layout of a catalog's folder. */
#define OWN     ".goldpan"
#define CATALOG OWN "/catalog.db"
#define MARKS   OWN "/catalog.marks.jsonl"

bool gp_cli_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static gp_status check_there(const char *const *paths, size_t count, gp_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (access(paths[i], F_OK) != 0)
            return gp_fail_errno(err, GP_ERR_NOT_FOUND, errno, "cannot find '%s'", paths[i]);
    return GP_OK;
}

gp_status gp_cli_check_roots(const gp_cli *cli, gp_error *err)
{
    return check_there(cli->args, cli->arg_count, err);
}

static char *catalog_of(const char *folder)
{
    return gp_path_join(folder, CATALOG);
}

gp_status gp_cli_check_folders(const gp_cli *cli, gp_error *err)
{
    for (size_t i = 0; i < cli->arg_count; i++)
        if (!gp_cli_is_folder(cli->args[i]))
            return gp_fail_path(err, GP_ERR_USAGE, "'%s' is not a folder: only folders can be watched", cli->args[i]);
    return GP_OK;
}

gp_status gp_cli_check_output(const gp_cli *cli, const char *path, gp_error *err)
{
    struct stat info;
    if (cli->force || lstat(path, &info) != 0) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE, "'%s' exists: name another file, or replace it with --force", path);
}

gp_status gp_cli_check_own(const gp_cli *cli, const char *path, gp_error *err)
{
    enum { BEGIN = 4096 };
    char begin[BEGIN];
    struct stat info;
    int file = -1;
    uint64_t size = 0;
    if (cli->force || lstat(path, &info) != 0) return GP_OK;
    bool own = S_ISREG(info.st_mode) && gp_file_open(path, &file, &size, NULL) == GP_OK;
    size_t part = size < BEGIN ? (size_t)size : BEGIN;
    own = own && gp_file_read_at(file, path, 0, begin, part, NULL) == GP_OK &&
          memmem(begin, part, GP_MARK_IMAGE, strlen(GP_MARK_IMAGE)) != NULL;
    if (file >= 0) close(file);
    if (own) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE,
                   "'%s' exists and is not a sheet that goldpan drew: name another file, or replace it with --force",
                   path);
}

/* Returns the folder where the search from `path` begins: the path itself, or the folder of a file; for paths in
 * .goldpan the folder that holds .goldpan.  With `create`, a path that does not exist counts as a folder.  Owned. */
static char *folder_of(const char *path, bool create)
{
    bool itself = gp_cli_is_folder(path) || (create && access(path, F_OK) != 0);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    char *plain = gp_str_dup_n(path, length), *folder = plain && !itself ? gp_path_folder(plain) : NULL;
    if (folder) {
        gp_mem_free(plain);
        plain = folder;
    }
    if (!plain || strcmp(gp_path_base(plain), OWN) != 0) return plain;
    folder = gp_path_folder(plain);
    gp_mem_free(plain);
    return folder;
}

/* ------------------------------------------------------------------ looking upward */

typedef struct found {
    char *path; /* owned; NULL: not found */
    bool above; /* the file belongs to a folder above the folder where the search began */
} found;

/* Searches for the file `name` from an absolute folder upward.  False: out of memory. */
static bool climb(const char *from, const char *name, found *out)
{
    char *folder = gp_str_dup(from);
    for (bool above = false; folder; above = true) {
        char *path = gp_path_join(folder, name);
        if (path && access(path, F_OK) == 0) {
            *out = (found){path, above};
            gp_mem_free(folder);
            return true;
        }
        gp_mem_free(path);
        if (!path || !strcmp(folder, "/")) break;
        char *next = gp_path_folder(folder);
        gp_mem_free(folder);
        folder = next;
    }
    bool top = folder && !strcmp(folder, "/");
    gp_mem_free(folder);
    return top;
}

/* Returns true if the path contains "..".  After a link, ".." leads to the parent of the link's target, not to the
 * folder that contains the link. */
static bool goes_back(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")) != NULL; p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/')) return true;
    return false;
}

/* Returns the folder where the search from `path` begins, with links resolved.  Owned; NULL: no such path. */
static char *real_folder(const char *path)
{
    char *plain = realpath(path, NULL), *folder = plain ? folder_of(plain, false) : NULL;
    free(plain); /* free, not gp_free: the C library allocated the path */
    return folder;
}

/* Returns the current folder as the shell names it, with links unresolved.  Owned. */
static char *present_folder(void)
{
    char *plain = get_current_dir_name(), *copy = plain ? gp_str_dup(plain) : NULL;
    free(plain); /* free, not gp_free: the C library allocated the path */
    return copy;
}

/* Searches from a path as written, then with its links resolved.  path NULL: the current folder.  folder: where the
 * search from `path` begins, as written.  name: CATALOG or MARKS. */
static gp_status search(const char *path, const char *folder, const char *name, found *out, gp_error *err)
{
    char *given = !path ? present_folder() : goes_back(folder) ? NULL : gp_path_absolute(folder);
    char *real = real_folder(path ? path : ".");
    bool good = true;
    *out = (found){NULL, false};
    if (given) good = climb(given, name, out);
    if (good && !out->path && real && (!given || strcmp(given, real) != 0)) good = climb(real, name, out);
    gp_mem_free(real);
    gp_mem_free(given);
    return good ? GP_OK : gp_fail_memory(err, "a path");
}

/* Searches at and above one path.  If the file is in the folder of the path, the result begins with the path as
 * written. */
static gp_status search_path(const char *path, bool create, const char *name, found *out, gp_error *err)
{
    char *folder = folder_of(path, create), *beside = folder ? gp_path_join(folder, name) : NULL;
    gp_status st = beside ? search(path, folder, name, out, err) : gp_fail_memory(err, "a path");
    if (st == GP_OK && out->path && !out->above && access(beside, F_OK) == 0) {
        gp_mem_free(out->path);
        out->path = beside, beside = NULL;
    }
    gp_mem_free(beside);
    gp_mem_free(folder);
    return st;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Finds the one catalog of all paths.  A path that leads to no catalog belongs to the catalog of the other paths. */
static gp_status search_paths(const char *const *paths, size_t count, bool create, found *out, gp_error *err)
{
    const char *whose = NULL;
    *out = (found){NULL, false};
    for (size_t i = 0; i < count; i++) {
        found next;
        gp_status st = search_path(paths[i], create, CATALOG, &next, err);
        if (st == GP_OK && out->path && next.path && !same_file(out->path, next.path))
            st = gp_fail(err, GP_ERR_USAGE,
                         "'%s' belongs to the catalog '%s', but '%s' belongs to '%s': run the command once for each "
                         "catalog, or select a catalog with --catalog",
                         whose, out->path, paths[i], next.path);
        if (st == GP_OK && !out->path && next.path) {
            *out = next, whose = paths[i];
            continue;
        }
        gp_mem_free(next.path);
        if (st != GP_OK) {
            gp_mem_free(out->path);
            out->path = NULL;
            return st;
        }
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the rule */

/* Returns the first path that is a folder; NULL: none. */
static const char *first_folder(const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gp_cli_is_folder(paths[i])) return paths[i];
    return NULL;
}

static char *new_catalog(const char *const *paths, size_t count)
{
    const char *first = first_folder(paths, count);
    if (!first) first = count ? paths[0] : ".";
    char *folder = folder_of(first, true), *path = folder ? catalog_of(folder) : NULL;
    gp_mem_free(folder);
    return path;
}

/* Reports that a catalog was deleted but the journal of its marks is still beside it. */
static gp_status only_marks(const char *journal, const char *catalog, gp_error *err)
{
    char *own = gp_path_folder(journal), *folder = own ? gp_path_folder(own) : NULL;
    gp_status st;
    if (!folder)
        st = gp_fail_memory(err, "a path");
    else if (!strcmp(gp_path_base(own), OWN) && !strcmp(gp_path_base(journal), gp_path_base(MARKS)))
        st = gp_fail(err, GP_ERR_NOT_FOUND,
                     "no catalog in '%s', but its journal of marks exists: restore the marks with `goldpan add %s`"
                     " or `goldpan rescue %s`",
                     folder, folder, folder);
    else
        st = gp_fail(err, GP_ERR_NOT_FOUND,
                     "no catalog '%s', but its journal of marks '%s' exists: restore the marks with"
                     " `goldpan add --catalog %s DIR` or `goldpan rescue --catalog %s DIR`",
                     catalog, journal, catalog, catalog);
    gp_mem_free(folder);
    gp_mem_free(own);
    return st;
}

static gp_status no_catalog(const char *const *paths, size_t count, unsigned flags, gp_error *err)
{
    found marks;
    GP_TRY(search_path(count ? paths[0] : ".", false, MARKS, &marks, err));
    if (marks.path) {
        gp_status st = only_marks(marks.path, NULL, err);
        gp_mem_free(marks.path);
        return st;
    }
    if (flags & GP_CLI_NONE) return GP_OK;
    if (!count)
        return gp_fail(
            err, GP_ERR_NOT_FOUND,
            "no catalog in this folder or above: create one with `goldpan add DIR`, or name it with --catalog");
    return gp_fail(err, GP_ERR_NOT_FOUND,
                   "no catalog in or above '%s': create one with `goldpan add %s`, or name it with --catalog", paths[0],
                   gp_cli_is_folder(paths[0]) ? paths[0] : "DIR");
}

/* Fails because the catalog that --catalog names does not exist. */
static gp_status no_such_catalog(const char *name, gp_error *err)
{
    char *journal = gp_marks_path(name);
    gp_status st = !journal ? gp_fail_memory(err, "a path")
                   : access(journal, F_OK) == 0
                       ? only_marks(journal, name, err)
                       : gp_fail(err, GP_ERR_NOT_FOUND, "no catalog '%s': create one with `goldpan add DIR`", name);
    gp_mem_free(journal);
    return st;
}

/* Finds the row of the image whose recorded path is exactly `path`.  *row NULL: the catalog has none. */
static gp_status row_of(gp_catalog *catalog, const char *path, gp_rows **rows, const gp_row **row, gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    query.path = path;
    GP_TRY(gp_rows_open(catalog, &query, rows, err));
    return gp_rows_next(*rows, row, err);
}

gp_status gp_cli_row_at(gp_catalog *catalog, const char *path, gp_rows **rows, const gp_row **row, gp_error *err)
{
    *rows = NULL, *row = NULL;
    GP_TRY(row_of(catalog, path, rows, row, err));
    char *target = *row ? NULL : realpath(path, NULL);
    if (!target) return GP_OK;
    gp_rows_close(*rows);
    *rows = NULL;
    gp_status st = row_of(catalog, target, rows, row, err);
    free(target); /* allocated by the C library, hence free */
    return st;
}

/* Sets *path to the file of the catalog that --catalog names.  The user may name this file, the folder that the catalog
 * belongs to, or the folder .goldpan. */
static gp_status named_catalog(const char *name, bool create, char **path, gp_error *err)
{
    char *folder = gp_cli_is_folder(name) ? folder_of(name, create) : NULL;
    char *named = folder ? catalog_of(folder) : gp_str_dup(name);
    gp_mem_free(folder);
    if (!named) return gp_fail_memory(err, "a path");
    if (!create && access(named, F_OK) != 0) {
        gp_status st = no_such_catalog(named, err);
        gp_mem_free(named);
        return st;
    }
    *path = named;
    return GP_OK;
}

/* Tells the user that the command uses the catalog of a folder above the given folder.  The user may expect that the
 * command works only on the given folder. */
static void say_above(gp_cli *cli, const char *path, bool create)
{
    char message[4200];
    snprintf(message, sizeof message, "using the catalog of a folder above, '%s'", path);
    if (create)
        gp_cli_note(cli, &(gp_note){"catalog-above", message, 1});
    else
        gp_term_say(&cli->term, "%s", message);
}

/* For GP_CLI_OWN: sets *path to the catalog's path in the first folder's own .goldpan.  *path stays NULL if the folder
 * has no .goldpan. */
static gp_status own_catalog(const char *const *paths, size_t count, char **path, gp_error *err)
{
    const char *folder = first_folder(paths, count);
    if (!folder) folder = ".";
    char *own = gp_path_join(folder, OWN);
    if (!own) return gp_fail_memory(err, "a path");
    bool there = gp_cli_is_folder(own);
    gp_mem_free(own);
    *path = there ? catalog_of(folder) : NULL;
    return *path || !there ? GP_OK : gp_fail_memory(err, "a path");
}

gp_status gp_cli_catalog_path(gp_cli *cli, const char *const *paths, size_t count, unsigned flags, char **path,
                              gp_error *err)
{
    const bool create = (flags & GP_CATALOG_CREATE) != 0;
    found f;
    if (cli->catalog) return named_catalog(cli->catalog, create, path, err);
    if (flags & GP_CLI_OWN) {
        GP_TRY(own_catalog(paths, count, path, err));
        if (*path) return GP_OK;
    }
    if (!create && !(flags & GP_CLI_GONE)) GP_TRY(check_there(paths, count, err));
    GP_TRY(search_paths(paths, count, create, &f, err));
    /* a user in the catalog's folder may name files on other disks, so search from the current folder too */
    if (!f.path && (!count || (flags & GP_CLI_GONE))) GP_TRY(search(NULL, NULL, CATALOG, &f, err));
    if (f.path && f.above && count && (create || gp_cli_is_folder(paths[0]))) say_above(cli, f.path, create);
    *path = NULL;
    if (!f.path && !create) return no_catalog(paths, count, flags, err);
    if (!f.path) f.path = new_catalog(paths, count);
    *path = f.path;
    return f.path ? GP_OK : gp_fail_memory(err, "a path");
}

gp_status gp_cli_catalog_open_at(const char *path, unsigned flags, gp_catalog **catalog, gp_error *err)
{
    GP_TRY(gp_catalog_open(path, flags & ~(unsigned)(GP_CLI_GONE | GP_CLI_OWN | GP_CLI_NONE), catalog, err));
    if (gp_catalog_readonly(*catalog)) gp_catalog_watch(*catalog, gp_term_go_on, NULL);
    return GP_OK;
}

gp_status gp_cli_catalog_open_for(gp_cli *cli, const char *const *paths, size_t count, unsigned flags,
                                  gp_catalog **catalog, gp_error *err)
{
    char *path = NULL;
    GP_TRY(gp_cli_catalog_path(cli, paths, count, flags, &path, err));
    gp_status st = path ? gp_cli_catalog_open_at(path, flags, catalog, err) : GP_OK;
    gp_mem_free(path);
    return st;
}

gp_status gp_cli_catalog_open_old(gp_cli *cli, const char *const *paths, size_t count, unsigned flags, char **path,
                                  gp_catalog **catalog, gp_error *err)
{
    GP_TRY(gp_cli_catalog_path(cli, paths, count, flags, path, err));
    return access(*path, F_OK) == 0 ? gp_cli_catalog_open_at(*path, flags, catalog, err) : GP_OK;
}

gp_status gp_cli_catalog_open(gp_cli *cli, const char *start, unsigned flags, gp_catalog **catalog, gp_error *err)
{
    return gp_cli_catalog_open_for(cli, &start, start ? 1 : 0, flags, catalog, err);
}
