/* SPDX-License-Identifier: MIT
 * A set of tensors: one weight file, or the shards that an index lists.  The set has the tensors that the index lists.  Each shard is a file in the same folder, and is checked completely.  The hash depends
 * only on the tensors, so the same weights in one file or in several shards have the same hash. */
#include "model/shards.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "model/checkpoint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INDEX_LIMIT 100000000u
#define SHARD_LIMIT 1000u

struct gp_tensors {
    gp_shard *shards;
    size_t shard_count;
    gp_tensor *tensors; /* [count] sorted by name; names are borrowed from the shards */
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    const gp_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Allocates a set of at most `shards` files. */
static gp_status set_new(size_t shards, gp_tensors **out, gp_error *err)
{
    gp_tensors *set = gp_mem_zero(1, sizeof *set);
    if (set) set->shards = gp_mem_zero(shards, sizeof *set->shards);
    if (!set || !set->shards) {
        gp_mem_free(set);
        return gp_fail_memory(err, "the list of weight files");
    }
    for (size_t i = 0; i < shards; i++) set->shards[i] = GP_SHARD_NONE;
    *out = set;
    return GP_OK;
}

void gp_tensors_close(gp_tensors *set)
{
    if (!set) return;
    for (size_t i = 0; i < set->shard_count; i++) gp_shard_clear(&set->shards[i]);
    gp_mem_free(set->tensors);
    gp_mem_free(set->shards);
    gp_mem_free(set);
}

/* Opens one weight file, which may be safetensors or a checkpoint.  cut: see gp_checkpoint_open. */
static gp_status open_file(const char *path, bool cut, gp_shard *out, gp_error *err)
{
    uint8_t first[9];
    uint64_t size = 0;
    int file = -1;
    GP_TRY(gp_file_open(path, &file, &size, err));
    const size_t n = size < sizeof first ? (size_t)size : sizeof first;
    gp_status st = gp_file_read_at(file, path, 0, first, n, err);
    close(file);
    GP_TRY(st);
    return gp_checkpoint_is(path, first, n) ? gp_checkpoint_open(path, cut, out, err) : gp_shard_open(path, out, err);
}

/* Opens a set of one file, on disk or in memory (`data`). */
static gp_status single(const uint8_t *data, size_t size, const char *path, gp_tensors **out, gp_error *err)
{
    gp_tensors *set = NULL;
    GP_TRY(set_new(1, &set, err));
    gp_shard *shard = &set->shards[0];
    gp_status st = !data                                ? open_file(path, true, shard, err)
                   : gp_checkpoint_is(path, data, size) ? gp_checkpoint_parse(data, size, path, true, shard, err)
                                                        : gp_shard_parse(data, size, path, shard, err);
    if (st != GP_OK) {
        gp_tensors_close(set);
        return st;
    }
    set->shard_count = 1;
    set->tensors = shard->tensors;
    set->count = shard->count;
    shard->tensors = NULL;
    *out = set;
    return GP_OK;
}

const char *gp_tensors_metadata(const gp_tensors *set, const char *key)
{
    const gp_str *all = &set->shards[0].metadata;
    for (size_t at = 0; set->shard_count && at < all->size;) {
        const char *name = all->data + at, *text = name + strlen(name) + 1;
        if (strcmp(name, key) == 0) return text;
        at = (size_t)(text - all->data) + strlen(text) + 1;
    }
    return NULL;
}

gp_status gp_tensors_open_file(const char *path, gp_tensors **out, gp_error *err)
{
    return single(NULL, 0, path, out, err);
}

gp_status gp_tensors_open_memory(const uint8_t *data, size_t size, const char *label, gp_tensors **out, gp_error *err)
{
    static const uint8_t none[1];
    return single(data ? data : none, size, label, out, err);
}

/* The state of reading the index.  The reader looks up each entry in its shard, and opens a shard at the first entry
 * that names it. */
typedef struct reader {
    gp_tensors *set;
    const char *folder, *index;
    gp_status status;
    gp_error *err;
} reader;

static bool is_valid_shard_name(const char *name)
{
    if (!*name || *name == '.' || strlen(name) > 255) return false; /* also "..", hidden files */
    for (const char *c = name; *c; c++)
        if (*c == '/' || *c == '\\' || (unsigned char)*c < 0x20 || *c == 0x7f) return false;
    return gp_str_ends(name, ".safetensors") || gp_str_ends(name, ".bin");
}

static gp_status shard_named(reader *r, const char *tensor, const char *name, gp_shard **out)
{
    gp_tensors *set = r->set;
    for (size_t i = 0; i < set->shard_count; i++)
        if (strcmp(gp_path_base(set->shards[i].path), name) == 0) return *out = &set->shards[i], GP_OK;
    if (!is_valid_shard_name(name))
        return gp_fail_path(r->err, GP_ERR_FORMAT,
                            "'%s': the file of tensor '%.200s' must be a .safetensors or .bin file in the same folder",
                            r->index, tensor);
    if (set->shard_count == SHARD_LIMIT)
        return gp_fail_path(r->err, GP_ERR_LIMIT, "'%s' lists more than %u files", r->index, SHARD_LIMIT);
    char *path = gp_path_join(r->folder, name);
    if (!path) return gp_fail_memory(r->err, "a path");
    gp_status st;
    if (access(path, F_OK) != 0)
        st = gp_fail_path(r->err, GP_ERR_NOT_FOUND, "'%s' is missing, although '%s' lists it", path, r->index);
    else
        st = open_file(path, false, &set->shards[set->shard_count], r->err);
    gp_mem_free(path);
    if (st == GP_OK) *out = &set->shards[set->shard_count++];
    return st;
}

static bool read_index_entry(void *user, const char *key, const gp_json *value)
{
    reader *r = user;
    const char *file = gp_json_text(value, NULL);
    gp_shard *shard = NULL;
    if (!file) {
        r->status =
            gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': the file of tensor '%.200s' must be a string", r->index, key);
        return false;
    }
    r->status = shard_named(r, key, file, &shard);
    if (r->status != GP_OK) return false;
    const gp_tensor *tensor = gp_tensor_find(shard->tensors, shard->count, key);
    if (!tensor) {
        r->status = gp_fail(r->err, GP_ERR_FORMAT, "tensor '%.200s' is not in '%s', although '%s' lists it there", key,
                            shard->path, r->index);
        return false;
    }
    r->set->tensors[r->set->count++] = *tensor;
    return true;
}

static gp_status open_index(const char *folder, const char *index, gp_tensors **out, gp_error *err)
{
    gp_bytes text = {0};
    gp_json *root = NULL;
    gp_tensors *set = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_file_read(index, INDEX_LIMIT, &text, err));
    st = gp_json_parse((const char *)text.data, text.size, true, 8, &root, err);
    if (st != GP_OK) {
        gp_fail_path_within(err, st, "'%s'", index);
        goto out;
    }
    const gp_json *map = gp_json_get(root, "weight_map");
    if (gp_json_kind_of(map) != GP_JSON_OBJECT || gp_json_count(map) == 0)
        GP_TRY_GOTO(gp_fail_path(err, GP_ERR_FORMAT, "'%s' has no weight_map", index));
    GP_TRY_GOTO(set_new(SHARD_LIMIT, &set, err));
    GP_TRY_GOTO(gp_alloc((void **)&set->tensors, gp_json_count(map), sizeof *set->tensors, "the list of tensors", err));
    reader r = {.set = set, .folder = folder, .index = index, .err = err};
    gp_json_each(map, read_index_entry, &r);
    GP_TRY_GOTO(r.status);
    qsort(set->tensors, set->count, sizeof *set->tensors, by_name);
    *out = set;
    set = NULL;
out:
    gp_tensors_close(set);
    gp_json_free(root);
    gp_bytes_clear(&text);
    return st;
}

