/* SPDX-License-Identifier: MIT
 * Requests the planned images, writes them to the catalog and scores them, in rounds if --adaptive.
 *
 * The calling thread hands out rows and writes results. Each worker thread has its own connection to the generator.
 * Another thread scores finished images through its own catalog handle. A row becomes `submitted` before its image is
 * requested, and `got` after its file is complete on disk (generate_job.c). So if the process is killed, at most the
 * images in progress are lost. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "encode/pipeline.h"
#include "pick/adaptive.h"
#include "generation/generate_private.h"
#include "metadata/meta.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STRENGTH_TABLE = 3,
    MAX_TIMES = 3, /* adaptive: maximum images per prompt, as a multiple of per_prompt */
    WINDOW_PER_WORKER = 4,
    MAX_SAME_ERRORS = 5
};

/* ------------------------------------------------------------------ generating */

typedef struct job_source {
    gp_generation *m;
    int64_t id;
    gp_generate_job *picture;
} job_source;

static gp_status make_job(void *user, const gp_cat_generation *g, gp_error *err)
{
    job_source *o = user;
    return gp_generate_job_new(g, o->id, o->m->folder, &o->picture, err);
}

/* Reads the graph from the file of a ComfyUI image that is generated again. Without a graph the image fails. */
static gp_status find_graph(gp_generation *m, gp_generate_job *p, gp_error *err)
{
    gp_json *columns = NULL;
    gp_error why = {0};
    if (m->workflow || !p->columns || !gp_gen_can(m->backends[0], GP_GEN_GRAPH)) return GP_OK;
    GP_TRY(gp_json_parse(p->columns, strlen(p->columns), false, 64, &columns, err));
    const char *path = gp_json_text(gp_json_get(columns, "regenerated_from"), NULL);
    gp_status st = path ? gp_generation_graph_of(path, &p->workflow, &why) : GP_OK;
    gp_json_free(columns);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (p->workflow) return GP_OK;
    p->hopeless = true, p->outcome = GP_GEN_FAILED;
    snprintf(p->message, sizeof p->message, "%.340s; or give --workflow FILE",
             path ? why.message : "the plan does not name the image that holds the graph");
    return GP_OK;
}

