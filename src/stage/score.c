/* SPDX-License-Identifier: MIT
 * Stage score: computes the embeddings that are missing for this model, then scores every pair that has both.
 *   prompts without embedding -> tokens -> text tower  -> catalog   (each text once, even if several images have it)
 *   images without embedding  -> decode, resize, tower -> catalog   (one transaction per batch)
 *   pairs without score       -> scorers               -> catalog   (those of a batch with its embeddings)
 * One encoding serves all scorers. Scorers that need only images skip the prompts, and also score images without a
 * prompt. If the process is killed, only the batches in progress are lost; the next call reads what is still missing. */
#include "stage/scoring.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "model/scorer.h"
#include "encode/encode.h"
#include "stage/passed.h"
#include "encode/pipeline.h"
#include "stage/encoder_row.h"
#include "stage/frames.h"
#include "stage/stage.h"
#include "text/long_prompt.h"

#define PAGE 4096 /* number of images without an embedding that are read from the catalog at a time */
/* TEXTS_PER_COMMIT: many texts, so that texts of similar length can be encoded together; not too many, so that a killed
 * process loses little. */
#define TEXTS_PER_COMMIT  512
#define SCORES_PER_COMMIT 4096

typedef struct score_run {
    gp_catalog *cat;
    gp_encode_pool *pool;
    int64_t encoder_id;
    gp_scorer *const *scorers; /* [scorer_count] */
    size_t scorer_count;
    float *text; /* [dims] the embedding of one prompt */
    const gp_score_part *part;
    bool retry_failed, keep_frames, guesses;
    int64_t upto;  /* id of the last image to score */
    uint64_t most; /* number of images to score that are left */
    int64_t last;  /* id of the last image that was taken up */
    gp_frames_found frames;
    gp_report *report;
    gp_progress_meter ticker;
    gp_cat_todo page; /* images of the current page */
    size_t page_at;
    int64_t after; /* id of the last image read */
    bool pages_ended;
} score_run;

/* ------------------------------------------------------------------ prompts */

static gp_status score_prompts(score_run *r, const gp_encoder *encoder, gp_error *err)
{
    gp_model_facts facts = {0};
    gp_encoder_facts(encoder, &facts);
    const gp_cat_text_rule rule = {gp_long_prompt_name(gp_encoder_long_prompt(encoder)), facts.context};
    size_t d = gp_encode_pool_dims(r->pool);
    int64_t after = 0;
    for (;;) {
        gp_cat_todo todo = {0};
        float *vectors = NULL; /* [count, d] */
        uint32_t *tokens = NULL;
        bool *truncated = NULL;
        gp_status st = GP_OK;
        GP_TRY_GOTO(gp_cat_prompts_todo(r->cat, r->encoder_id, &rule, after, TEXTS_PER_COMMIT, &todo, err));
        if (todo.count == 0) goto out;
        after = todo.ids[todo.count - 1];
        GP_TRY_GOTO(gp_alloc((void **)&vectors, todo.count * d, sizeof *vectors, "prompt embeddings", err));
        GP_TRY_GOTO(gp_alloc((void **)&tokens, todo.count, sizeof *tokens, "prompt embeddings", err));
        GP_TRY_GOTO(gp_alloc((void **)&truncated, todo.count, sizeof *truncated, "prompt embeddings", err));
        GP_TRY_GOTO(gp_encode_pool_texts(r->pool, (const char *const *)todo.paths, todo.count, vectors, tokens,
                                         truncated, &r->report->text_tower_seconds, err));
        GP_TRY_GOTO(gp_cat_begin(r->cat, err));
        for (size_t i = 0; i < todo.count; i++) {
            GP_TRY_GOTO(gp_cat_prompt_embedding_put(r->cat, todo.ids[i], r->encoder_id, vectors + i * d, (uint32_t)d,
                                                    tokens[i], truncated[i], &rule, err));
        }
        GP_TRY_GOTO(gp_cat_commit(r->cat, err));
        if (!gp_progress_meter_update(&r->ticker, 0, 0)) st = gp_fail(err, GP_ERR_STOPPED, "stopped");
    out:
        if (st != GP_OK) gp_cat_rollback(r->cat);
        bool ended = todo.count == 0;
        gp_mem_free(truncated);
        gp_mem_free(tokens);
        gp_mem_free(vectors);
        gp_cat_todo_clear(&todo);
        if (st != GP_OK || ended) return st;
    }
}

