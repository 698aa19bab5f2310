/* SPDX-License-Identifier: MIT
 * Converts the settings of images, one JSON object each, to columns. */
#include "stage/settings.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 256 };

typedef struct reader {
    gp_setting_columns *out;
    size_t capacity, row;
    bool no_memory;
} reader;

/* Returns the value as text. Owned; NULL if memory ran out. */
static char *value_text(const gp_json *value)
{
    gp_json_kind kind = gp_json_kind_of(value);
    if (kind == GP_JSON_STRING) return gp_str_dup(gp_json_text(value, NULL));
    gp_str s = GP_STR_INIT;
    gp_json_write(&s, value);
    return gp_str_take(&s);
}

static size_t column_of(reader *r, const char *name)
{
    gp_setting_columns *s = r->out;
    for (size_t c = 0; c < s->count; c++)
        if (!strcmp(s->names[c], name)) return c;
    if (s->count == MAX_KEYS) return SIZE_MAX;
    char *own = gp_str_dup(name), **words = gp_mem_zero(s->n, sizeof *words);
    if (!own || !words) {
        gp_mem_free(own);
        gp_mem_free(words);
        r->no_memory = true;
        return SIZE_MAX;
    }
    s->names[s->count] = own;
    s->words[s->count] = words;
    return s->count++;
}

static bool take_member(void *user, const char *key, const gp_json *value)
{
    reader *r = user;
    gp_json_kind kind = gp_json_kind_of(value);
    if (kind == GP_JSON_NULL || kind == GP_JSON_ARRAY || kind == GP_JSON_OBJECT) return true;
    size_t c = column_of(r, key);
    if (c == SIZE_MAX) return !r->no_memory;
    char *text = value_text(value);
    if (!text) r->no_memory = true;
    gp_mem_free(r->out->words[c][r->row]); /* if an object has the key twice, the last value counts */
    r->out->words[c][r->row] = text;
    return !r->no_memory;
}

typedef struct named {
    char *name, **words;
} named;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static void sort_columns(gp_setting_columns *s)
{
    named all[MAX_KEYS];
    for (size_t c = 0; c < s->count; c++) all[c] = (named){s->names[c], s->words[c]};
    qsort(all, s->count, sizeof *all, by_name);
    for (size_t c = 0; c < s->count; c++) s->names[c] = all[c].name, s->words[c] = all[c].words;
}

/* Sets numbers[c] if all values of column c are numbers. */
static gp_status read_numbers(gp_setting_columns *s, size_t c, gp_error *err)
{
    double *numbers;
    GP_TRY(gp_alloc((void **)&numbers, s->n, sizeof *numbers, "settings", err));
    for (size_t i = 0; i < s->n; i++) {
        numbers[i] = NAN;
        if (s->words[c][i] && !gp_parse_double(s->words[c][i], &numbers[i])) {
            gp_mem_free(numbers);
            return GP_OK;
        }
    }
    s->numbers[c] = numbers;
    return GP_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Counts the distinct values, and the images that have a value. */
static gp_status count_values(const gp_setting_columns *s, size_t c, size_t *distinct, size_t *present, gp_error *err)
{
    char **sorted;
    size_t k = 0;
    GP_TRY(gp_alloc((void **)&sorted, s->n, sizeof *sorted, "settings", err));
    for (size_t i = 0; i < s->n; i++)
        if (s->words[c][i]) sorted[k++] = s->words[c][i];
    qsort(sorted, k, sizeof *sorted, by_text);
    *present = k;
    *distinct = k > 0;
    for (size_t i = 1; i < k; i++) *distinct += strcmp(sorted[i], sorted[i - 1]) != 0;
    gp_mem_free(sorted);
    return GP_OK;
}

static gp_status choose_features(gp_setting_columns *s, gp_error *err)
{
    GP_TRY(gp_alloc((void **)&s->features, s->count, sizeof *s->features, "settings", err));
    for (size_t c = 0; c < s->count; c++) {
        size_t distinct, present;
        GP_TRY(read_numbers(s, c, err));
        GP_TRY(count_values(s, c, &distinct, &present, err));
        bool number = s->numbers[c] != NULL;
        if (distinct < 2 && present == s->n) continue;
        /* texts that nearly all differ, such as names, are useless as categories */
        if (!number && distinct * 2 > present && distinct > 2) continue;
        s->features[s->feature_count++] = (gp_feature){.size = sizeof(gp_feature),
                                                       .name = s->names[c],
                                                       .kind = number ? GP_FEATURE_NUMBER : GP_FEATURE_CATEGORY,
                                                       .numbers = s->numbers[c],
                                                       .words = (const char *const *)s->words[c]};
    }
    return GP_OK;
}

gp_status gp_setting_columns_read(char *const *json, size_t n, gp_setting_columns *out, gp_error *err)
{
    gp_setting_columns s = {.n = n};
    reader r = {.out = &s};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&s.names, MAX_KEYS, sizeof *s.names, "settings", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.words, MAX_KEYS, sizeof *s.words, "settings", err));
    for (size_t i = 0; i < n; i++) {
        gp_json *root = NULL;
        if (!json[i]) continue;
        st = gp_json_parse(json[i], strlen(json[i]), false, 16, &root, NULL);
        if (st == GP_ERR_MEMORY) r.no_memory = true;
        r.row = i;
        if (st == GP_OK) gp_json_each(root, take_member, &r);
        gp_json_free(root);
        if (r.no_memory) GP_TRY_GOTO(gp_fail_memory(err, "the settings of %zu images", n));
    }
    sort_columns(&s);
    s.numbers = gp_mem_zero(s.count, sizeof *s.numbers);
    if (!s.numbers) GP_TRY_GOTO(gp_fail_memory(err, "the settings of %zu images", n));
    GP_TRY_GOTO(choose_features(&s, err));
    *out = s;
    return GP_OK;
out:
    gp_setting_columns_clear(&s);
    return st;
}

void gp_setting_columns_clear(gp_setting_columns *s)
{
    for (size_t c = 0; c < s->count; c++) {
        for (size_t i = 0; i < s->n; i++) gp_mem_free(s->words[c][i]);
        gp_mem_free(s->words[c]);
        gp_mem_free(s->names[c]);
        if (s->numbers) gp_mem_free(s->numbers[c]);
    }
    gp_mem_free(s->features);
    gp_mem_free(s->numbers);
    gp_mem_free(s->words);
    gp_mem_free(s->names);
    memset(s, 0, sizeof *s);
}

size_t gp_setting_columns_find(const gp_setting_columns *s, const char *name)
{
    for (size_t c = 0; c < s->count; c++)
        if (!strcmp(s->names[c], name)) return c;
    for (size_t c = 0; c < s->count; c++)
        if (gp_str_equal_nocase(s->names[c], name)) return c;
    return SIZE_MAX;
}
