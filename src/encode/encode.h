/* SPDX-License-Identifier: MIT
 * Encoding on several threads: files -> decode -> preprocess -> image tower, and texts -> tokens -> text tower.
 * Each thread does all steps of its own batches, so that no thread waits for another.
 * Memory: threads * (batch * 12 * s * s bytes + memory of a worker), for any number of files. */
#ifndef GP_ENCODE_ENCODE_H
#define GP_ENCODE_ENCODE_H

#include "base/hash.h"
#include "model/encoder.h"

typedef struct gp_encode_seconds {
    double read, decode, resize, tower;
    double tower_work; /* CPU seconds of the tower; `tower` has its wall-clock seconds */
} gp_encode_seconds;

typedef struct gp_encode_pool gp_encode_pool;
/* A pool of threads that encode images and texts. threads: 0: all processors. images: number of images in a batch, at
 * most GP_BATCH_MAX; 0: chosen by the number of tokens of an image. max_pixels: 0: GP_MAX_PIXELS. */
#define GP_BATCH_MAX 64
gp_status gp_encode_pool_open(const gp_encoder *encoder, int threads, size_t images, uint64_t max_pixels,
                              gp_encode_pool **out, gp_error *err);
void gp_encode_pool_close(gp_encode_pool *pool);
/* Connects the pool with a task.  From now on, everything that the pool runs ends with STOPPED soon after the task
 * stops.  The pool adds a unit of work to the task for each text, and for each image of gp_encode_pool_planes. task:
 * borrowed. */
void gp_encode_pool_watch(gp_encode_pool *pool, gp_task *task);
int gp_encode_pool_threads(const gp_encode_pool *pool);
size_t gp_encode_pool_batch(const gp_encode_pool *pool);
/* Returns the size of the next batch if `left` images are left.  Batches shrink near the end, so that all threads
 * finish together. */
size_t gp_encode_pool_next(const gp_encode_pool *pool, size_t left);
size_t gp_encode_pool_tokens(const gp_encode_pool *pool);
size_t gp_encode_pool_dims(const gp_encode_pool *pool);

/* ------------------------------------------------------------------ images */
typedef struct gp_encode_item {
    int64_t id;           /* for the caller */
    const char *path;     /* borrowed; for an image in memory its name, or NULL */
    const uint8_t *bytes; /* borrowed: content of the file, if it is in memory already; else NULL */
    size_t size;          /* bytes of the file: an input if `bytes` is set, else an output */
    gp_source source;     /* borrowed; for GP_SOURCE_PIXELS the given pixels are encoded instead of a file */
    bool known;           /* input: the content of the file must have the hash `hash` */
    gp_hash hash;
    bool leave_own; /* input: do not encode an image that goldpan made; sets `own` instead of `ok` */
    bool ok, own;   /* output: the image was encoded; goldpan made the image */
    /* output: whether `pixels` is set.  False with fast decoding, and for an image that has alpha or animation */
    bool has_pixels;
    gp_hash pixels; /* hash of the decoded pixels */
    bool measured;  /* output: whether `quality` is set; not for a JPEG with fast decoding */
    gp_quality quality;
    char message[400]; /* if not ok: the error of the image */
    gp_status status;  /* status of the image */
    bool passing;      /* if not ok: the error is temporary (gp_error_passes) */
    bool changed;      /* if not ok: the content does not have the hash `hash` */
} gp_encode_item;
typedef struct gp_encode_job {
    size_t count;
    gp_encode_item *pictures; /* [count], count <= batch */
    float *vectors;           /* [count, d]; rows of images that are not ok are zero */
    gp_status status;         /* status of the tower for the batch; an error ends the stage */
    bool overflowed;          /* some embeddings are not finite: their images are not ok, and `error` has the message */
    gp_error error;
    gp_encode_seconds seconds;
} gp_encode_job;
gp_status gp_encode_job_new(const gp_encode_pool *pool, size_t count, gp_encode_job **out, gp_error *err);
void gp_encode_job_free(gp_encode_job *job);
/* Returns the job's status, with its error. any: an earlier job had a finite embedding.  Returns FORMAT if this job has
 * embeddings that are not finite, and neither this job nor an earlier job has a finite embedding.  The model is then
 * damaged, and the other images need not be encoded. */
gp_status gp_encode_job_status(const gp_encode_job *job, bool any, gp_error *err);
/* Runs the job with the worker of thread `thread`.  Two jobs must not use the same worker at the same time. */
void gp_encode_job_run(gp_encode_pool *pool, int thread, gp_encode_job *job);

/* ------------------------------------------------------------------ texts */
/* Encodes texts [n] -> out [n, d]; tokens, truncated [n] may be NULL.  Texts of similar length are packed into one
 * batch without padding. */
gp_status gp_encode_pool_texts(gp_encode_pool *pool, const char *const *texts, size_t n, float *out, uint32_t *tokens,
                               bool *truncated, double *seconds, gp_error *err);

/* Encodes preprocessed images: planes [n,3,s,s] -> out [n,d]. */
gp_status gp_encode_pool_planes(gp_encode_pool *pool, const float *planes, size_t n, float *out, gp_error *err);

#endif