/* ------------------------------------------------------------------ images */

/* Returns the number of images of the page that are left to score. */
static size_t in_range(const score_run *r)
{
    size_t end = r->page_at;
    while (end < r->page.count && r->page.ids[end] <= r->upto) end++;
    size_t left = end - r->page_at;
    return left < r->most ? left : (size_t)r->most;
}

static gp_status next_batch(void *user, void **out, gp_error *err)
{
    score_run *r = user;
    if (r->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (r->page_at == r->page.count && !r->pages_ended) {
        gp_cat_todo_clear(&r->page);
        r->page_at = 0;
        GP_TRY(gp_cat_images_todo(r->cat, r->encoder_id, r->after, PAGE, r->retry_failed, &r->page, err));
        r->pages_ended = r->page.count == 0;
        if (r->page.count) r->after = r->page.ids[r->page.count - 1];
    }
    size_t left = in_range(r);
    if (left == 0) return GP_OK;
    gp_encode_job *job;
    GP_TRY(gp_encode_job_new(r->pool, gp_encode_pool_next(r->pool, left), &job, err));
    for (size_t i = 0; i < job->count; i++) {
        job->pictures[i].id = r->page.ids[r->page_at + i];
        /* The job takes over the path, because the page (a part of the list of images) may be replaced before the job
         * is finished. */
        job->pictures[i].path = r->page.paths[r->page_at + i];
        r->page.paths[r->page_at + i] = NULL;
        job->pictures[i].known = true;
        job->pictures[i].hash = r->page.hashes[r->page_at + i];
    }
    r->page_at += job->count;
    r->most -= job->count;
    r->last = job->pictures[job->count - 1].id;
    *out = job;
    return GP_OK;
}

static void work_batch(void *user, int thread, void *job)
{
    gp_encode_job_run(((score_run *)user)->pool, thread, job);
}

static void drop_batch(void *user, void *data)
{
    (void)user;
    gp_encode_job *job = data;
    for (size_t i = 0; i < job->count; i++) gp_mem_free((void *)(uintptr_t)job->pictures[i].path);
    gp_encode_job_free(job);
}

/* Records a score, and reports it if it is of the first scorer. */
static gp_status put_score(gp_catalog *cat, int64_t image, int64_t prompt, const gp_scorer *scorer, bool first,
                           double score, const gp_score_part *part, gp_error *err)
{
    GP_TRY(gp_cat_score_put(cat, image, prompt, scorer->id, score, err));
    if (first && part->scored) part->scored(part->user, image);
    return GP_OK;
}

/* Scores an image whose embedding has just been computed. */
static gp_status score_new(score_run *r, int64_t image, const float *vector, gp_error *err)
{
    gp_cat_pair pair;
    double score;
    GP_TRY(
        gp_cat_image_pair(r->cat, image, r->encoder_id, r->text, (uint32_t)gp_encode_pool_dims(r->pool), &pair, err));
    if (!pair.candidate) return GP_OK;
    const gp_scorer_batch batch = {.n = 1, .images = vector, .texts = r->text};
    for (size_t i = 0; i < r->scorer_count; i++) {
        const gp_scorer *scorer = r->scorers[i];
        if (scorer->needs == GP_SCORER_NEEDS_PAIR && (!pair.has_vector || (pair.guess && !r->guesses))) continue;
        gp_scorer_run(scorer, &batch, &score);
        GP_TRY(put_score(r->cat, image, pair.prompt, scorer, i == 0, score, r->part, err));
    }
    return GP_OK;
}

static gp_status write_batch(score_run *r, const gp_encode_job *job, gp_error *err)
{
    size_t d = gp_encode_pool_dims(r->pool);
    double start = gp_clock_now();
    GP_TRY(gp_cat_begin(r->cat, err));
    for (size_t i = 0; i < job->count; i++) {
        const gp_encode_item *p = &job->pictures[i];
        if (p->ok) {
            GP_TRY(gp_cat_image_embedding_put(r->cat, p->id, r->encoder_id, job->vectors + i * d, (uint32_t)d, err));
            GP_TRY(gp_cat_failure_clear(r->cat, p->id, "score", err));
            if (p->has_pixels) GP_TRY(gp_cat_pixels_put(r->cat, p->id, &p->pixels, err));
            if (p->measured) GP_TRY(gp_frames_put(r->cat, p->id, &p->quality, r->keep_frames, &r->frames, err));
            GP_TRY(score_new(r, p->id, job->vectors + i * d, err));
        } else {
            GP_TRY(gp_cat_failure_put(r->cat, p->path, 0, 0, p->id, "score", p->message, p->passing, err));
            if (p->changed) GP_TRY(gp_cat_path_doubt(r->cat, p->path, err));
        }
    }
    gp_status st = gp_cat_commit(r->cat, err);
    r->report->write_seconds += gp_clock_now() - start;
    return st;
}

static gp_status take_batch(void *user, void *data, gp_error *err)
{
    score_run *r = user;
    gp_encode_job *job = data;
    gp_status st = gp_encode_job_status(job, r->report->done + r->report->skipped > 0, err);
    if (st == GP_OK) st = write_batch(r, job, err);
    if (st == GP_OK) {
        for (size_t i = 0; i < job->count; i++) {
            if (job->pictures[i].ok)
                r->report->done++;
            else
                r->report->failed++;
        }
        r->report->read_seconds += job->seconds.read;
        r->report->decode_seconds += job->seconds.decode;
        r->report->resize_seconds += job->seconds.resize;
        r->report->image_tower_seconds += job->seconds.tower;
        if (!gp_progress_meter_update(&r->ticker, r->report->done + r->report->failed, r->report->failed))
            st = gp_fail(err, GP_ERR_STOPPED, "stopped");
    } else {
        gp_cat_rollback(r->cat);
    }
    drop_batch(NULL, job);
    return st;
}

static gp_status score_images(score_run *r, gp_error *err)
{
    int threads = gp_encode_pool_threads(r->pool);
    gp_pipeline pipe = {.threads = threads,
                        .window = (size_t)threads * 2,
                        .next = next_batch,
                        .work = work_batch,
                        .take = take_batch,
                        .drop = drop_batch};
    gp_status st = gp_pipeline_run(&pipe, r, err);
    gp_cat_todo_clear(&r->page);
    r->page_at = 0;
    return st;
}

/* ------------------------------------------------------------------ pairs that were embedded before */

typedef struct pair_run {
    gp_catalog *cat;
    const gp_scorer *scorer;
    bool first; /* the scorer is the first of its list */
    const gp_score_part *part;
    uint64_t count;
    gp_status status;
    gp_error error;
} pair_run;

static gp_status put_scores(pair_run *p, const gp_cat_pairs *pairs, gp_error *err)
{
    double scores[GP_CAT_PAIR_PAGE];
    gp_scorer_batch batch = {.n = pairs->count, .images = pairs->image_vectors, .texts = pairs->prompt_vectors};
    gp_scorer_run(p->scorer, &batch, scores);
    for (size_t i = 0; i < pairs->count; i++) {
        GP_TRY(put_score(p->cat, pairs->images[i], pairs->prompts[i], p->scorer, p->first, scores[i], p->part, err));
    }
    p->count += pairs->count;
    if (p->count < SCORES_PER_COMMIT) return GP_OK;
    p->count = 0;
    GP_TRY(gp_cat_commit(p->cat, err));
    return gp_cat_begin(p->cat, err);
}

static bool score_page(void *user, const gp_cat_pairs *pairs)
{
    pair_run *p = user;
    p->status = put_scores(p, pairs, &p->error);
    return p->status == GP_OK;
}

static gp_status score_pairs(const score_run *r, size_t at, gp_error *err)
{
    const gp_scorer *scorer = r->scorers[at];
    const gp_score_part *part = r->part;
    gp_catalog *cat = r->cat;
    pair_run p = {.cat = cat, .scorer = scorer, .first = at == 0, .part = part};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_cat_begin(cat, err));
    GP_TRY_GOTO(gp_cat_pairs_todo_of(cat, scorer->id, r->guesses, part->after, part->upto, score_page, &p, err));
    if (p.status != GP_OK) GP_TRY_GOTO(gp_fail_as(err, p.status, &p.error));
    GP_TRY_GOTO(gp_cat_commit(cat, err));
out:
    if (st != GP_OK) gp_cat_rollback(cat);
    return st;
}

