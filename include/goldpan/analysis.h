/* SPDX-License-Identifier: MIT
 * The analysis of a catalog: categories, slices, near-duplicates, map, words.  And gp_run, which
 * calls all stages.  Include <goldpan.h>, which explains the conventions. */
#ifndef GOLDPAN_ANALYSIS_H
#define GOLDPAN_ANALYSIS_H

#include "arrays.h"
#include "outputs.h"
#include "stages.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ analyse */

/* Categories come from category_column; else from category_labels; else from the hierarchy. */
typedef struct gp_analyze_options {
    size_t size;
    const char *category_column; /* column of the prompt table, or a generation setting */
    /* [category_label_count] labels: a word such as "people", or a label with its words such as
     * "animals=cat|dog|bird".  A word in the prompt decides first.  Else the label whose text
     * embedding is nearest to the image decides, or "other" if a neutral text ("a photo") is
     * nearer.  Without a model such an image gets no label, and report->note says so. */
    const char *const *category_labels;
    size_t category_label_count;
    uint32_t min_categories;                 /* smallest number of categories from the hierarchy */
    uint32_t max_categories;                 /* largest number of these categories */
    const gp_slices_options *slices;         /* NULL: defaults */
    const gp_duplicates_options *duplicates; /* NULL: defaults */
    const gp_umap_options *map;              /* NULL: defaults */
    int threads;                             /* 0: all processors */
    bool no_map;
    bool no_duplicates;
    bool new_map; /* compute a new map; else new images are placed on the existing map */
    gp_progress_fn progress;
    void *user;
} gp_analyze_options;

#define GP_AGREEMENT_MIN 0.5

/* Measures of the quality of categories. */
typedef struct gp_category_quality {
    size_t size;
    /* Mean silhouette of the merged clusters, -1..1 (Rousseeuw 1987); NaN for categories by words
     * or column.  Real embeddings reach 0.1 to 0.4. */
    double cohesion;
    /* How often two images of one prompt are in one category, corrected for chance.  1: always; 0:
     * as often as by chance; NaN: no prompt has two images.  Below GP_AGREEMENT_MIN, images of one
     * prompt are often in different categories. */
    double agreement;
} gp_category_quality;

typedef struct gp_analyze_report {
    size_t size;
    uint64_t images;
    uint64_t levels; /* of the hierarchy */
    uint64_t categories;
    uint64_t slices;          /* over all images */
    uint64_t prompt_slices;   /* of prompts */
    uint64_t category_slices; /* within categories */
    uint64_t groups;          /* groups of near-duplicates */
    uint64_t duplicates;      /* images in these groups, without the image to keep of each */
    double seconds;
    double hierarchy_seconds;
    double slices_seconds;
    double duplicates_seconds;
    double map_seconds;
    char category_source[200]; /* where the categories come from */
    char note[400];            /* what was left out, and why; may be empty */
    double cohesion;           /* as in gp_category_quality */
    double agreement;          /* as in gp_category_quality */
} gp_analyze_report;

/* Analyse the scored images, and record the result in place of the earlier analysis: hierarchy of
 * the embeddings, categories, significant slices over all images and within each category,
 * near-duplicates, map.  If there are too few images for a hierarchy, the results that need one are
 * omitted, and report->note says so; this is not an error.
 * model: NULL uses the scorer used last, without category_labels and text probes.
 * report: may be NULL.
 * Cost: memory 8 * n * d bytes; time as of gp_hierarchy_build, gp_slices_find and gp_umap.
 * Errors: NOT_FOUND (nothing is scored; no such column), USAGE, CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_analyze(gp_catalog *catalog, const gp_model *model,
                                    const gp_analyze_options *options, gp_analyze_report *report,
                                    gp_error *err);

/* ------------------------------------------------------------------ results of the analysis */

/* In this section strings and arrays are borrowed until the callback returns.  The callback returns
 * false to end early.  scorer: id of a scorer; NULL: the scorer used last. */

typedef struct gp_analysis_slice {
    int64_t id;
    int64_t parent;           /* id of the enclosing slice; 0: none */
    const char *space;        /* "images" or "prompts": a cluster of images, or of prompts */
    const char *category;     /* the slice lies within this category; NULL: over all images */
    const char *title;        /* a few words */
    const char *reasons_json; /* array of {kind, text, strength, inside, outside} */
    uint32_t level;
    uint32_t support;      /* number of images */
    const int64_t *images; /* [support] ids */
    double value;          /* mean score; this field and the next six are as in gp_slice */
    double lift;
    double low;
    double high;
    double effect;
    double p;
    double p_corrected;
} gp_analysis_slice;

