/* SPDX-License-Identifier: MIT
 * Private to generation: declarations shared by the files of generate.
 *
 *   generate_table.c   reads the prompts of a table, or of picked images
 *   generate_open.c    opens the generator connections, reads the graph, receives progress and notes
 *   generate_plan.c    adds a row for each image
 *   generate_rounds.c  requests, writes and scores the images, in rounds if --adaptive
 *   generate.c         checks the options and runs the parts above */
#ifndef GP_STAGE_GENERATE_PRIVATE_H
#define GP_STAGE_GENERATE_PRIVATE_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "table/table.h"
#include "generation/generate_job.h"
#include "generation/generation.h"

#include <pthread.h>
#include <stdatomic.h>

/* A prompt and the plan's rows for its images. */
typedef struct gp_subject {
    const char *prompt, *negative;   /* borrowed from the table, or owned in the fields below */
    char *extras;                    /* owned: other columns of the table, as JSON; or NULL */
    char *again_prompt;              /* owned: text of `prompt` if it is not stored in the table; else NULL */
    char *again_negative, *settings; /* owned: data of an image that is generated again; else NULL */
    bool has_seed;                   /* `seed` is set */
    uint64_t seed;
    int64_t *ids; /* owned: [count] rows of the plan */
    uint32_t count, capacity;
} gp_subject;

/* An image whose prompt and settings are used to generate more images (generation.h). */
typedef struct gp_generate_more {
    gp_hash image;
    bool new_seeds; /* false: the image's own seed */
    char *prompt;   /* owned: the image's prompt in the catalog. The request has the prompt that the generator got */
} gp_generate_more;

typedef struct gp_generation {
    gp_catalog *cat;
    const gp_encoder *encoder; /* NULL: nothing is scored */
    const char *model_name;
    const gp_generate_options *o;
    gp_generate_more *more; /* NULL: the images of `o` */
    gp_table *table;
    gp_subject *subjects;
    size_t subject_count;
    /* empty_rows: number of table rows without a prompt; double_rows: number of table rows that repeat the prompt and
     * the negative prompt of an earlier row */
    uint64_t empty_rows, double_rows;
    char *settings, *workflow, *folder; /* owned: requested settings as JSON; ComfyUI graph; output folder */
    char *address;                      /* owned: address of the generator that made the picks; or NULL */
    gp_json *given;                     /* owned: `settings`, parsed */
    gp_gen_request like;                /* values common to all requests; the texts are borrowed */
    gp_gen_backend **backends;          /* [workers] */
    int workers;                        /* number of workers: --jobs, plus one if the generator has a queue */
    int64_t *todo;                      /* [todo_count] rows to generate in this round */
    size_t todo_count, todo_next;
    gp_generate_report *counts;
    pthread_mutex_t report_mutex;
    gp_progress_meter ticker;
    uint64_t same;         /* images of this run that were already in the catalog */
    double last_finish;    /* time at which the last image was finished; 0: none yet */
    double ahead_since;    /* time of the last report of other users' jobs in the generator's queue; 0: none yet */
    uint64_t finished;     /* rows of this run that were generated, found on disk, or failed */
    double last_wait_note; /* time of the last note about a requested wait; 0: none yet */
    /* true: send no notes, because this is the check before the run and the run will send the notes */
    bool quiet;
    gp_hash sent_notes[64]; /* hashes of the generators' notes sent so far, so that each is sent once */
    size_t sent_count;
    char first_message[400]; /* the error message, if all images so far failed with the same message */
    /* number of images that failed with first_message; UINT32_MAX: an image succeeded or failed with another message */
    uint32_t same_errors;
    /* true: the first images all failed for the same reason, so goldpan requests no more images */
    bool given_up;
    atomic_bool stop;
    /* the fields from here on are shared with the scoring thread */
    pthread_mutex_t mutex;
    pthread_cond_t news;
    uint64_t unscored; /* images not yet seen by the scoring thread */
    bool ended;
    gp_status score_status;
    gp_error score_error;
} gp_generation;

gp_status gp_generation_read_table(gp_generation *m, gp_error *err);
/* Sends notes about table rows and cells that are skipped. */
void gp_generation_tell_table(const gp_generation *m);
/* Reads the picked images whose seed is recorded. */
gp_status gp_generation_read_winners(gp_generation *m, gp_error *err);
/* Reads the image of m->more. */
gp_status gp_generation_read_one(gp_generation *m, gp_error *err);

/* Reads the graph and opens a connection for each worker. */
gp_status gp_generation_open(gp_generation *m, gp_error *err);
/* Reads the ComfyUI graph from the file of an image that is generated again. The caller owns *out. USAGE if the file
 * contains no graph. */
gp_status gp_generation_graph_of(const char *path, char **out, gp_error *err);
/* Reports the progress. Returns false if the run must stop. May be called by any waiting thread. */
bool gp_generation_go_on(void *user);
/* Plans wanted[i] more images of subject i: first one image of each subject, then the second of each, and so on. Fills
 * `todo`. */
gp_status gp_generation_plan(gp_generation *m, const uint32_t *wanted, gp_error *err);
/* Runs rounds until no more images are wanted. */
gp_status gp_generation_run(gp_generation *m, gp_error *err);
/* Increments a counter of the report. */
void gp_generation_count(gp_generation *m, uint64_t *what);

#endif