/* ------------------------------------------------------------------ the stage */

/* Records the encoder and a scorer, and marks the scorer as used last. */
static gp_status record_scorer(score_run *r, const gp_encoder *encoder, const char *model_name, const gp_scorer *scorer,
                               gp_error *err)
{
    const gp_cat_encoder by = gp_stage_encoder_row(encoder, model_name);
    if (scorer->needs == GP_SCORER_NEEDS_PIXELS)
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "scorer '%s' needs pixels, but goldpan score supports only scorers that use embeddings",
                       scorer->name);
    GP_TRY(gp_cat_encoder_put(r->cat, &by, &r->encoder_id, err));
    gp_cat_scorer row = {.id = scorer->id,
                         .name = scorer->name,
                         .scale = scorer->scale,
                         .encoder = r->encoder_id,
                         .parameters = scorer->parameters,
                         .needs = gp_scorer_needs_name(scorer->needs),
                         .higher_better = scorer->higher_better};
    return gp_cat_scorer_put(r->cat, &row, err);
}

/* Sends a note about prompts that exceed the model's context. */
static gp_status note_truncated(const score_run *r, const gp_encoder *encoder, const gp_score_options *options,
                                gp_error *err)
{
    static const char *const rest[GP_LONG_PROMPTS] = {
        "the words beyond it do not count in the score (with --long-prompt chunks, all words count)",
        "the words beyond its first 256 parts do not count in the score",
        "only its first sentence counts in the score"};
    uint64_t cut = 0;
    if (!options->note) return GP_OK;
    GP_TRY(gp_cat_prompts_cut(r->cat, r->encoder_id, &cut, err));
    if (cut)
        gp_note_say(options->note, options->note_user, "prompts-cut", cut,
                    "%llu %s longer than the model's context: %s", (unsigned long long)cut,
                    gp_plural(cut, "prompt is", "prompts are"), rest[gp_encoder_long_prompt(encoder)]);
    return GP_OK;
}

