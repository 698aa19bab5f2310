/* SPDX-License-Identifier: MIT
 * A head of several layers without activations: W3 (W2 (W1 x + b1) + b2) + b3 = w . x + b.
 * The layers are folded from the last to the first, in double, so w and b differ from the exact ones by rounding alone.
 * Limits: 16 layers, 4096 columns. */
#include "model/linear_layers.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { MOST_LAYERS = 16, MOST_COLUMNS = 4096 };

typedef struct layers {
    const gp_tensors *tensors;
    const char *file;
    size_t count;
    struct layer {
        uint64_t number;
        const gp_tensor *weight;
    } layer[MOST_LAYERS];
    size_t stem; /* bytes of the names before the number */
} layers;

/* Splits the name "STEM" "N" ".weight".  *stem: bytes of STEM, which is empty or ends with a dot. */
static bool split(const char *name, size_t *stem, uint64_t *number)
{
    const char last[] = ".weight";
    char digits[8];
    const size_t length = strlen(name), end = sizeof last - 1;
    if (length <= end || strcmp(name + length - end, last) != 0) return false;
    size_t at = length - end;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') at--;
    const size_t size = length - end - at;
    if (size == 0 || size >= sizeof digits || (at > 0 && name[at - 1] != '.')) return false;
    memcpy(digits, name + at, size);
    digits[size] = '\0';
    *stem = at;
    return gp_parse_u64(digits, number);
}

/* Returns whether the stem is the wanted prefix and a dot; prefix NULL: any. */
static bool wanted(const char *prefix, const char *name, size_t stem)
{
    if (!prefix) return true;
    const size_t length = strlen(prefix);
    return length ? stem == length + 1 && memcmp(name, prefix, length) == 0 : stem == 0;
}

/* Inserts a layer in the order of its number.  Returns false if the number occurs twice or there are too many. */
static bool insert(layers *l, uint64_t number, const gp_tensor *weight)
{
    size_t at = l->count;
    if (l->count == MOST_LAYERS) return false;
    while (at > 0 && l->layer[at - 1].number > number) l->layer[at] = l->layer[at - 1], at--;
    if (at > 0 && l->layer[at - 1].number == number) return false;
    l->layer[at] = (struct layer){number, weight};
    l->count++;
    return true;
}

/* Collects the layers.  Returns false if the tensors are not layers of one head. */
static bool collect(layers *l, const char *prefix)
{
    const char *first = NULL;
    for (size_t i = 0; i < gp_tensors_count(l->tensors); i++) {
        const gp_tensor *t = gp_tensors_at(l->tensors, i);
        size_t stem = 0;
        uint64_t number = 0;
        if (!split(t->name, &stem, &number)) {
            if (!prefix && gp_str_ends(t->name, "weight")) return false;
            continue;
        }
        if (!wanted(prefix, t->name, stem)) continue;
        if (!first) first = t->name, l->stem = stem;
        if (stem != l->stem || memcmp(first, t->name, stem) != 0 || !insert(l, number, t)) return false;
    }
    return l->count > 1;
}

bool gp_linear_layers_are(const gp_tensors *tensors, const char *prefix)
{
    layers l = {.tensors = tensors};
    return collect(&l, prefix);
}

/* Reads a tensor of n numbers; the caller frees *out. */
static gp_status read_floats(const layers *l, const gp_tensor *t, float **out, gp_error *err)
{
    gp_dtype dtype;
    size_t bad = 0;
    *out = NULL;
    if (!gp_tensor_dtype(t, &dtype))
        return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s': tensor '%s' is %s; a head must be F32, F16 or BF16",
                            l->file, t->name, t->dtype);
    GP_TRY(gp_alloc((void **)out, gp_tensor_numbers(t), sizeof **out, "a layer of a head", err));
    GP_TRY(gp_tensors_read_floats(l->tensors, t, *out, &bad, err));
    if (bad)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': tensor '%s' has a number that is not finite", l->file, t->name);
    return GP_OK;
}

/* Checks the shapes: [1,c], [c,d] ... from the last layer to the first. */
static gp_status check_shapes(const layers *l, uint32_t dims, const char *model, gp_error *err)
{
    uint64_t rows = 1;
    for (size_t i = l->count; i-- > 0;) {
        const gp_tensor *t = l->layer[i].weight;
        if (t->dims != 2 || t->shape[0] != rows || t->shape[1] == 0 || t->shape[1] > MOST_COLUMNS)
            return gp_fail_path(err, GP_ERR_FORMAT, "'%s': tensor '%s' must have the shape [%llu, n] with n up to %d",
                                l->file, t->name, (unsigned long long)rows, MOST_COLUMNS);
        rows = t->shape[1];
    }
    if (rows == dims) return GP_OK;
    return gp_fail_path(err, GP_ERR_USAGE,
                        "'%s' is a head for embeddings with %llu dimensions, but the embeddings of '%s' have %u",
                        l->file, (unsigned long long)rows, model, dims);
}

/* Folds one layer into the vector w [rows] and the bias *b: w becomes [columns]. */
static gp_status fold_layer(const layers *l, const gp_tensor *t, double *w, double *next, double *b, gp_error *err)
{
    char name[300];
    float *weight = NULL, *bias = NULL;
    const size_t rows = (size_t)t->shape[0], columns = (size_t)t->shape[1];
    gp_status st;
    snprintf(name, sizeof name, "%.*sbias", (int)(strlen(t->name) - strlen("weight")), t->name);
    const gp_tensor *biases = gp_tensors_find(l->tensors, name);
    if (!biases || biases->dims != 1 || biases->shape[0] != rows)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' has no tensor '%s' with %zu numbers", l->file, name, rows);
    GP_TRY_GOTO(read_floats(l, t, &weight, err));
    GP_TRY_GOTO(read_floats(l, biases, &bias, err));
    for (size_t j = 0; j < columns; j++) next[j] = 0;
    for (size_t i = 0; i < rows; i++) {
        *b += w[i] * (double)bias[i];
        for (size_t j = 0; j < columns; j++) next[j] += w[i] * (double)weight[i * columns + j];
    }
    memcpy(w, next, columns * sizeof *w);
out:
    gp_mem_free(bias);
    gp_mem_free(weight);
    return st;
}

gp_status gp_linear_layers_fold(const gp_tensors *tensors, const char *file, const char *prefix, uint32_t dims,
                                const char *model, double **out, gp_error *err)
{
    layers l = {.tensors = tensors, .file = file};
    double *w = NULL, *next = NULL, b = 0;
    gp_status st;
    if (!collect(&l, prefix)) return gp_fail_path(err, GP_ERR_FORMAT, "'%s' has no layers of one head", file);
    GP_TRY(check_shapes(&l, dims, model, err));
    GP_TRY_GOTO(gp_alloc((void **)&w, MOST_COLUMNS + 2, sizeof *w, "a head", err));
    GP_TRY_GOTO(gp_alloc((void **)&next, MOST_COLUMNS, sizeof *next, "a head", err));
    w[0] = 1;
    for (size_t i = l.count; i-- > 0;) GP_TRY_GOTO(fold_layer(&l, l.layer[i].weight, w, next, &b, err));
    w[dims] = b;
    *out = w;
    w = NULL;
out:
    gp_mem_free(next);
    gp_mem_free(w);
    return st;
}
