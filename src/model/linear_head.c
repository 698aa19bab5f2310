/* SPDX-License-Identifier: MIT
 * Linear heads over the image embedding: score = w . x + b.  "linear:FILE" is the user's own file; "aesthetic-v1" and
 * "aesthetic-v2" are the LAION aesthetic predictors, whose files come with goldpan (models/heads).
 *
 * The file is safetensors with a `weight` [1,d] or [d] and a `bias` [1] or [], both with the same prefix or with none.
 * A file of several heads needs the prefix after '#': heads.safetensors#laion_v1.vit_l_14.  Nothing after '#' names the
 * head without a prefix.  Metadata, all optional:
 *   encoder        names or weight hashes of the models that the head was made for, separated by blanks; other models
 *                  are rejected
 *   scale          what a score is, in a few words
 *   higher_better  "true" or "false"
 *   activation     "none": the file may have several layers, PREFIX.N.weight [out,in] and PREFIX.N.bias [out], which are
 *                  applied in the order of N (linear_layers.c)
 * The sum is computed in double from float32 parameters; their hash becomes part of the scorer's id, with the
 * direction if lower is better. */
#include "model/scorer_type.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "model/linear_layers.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <string.h>

#define WEIGHT "weight"
#define BIAS   "bias"

typedef struct linear_head {
    gp_scorer base; /* first */
    float *weight;  /* [dims + 2]: the weights; the bias; a constant, which is hashed too if lower scores are better */
    double *folded; /* [dims + 2]: the same for a head of several layers, instead of `weight`; else NULL */
} linear_head;

/* A file being read. */
typedef struct head_file {
    char *path;         /* owned: path of the file, without '#' and what follows */
    const char *prefix; /* text after '#'; "": the head whose names have no prefix; NULL: the only head of the file */
    gp_tensors *tensors;
    const gp_tensor *weight, *bias;
    bool layered; /* the file has several layers; weight and bias are not used */
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
    f->layered = count > 1 && gp_linear_layers_are(f->tensors, f->prefix);
    if (f->layered) return GP_OK;
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
    if (head->folded) {
        head->folded[d + 1] = -1;
        gp_hash_hex(gp_hash_of(head->folded, n * sizeof *head->folded), head->base.parameters);
        return;
    }
    head->weight[d + 1] = -1;
    gp_hash_hex(gp_hash_of(head->weight, n * sizeof *head->weight), head->base.parameters);
}

/* ------------------------------------------------------------------ metadata */

/* Returns whether the list of words, separated by blanks, contains `word`. */
static bool lists(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        const size_t size = strcspn(at, " ");
        if (size == length && memcmp(at, word, length) == 0) return true;
        at += size;
    }
    return false;
}

static bool is_made_for(const gp_tensors *tensors, const gp_scorer_source *source)
{
    const char *made_for = gp_tensors_metadata(tensors, "encoder");
    return !made_for || strcmp(made_for, source->model) == 0 || lists(made_for, source->model) ||
           lists(made_for, source->facts.weight_hash);
}

