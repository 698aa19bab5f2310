/* SPDX-License-Identifier: MIT
 * Notes of the stage add. */
#ifndef GP_STAGE_ADD_NOTES_H
#define GP_STAGE_ADD_NOTES_H

#include "base/status.h"
#include "image/image.h"

/* Number of files by kind. */
typedef struct gp_add_kinds {
    uint64_t grids;
    uint64_t formats[GP_FORMAT_JXL + 1], animated[GP_FORMAT_JXL + 1]; /* by gp_format */
} gp_add_kinds;
void gp_add_count_kind(gp_add_kinds *kinds, const gp_image_info *head, bool grid);
/* Sends notes about grids, about formats other than PNG, JPEG and WebP, and about animations. */
void gp_add_note_kinds(const gp_add_options *o, const gp_add_kinds *kinds);

/* Sends a note: "1 image" and then `one`, or, for a larger count, "COUNT images" and then `many`. Sends nothing if
 * `count` is 0. */
void gp_add_note_images(const gp_add_options *o, const char *code, uint64_t count, const char *one, const char *many);
/* Sends the note that none of the images has a prompt. */
void gp_add_note_no_prompts(const gp_add_options *o, uint64_t images);
/* Sends the note that `count` sidecar files were not used; first: why the first of them was not used. */
void gp_add_note_refused(const gp_add_options *o, uint64_t count, const char *first);
/* Sends how many images have only a guess, a graph that cannot be read, or metadata without a prompt. */
void gp_add_note_unsure(const gp_add_options *o, uint64_t guesses, uint64_t broken, uint64_t unstated);
/* Sends how many known files were read again because older readers had read them, and how many of them have a new
 * prompt. */
void gp_add_note_reread(const gp_add_options *o, uint64_t files, uint64_t prompts);
/* Sends how many images have damaged metadata. */
void gp_add_note_damaged(const gp_add_options *o, uint64_t count);
/* Sends the note that `count` paths have a prompt that differs from the prompt of another path of the same image. */
void gp_add_note_rivals(const gp_add_options *o, uint64_t count);

#endif
