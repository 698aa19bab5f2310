/* SPDX-License-Identifier: MIT
 * Matches image paths to rows of the table. */
#include "stage/rows.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "ingest/walk.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_WORK = 4096 }; /* work that gp_watch counts for each file of the walk, as a number of bytes */

/* Appends the path and takes ownership. The capacity is the next power of two. */
static bool push(char ***paths, size_t *n, char *path)
{
    char **grown = path && (*n & (*n - 1)) == 0 ? gp_mem_resize(*paths, *n ? 2 * *n : 1, sizeof *grown) : *paths;
    if (!path || !grown) {
        gp_mem_free(path);
        return false;
    }
    *paths = grown;
    (*paths)[(*n)++] = path;
    return true;
}

/* Adds the path of an image to a list. gp_rows_of_roots does not report folders that cannot be read, because the later
 * walk reports them. */
static bool on_found(void *user, const gp_walk_entry *found)
{
    gp_rows_of *of = user;
    bool kept = found->listed ? push(&of->listed, &of->listed_n, gp_str_dup(found->path))
                              : push(&of->paths, &of->n, gp_str_dup(found->path));
    of->failed |= !kept;
    return kept && gp_watch_work(of->watch, FILE_WORK, NULL) == GP_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(gp_path_base(*(char *const *)a), gp_path_base(*(char *const *)b));
}

/* An exported file gets a row only if no other file has its name, so that a copy does not compete with its original. */
static void take_listed(gp_rows_of *of)
{
    size_t others = of->n;
    if (of->listed_n && others) qsort(of->paths, others, sizeof *of->paths, compare_names);
    for (size_t i = 0; i < of->listed_n; i++) {
        if (others && bsearch(&of->listed[i], of->paths, others, sizeof *of->paths, compare_names))
            gp_mem_free(of->listed[i]);
        else
            of->failed |= !push(&of->paths, &of->n, of->listed[i]);
    }
    of->listed_n = 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the paths and removes duplicates, because two roots may lead to the same file. */
static void sort_paths(gp_rows_of *of)
{
    size_t kept = 0;
    if (of->n) qsort(of->paths, of->n, sizeof *of->paths, compare_paths);
    for (size_t i = 0; i < of->n; i++) {
        if (kept && strcmp(of->paths[kept - 1], of->paths[i]) == 0)
            gp_mem_free(of->paths[i]);
        else
            of->paths[kept++] = of->paths[i];
    }
    of->n = kept;
}

gp_status gp_rows_of_roots(gp_rows_of *of, const gp_table *table, size_t image_column, const char *const *roots,
                           size_t root_count, gp_watch *watch, gp_error *err)
{
    static const char *const none[1];
    of->watch = watch;
    gp_status st = gp_walk(roots, root_count, on_found, NULL, of, err);
    if (st == GP_OK) take_listed(of);
    if (of->failed) return gp_fail_memory(err, "the images of a table");
    if (st != GP_OK) return st;
    sort_paths(of);
    of->rows = gp_mem_new(of->n, sizeof *of->rows);
    of->seen = gp_mem_zero(gp_table_rows(table), 1);
    if (!of->rows || !of->seen) return gp_fail_memory(err, "the images of a table");
    GP_TRY(gp_match_rows(table, image_column, of->paths ? (const char *const *)of->paths : none, of->n, roots,
                         root_count, watch, of->rows, &of->counts, err));
    for (size_t i = 0; i < of->n; i++)
        if (of->rows[i] != SIZE_MAX) of->seen[of->rows[i]] = 1;
    return GP_OK;
}

size_t gp_rows_find(const gp_rows_of *of, const char *path)
{
    char *const *at = of->n ? bsearch(&path, of->paths, of->n, sizeof *of->paths, compare_paths) : NULL;
    return at ? of->rows[at - of->paths] : SIZE_MAX;
}

static void note_rows(const gp_table *table, size_t image_column, uint64_t count, size_t first, const char *code,
                      const char *one, const char *many, gp_note_fn note, void *user)
{
    if (!count) return;
    const char *cell = gp_table_cell(table, first, image_column);
    gp_note_say(note, user, code, count, "'%s': %llu %s, such as '%.200s'", gp_table_name(table),
                (unsigned long long)count, gp_plural(count, one, many), cell ? cell : "");
}

void gp_rows_notes(const gp_rows_of *of, const gp_table *table, size_t image_column, gp_note_fn note, void *user)
{
    if (!note) return;
    note_rows(table, image_column, of->counts.ambiguous, of->counts.first_ambiguous, "table-ambiguous-rows",
              "row matches several images, or an image that another row matches too, and is skipped",
              "rows match several images, or an image that another row matches too, and are skipped", note, user);
    note_rows(table, image_column, of->counts.elsewhere, of->counts.first_elsewhere, "table-rows-elsewhere",
              "row names a file outside the folders you gave, and is skipped",
              "rows name files outside the folders you gave, and are skipped", note, user);
    note_rows(table, image_column, of->counts.repeated, of->counts.first_repeated, "table-repeated-rows",
              "row names an image that has another row, and is skipped",
              "rows name images that have another row, and are skipped", note, user);
}

void gp_rows_clear(gp_rows_of *of)
{
    for (size_t i = 0; i < of->n; i++) gp_mem_free(of->paths[i]);
    for (size_t i = 0; i < of->listed_n; i++) gp_mem_free(of->listed[i]);
    gp_mem_free(of->listed);
    gp_mem_free(of->paths);
    gp_mem_free(of->rows);
    gp_mem_free(of->seen);
}