/* Fails if the file names another encoder: the scores would be meaningless, even if the dimensions are equal. */
static gp_status check_encoder(const head_file *f, const gp_scorer_source *source, gp_error *err)
{
    if (is_made_for(f->tensors, source)) return GP_OK;
    return gp_fail_path(err, GP_ERR_USAGE, "'%s' is a head for the model '%.200s', not for '%s' (weights %s)", f->path,
                        gp_tensors_metadata(f->tensors, "encoder"), source->model, source->facts.weight_hash);
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

static gp_status read_layers(linear_head *head, const head_file *f, const gp_scorer_source *source, gp_error *err)
{
    const char *activation = gp_tensors_metadata(f->tensors, "activation");
    if (!activation || strcmp(activation, "none") != 0)
        return gp_fail_path(
            err, GP_ERR_USAGE,
            "'%s' has several layers, but its metadata has no entry \"activation\": \"none\", so goldpan "
            "does not know whether it can combine the layers",
            f->path);
    return gp_linear_layers_fold(f->tensors, f->path, f->prefix, head->base.dims, source->model, &head->folded, err);
}

/* Reads the head from the open file. */
static gp_status read_head(linear_head *head, head_file *f, const gp_scorer_source *source, gp_error *err)
{
    GP_TRY(find_tensors(f, err));
    GP_TRY(check_encoder(f, source, err));
    GP_TRY(f->layered ? read_layers(head, f, source, err) : read_parameters(head, f, source, err));
    GP_TRY(read_metadata(&head->base, f, err));
    hash_parameters(head);
    return GP_OK;
}

static gp_status linear_open(gp_scorer *scorer, const gp_scorer_source *source, gp_error *err)
{
    head_file f = {0};
    gp_status st;
    GP_TRY_GOTO(split_file(source->argument, &f, err));
    GP_TRY_GOTO(gp_tensors_open_file(f.path, &f.tensors, err));
    GP_TRY_GOTO(read_head((linear_head *)(void *)scorer, &f, source, err));
    set_name(scorer, &f);
out:
    gp_tensors_close(f.tensors);
    gp_mem_free(f.path);
    return st;
}

/* ------------------------------------------------------------------ bundled heads */

/* Opens the bundled file `name`.  *fits: the head in it was made for the encoder. */
static gp_status try_bundled(linear_head *head, const char *name, const gp_scorer_source *source, bool *fits,
                             gp_str *made_for, gp_error *err)
{
    head_file f = {.path = gp_path_join(source->heads, name)};
    gp_status st;
    if (!f.path) return gp_fail_memory(err, "a path");
    GP_TRY_GOTO(gp_tensors_open_file(f.path, &f.tensors, err));
    const char *encoder = gp_tensors_metadata(f.tensors, "encoder");
    if (!encoder) GP_TRY_GOTO(gp_fail_path(err, GP_ERR_FORMAT, "'%s' does not name the model it was made for", f.path));
    *fits = is_made_for(f.tensors, source);
    gp_str_printf(made_for, "%s%.*s", made_for->size ? " or " : "", (int)strcspn(encoder, " "), encoder);
    if (*fits) GP_TRY_GOTO(read_head(head, &f, source, err));
out:
    gp_tensors_close(f.tensors);
    gp_mem_free(f.path);
    return st;
}

static gp_status bundled_open(gp_scorer *scorer, const gp_scorer_source *source, gp_error *err)
{
    gp_str made_for = GP_STR_INIT;
    gp_status st = GP_OK;
    bool fits = false;
    if (!source->heads)
        return gp_fail(err, GP_ERR_NOT_FOUND, "the head of scorer '%s' is not installed: there is no folder of heads",
                       scorer->type->name);
    for (const char *const *name = scorer->type->heads; *name && !fits && st == GP_OK; name++)
        st = try_bundled((linear_head *)(void *)scorer, *name, source, &fits, &made_for, err);
    if (st == GP_OK && made_for.failed) st = gp_fail_memory(err, "a message");
    if (st == GP_OK && !fits)
        st = gp_fail(err, GP_ERR_USAGE, "scorer '%s' was made for %s, not for '%s' (weights %s)", scorer->type->name,
                     made_for.data, source->model, source->facts.weight_hash);
    gp_str_clear(&made_for);
    return st;
}

/* ------------------------------------------------------------------ the types */

static void linear_clear(gp_scorer *scorer)
{
    gp_mem_free(((linear_head *)(void *)scorer)->weight);
    gp_mem_free(((linear_head *)(void *)scorer)->folded);
}

static void linear_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores)
{
    const linear_head *head = (const linear_head *)(const void *)scorer;
    const gp_kernels *kernels = gp_kernel_table();
    const size_t d = scorer->dims;
    for (size_t i = 0; i < batch->n; i++) {
        const float *x = batch->images + i * d;
        if (!head->folded) {
            scores[i] = kernels->dot(x, head->weight, d) + (double)head->weight[d];
            continue;
        }
        double sum = head->folded[d];
        for (size_t j = 0; j < d; j++) sum += head->folded[j] * (double)x[j];
        scores[i] = sum;
    }
}

const gp_scorer_type gp_linear_head_type = {.name = "linear",
                                            .scale = "w*x+b",
                                            .argument = "FILE",
                                            .licence = "that of the file",
                                            .looks_at = "what the head in your file was trained to measure",
                                            .needs = GP_SCORER_NEEDS_IMAGE,
                                            .size = sizeof(linear_head),
                                            .open = linear_open,
                                            .clear = linear_clear,
                                            .run = linear_run};

static const char *const heads_v1[] = {"aesthetic-v1-vit-l-14.safetensors", "aesthetic-v1-vit-b-32.safetensors",
                                       "aesthetic-v1-vit-b-16.safetensors", NULL};
const gp_scorer_type gp_aesthetic_v1_type = {.name = "aesthetic-v1",
                                             .scale = "w*x+b, about 1 to 10",
                                             .model = "openai/clip-vit-large-patch14",
                                             .licence = "MIT",
                                             .looks_at = "whether people find the image beautiful, without the prompt",
                                             .heads = heads_v1,
                                             .needs = GP_SCORER_NEEDS_IMAGE,
                                             .size = sizeof(linear_head),
                                             .open = bundled_open,
                                             .clear = linear_clear,
                                             .run = linear_run};

static const char *const heads_v2[] = {"aesthetic-v2-vit-l-14.safetensors", NULL};
const gp_scorer_type gp_aesthetic_v2_type = {.name = "aesthetic-v2",
                                             .scale = "w*x+b, about 1 to 10",
                                             .model = "openai/clip-vit-large-patch14",
                                             .licence = "Apache-2.0",
                                             .looks_at = "whether people find the image beautiful, without the prompt",
                                             .heads = heads_v2,
                                             .needs = GP_SCORER_NEEDS_IMAGE,
                                             .size = sizeof(linear_head),
                                             .open = bundled_open,
                                             .clear = linear_clear,
                                             .run = linear_run};
