/* SPDX-License-Identifier: MIT
 * One image with all that goldpan knows about it, as a row of columns and as a JSON object. */
#ifndef GP_DATASET_RECORD_H
#define GP_DATASET_RECORD_H

#include "base/json.h"
#include "base/str.h"
#include "dataset/set_column.h"

/* The columns, in their order. */
enum {
    GP_RECORD_FILE, /* name of the exported file; absent: none was written */
    GP_RECORD_PROMPT,
    GP_RECORD_NEGATIVE,
    GP_RECORD_SEED,
    GP_RECORD_STEPS,
    GP_RECORD_SAMPLER,
    GP_RECORD_SCHEDULER,
    GP_RECORD_CFG,
    GP_RECORD_MODEL,
    GP_RECORD_MODEL_HASH,
    GP_RECORD_LORAS,
    GP_RECORD_GENERATOR,
    GP_RECORD_WIDTH,
    GP_RECORD_HEIGHT,
    GP_RECORD_SCORE,
    GP_RECORD_SCORER,
    GP_RECORD_CORRECTED,
    GP_RECORD_RANK,
    GP_RECORD_CANDIDATES,
    GP_RECORD_CATEGORY,
    GP_RECORD_PICK,
    GP_RECORD_REASON,
    GP_RECORD_FLAG,
    GP_RECORD_STARS,
    GP_RECORD_TAGS,
    GP_RECORD_EVIDENCE,
    GP_RECORD_PROMPT_SOURCE,
    GP_RECORD_PROMPT_RAW,
    GP_RECORD_PATH,
    GP_RECORD_HASH,
    GP_RECORD_FORMAT,
    GP_RECORD_SETTINGS, /* JSON text */
    GP_RECORD_COLUMNS
};
extern const gp_set_column gp_record_columns[GP_RECORD_COLUMNS];

/* What gp_row lacks.  Absent: NULL, and NaN for `corrected`. */
typedef struct gp_record_extra {
    const char *file, *scorer, *category, *reason;
    double corrected;
} gp_record_extra;

typedef struct gp_set_record {
    gp_set_value values[GP_RECORD_COLUMNS];
    gp_json *settings;                     /* owned */
    char *sampler, *scheduler, *generator; /* owned, and the next line */
    char *model, *model_hash, *loras;
} gp_set_record;
/* Fills in the record.  `row` and `extra` are borrowed until gp_set_record_clear. */
gp_status gp_set_record_fill(const gp_row *row, const gp_record_extra *extra, gp_set_record *out, gp_error *err);
void gp_set_record_clear(gp_set_record *record);

enum { GP_RECORD_SEED_TEXT = 1, GP_RECORD_SETTINGS_TEXT = 2, GP_RECORD_NO_NULL = 4 };
/* Appends the members of the record's JSON object, without braces.  Absent values are null; tags are an array, and the
 * settings an object.  Values of kind REAL have a point or an exponent, because some readers infer the type of a column
 * from its first value.  SEED_TEXT: the seed is a text, for readers without
 * uint64.  SETTINGS_TEXT: the settings are a text.  NO_NULL: without the
 * members that are absent or an empty array. */
void gp_set_record_put_json(const gp_set_record *record, unsigned flags, gp_str *out);
/* Returns the text of a column of kind TEXT, or NULL. */
const char *gp_set_record_text(const gp_set_record *record, int column);

#endif
