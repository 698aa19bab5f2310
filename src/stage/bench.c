/* SPDX-License-Identifier: MIT
 * Stage bench: times the steps of add and score on a sample of images, with a catalog in memory.
 *   walk    -> list the files; choose a sample spread evenly over them
 *   encode  -> read, decode, resize, image tower, catalog, with the same jobs as score. This comes first, so that
 *              the files may be read from disk rather than from the cache
 *   add     -> hash, header, metadata, catalog, for the same files, by gp_stage_add
 *   prompts -> those that add found, or synthetic ones
 * Without files eight synthetic images are made before timing starts and used repeatedly, as PNG files in memory. */
#include "stage/stage.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "catalog/catalog.h"
#include "ingest/walk.h"
#include "stage/encoder_row.h"
#include "stage/synthetic.h"
#include "encode/encode.h"
#include "encode/pipeline.h"

#include <stdatomic.h>
#include <stdio.h>

enum { SYNTHETIC = 8, KEPT = 8192 /* maximum number of paths kept */, TEXTS = 64, PICTURES_A_PROMPT = 4 };

typedef struct bench_run {
    const gp_bench_options *options;
    gp_bench_report *report;
    gp_encode_pool *pool;
    gp_catalog *cat;
    int64_t encoder_id;
    gp_progress_meter ticker;
    /* files: one path of every `step` files, at most KEPT; step doubles when the list is full */
    char **paths;
    size_t path_count, step;
    /* synthetic images, used if there are no files */
    gp_str synthetic[SYNTHETIC];
    atomic_size_t next_synthetic;
    /* encoding */
    double until, bytes;
    size_t made, jobs, most; /* made: images started; jobs: jobs started; most: maximum number of images */
} bench_run;

/* ------------------------------------------------------------------ choosing images */

static bool on_found(void *user, const gp_walk_entry *found)
{
    bench_run *r = user;
    if (r->report->found++ % r->step == 0) {
        if (r->path_count == KEPT) { /* keep every second path, so that the sample stays even */
            for (size_t i = 0; i < KEPT; i++) {
                if (i % 2) gp_mem_free(r->paths[i]);
                if (i % 2 == 0) r->paths[i / 2] = r->paths[i];
            }
            r->path_count = KEPT / 2;
            r->step *= 2;
        }
        char *path = gp_str_dup(found->path);
        if (!path) return false;
        r->paths[r->path_count++] = path;
    }
    return gp_progress_meter_update(&r->ticker, 0, 0);
}

static gp_status find_files(bench_run *r, gp_error *err)
{
    r->step = 1;
    GP_TRY(gp_alloc((void **)&r->paths, KEPT, sizeof *r->paths, "a list of files", err));
    gp_status st = gp_walk(r->options->roots, r->options->root_count, on_found, NULL, r, err);
    if (st == GP_ERR_STOPPED && !r->ticker.stopped) return gp_fail_memory(err, "a path");
    if (st == GP_OK && r->path_count == 0)
        return gp_fail(
            err, GP_ERR_NOT_FOUND,
            "no image found that goldpan reads: name a folder that contains some, or none to use synthetic images");
    return st;
}

static void make_images_thread(void *user, int index)
{
    bench_run *r = user;
    gp_error err = {0};
    (void)index;
    for (size_t i; (i = atomic_fetch_add(&r->next_synthetic, 1)) < SYNTHETIC;) {
        if (gp_synthetic_png(i + 1, &r->synthetic[i], &err) == GP_OK) continue;
        atomic_store(&r->next_synthetic, SYNTHETIC);
        r->synthetic[i].failed = true; /* the thread that uses this image reports the error */
    }
}

static gp_status make_images(bench_run *r, gp_error *err)
{
    gp_threads *threads = NULL;
    int n = gp_encode_pool_threads(r->pool);
    GP_TRY(gp_threads_start(n < SYNTHETIC ? n : SYNTHETIC, make_images_thread, r, &threads, err));
    gp_threads_join(threads);
    for (size_t i = 0; i < SYNTHETIC; i++)
        if (r->synthetic[i].failed || !r->synthetic[i].size) return gp_fail_memory(err, "an image");
    return GP_OK;
}

/* Returns the index of image i of the sample. Steps of the golden ratio spread the first k images over the whole list,
 * for every k. */
static size_t sample_index(size_t i, size_t n)
{
    size_t stride = (size_t)((double)n * 0.6180339887498949);
    if (stride < 1) stride = 1;
    for (;; stride++) { /* the stride must be coprime to n, so that each index comes once */
        size_t a = n, b = stride;
        while (b) {
            size_t rest = a % b;
            a = b, b = rest;
        }
        if (a == 1) return i % n * stride % n;
    }
}

/* ------------------------------------------------------------------ encoding */

