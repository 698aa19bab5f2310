/* SPDX-License-Identifier: MIT
 * Private to view: the fields of a view. */
#ifndef GP_VIEW_VIEW_PRIVATE_H
#define GP_VIEW_VIEW_PRIVATE_H

#include "catalog/read_all.h"
#include "view/view.h"

/* Texts stored one after the other, in the layout of a text table in docs/api.md. */
typedef struct gp_texts {
    uint32_t *ends; /* [count] where each text ends */
    size_t count, capacity;
    gp_str bytes;
    uint8_t *table; /* the finished table, owned; NULL before gp_texts_finish */
    size_t table_size;
} gp_texts;
gp_status gp_texts_add(gp_texts *texts, const char *text, gp_error *err);
gp_status gp_texts_finish(gp_texts *texts, gp_error *err);
void gp_texts_clear(gp_texts *texts);

/* Distinct words, numbered in order of appearance. */
typedef struct gp_words {
    gp_texts texts;
    uint32_t *buckets; /* [bucket_count] number + 1 */
    size_t bucket_count;
} gp_words;
#define GP_VIEW_NONE UINT32_MAX
/* Finds or adds a word and returns its number in *code.  text NULL: GP_VIEW_NONE. */
gp_status gp_words_put(gp_words *words, const char *text, uint32_t *code, gp_error *err);
void gp_words_clear(gp_words *words);

typedef enum gp_column_type {
    GP_COL_F32,
    GP_COL_F64,
    GP_COL_U32,
    GP_COL_U8,
    GP_COL_I8,
    GP_COL_CODE,
    GP_COL_HASH,
    GP_COL_TEXT
} gp_column_type;
typedef struct gp_column {
    const char *name, *title, *group, *about; /* borrowed, except in columns of settings */
    gp_column_type type;
    bool lower_better; /* a column of scores of which lower ones are better */
    void *data;        /* [n], owned; NULL for texts */
    gp_words *words;   /* owned; words of a column of codes or texts */
    char *owned;       /* owned memory that `name`, `title` and `about` may point into */
} gp_column;

/* One key of the generation settings. */
typedef struct gp_setting {
    char *name;
    uint32_t *codes; /* [n] */
    double *numbers; /* [n] */
    gp_words words;
    bool numeric; /* all values so far are numbers that a double can represent */
    size_t known; /* rows that have this setting */
} gp_setting;

/* A row whose file's hash differs from the image's hash, because another program changed the file's metadata. */
typedef struct gp_view_other {
    size_t row;
    gp_hash hash;
} gp_view_other;

enum { GP_VIEW_SETTINGS = 100, GP_VIEW_SCORERS = 16, GP_VIEW_COLUMNS = 41 + GP_VIEW_SCORERS + GP_VIEW_SETTINGS };
struct gp_view {
    size_t n, room; /* n: number of rows; room: number of rows for which memory is allocated */
    gp_cat_summary facts;
    char *catalog;
    int64_t *images, *prompt_ids;
    uint32_t *orientation;
    struct gp_view_other *others; /* [other_count] in order of rows: files whose metadata another program has changed */
    size_t other_count, other_room;
    gp_setting settings[GP_VIEW_SETTINGS];
    size_t setting_count;
    gp_column columns[GP_VIEW_COLUMNS];
    size_t column_count;
    uint32_t *slots; /* [slot_count] hash table: row + 1 by content hash; 0: free */
    size_t slot_count;
    gp_str categories_json, slices_json; /* JSON arrays for the manifest */
    uint8_t *slices;                     /* bytes of data/slices.bin */
    size_t slices_size, groups;
};

/* Adds a column with zeroed data (room * element size).  Returns NULL when out of memory. */
gp_column *gp_view_add(gp_view *view, const char *name, const char *title, gp_column_type type, const char *group,
                       const char *about);
size_t gp_column_size(gp_column_type type); /* bytes of an element */

/* The columns that every view has.  view->columns begins with them, in this order. */
enum {
    GP_VIEW_ID,
    GP_VIEW_HASH,
    GP_VIEW_PATH,
    GP_VIEW_FORMAT,
    GP_VIEW_WIDTH,
    GP_VIEW_HEIGHT,
    GP_VIEW_BYTES,
    GP_VIEW_ADDED,
    GP_VIEW_PROMPT,
    GP_VIEW_NEGATIVE,
    GP_VIEW_SOURCE,
    GP_VIEW_EVIDENCE,
    GP_VIEW_SCORE,
    GP_VIEW_RANK,
    GP_VIEW_CANDIDATES,
    GP_VIEW_PICKED,
    GP_VIEW_FLAG,
    GP_VIEW_STARS,
    GP_VIEW_ALWAYS,
    GP_VIEW_CATEGORY = GP_VIEW_ALWAYS,
    GP_VIEW_CORRECTED,
    GP_VIEW_PERCENTILE,
    GP_VIEW_Z_PROMPT,
    GP_VIEW_Z_CATEGORY,
    GP_VIEW_DUPLICATE,
    GP_VIEW_KEEPER,
    GP_VIEW_LIKENESS,
    GP_VIEW_X,
    GP_VIEW_Y,
    GP_VIEW_APART,
    GP_VIEW_SHARPNESS,
    GP_VIEW_NOISE,
    GP_VIEW_EXPOSURE,
    GP_VIEW_SATURATION,
    GP_VIEW_ENTROPY,
    GP_VIEW_SPREAD,
    GP_VIEW_FOUND
};

/* view_read.c: fills a new view from the catalog. */
gp_status gp_view_read(gp_view *view, gp_catalog *cat, const char *scorer, gp_error *err);
/* view.c: builds the hash table of gp_view_find. */
gp_status gp_view_index_hashes(gp_view *view, gp_error *err);
/* view_settings.c: reads the settings of one row; after the last row, adds the columns of all settings. */
gp_status gp_view_take_settings(gp_view *view, size_t row, const char *json, gp_error *err);
gp_status gp_view_end_settings(gp_view *view, gp_error *err);
/* view_scorers.c: if the catalog has several scorers, adds a column for each scorer other than that of the column
 * "score", at most GP_VIEW_SCORERS of them, the ones used last, and the column "agree". Call it after all rows. */
gp_status gp_view_add_scorers(gp_view *view, gp_catalog *cat, gp_error *err);
/* view_found.c: reads categories, slices and their members for the manifest. */
gp_status gp_view_read_found(gp_view *view, gp_catalog *cat, gp_error *err);
size_t gp_view_row_of(const gp_view *view, int64_t image); /* SIZE_MAX: the view has no such image */

#endif
