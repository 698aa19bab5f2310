/* SPDX-License-Identifier: MIT
 * Encodes texts.  With the causal mask, only the tokens up to end-of-text matter.  So texts are not padded to 77
 * tokens, but sorted by length and packed into jobs of about a thousand tokens. */
#include "encode/encode.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/hub.h"
#include "encode/encode_private.h"
#include "encode/pipeline.h"

#include <stdlib.h>
#include <string.h>

typedef struct tokens {
    int32_t *ids;  /* owned: [length] */
    size_t length; /* number of tokens that the tower reads */
    size_t full;   /* number of tokens of the whole text, before truncation */
    size_t row;    /* index of the text in the caller's array */
} tokens;

typedef struct text_job {
    size_t count;
    size_t *index;   /* [count] index of each text in the caller's array */
    size_t *lengths; /* [count] number of tokens of each text that the tower reads */
    int32_t *ids;    /* [sum of lengths] */
    float *vectors;  /* [count, d] */
    gp_status status;
    gp_error error;
    double seconds;
} text_job;
typedef struct text_run {
    gp_encode_pool *pool;
    tokens *sorted; /* [n] sorted by length */
    size_t n, made;
    float *out; /* [n,d] */
    double seconds;
} text_run;

static int by_length(const void *a, const void *b)
{
    const tokens *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void text_job_free(text_job *job)
{
    if (!job) return;
    gp_mem_free(job->vectors);
    gp_mem_free(job->ids);
    gp_mem_free(job->lengths);
    gp_mem_free(job->index);
    gp_mem_free(job);
}

static gp_status text_next(void *user, void **out, gp_error *err)
{
    text_run *r = user;
    if (r->made == r->n) return GP_OK;
    GP_TRY(gp_task_check(gp_encode_pool_task(r->pool), err));
    size_t count = 0, sum = 0, room = gp_encode_pool_tokens(r->pool);
    while (r->made + count < r->n && sum + r->sorted[r->made + count].length <= room)
        sum += r->sorted[r->made + count++].length;
    text_job *job = gp_mem_zero(1, sizeof *job);
    if (job) {
        job->count = count;
        job->index = gp_mem_zero(count, sizeof *job->index);
        job->lengths = gp_mem_zero(count, sizeof *job->lengths);
        job->ids = gp_mem_zero(sum, sizeof *job->ids);
        job->vectors = gp_mem_zero(count * gp_encode_pool_dims(r->pool), sizeof *job->vectors);
    }
    if (!job || !job->index || !job->lengths || !job->ids || !job->vectors) {
        text_job_free(job);
        return gp_fail_memory(err, "a batch of %zu texts", count);
    }
    for (size_t i = 0, at = 0; i < count; i++) {
        const tokens *t = &r->sorted[r->made + i];
        job->index[i] = t->row;
        job->lengths[i] = t->length;
        memcpy(job->ids + at, t->ids, t->length * sizeof *t->ids);
        at += t->length;
    }
    r->made += count;
    *out = job;
    return GP_OK;
}

static void text_work(void *user, int thread, void *data)
{
    text_run *r = user;
    text_job *job = data;
    double start = gp_clock_now();
    job->status = gp_encoder_run_texts(gp_encode_pool_worker(r->pool, thread), job->ids, job->lengths, job->count,
                                       job->vectors, &job->error);
    job->seconds = gp_clock_now() - start;
}

static gp_status text_take(void *user, void *data, gp_error *err)
{
    text_run *r = user;
    text_job *job = data;
    gp_status st = job->status;
    size_t d = gp_encode_pool_dims(r->pool);
    if (st == GP_OK) {
        for (size_t i = 0; i < job->count; i++)
            memcpy(r->out + job->index[i] * d, job->vectors + i * d, d * sizeof(float));
        r->seconds += job->seconds;
        gp_task_add(gp_encode_pool_task(r->pool), job->count);
    } else {
        gp_fail_as(err, st, &job->error);
    }
    text_job_free(job);
    return st;
}

static void text_drop(void *user, void *job)
{
    (void)user;
    text_job_free(job);
}

static gp_status no_tokenizer(const gp_encoder *encoder, gp_error *err)
{
    const char *files = gp_encoder_tokenizer_kind(encoder)->files;
    const char *folder = gp_encoder_folder(encoder);
    char name[200];
    if (gp_hub_name_of(folder, name, sizeof name))
        return gp_fail(err, GP_ERR_NOT_FOUND,
                       "model '%s' is incomplete on this machine: it has no tokenizer (%s); complete it with: goldpan "
                       "model get %s",
                       name, files, name);
    return gp_fail_path(err, GP_ERR_NOT_FOUND, "the model folder '%s' has no tokenizer (%s)", folder, files);
}

/* Tokenises the texts.  Keeps only the tokens of each text up to the pooled token, because the embedding is computed
 * from the output of this token. */
static gp_status tokenise(const gp_encode_pool *pool, const char *const *texts, size_t n, size_t context, tokens *out,
                          gp_error *err)
{
    const gp_encoder *encoder = gp_encode_pool_encoder(pool);
    const gp_tokenizer *tokenizer = gp_encoder_tokenizer(encoder);
    if (!tokenizer) return no_tokenizer(encoder, err);
    int32_t *ids = NULL; /* [context] */
    gp_status st = gp_alloc((void **)&ids, context, sizeof *ids, "token ids", err);
    for (size_t i = 0; i < n && st == GP_OK; i++) {
        tokens *t = &out[i];
        t->row = i;
        GP_TRY_GOTO(gp_task_check(gp_encode_pool_task(pool), err));
        GP_TRY_GOTO(
            gp_tokenizer_encode_cut(tokenizer, texts[i], strlen(texts[i]), context, ids, &t->length, &t->full, err));
        t->length = gp_encoder_tokens_used(encoder, ids, t->length);
        GP_TRY_GOTO(gp_alloc((void **)&t->ids, t->length, sizeof *t->ids, "token ids", err));
        memcpy(t->ids, ids, t->length * sizeof *ids);
    }
out:
    gp_mem_free(ids);
    return st;
}

gp_status gp_encode_pool_texts(gp_encode_pool *e, const char *const *texts, size_t n, float *out, uint32_t *counts,
                               bool *truncated, double *seconds, gp_error *err)
{
    const gp_encoder *encoder = gp_encode_pool_encoder(e);
    gp_model_facts facts = {0};
    gp_encoder_facts(encoder, &facts);
    if (!facts.has_text_tower) return gp_fail(err, GP_ERR_UNSUPPORTED, "the model has no text tower");
    gp_status st = GP_OK;
    text_run run = {.pool = e, .n = n, .out = out};
    run.sorted = gp_mem_zero(n, sizeof *run.sorted);
    if (!run.sorted) return gp_fail_memory(err, "%zu texts", n);
    GP_TRY_GOTO(tokenise(e, texts, n, facts.context, run.sorted, err));
    for (size_t i = 0; i < n; i++) {
        if (counts) counts[i] = (uint32_t)run.sorted[i].full;
        if (truncated) truncated[i] = run.sorted[i].full > facts.context;
    }
    qsort(run.sorted, n, sizeof *run.sorted, by_length);
    int threads = gp_encode_pool_threads(e);
    gp_pipeline pipe = {.threads = threads,
                        .window = (size_t)threads * 2,
                        .next = text_next,
                        .work = text_work,
                        .take = text_take,
                        .drop = text_drop};
    st = gp_pipeline_run(&pipe, &run, err);
    if (seconds) *seconds += run.seconds;
out:
    for (size_t i = 0; i < n; i++) gp_mem_free(run.sorted[i].ids);
    gp_mem_free(run.sorted);
    return st;
}
