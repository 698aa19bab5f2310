/* SPDX-License-Identifier: MIT
 * JSON: the one place that sees the JSON library (json-c).  Unsigned integers are exact up to 2^64-1 (ComfyUI seeds),
 * NaN and Infinity are read (ComfyUI writes them), nesting is bounded (64 unless told), strings may hold NUL. */
#ifndef GP_BASE_JSON_H
#define GP_BASE_JSON_H

#include "base/status.h"
#include "base/str.h"

typedef struct gp_json gp_json; /* a value; all values are borrowed from their root */

typedef enum gp_json_kind {
    GP_JSON_NULL,
    GP_JSON_BOOL,
    GP_JSON_INT,
    GP_JSON_REAL,
    GP_JSON_STRING,
    GP_JSON_ARRAY,
    GP_JSON_OBJECT
} gp_json_kind;

/* Parse one value filling the whole text (white space around allowed; UTF-8 BOM tolerated).  `strict`: RFC 8259 only
 * (no NaN, comments, trailing commas); duplicate keys: strict refuses them, else the last wins.
 * Owns: *root owned, gp_json_free.  The message tells the byte offset. */
gp_status gp_json_parse(const char *text, size_t size, bool strict, int max_depth, gp_json **root, gp_error *err);
void gp_json_free(gp_json *root); /* NULL allowed; roots only */

gp_json_kind gp_json_kind_of(const gp_json *value);                 /* NULL: GP_JSON_NULL */
size_t gp_json_count(const gp_json *value);                         /* members or elements; 0 for scalars */
const gp_json *gp_json_at(const gp_json *array, size_t index);      /* NULL outside */
const gp_json *gp_json_get(const gp_json *object, const char *key); /* NULL if absent or not an object */
/* Visit members in file order; the callback returns false to end early. */
void gp_json_each(const gp_json *object, bool (*visit)(void *user, const char *key, const gp_json *value), void *user);

const char *gp_json_text(const gp_json *value, size_t *size); /* strings only, else NULL; size may be NULL */
bool gp_json_bool(const gp_json *value, bool fallback);
bool gp_json_u64(const gp_json *value, uint64_t *out); /* exact non-negative integers (also 3.0) */
bool gp_json_i64(const gp_json *value, int64_t *out);
bool gp_json_real(const gp_json *value, double *out); /* any number */
/* The value written as compact JSON. */
void gp_json_write(gp_str *out, const gp_json *value);

/* Writing by hand: a quoted, escaped string (invalid UTF-8 becomes U+FFFD); a number that reads back equal (NaN: null).
 */
void gp_json_put_string(gp_str *out, const char *text);
/* "name": with a comma before it, unless it is the first of its object (or nothing, '{' or '[' stands before). */
void gp_json_put_name(gp_str *out, const char *name);
void gp_json_put_string_n(gp_str *out, const char *text, size_t size);
void gp_json_put_real(gp_str *out, double value);

#endif
