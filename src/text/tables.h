/* SPDX-License-Identifier: MIT
 * Tables of character classes and lower case. The reference tokenizer uses a newer Unicode than the installed libraries
 * (letters and numbers of 16.0, lower case of 17.0), and goldpan's ids must equal the reference's for every code
 * point. */
#ifndef GP_TEXT_TABLES_H
#define GP_TEXT_TABLES_H

#include <stddef.h>
#include <stdint.h>

typedef enum gp_text_class { GP_TEXT_OTHER, GP_TEXT_LETTER, GP_TEXT_NUMBER, GP_TEXT_SPACE } gp_text_class;

typedef struct gp_text_class_range {
    uint32_t first, last;
    uint32_t kind; /* gp_text_class */
} gp_text_class_range;

/* A run of code points first, first + step, .., last. The lower case of each is the code point plus `distance`. */
typedef struct gp_text_lower_run {
    uint32_t first, last, step;
    int32_t distance;
} gp_text_lower_run;

extern const uint8_t gp_text_ascii_class[128];
extern const gp_text_class_range gp_text_class_ranges[]; /* sorted, without overlap */
extern const size_t gp_text_class_range_count;
extern const gp_text_lower_run gp_text_lower_runs[]; /* sorted, without overlap */
extern const size_t gp_text_lower_run_count;

gp_text_class gp_text_class_of(uint32_t cp);
/* Writes the lower case of one code point, without regard to its neighbours (so no final sigma). Returns the number of
 * code points written: 1, or 2 for U+0130. */
size_t gp_text_lower(uint32_t cp, uint32_t out[2]);

#endif
