/* SPDX-License-Identifier: MIT
 * A linear head over the image embedding: score = w . x + b, such as the LAION aesthetic predictor version 1.
 *
 * The file is safetensors with a `weight` [1,d] or [d] and a `bias` [1] or [], both with the same prefix or with none.
 * A file of several heads needs the prefix after '#': heads.safetensors#laion_v1.vit_l_14.  Nothing after '#' names the
 * head without a prefix.  Metadata, all optional:
 *   encoder        name or weight hash of the model that the head was made for; other models are rejected
 *   scale          what a score is, in a few words
 *   higher_better  "true" or "false"
 * The sum is computed in double from float32 parameters; their hash becomes part of the scorer's id, with the
 * direction if lower is better. */
#include "model/scorer_type.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <string.h>

#define WEIGHT "weight"
#define BIAS   "bias"

typedef struct linear_head {
    gp_scorer base; /* first */
    float *weight;  /* [dims + 2]: the weights; the bias; a constant, which is hashed too if lower scores are better */
} linear_head;

/* A file being read. */
typedef struct head_file {
    char *path;         /* owned: path of the file, without '#' and what follows */
    const char *prefix; /* text after '#'; "": the head whose names have no prefix; NULL: the only head of the file */
    gp_tensors *tensors;
    const gp_tensor *weight, *bias;
} head_file;

/* ------------------------------------------------------------------ finding the tensors */

/* Returns the length of the part of the name before `last`: 4 ("a.b.") for "a.b.weight". Returns SIZE_MAX if the name
 * does not end with `last`. */
static size_t prefix_of(const char *name, const char *last)
{
    size_t length = strlen(name), end = strlen(last);
    if (length < end || strcmp(name + length - end, last) != 0) return SIZE_MAX;
    return length == end || name[length - end - 1] == '.' ? length - end : SIZE_MAX;
}

static bool has_prefix(const char *prefix, const char *name, size_t length)
{
    if (!prefix) return true;
    if (!*prefix) return length == 0;
    return strlen(prefix) + 1 == length && memcmp(name, prefix, length - 1) == 0;
}

/* Returns a weight tensor with the prefix f->prefix; any weight tensor if f->prefix is NULL. Returns NULL if there is
 * none.  *count: number of such tensors. */
static const gp_tensor *find_weight(const head_file *f, size_t *count)
{
    const gp_tensor *found = NULL;
    *count = 0;
    for (size_t i = 0; i < gp_tensors_count(f->tensors); i++) {
        const gp_tensor *t = gp_tensors_at(f->tensors, i);
        size_t length = prefix_of(t->name, WEIGHT);
        if (length != SIZE_MAX && has_prefix(f->prefix, t->name, length)) found = t, ++*count;
    }
    return found;
}

static gp_status find_tensors(head_file *f, gp_error *err)
{
    char name[300];
    size_t count;
    f->weight = find_weight(f, &count);
    if (!f->weight && f->prefix)
        return gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' has no tensor '%.200s%s" WEIGHT "'", f->path, f->prefix,
                            *f->prefix ? "." : "");
    if (!f->weight) return gp_fail_path(err, GP_ERR_FORMAT, "'%s' has no tensor '" WEIGHT "'", f->path);
    const int length = (int)prefix_of(f->weight->name, WEIGHT); /* with the dot */
    if (count > 1)
        return gp_fail_path(err, GP_ERR_USAGE, "'%s' has %zu heads: name one, such as '%s#%.*s'", f->path, count,
                            f->path, length ? length - 1 : 0, f->weight->name);
    snprintf(name, sizeof name, "%.*s" BIAS, length, f->weight->name);
    f->bias = gp_tensors_find(f->tensors, name);
    if (!f->bias) return gp_fail_path(err, GP_ERR_FORMAT, "'%s' has no tensor '%s'", f->path, name);
    return GP_OK;
}

/* ------------------------------------------------------------------ reading the tensors */

/* Returns whether the shape is [n], [1, n] or, for n = 1, []. */
static bool is_row(const gp_tensor *t, uint64_t n)
{
    return t->dims <= 2 && gp_tensor_numbers(t) == n && (t->dims < 2 || t->shape[0] == 1);
}

static gp_status read_row(const head_file *f, const gp_tensor *t, float *out, gp_error *err)
{
    gp_dtype dtype;
    size_t bad = 0;
    if (!gp_tensor_dtype(t, &dtype))
        return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s': tensor '%s' is %s; a head must be F32, F16 or BF16",
                            f->path, t->name, t->dtype);
    GP_TRY(gp_tensors_read_floats(f->tensors, t, out, &bad, err));
    if (bad)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': tensor '%s' has a number that is not finite", f->path, t->name);
    return GP_OK;
}

static gp_status read_parameters(linear_head *head, const head_file *f, const gp_scorer_source *source, gp_error *err)
{
    const uint32_t d = head->base.dims;
    if (f->weight->dims == 0 || f->weight->dims > 2 || !is_row(f->weight, f->weight->shape[f->weight->dims - 1]))
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': tensor '%s' must have the shape [1, d]", f->path,
                            f->weight->name);
    if (gp_tensor_numbers(f->weight) != d)
        return gp_fail_path(err, GP_ERR_USAGE,
                            "'%s' is a head for embeddings with %llu dimensions, but the embeddings of '%s' have %u",
                            f->path, (unsigned long long)gp_tensor_numbers(f->weight), source->model, d);
    if (!is_row(f->bias, 1))
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': tensor '%s' must be one number", f->path, f->bias->name);
    GP_TRY(gp_alloc_aligned((void **)&head->weight, d + 2u, sizeof *head->weight, "a head", err));
    GP_TRY(read_row(f, f->weight, head->weight, err));
    return read_row(f, f->bias, head->weight + d, err);
}

