/* SPDX-License-Identifier: MIT
 * Private to generation: one image, from its row of the plan to its row in the catalog. */
#ifndef GP_STAGE_GENERATE_JOB_H
#define GP_STAGE_GENERATE_JOB_H

#include "catalog/generations.h"
#include "generate/generate.h"
#include "image/image.h"

typedef struct gp_generate_job {
    int64_t id;                                     /* of the row in the plan */
    char *key, *prompt, *negative, *settings_asked; /* owned */
    char *workflow;                                 /* owned: ComfyUI graph for this image only; or NULL */
    bool hopeless;                                  /* the image cannot be requested; `message` says why */
    char *columns;                                  /* owned: other columns of the prompt table; or NULL */
    uint32_t number;
    bool has_seed;
    uint64_t seed;
    char *path; /* owned: path of the file, without extension until its format is known */
    bool found; /* true: the complete file existed before this run */
    gp_gen_outcome outcome;
    char message[400];
    gp_error error; /* MEMORY or STOPPED: ends the run */
    gp_image_info head;
    gp_hash hash, stream; /* hash: hash of the file's bytes; stream: hash of the file's compressed pixels */
    bool has_stream;
    uint64_t size;
    int64_t mtime_ns;
    char *settings;                  /* owned: the settings for the catalog, one JSON object */
    char *own_negative;              /* owned: negative prompt found only in the generator's graph; or NULL */
    uint32_t index;                  /* position of the image in its batch, from 1; 0: the batch has one image */
    struct gp_generate_job **extras; /* owned: the other images of its batch [extra_count] */
    size_t extra_count;
} gp_generate_job;
void gp_generate_job_free(gp_generate_job *p);
/* Writes the key of the second (index 2) or a later image of a batch. */
void gp_generate_job_extra_key(const char *key, uint32_t index, char hex[33]);
/* Creates a job from a row of the plan. It copies the texts and makes the path, without extension. */
gp_status gp_generate_job_new(const gp_cat_generation *g, int64_t id, const char *folder, gp_generate_job **out,
                              gp_error *err);
/* Looks for the image's file, which may exist if an earlier run was killed. If the file is complete, sets `found` and
 * the same fields as gp_generate_job_run. */
gp_status gp_generate_job_look(gp_generate_job *p, uint64_t max_pixels, gp_error *err);
/* Generates the image in at most `tries` attempts and writes its file. */
void gp_generate_job_run(gp_generate_job *p, gp_gen_backend *backend, unsigned tries, uint64_t max_pixels);

#endif
