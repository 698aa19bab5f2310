/* SPDX-License-Identifier: MIT
 * The encode pool.  Each thread has a worker and the memory of a batch of preprocessed images, allocated once. */
#include "encode/encode.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/mark.h"
#include "image/quality.h"
#include "image/source_pixels.h"
#include "image/stream.h"
#include "encode/encode_private.h"
#include "encode/pipeline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define IMAGE_FILE_LIMIT ((uint64_t)1 << 30)
/* maximum tokens of a batch (rows of a matrix product): enough for full speed, few enough for the cache */
#define MAX_BATCH_TOKENS 1024
/* minimum tokens of a batch; matrix products with fewer rows are slower per row */
#define MIN_BATCH_TOKENS 192

struct gp_encode_pool {
    const gp_encoder *encoder;
    gp_task *task; /* may be NULL */
    int threads;
    size_t images, tokens, dims, plane_floats; /* plane_floats = 3 * s * s */
    /* minimum images of a batch: the smallest number of images that have at least MIN_BATCH_TOKENS tokens */
    size_t min_images;
    uint64_t max_pixels;
    gp_encoder_worker **workers; /* [threads] */
    float **planes;              /* [threads], each [images, 3, s, s]: preprocessed images */
    float **packed;              /* [threads], each [images, d]: embeddings of the images that are ok */
};

static size_t tokens_of(const gp_model_facts *facts)
{
    size_t side = facts->patch ? facts->image_side / facts->patch : 1;
    return side * side + 1;
}

static size_t batch_for(const gp_model_facts *facts, size_t wanted)
{
    size_t rows = tokens_of(facts), batch = wanted ? wanted : MAX_BATCH_TOKENS / rows;
    if (batch < 1) batch = 1;
    return batch > GP_BATCH_MAX ? GP_BATCH_MAX : batch;
}

gp_status gp_encode_pool_open(const gp_encoder *encoder, int threads, size_t images, uint64_t max_pixels,
                              gp_encode_pool **out, gp_error *err)
{
    gp_model_facts facts = {0};
    gp_encoder_facts(encoder, &facts);
    gp_encode_pool *e = gp_mem_zero(1, sizeof *e);
    if (!e) return gp_fail_memory(err, "the encoder");
    gp_status st = GP_OK;
    e->encoder = encoder;
    e->threads = gp_pipeline_threads(threads);
    e->images = facts.has_image_tower ? batch_for(&facts, images) : 0;
    e->min_images = (MIN_BATCH_TOKENS + tokens_of(&facts) - 1) / tokens_of(&facts);
    e->tokens = facts.has_text_tower ? (facts.context > MAX_BATCH_TOKENS ? facts.context : MAX_BATCH_TOKENS) : 0;
    e->dims = facts.embedding;
    e->plane_floats = (size_t)3 * facts.image_side * facts.image_side;
    e->max_pixels = max_pixels ? max_pixels : GP_MAX_PIXELS;
    size_t n = (size_t)e->threads;
    e->workers = gp_mem_zero(n, sizeof *e->workers);
    e->planes = gp_mem_zero(n, sizeof *e->planes);
    e->packed = gp_mem_zero(n, sizeof *e->packed);
    if (!e->workers || !e->planes || !e->packed) GP_TRY_GOTO(gp_fail_memory(err, "the encoder"));
    for (size_t i = 0; i < n; i++) {
        GP_TRY_GOTO(gp_encoder_worker_new(encoder, e->images, e->tokens, &e->workers[i], err));
        if (!e->images) continue;
        GP_TRY_GOTO(gp_alloc_aligned((void **)&e->planes[i], e->images * e->plane_floats, sizeof(float),
                                     "a batch of images", err));
        GP_TRY_GOTO(
            gp_alloc_aligned((void **)&e->packed[i], e->images * e->dims, sizeof(float), "a batch of embeddings", err));
    }
    *out = e;
    return GP_OK;
out:
    gp_encode_pool_close(e);
    return st;
}