/* Hashes weights, bias and direction: not the file's name, the prefix, the number type or other metadata.  The
 * direction is hashed only if lower is better.  So a head for which higher is better has the same id as in older
 * versions of goldpan, which had no directions. */
static void hash_parameters(linear_head *head)
{
    const size_t d = head->base.dims, n = head->base.higher_better ? d + 1 : d + 2;
    head->weight[d + 1] = -1;
    gp_hash_hex(gp_hash_of(head->weight, n * sizeof *head->weight), head->base.parameters);
}

/* ------------------------------------------------------------------ metadata */

/* Fails if the file names another encoder: the scores would be meaningless, even if the dimensions are equal. */
static gp_status check_encoder(const head_file *f, const gp_scorer_source *source, gp_error *err)
{
    const char *made_for = gp_tensors_metadata(f->tensors, "encoder");
    if (!made_for || strcmp(made_for, source->model) == 0) return GP_OK;
    if (strcmp(made_for, source->facts.weight_hash) == 0) return GP_OK;
    return gp_fail_path(err, GP_ERR_USAGE, "'%s' is a head for the model '%.200s', not for '%s' (weights %s)", f->path,
                        made_for, source->model, source->facts.weight_hash);
}

static gp_status read_metadata(gp_scorer *scorer, const head_file *f, gp_error *err)
{
    const char *scale = gp_tensors_metadata(f->tensors, "scale");
    const char *higher = gp_tensors_metadata(f->tensors, "higher_better");
    if (scale && (!*scale || strlen(scale) >= sizeof scorer->scale))
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': scale must have 1 to %zu bytes, not %zu", f->path,
                            sizeof scorer->scale - 1, strlen(scale));
    if (scale) memcpy(scorer->scale, scale, strlen(scale) + 1);
    if (higher && strcmp(higher, "true") != 0 && strcmp(higher, "false") != 0)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': higher_better must be true or false, not '%.60s'", f->path,
                            higher);
    scorer->higher_better = !higher || strcmp(higher, "true") == 0;
    return GP_OK;
}

/* Names the scorer by the prefix.  Without a prefix, names it by the file: "aesthetic" for
 * "heads/aesthetic.safetensors". */
static void set_name(gp_scorer *scorer, const head_file *f)
{
    const bool prefixed = f->prefix && *f->prefix;
    const char *base = prefixed ? f->prefix : gp_path_base(f->path);
    size_t length = strlen(base);
    if (!prefixed && gp_str_ends(base, ".safetensors")) length -= strlen(".safetensors");
    if (length) snprintf(scorer->name, sizeof scorer->name, "%.*s", (int)(length < 99 ? length : 99), base);
}

/* ------------------------------------------------------------------ the type */

static gp_status split_file(const char *file, head_file *f, gp_error *err)
{
    f->path = gp_str_dup(file);
    if (!f->path) return gp_fail_memory(err, "a path");
    /* folders may have a '#' in their names, so only a '#' in the file's name counts */
    char *hash = strrchr(gp_path_base(f->path), '#');
    if (!hash) return GP_OK;
    *hash = '\0';
    f->prefix = hash + 1;
    return GP_OK;
}

static gp_status linear_open(gp_scorer *scorer, const gp_scorer_source *source, gp_error *err)
{
    linear_head *head = (linear_head *)(void *)scorer;
    head_file f = {0};
    gp_status st;
    GP_TRY_GOTO(split_file(source->file, &f, err));
    GP_TRY_GOTO(gp_tensors_open_file(f.path, &f.tensors, err));
    GP_TRY_GOTO(find_tensors(&f, err));
    GP_TRY_GOTO(check_encoder(&f, source, err));
    GP_TRY_GOTO(read_parameters(head, &f, source, err));
    GP_TRY_GOTO(read_metadata(scorer, &f, err));
    hash_parameters(head);
    set_name(scorer, &f);
out:
    gp_tensors_close(f.tensors);
    gp_mem_free(f.path);
    return st;
}

static void linear_clear(gp_scorer *scorer)
{
    gp_mem_free(((linear_head *)(void *)scorer)->weight);
}

static void linear_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores)
{
    const linear_head *head = (const linear_head *)(const void *)scorer;
    const gp_kernels *kernels = gp_kernel_table();
    const size_t d = scorer->dims;
    for (size_t i = 0; i < batch->n; i++)
        scores[i] = kernels->dot(batch->images + i * d, head->weight, d) + (double)head->weight[d];
}

const gp_scorer_type gp_linear_head_type = {.name = "linear",
                                            .scale = "w*x+b",
                                            .needs = GP_SCORER_NEEDS_IMAGE,
                                            .needs_file = true,
                                            .size = sizeof(linear_head),
                                            .open = linear_open,
                                            .clear = linear_clear,
                                            .run = linear_run};
