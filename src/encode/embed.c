/* SPDX-License-Identifier: MIT
 * Embeddings without a catalog: files, texts or prepared planes in, one row each out. */
#include "encode/embed.h"

#include "base/clock.h"
#include "base/mem.h"
#include "encode/encode.h"
#include "encode/pipeline.h"

#include <string.h>

typedef struct embed_run {
    gp_encode_pool *pool;
    const gp_embed_options *options;
    const char *const *paths; /* [n] */
    size_t n, made, taken;
    float *out; /* [n, d] */
    bool *ok;   /* [n] */
    gp_report *report;
    gp_progress_meter ticker;
} embed_run;

static gp_status next_batch(void *user, void **out, gp_error *err)
{
    embed_run *r = user;
    if (r->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    size_t left = r->n - r->made;
    if (left == 0) return GP_OK;
    gp_encode_job *job;
    GP_TRY(gp_encode_job_new(r->pool, gp_encode_pool_next(r->pool, left), &job, err));
    for (size_t i = 0; i < job->count; i++) {
        job->pictures[i].path = r->paths[r->made + i];
        job->pictures[i].leave_own = r->options->own != NULL;
    }
    r->made += job->count;
    *out = job;
    return GP_OK;
}

static void work_batch(void *user, int thread, void *job)
{
    gp_encode_job_run(((embed_run *)user)->pool, thread, job);
}

static gp_status take_batch(void *user, void *data, gp_error *err)
{
    embed_run *r = user;
    gp_encode_job *job = data;
    size_t d = gp_encode_pool_dims(r->pool);
    gp_status st = gp_encode_job_status(job, r->report->done > 0, err);
    if (st == GP_OK) {
        memcpy(r->out + r->taken * d, job->vectors, job->count * d * sizeof(float));
        for (size_t i = 0; i < job->count; i++) {
            const gp_encode_item *p = &job->pictures[i];
            r->ok[r->taken + i] = p->ok;
            if (p->ok)
                r->report->done++;
            else if (p->own)
                r->report->skipped++;
            else
                r->report->failed++;
            if (p->own) r->options->own(r->options->user, r->taken + i, p->path);
            if (!p->ok && !p->own && r->options->failed)
                r->options->failed(r->options->user, r->taken + i, p->path, p->message);
        }
        r->taken += job->count;
        r->report->read_seconds += job->seconds.read;
        r->report->decode_seconds += job->seconds.decode;
        r->report->resize_seconds += job->seconds.resize;
        r->report->image_tower_seconds += job->seconds.tower;
        if (!gp_progress_meter_update(&r->ticker, r->taken, r->report->failed))
            st = gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
    gp_encode_job_free(job);
    return st;
}

static void drop_batch(void *user, void *job)
{
    (void)user;
    gp_encode_job_free(job);
}

gp_status gp_embed_run_files(const gp_encoder *encoder, const char *const *paths, size_t n,
                             const gp_embed_options *options, float *out, bool *ok, gp_report *report, gp_error *err)
{
    double start = gp_clock_now();
    gp_report counts = {0};
    embed_run r = {.options = options, .paths = paths, .n = n, .out = out, .ok = ok, .report = &counts};
    gp_progress_meter_init(&r.ticker, "embed", n, options->progress, options->user);
    memset(ok, 0, n * sizeof *ok); /* should it stop early */
    gp_status st = gp_encode_pool_open(encoder, options->threads, (size_t)(options->batch > 0 ? options->batch : 0),
                                       options->max_pixels, &r.pool, err);
    if (st == GP_OK && gp_encode_pool_batch(r.pool) == 0)
        st = gp_fail(err, GP_ERR_UNSUPPORTED, "the model has no image tower");
    if (st == GP_OK) {
        size_t window = (size_t)gp_encode_pool_threads(r.pool) * 2;
        memset(out, 0, n * gp_encode_pool_dims(r.pool) * sizeof *out);
        gp_pipeline pipe = {.threads = gp_encode_pool_threads(r.pool),
                            .window = window,
                            .next = next_batch,
                            .work = work_batch,
                            .take = take_batch,
                            .drop = drop_batch};
        st = gp_pipeline_run(&pipe, &r, err);
        gp_progress_meter_finish(&r.ticker);
    }
    gp_encode_pool_close(r.pool);
    counts.seconds = gp_clock_now() - start;
    *report = counts;
    return st;
}

/* No more threads than things to encode: each one costs a worker's memory. */
static int at_most(int threads, size_t n)
{
    threads = gp_pipeline_threads(threads);
    return (size_t)threads <= n ? threads : n ? (int)n : 1;
}

gp_status gp_embed_run_texts(const gp_encoder *encoder, const char *const *texts, size_t n, int threads, float *out,
                             uint32_t *tokens, bool *truncated, gp_error *err)
{
    gp_encode_pool *pool = NULL;
    GP_TRY(gp_encode_pool_open(encoder, at_most(threads, n), 1, 0, &pool, err));
    gp_status st = gp_encode_pool_texts(pool, texts, n, out, tokens, truncated, NULL, err);
    gp_encode_pool_close(pool);
    return st;
}

gp_status gp_embed_run_planes(const gp_encoder *encoder, const float *planes, size_t n, int threads, float *out,
                              gp_error *err)
{
    gp_encode_pool *pool = NULL;
    GP_TRY(gp_encode_pool_open(encoder, at_most(threads, n), 0, 0, &pool, err));
    gp_status st = gp_encode_pool_planes(pool, planes, n, out, err);
    gp_encode_pool_close(pool);
    return st;
}
