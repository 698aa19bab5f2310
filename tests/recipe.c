/* SPDX-License-Identifier: MIT
 * The recipe (see tools/reference.py for the formula): value i of tensor NAME is splitmix64(FNV-1a(NAME) + i), 24 bits
 * of it, scaled by kind of tensor.  Files are written piece by piece, so that 4 GB of weights need no 4 GB of memory.
 */
#include "recipe.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t mix(uint64_t s)
{
    s += 0x9E3779B97F4A7C15u;
    s = (s ^ (s >> 30)) * 0xBF58476D1CE4E5B9u;
    s = (s ^ (s >> 27)) * 0x94D049BB133111EBu;
    return s ^ (s >> 31);
}

static uint64_t seed_of(const char *name)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001B3u;
    return h;
}

static bool ends(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static void scale_of(const char *name, size_t fan_in, double *scale, double *offset)
{
    bool norm = strstr(name, "layer_norm") || strstr(name, "layrnorm") || strstr(name, "layernorm");
    *offset = 0;
    if (strcmp(name, "logit_scale") == 0)
        *scale = 0, *offset = 4.605170185988092;
    else if (norm && ends(name, ".weight"))
        *scale = 0.4, *offset = 1;
    else if (ends(name, ".bias"))
        *scale = 0.2;
    else if (ends(name, "token_embedding.weight"))
        *scale = 1.5;
    else if (ends(name, "position_embedding.weight"))
        *scale = 0.5;
    else if (ends(name, "class_embedding"))
        *scale = 0.3;
    else {
        double gain = ends(name, "patch_embedding.weight")                         ? 2.0
                      : ends(name, "q_proj.weight") || ends(name, "k_proj.weight") ? 1.6
                                                                                   : 1.0;
        *scale = gain * sqrt(3.0 / (double)fan_in);
    }
}

static float value_at(uint64_t seed, double scale, double offset, uint64_t i)
{
    double u = (double)(mix(seed + i) >> 40) * 0x1p-24;
    return (float)(offset + scale * (2.0 * u - 1.0));
}

float recipe_value(const char *name, size_t fan_in, uint64_t i)
{
    double scale, offset;
    scale_of(name, fan_in, &scale, &offset);
    return value_at(seed_of(name), scale, offset, i);
}

void recipe_pixels(unsigned side, unsigned n, uint8_t *out)
{
    const uint64_t cells = seed_of("pixels.cells"), noise = seed_of("pixels.noise");
    for (uint64_t j = 0; j < n; j++)
        for (uint64_t y = 0; y < side; y++)
            for (uint64_t x = 0; x < side; x++)
                for (uint64_t c = 0; c < 3; c++) {
                    const uint64_t cell = 8 + 8 * j;
                    uint64_t coarse = mix(cells + ((j * 256 + y / cell) * 256 + x / cell) * 3 + c) >> 56;
                    uint64_t fine = mix(noise + ((j * 4096 + y) * 4096 + x) * 3 + c) >> 56;
                    *out++ = (uint8_t)((3 * coarse + fine) >> 2);
                }
}

void recipe_planes(const uint8_t *pixels, unsigned side, float *planes)
{
    static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f},
                       std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
    const size_t plane = (size_t)side * side;
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++)
            planes[c * plane + i] = ((float)((double)pixels[3 * i + c] * (1.0 / 255)) - mean[c]) / std[c];
}

/* ------------------------------------------------------------------ published shapes */

static const struct {
    const char *name;
    unsigned vw, vl, vh, vm, patch, side, tw, tl, th, tm, e;
    const char *act;
} shapes[] = {
    {"vit-b-32", 768, 12, 12, 3072, 32, 224, 512, 12, 8, 2048, 512, "quick_gelu"},
    {"vit-b-16", 768, 12, 12, 3072, 16, 224, 512, 12, 8, 2048, 512, "quick_gelu"},
    {"vit-l-14", 1024, 24, 16, 4096, 14, 224, 768, 12, 12, 3072, 768, "quick_gelu"},
    {"vit-l-14-336", 1024, 24, 16, 4096, 14, 336, 768, 12, 12, 3072, 768, "quick_gelu"},
    {"vit-h-14", 1280, 32, 16, 5120, 14, 224, 1024, 24, 16, 4096, 1024, "gelu"},
};

