/* SPDX-License-Identifier: MIT
 * Which tables other exports have written.  A table, or a file of a data set, belongs to each export that wrote a file
 * of this name and is not undone.  It is deleted with the last of these exports. */
#include "base/mem.h"
#include "report/export_journal_private.h"

#include <string.h>

static gp_status add(gp_other_tables *o, const gp_made *made, gp_error *err)
{
    if (o->count == o->room) {
        size_t wider = o->room ? 2 * o->room : 16;
        gp_other_table *more = gp_mem_resize(o->list, wider, sizeof *more);
        if (!more) return gp_fail_memory(err, "the tables of other exports");
        o->list = more, o->room = wider;
    }
    char *path = gp_str_dup(made->path);
    if (!path) return gp_fail_memory(err, "the tables of other exports");
    o->list[o->count++] = (gp_other_table){path, made->hash, !made->undone};
    return GP_OK;
}

gp_status gp_other_tables_read(const char *catalog, const gp_export_record *record, gp_other_tables *out, gp_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    bool tables = false;
    for (size_t i = 0; i < record->count; i++) tables |= record->made[i].kind == GP_MADE_TABLE;
    if (!tables) return GP_OK;
    GP_TRY(gp_exports_list(catalog, &numbers, &count, err));
    gp_status st = GP_OK;
    for (size_t i = 0; st == GP_OK && i < count; i++) {
        gp_export_record r = {0};
        gp_error why = {0};
        if (numbers[i] == record->number) continue;
        gp_status read = gp_export_record_read(catalog, numbers[i], &r, &why);
        if (read == GP_ERR_MEMORY) st = gp_fail_as(err, read, &why);
        bool same = read == GP_OK && strcmp(r.folder, record->folder) == 0;
        for (size_t k = 0; st == GP_OK && same && k < r.count; k++)
            if (r.made[k].kind == GP_MADE_TABLE && !r.made[k].is_void) st = add(out, &r.made[k], err);
        gp_export_record_clear(&r);
    }
    gp_mem_free(numbers);
    return st;
}

bool gp_other_tables_own(const gp_other_tables *o, const char *path)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->list[i].owned && strcmp(o->list[i].path, path) == 0) return true;
    return false;
}

bool gp_other_tables_wrote(const gp_other_tables *o, const char *path, const gp_hash *hash)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->list[i].path, path) == 0 && memcmp(o->list[i].hash.bytes, hash->bytes, sizeof hash->bytes) == 0)
            return true;
    return false;
}

void gp_other_tables_clear(gp_other_tables *o)
{
    for (size_t i = 0; i < o->count; i++) gp_mem_free(o->list[i].path);
    gp_mem_free(o->list);
    *o = (gp_other_tables){0};
}
