/* SPDX-License-Identifier: MIT
 * Private to stage add: the state of a run, the search for files (add_walk.c), and the prompt of a file
 * (add_prompt.c). */
#ifndef GP_STAGE_ADD_PRIVATE_H
#define GP_STAGE_ADD_PRIVATE_H

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/thread.h"
#include "catalog/catalog.h"
#include "image/image.h"
#include "ingest/beside.h"
#include "ingest/name_pattern.h"
#include "metadata/meta.h"
#include "stage/add_how.h"
#include "stage/add_notes.h"
#include "stage/identity.h"
#include "stage/passed.h"
#include "stage/rows.h"
#include "table/table.h"

enum { GP_STRENGTH_GUESS = 0, GP_STRENGTH_SIDECAR = 1, GP_STRENGTH_METADATA = 2, GP_STRENGTH_TABLE = 3 };

/* A file in the pipeline. */
typedef struct gp_add_job {
    char *path;
    uint64_t size;
    int64_t mtime_ns;
    char *problem;      /* error of the walk, such as a folder that cannot be read; else NULL */
    int problem_number; /* errno of `problem` */
    bool outdated;      /* the file is known, but older readers read it */
    bool listed;        /* an export lists this file */
    size_t row;         /* table row, or SIZE_MAX */
    gp_meta beside;     /* the image's row in a table that a program wrote beside it; not found: there is none */
    /* results of reading */
    bool ok;
    bool partial; /* the end of the file is missing */
    gp_error error;
    gp_hash hash;
    gp_image_info head;
    gp_identity identity;
    /* own: goldpan made the image; grid: the image is a grid of other images */
    bool own, grid;
    char *prompt, *raw, *negative, *source, *settings; /* owned; each may be NULL */
    int strength;
    gp_evidence evidence;
    bool from_beside; /* the prompt is that of `beside` */
    char *refused;    /* owned: why the sidecar file was not used; or NULL */
    bool damaged;     /* some metadata has a wrong checksum or cannot be read */
    bool broken;      /* there is no prompt, and a graph that cannot be read */
    bool unstated;    /* there is no prompt, although there is metadata */
} gp_add_job;

typedef struct gp_add_run {
    gp_catalog *cat;
    const gp_add_options *options;
    const gp_add_how *how;
    uint64_t max_pixels;
    gp_name_pattern names; /* of --prompt-from; no parts: none */
    uint64_t unnamed;      /* files that do not match `names` */
    gp_table *table;
    size_t image_column, prompt_column;
    bool has_nans;   /* prompt cells such as "nan" count as missing */
    gp_rows_of rows; /* the image's rows in the table */
    gp_beside *beside;
    gp_queue *found; /* queue of gp_add_job, filled by the walking thread */
    gp_passed passed;
    gp_gone gone;  /* missing images */
    uint64_t lost; /* images that went missing during this call */
    gp_add_kinds kinds;
    gp_status walk_status;
    gp_error walk_error;
    gp_report *report;
    gp_progress_meter ticker;
    uint64_t uncommitted, damaged, broken, unstated, rivals, refused_count, from_beside;
    struct {
        uint64_t files, prompts;
    } reread;      /* known files that older readers had read, and those of them whose prompt changed */
    char *refused; /* owned: the first reason why a sidecar file was not used */
    double begun;  /* time at which the open transaction began */
    bool in_transaction;
} gp_add_run;

/* Returns true if this is the source of a prompt from a path ("name:") or from a sidecar file ("sidecar"). */
bool gp_add_is_from(const char *kind, const char *source);
void gp_add_forget_prompt(gp_add_job *job);
void gp_add_job_free(gp_add_job *job); /* NULL allowed */
/* Finds the files and puts them into r->found, which it closes at the end. Runs on its own thread. */
void gp_add_walk_thread(void *user, int index);
/* Returns the prompt of a row, or NULL if it has none. If memory ran out, room->failed is set. */
const char *gp_add_prompt_cell(const gp_add_run *r, size_t row, gp_str *room);
/* Appends the cells of the row, except image and prompt, as members of an object. */
void gp_add_put_extras(const gp_add_run *r, size_t row, gp_str *s);
/* Reads the prompt of a sidecar file (plain text, AUTOMATIC1111's infotext, JSON), else takes that of job->beside. */
gp_status gp_add_prompt_beside(gp_add_job *job, gp_meta *meta, gp_error *err);
/* Reads the prompt from the path. This prompt has the same strength as a prompt from a sidecar file; the caller tries
 * the sidecar file first. */
gp_status gp_add_prompt_from_path(const gp_add_run *r, gp_add_job *job, gp_meta *meta, gp_error *err);
/* Finds the image's row in a table beside it, on the calling thread. */
gp_status gp_add_find_beside(gp_add_run *r, const char *path, gp_meta *out, gp_error *err);
/* Finds the prompt, the negative prompt and the settings of a file with these bytes. */
gp_status gp_add_find_prompt(const gp_add_run *r, gp_add_job *job, const gp_bytes *bytes, gp_error *err);

#endif