/* Fails for a folder without weights.  If the folder has a weight file of another common format, the message names
 * this file. */
static gp_status nothing_here(const char *folder, gp_error *err)
{
    static const char *const others[] = {"tf_model.h5", "flax_model.msgpack"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *path = gp_path_join(folder, others[i]);
        if (!path) return gp_fail_memory(err, "a path");
        bool there = access(path, F_OK) == 0;
        gp_mem_free(path);
        if (there)
            return gp_fail_path(err, GP_ERR_UNSUPPORTED,
                                "'%s' has no model.safetensors and no pytorch_model.bin, only %s, which goldpan does "
                                "not read",
                                folder, others[i]);
    }
    return gp_fail_path(err, GP_ERR_NOT_FOUND, "'%s' has no model.safetensors and no pytorch_model.bin", folder);
}

/* Opens the first of the files that the folder has.  *found is false if it has none. */
static gp_status open_first(const char *folder, const char *const *files, size_t count, bool *found, gp_tensors **out,
                            gp_error *err)
{
    *found = false;
    for (size_t i = 0; i < count && !*found; i++) {
        char *path = gp_path_join(folder, files[i]);
        if (!path) return gp_fail_memory(err, "a path");
        gp_status st = GP_OK;
        *found = access(path, F_OK) == 0;
        if (*found)
            st = gp_str_ends(path, ".json") ? open_index(folder, path, out, err) : gp_tensors_open_file(path, out, err);
        gp_mem_free(path);
        GP_TRY(st);
    }
    return GP_OK;
}