void gp_encode_pool_close(gp_encode_pool *e)
{
    if (!e) return;
    for (int i = 0; i < e->threads; i++) {
        if (e->workers) gp_encoder_worker_free(e->workers[i]);
        if (e->planes) gp_mem_free(e->planes[i]);
        if (e->packed) gp_mem_free(e->packed[i]);
    }
    gp_mem_free(e->packed);
    gp_mem_free(e->planes);
    gp_mem_free(e->workers);
    gp_mem_free(e);
}

void gp_encode_pool_watch(gp_encode_pool *e, gp_task *task)
{
    e->task = task;
    for (int i = 0; i < e->threads; i++) gp_encoder_worker_watch(e->workers[i], task);
}

int gp_encode_pool_threads(const gp_encode_pool *e)
{
    return e->threads;
}
size_t gp_encode_pool_batch(const gp_encode_pool *e)
{
    return e->images;
}
size_t gp_encode_pool_next(const gp_encode_pool *e, size_t left)
{
    size_t each = (size_t)e->threads * 2, share = (left + each - 1) / each;
    if (share < e->min_images) share = e->min_images;
    if (share > e->images) share = e->images;
    return share < left ? share : left;
}
size_t gp_encode_pool_tokens(const gp_encode_pool *e)
{
    return e->tokens;
}
size_t gp_encode_pool_dims(const gp_encode_pool *e)
{
    return e->dims;
}

/* ------------------------------------------------------------------ images */

gp_status gp_encode_job_new(const gp_encode_pool *e, size_t count, gp_encode_job **out, gp_error *err)
{
    gp_encode_job *job = gp_mem_zero(1, sizeof *job);
    if (job) {
        job->count = count;
        job->pictures = gp_mem_zero(count, sizeof *job->pictures);
        job->vectors = gp_mem_zero(count * e->dims, sizeof *job->vectors);
    }
    if (!job || !job->pictures || !job->vectors) {
        gp_encode_job_free(job);
        return gp_fail_memory(err, "a batch of %zu images", count);
    }
    *out = job;
    return GP_OK;
}

void gp_encode_job_free(gp_encode_job *job)
{
    if (!job) return;
    gp_mem_free(job->vectors);
    gp_mem_free(job->pictures);
    gp_mem_free(job);
}

/* Fails if the content of the file does not have the expected hash.  Without this check, the embedding of a replaced
 * file would be stored for the old content. */
static gp_status same_content(gp_encode_item *p, const uint8_t *bytes, gp_error *err)
{
    gp_hash now = gp_hash_of(bytes, p->size);
    if (memcmp(now.bytes, p->hash.bytes, sizeof now.bytes) == 0) return GP_OK;
    p->changed = true;
    return gp_fail(err, GP_ERR_NOT_FOUND, "has changed since it was added: add it again");
}

/* Fails and sets p->own if goldpan made the image. */
static gp_status reject_own(gp_encode_item *p, const uint8_t *bytes, gp_error *err)
{
    gp_chunks chunks = {0};
    gp_status st = gp_image_read_chunks(bytes, p->size, &chunks, NULL);
    p->own = st == GP_OK && gp_image_is_own(&chunks);
    gp_chunks_clear(&chunks);
    if (st == GP_ERR_MEMORY)
        return p->path ? gp_fail_memory_path(err, "'%s'", p->path) : gp_fail_memory(err, "an image");
    return p->own ? gp_fail(err, GP_ERR_UNSUPPORTED, "goldpan drew this image") : GP_OK; /* decoding reports damage */
}

/* Preprocesses decoded pixels of the caller to planes [3,s,s].  Errors as in prepare_file. */
static gp_status prepare_pixels(const gp_encode_pool *e, const gp_encode_item *p, float *planes,
                                gp_encode_seconds *seconds, gp_error *err)
{
    gp_pixels pixels = {0};
    bool copied = false;
    double start = gp_clock_now();
    gp_status st = gp_pixels_of_source(&p->source, e->max_pixels, &pixels, &copied, err);
    double read = gp_clock_now();
    if (st == GP_OK) st = gp_preprocess_planes(gp_encoder_preprocess(e->encoder), &pixels, planes, err);
    if (copied) gp_pixels_clear(&pixels);
    seconds->decode += read - start;
    seconds->resize += gp_clock_now() - read;
    return st;
}