static gp_status next_batch(void *user, void **out, gp_error *err)
{
    bench_run *r = user;
    const size_t threads = (size_t)gp_encode_pool_threads(r->pool), batch = gp_encode_pool_batch(r->pool);
    if (r->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    /* All threads get the same number of jobs. Otherwise some would wait at the end, and the measured rate would be too
     * low. */
    if (r->made == r->most || (r->jobs % threads == 0 && gp_clock_now() > r->until)) return GP_OK;
    size_t left = r->most - r->made;
    gp_encode_job *job;
    GP_TRY(gp_encode_job_new(r->pool, left < batch ? left : batch, &job, err));
    for (size_t i = 0; i < job->count; i++) {
        gp_encode_item *p = &job->pictures[i];
        p->id = (int64_t)(r->made + i);
        if (r->paths) {
            p->path = r->paths[sample_index(r->made + i, r->path_count)], p->leave_own = true;
        } else {
            const gp_str *png = &r->synthetic[(r->made + i) % SYNTHETIC];
            p->path = "a synthetic image", p->bytes = (const uint8_t *)png->data, p->size = png->size;
        }
    }
    r->made += job->count, r->jobs++;
    *out = job;
    return GP_OK;
}

static void work_batch(void *user, int thread, void *job)
{
    gp_encode_job_run(((bench_run *)user)->pool, thread, job);
}

/* Writes a batch as score does. The images' names are arbitrary. */
static gp_status write_batch(bench_run *r, const gp_encode_job *job, gp_error *err)
{
    const size_t d = gp_encode_pool_dims(r->pool);
    double start = gp_clock_now();
    GP_TRY(gp_cat_begin(r->cat, err));
    for (size_t i = 0; i < job->count; i++) {
        const gp_encode_item *p = &job->pictures[i];
        gp_cat_image image = {.hash = gp_hash_of(&p->id, sizeof p->id), .bytes = p->size, .format = "png"};
        char name[32];
        int64_t id = 0;
        bool inserted;
        if (!p->ok) continue;
        snprintf(name, sizeof name, "%lld", (long long)p->id);
        GP_TRY(gp_cat_image_put(r->cat, &image, name, p->size, 0, &id, &inserted, err));
        GP_TRY(gp_cat_image_embedding_put(r->cat, id, r->encoder_id, job->vectors + i * d, (uint32_t)d, err));
        GP_TRY(gp_cat_failure_clear(r->cat, id, "score", err));
    }
    GP_TRY(gp_cat_commit(r->cat, err));
    r->report->write_seconds += gp_clock_now() - start;
    return GP_OK;
}

static gp_status take_batch(void *user, void *data, gp_error *err)
{
    bench_run *r = user;
    gp_encode_job *job = data;
    gp_status st = gp_encode_job_status(job, r->report->pictures > 0, err);
    if (st == GP_OK) st = write_batch(r, job, err);
    for (size_t i = 0; st == GP_OK && i < job->count; i++) {
        r->report->pictures += job->pictures[i].ok;
        r->report->own += job->pictures[i].own;
        r->report->failed += !job->pictures[i].ok && !job->pictures[i].own;
        if (job->pictures[i].ok) r->bytes += (double)job->pictures[i].size;
    }
    r->report->read_seconds += job->seconds.read;
    r->report->decode_seconds += job->seconds.decode;
    r->report->resize_seconds += job->seconds.resize;
    r->report->image_tower_seconds += job->seconds.tower;
    r->report->image_tower_work += job->seconds.tower_work;
    gp_encode_job_free(job);
    if (st == GP_OK && !gp_progress_meter_update(&r->ticker, r->report->pictures, r->report->failed))
        st = gp_fail(err, GP_ERR_STOPPED, "stopped");
    return st;
}

static void drop_batch(void *user, void *job)
{
    (void)user;
    gp_encode_job_free(job);
}

static gp_status encode(bench_run *r, gp_error *err)
{
    const int threads = gp_encode_pool_threads(r->pool);
    gp_pipeline pipe = {.threads = threads,
                        .window = (size_t)threads * 2,
                        .next = next_batch,
                        .work = work_batch,
                        .take = take_batch,
                        .drop = drop_batch};
    r->most = r->options->sample > SIZE_MAX ? SIZE_MAX : (size_t)r->options->sample;
    if (r->paths && r->most > r->path_count) r->most = r->path_count;
    const double start = gp_clock_now(), worked = gp_clock_process_cpu();
    r->until = start + r->options->seconds;
    GP_TRY(gp_pipeline_run(&pipe, r, err));
    r->report->seconds = gp_clock_now() - start;
    if (r->report->seconds > 0) r->report->busy = (gp_clock_process_cpu() - worked) / r->report->seconds;
    if (r->report->pictures) r->report->bytes = r->bytes / (double)r->report->pictures;
    return GP_OK;
}

/* ------------------------------------------------------------------ adding, and prompts */

static gp_status add_sample(bench_run *r, gp_catalog *cat, gp_error *err)
{
    const char **roots = NULL;
    gp_add_options add = GP_ADD_DEFAULTS;
    gp_report counts = {0};
    GP_TRY(gp_alloc((void **)&roots, r->made, sizeof *roots, "a list of files", err));
    for (size_t i = 0; i < r->made; i++) roots[i] = r->paths[sample_index(i, r->path_count)];
    add.roots = roots, add.root_count = r->made;
    add.max_pixels = r->options->max_pixels, add.threads = r->options->threads;
    add.progress = r->options->progress, add.user = r->options->user;
    gp_status st = gp_stage_add(cat, &add, &counts, err);
    r->report->add_seconds = counts.seconds;
    gp_mem_free(roots);
    return st;
}

static gp_status encode_texts(bench_run *r, const char *const *texts, size_t n, gp_error *err)
{
    float *vectors = NULL;
    if (n == 0) return GP_OK;
    GP_TRY(gp_alloc((void **)&vectors, n * gp_encode_pool_dims(r->pool), sizeof *vectors, "embeddings", err));
    gp_status st = gp_encode_pool_texts(r->pool, texts, n, vectors, NULL, NULL, &r->report->text_tower_seconds, err);
    r->report->texts += n;
    gp_mem_free(vectors);
    return st;
}

static gp_status texts_of_files(bench_run *r, gp_error *err)
{
    gp_catalog *cat = NULL; /* a second catalog, for adding the real files */
    gp_cat_todo todo = {0};
    int64_t after = 0;
    gp_status st;
    GP_TRY_GOTO(gp_cat_open_memory(&cat, err));
    GP_TRY_GOTO(add_sample(r, cat, err));
    do {
        gp_cat_todo_clear(&todo);
        GP_TRY_GOTO(gp_cat_prompts_todo(cat, 0, NULL, after, TEXTS, &todo, err));
        if (todo.count) after = todo.ids[todo.count - 1];
        GP_TRY_GOTO(encode_texts(r, (const char *const *)todo.paths, todo.count, err));
    } while (todo.count);
out:
    gp_cat_todo_clear(&todo);
    gp_cat_close(cat);
    return st;
}

static gp_status synthetic_texts(bench_run *r, gp_error *err)
{
    char texts[TEXTS][160];
    const char *list[TEXTS];
    size_t wanted = (size_t)r->report->pictures / PICTURES_A_PROMPT + 1;
    for (size_t at = 0; at < wanted; at += TEXTS) {
        size_t n = wanted - at < TEXTS ? wanted - at : TEXTS;
        for (size_t i = 0; i < n; i++) {
            gp_synthetic_prompt(at + i, texts[i], sizeof texts[i]);
            list[i] = texts[i];
        }
        GP_TRY(encode_texts(r, list, n, err));
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the stage */

static gp_status begin(bench_run *r, const gp_encoder *encoder, const gp_model_facts *facts, gp_error *err)
{
    const gp_bench_options *o = r->options;
    const gp_cat_encoder row = gp_stage_encoder_row(encoder, "bench");
    if (!facts->has_image_tower) return gp_fail(err, GP_ERR_UNSUPPORTED, "the model has no image tower");
    GP_TRY(
        gp_encode_pool_open(encoder, o->threads, (size_t)(o->batch > 0 ? o->batch : 0), o->max_pixels, &r->pool, err));
    r->report->threads = gp_encode_pool_threads(r->pool);
    r->report->batch = (uint32_t)gp_encode_pool_batch(r->pool);
    GP_TRY(gp_cat_open_memory(&r->cat, err));
    GP_TRY(gp_cat_encoder_put(r->cat, &row, &r->encoder_id, err));
    return o->root_count ? find_files(r, err) : make_images(r, err);
}

/* Computes the total rate from the sum of the times: `add` runs before the encoding, and texts and images are encoded
 * by the same threads, so no two steps run at the same time. */
static void compute_rates(gp_bench_report *n)
{
    const double pictures = (double)(n->pictures + n->failed + n->own);
    const double all = n->add_seconds + n->seconds + n->text_tower_seconds / n->threads;
    if (pictures <= 0 || all <= 0) return;
    n->rate = pictures / all;
    n->expected = (double)n->found / n->rate;
}

gp_status gp_stage_bench(const gp_encoder *encoder, const gp_bench_options *options, gp_bench_report *report,
                         gp_error *err)
{
    gp_bench_report counts = {0};
    gp_model_facts facts = {0};
    bench_run r = {.options = options, .report = &counts};
    gp_status st;
    atomic_init(&r.next_synthetic, 0);
    gp_encoder_facts(encoder, &facts);
    gp_progress_meter_init(&r.ticker, "bench", 0, options->progress, options->user);
    GP_TRY_GOTO(begin(&r, encoder, &facts, err));
    GP_TRY_GOTO(encode(&r, err));
    if (facts.has_text_tower && gp_encoder_tokenizer(encoder))
        GP_TRY_GOTO(r.paths ? texts_of_files(&r, err) : synthetic_texts(&r, err));
    gp_progress_meter_finish(&r.ticker);
    compute_rates(&counts);
    *report = counts;
out:
    for (size_t i = 0; i < SYNTHETIC; i++) gp_str_clear(&r.synthetic[i]);
    for (size_t i = 0; i < r.path_count; i++) gp_mem_free(r.paths[i]);
    gp_mem_free(r.paths);
    gp_cat_close(r.cat);
    gp_encode_pool_close(r.pool);
    return st;
}
