/* SPDX-License-Identifier: MIT
 * Sidecar files: files beside an image that contain its prompt. */
#ifndef GP_INGEST_SIDECAR_H
#define GP_INGEST_SIDECAR_H

#include "metadata/meta.h"

/* Reads the text of an image's sidecar file, at most 1 MiB. For "x.png" these files are tried in this order: x.txt,
 * x.caption, x.png.txt, x.png.caption. The first file that contains text is used. *out is NULL if no such file exists.
 * *refused is NULL, or says which file was skipped and why (larger than 1 MiB, or NUL bytes in the text). The caller
 * frees *out and *refused with gp_mem_free.
 *
 * encoding.h lists the encodings. An A1111 sidecar file (infotext) is recognised by its settings line. */
gp_status gp_prompt_sidecar(const char *image_path, char **out, char **refused, gp_error *err);

/* Reads "x.json", else "x.png.json", beside x.png: an object with a prompt (prompt, caption, text), as img2dataset and
 * WebDataset write. Its other texts and numbers become settings. out->found is false if there is no such file, or if
 * it has no prompt. `out` must be zeroed. *refused: as above, but it must be NULL or owned, and a first reason stays.
 * Errors: MEMORY only. */
gp_status gp_sidecar_json(const char *image_path, gp_meta *out, char **refused, gp_error *err);
/* Reads the text of such a file. */
gp_status gp_sidecar_parse_json(const char *text, gp_meta *out, gp_error *err);

#endif