/* Decodes and preprocesses one file to planes [3,s,s].  All errors except MEMORY concern only this file. */
static gp_status prepare_file(const gp_encode_pool *e, gp_encode_item *p, float *planes, gp_encode_seconds *seconds,
                              gp_error *err)
{
    gp_bytes file = {0};
    gp_pixels pixels = {0};
    gp_status st = GP_OK;
    double start = gp_clock_now();
    const uint8_t *bytes = p->bytes;
    if (!bytes) {
        GP_TRY_GOTO(gp_file_read(p->path, IMAGE_FILE_LIMIT, &file, err));
        bytes = file.data, p->size = file.size;
    }
    if (p->known) GP_TRY_GOTO(same_content(p, bytes, err));
    if (p->leave_own) GP_TRY_GOTO(reject_own(p, bytes, err));
    double read = gp_clock_now();
    seconds->read += read - start;
    GP_TRY_GOTO(gp_preprocess_decode(gp_encoder_preprocess(e->encoder), bytes, p->size, e->max_pixels, &pixels, err));
    bool fast = gp_encoder_preprocess(e->encoder)->fast_decode;
    bool plain = gp_image_is_plain(bytes, p->size);
    p->has_pixels = !fast && plain;
    if (p->has_pixels) GP_TRY_GOTO(gp_pixels_hash(&pixels, &p->pixels, err));
    p->measured = !fast || gp_image_sniff(bytes, p->size, NULL) != GP_FORMAT_JPEG;
    if (p->measured) GP_TRY_GOTO(gp_image_quality(&pixels, plain, &p->quality, err));
    double decoded = gp_clock_now();
    seconds->decode += decoded - read;
    st = gp_preprocess_planes(gp_encoder_preprocess(e->encoder), &pixels, planes, err);
    seconds->resize += gp_clock_now() - decoded;
out:
    gp_pixels_clear(&pixels);
    gp_bytes_clear(&file);
    return st;
}

gp_status gp_encode_job_status(const gp_encode_job *job, bool any, gp_error *err)
{
    for (size_t i = 0; i < job->count; i++) any = any || job->pictures[i].ok;
    gp_status st = job->status == GP_OK && job->overflowed && !any ? GP_ERR_FORMAT : job->status;
    return st == GP_OK ? GP_OK : gp_fail_as(err, st, &job->error);
}

static bool is_finite(const float *row, size_t d)
{
    for (size_t j = 0; j < d; j++)
        if (!isfinite(row[j])) return false;
    return true;
}

/* Copies the embeddings of a batch to the rows of their images.  If an embedding is not finite, its image gets an
 * error.  The error counts as temporary, because another model or precision may give a finite embedding. */
static void copy_embeddings(gp_encode_job *job, const float *packed, size_t d)
{
    for (size_t i = 0, row = 0; i < job->count; i++) {
        gp_encode_item *p = &job->pictures[i];
        if (!p->ok) continue;
        const float *from = packed + row++ * d;
        p->ok = !job->overflowed || is_finite(from, d);
        p->passing = !p->ok;
        p->status = p->ok ? GP_OK : job->error.status;
        if (p->ok)
            memcpy(job->vectors + i * d, from, d * sizeof(float));
        else
            snprintf(p->message, sizeof p->message, "%.*s", (int)sizeof p->message - 1, job->error.message);
    }
}

static gp_status prepare(const gp_encode_pool *e, gp_encode_item *p, float *planes, gp_encode_seconds *seconds,
                         gp_error *err)
{
    switch (p->source.kind) {
    case GP_SOURCE_PIXELS: return prepare_pixels(e, p, planes, seconds, err);
    case GP_SOURCE_BYTES:
        if (!p->bytes) return gp_fail(err, GP_ERR_USAGE, "has no bytes: data is NULL");
        return prepare_file(e, p, planes, seconds, err);
    case GP_SOURCE_PATH:
        if (!p->bytes && !p->path) return gp_fail(err, GP_ERR_USAGE, "has no file: path is NULL");
        return prepare_file(e, p, planes, seconds, err);
    default: return gp_fail(err, GP_ERR_UNSUPPORTED, "is of the unknown kind %d", (int)p->source.kind);
    }
}

