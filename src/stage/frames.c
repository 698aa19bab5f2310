/* SPDX-License-Identifier: MIT
 * Measures images that were encoded without measures: files -> pixels -> measures -> catalog, one image per job. */
#include "stage/frames.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/quality.h"
#include "image/stream.h"
#include "encode/pipeline.h"

#include <string.h>

#define FILE_LIMIT        ((uint64_t)1 << 30)
#define PAGE              4096 /* number of images that are read from the catalog at a time */
#define IMAGES_PER_COMMIT 256

gp_status gp_frames_put(gp_catalog *cat, int64_t image, const gp_quality *quality, bool keep, gp_frames_found *found,
                        gp_error *err)
{
    bool apart = false;
    GP_TRY(gp_cat_quality_put(cat, image, quality, !keep, &apart, err));
    found->counts[quality->frame] += apart;
    return GP_OK;
}

static void note_frame(const gp_score_options *o, uint64_t count, const char *code, const char *what, const char *why)
{
    if (!count) return;
    gp_note_say(o->note, o->note_user, code, count,
                "set %llu %s apart as '%s': %s %s, so %s not scored and never picked (--keep-frames scores %s anyway)",
                (unsigned long long)count, gp_plural(count, "image", "images"), what,
                gp_plural(count, "it is", "they are"), why, gp_plural(count, "it is", "they are"),
                gp_plural(count, "it", "them"));
}

void gp_frames_tell(const gp_frames_found *found, const gp_score_options *o)
{
    note_frame(o, found->counts[GP_FRAME_BLACK], "frames-black", "black", "black");
    note_frame(o, found->counts[GP_FRAME_NOISE], "frames-noise", "noise", "only noise");
    if (found->kept)
        gp_note_say(o->note, o->note_user, "frames-kept", found->kept, "%llu %s set apart as black or noise %s again",
                    (unsigned long long)found->kept, gp_plural(found->kept, "image", "images"),
                    gp_plural(found->kept, "is a candidate", "are candidates"));
}

/* ------------------------------------------------------------------ images without measures */

typedef struct measuring {
    gp_catalog *cat;
    const gp_score_options *options;
    gp_progress_meter ticker;
    gp_frames_found *found;
    gp_cat_todo page;
    size_t page_at;
    int64_t after;
    bool ended, in_transaction;
    uint64_t done, uncommitted;
} measuring;

typedef struct measure_job {
    int64_t image;
    char *path; /* owned */
    gp_hash hash;
    gp_status status;
    gp_error error;
    gp_quality quality;
} measure_job;

static void drop_job(void *user, void *data)
{
    (void)user;
    measure_job *job = data;
    gp_mem_free(job->path);
    gp_mem_free(job);
}

static gp_status next_job(void *user, void **out, gp_error *err)
{
    measuring *m = user;
    if (m->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (m->page_at == m->page.count && !m->ended) {
        gp_cat_todo_clear(&m->page);
        m->page_at = 0;
        GP_TRY(gp_cat_quality_todo(m->cat, m->after, PAGE, &m->page, err));
        m->ended = m->page.count == 0;
        if (m->page.count) m->after = m->page.ids[m->page.count - 1];
    }
    if (m->page_at == m->page.count) return GP_OK;
    measure_job *job = gp_mem_zero(1, sizeof *job);
    if (!job) return gp_fail_memory(err, "the quality measures");
    job->image = m->page.ids[m->page_at];
    job->hash = m->page.hashes[m->page_at];
    job->path = m->page.paths[m->page_at];
    m->page.paths[m->page_at++] = NULL;
    *out = job;
    return GP_OK;
}

static void work_job(void *user, int thread, void *data)
{
    (void)thread;
    const measuring *m = user;
    measure_job *job = data;
    uint64_t max_pixels = m->options->max_pixels ? m->options->max_pixels : GP_MAX_PIXELS;
    gp_bytes file = {0};
    gp_pixels pixels = {0};
    gp_error *err = &job->error;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_file_read(job->path, FILE_LIMIT, &file, err));
    gp_hash now = gp_hash_of(file.data, file.size);
    if (memcmp(now.bytes, job->hash.bytes, sizeof now.bytes) != 0)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_NOT_FOUND, "has changed since it was added: add it again"));
    GP_TRY_GOTO(gp_image_decode_bytes(file.data, file.size, max_pixels, &pixels, err));
    GP_TRY_GOTO(gp_image_quality(&pixels, gp_image_is_plain(file.data, file.size), &job->quality, err));
out:
    job->status = st;
    gp_pixels_clear(&pixels);
    gp_bytes_clear(&file);
}

static gp_status commit(measuring *m, gp_error *err)
{
    if (!m->in_transaction) return GP_OK;
    m->in_transaction = false;
    m->uncommitted = 0;
    return gp_cat_commit(m->cat, err);
}

static gp_status take_job(void *user, void *data, gp_error *err)
{
    measuring *m = user;
    const measure_job *job = data;
    gp_status st = GP_OK;
    if (job->status == GP_ERR_MEMORY) GP_TRY_GOTO(gp_fail_as(err, GP_ERR_MEMORY, &job->error));
    if (job->status == GP_OK) {
        if (!m->in_transaction) GP_TRY_GOTO(gp_cat_begin(m->cat, err));
        m->in_transaction = true;
        GP_TRY_GOTO(gp_frames_put(m->cat, job->image, &job->quality, m->options->keep_frames, m->found, err));
        if (++m->uncommitted >= IMAGES_PER_COMMIT) GP_TRY_GOTO(commit(m, err));
    }
    if (!gp_progress_meter_update(&m->ticker, ++m->done, 0)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
out:
    drop_job(NULL, data);
    return st;
}

gp_status gp_stage_measure(gp_catalog *cat, const gp_score_options *options, gp_frames_found *found, gp_error *err)
{
    measuring m = {.cat = cat, .options = options, .found = found};
    int threads = gp_pipeline_threads(options->threads);
    gp_pipeline pipe = {.threads = threads,
                        .window = (size_t)threads * 4,
                        .next = next_job,
                        .work = work_job,
                        .take = take_job,
                        .drop = drop_job};
    uint64_t todo = 0;
    GP_TRY(gp_cat_quality_todo_count(cat, &todo, err));
    if (!todo) return GP_OK;
    gp_progress_meter_init(&m.ticker, "measure", todo, options->progress, options->user);
    gp_status st = gp_pipeline_run(&pipe, &m, err);
    if (st == GP_OK || st == GP_ERR_STOPPED) {
        gp_status saved = commit(&m, err);
        if (saved != GP_OK) st = saved;
    } else
        gp_cat_rollback(cat);
    gp_cat_todo_clear(&m.page);
    if (st == GP_OK) gp_progress_meter_finish(&m.ticker);
    return st;
}
