/* SPDX-License-Identifier: MIT
 * Encoding on several threads: files -> decode -> preprocess -> image tower, and texts -> tokens -> text tower.
 * Parallel over images: each thread does all the steps of a batch of its own, so that no core waits for another.
 * Memory: threads * (batch * 12 * s * s bytes + a tower's worker), whatever the number of files. */
#ifndef GP_ENCODE_ENCODE_H
#define GP_ENCODE_ENCODE_H

#include "base/hash.h"
#include "model/encoder.h"

typedef struct gp_encode_seconds {
    double read, decode, resize, tower;
    double tower_work; /* of the tower: the processor's own time */
} gp_encode_seconds;

typedef struct gp_encode_pool gp_encode_pool;
/* threads 0: all processors.  images: pictures a thread encodes at once, 0: chosen by the model, capped at
 * GP_BATCH_MAX. tokens: text tokens at once, 0: chosen. */
#define GP_BATCH_MAX 64
gp_status gp_encode_pool_open(const gp_encoder *encoder, int threads, size_t images, uint64_t max_pixels,
                              gp_encode_pool **out, gp_error *err);
void gp_encode_pool_close(gp_encode_pool *pool);
int gp_encode_pool_threads(const gp_encode_pool *pool);
size_t gp_encode_pool_batch(const gp_encode_pool *pool);
/* How many images the next batch should have when so many are left: fewer towards the end, so that all threads come to
 * it together. */
size_t gp_encode_pool_next(const gp_encode_pool *pool, size_t left);
size_t gp_encode_pool_tokens(const gp_encode_pool *pool);
size_t gp_encode_pool_dims(const gp_encode_pool *pool);

/* ------------------------------------------------------------------ pictures */
typedef struct gp_encode_item {
    int64_t id;           /* the caller's */
    const char *path;     /* borrowed from the caller; of an image in memory its name, or NULL */
    const uint8_t *bytes; /* the file's, borrowed, where it is in memory already; else NULL */
    size_t size;          /* of the file: known beforehand with bytes, else afterwards */
    gp_source source;     /* of kind PIXELS: its pixels are encoded instead of a file; borrowed */
    bool known;           /* the file's content must be this: */
    gp_hash hash;
    bool leave_own; /* an image that goldpan made is not encoded, but `own` is set and `ok` is not */
    bool ok, own;
    bool has_pixels; /* the whole file was decoded, and its image is only the pixels with this hash: */
    gp_hash pixels;
    bool measured; /* `quality` is set; false for a JPEG decoded at reduced size */
    gp_quality quality;
    char message[400]; /* what was wrong with the image, when not ok */
    gp_status status;  /* the same as a status */
    bool passing;      /* when not ok: a temporary error (gp_error_passes) */
    bool changed;      /* when not ok: the content differs from `hash` */
} gp_encode_item;
typedef struct gp_encode_job {
    size_t count;
    gp_encode_item *pictures; /* [count], count <= batch */
    float *vectors;           /* [count, d]; rows of pictures that are not ok are zero */
    gp_status status;         /* of the tower: not OK ends the stage */
    bool overflowed; /* some embeddings are not finite: their pictures are not ok, and `error` names the model */
    gp_error error;
    gp_encode_seconds seconds;
} gp_encode_job;
gp_status gp_encode_job_new(const gp_encode_pool *pool, size_t count, gp_encode_job **out, gp_error *err);
void gp_encode_job_free(gp_encode_job *job);
/* Returns the job's status, with its error.  FORMAT also if the job has no finite embedding and `any` is false: a model
 * that has given none so far is damaged, and the other pictures need not be tried. */
gp_status gp_encode_job_status(const gp_encode_job *job, bool any, gp_error *err);
/* Thread `thread` of the encoder does the job. */
void gp_encode_job_run(gp_encode_pool *pool, int thread, gp_encode_job *job);

/* ------------------------------------------------------------------ texts */
/* Encode texts [n] -> out [n, d]; tokens, truncated [n] may be NULL.  Sorted by length and packed; order is kept. */
gp_status gp_encode_pool_texts(gp_encode_pool *pool, const char *const *texts, size_t n, float *out, uint32_t *tokens,
                               bool *truncated, double *seconds, gp_error *err);

/* Planes that are already prepared: [n,3,s,s] -> out [n,d]. */
gp_status gp_encode_pool_planes(gp_encode_pool *pool, const float *planes, size_t n, float *out, gp_error *err);

#endif
