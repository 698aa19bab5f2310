/* SPDX-License-Identifier: MIT
 * Embeddings of images, texts or preprocessed images, without a catalog. */
#include "encode/embed.h"

#include "base/clock.h"
#include "base/mem.h"
#include "encode/encode.h"
#include "encode/pipeline.h"

#include <string.h>

typedef struct embed_run {
    gp_encode_pool *pool;
    const gp_embed_options *options;
    const gp_embed_list *list;
    size_t made, taken;
    float *out;          /* [n, d] */
    gp_status *statuses; /* [n] */
    gp_report *report;
    gp_progress_meter ticker;
    gp_task task; /* stops the workers */
} embed_run;

/* Reports progress.  If the user requests a stop, the batches in progress stop too. */
static gp_status report_progress(void *user, gp_error *err)
{
    embed_run *r = user;
    if (!r->ticker.stopped && gp_progress_meter_update(&r->ticker, r->taken, r->report->failed)) return GP_OK;
    atomic_store(&r->task.stop, true);
    return gp_fail(err, GP_ERR_STOPPED, "stopped");
}

static gp_status next_batch(void *user, void **out, gp_error *err)
{
    embed_run *r = user;
    if (r->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    size_t left = r->list->n - r->made;
    if (left == 0) return GP_OK;
    gp_encode_job *job;
    gp_status st = GP_OK;
    GP_TRY(gp_encode_job_new(r->pool, gp_encode_pool_next(r->pool, left), &job, err));
    for (size_t i = 0; i < job->count; i++) {
        gp_encode_item *p = &job->pictures[i];
        p->id = (int64_t)(r->made + i);
        GP_TRY_GOTO(r->list->at(r->list->user, r->made + i, &p->source, err));
        p->path = p->source.path;
        p->leave_own = r->options->own != NULL;
        if (p->source.kind == GP_SOURCE_BYTES) p->bytes = p->source.data, p->size = p->source.data_size;
    }
    r->made += job->count;
    *out = job;
    return GP_OK;
out:
    gp_encode_job_free(job);
    return st;
}

static void work_batch(void *user, int thread, void *job)
{
    gp_encode_job_run(((embed_run *)user)->pool, thread, job);
}

static void take_item(embed_run *r, const gp_encode_item *p, size_t index)
{
    r->statuses[index] = p->status;
    if (p->ok)
        r->report->done++;
    else if (p->own)
        r->report->skipped++;
    else
        r->report->failed++;
    if (p->own) r->options->own(r->options->user, index, p->path);
    if (!p->ok && !p->own && r->options->failed) r->options->failed(r->options->user, index, p->path, p->message);
}

static gp_status take_batch(void *user, void *data, gp_error *err)
{
    embed_run *r = user;
    gp_encode_job *job = data;
    size_t d = gp_encode_pool_dims(r->pool);
    gp_status st = gp_encode_job_status(job, r->report->done > 0, err);
    if (st == GP_OK) {
        size_t first = (size_t)job->pictures[0].id; /* not r->taken: an earlier batch may have been stopped */
        memcpy(r->out + first * d, job->vectors, job->count * d * sizeof(float));
        for (size_t i = 0; i < job->count; i++) take_item(r, &job->pictures[i], first + i);
        r->taken += job->count;
        r->report->read_seconds += job->seconds.read;
        r->report->decode_seconds += job->seconds.decode;
        r->report->resize_seconds += job->seconds.resize;
        r->report->image_tower_seconds += job->seconds.tower;
        st = report_progress(r, err);
    }
    gp_encode_job_free(job);
    return st;
}

static void drop_batch(void *user, void *job)
{
    (void)user;
    gp_encode_job_free(job);
}

gp_status gp_embed_run_sources(const gp_encoder *encoder, const gp_embed_list *list, const gp_embed_options *options,
                               float *out, gp_status *statuses, gp_report *report, gp_error *err)
{
    double start = gp_clock_now();
    gp_report counts = {0};
    embed_run r = {.options = options, .list = list, .out = out, .statuses = statuses, .report = &counts};
    r.task.threads = 1;
    atomic_init(&r.task.stop, false);
    atomic_init(&r.task.done, 0);
    gp_progress_meter_init(&r.ticker, "embed", list->n, options->progress, options->user);
    for (size_t i = 0; i < list->n; i++) statuses[i] = GP_ERR_STOPPED; /* until the result is known */
    gp_status st = gp_encode_pool_open(encoder, options->threads, (size_t)(options->batch > 0 ? options->batch : 0),
                                       options->max_pixels, &r.pool, err);
    if (st == GP_OK && gp_encode_pool_batch(r.pool) == 0)
        st = gp_fail(err, GP_ERR_UNSUPPORTED, "the model has no image tower");
    if (st == GP_OK) {
        size_t window = (size_t)gp_encode_pool_threads(r.pool) * 2;
        gp_encode_pool_watch(r.pool, &r.task);
        memset(out, 0, list->n * gp_encode_pool_dims(r.pool) * sizeof *out);
        gp_pipeline pipe = {.threads = gp_encode_pool_threads(r.pool),
                            .window = window,
                            .next = next_batch,
                            .work = work_batch,
                            .take = take_batch,
                            .idle = report_progress,
                            .drop = drop_batch};
        st = report_progress(&r, err);
        if (st == GP_OK) {
            st = gp_pipeline_run(&pipe, &r, err);
            gp_progress_meter_finish(&r.ticker);
        }
    }
    gp_encode_pool_close(r.pool);
    counts.seconds = gp_clock_now() - start;
    *report = counts;
    return st;
}

/* Limits the threads to the number of items, because each thread needs a worker's memory. */
static int at_most(int threads, size_t n)
{
    threads = gp_pipeline_threads(threads);
    return (size_t)threads <= n ? threads : n ? (int)n : 1;
}

typedef struct encode_call {
    const gp_encoder *encoder;
    const char *const *texts; /* [n] */
    const float *planes;      /* [n,3,s,s] */
    size_t n;
    float *out; /* [n,d] */
    uint32_t *tokens;
    bool *truncated;
} encode_call;

static gp_status encode_texts(void *user, gp_task *task, gp_error *err)
{
    const encode_call *c = user;
    gp_encode_pool *pool = NULL;
    GP_TRY(gp_encode_pool_open(c->encoder, at_most(task->threads, c->n), 1, 0, &pool, err));
    gp_encode_pool_watch(pool, task);
    gp_status st = gp_encode_pool_texts(pool, c->texts, c->n, c->out, c->tokens, c->truncated, NULL, err);
    gp_encode_pool_close(pool);
    return st;
}

static gp_status encode_planes(void *user, gp_task *task, gp_error *err)
{
    const encode_call *c = user;
    gp_encode_pool *pool = NULL;
    GP_TRY(gp_encode_pool_open(c->encoder, at_most(task->threads, c->n), 0, 0, &pool, err));
    gp_encode_pool_watch(pool, task);
    gp_status st = gp_encode_pool_planes(pool, c->planes, c->n, c->out, err);
    gp_encode_pool_close(pool);
    return st;
}

static gp_task_options task_of(const gp_encode_options *options, size_t n)
{
    return (gp_task_options){.stage = "encode",
                             .items = n,
                             .units = (double)n,
                             .threads = options->threads,
                             .progress = options->progress,
                             .user = options->user};
}

gp_status gp_embed_run_texts(const gp_encoder *encoder, const char *const *texts, size_t n,
                             const gp_encode_options *options, float *out, uint32_t *tokens, bool *truncated,
                             gp_error *err)
{
    encode_call call = {
        .encoder = encoder, .texts = texts, .n = n, .out = out, .tokens = tokens, .truncated = truncated};
    gp_task_options o = task_of(options, n);
    return gp_task_run(&o, encode_texts, &call, err);
}

gp_status gp_embed_run_planes(const gp_encoder *encoder, const float *planes, size_t n,
                              const gp_encode_options *options, float *out, gp_error *err)
{
    encode_call call = {.encoder = encoder, .planes = planes, .n = n, .out = out};
    gp_task_options o = task_of(options, n);
    return gp_task_run(&o, encode_planes, &call, err);
}
