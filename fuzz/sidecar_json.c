/* SPDX-License-Identifier: MIT
 * JSON beside an image: what it gives is a prompt, and settings that are one valid object. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "ingest/sidecar.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_meta meta = {0};
    gp_json *settings = NULL;
    char *text = gp_str_dup_n((const char *)data, size);
    if (!text) return 0;
    if (gp_sidecar_parse_json(text, &meta, NULL) != GP_OK) abort();
    if (meta.found && (!meta.prompt || !*meta.prompt || !meta.settings_json)) abort();
    if (!meta.found && (meta.prompt || meta.settings_json || meta.negative)) abort();
    if (meta.found && gp_json_parse(meta.settings_json, strlen(meta.settings_json), true, 4, &settings, NULL) != GP_OK)
        abort();
    gp_json_free(settings);
    gp_meta_clear(&meta);
    gp_mem_free(text);
    return 0;
}
