/* SPDX-License-Identifier: MIT
 * Private to generate: ComfyUI's WebSocket, as a bell.  It says when a job has ended, so that the history is asked at
 * once, and how many steps are done.  What became of a job is always read from the history.  Without a connection all
 * works as before, only the history is asked more often. */
#ifndef GP_GENERATE_COMFY_SOCKET_H
#define GP_GENERATE_COMFY_SOCKET_H

#include "generate/backend.h"

/* What a message says of a job. */
typedef enum gp_comfy_said {
    GP_COMFY_JUNK,   /* it is no message of ComfyUI */
    GP_COMFY_OTHER,  /* it is of no job, or of another one */
    GP_COMFY_OURS,   /* it is of this job */
    GP_COMFY_STEPS,  /* *share of the steps of a node are done */
    GP_COMFY_ENDING, /* the job has ended, and will be in the history at any moment */
    GP_COMFY_ENDED   /* the job is in the history */
} gp_comfy_said;
/* text: [size], may be anything.  *share: 0 to 1, set for GP_COMFY_STEPS only. */
gp_comfy_said gp_comfy_read_message(const char *text, size_t size, const char *id, double *share);

/* Returns the name under which jobs are sent.  Connects first if there is no connection, but not more often than every
 * 10 seconds. */
const char *gp_comfy_bell_client(gp_gen_backend *b);
/* Waits `seconds`, or until the job has ended; over a connection that works it waits longer.
 * *rang: set when the connection says that the job has ended.  If it is set already, the wait takes its whole time.
 * Returns false: stopped. */
bool gp_comfy_bell_wait(gp_gen_backend *b, const char *id, double seconds, bool *rang);
/* The job has ended, and the connection had not said so: do not wait longer for its sake. */
void gp_comfy_bell_missed(gp_gen_backend *b);
void gp_comfy_bell_free(struct gp_comfy_bell *bell); /* NULL allowed */

#endif
