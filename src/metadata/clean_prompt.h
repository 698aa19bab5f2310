/* SPDX-License-Identifier: MIT
 * Cleans a prompt: keeps the words that the text tower should read and removes the syntax of web interfaces. The syntax
 * is <lora:...>, attention weights (x:1.2), ((x)), [x], schedules [a:b:0.5], BREAK, AND and escapes. Text without such
 * syntax keeps its words. */
#ifndef GP_METADATA_CLEAN_PROMPT_H
#define GP_METADATA_CLEAN_PROMPT_H

#include "base/status.h"

/* Returns the cleaned text; the caller owns it (gp_mem_free). `webui_syntax`: remove weights, schedules and tags, the
 * syntax of A1111 and ComfyUI. Otherwise only trim the text and turn line breaks into spaces. */
gp_status gp_prompt_clean(const char *raw, bool webui_syntax, char **out, gp_error *err);
/* Reads the text of an image's sidecar file, at most 1 MiB. For "x.png" these files are tried in this order: x.txt,
 * x.caption, x.png.txt, x.png.caption. The first file that contains text is used. *out is NULL if no such file exists.
 * *refused is NULL, or says which file was skipped and why (larger than 1 MiB, or NUL bytes in the text). The caller
 * frees *out and *refused with gp_mem_free.
 *
 * encoding.h lists the encodings. An A1111 sidecar file (infotext) is recognised by its settings line. */
gp_status gp_prompt_sidecar(const char *image_path, char **out, char **refused, gp_error *err);

#endif
