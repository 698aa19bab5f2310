/* SPDX-License-Identifier: MIT
 * Private to stage: what the parts of generate share.
 *
 *   generate_table.c   reads the prompts of a table, or of picked images
 *   generate_open.c    opens the back ends, reads the graph, receives progress and notes
 *   generate_plan.c    adds a row for each image
 *   generate_rounds.c  requests, writes and scores the images, in rounds if --adaptive
 *   generate.c         checks the options and runs the parts above */
#ifndef GP_STAGE_GENERATE_PRIVATE_H
#define GP_STAGE_GENERATE_PRIVATE_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "table/table.h"
#include "stage/generate_job.h"
#include "stage/stage.h"

#include <pthread.h>
#include <stdatomic.h>

/* A prompt and the rows of its images so far. */
typedef struct gp_subject {
    const char *prompt, *negative;   /* from the table, or owned below */
    char *extras;                    /* owned: other columns of the table, as JSON; or NULL */
    char *again_prompt;              /* owned: text of `prompt` if the table does not hold the text; else NULL */
    char *again_negative, *settings; /* owned: of an image that is generated again; else NULL */
    bool has_seed;                   /* `seed` is set */
    uint64_t seed;
    int64_t *ids; /* owned: [count] rows of the plan */
    uint32_t count, capacity;
} gp_subject;

typedef struct gp_generation {
    gp_catalog *cat;
    const gp_encoder *encoder; /* NULL: nothing is scored */
    const char *model_name;
    const gp_generate_options *o;
    gp_table *table;
    gp_subject *subjects;
    size_t subject_count;
    uint64_t empty_rows, double_rows;   /* table rows without a prompt; table rows with the prompt of an earlier row */
    char *settings, *workflow, *folder; /* owned: requested settings as JSON; ComfyUI graph; output folder */
    char *address;                      /* owned: address of the generator that drew the picks; or NULL */
    gp_json *given;                     /* owned: `settings`, parsed */
    gp_gen_request like;                /* what all requests have in common; texts borrowed */
    gp_gen_backend **backends;          /* [workers] */
    int workers;                        /* --jobs, and one more if the generator has a queue */
    int64_t *todo;                      /* [todo_count] rows to draw in this round */
    size_t todo_count, todo_next;
    gp_generate_report *counts;
    pthread_mutex_t telling;
    gp_progress_meter ticker;
    uint64_t same;       /* images of this run that were in the catalog before */
    double last_finish;  /* when an image was last finished; 0: none yet */
    double ahead_since;  /* when the generator last said how many jobs are ahead; 0: never */
    uint64_t finished;   /* rows of this run that were drawn, found on disk, or failed */
    double told_to_wait; /* time of the last note that the generator asks to wait; 0: none yet */
    bool quiet;          /* do not send notes: this is the check before the run, which sends them */
    gp_hash told[64];    /* hashes of the notes of back ends that were sent: each note is sent once */
    size_t told_count;
    char first_why[400]; /* error message that all images of this run had so far */
    uint32_t alike;      /* number of images with that message; UINT32_MAX: not all images of the run have it */
    bool given_up;       /* the first images all failed for the same reason: request no more */
    atomic_bool stop;
    /* the scoring thread */
    pthread_mutex_t mutex;
    pthread_cond_t news;
    uint64_t fresh; /* images that the scoring thread has not seen yet */
    bool ended;
    gp_status score_status;
    gp_error score_error;
} gp_generation;

gp_status gp_generation_read_table(gp_generation *m, gp_error *err);
/* Sends the notes about table rows and cells that are skipped. */
void gp_generation_tell_table(const gp_generation *m);
/* Reads the picked images whose seed is known. */
gp_status gp_generation_read_winners(gp_generation *m, gp_error *err);

/* Reads the graph, and opens a connection for each worker. */
gp_status gp_generation_open(gp_generation *m, gp_error *err);
/* Reads the ComfyUI graph in an image file that is drawn again; *out, owned.  USAGE: the file holds no graph. */
gp_status gp_generation_graph_of(const char *path, char **out, gp_error *err);
/* Reports the progress.  Returns false if the run must stop.  Any waiting thread may call this. */
bool gp_generation_go_on(void *user);
/* Plans wanted[i] more images of subject i: first one image of each subject, then the second of each, and so on.  Sets
 * `todo`. */
gp_status gp_generation_plan(gp_generation *m, const uint32_t *wanted, gp_error *err);
/* Runs the rounds until no more images are wanted. */
gp_status gp_generation_run(gp_generation *m, gp_error *err);
/* Adds one to a count of the report. */
void gp_generation_count(gp_generation *m, uint64_t *what);

#endif
