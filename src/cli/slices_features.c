/* SPDX-License-Identifier: MIT
 * Reads the features of --feature and --embedding: columns of the table, and arrays in files of their own. */
#include "cli/slices_features.h"

#include "base/npy_write.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------ a column as one kind of feature */

gp_status gp_cli_feature_column(const gp_columns *table, const char *path, const char *name, size_t *column,
                                gp_error *err)
{
    *column = gp_columns_find(table, name);
    if (*column != SIZE_MAX) return GP_OK;
    gp_str all = GP_STR_INIT;
    for (size_t c = 0; c < gp_columns_count(table); c++)
        gp_str_printf(&all, "%s%s", c ? ", " : "", gp_columns_name(table, c));
    gp_fail(err, GP_ERR_USAGE, "'%s' has no column '%s'; its columns are %.600s", path, name,
            all.data ? all.data : "none");
    gp_str_clear(&all);
    return GP_ERR_USAGE;
}

/* Takes the column as words, borrowed from the table; NULL for empty cells. */
static gp_status take_words(const gp_columns *table, size_t column, gp_cli_feature *out, gp_error *err)
{
    size_t n = gp_columns_rows(table);
    const char **words;
    GP_TRY(gp_alloc((void **)&words, n, sizeof *words, "a column", err));
    for (size_t i = 0; i < n; i++) {
        const char *cell = gp_columns_cell(table, i, column);
        words[i] = cell && *cell ? cell : NULL;
    }
    out->rows = words, out->feature.words = words;
    return GP_OK;
}

static gp_status take_numbers(const gp_columns *table, size_t column, gp_cli_feature *out, gp_error *err)
{
    double *numbers;
    GP_TRY(gp_alloc((void **)&numbers, gp_columns_rows(table), sizeof *numbers, "a column", err));
    gp_status st = gp_columns_numbers(table, column, numbers, err);
    if (st != GP_OK) {
        gp_mem_free(numbers);
        return st;
    }
    out->rows = numbers, out->feature.numbers = numbers;
    return GP_OK;
}

static gp_status take_vectors(const gp_columns *table, size_t column, gp_cli_feature *out, gp_error *err)
{
    float *rows;
    GP_TRY(gp_columns_vectors(table, column, &rows, &out->feature.d, err));
    out->rows = rows, out->feature.vectors = rows;
    return GP_OK;
}

gp_status gp_cli_feature_guess(const gp_columns *table, size_t column, gp_cli_feature *out, gp_error *err)
{
    const char *first = NULL;
    for (size_t i = 0; i < gp_columns_rows(table) && !(first && *first); i++) first = gp_columns_cell(table, i, column);
    out->feature.size = sizeof out->feature;
    out->feature.name = gp_columns_name(table, column);
    out->feature.kind = GP_FEATURE_EMBEDDING;
    if (first && *first == '[') return take_vectors(table, column, out, err);
    out->feature.kind = GP_FEATURE_NUMBER;
    gp_status st = take_numbers(table, column, out, err);
    if (st != GP_ERR_USAGE) return st;
    out->feature.kind = GP_FEATURE_CATEGORY;
    return take_words(table, column, out, err);
}

/* ------------------------------------------------------------------ the words after the column */

static gp_status take_weight(const char *option, const char *word, double *weight, gp_error *err)
{
    if (gp_parse_double(word, weight) && *weight > 0) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE, "the weight in '%s' must be a number above 0, not '%s'", option, word);
}

/* Splits `word`, "LOW|...|HIGH", at its bars. */
static gp_status take_order(char *word, gp_cli_feature *out, gp_error *err)
{
    size_t most = 1;
    for (const char *p = word; *p; p++) most += *p == '|';
    GP_TRY(gp_alloc((void **)&out->order, most, sizeof *out->order, "the ordered values of a feature", err));
    out->feature.order = out->order;
    for (char *p = word, *next; p; p = next) {
        next = strchr(p, '|');
        if (next) *next++ = 0;
        if (!*p)
            return gp_fail(err, GP_ERR_USAGE, "the order of '%s' has an empty value: write ordinal=LOW|...|HIGH",
                           out->feature.name);
        for (size_t k = 0; k < out->feature.order_count; k++)
            if (!strcmp(p, out->order[k]))
                return gp_fail(err, GP_ERR_USAGE, "the order of '%s' has '%s' twice", out->feature.name, p);
        out->order[out->feature.order_count++] = p;
    }
    return GP_OK;
}

