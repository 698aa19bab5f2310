/* SPDX-License-Identifier: MIT
 * Opens and checks an untrusted catalog.  If goldpan accepts the catalog, the target also reads it.  Every call must
 * return, with or without an error. */
#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/analysis.h"
#include "catalog/read_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATIENCE = 200 /* limit for each input, in units of 20,000 steps of SQLite's virtual machine */ };

static bool go_on(void *user)
{
    return --*(int *)user > 0;
}

static bool see_failure(void *user, const gp_failure *f)
{
    *(size_t *)user += strlen(f->path) + strlen(f->message);
    return true;
}

static bool see_bulk(void *user, const gp_cat_full_row *row)
{
    *(size_t *)user += row->path ? strlen(row->path) : 0;
    return true;
}

static void read_rows(gp_catalog *cat, size_t *sum)
{
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    if (gp_cat_rows_open(cat, NULL, &rows, NULL) != GP_OK) return;
    while (gp_cat_rows_next(rows, &row, NULL) == GP_OK && row)
        *sum += (row->path ? strlen(row->path) : 0) + (row->prompt ? strlen(row->prompt) : 0);
    gp_cat_rows_close(rows);
}

static void read_all(gp_catalog *cat)
{
    gp_counts counts = GP_INIT(gp_counts);
    size_t sum = 0;
    gp_cat_matrix m = {0};
    char *scorer = NULL;
    (void)gp_cat_counts(cat, &counts, NULL);
    gp_cat_summary facts = {0};
    if (gp_cat_summary_read(cat, NULL, &facts, NULL) == GP_OK) {
        (void)gp_cat_full_rows(cat, &facts, see_bulk, &sum, NULL);
        gp_cat_summary_clear(&facts);
    }
    (void)gp_cat_failures(cat, see_failure, &sum, NULL);
    read_rows(cat, &sum);
    if (gp_cat_scorer_last(cat, &scorer, NULL) == GP_OK && gp_cat_matrix_read(cat, scorer, &m, NULL) == GP_OK)
        gp_cat_matrix_clear(&m);
    gp_mem_free(scorer);
}

static char path[64], wal[80], shared[80];

static void remove_file(void)
{
    (void)unlink(path), (void)unlink(wal), (void)unlink(shared);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    int patience = PATIENCE;
    gp_catalog *cat = NULL;
    uint64_t problems;
    if (fd < 0) {
        snprintf(path, sizeof path, "%s/goldpan-fuzz-%ld.db", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
                 (long)getpid());
        snprintf(wal, sizeof wal, "%s-wal", path);
        snprintf(shared, sizeof shared, "%s-shm", path);
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        atexit(remove_file);
    }
    (void)unlink(wal), (void)unlink(shared);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
    if (gp_cat_open(path, GP_CATALOG_READONLY, &cat, NULL) == GP_OK) {
        gp_cat_watch(cat, go_on, &patience);
        read_all(cat);
    }
    gp_cat_close(cat);
    patience = PATIENCE;
    (void)gp_cat_check(path, go_on, &patience, NULL, NULL, &problems, NULL);
    return 0;
}
