/* SPDX-License-Identifier: MIT
 * A prompt as written to the words that the text tower should read: <lora:...>, attention weights (x:1.2), ((x)), [x],
 * schedules [a:b:0.5], BREAK, AND and escapes are taken out, the words stay.  Plain prose is left untouched. */
#ifndef GP_INGEST_CLEAN_PROMPT_H
#define GP_INGEST_CLEAN_PROMPT_H

#include "base/status.h"

/* Returns the cleaned text, owned (gp_mem_free). `webui_syntax`: apply the rules above (A1111 and ComfyUI); otherwise
 * only trim and turn line breaks into spaces. */
gp_status gp_prompt_clean(const char *raw, bool webui_syntax, char **out, gp_error *err);
/* Reads the text of an image's sidecar file, at most 1 MiB. For "x.png" these files are tried in this order: x.txt,
 * x.caption, x.png.txt, x.png.caption; the first with any text is used. *out is NULL if there is no such file.
 * *refused becomes NULL, or the name of a file that was passed over because it is larger than 1 MiB or holds NUL bytes
 * in its text, and why; owned (gp_mem_free).
 * Encodings: see encoding.h. An A1111 sidecar file (infotext) is recognised by its settings line. */
gp_status gp_prompt_sidecar(const char *image_path, char **out, char **refused, gp_error *err);

#endif
