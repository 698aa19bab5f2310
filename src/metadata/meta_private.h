/* SPDX-License-Identifier: MIT
 * Private to the metadata parsers: the settings object under construction, and conversion of text to valid UTF-8. */
#ifndef GP_METADATA_META_PRIVATE_H
#define GP_METADATA_META_PRIVATE_H

#include "base/str.h"
#include "metadata/meta.h"

/* A flat JSON object under construction. It keeps the first value of a key, and drops empty values and all members
 * after the 512th. */
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
/* Adds a number if the text is a number, otherwise adds the text. */
void gp_settings_number(gp_settings *settings, const char *key, const char *text, size_t size);
/* Returns the object and clears the builder. The caller owns the result; it is NULL if memory ran out. */
char *gp_settings_take(gp_settings *settings);
void gp_settings_clear(gp_settings *settings);

/* Copies text, without white space at its ends if `trim` is set. Invalid UTF-8 is read as Latin-1. The copy may be "".
 * NULL if memory ran out. */
char *gp_meta_text(const char *text, size_t size, bool trim);
/* Fills *out for a ComfyUI file whose graph cannot be read. `why` completes "no prompt: ...". */
gp_status gp_meta_without_graph(const char *why, gp_meta *out, gp_error *err);
/* Appends names and strengths, "name:0.8, other:1", of the <lora:...> and <lyco:...> tags in a prompt. */
void gp_meta_loras(gp_str *out, const char *prompt);

#endif