/* Checks, before the long search begins, that the value of every row is one of the ordered values. */
static gp_status check_order(const gp_columns *table, size_t column, const gp_feature *f, gp_error *err)
{
    gp_str all = GP_STR_INIT;
    size_t bad = 0;
    for (; bad < gp_columns_rows(table); bad++) {
        size_t place = 0;
        while (place < f->order_count && (!f->words[bad] || strcmp(f->order[place], f->words[bad]) != 0)) place++;
        if (place == f->order_count) break;
    }
    if (bad == gp_columns_rows(table)) return GP_OK;
    for (size_t k = 0; k < f->order_count; k++) gp_str_printf(&all, "%s%s", k ? "|" : "", f->order[k]);
    if (f->words[bad])
        gp_fail(err, GP_ERR_USAGE, "row %zu: '%.100s' is not one of the ordered values of column '%s': %.600s", bad + 1,
                f->words[bad], gp_columns_name(table, column), all.data ? all.data : "");
    else
        gp_fail(err, GP_ERR_USAGE, "row %zu has no value in column '%s', which needs one of its ordered values %.600s",
                bad + 1, gp_columns_name(table, column), all.data ? all.data : "");
    gp_str_clear(&all);
    return GP_ERR_USAGE;
}

typedef struct kind_word {
    const char *word;
    gp_feature_kind kind;
} kind_word;

static const kind_word kinds[] = {{"number", GP_FEATURE_NUMBER},      {"numerical", GP_FEATURE_NUMBER},
                                  {"category", GP_FEATURE_CATEGORY},  {"nominal", GP_FEATURE_CATEGORY},
                                  {"ordinal", GP_FEATURE_ORDINAL},    {"vector", GP_FEATURE_EMBEDDING},
                                  {"embedding", GP_FEATURE_EMBEDDING}};

/* The kind of a column; `has_kind` is false if the option names no kind. */
typedef struct column_kind {
    bool has_kind;
    gp_feature_kind kind;
} column_kind;

static gp_status set_kind(column_kind *k, gp_feature_kind kind, const char *option, gp_error *err)
{
    if (k->has_kind && k->kind != kind)
        return gp_fail(
            err, GP_ERR_USAGE,
            "'%s' names two kinds: `unscaled` is only for number, `weight` only for vector, an order only for ordinal",
            option);
    *k = (column_kind){true, kind};
    return GP_OK;
}

static gp_status take_word(const char *option, char *word, column_kind *k, gp_cli_feature *out, gp_error *err)
{
    if (!strcmp(word, "unscaled")) {
        out->feature.unscaled = true;
        return set_kind(k, GP_FEATURE_NUMBER, option, err);
    }
    if (gp_str_starts(word, "weight=")) {
        GP_TRY(take_weight(option, word + strlen("weight="), &out->feature.weight, err));
        return set_kind(k, GP_FEATURE_EMBEDDING, option, err);
    }
    if (gp_str_starts(word, "ordinal=")) {
        GP_TRY(set_kind(k, GP_FEATURE_ORDINAL, option, err));
        return take_order(word + strlen("ordinal="), out, err);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(word, kinds[i].word)) return set_kind(k, kinds[i].kind, option, err);
    return gp_fail(err, GP_ERR_USAGE,
                   "a kind must be number, category, vector or ordinal=LOW|...|HIGH, not '%s' (in '%s')", word, option);
}

/* Reads the words of a kind, separated by commas.  After "ordinal=" commas belong to the values. */
static gp_status take_kind(const char *option, char *words, column_kind *k, gp_cli_feature *out, gp_error *err)
{
    for (char *word = words, *next; word; word = next) {
        next = gp_str_starts(word, "ordinal=") ? NULL : strchr(word, ',');
        if (next) *next++ = 0;
        GP_TRY(take_word(option, word, k, out, err));
    }
    if (k->has_kind && k->kind == GP_FEATURE_ORDINAL && !out->order)
        return gp_fail(err, GP_ERR_USAGE,
                       "an ordinal feature needs its order, from low to high: '%s:ordinal=LOW|...|HIGH'",
                       out->feature.name);
    return GP_OK;
}

/* ------------------------------------------------------------------ --feature */

/* Finds the longest column name that ends at a colon or at the end of out->text, and cuts the text there.  *kind: the
 * text after the colon, or NULL. */
