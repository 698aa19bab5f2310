/* SPDX-License-Identifier: MIT
 * Columns of known programs: their names in goldpan, and which of them are numbers. */
#include "base/str.h"
#include "table/table_private.h"
#include "base/mem.h"

#include <string.h>

typedef struct pair {
    const char *from, *to;
} pair;

/* A program's columns.  They are renamed only in a table that has all of the first `sure` columns. */
typedef struct program {
    size_t sure;
    pair columns[8]; /* the first with from == NULL ends the list */
} program;

static const program programs[] = {
    {4, {{"p", "p"}, {"se", "seed"}, {"c", "cfg_scale"}, {"st", "steps"}, {"sa", "sampler"}}}, /* DiffusionDB */
    {3,
     {{"prompt", "prompt"},
      {"filename", "filename"},
      {"cfgs", "cfg_scale"},
      {"sd_model_name", "model"},
      {"sd_model_hash", "model_hash"}}}, /* AUTOMATIC1111, log.csv */
};

static size_t find(const gp_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->names[i], name) == 0) return i;
    return SIZE_MAX;
}

static gp_status rename_column(gp_table *table, size_t column, const char *name, gp_error *err)
{
    char *copy = gp_str_dup(name);
    if (!copy) return gp_fail_memory(err, "a prompt table");
    gp_mem_free(table->names[column]);
    table->names[column] = copy;
    return GP_OK;
}

gp_status gp_table_rename_known(gp_table *table, gp_error *err)
{
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        const program *p = &programs[i];
        size_t sure = 0;
        while (sure < p->sure && find(table, p->columns[sure].from) != SIZE_MAX) sure++;
        if (sure < p->sure) continue;
        for (size_t k = 0; k < sizeof p->columns / sizeof *p->columns && p->columns[k].from; k++) {
            size_t column = find(table, p->columns[k].from);
            if (column == SIZE_MAX || strcmp(p->columns[k].from, p->columns[k].to) == 0 ||
                find(table, p->columns[k].to) != SIZE_MAX)
                continue;
            GP_TRY(rename_column(table, column, p->columns[k].to, err));
        }
    }
    return GP_OK;
}

bool gp_table_is_number(const char *column, const char *cell)
{
    static const char *const names[] = {"seed", "steps", "cfg_scale", "guidance", "width", "height", "clip_skip"};
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) known |= strcmp(column, names[i]) == 0;
    size_t whole = strspn(cell, "0123456789"), size = strlen(cell);
    /* only what JSON writes in the same way: no sign, no leading zero, no exponent */
    if (!known || !whole || whole > 20 || (cell[0] == '0' && whole > 1)) return false;
    if (whole == size) return true;
    return cell[whole] == '.' && size > whole + 1 && size < 40 &&
           whole + 1 + strspn(cell + whole + 1, "0123456789") == size;
}
