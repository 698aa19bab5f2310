/* SPDX-License-Identifier: MIT
 * Shared by the parts of the ComfyUI back end: comfy_fill.c fills in the graph, comfy.c runs the job. */
#ifndef GP_GENERATE_COMFY_FILL_H
#define GP_GENERATE_COMFY_FILL_H

#include "generate/backend.h"

/* Writes the user's graph with the values of the request.  fresh: a suffix for the names of saved files, so that the
 * server does not return files from its cache; or NULL.  Errors: USAGE (the graph or a --set does not fit), MEMORY. */
gp_status gp_comfy_fill(gp_gen_backend *b, const gp_gen_request *r, const char *fresh, gp_str *out, gp_error *err);
/* Appends the body of a request: the filled-in graph, the name of the connection that gets the events, and the job's id;
 * id NULL: the server chooses. */
void gp_comfy_put_body(const gp_str *graph, const char *client, const char *id, gp_str *s);
/* Returns a copy of the request.  Unsets each value that had no effect, because the graph that was filled in last has
 * no input for it. */
gp_gen_request gp_comfy_used(const gp_gen_backend *b, const gp_gen_request *r);
/* Checks the user's graph and settings before the first request. */
gp_status gp_comfy_check(gp_gen_backend *b, gp_error *err);

#endif
