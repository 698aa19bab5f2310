/* SPDX-License-Identifier: MIT
 * The whole recipe in C: find the images of a folder, score each against its prompt, pick the best of each prompt, and
 * print the picks as lines of score, path and prompt.
 *
 *     cc -std=c17 picks.c -o picks $(pkg-config --cflags --libs goldpan)
 *     ./picks FOLDER MODEL CATALOG
 *
 * MODEL is a folder or a hub name that `goldpan model get` downloaded.  CATALOG is a file; it is created.  After new
 * images have arrived, run the program again: it skips images that have a score. */
#include <goldpan.h>

#include <stdio.h>

/* goldpan calls this about ten times a second.  If it returned false, the running call would stop, and the next run of
 * this program would do the rest of the work. */
static bool show_progress(void *user, const gp_progress *progress)
{
    (void)user;
    fprintf(stderr, "\r%s: %llu of %llu ", progress->stage, (unsigned long long)progress->done,
            (unsigned long long)progress->total);
    return true;
}

static gp_status fill_catalog(gp_catalog *catalog, const gp_model *model, const char *folder, gp_error *err)
{
    gp_add_options add = GP_ADD_DEFAULTS;
    gp_score_options score = GP_SCORE_DEFAULTS;
    gp_pick_options pick = GP_PICK_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    gp_status status;

    add.roots = &folder;
    add.root_count = 1;
    add.progress = score.progress = show_progress;
    if ((status = gp_add(catalog, &add, &report, err)) != GP_OK) return status;
    if ((status = gp_score(catalog, model, &score, &report, err)) != GP_OK) return status;
    /* A damaged file is not an error of the call; the catalog records why it failed. */
    if (report.failed) fprintf(stderr, "\n%llu images failed", (unsigned long long)report.failed);
    return gp_pick(catalog, model, &pick, &report, err);
}

static gp_status print_picks(gp_catalog *catalog, gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_status status;

    query.picked_only = true;
    if ((status = gp_rows_open(catalog, &query, &rows, err)) != GP_OK) return status;
    while ((status = gp_rows_next(rows, &row, err)) == GP_OK && row)
        printf("%.4f\t%s\t%s\n", row->score, row->path, row->prompt);
    gp_rows_close(rows);
    return status;
}

int main(int argc, char **argv)
{
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_error err = {0};

    if (argc != 4) {
        fprintf(stderr, "usage: picks FOLDER MODEL CATALOG\n");
        return 2;
    }
    gp_status status = gp_model_open(argv[2], NULL, &model, &err);
    if (status == GP_OK) status = gp_catalog_open(argv[3], GP_CATALOG_CREATE, &catalog, &err);
    if (status == GP_OK) status = fill_catalog(catalog, model, argv[1], &err);
    fprintf(stderr, "\n");
    if (status == GP_OK) status = print_picks(catalog, &err);
    if (status != GP_OK) fprintf(stderr, "picks: %s\n", err.message);
    gp_catalog_close(catalog);
    gp_model_close(model);
    return status != GP_OK;
}
