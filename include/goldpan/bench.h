/* SPDX-License-Identifier: MIT
 * Speed of this machine.  Include <goldpan.h>, which explains the conventions. */
#ifndef GOLDPAN_BENCH_H
#define GOLDPAN_BENCH_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Highest arithmetic rate for one number format and instruction set, measured with loops that use
 * only registers.  A multiplication and an addition are two operations.  Do not release the
 * strings. */
typedef struct gp_peak {
    const char *precision;    /* "fp32", "bf16", "int8" */
    const char *instructions; /* such as "AVX-512 FMA" */
    double one;               /* operations a second of one thread */
    double all;               /* operations a second of `threads` threads together */
} gp_peak;

/* Measure each number format for which this machine has instructions, about one second each, and
 * visit the results.  `visit` returns false to end early.
 * threads: 0 means all processors.
 * Errors: MEMORY.
 * Threads: any. */
GP_API GP_MUST gp_status gp_machine_peaks(int threads,
                                          bool (*visit)(void *user, const gp_peak *peak),
                                          void *user, gp_error *err);

typedef struct gp_bench_options {
    size_t size;
    const char *const *roots; /* [root_count] files or folders; NULL: synthetic images */
    size_t root_count;
    uint64_t sample; /* images at most */
    double seconds;  /* approximate duration */
    uint64_t max_pixels;
    int threads; /* 0: all processors */
    int batch;   /* images that a thread encodes at once; 0: chosen for the model */
    gp_progress_fn progress;
    void *user;
} gp_bench_options;

typedef struct gp_bench_report {
    size_t size;
    int threads;
    uint32_t batch;
    uint64_t found;      /* number of image files below the roots; 0 for synthetic images */
    uint64_t pictures;   /* images encoded */
    uint64_t failed;     /* images that could not be encoded */
    uint64_t own;        /* files of the sample that goldpan made: read, but not encoded */
    uint64_t texts;      /* distinct prompts encoded */
    double bytes;        /* mean size of a file */
    double add_seconds;  /* adding the files: reading, hashing, metadata, catalog */
    double seconds;      /* encoding images, with all threads at the same time */
    double read_seconds; /* reading, summed over threads like the next four */
    double decode_seconds;
    double resize_seconds;
    double image_tower_seconds;
    double text_tower_seconds;
    double image_tower_work; /* CPU seconds of the image tower */
    double write_seconds;    /* writing to the catalog, which is in memory */
    double rate;             /* images per second, including adding, prompts and catalog */
    double expected;         /* seconds for all files found, at that rate */
    double busy;             /* mean number of processors used while encoding; far below `threads`
                              * if other programs used them or the disk was slow */
} gp_bench_report;

/* Measure how fast this machine scores images with this model, and which step takes how long.
 * Images spread evenly over the files are added and scored as by gp_add and gp_score, into a
 * catalog in memory.  No file is written.
 * Errors: NOT_FOUND (no images), USAGE, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_bench(const gp_model *model, const gp_bench_options *options,
                                  gp_bench_report *report, gp_error *err);

#ifdef __cplusplus
}
#endif
#endif
