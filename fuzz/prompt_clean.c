/* SPDX-License-Identifier: MIT
 * Cleans a prompt twice, by each syntax: the second pass changes nothing.  No bracket of the syntax is left, and valid
 * UTF-8 stays valid. */
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
    static const char *const removed[GP_PROMPT_SYNTAXES] = {"\n\r", "()[]\n\r", "\n\r", "{}[]\n\r", "()\n\r"};
    for (int syntax = 0; syntax < GP_PROMPT_SYNTAXES; syntax++) {
        char *once = NULL, *twice = NULL;
        if (gp_prompt_clean(raw, (gp_prompt_syntax)syntax, &once, NULL) != GP_OK) abort();
        if (gp_prompt_clean(once, (gp_prompt_syntax)syntax, &twice, NULL) != GP_OK) abort();
        if (strcmp(once, twice) != 0 || strlen(once) > strlen(raw)) abort();
        if (once[strcspn(once, removed[syntax])]) abort();
        if (gp_utf8_valid(raw, strlen(raw)) && !gp_utf8_valid(once, strlen(once))) abort();
        gp_mem_free(twice);
        gp_mem_free(once);
    }
    gp_mem_free(raw);
    return 0;
}
