/* SPDX-License-Identifier: MIT
 * One safetensors file: the length of the header (u64, little endian), a JSON object {name: {dtype, shape,
 * data_offsets}}, and the data.  The file may be damaged or hostile, so everything is checked.  The header must be a
 * JSON object of small depth without duplicate keys.  Each range must have the size shape x element size and be inside
 * the file.  The ranges must cover the data without gap or overlap.
 * All dtypes of the format are accepted here, because a model may have tensors that goldpan does not read.
 * Source: the description of the format at huggingface.co/docs/safetensors. */
#include "model/shards.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_LIMIT 100000000u /* as in the reference implementation */
#define NAME_LIMIT   512u
#define HEADER_DEPTH 4 /* a valid header has a depth of 3: header, tensor, shape */

/* Element sizes in bits, because some dtypes are smaller than a byte. */
static const struct {
    const char *name;
    unsigned bits;
} kinds[] = {
    {"F32", 32},        {"F16", 16},    {"BF16", 16},   {"F64", 64},    {"I64", 64},    {"I32", 32},
    {"I16", 16},        {"I8", 8},      {"U64", 64},    {"U32", 32},    {"U16", 16},    {"U8", 8},
    {"BOOL", 8},        {"C64", 64},    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},
};

/* The state of reading the header in two passes: the first pass counts the entries, the second pass reads them. */
typedef struct walk {
    gp_shard *shard;
    uint64_t begin, size; /* position and size of the data after the header */
    size_t capacity, name_bytes;
    gp_status status;
    gp_error *err;
} walk;

static bool is_valid_name(const char *name)
{
    size_t n = 0;
    for (; name[n]; n++)
        if (n >= NAME_LIMIT || (unsigned char)name[n] < 0x20 || name[n] == 0x7f) return false;
    return n > 0;
}

static bool count_entry(void *user, const char *key, const gp_json *value)
{
    walk *w = user;
    (void)value;
    w->capacity++;
    w->name_bytes += strlen(key) + 1;
    return true;
}

/* Reads the shape, and computes the size of the tensor. */
static gp_status measure(const gp_json *shape, unsigned bits, gp_tensor *t, gp_error *err)
{
    if (gp_json_kind_of(shape) != GP_JSON_ARRAY)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': tensor '%s' has no shape", t->file, t->name);
    t->dims = gp_json_count(shape);
    if (t->dims > GP_TENSOR_DIMS)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': tensor '%s' has %zu dimensions, more than %d", t->file, t->name,
                            t->dims, GP_TENSOR_DIMS);
    size_t total = 1;
    for (size_t i = 0; i < t->dims; i++) {
        if (!gp_json_u64(gp_json_at(shape, i), &t->shape[i]))
            return gp_fail_path(err, GP_ERR_FORMAT, "'%s': the shape of tensor '%s' must be a list of whole numbers",
                                t->file, t->name);
        if (t->shape[i] > SIZE_MAX || !gp_size_mul(total, (size_t)t->shape[i], &total))
            return gp_fail_path(err, GP_ERR_FORMAT, "'%s': the shape of tensor '%s' has too many elements", t->file,
                                t->name);
    }
    if (!gp_size_mul(total, bits, &total))
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': the shape of tensor '%s' has too many elements", t->file,
                            t->name);
    if (total % 8 != 0)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': the size of tensor '%s' is not a whole number of bytes", t->file,
                            t->name);
    t->bytes = total / 8;
    return GP_OK;
}

