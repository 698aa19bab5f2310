/* SPDX-License-Identifier: MIT
 * A PyTorch checkpoint: a pickle with the names, types, shapes and strides of the tensors, and the bytes of their
 * storages.  There are two forms:
 *   zip (since PyTorch 1.6): ROOT/data.pkl is the pickle, and ROOT/data/KEY has the bytes of the storage KEY
 *   old: five pickles one after the other (magic number, protocol, system, object, keys of the storages), then for each
 *        key the number of elements and the bytes
 * TorchScript is also a zip file, but a program.  It is rejected.
 * The tensors of the state dict become the tensors of a gp_shard.  A tensor whose numbers are not in order, such as a
 * transposed one, is copied; all others stay in the file. */
#include "model/checkpoint.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PICKLE_LIMIT ((uint64_t)64 << 20)
#define NAME_LIMIT   512u
enum { OLD_PROTOCOL = 1001, REPEATS = 4 };

typedef struct checkpoint {
    gp_pickle_source source; /* the whole file */
    gp_pickle pickle;
    gp_shard shard;
    bool cut;
    gp_error *err;
} checkpoint;

static gp_status broken(const checkpoint *c, const char *why)
{
    return gp_fail_path(c->err, GP_ERR_FORMAT, "'%s' %s", c->source.path, why);
}

static gp_status read_at(const checkpoint *c, uint64_t at, void *out, size_t size)
{
    if (c->source.file >= 0) return gp_file_read_at(c->source.file, c->source.path, at, out, size, c->err);
    if (size) memcpy(out, c->source.memory + at, size);
    return GP_OK;
}

/* ------------------------------------------------------------------ zip */

static gp_status torchscript(const checkpoint *c)
{
    return gp_fail_path(c->err, GP_ERR_UNSUPPORTED,
                        "'%s' is a TorchScript program, which goldpan never runs; OpenAI's weights are also in "
                        "timm/vit_base_patch32_clip_224.openai, timm/vit_base_patch16_clip_224.openai, "
                        "timm/vit_large_patch14_clip_224.openai and timm/vit_large_patch14_clip_336.openai",
                        c->source.path);
}

/* Finds the only member ROOT/data.pkl.  *root: the length of "ROOT/". */
static gp_status find_pickle(const checkpoint *c, const gp_zip_members *members, const gp_zip_member **out,
                             size_t *root)
{
    *out = NULL;
    for (size_t i = 0; i < members->count; i++) {
        const gp_zip_member *m = &members->items[i];
        const char *slash = strchr(m->name, '/');
        if (slash && (strcmp(slash, "/constants.pkl") == 0 || gp_str_starts(slash, "/code/"))) return torchscript(c);
        if (!slash || strcmp(slash, "/data.pkl") != 0) continue;
        if (*out) return broken(c, "has more than one data.pkl");
        *out = m, *root = (size_t)(slash - m->name) + 1;
    }
    return *out ? GP_OK : broken(c, "is a zip file without data.pkl, so it is not a PyTorch checkpoint");
}

static gp_status check_order(const checkpoint *c, const gp_zip_members *members, const char *root, size_t length)
{
    char text[8], name[300];
    snprintf(name, sizeof name, "%.*sbyteorder", (int)(length < 250 ? length : 250), root);
    const gp_zip_member *order = gp_zip_member_find(members, name);
    if (!order) return GP_OK;
    if (order->size != 6) return broken(c, "has numbers in big-endian order");
    GP_TRY(read_at(c, order->offset, text, 6));
    return memcmp(text, "little", 6) == 0 ? GP_OK : broken(c, "has numbers in big-endian order");
}