gp_status gp_tensors_open_folder(const char *folder, gp_tensors **out, gp_error *err)
{
    static const char *const files[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                        "pytorch_model.bin.index.json"};
    bool found = false;
    GP_TRY(open_first(folder, files, sizeof files / sizeof *files, &found, out, err));
    return found ? GP_OK : nothing_here(folder, err);
}

gp_status gp_tensors_open_open_clip(const char *folder, gp_tensors **out, gp_error *err)
{
    static const char *const files[] = {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
                                        "open_clip_pytorch_model.bin"};
    bool found = false;
    GP_TRY(open_first(folder, files, sizeof files / sizeof *files, &found, out, err));
    if (found) return GP_OK;
    return gp_fail_path(err, GP_ERR_NOT_FOUND,
                        "'%s' has no open_clip_model.safetensors and no open_clip_pytorch_model.bin", folder);
}

size_t gp_tensors_count(const gp_tensors *set)
{
    return set->count;
}
const gp_tensor *gp_tensors_at(const gp_tensors *set, size_t i)
{
    return i < set->count ? &set->tensors[i] : NULL;
}
const gp_tensor *gp_tensors_find(const gp_tensors *set, const char *name)
{
    return gp_tensor_find(set->tensors, set->count, name);
}

gp_status gp_tensors_read(const gp_tensors *set, const gp_tensor *tensor, size_t at, void *out, size_t bytes,
                          gp_error *err)
{
    const gp_shard *shard = NULL;
    for (size_t i = 0; i < set->shard_count && !shard; i++)
        if (tensor->file == set->shards[i].path) shard = &set->shards[i];
    assert(shard && at <= tensor->bytes && bytes <= tensor->bytes - at);
    if (tensor->copy) {
        if (bytes) memcpy(out, tensor->copy + at, bytes);
        return GP_OK;
    }
    if (shard->file >= 0) return gp_file_read_at(shard->file, shard->path, tensor->offset + at, out, bytes, err);
    if (bytes) memcpy(out, shard->memory + tensor->offset + at, bytes);
    return GP_OK;
}

gp_status gp_tensors_strip(gp_tensors *set, const char *prefix, gp_error *err)
{
    if (!*prefix) return GP_OK;
    for (size_t i = 0; i < set->count; i++)
        if (gp_str_starts(set->tensors[i].name, prefix)) set->tensors[i].name += strlen(prefix);
    if (set->count) qsort(set->tensors, set->count, sizeof *set->tensors, by_name);
    for (size_t i = 1; i < set->count; i++)
        if (strcmp(set->tensors[i - 1].name, set->tensors[i].name) == 0)
            return gp_fail_path(err, GP_ERR_FORMAT,
                                "'%s' has both tensor '%s%s' and tensor '%s'; goldpan cannot tell which to use",
                                set->tensors[i].file, prefix, set->tensors[i].name, set->tensors[i].name);
    return GP_OK;
}

