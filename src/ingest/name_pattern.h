/* SPDX-License-Identifier: MIT
 * Patterns of file names that contain the prompt, such as "{prompt}_{seed}" or "{prompt}/{*}".
 *
 * A pattern is compared with the end of a path without the extension: with the file's name, and with one folder more
 * for each '/' of the pattern.  Text outside of braces must be equal.  A field never contains '/'.  {seed} and {steps}
 * are digits, {cfg} is a decimal number, any other field is any text that is not empty.  If a name can be divided in
 * several ways, the first field that differs decides: the prompt is as long as possible, any other field as short as
 * possible. */
#ifndef GP_INGEST_NAME_PATTERN_H
#define GP_INGEST_NAME_PATTERN_H

#include "base/status.h"
#include "metadata/meta.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum gp_name_field {
    GP_NAME_PROMPT,
    GP_NAME_NEGATIVE,
    GP_NAME_SEED,
    GP_NAME_STEPS,
    GP_NAME_CFG,
    GP_NAME_MODEL,
    GP_NAME_SAMPLER,
    GP_NAME_FIELDS, /* the fields before this one have a value */
    GP_NAME_ANY = GP_NAME_FIELDS,
    GP_NAME_LITERAL
} gp_name_field;

enum { GP_NAME_PARTS = 24, GP_NAME_LONGEST = 4096 /* bytes of the compared end of a path */ };

typedef struct gp_name_pattern {
    struct {
        gp_name_field field;
        const char *text; /* of LITERAL: borrowed from the pattern */
        size_t size;
    } parts[GP_NAME_PARTS];
    size_t count, folders; /* folders: number of '/' */
} gp_name_pattern;

/* The value of each field. text: a part of the path, borrowed; NULL: the pattern has no such field. */
typedef struct gp_name_values {
    struct {
        const char *text;
        size_t size;
    } of[GP_NAME_FIELDS];
} gp_name_values;

/* Reads a pattern.  The pattern must stay in memory as long as *out is used.  Errors: USAGE. */
gp_status gp_name_pattern_read(const char *pattern, gp_name_pattern *out, gp_error *err);
/* Returns true if the end of the path matches.  Time: at most parts * size^2, where `size` is the size of that end. */
bool gp_name_match(const gp_name_pattern *pattern, const char *path, gp_name_values *out);
/* Reads the prompt, the negative prompt and the settings in a path.  If the path does not match, out->found is
 * false. */
gp_status gp_name_read(const gp_name_pattern *pattern, const char *path, gp_meta *out, gp_error *err);

#endif