struct gp_scoring {
    score_run run;
    const gp_encoder *encoder;
    const gp_score_options *options;
    gp_scorer_list list;
    bool pairs; /* a scorer needs prompts */
};

/* Opens the scorers and records them.  The first scorer is recorded last, so that it counts as the scorer used last. */
static gp_status open_scorers(gp_scoring *s, const char *model_name, gp_error *err)
{
    const gp_score_options *o = s->options;
    GP_TRY(gp_scorer_list_open(o->scorer, o->probes, o->probe_count, s->encoder, model_name, &s->list, err));
    for (size_t i = s->list.count; i-- > 0;) {
        GP_TRY(record_scorer(&s->run, s->encoder, model_name, s->list.items[i], err));
        s->pairs = s->pairs || s->list.items[i]->needs == GP_SCORER_NEEDS_PAIR;
    }
    s->run.scorers = s->list.items, s->run.scorer_count = s->list.count;
    return GP_OK;
}

gp_status gp_scoring_open(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                          const gp_score_options *options, gp_scoring **out, gp_error *err)
{
    gp_status st = GP_OK;
    gp_scoring *s = gp_mem_zero(1, sizeof *s);
    if (!s) return gp_fail_memory(err, "the scorer");
    s->encoder = encoder, s->options = options;
    s->run = (score_run){.cat = cat,
                         .retry_failed = options->retry_failed,
                         .keep_frames = options->keep_frames,
                         .guesses = options->guesses};
    GP_TRY_GOTO(open_scorers(s, model_name, err));
    GP_TRY_GOTO(gp_encode_pool_open(encoder, options->threads, (size_t)(options->batch > 0 ? options->batch : 0),
                                    options->max_pixels, &s->run.pool, err));
    GP_TRY_GOTO(gp_alloc_aligned((void **)&s->run.text, gp_encode_pool_dims(s->run.pool), sizeof(float),
                                 "the embedding of a prompt", err));
    *out = s;
    return GP_OK;
out:
    gp_scoring_close(s);
    return st;
}