static void add_u64(gp_hasher *hasher, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    gp_hasher_add(hasher, bytes, sizeof bytes);
}

gp_status gp_tensors_hash(const gp_tensors *set, gp_hash *out, gp_error *err)
{
    enum { PIECE = 1 << 20 };
    gp_hasher *hasher = NULL;
    uint8_t *piece = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&piece, PIECE, 1, "the hash of the weights", err));
    GP_TRY_GOTO(gp_hasher_new(&hasher, err));
    for (size_t i = 0; i < set->count; i++) {
        const gp_tensor *t = &set->tensors[i];
        gp_hasher_add(hasher, t->name, strlen(t->name) + 1);
        gp_hasher_add(hasher, t->dtype, strlen(t->dtype) + 1);
        add_u64(hasher, t->dims);
        for (size_t k = 0; k < t->dims; k++) add_u64(hasher, t->shape[k]);
        for (size_t at = 0; at < t->bytes; at += PIECE) {
            size_t size = t->bytes - at < PIECE ? t->bytes - at : PIECE;
            GP_TRY_GOTO(gp_tensors_read(set, t, at, piece, size, err));
            gp_hasher_add(hasher, piece, size);
        }
    }
    *out = gp_hasher_end(hasher);
out:
    gp_hasher_free(hasher);
    gp_mem_free(piece);
    return st;
}

/* ------------------------------------------------------------------ numbers */

size_t gp_tensor_numbers(const gp_tensor *t)
{
    size_t count = 1;
    for (size_t i = 0; i < t->dims; i++) count *= (size_t)t->shape[i];
    return count;
}

bool gp_tensor_dtype(const gp_tensor *t, gp_dtype *out)
{
    for (int i = GP_F32; i <= GP_BF16; i++)
        if (strcmp(t->dtype, gp_dtype_name((gp_dtype)i)) == 0) return *out = (gp_dtype)i, true;
    return false;
}

/* A number is infinite or NaN if all its exponent bits are 1. */
size_t gp_tensor_not_finite(const uint8_t *bytes, gp_dtype dtype, size_t count)
{
    size_t bad = 0;
    if (dtype == GP_F32) {
        for (size_t i = 0; i < count; i++) {
            uint32_t x;
            memcpy(&x, bytes + 4 * i, 4);
            bad += (x & 0x7f800000u) == 0x7f800000u;
        }
        return bad;
    }
    const uint16_t exponent = dtype == GP_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < count; i++) {
        uint16_t x;
        memcpy(&x, bytes + 2 * i, 2);
        bad += (x & exponent) == exponent;
    }
    return bad;
}

gp_status gp_tensors_read_floats(const gp_tensors *tensors, const gp_tensor *t, float *out, size_t *bad, gp_error *err)
{
    enum { PIECE = 16384 };
    const size_t count = gp_tensor_numbers(t);
    const gp_kernels *kernels = gp_kernel_table();
    uint16_t half[PIECE];
    gp_dtype dtype = GP_F32;
    gp_tensor_dtype(t, &dtype);
    assert(t->bytes == count * gp_dtype_size(dtype));
    *bad = 0;
    if (dtype == GP_F32) {
        GP_TRY(gp_tensors_read(tensors, t, 0, out, t->bytes, err));
        *bad = gp_tensor_not_finite((const uint8_t *)out, dtype, count);
        return GP_OK;
    }
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        GP_TRY(gp_tensors_read(tensors, t, 2 * at, half, 2 * n, err));
        *bad += gp_tensor_not_finite((const uint8_t *)half, dtype, n);
        (dtype == GP_F16 ? kernels->f16_to_f32 : kernels->bf16_to_f32)(half, out + at, n);
    }
    return GP_OK;
}
