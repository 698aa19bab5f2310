/* SPDX-License-Identifier: MIT
 * Finds near-duplicates: candidates by their embeddings, then a check by perceptual hash. The check is needed because a
 * model rates two images of one prompt as similar long before a person does. Only images with a near neighbour are
 * opened. (Identical files are one image with several paths in the catalog.) */
#include "stage/analyze_stage.h"

#include "analyze/analyze.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/thread.h"
#include "image/image.h"
#include "image/phash.h"
#include "encode/pipeline.h"

#include <math.h>
#include <stdatomic.h>

enum { FILES_A_ROUND = 512 }; /* files between two progress reports */
static const uint64_t most_bytes = (uint64_t)1 << 30;

/* ------------------------------------------------------------------ perceptual hashes */

typedef struct hash_run {
    const gp_cat_matrix *m;
    const uint32_t *rows; /* [count] rows to hash */
    size_t count;
    uint64_t *hashes; /* [n] */
    atomic_size_t next;
} hash_run;

static gp_status hash_file(const char *path, uint64_t *hash)
{
    gp_pixels pixels = {0};
    gp_bytes file = {0};
    gp_status st = gp_file_read(path, most_bytes, &file, NULL);
    if (st == GP_OK) st = gp_image_decode_bytes(file.data, file.size, GP_MAX_PIXELS, &pixels, NULL);
    if (st == GP_OK) st = gp_image_phash(&pixels, hash, NULL);
    gp_bytes_clear(&file);
    gp_mem_free(pixels.rgb);
    return st;
}

static void hash_thread(void *user, int index)
{
    hash_run *r = user;
    size_t i;
    (void)index;
    while ((i = atomic_fetch_add(&r->next, 1)) < r->count) {
        uint32_t row = r->rows[i];
        /* An unreadable file must not match any other file. Its hash is set to random bits, which differ from any other
         * hash in about 32 of 64 bits. */
        if (!r->m->paths[row] || hash_file(r->m->paths[row], &r->hashes[row]) != GP_OK)
            r->hashes[row] = gp_rng_mix(row ^ 0x676f6c6470616eu);
    }
}

static gp_status hash_files(gp_analysis_run *r, const uint32_t *rows, size_t count, uint64_t *hashes, gp_error *err)
{
    gp_progress_meter ticker;
    int threads = gp_pipeline_threads(r->options->threads);
    gp_progress_meter_init(&ticker, "look", count, r->options->progress, r->options->user);
    for (size_t at = 0; at < count; at += FILES_A_ROUND) {
        gp_threads *running;
        hash_run hash = {.m = &r->m, .rows = rows + at, .hashes = hashes};
        hash.count = count - at < FILES_A_ROUND ? count - at : FILES_A_ROUND;
        GP_TRY(gp_threads_start(threads, hash_thread, &hash, &running, err));
        gp_threads_join(running);
        if (!gp_progress_meter_update(&ticker, at + hash.count, 0)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
    gp_progress_meter_finish(&ticker);
    return GP_OK;
}

/* Lists the rows whose nearest neighbour is similar enough: rows [n]. */
static gp_status candidate_rows(gp_analysis_run *r, uint32_t *rows, size_t *count, gp_error *err)
{
    const gp_cat_matrix *m = &r->m;
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    uint32_t *ids = NULL;
    float *distance = NULL;
    gp_status st = GP_OK;
    *count = 0;
    o.threads = r->options->threads, o.progress = r->options->progress, o.user = r->options->user;
    GP_TRY_GOTO(gp_alloc((void **)&ids, m->n, sizeof *ids, "duplicates", err));
    GP_TRY_GOTO(gp_alloc((void **)&distance, m->n, sizeof *distance, "duplicates", err));
    GP_TRY_GOTO(gp_an_neighbours(m->vectors, m->n, m->dims, NULL, 0, 1, &o, ids, distance, err));
    for (size_t i = 0; i < m->n; i++)
        if (distance[i] <= 1 - r->copies->min_cosine + 1e-6) rows[(*count)++] = (uint32_t)i;
out:
    gp_mem_free(distance);
    gp_mem_free(ids);
    return st;
}

/* ------------------------------------------------------------------ keepers */

static const char *keeper_reason(const gp_cat_matrix *m, const gp_duplicates *d, size_t g)
{
    uint32_t keeper = d->keeper[g];
    for (size_t i = 0; i < m->n; i++) {
        if (d->group[i] != (int32_t)g || i == keeper) continue;
        if (!(m->scores[i] < m->scores[keeper]) && !isnan(m->scores[i]))
            return m->pixels[i] < m->pixels[keeper] ? "most pixels of equal scores" : "first of equal scores and sizes";
    }
    return isnan(m->scores[keeper]) ? "most pixels; none has a score" : "highest score";
}

gp_status gp_analysis_duplicates(gp_analysis_run *r, gp_error *err)
{
    double start = gp_clock_now();
    const gp_cat_matrix *m = &r->m;
    gp_duplicates *d = &r->duplicates;
    uint32_t *rows = NULL;
    uint64_t *hashes = NULL;
    size_t count = 0;
    gp_status st = GP_OK;
    if (m->n < 2) return GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&rows, m->n, sizeof *rows, "duplicates", err));
    hashes = gp_mem_zero(m->n, sizeof *hashes);
    if (!hashes) GP_TRY_GOTO(gp_fail_memory(err, "duplicates among %zu images", m->n));
    GP_TRY_GOTO(candidate_rows(r, rows, &count, err));
    GP_TRY_GOTO(hash_files(r, rows, count, hashes, err));
    GP_TRY_GOTO(gp_an_duplicates(m->vectors, m->n, m->dims, m->scores, m->pixels, hashes, r->copies, d, err));
    r->has_duplicates = true;
    r->keeper_reasons = gp_mem_zero(d->groups, sizeof *r->keeper_reasons);
    if (!r->keeper_reasons) GP_TRY_GOTO(gp_fail_memory(err, "duplicates"));
    for (size_t g = 0; g < d->groups; g++) {
        r->keeper_reasons[g] = gp_str_dup(keeper_reason(m, d, g));
        if (!r->keeper_reasons[g]) GP_TRY_GOTO(gp_fail_memory(err, "duplicates"));
    }
    for (size_t i = 0; i < m->n; i++) r->report->duplicates += d->group[i] >= 0 && d->keeper[d->group[i]] != i;
    r->report->groups = d->groups;
out:
    gp_mem_free(hashes);
    gp_mem_free(rows);
    r->report->duplicates_seconds = gp_clock_now() - start;
    return st;
}
