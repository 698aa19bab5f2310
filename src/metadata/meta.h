/* SPDX-License-Identifier: MIT
 * Reads the prompt and settings from a file's metadata: AUTOMATIC1111 text, ComfyUI graphs, and the forms of other
 * programs. The table in meta.c lists the readers. The bytes are untrusted: nesting and recursion are limited, and
 * cycles are detected. */
#ifndef GP_METADATA_META_H
#define GP_METADATA_META_H

#include "base/status.h"
#include "image/chunks.h"

/* Version of the readers. Raise this number whenever a change of the readers, or of the cleaning of prompts, gives
 * another result for some file: then the next `goldpan add` reads all known files again. */
enum { GP_META_READERS = 3 };
/* Longer JSON texts are not parsed: a parsed text needs many times its size, so this limit bounds the memory. */
enum { GP_META_MAX_JSON = 8 << 20 };

/* How certain a prompt is. Weaker evidence never replaces stronger evidence of the same file. */
typedef enum gp_evidence {
    GP_EVIDENCE_NONE,    /* there is no prompt */
    GP_EVIDENCE_GUESS,   /* a text that may be the prompt; it is scored only on request */
    GP_EVIDENCE_DERIVED, /* goldpan derived the prompt from a graph, by rules that leave only one result */
    GP_EVIDENCE_STATED   /* the program that wrote the file stored this text as the prompt */
} gp_evidence;
/* Returns "none", "guess", "derived" or "stated", as stored in the catalog. */
const char *gp_evidence_name(gp_evidence evidence);

typedef struct gp_meta {
    bool found;
    bool broken;          /* there is only a graph that goldpan cannot read: no prompt, no settings */
    bool mark;            /* there is only a statement that a model or a program made the image (IPTC, C2PA) */
    gp_evidence evidence; /* NONE if and only if prompt is NULL */
    char *tool;           /* "a1111", "comfyui", "swarmui", "novelai", ...: the names in docs/formats.md */
    char *where;          /* source of the prompt: "parameters", "node 6 CLIPTextEncode 'Positive'" */
    char *prompt;         /* as written, NULL if the file has settings but no prompt */
    char *negative;       /* negative prompt, or NULL */
    char *settings_json;  /* one JSON object of text values and numbers: "steps", "sampler", "cfg_scale", "seed",
                             "model", "model_hash", "width", "height", ... (see docs); never NULL when found */
} gp_meta;
/* Reads metadata. If the metadata is damaged, out->found is false. Errors: MEMORY only. The caller owns *out:
 * gp_meta_clear. path: path of the file, or NULL. If a ComfyUI graph has several savers (nodes that save an image), the
 * name of the file may show which saver wrote it. */
gp_status gp_meta_read(const gp_chunks *chunks, const char *path, gp_meta *out, gp_error *err);
/* Like gp_meta_read, for the file from which the chunks were read. If no text states a prompt, also reads the text that
 * is hidden in the pixels of a PNG or of a lossless WebP, and appends it to the chunks. */
gp_status gp_meta_read_file(const uint8_t *bytes, size_t size, gp_chunks *chunks, const char *path, gp_meta *out,
                            gp_error *err);
/* The result of one reader for one text of a file. Strings are borrowed until the callback returns. */
typedef struct gp_meta_finding {
    const gp_chunk *chunk;
    const char *reader;   /* program whose form the reader knows; NULL: no reader reads this text */
    bool found;           /* the text has the reader's form */
    gp_evidence evidence; /* of the prompt in this text */
    bool used;            /* gp_meta_read returns this result */
} gp_meta_finding;
/* Applies all readers to all texts, in file order, and passes each result to `visit`. Errors: MEMORY only. */
gp_status gp_meta_explain(const gp_chunks *chunks, const char *path,
                          bool (*visit)(void *user, const gp_meta_finding *finding), void *user, gp_error *err);
void gp_meta_clear(gp_meta *meta);
/* Returns the text of the ComfyUI graph that a file holds, borrowed from its chunks, or NULL. */
const char *gp_meta_find_graph(const gp_chunks *chunks, size_t *size);

/* Parsers of one text, for tests and fuzzing. */
gp_status gp_meta_a1111(const char *text, size_t size, gp_meta *out, gp_error *err);
/* Parses a text labelled "parameters" as A1111 text, if it has at least one known setting or a negative prompt. */
gp_status gp_meta_parameters(const char *text, size_t size, gp_meta *out, gp_error *err);
/* What else the file contains besides the graph that was run. Each field may be NULL. */
typedef struct gp_comfy_file {
    const char *path;     /* path of the file */
    const char *workflow; /* [workflow_size] the chunk "workflow": the editor's graph */
    size_t workflow_size;
} gp_comfy_file;
gp_status gp_meta_comfy(const char *text, size_t size, const gp_comfy_file *file, gp_meta *out, gp_error *err);

#endif