/* Finds the bytes of every storage; its size must be exactly the stated one. */
static gp_status find_storages(checkpoint *c, const gp_zip_members *members, const char *root, size_t length)
{
    gp_str name = GP_STR_INIT;
    gp_status st = GP_OK;
    for (size_t i = 0; i < c->pickle.storage_count; i++) {
        gp_pickle_storage *s = &c->pickle.storages[i];
        const char *key = c->pickle.texts.data + s->key;
        gp_str_reset(&name);
        gp_str_add(&name, root, length);
        gp_str_printf(&name, "data/%s", key);
        if (name.failed) GP_TRY_GOTO(gp_fail_memory(c->err, "the names of storages"));
        const gp_zip_member *m = strlen(key) == s->key_length ? gp_zip_member_find(members, name.data) : NULL;
        if (!m) GP_TRY_GOTO(broken(c, "lacks the bytes of a tensor"));
        if (m->size != s->count * s->type->width)
            GP_TRY_GOTO(broken(c, "has a storage of another size than its pickle says"));
        s->offset = m->offset, s->found = true;
    }
out:
    gp_str_clear(&name);
    return st;
}

static gp_status read_zip(checkpoint *c)
{
    gp_zip_members members = {0};
    const gp_zip_member *pickle = NULL;
    size_t root = 0;
    gp_status st;
    GP_TRY_GOTO(gp_zip_members_read(&c->source, &members, c->err));
    GP_TRY_GOTO(find_pickle(c, &members, &pickle, &root));
    GP_TRY_GOTO(check_order(c, &members, pickle->name, root));
    if (pickle->size > PICKLE_LIMIT) GP_TRY_GOTO(broken(c, "has a pickle of more than 64 MiB"));
    gp_pickle_source part = c->source; /* its window is still NULL */
    part.at = pickle->offset, part.end = pickle->offset + pickle->size;
    st = gp_pickle_read(&part, true, &c->pickle, c->err);
    gp_pickle_source_clear(&part);
    GP_TRY_GOTO(st);
    if (part.at != part.end) GP_TRY_GOTO(broken(c, "has bytes after its pickle"));
    GP_TRY_GOTO(find_storages(c, &members, pickle->name, root));
out:
    gp_zip_members_clear(&members);
    return st;
}

/* ------------------------------------------------------------------ the old form */

/* Reads one of the small pickles around the object. */
static gp_status read_small(checkpoint *c, gp_pickle *out)
{
    return gp_pickle_read(&c->source, false, out, c->err);
}

static gp_status read_heads(checkpoint *c)
{
    gp_pickle p = {.texts = GP_STR_INIT};
    gp_status st = read_small(c, &p);
    if (st == GP_OK && p.root.kind != GP_PICKLE_MAGIC)
        st = broken(c, "is not a PyTorch checkpoint: it does not begin with the magic number");
    gp_pickle_clear(&p);
    if (st == GP_OK) st = read_small(c, &p);
    if (st == GP_OK && (p.root.kind != GP_PICKLE_INT || p.root.number != OLD_PROTOCOL))
        st = broken(c, "has another version of PyTorch's old format than 1001");
    gp_pickle_clear(&p);
    if (st == GP_OK) st = read_small(c, &p);
    if (st == GP_OK) {
        const gp_pickle_value *little =
            p.root.kind == GP_PICKLE_DICT ? gp_pickle_get(&p, &p.root, "little_endian") : NULL;
        if (!little || little->kind != GP_PICKLE_BOOL || !little->number)
            st = broken(c, "has numbers in big-endian order");
    }
    gp_pickle_clear(&p);
    return st;
}

/* A storage by its key. */
typedef struct key_of {
    const char *key;
    gp_pickle_storage *storage;
} key_of;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const key_of *)a)->key, ((const key_of *)b)->key);
}

/* Takes the bytes at the source's position for all storages with this key. */
static gp_status take_storage(checkpoint *c, const key_of *keys, size_t count, const char *key)
{
    const uint8_t *bytes = NULL;
    uint64_t elements = 0;
    const key_of wanted = {.key = key};
    const key_of *hit = count ? bsearch(&wanted, keys, count, sizeof *keys, by_key) : NULL;
    if (!hit) return broken(c, "has a storage that no tensor uses");
    GP_TRY(gp_pickle_next(&c->source, 8, &bytes, c->err));
    for (size_t i = 8; i-- > 0;) elements = elements << 8 | bytes[i];
    while (hit > keys && strcmp(hit[-1].key, key) == 0) hit--;
    const gp_pickle_storage *first = hit->storage;
    for (; hit < keys + count && strcmp(hit->key, key) == 0; hit++) {
        if (hit->storage->found || hit->storage->count != elements || hit->storage->type != first->type)
            return broken(c, "has a storage of another size than its pickle says");
        hit->storage->offset = c->source.at, hit->storage->found = true;
    }
    if (elements * first->type->width > c->source.end - c->source.at)
        return broken(c, "ends in the middle of a storage");
    c->source.at += elements * first->type->width;
    return GP_OK;
}

