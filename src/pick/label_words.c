/* SPDX-License-Identifier: MIT
 * Category labels that the user gives as words, and the label of a prompt. */
#include "pick/label_words.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

void gp_label_words_clear(gp_label_words *l)
{
    gp_mem_free(l->text);
    gp_mem_free(l->words);
    gp_mem_free(l->names);
}

gp_status gp_label_words_read(const char *const *labels, size_t count, gp_label_words *l, gp_error *err)
{
    gp_str all = GP_STR_INIT;
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most++;
        for (const char *p = labels[i]; *p; p++) most += *p == '|';
        gp_str_puts(&all, labels[i]);
        gp_str_putc(&all, 0);
    }
    l->text = gp_str_take(&all);
    l->words = gp_mem_zero(most, sizeof *l->words);
    l->names = gp_mem_zero(most, sizeof *l->names);
    if (!l->text || !l->words || !l->names) return gp_fail_memory(err, "the categories");
    char *p = l->text;
    for (size_t i = 0; i < count; i++) {
        char *end = p + strlen(p), *alternatives = strchr(p, '=');
        if (alternatives) *alternatives++ = 0;
        for (char *at = alternatives ? alternatives : p, *next; at; at = next) {
            next = alternatives ? strchr(at, '|') : NULL;
            if (next) *next++ = 0;
            if (!*at || !*p) return gp_fail(err, GP_ERR_USAGE, "category '%s' has an empty word", labels[i]);
            l->words[l->count] = at, l->names[l->count++] = p;
        }
        p = end + 1;
    }
    return GP_OK;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* Returns the position at which the prompt first contains the word, as a whole word or in the plural. Returns SIZE_MAX
 * if the prompt does not contain the word. */
static size_t mentioned(const char *prompt, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; prompt[i]; i++) {
        if (i > 0 && is_letter(prompt[i - 1])) continue;
        if (strncasecmp(prompt + i, word, length) != 0) continue;
        const char *after = prompt + i + length;
        if (!strncasecmp(after, "es", 2) && !is_letter(after[2])) return i;
        if (*after == 's' && !is_letter(after[1])) return i;
        if (!is_letter(*after)) return i;
    }
    return SIZE_MAX;
}

const char *gp_label_words_match(const gp_label_words *l, const char *prompt)
{
    size_t first = SIZE_MAX, longest = 0;
    const char *name = NULL;
    for (size_t i = 0; prompt && i < l->count; i++) {
        size_t at = mentioned(prompt, l->words[i]), length = strlen(l->words[i]);
        if (at < first || (at == first && at != SIZE_MAX && length > longest))
            first = at, longest = length, name = l->names[i];
    }
    return name;
}
