/* SPDX-License-Identifier: MIT
 * Cleans a prompt: keeps the words that the text tower should read and removes the syntax of web interfaces.  That
 * is <lora:...>, attention weights (x:1.2), ((x)), [x], schedules [a:b:0.5], BREAK, AND and escapes.  Text without
 * such syntax keeps its words. */
#ifndef GP_INGEST_CLEAN_PROMPT_H
#define GP_INGEST_CLEAN_PROMPT_H

#include "base/status.h"

/* Returns the cleaned text, owned (gp_mem_free). `webui_syntax`: apply the rules above (A1111 and ComfyUI); otherwise
 * only trim and turn line breaks into spaces. */
gp_status gp_prompt_clean(const char *raw, bool webui_syntax, char **out, gp_error *err);
/* Reads the text of an image's sidecar file, at most 1 MiB.  For "x.png" these files are tried in this order: x.txt,
 * x.caption, x.png.txt, x.png.caption; the first with any text is used.  *out is NULL if no such file exists.
 * *refused becomes NULL, or the name of a skipped file with the reason (larger than 1 MiB, or NUL bytes in the
 * text); owned (gp_mem_free).
 *
 * Encodings: see encoding.h.  An A1111 sidecar file (infotext) is recognised by its settings line. */
gp_status gp_prompt_sidecar(const char *image_path, char **out, char **refused, gp_error *err);

#endif