bool recipe_named(const char *name, recipe_sizes *out, char *config, size_t size)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strcmp(shapes[i].name, name) != 0) continue;
        *out = (recipe_sizes){.image = true,
                              .text = true,
                              .image_width = shapes[i].vw,
                              .image_layers = shapes[i].vl,
                              .image_mlp = shapes[i].vm,
                              .side = shapes[i].side,
                              .patch = shapes[i].patch,
                              .text_width = shapes[i].tw,
                              .text_layers = shapes[i].tl,
                              .text_mlp = shapes[i].tm,
                              .vocabulary = 49408,
                              .context = 77,
                              .embedding = shapes[i].e};
        if (config)
            snprintf(config, size,
                     "{\"model_type\": \"clip\", \"projection_dim\": %u,\n \"vision_config\": {\"hidden_size\": %u, "
                     "\"intermediate_size\": %u, \"num_hidden_layers\": %u, \"num_attention_heads\": %u, "
                     "\"image_size\": %u, "
                     "\"patch_size\": %u, \"hidden_act\": \"%s\"},\n \"text_config\": {\"hidden_size\": %u, "
                     "\"intermediate_size\": %u, \"num_hidden_layers\": %u, \"num_attention_heads\": %u, "
                     "\"hidden_act\": \"%s\", "
                     "\"eos_token_id\": 49407}}\n",
                     shapes[i].e, shapes[i].vw, shapes[i].vm, shapes[i].vl, shapes[i].vh, shapes[i].side,
                     shapes[i].patch, shapes[i].act, shapes[i].tw, shapes[i].tm, shapes[i].tl, shapes[i].th,
                     shapes[i].act);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ the tensors of a model */

typedef struct item {
    char name[240];
    const char *dtype;
    size_t shape[4], dims;
    unsigned shard;
} item;

typedef struct items {
    item *all;
    size_t count, capacity;
} items;

static void add(items *list, const char *prefix, const char *name, size_t dims, size_t a, size_t b, size_t c, size_t d)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 256;
        list->all = realloc(list->all, list->capacity * sizeof *list->all);
        if (!list->all) abort();
    }
    item *t = &list->all[list->count++];
    *t = (item){.shape = {a, b, c, d}, .dims = dims};
    snprintf(t->name, sizeof t->name, "%s%s", prefix, name);
}

static void add_norm(items *list, const char *prefix, const char *name, size_t d)
{
    char full[120];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    add(list, full, ".weight", 1, d, 0, 0, 0);
    add(list, full, ".bias", 1, d, 0, 0, 0);
}

static void add_linear(items *list, const char *prefix, const char *name, size_t out, size_t in)
{
    char full[120];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    add(list, full, ".weight", 2, out, in, 0, 0);
    add(list, full, ".bias", 1, out, 0, 0, 0);
}

static void add_blocks(items *list, const char *tower, unsigned layers, size_t d, size_t m)
{
    static const char *const parts[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                        "self_attn.out_proj"};
    char prefix[80];
    for (unsigned i = 0; i < layers; i++) {
        snprintf(prefix, sizeof prefix, "%s.encoder.layers.%u.", tower, i);
        add_norm(list, prefix, "layer_norm1", d);
        add_norm(list, prefix, "layer_norm2", d);
        for (size_t k = 0; k < 4; k++) add_linear(list, prefix, parts[k], d, d);
        add_linear(list, prefix, "mlp.fc1", m, d);
        add_linear(list, prefix, "mlp.fc2", d, m);
    }
}

static items list_of(const recipe_sizes *s)
{
    items list = {0};
    size_t grid = s->image ? s->side / s->patch : 0;
    if (s->image && s->text) add(&list, "", "logit_scale", 0, 0, 0, 0, 0);
    if (s->image) {
        add(&list, "vision_model.embeddings.", "class_embedding", 1, s->image_width, 0, 0, 0);
        add(&list, "vision_model.embeddings.", "patch_embedding.weight", 4, s->image_width, 3, s->patch, s->patch);
        add(&list, "vision_model.embeddings.", "position_embedding.weight", 2, grid * grid + 1, s->image_width, 0, 0);
        add_norm(&list, "vision_model.", "pre_layrnorm", s->image_width);
        add_norm(&list, "vision_model.", "post_layernorm", s->image_width);
        add_blocks(&list, "vision_model", s->image_layers, s->image_width, s->image_mlp);
        add(&list, "", "visual_projection.weight", 2, s->embedding, s->image_width, 0, 0);
    }
    if (s->text) {
        add(&list, "text_model.embeddings.", "token_embedding.weight", 2, s->vocabulary, s->text_width, 0, 0);
        add(&list, "text_model.embeddings.", "position_embedding.weight", 2, s->context, s->text_width, 0, 0);
        add_norm(&list, "text_model.", "final_layer_norm", s->text_width);
        add_blocks(&list, "text_model", s->text_layers, s->text_width, s->text_mlp);
        add(&list, "", "text_projection.weight", 2, s->embedding, s->text_width, 0, 0);
    }
    return list;
}

/* ------------------------------------------------------------------ writing */

static uint16_t to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* Rounds to nearest even.  The recipe's values are finite and far below 65504. */
static uint16_t to_f16(float value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    double a = fabs((double)value);
    int exponent;
    if (a == 0) return sign;
    frexp(a, &exponent);
    if (exponent < -13) exponent = -13; /* subnormal: steps of 2^-24 */
    double steps = nearbyint(ldexp(a, 11 - exponent));
    /* if rounding gives 1024 steps or more, the carry increases the exponent */
    return (uint16_t)(sign + (unsigned)(exponent + 13) * 1024u + (unsigned)steps);
}

