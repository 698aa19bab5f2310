/* SPDX-License-Identifier: MIT
 * Checks for any metadata that was found: texts are valid UTF-8 and not empty, the settings are one flat object. */
#ifndef GP_FUZZ_META_ORACLE_H
#define GP_FUZZ_META_ORACLE_H

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "metadata/meta.h"
#include "metadata/clean_prompt.h"

#include <stdlib.h>
#include <string.h>

static inline bool check_flat(void *user, const char *key, const gp_json *value)
{
    (void)user;
    gp_json_kind kind = gp_json_kind_of(value);
    if (!*key || (kind != GP_JSON_STRING && kind != GP_JSON_INT && kind != GP_JSON_REAL)) abort();
    return true;
}

static inline void check_text(const char *text)
{
    if (text && (!*text || !gp_utf8_valid(text, strlen(text)))) abort();
}

static inline void check_meta(gp_status st, gp_meta *meta)
{
    gp_json *settings = NULL;
    if (st != GP_OK) abort(); /* damaged metadata is never an error */
    if ((meta->evidence == GP_EVIDENCE_NONE) != !meta->prompt) abort();
    if (!meta->found) {
        if (meta->tool || meta->where || meta->prompt || meta->negative || meta->settings_json) abort();
        return;
    }
    if (!meta->tool || !meta->where || !meta->settings_json) abort();
    check_text(meta->tool);
    check_text(meta->where);
    check_text(meta->prompt);
    check_text(meta->negative);
    if (gp_json_parse(meta->settings_json, strlen(meta->settings_json), true, 2, &settings, NULL) != GP_OK) abort();
    gp_json_each(settings, check_flat, NULL);
    gp_json_free(settings);
    gp_meta_clear(meta);
}

#endif