static gp_status read_storages(checkpoint *c)
{
    gp_pickle list = {.texts = GP_STR_INIT};
    key_of *keys = NULL;
    const size_t count = c->pickle.storage_count;
    gp_status st = read_small(c, &list);
    if (st != GP_OK) goto out;
    if (list.root.kind != GP_PICKLE_LIST) GP_TRY_GOTO(broken(c, "has no list of storages"));
    GP_TRY_GOTO(gp_alloc((void **)&keys, count + 1, sizeof *keys, "the list of storages", c->err));
    for (size_t i = 0; i < count; i++)
        keys[i] = (key_of){c->pickle.texts.data + c->pickle.storages[i].key, &c->pickle.storages[i]};
    if (count) qsort(keys, count, sizeof *keys, by_key);
    const gp_pickle_list *names = &list.lists[list.root.number];
    for (size_t i = 0; i < names->count; i++) {
        if (names->items[i].kind != GP_PICKLE_TEXT) GP_TRY_GOTO(broken(c, "has no list of storages"));
        GP_TRY_GOTO(take_storage(c, keys, count, list.texts.data + names->items[i].number));
    }
    for (size_t i = 0; i < count; i++)
        if (!c->pickle.storages[i].found) GP_TRY_GOTO(broken(c, "lacks the bytes of a tensor"));
out:
    gp_mem_free(keys);
    gp_pickle_clear(&list);
    return st;
}

static gp_status read_old(checkpoint *c)
{
    const uint64_t end = c->source.end;
    gp_status st;
    if (end > PICKLE_LIMIT) c->source.end = PICKLE_LIMIT;
    st = read_heads(c);
    if (st == GP_OK) st = gp_pickle_read(&c->source, true, &c->pickle, c->err);
    c->source.end = end;
    if (st == GP_OK) st = read_storages(c);
    gp_pickle_source_clear(&c->source);
    return st;
}

/* ------------------------------------------------------------------ the state dict */

static bool has_tensor(const gp_pickle *p, const gp_pickle_value *dict)
{
    const gp_pickle_list *list = &p->lists[dict->number];
    for (size_t i = 1; i < list->count; i += 2)
        if (list->items[i].kind == GP_PICKLE_TENSOR) return true;
    return false;
}

/* Finds the dict of tensors: a member state_dict, model or params that has tensors, else the whole object. */
static gp_status find_dict(const checkpoint *c, const gp_pickle_list **out)
{
    static const char *const members[] = {"state_dict", "model", "params"};
    const gp_pickle *p = &c->pickle;
    const gp_pickle_value *dict = &p->root;
    if (dict->kind != GP_PICKLE_DICT) return broken(c, "has no state dict: its object is not a dict");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const gp_pickle_value *inner = gp_pickle_get(p, &p->root, members[i]);
        if (!inner || inner->kind != GP_PICKLE_DICT || !has_tensor(p, inner)) continue;
        dict = inner;
        break;
    }
    if (!has_tensor(p, dict)) return broken(c, "has no tensors in its state dict");
    *out = &p->lists[dict->number];
    return GP_OK;
}

/* Returns how many numbers lie between the first and the last number of a tensor, with both. */
static uint64_t span_of(const gp_pickle_tensor *t)
{
    uint64_t last = 0;
    if (!t->count) return 0;
    for (size_t i = 0; i < t->dims; i++) last += (t->shape[i] - 1) * t->stride[i];
    return last + 1;
}