static gp_status next_job(void *user, void **job, gp_error *err)
{
    gp_generation *m = user;
    if (atomic_load(&m->stop)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (m->todo_next == m->todo_count) return GP_OK;
    if (m->given_up) {
        m->counts->untried += m->todo_count - m->todo_next;
        m->todo_next = m->todo_count;
        return GP_OK;
    }
    job_source o = {m, m->todo[m->todo_next++], NULL};
    GP_TRY(gp_cat_generation_get(m->cat, o.id, make_job, &o, err));
    gp_status st = gp_generate_job_look(o.picture, m->o->max_pixels, err);
    if (st == GP_OK && m->o->again && !o.picture->found) st = find_graph(m, o.picture, err);
    if (st == GP_OK && !o.picture->found)
        st = gp_cat_generation_set(m->cat, o.id, GP_CAT_SUBMITTED, NULL, 0, NULL, err);
    if (st != GP_OK) {
        gp_generate_job_free(o.picture);
        return st;
    }
    *job = o.picture;
    return GP_OK;
}

static void run_job(void *user, int thread, void *job)
{
    gp_generation *m = user;
    gp_generate_job *p = job;
    if (atomic_load(&m->stop))
        gp_fail(&p->error, GP_ERR_STOPPED, "stopped");
    else if (!p->found && !p->hopeless)
        gp_generate_job_run(p, m->backends[thread], m->o->tries, m->o->max_pixels);
}

/* Adds one new image to the catalog. */
static gp_status put_image(gp_generation *m, const gp_generate_job *p, int64_t id, gp_error *err)
{
    int64_t image = 0;
    bool inserted;
    gp_str source = GP_STR_INIT;
    gp_status st = GP_OK;
    gp_cat_image row = {.hash = p->hash,
                        .bytes = p->size,
                        .format = gp_image_format_name(p->head.format),
                        .width = p->head.width,
                        .height = p->head.height,
                        .orientation = p->head.orientation,
                        .stream = p->has_stream ? &p->stream : NULL,
                        .readers = GP_META_READERS};
    gp_str_printf(&source, "generated: %s", gp_gen_protocol(m->backends[0]));
    if (source.failed) return gp_fail_memory(err, "an image");
    gp_cat_prompt prompt = {.text = m->more ? m->more->prompt : p->prompt,
                            .raw = p->prompt,
                            .negative = p->negative ? p->negative : p->own_negative,
                            .source = source.data,
                            .strength = STRENGTH_TABLE,
                            .settings_json = p->settings};
    GP_TRY_GOTO(gp_cat_image_put(m->cat, &row, p->path, p->size, p->mtime_ns, &image, &inserted, err));
    if (!inserted && !p->found) m->same++;
    GP_TRY_GOTO(gp_cat_prompt_put(m->cat, image, &prompt, NULL, err));
    GP_TRY_GOTO(gp_cat_generation_set(m->cat, id, GP_CAT_GOT, p->path, image, NULL, err));
out:
    gp_str_clear(&source);
    return st;
}

/* Adds the second or a later image of a batch, with its own row in the plan. */
static gp_status put_extra(gp_generation *m, const gp_generate_job *p, gp_error *err)
{
    int64_t id;
    gp_cat_gen_state state;
    gp_cat_generation g = {.key = p->key,
                           .prompt = p->prompt,
                           .negative = p->negative,
                           .number = p->number,
                           .has_seed = p->has_seed,
                           .seed = p->seed & INT64_MAX,
                           .protocol = gp_gen_protocol(m->backends[0]),
                           .settings = p->settings_asked,
                           .extras = p->columns};
    GP_TRY(gp_cat_generation_put(m->cat, &g, &id, &state, err));
    return put_image(m, p, id, err);
}

/* Adds all images of a batch in one transaction. */
static gp_status put_batch(gp_generation *m, const gp_generate_job *p, gp_error *err)
{
    gp_status st = GP_OK;
    GP_TRY(gp_cat_begin(m->cat, err));
    for (size_t i = 0; i < p->extra_count; i++) GP_TRY_GOTO(put_extra(m, p->extras[i], err));
    GP_TRY_GOTO(put_image(m, p, p->id, err));
    GP_TRY_GOTO(gp_cat_commit(m->cat, err));
out:
    if (st != GP_OK) gp_cat_rollback(m->cat);
    return st;
}

/* If the first images all fail for the same reason, stops requesting images, because the other images would fail
 * too. */
static void watch_failures(gp_generation *m, const gp_generate_job *p)
{
    if (p->outcome == GP_GEN_DONE || p->outcome == GP_GEN_REFUSED) {
        m->same_errors = UINT32_MAX;
        return;
    }
    if (m->same_errors == UINT32_MAX) return;
    if (m->same_errors && strcmp(m->first_message, p->message) != 0) {
        m->same_errors = UINT32_MAX;
        return;
    }
    snprintf(m->first_message, sizeof m->first_message, "%s", p->message);
    m->given_up = ++m->same_errors >= MAX_SAME_ERRORS;
}

static gp_status take_job(void *user, void *job, gp_error *err)
{
    gp_generation *m = user;
    gp_generate_job *p = job;
    gp_status st = GP_OK;
    if (p->error.status == GP_ERR_STOPPED) {
        /* report the image's last error, because the user may have stopped the run because of it */
        if (*p->message) snprintf(m->counts->why, sizeof m->counts->why, "%s", p->message);
        GP_TRY_GOTO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
    }
    if (p->error.status != GP_OK) GP_TRY_GOTO(gp_fail_as(err, p->error.status, &p->error));
    pthread_mutex_lock(&m->report_mutex);
    m->finished++;
    pthread_mutex_unlock(&m->report_mutex);
    if (!p->found) watch_failures(m, p);
    if (p->outcome == GP_GEN_DONE) {
        GP_TRY_GOTO(put_batch(m, p, err));
        for (size_t i = 0; i <= p->extra_count; i++)
            gp_generation_count(m, p->found ? &m->counts->had : &m->counts->got);
        m->counts->planned += p->extra_count;
        pthread_mutex_lock(&m->mutex);
        m->unscored++;
        pthread_cond_signal(&m->news);
        pthread_mutex_unlock(&m->mutex);
    } else {
        bool refused = p->outcome == GP_GEN_REFUSED, stopped = p->outcome == GP_GEN_STOPPED;
        gp_cat_gen_state state = refused ? GP_CAT_REFUSED : stopped ? GP_CAT_INTERRUPTED : GP_CAT_FAILED;
        GP_TRY_GOTO(gp_cat_generation_set(m->cat, p->id, state, NULL, 0, p->message, err));
        snprintf(m->counts->why, sizeof m->counts->why, "%s", p->message);
        gp_generation_count(m, refused ? &m->counts->refused : stopped ? &m->counts->interrupted : &m->counts->failed);
    }
    if (!gp_generation_go_on(m)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
out:
    gp_generate_job_free(p);
    return st;
}

static void drop_job(void *user, void *job)
{
    (void)user;
    gp_generate_job_free(job);
}

/* ------------------------------------------------------------------ scoring during the run */

static bool on_score_progress(void *user, const gp_progress *progress)
{
    gp_generation *m = user;
    (void)progress;
    return !atomic_load(&m->stop);
}

static gp_status score_new(gp_generation *m, gp_catalog *cat, gp_error *err)
{
    gp_score_options score = GP_SCORE_DEFAULTS;
    gp_report report = {0};
    score.threads = m->o->threads, score.max_pixels = m->o->max_pixels;
    score.progress = on_score_progress, score.user = m;
    gp_status st = gp_stage_score(cat, m->encoder, m->model_name, &score, &report, err);
    pthread_mutex_lock(&m->report_mutex);
    m->counts->scored += report.done;
    pthread_mutex_unlock(&m->report_mutex);
    return st == GP_ERR_STOPPED ? GP_OK : st; /* a stop is no error here, because the pipeline reports the stop */
}

static void score_thread(void *user, int index)
{
    gp_generation *m = user;
    gp_catalog *cat = NULL;
    (void)index;
    gp_status st = gp_cat_open(gp_cat_path(m->cat), 0, &cat, &m->score_error);
    while (st == GP_OK) {
        pthread_mutex_lock(&m->mutex);
        while (!m->unscored && !m->ended) pthread_cond_wait(&m->news, &m->mutex);
        bool last = m->ended && !m->unscored;
        m->unscored = 0;
        pthread_mutex_unlock(&m->mutex);
        if (last) break;
        st = score_new(m, cat, &m->score_error);
    }
    m->score_status = st;
    if (st != GP_OK) atomic_store(&m->stop, true); /* the caller asked for scores, so the run ends if scoring fails */
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ rounds */

static gp_status run_round(gp_generation *m, gp_error *err)
{
    gp_threads *scorer = NULL;
    gp_pipeline pipe = {.threads = m->workers,
                        .window = (size_t)m->workers *
                                  /* jobs in the pipeline for each worker: more than one, so that one slow image does
                                   * not delay the others */
                                  WINDOW_PER_WORKER,
                        .next = next_job,
                        .work = run_job,
                        .take = take_job,
                        .drop = drop_job};
    m->ended = false,
    m->unscored = m->encoder != NULL; /* also scores images that an earlier run left without a score */
    if (m->encoder) GP_TRY(gp_threads_start(1, score_thread, m, &scorer, err));
    gp_status st = gp_pipeline_run(&pipe, m, err);
    pthread_mutex_lock(&m->mutex);
    m->ended = true;
    pthread_cond_signal(&m->news);
    pthread_mutex_unlock(&m->mutex);
    gp_threads_join(scorer);
    if ((st == GP_OK || st == GP_ERR_STOPPED) && m->score_status != GP_OK)
        st = gp_fail_as(err, m->score_status, &m->score_error);
    m->counts->rounds++;
    return st;
}

/* Reads the scores so far and decides how many more images of each prompt to generate. *more: total number. */
static gp_status choose(gp_generation *m, uint32_t *wanted, uint64_t *more, gp_error *err)
{
    size_t n = m->subject_count, at = 0, pictures = 0;
    double *scores = NULL;
    const double **values = NULL;
    uint32_t *counts = NULL;
    gp_status st = GP_OK;
    gp_adaptive a = {.min_gain = m->o->min_gain, .least = m->o->per_prompt < 2 ? m->o->per_prompt : 2};
    a.most = m->o->per_prompt * MAX_TIMES;
    for (size_t i = 0; i < n; i++) pictures += m->subjects[i].count;
    GP_TRY_GOTO(gp_alloc((void **)&scores, pictures, sizeof *scores, "the generation plan", err));
    GP_TRY_GOTO(gp_alloc((void **)&values, n, sizeof *values, "the generation plan", err));
    GP_TRY_GOTO(gp_alloc((void **)&counts, n, sizeof *counts, "the generation plan", err));
    for (size_t i = 0; i < n; i++) {
        gp_subject *s = &m->subjects[i];
        GP_TRY_GOTO(gp_cat_generation_scores(m->cat, s->ids, s->count, scores + at, err));
        values[i] = scores + at, counts[i] = s->count, at += s->count;
    }
    uint64_t most = (uint64_t)m->o->per_prompt * n;
    GP_TRY_GOTO(gp_adaptive_choose(&a, values, counts, n, most > pictures ? most - pictures : 0, wanted, err));
    *more = 0;
    for (size_t i = 0; i < n; i++) *more += wanted[i];
out:
    gp_mem_free(counts);
    gp_mem_free(values);
    gp_mem_free(scores);
    return st;
}

gp_status gp_generation_run(gp_generation *m, gp_error *err)
{
    uint32_t *wanted = NULL;
    uint64_t more = 1;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&wanted, m->subject_count, sizeof *wanted, "the generation plan", err));
    for (size_t i = 0; i < m->subject_count; i++) wanted[i] = m->o->per_prompt;
    if (m->o->adaptive) GP_TRY_GOTO(choose(m, wanted, &more, err));
    while (more && !m->given_up) {
        GP_TRY_GOTO(gp_generation_plan(m, wanted, err));
        GP_TRY_GOTO(run_round(m, err));
        more = 0;
        if (m->o->adaptive) GP_TRY_GOTO(choose(m, wanted, &more, err));
    }
out:
    gp_mem_free(wanted);
    return st;
}
