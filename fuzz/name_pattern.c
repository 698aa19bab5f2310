/* SPDX-License-Identifier: MIT
 * Patterns of file names: the first line is a pattern, the rest a path.  Every value lies in the path, and a value is
 * not empty and contains no '/'. */
#include "base/mem.h"
#include "base/str.h"
#include "ingest/name_pattern.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = gp_str_dup_n((const char *)data, size), *line = text ? strchr(text, '\n') : NULL;
    gp_name_pattern pattern;
    gp_name_values values;
    gp_meta meta = {0};
    if (line) *line = 0;
    if (line && gp_name_pattern_read(text, &pattern, NULL) == GP_OK) {
        const char *path = line + 1, *end = path + strlen(path);
        bool matches = gp_name_match(&pattern, path, &values);
        for (size_t i = 0; matches && i < GP_NAME_FIELDS; i++) {
            const char *value = values.of[i].text;
            size_t length = values.of[i].size;
            if (value && (value < path || !length || length > (size_t)(end - value) || memchr(value, '/', length)))
                abort();
        }
        if (matches && !values.of[GP_NAME_PROMPT].text) abort();
        if (gp_name_read(&pattern, path, &meta, NULL) != GP_OK || (meta.found && !matches)) abort();
    }
    gp_meta_clear(&meta);
    gp_mem_free(text);
    return 0;
}
