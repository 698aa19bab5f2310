/* SPDX-License-Identifier: MIT
 * Builds one gp_meta from named values: fields of a JSON object, or texts. Private to the metadata readers.
 *
 * A reader makes a record, adds values, and calls gp_record_finish, which also clears the record. The first value of
 * a prompt or of a setting counts. Errors of memory are reported by gp_record_finish. */
#ifndef GP_METADATA_META_RECORD_H
#define GP_METADATA_META_RECORD_H

#include "base/json.h"
#include "metadata/meta_private.h"

typedef struct gp_record {
    gp_meta meta;
    gp_settings settings;
    gp_str loras; /* "name:0.8, other:1" */
    bool failed;  /* memory ran out */
} gp_record;
/* clang-format off */
#define GP_RECORD_INIT {{0}, GP_SETTINGS_INIT, GP_STR_INIT, false}
/* clang-format on */

/* Add the positive or the negative prompt. A text of white space only is no prompt. */
void gp_record_prompt(gp_record *r, const char *text, size_t size);
void gp_record_negative(gp_record *r, const char *text, size_t size);
/* Adds a LoRA; weight: its strength as text, or NULL. */
void gp_record_lora(gp_record *r, const char *name, const char *weight);

typedef enum gp_field_kind {
    GP_FIELD_PROMPT,
    GP_FIELD_NEGATIVE,
    GP_FIELD_NUMBER, /* a number, or a text that is a number */
    GP_FIELD_TEXT,
    GP_FIELD_SIZE,  /* "512x768", "512 x 768" or "(512, 768)", stored as width and height */
    GP_FIELD_LORAS, /* an array of names, of [name, weight] or of objects */
    GP_FIELD_OTHER  /* the reader has its own function for this field */
} gp_field_kind;

/* One field of a JSON object. path: names of members, separated by '.'. key: goldpan's name of the setting; unused for
 * prompts, sizes and LoRAs. */
typedef struct gp_field {
    const char *path;
    gp_field_kind kind;
    const char *key;
} gp_field;

/* Returns the value at a path of members separated by '.', or NULL. */
const gp_json *gp_json_path(const gp_json *root, const char *path);
/* Returns the string at the path, or NULL if there is none. */
const char *gp_json_path_text(const gp_json *root, const char *path, size_t *size);
/* Adds all fields that the object has. */
void gp_record_fields(gp_record *r, const gp_json *root, const gp_field *fields, size_t count);
#define GP_RECORD_FIELDS(r, root, fields) gp_record_fields(r, root, fields, sizeof(fields) / sizeof *(fields))
/* Adds one value as if it were a field. */
void gp_record_value(gp_record *r, const gp_json *value, gp_field_kind kind, const char *key);

/* Parses the text as a JSON object. *root is NULL if the text is anything else, or if it is longer than
 * GP_META_MAX_JSON. Zero bytes at the end are accepted (TensorArt writes them). Errors: MEMORY only. The caller frees
 * *root with gp_json_free. */
gp_status gp_record_open(const char *text, size_t size, gp_json **root, gp_error *err);

/* Moves the record to *out, and clears the record. evidence: evidence of the prompt, if the record has a prompt. If the
 * record has no prompts, settings or mark, out->found is false. */
gp_status gp_record_finish(gp_record *r, const char *tool, const char *where, gp_evidence evidence, gp_meta *out,
                           gp_error *err);
void gp_record_clear(gp_record *r);

#endif
