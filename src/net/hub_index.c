/* SPDX-License-Identifier: MIT
 * {"weight_map": {"tensor": "model-00001-of-00002.safetensors", ...}}: thousands of tensors, a few files.  The names
 * are untrusted and become paths, so each must be one path component of plain characters. */
#include "net/hub_index.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/hub_cache.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SHARDS = 1000 };
#define MAX_INDEX ((uint64_t)64 << 20)

struct collection {
    char **names;
    size_t count;
    gp_status status;
    gp_error *err;
};

static bool collect(void *user, const char *tensor, const gp_json *value)
{
    struct collection *c = user;
    size_t size = 0;
    const char *name = gp_json_text(value, &size);
    if (!name || strlen(name) != size || !gp_hub_file_valid(name) ||
        !(gp_str_ends(name, ".safetensors") || gp_str_ends(name, ".bin"))) {
        c->status = gp_fail(c->err, GP_ERR_FORMAT,
                            "tensor '%.100s' is in '%.100s', which is not the name of a .safetensors or .bin file",
                            tensor, name ? name : "a value that is not a string");
        return false;
    }
    for (size_t i = c->count; i > 0; i--) /* neighbours are mostly in the same file, so search from the last name */
        if (!strcmp(c->names[i - 1], name)) return true;
    if (c->count == MAX_SHARDS) {
        c->status = gp_fail(c->err, GP_ERR_LIMIT, "the index lists more than %d weight files", MAX_SHARDS);
        return false;
    }
    c->names[c->count] = gp_str_dup(name);
    if (!c->names[c->count]) {
        c->status = gp_fail_memory(c->err, "the index of weights");
        return false;
    }
    c->count++;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

gp_status gp_hub_shards(const char *json, size_t size, char ***names, size_t *count, gp_error *err)
{
    gp_json *root = NULL;
    struct collection c = {NULL, 0, GP_OK, err};
    GP_TRY(gp_json_parse(json, size, false, 8, &root, err));
    gp_status st = GP_OK;
    const gp_json *map = gp_json_get(root, "weight_map");
    if (gp_json_kind_of(map) != GP_JSON_OBJECT || gp_json_count(map) == 0)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "the index has no weight_map"));
    GP_TRY_GOTO(gp_alloc((void **)&c.names, MAX_SHARDS, sizeof *c.names, "the index of weights", err));
    gp_json_each(map, collect, &c);
    GP_TRY_GOTO(c.status);
    qsort(c.names, c.count, sizeof *c.names, by_name);
    *names = c.names, *count = c.count;
    c.names = NULL;
out:
    if (c.names) gp_hub_shards_free(c.names, c.count);
    gp_json_free(root);
    return st;
}

gp_status gp_hub_shards_read(const char *path, char ***names, size_t *count, gp_error *err)
{
    gp_bytes bytes = {0};
    GP_TRY(gp_file_read(path, MAX_INDEX, &bytes, err));
    gp_status st = gp_hub_shards((const char *)bytes.data, bytes.size, names, count, err);
    gp_bytes_clear(&bytes);
    return st == GP_OK ? st : gp_fail_path_within(err, st, "'%s'", path);
}

void gp_hub_shards_free(char **names, size_t count)
{
    if (!names) return;
    for (size_t i = 0; i < count; i++) gp_mem_free(names[i]);
    gp_mem_free(names);
}
