/* SPDX-License-Identifier: MIT
 * From a file's metadata to its prompt: AUTOMATIC1111 `parameters` and ComfyUI `prompt` graphs; other writers come
 * beside them in the table of meta.c.  Foreign bytes: bounded depth, no recursion without a limit, cycles guarded. */
#ifndef GP_INGEST_META_H
#define GP_INGEST_META_H

#include "base/status.h"
#include "image/chunks.h"

/* How sure a prompt is.  A weaker one never takes the place of a stronger one of the same file. */
typedef enum gp_evidence {
    GP_EVIDENCE_NONE,    /* there is no prompt */
    GP_EVIDENCE_GUESS,   /* a text that may be it: never scored unless asked for */
    GP_EVIDENCE_DERIVED, /* followed through a graph, by rules that allow one answer */
    GP_EVIDENCE_STATED   /* the writer of the file put it there as the prompt */
} gp_evidence;
/* "none", "guess", "derived", "stated": as the catalog has it. */
const char *gp_evidence_name(gp_evidence evidence);

typedef struct gp_meta {
    bool found;
    gp_evidence evidence; /* NONE exactly where prompt is NULL */
    char *tool;           /* "a1111", "comfyui" */
    char *where;          /* why we believe it: "parameters", "node 6 CLIPTextEncode 'Positive'" */
    char *prompt;         /* as written, NULL if the file has settings but no prompt */
    char *negative;       /* or NULL */
    char *settings_json;  /* one JSON object of text values and numbers: "steps", "sampler", "cfg_scale", "seed",
                             "model", "model_hash", "width", "height", ... (see docs); never NULL when found */
} gp_meta;
/* Never fails on damaged metadata (found stays false); MEMORY only. Owns: out, gp_meta_clear. */
/* path: of the file, or NULL: its name may tell which of several savers of a graph wrote it. */
gp_status gp_meta_read(const gp_chunks *chunks, const char *path, gp_meta *out, gp_error *err);
void gp_meta_clear(gp_meta *meta);

/* Parsers of one text, for tests and fuzzing. */
gp_status gp_meta_a1111(const char *text, size_t size, gp_meta *out, gp_error *err);
/* As gp_meta_a1111, of a text that is labelled "parameters": one known setting is enough to tell what it is. */
gp_status gp_meta_parameters(const char *text, size_t size, gp_meta *out, gp_error *err);
/* What a file says beside the graph that was run; all may be NULL. */
typedef struct gp_comfy_file {
    const char *path;     /* where the file lies */
    const char *workflow; /* [workflow_size] the chunk "workflow": the graph as the editor keeps it */
    size_t workflow_size;
} gp_comfy_file;
gp_status gp_meta_comfy(const char *text, size_t size, const gp_comfy_file *file, gp_meta *out, gp_error *err);

#endif