static gp_status find_column(const gp_columns *table, const char *path, gp_cli_feature *out, size_t *column,
                             char **kind, gp_error *err)
{
    char *text = out->text;
    *kind = NULL;
    *column = gp_columns_find(table, text);
    for (size_t end = strlen(text); *column == SIZE_MAX && end-- > 0;) {
        if (text[end] != ':') continue;
        text[end] = 0;
        *column = gp_columns_find(table, text);
        if (*column != SIZE_MAX) *kind = text + end + 1;
        text[end] = *column == SIZE_MAX ? ':' : 0;
    }
    if (*column != SIZE_MAX) return GP_OK;
    text[strcspn(text, ":")] = 0;
    return gp_cli_feature_column(table, path, text, column, err);
}

gp_status gp_cli_feature_read(const gp_columns *table, const char *path, const char *value, gp_cli_feature *out,
                              gp_error *err)
{
    column_kind kind = {0};
    size_t column;
    char *words;
    *out = (gp_cli_feature){.feature = GP_INIT(gp_feature), .text = gp_str_dup(value)};
    if (!out->text) return gp_fail_memory(err, "a feature");
    GP_TRY(find_column(table, path, out, &column, &words, err));
    out->feature.name = gp_columns_name(table, column);
    if (words) GP_TRY(take_kind(value, words, &kind, out, err));
    if (!kind.has_kind) return gp_cli_feature_guess(table, column, out, err);
    out->feature.kind = kind.kind;
    switch (kind.kind) {
    case GP_FEATURE_EMBEDDING: return take_vectors(table, column, out, err);
    case GP_FEATURE_NUMBER: return take_numbers(table, column, out, err);
    case GP_FEATURE_CATEGORY: return take_words(table, column, out, err);
    case GP_FEATURE_ORDINAL: break;
    }
    GP_TRY(take_words(table, column, out, err));
    return check_order(table, column, &out->feature, err);
}

/* ------------------------------------------------------------------ --embedding */

/* Cuts ":weight=W" off the end of the text.  All other colons are part of the file's name. */
static gp_status cut_weight(const char *option, char *text, double *weight, gp_error *err)
{
    static const char word[] = ":weight=";
    char *found = NULL;
    for (char *p = strstr(text, word); p; p = strstr(p + 1, word)) found = p;
    if (!found || strchr(found, '/')) return GP_OK;
    *found = 0;
    return take_weight(option, found + strlen(word), weight, err);
}

gp_status gp_cli_feature_load(const char *value, size_t rows, gp_cli_feature *out, gp_error *err)
{
    float *vectors;
    size_t n;
    *out = (gp_cli_feature){.feature = GP_INIT(gp_feature), .text = gp_str_dup(value)};
    gp_feature *f = &out->feature;
    if (!out->text) return gp_fail_memory(err, "a feature");
    f->name = out->text, f->kind = GP_FEATURE_EMBEDDING;
    GP_TRY(cut_weight(value, out->text, &f->weight, err));
    char *file = strchr(out->text, '='), *slash = strchr(out->text, '/');
    bool named = file && (!slash || file < slash); /* a '=' after a '/' belongs to the path, as in "runs/lr=1/x.npy" */
    if (named) *file++ = 0;
    GP_TRY(gp_npy_read_finite(named ? file : out->text, &vectors, &n, &f->d, err));
    out->rows = vectors, f->vectors = vectors;
    if (n == rows) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE, "'%s' has %zu %s, but the table has %zu: both must have the same number of rows",
                   named ? file : out->text, n, gp_plural(n, "row", "rows"), rows);
}

void gp_cli_feature_clear(gp_cli_feature *f)
{
    gp_free(f->rows);
    gp_mem_free(f->order);
    gp_mem_free(f->text);
    memset(f, 0, sizeof *f);
}

gp_status gp_npy_read_finite(const char *path, float **rows, size_t *n, size_t *d, gp_error *err)
{
    GP_TRY(gp_npy_read(path, rows, n, d, err));
    for (size_t i = 0; i < *n * *d; i++) {
        if (isfinite((*rows)[i])) continue;
        gp_free(*rows);
        *rows = NULL;
        return gp_fail(err, GP_ERR_FORMAT, "row %zu of '%s' has a number that is not finite (NaN or infinite)",
                       i / *d + 1, path);
    }
    return GP_OK;
}
