/* SPDX-License-Identifier: MIT
 * A file is moved only if its content was checked a moment before, through the same open file. The catalog is written
 * once at the end, so that other programs can write meanwhile. If the process is killed before, the catalog names files
 * that are in the trash: the next `add` records them as missing. */
#include "stage/trash_stage.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/trash.h"
#include "catalog/catalog.h"
#include "report/original.h"

#include <stdio.h>
#include <unistd.h>

/* The files of one image. */
typedef struct image_file {
    char *path; /* owned */
    gp_hash hash;
    bool missing;
} image_file;
typedef struct image_files {
    image_file *list;
    size_t count;
    int flag;
} image_files;

static bool add_file(void *user, const char *path, const gp_hash *hash, bool missing)
{
    image_files *files = user;
    image_file *more = gp_mem_resize(files->list, files->count + 1, sizeof *more);
    if (!more) return false;
    files->list = more;
    more[files->count] = (image_file){gp_str_dup(path), *hash, missing};
    return more[files->count++].path != NULL;
}

static void clear_files(image_files *files)
{
    for (size_t i = 0; i < files->count; i++) gp_mem_free(files->list[i].path);
    gp_mem_free(files->list);
    *files = (image_files){0};
}

static gp_status read_files(gp_catalog *cat, const gp_hash *image, image_files *out, gp_error *err)
{
    *out = (image_files){0};
    gp_status st = gp_cat_image_files(cat, image, &out->flag, add_file, out, err);
    if (st != GP_OK) clear_files(out);
    return st;
}

/* ------------------------------------------------------------------ a run over images */

typedef struct run {
    gp_catalog *cat;
    gp_trash_index *index; /* for the way back, else NULL */
    gp_trash_counts *counts;
    char **moved; /* [moved_count] owned: paths whose file was moved */
    size_t moved_count, moved_capacity;
} run;

static gp_status note_moved(run *r, const char *path, gp_error *err)
{
    if (r->moved_count == r->moved_capacity) {
        size_t capacity = r->moved_capacity ? 2 * r->moved_capacity : 64;
        char **more = gp_mem_resize(r->moved, capacity, sizeof *more);
        if (!more) return gp_fail_memory(err, "the moved files");
        r->moved = more, r->moved_capacity = capacity;
    }
    r->moved[r->moved_count] = gp_str_dup(path);
    if (!r->moved[r->moved_count]) return gp_fail_memory(err, "the moved files");
    r->moved_count++;
    r->counts->files++;
    return GP_OK;
}

/* Records the moved files in the catalog, in one transaction. */
static gp_status record(run *r, gp_error *err)
{
    gp_status st = GP_OK;
    if (!r->moved_count) return GP_OK;
    GP_TRY(gp_cat_begin(r->cat, err));
    for (size_t i = 0; i < r->moved_count; i++)
        GP_TRY_GOTO(r->index ? gp_cat_path_back(r->cat, r->moved[i], err) : gp_cat_path_gone(r->cat, r->moved[i], err));
    GP_TRY_GOTO(gp_cat_commit(r->cat, err));
out:
    if (st != GP_OK) gp_cat_rollback(r->cat);
    return st;
}

static gp_status finish(run *r, gp_status st, gp_error *err)
{
    gp_error why = {0};
    gp_status recorded = record(r, st == GP_OK ? err : &why);
    for (size_t i = 0; i < r->moved_count; i++) gp_mem_free(r->moved[i]);
    gp_mem_free(r->moved);
    gp_trash_index_free(r->index);
    return st == GP_OK ? recorded : st;
}

/* ------------------------------------------------------------------ to the trash */

static gp_status check_rejected(gp_catalog *cat, const gp_hash *image, gp_error *err)
{
    image_files files;
    char hex[33];
    GP_TRY(read_files(cat, image, &files, err));
    int flag = files.flag;
    clear_files(&files);
    gp_hash_hex(*image, hex);
    if (flag < 0) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE, "image %s is %s: only rejected images can be moved to the trash", hex,
                   flag > 0 ? "your pick" : "not rejected");
}

