/* SPDX-License-Identifier: MIT
 * Encodes texts.  With the causal mask, only the tokens up to end-of-text matter.  So texts are not padded to 77
 * tokens, but sorted by length and packed into jobs of about a thousand tokens.  A text that is longer than the context
 * may have several parts (text/long_prompt.h); memory: one embedding for each part of the call's texts. */
#include "encode/encode.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/hub.h"
#include "encode/encode_private.h"
#include "encode/pipeline.h"
#include "text/long_prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A part of a text, see text/long_prompt.h. */
typedef struct tokens {
    int32_t *ids;   /* owned: [length] */
    size_t length;  /* number of tokens that the tower reads */
    size_t content; /* number of tokens of the part without special tokens */
    size_t row;     /* index of the part: the parts of a text follow each other */
    bool first;     /* the part is the first of its text; progress counts these */
} tokens;

typedef struct text_parts {
    tokens *items; /* owned: [count], in the order of the texts */
    size_t count, room;
} text_parts;

typedef struct text_job {
    size_t count, firsts;
    size_t *index;   /* [count] index of each part */
    size_t *lengths; /* [count] number of tokens of each part that the tower reads */
    int32_t *ids;    /* [sum of lengths] */
    float *vectors;  /* [count, d] */
    gp_status status;
    gp_error error;
    double seconds;
} text_job;
typedef struct text_run {
    gp_encode_pool *pool;
    tokens *sorted; /* [n] parts, sorted by length */
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
        job->firsts += t->first;
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
        gp_task_add(gp_encode_pool_task(r->pool), job->firsts);
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

static gp_status add_tokens(const gp_encoder *encoder, const gp_token_part *part, bool first, text_parts *out,
                            gp_error *err)
{
    if (out->count == out->room) {
        size_t room = out->room ? out->room + out->room / 2 : 64;
        tokens *grown = gp_mem_resize(out->items, room, sizeof *grown);
        if (!grown) return gp_fail_memory(err, "%zu texts", room);
        out->items = grown, out->room = room;
    }
    tokens *t = &out->items[out->count];
    *t = (tokens){.row = out->count, .content = part->content, .first = first};
    t->length = gp_encoder_tokens_used(encoder, part->ids, part->count);
    GP_TRY(gp_alloc((void **)&t->ids, t->length, sizeof *t->ids, "token ids", err));
    memcpy(t->ids, part->ids, t->length * sizeof *t->ids);
    out->count++;
    return GP_OK;
}

/* Tokenises the texts and divides them into parts.  Keeps only the tokens of each part up to the pooled token, because
 * the embedding is computed from the output of this token.  first [n + 1]: index of the first part of each text, and
 * the number of all parts. */
static gp_status tokenise(const gp_encode_pool *pool, const char *const *texts, size_t n, size_t context,
                          text_parts *out, size_t *first, uint32_t *counts, bool *truncated, gp_error *err)
{
    const gp_encoder *encoder = gp_encode_pool_encoder(pool);
    const gp_tokenizer *tokenizer = gp_encoder_tokenizer(encoder);
    const gp_long_prompt rule = gp_encoder_long_prompt(encoder);
    if (!tokenizer) return no_tokenizer(encoder, err);
    for (size_t i = 0; i < n; i++) {
        gp_token_parts parts = {0};
        first[i] = out->count;
        GP_TRY(gp_task_check(gp_encode_pool_task(pool), err));
        gp_status st = gp_token_parts_make(tokenizer, rule, texts[i], strlen(texts[i]), context, &parts, err);
        for (size_t k = 0; k < parts.count && st == GP_OK; k++)
            st = add_tokens(encoder, &parts.items[k], k == 0, out, err);
        if (counts) counts[i] = (uint32_t)parts.full;
        if (truncated) truncated[i] = parts.cut;
        gp_token_parts_clear(&parts);
        GP_TRY(st);
    }
    first[n] = out->count;
    return GP_OK;
}

/* ------------------------------------------------------------------ embeddings of texts from those of parts */

/* Returns the number of content tokens of each part, in the order of the parts.  The caller frees it. */
static gp_status part_weights(const text_parts *parts, double **out, gp_error *err)
{
    GP_TRY(gp_alloc((void **)out, parts->count, sizeof **out, "embeddings of parts", err));
    for (size_t i = 0; i < parts->count; i++) (*out)[i] = (double)parts->items[i].content;
    return GP_OK;
}

/* Writes the normalised weighted mean of the parts [count, d] to out [d].  sum [d]: scratch. */
static void join_parts(const float *parts, const double *weights, size_t count, size_t d, double *sum, float *out)
{
    double length = 0;
    for (size_t j = 0; j < d; j++) sum[j] = 0;
    for (size_t k = 0; k < count; k++)
        for (size_t j = 0; j < d; j++) sum[j] += weights[k] * (double)parts[k * d + j];
    for (size_t j = 0; j < d; j++) length += sum[j] * sum[j];
    length = sqrt(length);
    /* the embeddings of two parts could cancel each other: then the text has the embedding of its first part */
    for (size_t j = 0; j < d; j++) out[j] = length > 0 ? (float)(sum[j] / length) : parts[j];
}

/* vectors [first[n], d]: the embeddings of the parts; out [n, d]. */
static gp_status join_texts(const float *vectors, const double *weights, const size_t *first, size_t n, size_t d,
                            float *out, gp_error *err)
{
    double *sum = NULL;
    GP_TRY(gp_alloc((void **)&sum, d, sizeof *sum, "embeddings of parts", err));
    for (size_t i = 0; i < n; i++) {
        size_t count = first[i + 1] - first[i];
        const float *parts = vectors + first[i] * d;
        if (count == 1)
            memcpy(out + i * d, parts, d * sizeof *out);
        else
            join_parts(parts, weights + first[i], count, d, sum, out + i * d);
    }
    gp_mem_free(sum);
    return GP_OK;
}

static gp_status run_parts(text_run *run, gp_error *err)
{
    int threads = gp_encode_pool_threads(run->pool);
    gp_pipeline pipe = {.threads = threads,
                        .window = (size_t)threads * 2,
                        .next = text_next,
                        .work = text_work,
                        .take = text_take,
                        .drop = text_drop};
    if (run->n) qsort(run->sorted, run->n, sizeof *run->sorted, by_length);
    return gp_pipeline_run(&pipe, run, err);
}

gp_status gp_encode_pool_texts(gp_encode_pool *e, const char *const *texts, size_t n, float *out, uint32_t *counts,
                               bool *truncated, double *seconds, gp_error *err)
{
    gp_model_facts facts = {0};
    gp_encoder_facts(gp_encode_pool_encoder(e), &facts);
    if (!facts.has_text_tower) return gp_fail(err, GP_ERR_UNSUPPORTED, "the model has no text tower");
    gp_status st = GP_OK;
    const size_t d = gp_encode_pool_dims(e);
    text_parts parts = {0};
    size_t *first = NULL;   /* [n + 1] */
    float *vectors = NULL;  /* [parts, d]; NULL: each text has one part, so `out` is used */
    double *weights = NULL; /* [parts] */
    text_run run = {.pool = e, .out = out};
    GP_TRY_GOTO(gp_alloc((void **)&first, n + 1, sizeof *first, "texts", err));
    GP_TRY_GOTO(tokenise(e, texts, n, facts.context, &parts, first, counts, truncated, err));
    if (parts.count > n) {
        size_t values = 0;
        if (!gp_size_mul(parts.count, d, &values)) GP_TRY_GOTO(gp_fail_memory(err, "embeddings of parts"));
        GP_TRY_GOTO(gp_alloc((void **)&vectors, values, sizeof *vectors, "embeddings of parts", err));
        GP_TRY_GOTO(part_weights(&parts, &weights, err));
        run.out = vectors;
    }
    run.sorted = parts.items, run.n = parts.count;
    GP_TRY_GOTO(run_parts(&run, err));
    if (vectors) GP_TRY_GOTO(join_texts(vectors, weights, first, n, d, out, err));
    if (seconds) *seconds += run.seconds;
out:
    for (size_t i = 0; i < parts.count; i++) gp_mem_free(parts.items[i].ids);
    gp_mem_free(parts.items);
    gp_mem_free(weights);
    gp_mem_free(vectors);
    gp_mem_free(first);
    return st;
}