static bool in_order(const gp_pickle_tensor *t)
{
    uint64_t step = 1;
    for (size_t i = t->dims; i-- > 0;) {
        if (t->shape[i] != 1 && t->stride[i] != step) return false;
        step *= t->shape[i];
    }
    return true;
}

/* Copies the numbers of a tensor in order. */
static gp_status copy_tensor(checkpoint *c, const gp_pickle_tensor *t, const gp_pickle_storage *s, uint8_t *out)
{
    const size_t width = s->type->width;
    const size_t numbers = (size_t)span_of(t);
    uint64_t index[GP_TENSOR_DIMS] = {0}, at = 0;
    uint8_t *span = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&span, numbers, width, "a tensor", c->err));
    GP_TRY_GOTO(read_at(c, s->offset + t->offset * width, span, numbers * width));
    for (uint64_t n = 0; n < t->count; n++) {
        memcpy(out + n * width, span + at * width, width);
        for (size_t i = t->dims; i-- > 0;) {
            at += t->stride[i];
            if (++index[i] < t->shape[i]) break;
            at -= t->shape[i] * t->stride[i];
            index[i] = 0;
        }
    }
out:
    gp_mem_free(span);
    return st;
}

static bool is_valid_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) return false;
    return length > 0 && length <= NAME_LIMIT;
}

/* One entry of the state dict, before its names are in order. */
typedef struct entry {
    const char *name;
    size_t order; /* place in the dict: the last of two equal names counts */
    const gp_pickle_tensor *tensor;
} entry;

static int by_name(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->order < y->order ? -1 : 1;
}

static gp_status collect(const checkpoint *c, const gp_pickle_list *dict, entry **out, size_t *count)
{
    const gp_pickle *p = &c->pickle;
    size_t n = 0, kept = 0;
    entry *e;
    GP_TRY(gp_alloc((void **)&e, dict->count / 2 + 1, sizeof *e, "the list of tensors", c->err));
    *out = e;
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
        const gp_pickle_value *key = &dict->items[i], *value = key + 1;
        if (key->kind != GP_PICKLE_TEXT || value->kind != GP_PICKLE_TENSOR) continue;
        if (!is_valid_name(p->texts.data + key->number, key->length))
            return broken(c, "has a tensor whose name is empty, longer than 512 bytes or not printable");
        e[n] = (entry){p->texts.data + key->number, n, &p->tensors[value->number]};
        n++;
    }
    if (n) qsort(e, n, sizeof *e, by_name);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || strcmp(e[i].name, e[i + 1].name) != 0) e[kept++] = e[i];
    *count = kept;
    return kept ? GP_OK : broken(c, "has no tensors in its state dict");
}

/* Removes a prefix that all names have; the order of the names stays the same. */
static void cut_prefix(entry *e, size_t count)
{
    static const char *const prefixes[] = {"module.", "model."};
    for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++) {
        const size_t length = strlen(prefixes[k]);
        size_t same = 0;
        while (same < count && gp_str_starts(e[same].name, prefixes[k]) && e[same].name[length]) same++;
        for (size_t i = 0; same == count && i < count; i++) e[i].name += length;
    }
}