void gp_encode_job_run(gp_encode_pool *e, int thread, gp_encode_job *job)
{
    float *planes = e->planes[thread], *packed = e->packed[thread];
    size_t good = 0;
    for (size_t i = 0; i < job->count; i++) {
        gp_encode_item *p = &job->pictures[i];
        gp_error err = {0};
        gp_status st = gp_task_check(e->task, &err);
        if (st == GP_OK) st = prepare(e, p, planes + good * e->plane_floats, &job->seconds, &err);
        if (st == GP_ERR_MEMORY || st == GP_ERR_STOPPED) {
            job->status = st, job->error = err;
            return;
        }
        p->ok = st == GP_OK;
        p->status = st;
        good += p->ok;
        if (p->ok) continue;
        p->passing = gp_error_passes(&err);
        snprintf(p->message, sizeof p->message, "%.*s", (int)sizeof p->message - 1,
                 p->path ? gp_error_beside(&err, p->path) : err.message);
    }
    if (good == 0) return;
    double start = gp_clock_now(), worked = gp_clock_thread_cpu();
    job->status = gp_encoder_run_images(e->workers[thread], planes, good, packed, &job->error);
    job->seconds.tower += gp_clock_now() - start;
    job->seconds.tower_work += gp_clock_thread_cpu() - worked;
    job->overflowed = job->status == GP_ERR_FORMAT;
    if (job->overflowed) job->status = GP_OK;
    if (job->status == GP_OK) copy_embeddings(job, packed, e->dims);
}

/* ------------------------------------------------------------------ prepared planes */

typedef struct plane_job {
    size_t first, count;
    gp_status status;
    gp_error error;
} plane_job;

typedef struct plane_run {
    gp_encode_pool *pool;
    const float *planes; /* [n,3,s,s] */
    float *out;          /* [n,d] */
    size_t n, made;
} plane_run;

static gp_status plane_next(void *user, void **job, gp_error *err)
{
    plane_run *r = user;
    if (r->made == r->n) return GP_OK;
    GP_TRY(gp_task_check(r->pool->task, err));
    plane_job *j = gp_mem_zero(1, sizeof *j);
    if (!j) return gp_fail_memory(err, "a batch");
    j->first = r->made;
    j->count = r->n - r->made < r->pool->images ? r->n - r->made : r->pool->images;
    r->made += j->count;
    *job = j;
    return GP_OK;
}

static void plane_work(void *user, int thread, void *job)
{
    plane_run *r = user;
    plane_job *j = job;
    const gp_encode_pool *e = r->pool;
    j->status = gp_encoder_run_images(e->workers[thread], r->planes + j->first * e->plane_floats, j->count,
                                      r->out + j->first * e->dims, &j->error);
}

static gp_status plane_take(void *user, void *job, gp_error *err)
{
    plane_job *j = job;
    gp_status st = j->status;
    if (st != GP_OK) gp_fail_as(err, st, &j->error);
    gp_task_add(((plane_run *)user)->pool->task, j->count);
    gp_mem_free(j);
    return st;
}

static void plane_drop(void *user, void *job)
{
    (void)user;
    gp_mem_free(job);
}

gp_status gp_encode_pool_planes(gp_encode_pool *e, const float *planes, size_t n, float *out, gp_error *err)
{
    if (!e->images) return gp_fail(err, GP_ERR_UNSUPPORTED, "the model has no image tower");
    plane_run run = {.pool = e, .planes = planes, .out = out, .n = n};
    gp_pipeline pipe = {.threads = e->threads,
                        .window = (size_t)e->threads * 2,
                        .next = plane_next,
                        .work = plane_work,
                        .take = plane_take,
                        .drop = plane_drop};
    return gp_pipeline_run(&pipe, &run, err);
}

gp_encoder_worker *gp_encode_pool_worker(gp_encode_pool *e, int thread)
{
    return e->workers[thread];
}
const gp_encoder *gp_encode_pool_encoder(const gp_encode_pool *e)
{
    return e->encoder;
}
gp_task *gp_encode_pool_task(const gp_encode_pool *e)
{
    return e->task;
}
