/* SPDX-License-Identifier: MIT
 * Private to generate: ComfyUI's WebSocket, used as a notification.  Its messages report finished steps, and the end
 * of a job, so that goldpan reads the history at once.  The result of a job always comes from the history.  Without a
 * connection everything works, but goldpan polls the history more often. */
#ifndef GP_GENERATE_COMFY_SOCKET_H
#define GP_GENERATE_COMFY_SOCKET_H

#include "generate/backend.h"

/* The meaning of a message for a job. */
typedef enum gp_comfy_said {
    GP_COMFY_JUNK,   /* not a message of ComfyUI */
    GP_COMFY_OTHER,  /* a message about no job, or about another job */
    GP_COMFY_OURS,   /* a message about this job */
    GP_COMFY_STEPS,  /* *share of the steps of a node are done */
    GP_COMFY_ENDING, /* the job has ended, and will soon be in the history */
    GP_COMFY_ENDED   /* the job is in the history */
} gp_comfy_said;
/* Parses a message [size] of any bytes.  *share: 0 to 1, set for GP_COMFY_STEPS only. */
gp_comfy_said gp_comfy_read_message(const char *text, size_t size, const char *id, double *share);

/* Returns the client name with which jobs are sent.  Connects first if there is no connection, but not more often than
 * every 10 seconds.  In names, `bell` stands for the WebSocket. */
const char *gp_comfy_bell_client(gp_gen_backend *b);
/* Waits `seconds`, or until a message reports the end of the job.  While messages are reliable, a wait of less than 2
 * seconds becomes 2 seconds, because a message ends the wait in time.  *rang: set to true if a message reports the end
 * of the job.  If *rang is true already, such a message does not end the wait.  Returns false if a stop was
 * requested. */
bool gp_comfy_bell_wait(gp_gen_backend *b, const char *id, double seconds, bool *rang);
/* Reports that a job ended without a message.  Later waits then no longer rely on messages. */
void gp_comfy_bell_missed(gp_gen_backend *b);
void gp_comfy_bell_free(struct gp_comfy_bell *bell); /* NULL allowed */

#endif