static gp_status read_entry(walk *w, const gp_json *value, gp_tensor *t)
{
    if (gp_json_kind_of(value) != GP_JSON_OBJECT)
        return gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': the entry of tensor '%s' must be an object", t->file,
                            t->name);
    const char *dtype = gp_json_text(gp_json_get(value, "dtype"), NULL);
    if (!dtype) return gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': tensor '%s' has no dtype", t->file, t->name);
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, dtype) == 0) t->dtype = kinds[i].name, bits = kinds[i].bits;
    if (!bits)
        return gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': the dtype of tensor '%s' is unknown", t->file, t->name);
    GP_TRY(measure(gp_json_get(value, "shape"), bits, t, w->err));

    const gp_json *range = gp_json_get(value, "data_offsets");
    uint64_t begin, end;
    if (gp_json_kind_of(range) != GP_JSON_ARRAY || gp_json_count(range) != 2 ||
        !gp_json_u64(gp_json_at(range, 0), &begin) || !gp_json_u64(gp_json_at(range, 1), &end))
        return gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': tensor '%s' has no data_offsets [begin, end]", t->file,
                            t->name);
    if (begin > end || end > w->size)
        return gp_fail_path(w->err, GP_ERR_FORMAT,
                            "'%s': tensor '%s' is at bytes %llu to %llu, but the file has %llu bytes of data", t->file,
                            t->name, (unsigned long long)begin, (unsigned long long)end, (unsigned long long)w->size);
    if (end - begin != t->bytes)
        return gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': tensor '%s' has %llu bytes, but its shape needs %zu", t->file,
                            t->name, (unsigned long long)(end - begin), t->bytes);
    t->offset = w->begin + begin;
    return GP_OK;
}

/* Stores one entry of __metadata__.  Returns false, with an error in w->status, if the entry is not a string. */
static bool keep_metadata(void *user, const char *key, const gp_json *value)
{
    walk *w = user;
    const char *text = gp_json_text(value, NULL);
    if (!text) {
        w->status =
            gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': __metadata__ must be an object of strings", w->shard->path);
        return false;
    }
    gp_str_add(&w->shard->metadata, key, strlen(key) + 1);
    gp_str_add(&w->shard->metadata, text, strlen(text) + 1);
    if (w->shard->metadata.failed) w->status = gp_fail_memory(w->err, "__metadata__");
    return w->status == GP_OK;
}

static bool fill_entry(void *user, const char *key, const gp_json *value)
{
    walk *w = user;
    gp_shard *s = w->shard;
    if (strcmp(key, "__metadata__") == 0) {
        if (gp_json_kind_of(value) == GP_JSON_OBJECT)
            gp_json_each(value, keep_metadata, w);
        else
            w->status = gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': __metadata__ must be an object of strings", s->path);
        return w->status == GP_OK;
    }
    if (!is_valid_name(key)) {
        w->status =
            gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': a tensor's name is empty, longer than %u bytes or not printable",
                         s->path, NAME_LIMIT);
        return false;
    }
    assert(s->count < w->capacity);
    gp_tensor *t = &s->tensors[s->count++];
    size_t bytes = strlen(key) + 1;
    char *name = s->names + w->name_bytes;
    memcpy(name, key, bytes);
    w->name_bytes += bytes;
    t->name = name;
    t->file = s->path;
    w->status = read_entry(w, value, t);
    return w->status == GP_OK;
}

static int by_place(const void *a, const void *b)
{
    const gp_tensor *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b)
{
    const gp_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Checks that the tensors cover the data without gap or overlap: each begins at the end of the one before, and the
 * last one ends at the end of the file. */
static gp_status check_tiling(walk *w)
{
    gp_shard *s = w->shard;
    if (s->count) qsort(s->tensors, s->count, sizeof *s->tensors, by_place);
    uint64_t at = 0;
    const char *before = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const gp_tensor *t = &s->tensors[i];
        uint64_t begin = t->offset - w->begin;
        if (begin < at)
            return gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': tensor '%s' overlaps tensor '%s'", s->path, t->name,
                                before);
        if (begin > at)
            return gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': %llu bytes before tensor '%s' belong to no tensor",
                                s->path, (unsigned long long)(begin - at), t->name);
        at = begin + t->bytes;
        before = t->name;
    }
    if (at != w->size)
        return gp_fail_path(w->err, GP_ERR_FORMAT, "'%s': %llu bytes at the end belong to no tensor", s->path,
                            (unsigned long long)(w->size - at));
    return GP_OK;
}

