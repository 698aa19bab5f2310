/* SPDX-License-Identifier: MIT
 * Private to the analysis stage: the state of an analysis while it is computed. Rows are the images on disk that have
 * an embedding, in order of content hash. */
#ifndef GP_STAGE_ANALYZE_STAGE_H
#define GP_STAGE_ANALYZE_STAGE_H

#include "catalog/analysis.h"
#include "model/encoder.h"
#include "pick/category.h"
#include "stage/settings.h"

typedef struct gp_analysis {
    gp_cat_slice *slices; /* [count]; rows, title and reasons of each slice are owned */
    size_t count, capacity;
} gp_analysis;

typedef struct gp_analysis_run {
    gp_catalog *cat;
    const gp_encoder *encoder;         /* may be NULL */
    const gp_analyze_options *options; /* this struct and the next three have every field set */
    const gp_slices_options *slicing;  /* threads and progress are those of `options` */
    const gp_duplicates_options *copies;
    const gp_umap_options *mapping;
    gp_analyze_report *report;
    char *scorer;
    gp_cat_matrix m;
    gp_setting_columns settings;
    int32_t *prompt;   /* [n] index of the row's prompt, from 0; -1: no prompt */
    size_t *by_prompt; /* [n] rows sorted by prompt; rows without a prompt come first */
    size_t prompts;
    gp_hierarchy tree; /* levels is 0 if there are too few images */
    gp_categories categories;
    struct gp_ngram_index *ngrams; /* n-gram index of the prompts */
    float *probes;                 /* [GP_PROBES, d] or NULL */
    gp_analysis found;
    gp_duplicates duplicates;
    bool has_duplicates;
    char **keeper_reasons;                                  /* [groups] owned */
    double *z_prompt, *z_category, *percentile, *corrected; /* [n] */
    gp_cat_category *about;                                 /* [categories] */
} gp_analysis_run;

/* Probe words: words that models know well. Similarities of a slice's images to the embeddings of these words describe
 * what the slice shows. */
extern const char *const gp_probe_words[];
enum { GP_PROBES = 56 };

/* Appends a note to the report. */
void gp_analysis_note(gp_analysis_run *run, const char *text);
/* Finds slices over all images, over all prompts, and within each category, and describes each in words. */
gp_status gp_analysis_slices(gp_analysis_run *run, gp_error *err);
/* Makes a title of a few words for the rows `inside` [n]. The caller owns the results; reasons_json may be NULL. brief:
 * use only words of the prompts, which is faster. Titles of slices within categories are brief, because a catalog may
 * have thousands of such slices. */
gp_status gp_analysis_title(const gp_analysis_run *run, const bool *inside, bool brief, char **title,
                            char **reasons_json, gp_error *err);
/* Finds near-duplicate groups. Images with a near neighbour are opened for their perceptual hash. */
gp_status gp_analysis_duplicates(gp_analysis_run *run, gp_error *err);
/* Adds to the map the images that it lacks, or computes a new map. Writes the map to the catalog. */
gp_status gp_analysis_map(gp_analysis_run *run, gp_error *err);
/* Makes the categories from options->category_labels (analyze_labels.c). */
gp_status gp_analysis_label(gp_analysis_run *run, gp_error *err);

#endif
