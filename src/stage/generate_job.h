/* SPDX-License-Identifier: MIT
 * Private to stage: one picture, from its row of the plan to its row of the catalog. */
#ifndef GP_STAGE_GENERATE_JOB_H
#define GP_STAGE_GENERATE_JOB_H

#include "catalog/generations.h"
#include "generate/generate.h"
#include "image/image.h"

typedef struct gp_generate_job {
    int64_t id;                                     /* of the row */
    char *key, *prompt, *negative, *settings_asked; /* owned */
    char *workflow;                                 /* owned: graph of this image alone, or NULL */
    bool hopeless;                                  /* the image cannot be requested: `message` says why */
    char *columns;                                  /* owned: other columns of the table, or NULL */
    uint32_t number;
    bool has_seed;
    uint64_t seed;
    char *path; /* owned: path of the file, without extension until its format is known */
    bool found; /* a complete file was on disk before */
    gp_gen_outcome outcome;
    char message[400];
    gp_error error; /* MEMORY, STOPPED: the run ends */
    gp_image_info head;
    gp_hash hash, stream; /* hashes of the file's bytes and of its compressed pixels */
    bool has_stream;
    uint64_t size;
    int64_t mtime_ns;
    char *settings;                  /* owned: what the catalog keeps, one JSON object */
    char *own_negative;              /* owned: negative prompt that only the generator's graph has, or NULL */
    uint32_t index;                  /* place of the image in its batch, from 1; 0: the batch is one image */
    struct gp_generate_job **extras; /* owned: the other images of its batch [extra_count] */
    size_t extra_count;
} gp_generate_job;
void gp_generate_job_free(gp_generate_job *p);
/* Writes the key of the second (index 2) or a later image of a batch. */
void gp_generate_job_extra_key(const char *key, uint32_t index, char hex[33]);
/* A job from a row of the plan: texts copied, path made (without extension). */
gp_status gp_generate_job_new(const gp_cat_generation *g, int64_t id, const char *folder, gp_generate_job **out,
                              gp_error *err);
/* Looks for the image's file, which may be there if an earlier run was killed.  If the file is complete, sets `found`
 * and the same fields as gp_generate_job_run. */
gp_status gp_generate_job_look(gp_generate_job *p, uint64_t max_pixels, gp_error *err);
/* Generates the image in at most `tries` attempts and writes it to the disk. */
void gp_generate_job_run(gp_generate_job *p, gp_gen_backend *backend, unsigned tries, uint64_t max_pixels);

#endif
