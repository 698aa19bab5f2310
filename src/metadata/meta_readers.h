/* SPDX-License-Identifier: MIT
 * The readers of metadata, except those of A1111 text and of ComfyUI graphs. Private to the metadata readers. Each
 * reader gets one text of the file. It leaves out->found false if the text is not of its program. Errors: MEMORY
 * only. */
#ifndef GP_METADATA_META_READERS_H
#define GP_METADATA_META_READERS_H

#include "metadata/meta.h"

typedef struct gp_meta_source {
    const char *text; /* [size] the text to read; a NUL follows */
    size_t size;
    const char *where;       /* name of the text, for gp_meta.where */
    const gp_chunks *chunks; /* all texts of the file */
    const gp_comfy_file *file;
} gp_meta_source;

/* SwarmUI: an object with "sui_image_params". */
gp_status gp_meta_swarm(const gp_meta_source *s, gp_meta *out, gp_error *err);
/* Fooocus (its own JSON scheme), and Fooocus-MRE. */
gp_status gp_meta_fooocus(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_ruined_fooocus(const gp_meta_source *s, gp_meta *out, gp_error *err);
/* Applications on Hugging Face Spaces that store their settings as JSON, with "Model" and "resolution". */
gp_status gp_meta_space(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_tensorart(const gp_meta_source *s, gp_meta *out, gp_error *err);
/* Civitai's generator: a ComfyUI graph with a member "extraMetadata". */
gp_status gp_meta_civitai(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_stability_matrix(const gp_meta_source *s, gp_meta *out, gp_error *err);
/* InvokeAI from version 3 on: the metadata, or the node "core_metadata" of the graph. */
gp_status gp_meta_invoke(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_invoke_graph(const gp_meta_source *s, gp_meta *out, gp_error *err);
/* InvokeAI 2 ("sd-metadata") and 1 ("Dream"). */
gp_status gp_meta_invoke_2(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_dream(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_novelai(const gp_meta_source *s, gp_meta *out, gp_error *err);
/* Easy Diffusion: one JSON object, or one text of a PNG for each setting. */
gp_status gp_meta_easy(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_easy_texts(const gp_meta_source *s, gp_meta *out, gp_error *err);
/* Returns true if Easy Diffusion stores a setting in a PNG text with this key. */
bool gp_meta_easy_has(const char *key);
gp_status gp_meta_draw_things(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_midjourney(const gp_meta_source *s, gp_meta *out, gp_error *err);
/* IPTC fields and C2PA say that a model made the image. They are reported, without a prompt. */
gp_status gp_meta_iptc(const gp_meta_source *s, gp_meta *out, gp_error *err);
gp_status gp_meta_c2pa(const gp_meta_source *s, gp_meta *out, gp_error *err);

#endif