void gp_scoring_close(gp_scoring *s)
{
    if (!s) return;
    gp_mem_free(s->run.text);
    gp_encode_pool_close(s->run.pool);
    gp_scorer_list_close(&s->list);
    gp_mem_free(s);
}

const char *gp_scoring_id(const gp_scoring *s)
{
    return s->list.items[0]->id;
}

int64_t gp_scoring_last(const gp_scoring *s)
{
    return s->run.last;
}

int gp_scoring_batch(const gp_scoring *s)
{
    return (int)gp_encode_pool_next(s->run.pool, 4096) * gp_encode_pool_threads(s->run.pool);
}

gp_status gp_scoring_run(gp_scoring *s, const gp_score_part *part, uint64_t todo, gp_report *report, gp_error *err)
{
    score_run *r = &s->run;
    r->after = part->after, r->upto = part->upto, r->most = part->most, r->pages_ended = false;
    r->report = report, r->part = part;
    gp_progress_meter_init(&r->ticker, "score", todo, s->options->progress, s->options->user);
    if (s->pairs) GP_TRY(score_prompts(r, s->encoder, err));
    /* after a stop, first score the images that have been encoded so far */
    gp_status images = score_images(r, err);
    gp_progress_meter_finish(&r->ticker);
    if (images == GP_OK && part->measure && !gp_encoder_preprocess(s->encoder)->fast_decode)
        images = gp_stage_measure(r->cat, s->options, &r->frames, err);
    if (images != GP_OK && images != GP_ERR_STOPPED) return images;
    for (size_t i = 0; i < r->scorer_count; i++) GP_TRY(score_pairs(r, i, err));
    return images;
}

gp_status gp_scoring_tell(const gp_scoring *s, gp_error *err)
{
    if (s->pairs) GP_TRY(note_truncated(&s->run, s->encoder, s->options, err));
    gp_frames_tell(&s->run.frames, s->options);
    return GP_OK;
}

gp_status gp_stage_score(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                         const gp_score_options *options, gp_report *report, gp_error *err)
{
    double start = gp_clock_now();
    gp_report counts = {0};
    gp_scoring *s = NULL;
    const gp_score_part all = {.after = 0, .upto = INT64_MAX, .most = UINT64_MAX, .measure = true};
    uint64_t todo = 0, with_failed = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_scoring_open(cat, encoder, model_name, options, &s, err));
    if (options->keep_frames) GP_TRY_GOTO(gp_cat_frames_keep(cat, &s->run.frames.kept, err));
    GP_TRY_GOTO(gp_cat_images_todo_count(cat, s->run.encoder_id, options->retry_failed, &todo, &counts.skipped, err));
    GP_TRY_GOTO(gp_cat_images_todo_count(cat, s->run.encoder_id, true, &with_failed, &counts.skipped, err));
    gp_status images = gp_scoring_run(s, &all, todo, &counts, err);
    if (images != GP_OK && images != GP_ERR_STOPPED) GP_TRY_GOTO(images);
    GP_TRY_GOTO(gp_scoring_tell(s, err));
    st = images;
    /* the difference is the number of images that failed in an earlier run and were not tried again */
    counts.failed += with_failed - todo;
    (void)gp_cat_without_prompt(cat, &counts.without_prompt, NULL);
out:
    gp_scoring_close(s);
    counts.seconds = gp_clock_now() - start;
    *report = counts;
    return st;
}
