/* SPDX-License-Identifier: MIT
 * Private to stage: what the parts of generate share.
 *
 *   make_table.c   the prompts: of a table, or of picked images
 *   make_open.c    the back ends, the graph, what is told while they work
 *   make.c         plan, drawing, rounds */
#ifndef GP_STAGE_MAKING_H
#define GP_STAGE_MAKING_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "ingest/table.h"
#include "stage/make.h"
#include "stage/stage.h"

#include <pthread.h>
#include <stdatomic.h>

/* A prompt and its pictures so far. */
typedef struct gp_subject {
    const char *prompt, *negative;   /* from the table, or owned below */
    char *extras;                    /* owned */
    char *again_prompt;              /* owned: text of `prompt` where it is not in the table; else NULL */
    char *again_negative, *settings; /* owned: of an image that is generated again; else NULL */
    bool has_seed;                   /* `seed` is set */
    uint64_t seed;
    int64_t *ids; /* owned: [count] rows of the plan */
    uint32_t count, capacity;
} gp_subject;

typedef struct gp_making {
    gp_catalog *cat;
    const gp_clip *clip; /* NULL: nothing is scored */
    const char *model_name;
    const gp_generate_options *o;
    gp_table *table;
    gp_subject *subjects;
    size_t subject_count;
    uint64_t empty_rows, double_rows;   /* of the table: without a prompt; with the prompt of an earlier row */
    char *settings, *workflow, *folder; /* owned: asked for, as JSON; the graph; where */
    char *address;                      /* owned: of the back end that drew the picks; or NULL */
    gp_json *given;                     /* owned: settings, read */
    gp_gen_request like;                /* what all requests have in common; texts borrowed */
    gp_gen_backend **backends;          /* [workers] */
    int workers;                        /* jobs, and one more where the generator has a queue for it */
    int64_t *todo;                      /* of this round: [todo_count] rows */
    size_t todo_count, todo_next;
    gp_generate_report *counts;
    pthread_mutex_t telling;
    gp_ticker ticker;
    uint64_t same;       /* images of this run that the catalog had already */
    double last_finish;  /* when an image was last finished; 0: none yet */
    double ahead_since;  /* when the generator last said how many jobs are ahead; 0: never */
    uint64_t finished;   /* rows of this run that were drawn, or failed */
    double told_to_wait; /* time of the last note that the generator asks to wait; 0: none yet */
    bool quiet;          /* notes are not sent: the run itself will send them */
    gp_hash told[64];    /* notes of the back ends that were sent, so that each is sent once */
    size_t told_count;
    char first_why[400]; /* what the first pictures failed of, all alike so far */
    uint32_t alike;      /* how many did */
    bool given_up;       /* the first ones failed alike: no more are asked for */
    atomic_bool stop;
    /* the scoring thread */
    pthread_mutex_t mutex;
    pthread_cond_t news;
    uint64_t fresh; /* pictures that it has not heard of */
    bool ended;
    gp_status score_status;
    gp_error score_error;
} gp_making;

gp_status gp_making_read_table(gp_making *m, gp_error *err);
/* Sends the notes about what was not read from the table or not drawn. */
void gp_making_tell_table(const gp_making *m);
/* Reads the picked images whose seed is known. */
gp_status gp_making_read_winners(gp_making *m, gp_error *err);

/* Reads the graph, and opens a connection for each worker. */
gp_status gp_making_open(gp_making *m, gp_error *err);
/* Reads the graph of an image that is drawn again; *out, owned.  USAGE: it holds none. */
gp_status gp_making_graph_of(const char *path, char **out, gp_error *err);
/* Reports the progress; false: stop.  Any thread that waits. */
bool gp_making_go_on(void *user);
/* Adds one to a count of the report. */
void gp_making_count(gp_making *m, uint64_t *what);

#endif
