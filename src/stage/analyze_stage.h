/* SPDX-License-Identifier: MIT
 * Private to the find stage: what one analysis holds while it is made.  Rows are images on disk with an embedding, in
 * order of content hash. */
#ifndef GP_STAGE_ANALYZE_STAGE_H
#define GP_STAGE_ANALYZE_STAGE_H

#include "catalog/analysis.h"
#include "model/encoder.h"
#include "pick/category.h"
#include "stage/settings.h"

typedef struct gp_analysis {
    gp_cat_slice *slices; /* [count]; rows, title and reasons are owned */
    size_t count, capacity;
} gp_analysis;

typedef struct gp_analysis_run {
    gp_catalog *cat;
    const gp_encoder *encoder;         /* or NULL */
    const gp_analyze_options *options; /* complete, and so are: */
    const gp_slices_options *slicing;  /* with threads and progress of the options */
    const gp_duplicates_options *copies;
    const gp_umap_options *mapping;
    gp_analyze_report *report;
    char *scorer;
    gp_cat_matrix m;
    gp_setting_columns settings;
    int32_t *prompt;   /* [n] prompts numbered from 0, -1 without one */
    size_t *by_prompt; /* [n] rows in order of their prompt, those without one first */
    size_t prompts;
    gp_hierarchy tree; /* levels 0: too few images */
    gp_categories categories;
    struct gp_ngram_index *ngrams; /* words of the prompts */
    float *probes;                 /* [GP_PROBES, d] or NULL */
    gp_analysis found;
    gp_duplicates duplicates;
    bool has_duplicates;
    char **keeper_reasons;                                  /* [groups] owned */
    double *z_prompt, *z_category, *percentile, *corrected; /* [n] */
    gp_cat_category *about;                                 /* [categories] */
} gp_analysis_run;

/* Words that models know well, embedded as probes for what a slice shows. */
extern const char *const gp_probe_words[];
enum { GP_PROBES = 56 };

/* Appends to the report's remark. */
void gp_analysis_note(gp_analysis_run *run, const char *text);
/* Slices over all images, over all prompts, and within each category; with reasons and titles. */
gp_status gp_analysis_slices(gp_analysis_run *run, gp_error *err);
/* A title of a few words for the rows `inside` [n]; reasons_json may be NULL.  Owned by the caller.  brief: by the
 * words of prompts alone, for slices that come by the thousand. */
gp_status gp_analysis_title(const gp_analysis_run *run, const bool *inside, bool brief, char **title,
                            char **reasons_json, gp_error *err);
/* Groups of near copies; pictures of likely ones are opened for their perceptual hash. */
gp_status gp_analysis_duplicates(gp_analysis_run *run, gp_error *err);
/* Places for the images that have none, or a whole new map; into the catalog. */
gp_status gp_analysis_map(gp_analysis_run *run, gp_error *err);
/* Makes the categories from options->category_labels: analyze_labels.c. */
gp_status gp_analysis_label(gp_analysis_run *run, gp_error *err);

#endif