static size_t size_of(const char *dtype)
{
    return strcmp(dtype, "I64") == 0 ? 8 : strcmp(dtype, "F32") == 0 ? 4 : 2;
}

static size_t count_of(const item *t)
{
    size_t n = 1;
    for (size_t i = 0; i < t->dims; i++) n *= t->shape[i];
    return n;
}

static bool write_values(FILE *f, const item *t)
{
    enum { PIECE = 1 << 16 };
    static _Thread_local uint64_t room[PIECE];
    const size_t count = count_of(t), bytes = size_of(t->dtype), fan_in = t->dims ? count / t->shape[0] : 1;
    const uint64_t seed = seed_of(t->name);
    double scale, offset;
    scale_of(t->name, fan_in, &scale, &offset);
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        for (size_t i = 0; i < n; i++) {
            uint8_t *to = (uint8_t *)room + i * bytes;
            if (bytes == 8) {
                uint64_t position = at + i;
                memcpy(to, &position, 8);
                continue;
            }
            float v = value_at(seed, scale, offset, at + i);
            uint16_t half = strcmp(t->dtype, "F16") == 0 ? to_f16(v) : to_bf16(v);
            memcpy(to, bytes == 4 ? (const void *)&v : (const void *)&half, bytes);
        }
        if (fwrite(room, bytes, n, f) != n) return false;
    }
    return true;
}

static bool write_file(const char *path, const items *list, unsigned shard)
{
    char *head = NULL;
    size_t size = 0, at = 0, i, k;
    bool ok = true;
    FILE *text = open_memstream(&head, &size), *f = fopen(path, "wb");
    if (!text || !f) abort();
    fprintf(text, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (i = 0; i < list->count; i++) {
        const item *t = &list->all[i];
        if (t->shard != shard) continue;
        fprintf(text, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, t->dtype);
        for (k = 0; k < t->dims; k++) fprintf(text, "%s%zu", k ? "," : "", t->shape[k]);
        size_t bytes = count_of(t) * size_of(t->dtype);
        fprintf(text, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        at += bytes;
    }
    fputc('}', text);
    fclose(text);
    for (i = 0; i < 8; i++) fputc((int)((uint64_t)size >> (8 * i) & 255), f);
    fwrite(head, 1, size, f);
    for (i = 0; ok && i < list->count; i++)
        if (list->all[i].shard == shard) ok = write_values(f, &list->all[i]);
    free(head);
    return fclose(f) == 0 && ok;
}

static bool write_index(const char *folder, const items *list, unsigned shards)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    fprintf(f, "{\"metadata\": {}, \"weight_map\": {");
    for (size_t i = 0; i < list->count; i++)
        fprintf(f, "%s\n \"%s\": \"model-%05u-of-%05u.safetensors\"", i ? "," : "", list->all[i].name,
                list->all[i].shard + 1, shards);
    fprintf(f, "}}\n");
    fclose(f);
    bool ok = recipe_write_text(folder, "model.safetensors.index.json", text) == 0;
    free(text);
    return ok;
}

int recipe_write(const char *folder, const recipe_sizes *sizes, const recipe_how *how)
{
    items list = list_of(sizes);
    char path[1200];
    bool ok = true;
    size_t floats = list.count;
    if (how->position_ids) {
        if (sizes->text) add(&list, "text_model.embeddings.", "position_ids", 2, 1, sizes->context, 0, 0);
        if (sizes->image)
            add(&list, "vision_model.embeddings.", "position_ids", 2, 1,
                (size_t)(sizes->side / sizes->patch) * (sizes->side / sizes->patch) + 1, 0, 0);
    }
    for (size_t i = 0; i < list.count; i++) {
        list.all[i].dtype = i < floats ? how->dtype : "I64";
        list.all[i].shard = (unsigned)(i % how->shards); /* the tensors of a block are in different files */
    }
    for (unsigned k = 0; ok && k < how->shards; k++) {
        if (how->shards == 1)
            snprintf(path, sizeof path, "%s/model.safetensors", folder);
        else
            snprintf(path, sizeof path, "%s/model-%05u-of-%05u.safetensors", folder, k + 1, how->shards);
        ok = write_file(path, &list, k);
    }
    if (ok && how->shards > 1) ok = write_index(folder, &list, how->shards);
    free(list.all);
    return ok ? 0 : -1;
}

int recipe_write_text(const char *folder, const char *name, const char *text)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f) return -1;
    bool ok = fwrite(text, 1, strlen(text), f) == strlen(text);
    return fclose(f) == 0 && ok ? 0 : -1;
}

char *recipe_folder_new(void)
{
    const char *root = getenv("TMPDIR");
    char *path = malloc(1000);
    if (!path) abort();
    snprintf(path, 1000, "%s/goldpan-model-XXXXXX", root && *root ? root : "/tmp");
    if (!mkdtemp(path)) abort();
    return path;
}

void recipe_folder_free(char *folder)
{
    DIR *dir = opendir(folder);
    char path[1400];
    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.') unlink(path);
    }
    if (dir) closedir(dir);
    rmdir(folder);
    free(folder);
}
