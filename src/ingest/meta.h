/* SPDX-License-Identifier: MIT
 * From a file's metadata to its prompt: AUTOMATIC1111 `parameters` and ComfyUI `prompt` graphs; other writers come
 * beside them in the table of meta.c.  Foreign bytes: bounded depth, no recursion without a limit, cycles guarded. */
#ifndef GP_INGEST_META_H
#define GP_INGEST_META_H

#include "base/status.h"
#include "image/chunks.h"

typedef struct gp_meta {
    bool found;
    char *tool;          /* "a1111", "comfyui" */
    char *where;         /* why we believe it: "parameters", "node 6 CLIPTextEncode 'Positive'" */
    char *prompt;        /* as written, NULL if the file has settings but no prompt */
    char *negative;      /* or NULL */
    char *settings_json; /* one JSON object of text values and numbers: "steps", "sampler", "cfg_scale", "seed",
                            "model", "model_hash", "width", "height", ... (see docs); never NULL when found */
} gp_meta;
/* Never fails on damaged metadata (found stays false); MEMORY only. Owns: out, gp_meta_clear. */
gp_status gp_meta_read(const gp_chunks *chunks, gp_meta *out, gp_error *err);
void gp_meta_clear(gp_meta *meta);

/* Parsers of one text, for tests and fuzzing. */
gp_status gp_meta_a1111(const char *text, size_t size, gp_meta *out, gp_error *err);
gp_status gp_meta_comfy(const char *text, size_t size, gp_meta *out, gp_error *err);

#endif
