/* SPDX-License-Identifier: MIT
 * See npy_set.h. */
#include "dataset/npy_set.h"

#include "base/mem.h"
#include "base/npy_write.h"

struct gp_npy_set {
    gp_set_files *files;
    char *name; /* owned */
    gp_npy *array;
};

gp_status gp_npy_set_open(gp_set_files *files, const char *name, size_t width, gp_npy_set **out, gp_error *err)
{
    gp_npy_set *set = gp_mem_zero(1, sizeof *set);
    char *path = gp_set_files_path(files, name);
    gp_status st = GP_OK;
    if (set) set->files = files, set->name = gp_str_dup(name);
    if (!set || !path || !set->name) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s'", name));
    GP_TRY_GOTO(gp_set_files_check(files, name, err));
    GP_TRY_GOTO(gp_npy_open(path, 'f', width, &set->array, err));
    *out = set;
    set = NULL;
out:
    gp_mem_free(path);
    gp_npy_set_abort(set);
    return st;
}

gp_status gp_npy_set_add(gp_npy_set *set, const float *row, gp_error *err)
{
    return gp_npy_add(set->array, row, err);
}

gp_status gp_npy_set_commit(gp_npy_set *set, gp_error *err)
{
    int fd = -1;
    gp_status st = gp_npy_end(set->array, &fd, err);
    if (st == GP_OK) st = gp_set_files_record(set->files, set->name, fd, err);
    if (st == GP_OK) {
        st = gp_npy_commit(set->array, err);
        set->array = NULL;
    }
    if (st == GP_OK) st = gp_set_files_say(set->files, set->name, err);
    gp_npy_set_abort(set);
    return st;
}

void gp_npy_set_abort(gp_npy_set *set)
{
    if (!set) return;
    gp_npy_abort(set->array);
    gp_mem_free(set->name);
    gp_mem_free(set);
}