/* Fills in the tensors of the shard.  First computes how much memory the names and copies need. */
static gp_status fill(checkpoint *c, const entry *e, size_t count)
{
    gp_shard *shard = &c->shard;
    size_t names = 0, copies = 0;
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const gp_pickle_tensor *t = e[i].tensor;
        const uint64_t bytes = t->count * c->pickle.storages[t->storage].type->width;
        names += strlen(e[i].name) + 1;
        total += in_order(t) ? bytes : span_of(t) * c->pickle.storages[t->storage].type->width;
        copies += in_order(t) ? 0 : (size_t)bytes;
        if (total > REPEATS * c->source.end) return broken(c, "has tensors that are many times as large as the file");
    }
    GP_TRY(gp_alloc((void **)&shard->tensors, count, sizeof *shard->tensors, "the list of tensors", c->err));
    GP_TRY(gp_alloc((void **)&shard->names, names, 1, "the names of tensors", c->err));
    GP_TRY(gp_alloc((void **)&shard->copies, copies + 1, 1,
                    "copies of tensors whose numbers are not in order in the file", c->err));
    char *name = shard->names;
    uint8_t *copy = shard->copies;
    for (size_t i = 0; i < count; i++) {
        const gp_pickle_tensor *t = e[i].tensor;
        const gp_pickle_storage *s = &c->pickle.storages[t->storage];
        gp_tensor *out = &shard->tensors[shard->count++];
        const size_t length = strlen(e[i].name) + 1;
        memcpy(name, e[i].name, length);
        *out = (gp_tensor){.name = name,
                           .dtype = s->type->dtype,
                           .dims = t->dims,
                           .offset = s->offset + t->offset * s->type->width,
                           .bytes = (size_t)t->count * s->type->width,
                           .file = shard->path};
        memcpy(out->shape, t->shape, sizeof t->shape);
        name += length;
        if (in_order(t)) continue;
        GP_TRY(t->count ? copy_tensor(c, t, s, copy) : GP_OK);
        out->copy = copy;
        copy += out->bytes;
    }
    return GP_OK;
}

static gp_status read_dict(checkpoint *c)
{
    const gp_pickle_list *dict = NULL;
    entry *entries = NULL;
    size_t count = 0;
    gp_status st;
    GP_TRY_GOTO(find_dict(c, &dict));
    GP_TRY_GOTO(collect(c, dict, &entries, &count));
    if (c->cut) cut_prefix(entries, count);
    GP_TRY_GOTO(fill(c, entries, count));
out:
    gp_mem_free(entries);
    return st;
}

/* ------------------------------------------------------------------ entry points */

bool gp_checkpoint_is(const char *path, const uint8_t *first, size_t size)
{
    static const char *const ends[] = {".bin", ".pt", ".pth", ".ckpt"};
    if (size > 8 && first[8] == '{') return false; /* safetensors with another name */
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (gp_str_ends(path, ends[i])) return true;
    return false;
}

static gp_status read_checkpoint(checkpoint *c, gp_shard *out)
{
    uint8_t first[4] = {0};
    gp_status st;
    c->shard = GP_SHARD_NONE;
    c->shard.path = gp_str_dup(c->source.path);
    if (!c->shard.path) GP_TRY_GOTO(gp_fail_memory(c->err, "a path"));
    GP_TRY_GOTO(read_at(c, 0, first, c->source.end < 4 ? (size_t)c->source.end : 4));
    if (memcmp(first, "PK\3\4", 4) == 0)
        GP_TRY_GOTO(read_zip(c));
    else if (first[0] == 0x80)
        GP_TRY_GOTO(read_old(c));
    else
        GP_TRY_GOTO(broken(c, "is not a PyTorch checkpoint"));
    GP_TRY_GOTO(read_dict(c));
    *out = c->shard;
    c->shard = GP_SHARD_NONE;
out:
    gp_shard_clear(&c->shard);
    gp_pickle_clear(&c->pickle);
    gp_pickle_source_clear(&c->source);
    return st;
}

gp_status gp_checkpoint_parse(const uint8_t *data, size_t size, const char *path, bool cut, gp_shard *out,
                              gp_error *err)
{
    checkpoint c = {.source = {.file = -1, .memory = data, .path = path, .end = size},
                    .pickle = {.texts = GP_STR_INIT},
                    .cut = cut,
                    .err = err};
    GP_TRY(read_checkpoint(&c, out));
    out->memory = data;
    return GP_OK;
}

gp_status gp_checkpoint_open(const char *path, bool cut, gp_shard *out, gp_error *err)
{
    checkpoint c = {.source = {.file = -1, .path = path}, .pickle = {.texts = GP_STR_INIT}, .cut = cut, .err = err};
    int file = -1;
    GP_TRY(gp_file_open(path, &file, &c.source.end, err));
    c.source.file = file;
    gp_status st = read_checkpoint(&c, out);
    if (st == GP_OK)
        out->file = file;
    else
        close(file);
    return st;
}