static gp_status move_file(const image_file *one, gp_error *err)
{
    int file = -1;
    gp_error why = {0};
    gp_status st = gp_original_open(one->path, &one->hash, &file, &why);
    if (st != GP_OK) return gp_fail_path(err, st, "'%s': %s", one->path, why.message);
    st = gp_trash_put(one->path, file, err);
    close(file);
    return st;
}

static gp_status move_image(run *r, const gp_hash *image, gp_error *err)
{
    image_files files;
    gp_error why = {0};
    bool failed = false, any = false;
    gp_status st = GP_OK;
    GP_TRY(check_rejected(r->cat, image, err)); /* the mark may have changed since the first check */
    GP_TRY(read_files(r->cat, image, &files, err));
    for (size_t i = 0; i < files.count && st == GP_OK; i++) {
        if (files.list[i].missing) continue;
        any = true;
        if (move_file(&files.list[i], &why) == GP_OK)
            st = note_moved(r, files.list[i].path, err);
        else
            failed = true;
    }
    if (!any) {
        failed = true;
        gp_fail(&why, GP_ERR_NOT_FOUND, "an image cannot be moved: all its files are missing");
    }
    if (failed) snprintf(r->counts->why, sizeof r->counts->why, "%.399s", why.message);
    r->counts->failed += failed, r->counts->images += !failed;
    clear_files(&files);
    return st;
}

gp_status gp_stage_trash(gp_catalog *cat, const gp_hash *images, size_t count, const gp_trash_watch *watch,
                         gp_trash_counts *counts, gp_error *err)
{
    run r = {.cat = cat, .counts = counts};
    gp_status st = GP_OK;
    *counts = (gp_trash_counts){0};
    for (size_t i = 0; i < count; i++) GP_TRY(check_rejected(cat, &images[i], err));
    for (size_t i = 0; i < count && st == GP_OK; i++)
        st = watch->go_on(watch->user) ? move_image(&r, &images[i], err) : gp_fail(err, GP_ERR_STOPPED, "stopped");
    return finish(&r, st, err);
}

/* ------------------------------------------------------------------ back */

static bool has_content(void *user, int file)
{
    return gp_original_check(file, user, NULL) == GP_OK;
}

static gp_status restore_image(run *r, const gp_hash *image, gp_error *err)
{
    image_files files;
    gp_error why = {0};
    bool failed = false, any = false;
    gp_status st = GP_OK;
    GP_TRY(read_files(r->cat, image, &files, err));
    for (size_t i = 0; i < files.count && st == GP_OK; i++) {
        image_file *one = &files.list[i];
        gp_status back = gp_trash_restore(r->index, one->path, has_content, &one->hash, &why);
        any = any || back == GP_OK;
        if (back == GP_OK)
            st = note_moved(r, one->path, err);
        else if (back != GP_ERR_NOT_FOUND) /* a path that never was in the trash is no failure */
            failed = true;
    }
    if (!any) failed = true;
    if (failed) snprintf(r->counts->why, sizeof r->counts->why, "%.399s", why.message);
    r->counts->failed += failed, r->counts->images += !failed;
    clear_files(&files);
    return st;
}

gp_status gp_stage_trash_restore(gp_catalog *cat, const gp_hash *images, size_t count, const gp_trash_watch *watch,
                                 gp_trash_counts *counts, gp_error *err)
{
    run r = {.cat = cat, .counts = counts};
    *counts = (gp_trash_counts){0};
    gp_status st = gp_trash_index_new(&r.index, err);
    for (size_t i = 0; i < count && st == GP_OK; i++)
        st = watch->go_on(watch->user) ? restore_image(&r, &images[i], err) : gp_fail(err, GP_ERR_STOPPED, "stopped");
    return finish(&r, st, err);
}
