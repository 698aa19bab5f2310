/* SPDX-License-Identifier: MIT
 * Cleans a prompt twice: the second pass changes nothing.  No bracket is left, and valid UTF-8 stays valid. */
#include "base/mem.h"
#include "base/str.h"
#include "metadata/clean_prompt.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = gp_str_dup_n((const char *)data, size);
    if (!raw) return 0;
    for (int webui = 0; webui < 2; webui++) {
        char *once = NULL, *twice = NULL;
        if (gp_prompt_clean(raw, webui, &once, NULL) != GP_OK) abort();
        if (gp_prompt_clean(once, webui, &twice, NULL) != GP_OK) abort();
        if (strcmp(once, twice) != 0 || strlen(once) > strlen(raw)) abort();
        if (once[strcspn(once, webui ? "()[]\n\r" : "\n\r")]) abort();
        if (gp_utf8_valid(raw, strlen(raw)) && !gp_utf8_valid(once, strlen(once))) abort();
        gp_mem_free(twice);
        gp_mem_free(once);
    }
    gp_mem_free(raw);
    return 0;
}
