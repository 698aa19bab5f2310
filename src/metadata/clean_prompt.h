/* SPDX-License-Identifier: MIT
 * Cleans a prompt: keeps the words that the text tower should read and removes the syntax of the program that wrote the
 * prompt. The syntax of web interfaces is <lora:...>, attention weights (x:1.2), ((x)), [x], schedules [a:b:0.5], BREAK,
 * AND and escapes. Text without such syntax keeps its words. */
#ifndef GP_METADATA_CLEAN_PROMPT_H
#define GP_METADATA_CLEAN_PROMPT_H

#include "base/status.h"

typedef enum gp_prompt_syntax {
    GP_PROMPT_PLAIN,    /* only trim the text and turn line breaks into spaces */
    GP_PROMPT_WEBUI,    /* remove weights, schedules and tags */
    GP_PROMPT_GRAPH,    /* as WEBUI if the text holds clear syntax of a web interface, else as PLAIN */
    GP_PROMPT_NOVELAI,  /* remove {x}, [x] and 1.3::x:: */
    GP_PROMPT_INVOKEAI, /* remove (x)++, (x)1.2 and x++ */
    GP_PROMPT_SYNTAXES
} gp_prompt_syntax;
/* Returns the syntax of the prompts of a tool (gp_meta.tool). */
gp_prompt_syntax gp_prompt_syntax_of(const char *tool);
/* Returns the cleaned text; the caller owns it (gp_mem_free). */
gp_status gp_prompt_clean(const char *raw, gp_prompt_syntax syntax, char **out, gp_error *err);

#endif