/* Visit the slices of the last analysis.
 * Errors: NOT_FOUND (no analysis), CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_slices(gp_catalog *catalog, const char *scorer,
                                           bool (*visit)(void *user,
                                                         const gp_analysis_slice *slice),
                                           void *user, gp_error *err);

typedef struct gp_analysis_category {
    const char *name;
    const char *source; /* where the category comes from */
    uint32_t support;   /* number of images */
    double mean;        /* mean score */
    double sd;          /* standard deviation of the score */
    double weight;      /* weight of the category's own mean in the correction, 0..1 */
} gp_analysis_category;

/* Visit the categories of the last analysis.
 * Errors: NOT_FOUND (no analysis), CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_categories(gp_catalog *catalog, const char *scorer,
                                               bool (*visit)(void *user,
                                                             const gp_analysis_category *category),
                                               void *user, gp_error *err);

/* Read how good the categories of the last analysis are.
 * Errors: NOT_FOUND (no analysis), CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_category_quality(gp_catalog *catalog, const char *scorer,
                                                     gp_category_quality *out, gp_error *err);

/* A group of near-duplicates. */
typedef struct gp_analysis_group {
    const char *reason;    /* why the keeper is kept */
    const int64_t *images; /* [count] ids */
    const float *likeness; /* [count] cosine to the representative */
    size_t count;
    int64_t representative; /* id */
    int64_t keeper;         /* id */
} gp_analysis_group;

/* Visit the groups of near-duplicates of the last analysis.
 * Errors: NOT_FOUND (no analysis), CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_duplicates(gp_catalog *catalog, const char *scorer,
                                               bool (*visit)(void *user,
                                                             const gp_analysis_group *group),
                                               void *user, gp_error *err);

/* ------------------------------------------------------------------ words of prompts */

/* A word, or a phrase of two words, and the scores of the prompts that contain it.  Each prompt
 * counts once, with the mean score of its images. */
typedef struct gp_word {
    const char *text;
    uint64_t prompts;   /* prompts with this word */
    uint64_t images;    /* images of these prompts */
    double mean;        /* mean score of these prompts */
    double difference;  /* mean minus the mean score of the prompts without the word */
    double low;         /* lower end of the 95 % bootstrap interval of the difference, over
                         * prompts */
    double high;        /* upper end of this interval */
    double adjusted;    /* effect of the word alone: ridge regression over all words, penalty 4 */
    double p;           /* p-value of this word alone */
    double p_corrected; /* p-value adjusted for all words (Benjamini-Hochberg) */
} gp_word;

typedef enum gp_words_order {
    GP_WORDS_EFFECT, /* by adjusted effect, best first */
    GP_WORDS_SUPPORT,
    GP_WORDS_WORD
} gp_words_order;

typedef struct gp_words_options {
    size_t size;
    const char *scorer;   /* id; NULL: the scorer used last */
    uint32_t min_support; /* smallest number of prompts of a word */
    gp_words_order order;
    int threads; /* 0: all processors */
    uint64_t seed;
} gp_words_options;

/* Visit the words of the scored prompts.  A word that occurs in exactly the prompts of a longer
 * phrase is not visited, but the phrase is.
 * Errors: NOT_FOUND (nothing is scored), CATALOG, STOPPED.
 * Threads: one. */
GP_API GP_MUST gp_status gp_catalog_words(gp_catalog *catalog, const gp_words_options *options,
                                          bool (*visit)(void *user, const gp_word *word),
                                          void *user, gp_error *err);

/* ------------------------------------------------------------------ run */

typedef struct gp_run_options {
    size_t size;
    const gp_add_options *add;      /* must be given, with its roots */
    const gp_score_options *score;  /* NULL: defaults */
    const gp_analyze_options *find; /* options of gp_analyze; NULL: defaults */
    const gp_pick_options *pick;    /* NULL: defaults */
    bool no_analysis;
    bool fit_strategy; /* if no prompt has two candidates, pick by category instead of by prompt;
                        * not with no_analysis */
    bool no_add;       /* the images of `add` are in the catalog already */
    const gp_sheet_options *sheet; /* NULL: no contact sheet */
} gp_run_options;

/* Point each field to a struct of your own whose size is set; NULL: no such report is wanted. */
typedef struct gp_run_report {
    size_t size;
    gp_report *add;
    gp_report *score;
    gp_analyze_report *analysis;
    gp_report *pick;
    gp_report *sheet;
    gp_counts *counts;         /* counts of the catalog when the picks were chosen */
    gp_pick_strategy strategy; /* the strategy that was used */
    uint32_t reserved;         /* 0 */
} gp_run_report;

/* Add, score, analyse and pick; then draw a contact sheet if there are picks.
 * report: may be NULL.
 * Errors: those of the stages.
 * Threads: one for the catalog, any for the model. */
GP_API GP_MUST gp_status gp_run(gp_catalog *catalog, const gp_model *model,
                                const gp_run_options *options, gp_run_report *report,
                                gp_error *err);

#ifdef __cplusplus
}
#endif
#endif