/* Reads the length of the header's JSON text from the first 8 bytes of the file. */
static gp_status frame(const uint8_t first[8], uint64_t size, const char *path, size_t *length, gp_error *err)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--) n = n << 8 | first[i];
    if (n > HEADER_LIMIT)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is not a safetensors file: its header would have %llu bytes",
                            path, (unsigned long long)n);
    if (n > size - 8)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is cut off: its header needs %llu bytes, but the file has %llu",
                            path, (unsigned long long)n, (unsigned long long)size);
    *length = (size_t)n;
    return GP_OK;
}

/* Parses the header text [length] of a file of `size` bytes. */
static gp_status parse(const char *text, size_t length, uint64_t size, const char *path, gp_shard *out, gp_error *err)
{
    gp_shard s = GP_SHARD_NONE;
    gp_json *root = NULL;
    gp_status st;
    if (length == 0 || *text != '{')
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is not a safetensors file: its header is not a JSON object",
                            path);
    st = gp_json_parse(text, length, true, HEADER_DEPTH, &root, err);
    if (st != GP_OK) {
        gp_fail_path_within(err, st, "'%s': header", path);
        goto out;
    }
    walk w = {.shard = &s, .begin = 8 + length, .size = size - 8 - length, .err = err};
    gp_json_each(root, count_entry, &w);
    s.path = gp_str_dup(path);
    if (!s.path) GP_TRY_GOTO(gp_fail_memory(err, "a path"));
    GP_TRY_GOTO(gp_alloc((void **)&s.tensors, w.capacity, sizeof *s.tensors, "the list of tensors", err));
    memset(s.tensors, 0, w.capacity * sizeof *s.tensors);
    GP_TRY_GOTO(gp_alloc((void **)&s.names, w.name_bytes, 1, "the names of tensors", err));
    w.name_bytes = 0;
    gp_json_each(root, fill_entry, &w);
    GP_TRY_GOTO(w.status);
    GP_TRY_GOTO(check_tiling(&w));
    if (s.count)
        qsort(s.tensors, s.count, sizeof *s.tensors, by_name); /* names are unique: strict JSON has no duplicate keys */
    *out = s;
    s = GP_SHARD_NONE;
out:
    gp_json_free(root);
    gp_shard_clear(&s);
    return st;
}

static gp_status too_short(uint64_t size, const char *path, gp_error *err)
{
    return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is too short for a safetensors file (%llu bytes)", path,
                        (unsigned long long)size);
}

gp_status gp_shard_parse(const uint8_t *data, size_t size, const char *path, gp_shard *out, gp_error *err)
{
    size_t length = 0;
    if (size < 8) return too_short(size, path, err);
    GP_TRY(frame(data, size, path, &length, err));
    GP_TRY(parse((const char *)data + 8, length, size, path, out, err));
    out->memory = data;
    return GP_OK;
}

gp_status gp_shard_open(const char *path, gp_shard *out, gp_error *err)
{
    int file = -1;
    uint64_t size = 0;
    uint8_t first[8];
    char *text = NULL;
    size_t length = 0;
    GP_TRY(gp_file_open(path, &file, &size, err));
    gp_status st = size < 8 ? too_short(size, path, err) : gp_file_read_at(file, path, 0, first, 8, err);
    GP_TRY_GOTO(st);
    GP_TRY_GOTO(frame(first, size, path, &length, err));
    GP_TRY_GOTO(gp_alloc((void **)&text, length + 1, 1, "the header of a weight file", err));
    GP_TRY_GOTO(gp_file_read_at(file, path, 8, text, length, err));
    GP_TRY_GOTO(parse(text, length, size, path, out, err));
    out->file = file;
    file = -1;
out:
    gp_mem_free(text);
    if (file >= 0) close(file);
    return st;
}

void gp_shard_clear(gp_shard *shard)
{
    gp_str_clear(&shard->metadata);
    gp_mem_free(shard->names);
    gp_mem_free(shard->copies);
    gp_mem_free(shard->tensors);
    gp_mem_free(shard->path);
    if (shard->file >= 0) close(shard->file);
    *shard = GP_SHARD_NONE;
}

const gp_tensor *gp_tensor_find(const gp_tensor *tensors, size_t count, const char *name)
{
    if (!count) return NULL;
    gp_tensor key = {.name = name};
    return bsearch(&key, tensors, count, sizeof *tensors, by_name);
}
