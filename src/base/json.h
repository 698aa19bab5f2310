/* SPDX-License-Identifier: MIT
 * JSON; the only code that uses json-c.  Unsigned integers are exact up to 2^64-1 (ComfyUI seeds).  NaN and Infinity
 * are accepted (ComfyUI writes them).  Nesting is limited to max_depth.  Strings may contain NUL. */
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

/* Parses one value, which must fill the whole text; white space around it and a UTF-8 BOM are accepted.  `strict`: RFC
 * 8259 only (no NaN, comments, trailing commas).  Duplicate keys: an error if strict, otherwise the last one counts.
 * The caller frees *root with gp_json_free.  The message names the byte offset. */
gp_status gp_json_parse(const char *text, size_t size, bool strict, int max_depth, gp_json **root, gp_error *err);
void gp_json_free(gp_json *root); /* NULL allowed; only for a root */

gp_json_kind gp_json_kind_of(const gp_json *value); /* kind of a value; NULL: GP_JSON_NULL */
size_t gp_json_count(const gp_json *value);         /* members or elements; 0 for other kinds */
/* returns NULL if `array` is not an array, or if the index is too large */
const gp_json *gp_json_at(const gp_json *array, size_t index);
/* NULL if `key` is absent or `object` is not an object */
const gp_json *gp_json_get(const gp_json *object, const char *key);
/* Visits the members in file order.  The callback returns false to end early. */
void gp_json_each(const gp_json *object, bool (*visit)(void *user, const char *key, const gp_json *value), void *user);

const char *gp_json_text(const gp_json *value, size_t *size); /* strings only, else NULL; size may be NULL */
bool gp_json_bool(const gp_json *value, bool fallback);
bool gp_json_u64(const gp_json *value, uint64_t *out); /* reads exact non-negative integers, also written as 3.0 */
bool gp_json_i64(const gp_json *value, int64_t *out);
bool gp_json_real(const gp_json *value, double *out); /* any number */
/* Appends the value as compact JSON. */
void gp_json_write(gp_str *out, const gp_json *value);

/* The functions below append JSON to `out`.  Only these functions write JSON strings and numbers. */
/* Appends a quoted, escaped string; invalid UTF-8 becomes U+FFFD. text NULL: appends null. */
void gp_json_put_string(gp_str *out, const char *text);
void gp_json_put_string_n(gp_str *out, const char *text, size_t size);
/* Appends a number with enough digits that a JSON reader gets exactly `value`; a number that is not finite becomes
 * null. */
void gp_json_put_real(gp_str *out, double value);
/* Appends "name":. Before the name it appends a comma, unless `out` is empty or ends with '{' or '['. */
void gp_json_put_name(gp_str *out, const char *name);
/* Appends a member: the name, then the text as a string; text NULL: null. */
void gp_json_put_text(gp_str *out, const char *name, const char *text);
/* Appends a member: the name, then an array of the parts into which `separator` divides the text. text NULL: an empty
 * array. */
void gp_json_put_parts(gp_str *out, const char *name, const char *text, const char *separator);

#endif
