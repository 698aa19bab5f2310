/* SPDX-License-Identifier: MIT
 * What the metadata parsers share: the settings object being written, and text made safe. */
#ifndef GP_INGEST_META_PRIVATE_H
#define GP_INGEST_META_PRIVATE_H

#include "base/str.h"
#include "ingest/meta.h"

/* A flat JSON object under construction.  The first value of a key stays; empty values and more than 512 are dropped.
 */
typedef struct gp_settings {
    gp_str json, keys; /* keys: each followed by a NUL */
    size_t count;
} gp_settings;
#define GP_SETTINGS_INIT                                                                                               \
    {                                                                                                                  \
        GP_STR_INIT, GP_STR_INIT, 0                                                                                    \
    }

bool gp_settings_has(const gp_settings *settings, const char *key);
void gp_settings_text(gp_settings *settings, const char *key, const char *text, size_t size);
/* As a number if the text is one, else as text. */
void gp_settings_number(gp_settings *settings, const char *key, const char *text, size_t size);
/* The object, owned; NULL when memory was short.  The builder is cleared. */
char *gp_settings_take(gp_settings *settings);
void gp_settings_clear(gp_settings *settings);

/* A copy without white space at its ends, invalid UTF-8 read as Latin-1; "" possible; NULL when memory is short. */
char *gp_meta_text(const char *text, size_t size, bool trim);
/* Fills *out for a ComfyUI file whose graph cannot be read. `why` completes "no prompt: ...". */
gp_status gp_meta_without_graph(const char *why, gp_meta *out, gp_error *err);
/* Names and strengths "name:0.8, other:1" of the <lora:...> and <lyco:...> tags in a prompt. */
void gp_meta_loras(gp_str *out, const char *prompt);

#endif
