/* SPDX-License-Identifier: MIT
 * Private to the cleaning of prompts: the weights of NovelAI and InvokeAI, and whether a text holds the syntax of web
 * interfaces. All functions need linear time. */
#ifndef GP_METADATA_CLEAN_WEIGHTS_H
#define GP_METADATA_CLEAN_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

/* Removes NovelAI's weights in place: {x}, [x] and 1.3::x:: become x. text: [*size + 1], ends with a NUL. */
void gp_clean_novelai(char *text, size_t *size);
/* Removes InvokeAI's weights in place: (x)++, (x)1.2, x++ and x- become x. Also removes all other round brackets.
 * text: [*size + 1], ends with a NUL. */
void gp_clean_invokeai(char *text, size_t *size);
/* Returns true if the text holds (x:1.2), ((x)), \(, <word:...>, embedding:name, BREAK, or brackets around a whole part
 * between commas. Single brackets inside a sentence and AND occur in prose too. */
bool gp_clean_has_syntax(const char *text, size_t size);

#endif
