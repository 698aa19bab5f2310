/* SPDX-License-Identifier: MIT
 * Cleans a prompt: keeps the words that the text tower should read and removes the syntax of web interfaces. The syntax
 * is <lora:...>, attention weights (x:1.2), ((x)), [x], schedules [a:b:0.5], BREAK, AND and escapes. Text without such
 * syntax keeps its words. */
#ifndef GP_METADATA_CLEAN_PROMPT_H
#define GP_METADATA_CLEAN_PROMPT_H

#include "base/status.h"

/* Returns the cleaned text; the caller owns it (gp_mem_free). `webui_syntax`: remove weights, schedules and tags, the
 * syntax of A1111 and ComfyUI. Otherwise only trim the text and turn line breaks into spaces. */
gp_status gp_prompt_clean(const char *raw, bool webui_syntax, char **out, gp_error *err);

#endif
