/* SPDX-License-Identifier: MIT
 * The machine for pickles of PyTorch: a stack, a memo, and the opcodes that torch.save writes in the protocols 2 to 4.
 * A pickle is a program.  Python's machine can call every function, so a hostile pickle can do anything there.  This
 * machine knows three functions of PyTorch and OrderedDict, and each of them only makes a value.  Every other name is a
 * value that ends the reading as soon as the pickle calls it or builds on it.  No type is trusted: a dict is set only
 * if it is a dict, and a tensor must lie within its storage.
 * Source: the documentation of Python's pickletools and what torch.save writes. */
#include "model/pickle.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

enum {
    WINDOW = 1 << 16,
    TEXT_LIMIT = 4096, /* longer texts are not kept; a tensor's name has at most 512 bytes */
    GLOBAL_LIMIT = 256,
    VALUE_LIMIT = 1000000,
    STEP_LIMIT = 1 << 22,
    MEMO_LIMIT = 1 << 20,
    TENSOR_LIMIT = 100000
};

static const gp_pickle_type types[] = {
    {"FloatStorage", "F32", 4}, {"HalfStorage", "F16", 2},  {"BFloat16Storage", "BF16", 2}, {"DoubleStorage", "F64", 8},
    {"LongStorage", "I64", 8},  {"IntStorage", "I32", 4},   {"ShortStorage", "I16", 2},     {"CharStorage", "I8", 1},
    {"ByteStorage", "U8", 1},   {"BoolStorage", "BOOL", 1},
};
static const gp_pickle_type untyped = {"UntypedStorage", "U8", 1};

/* The known globals.  A number of at least STORAGE_TYPE is the index of a type. */
enum { UNKNOWN, ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, UNTYPED, STORAGE_TYPE };

typedef struct machine {
    gp_pickle *p;
    gp_pickle_source *source;
    bool persistent;
    gp_error *err;
} machine;

static gp_status broken(const machine *m, const char *why)
{
    return gp_fail_path(m->err, GP_ERR_FORMAT, "'%s' has a pickle that %s", m->source->path, why);
}

/* ------------------------------------------------------------------ bytes */

gp_status gp_pickle_next(gp_pickle_source *s, size_t size, const uint8_t **out, gp_error *err)
{
    if (size > s->end - s->at) return gp_fail_path(err, GP_ERR_FORMAT, "'%s' ends in the middle of a pickle", s->path);
    if (s->file < 0) {
        *out = s->memory + s->at;
    } else {
        if (!s->window) GP_TRY(gp_alloc((void **)&s->window, WINDOW, 1, "a weight file", err));
        if (s->at < s->window_at || s->at + size > s->window_at + s->window_size) {
            uint64_t left = s->end - s->at;
            size_t n = left < WINDOW ? (size_t)left : WINDOW;
            GP_TRY(gp_file_read_at(s->file, s->path, s->at, s->window, n, err));
            s->window_at = s->at, s->window_size = n;
        }
        *out = s->window + (s->at - s->window_at);
    }
    s->at += size;
    return GP_OK;
}

void gp_pickle_source_clear(gp_pickle_source *s)
{
    gp_mem_free(s->window);
    s->window = NULL;
}

/* Reads a whole number of `size` bytes, little endian. */
static gp_status number(machine *m, size_t size, uint64_t *out)
{
    const uint8_t *bytes = NULL;
    GP_TRY(gp_pickle_next(m->source, size, &bytes, m->err));
    *out = 0;
    for (size_t i = size; i-- > 0;) *out = *out << 8 | bytes[i];
    return GP_OK;
}

/* ------------------------------------------------------------------ memory */

/* Makes room for one more element of an array. */
static gp_status room(void **array, size_t count, size_t *capacity, size_t size, gp_error *err)
{
    if (count < *capacity) return GP_OK;
    size_t more = *capacity ? *capacity + *capacity / 2 : 16;
    void *grown = gp_mem_resize(*array, more, size);
    if (!grown) return gp_fail_memory(err, "the values of a weight file");
    *array = grown, *capacity = more;
    return GP_OK;
}

static gp_status push(machine *m, gp_pickle_value value)
{
    gp_pickle *p = m->p;
    if (++p->made > VALUE_LIMIT) return broken(m, "has more than 1000000 values");
    GP_TRY(room((void **)&p->stack, p->depth, &p->depth_room, sizeof *p->stack, m->err));
    p->stack[p->depth++] = value;
    return GP_OK;
}

static gp_status push_kind(machine *m, gp_pickle_kind kind, int64_t n)
{
    return push(m, (gp_pickle_value){.kind = kind, .number = n});
}

static gp_status pop(machine *m, gp_pickle_value *out)
{
    gp_pickle *p = m->p;
    if (!p->depth || p->stack[p->depth - 1].kind == GP_PICKLE_MARK)
        return broken(m, "takes a value from an empty stack");
    *out = p->stack[--p->depth];
    return GP_OK;
}

/* Returns the top of the stack; NULL if there is none or if it is not of this kind. */
static gp_pickle_value *top(machine *m, gp_pickle_kind kind)
{
    gp_pickle *p = m->p;
    return p->depth && p->stack[p->depth - 1].kind == kind ? &p->stack[p->depth - 1] : NULL;
}

static gp_pickle_list *list_of(const gp_pickle *p, const gp_pickle_value *value)
{
    return &p->lists[value->number];
}

static gp_status add(machine *m, gp_pickle_list *list, const gp_pickle_value *items, size_t count)
{
    if (!count) return GP_OK;
    size_t need = list->count + count;
    if (need > VALUE_LIMIT) return broken(m, "has more than 1000000 values");
    if (need > list->capacity) {
        size_t capacity = list->capacity ? list->capacity + list->capacity / 2 : 0;
        if (capacity < need) capacity = need;
        gp_pickle_value *grown = gp_mem_resize(list->items, capacity, sizeof *grown);
        if (!grown) return gp_fail_memory(m->err, "the values of a weight file");
        list->items = grown, list->capacity = (uint32_t)capacity;
    }
    memcpy(list->items + list->count, items, count * sizeof *items);
    list->count = (uint32_t)need;
    return GP_OK;
}

static gp_status push_list(machine *m, gp_pickle_kind kind, const gp_pickle_value *items, size_t count)
{
    gp_pickle *p = m->p;
    GP_TRY(room((void **)&p->lists, p->list_count, &p->list_room, sizeof *p->lists, m->err));
    size_t index = p->list_count++;
    p->lists[index] = (gp_pickle_list){0};
    GP_TRY(add(m, &p->lists[index], items, count));
    return push_kind(m, kind, (int64_t)index);
}

/* Finds the topmost mark.  *at: the place after it. */
static gp_status mark(machine *m, size_t *at)
{
    size_t k = m->p->depth;
    while (k && m->p->stack[k - 1].kind != GP_PICKLE_MARK) k--;
    if (!k) return broken(m, "has no mark");
    *at = k;
    return GP_OK;
}

/* ------------------------------------------------------------------ texts and names */

static gp_status push_text(machine *m, uint64_t length)
{
    gp_pickle *p = m->p;
    const uint8_t *bytes = NULL;
    if (length > TEXT_LIMIT) {
        if (length > m->source->end - m->source->at) return broken(m, "ends too early");
        m->source->at += length;
        return push_kind(m, GP_PICKLE_BYTES, 0);
    }
    GP_TRY(gp_pickle_next(m->source, (size_t)length, &bytes, m->err));
    if (!gp_utf8_valid((const char *)bytes, (size_t)length)) return broken(m, "has a text that is not UTF-8");
    size_t at = p->texts.size;
    gp_str_add(&p->texts, bytes, (size_t)length);
    gp_str_putc(&p->texts, '\0');
    if (p->texts.failed) return gp_fail_memory(m->err, "the texts of a weight file");
    return push(m, (gp_pickle_value){.kind = GP_PICKLE_TEXT, .length = (uint32_t)length, .number = (int64_t)at});
}

static uint32_t global_of(const char *name)
{
    static const struct {
        const char *name;
        uint32_t code;
    } known[] = {{"collections OrderedDict", ORDERED_DICT},
                 {"torch._utils _rebuild_tensor_v2", REBUILD_TENSOR},
                 {"torch._utils _rebuild_tensor", REBUILD_TENSOR},
                 {"torch._utils _rebuild_parameter", REBUILD_PARAMETER},
                 {"torch.storage UntypedStorage", UNTYPED}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) return known[i].code;
    for (uint32_t i = 0; gp_str_starts(name, "torch ") && i < sizeof types / sizeof *types; i++)
        if (strcmp(name + 6, types[i].name) == 0) return STORAGE_TYPE + i;
    return UNKNOWN;
}

/* Pushes the global "module name".  The name is kept for messages, with '?' for bytes that cannot be printed. */
static gp_status push_global(machine *m, char *name)
{
    gp_pickle *p = m->p;
    const uint32_t code = global_of(name);
    size_t at = p->texts.size;
    for (char *c = name; *c; c++)
        if (*c < 0x20 || *c > 0x7e) *c = '?';
    gp_str_add(&p->texts, name, strlen(name) + 1);
    if (p->texts.failed) return gp_fail_memory(m->err, "the texts of a weight file");
    return push(m, (gp_pickle_value){.kind = GP_PICKLE_GLOBAL, .length = code, .number = (int64_t)at});
}

/* Reads a global as two lines. */
static gp_status global(machine *m)
{
    char name[GLOBAL_LIMIT];
    size_t used = 0;
    const uint8_t *byte = NULL;
    for (int lines = 0; lines < 2;) {
        GP_TRY(gp_pickle_next(m->source, 1, &byte, m->err));
        if (*byte == '\n' && ++lines == 2) break;
        if (used == sizeof name - 1) return broken(m, "has a global whose name does not end");
        name[used++] = *byte == '\n' ? ' ' : *byte ? (char)*byte : '?';
    }
    name[used] = '\0';
    return push_global(m, name);
}

/* Makes a global of two texts on the stack. */
static gp_status stack_global(machine *m)
{
    gp_pickle_value module = {0}, name = {0};
    char text[GLOBAL_LIMIT];
    GP_TRY(pop(m, &name));
    GP_TRY(pop(m, &module));
    if (name.kind != GP_PICKLE_TEXT || module.kind != GP_PICKLE_TEXT ||
        (uint64_t)name.length + module.length + 2 > sizeof text)
        return broken(m, "has a global whose name is not a text");
    memcpy(text, m->p->texts.data + module.number, module.length);
    text[module.length] = ' ';
    memcpy(text + module.length + 1, m->p->texts.data + name.number, (size_t)name.length + 1);
    return push_global(m, text);
}

/* ------------------------------------------------------------------ calls */

static bool is_whole(const gp_pickle_value *v)
{
    return v->kind == GP_PICKLE_INT && v->number >= 0;
}

/* Checks that the tensor lies within its storage, and that it does not repeat the storage many times. */
static gp_status check_range(const machine *m, gp_pickle_tensor *t, uint64_t stored)
{
    uint64_t last = t->offset, count = 1, step;
    bool fits = true;
    for (size_t i = 0; i < t->dims; i++)
        if (t->shape[i] == 0) count = 0;
    for (size_t i = 0; count && i < t->dims; i++) {
        fits = fits && !__builtin_mul_overflow(count, t->shape[i], &count);
        fits = fits && !__builtin_mul_overflow(t->shape[i] - 1, t->stride[i], &step);
        fits = fits && !__builtin_add_overflow(last, step, &last);
        if (!fits) break;
    }
    if (!fits || (count ? last >= stored : t->offset > stored))
        return broken(m, "has a tensor that is larger than its storage");
    if (count > 4 * stored) return broken(m, "has a tensor that repeats its storage");
    t->count = count;
    return GP_OK;
}

static gp_status rebuild_tensor(machine *m, const gp_pickle_list *args)
{
    gp_pickle *p = m->p;
    gp_pickle_tensor t = {0};
    const gp_pickle_value *a = args->items;
    if (args->count < 4 || a[0].kind != GP_PICKLE_STORAGE || !is_whole(&a[1]) || a[2].kind != GP_PICKLE_TUPLE ||
        a[3].kind != GP_PICKLE_TUPLE)
        return broken(m, "makes a tensor without a storage, an offset, a shape and strides");
    const gp_pickle_list *shape = list_of(p, &a[2]), *stride = list_of(p, &a[3]);
    if (shape->count != stride->count || shape->count > GP_TENSOR_DIMS)
        return broken(m, "has a tensor with more than 8 dimensions, or with a wrong number of strides");
    t.storage = (uint32_t)a[0].number, t.offset = (uint64_t)a[1].number, t.dims = shape->count;
    for (size_t i = 0; i < t.dims; i++) {
        if (!is_whole(&shape->items[i]) || !is_whole(&stride->items[i]))
            return broken(m, "has a tensor whose size or stride is not a whole number");
        t.shape[i] = (uint64_t)shape->items[i].number, t.stride[i] = (uint64_t)stride->items[i].number;
    }
    GP_TRY(check_range(m, &t, p->storages[t.storage].count));
    if (p->tensor_count == TENSOR_LIMIT) return broken(m, "has more than 100000 tensors");
    GP_TRY(room((void **)&p->tensors, p->tensor_count, &p->tensor_room, sizeof t, m->err));
    p->tensors[p->tensor_count] = t;
    return push_kind(m, GP_PICKLE_TENSOR, (int64_t)p->tensor_count++);
}

static gp_status call(machine *m)
{
    gp_pickle *p = m->p;
    gp_pickle_value args = {0}, function = {0};
    GP_TRY(pop(m, &args));
    GP_TRY(pop(m, &function));
    if (function.kind != GP_PICKLE_GLOBAL) return broken(m, "calls a value that is not a function");
    const char *name = p->texts.data + function.number;
    if (args.kind != GP_PICKLE_TUPLE) return broken(m, "calls a function without a tuple of arguments");
    const gp_pickle_list *list = list_of(p, &args);
    switch (function.length) {
    case ORDERED_DICT:
        if (list->count > 1 ||
            (list->count == 1 && (list->items[0].kind != GP_PICKLE_LIST || list_of(p, &list->items[0])->count > 0)))
            return broken(m, "makes an OrderedDict of other values");
        return push_list(m, GP_PICKLE_DICT, NULL, 0);
    case REBUILD_TENSOR: return rebuild_tensor(m, list);
    case REBUILD_PARAMETER:
        if (!list->count || list->items[0].kind != GP_PICKLE_TENSOR)
            return broken(m, "makes a parameter of a value that is not a tensor");
        return push(m, list->items[0]);
    default:
        return gp_fail_path(m->err, GP_ERR_FORMAT,
                            "'%s' wants to call '%.100s'; goldpan only reads tensors and never runs code of a file",
                            m->source->path, name);
    }
}

/* Makes a storage of the tuple ('storage', type, key, device, count). */
static gp_status storage(machine *m)
{
    gp_pickle *p = m->p;
    gp_pickle_value id = {0};
    GP_TRY(pop(m, &id));
    if (!m->persistent || id.kind != GP_PICKLE_TUPLE) return broken(m, "refers to a value outside itself");
    const gp_pickle_list *list = list_of(p, &id);
    const gp_pickle_value *a = list->items;
    if (list->count < 5 || !gp_pickle_is(p, &a[0], "storage") || a[1].kind != GP_PICKLE_GLOBAL ||
        a[2].kind != GP_PICKLE_TEXT || !is_whole(&a[4]) || (list->count > 5 && a[5].kind != GP_PICKLE_NONE))
        return broken(m, "refers to a value that is not a storage");
    const uint32_t code = a[1].length;
    if (code != UNTYPED && code < STORAGE_TYPE)
        return gp_fail_path(m->err, GP_ERR_FORMAT, "'%s' has a storage of the unknown type '%.100s'", m->source->path,
                            p->texts.data + a[1].number);
    if (a[4].number > INT64_MAX / 8) return broken(m, "has a storage of an impossible size");
    if (p->storage_count == TENSOR_LIMIT) return broken(m, "has more than 100000 storages");
    GP_TRY(room((void **)&p->storages, p->storage_count, &p->storage_room, sizeof *p->storages, m->err));
    p->storages[p->storage_count] =
        (gp_pickle_storage){.type = code == UNTYPED ? &untyped : &types[code - STORAGE_TYPE],
                            .key = (size_t)a[2].number,
                            .key_length = a[2].length,
                            .count = (uint64_t)a[4].number};
    return push_kind(m, GP_PICKLE_STORAGE, (int64_t)p->storage_count++);
}

/* ------------------------------------------------------------------ containers and memo */

/* Takes the values after the mark, or `count` values if there is no mark for them, as a tuple. */
static gp_status tuple(machine *m, size_t count, bool marked)
{
    gp_pickle *p = m->p;
    size_t at = 0;
    if (marked) {
        GP_TRY(mark(m, &at));
        count = p->depth - at;
    } else {
        if (p->depth < count) return broken(m, "takes a value from an empty stack");
        at = p->depth - count;
        for (size_t i = at; i < p->depth; i++)
            if (p->stack[i].kind == GP_PICKLE_MARK) return broken(m, "takes a value from an empty stack");
    }
    p->depth = at; /* the values stay valid, because push_list copies them before it pushes */
    size_t values = count;
    if (marked) p->depth--;
    return push_list(m, GP_PICKLE_TUPLE, values ? p->stack + at : NULL, values);
}

/* Appends the values after the mark, or the last `count` values, to the list or dict below them. */
static gp_status extend(machine *m, gp_pickle_kind kind, size_t count, bool marked)
{
    gp_pickle *p = m->p;
    size_t at = 0;
    if (marked) {
        GP_TRY(mark(m, &at));
        count = p->depth - at;
    } else {
        if (p->depth < count) return broken(m, "takes a value from an empty stack");
        at = p->depth - count;
    }
    const gp_pickle_value *items = p->stack + at;
    if (kind == GP_PICKLE_DICT && count % 2) return broken(m, "adds a key without a value to a dict");
    for (size_t i = 0; i < count; i++) {
        bool key = kind == GP_PICKLE_DICT && i % 2 == 0;
        if (items[i].kind == GP_PICKLE_MARK) return broken(m, "takes a value from an empty stack");
        if (key && items[i].kind != GP_PICKLE_TEXT && items[i].kind != GP_PICKLE_INT && items[i].kind != GP_PICKLE_BOOL)
            return broken(m, "has a key that is neither a text nor a number");
    }
    p->depth = at - (marked ? 1 : 0);
    const gp_pickle_value *target = top(m, kind);
    if (!target)
        return broken(m, kind == GP_PICKLE_DICT ? "sets an item of a value that is not a dict"
                                                : "appends to a value that is not a list");
    p->made += count;
    if (p->made > VALUE_LIMIT) return broken(m, "has more than 1000000 values");
    return add(m, list_of(p, target), items, count);
}

static gp_status build(machine *m)
{
    gp_pickle_value state = {0};
    GP_TRY(pop(m, &state));
    return top(m, GP_PICKLE_DICT) ? GP_OK : broken(m, "builds on a value that is not a dict");
}

static gp_status memorise(machine *m, uint64_t index)
{
    gp_pickle *p = m->p;
    if (index >= MEMO_LIMIT) return broken(m, "has a memo index over 1048575");
    if (!p->depth || p->stack[p->depth - 1].kind == GP_PICKLE_MARK)
        return broken(m, "stores a value in its memo while the stack is empty");
    if (index >= p->memo_count) {
        size_t count = (size_t)index + 1 + p->memo_count / 2;
        if (count > MEMO_LIMIT) count = MEMO_LIMIT;
        gp_pickle_value *grown = gp_mem_resize(p->memo, count, sizeof *grown);
        if (!grown) return gp_fail_memory(m->err, "the values of a weight file");
        for (size_t i = p->memo_count; i < count; i++) grown[i] = (gp_pickle_value){.kind = GP_PICKLE_MARK};
        p->memo = grown, p->memo_count = count;
    }
    if (p->memo[index].kind == GP_PICKLE_MARK) p->memo_used++;
    p->memo[index] = p->stack[p->depth - 1];
    return GP_OK;
}

static gp_status recall(machine *m, uint64_t index)
{
    if (index >= m->p->memo_count || m->p->memo[index].kind == GP_PICKLE_MARK)
        return broken(m, "reads an unset entry of its memo");
    return push(m, m->p->memo[index]);
}

/* Pushes a whole number of at most 8 bytes, or the magic number of 10 bytes. */
static gp_status push_long(machine *m)
{
    static const uint8_t magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    uint64_t size = 0, value = 0;
    const uint8_t *bytes = NULL;
    GP_TRY(number(m, 1, &size));
    GP_TRY(gp_pickle_next(m->source, (size_t)size, &bytes, m->err));
    if (size == sizeof magic && memcmp(bytes, magic, sizeof magic) == 0) return push_kind(m, GP_PICKLE_MAGIC, 0);
    if (size > 8) return broken(m, "has a number of more than 8 bytes");
    if (size && bytes[size - 1] & 0x80) value = UINT64_MAX;
    for (size_t i = (size_t)size; i-- > 0;) value = value << 8 | bytes[i];
    return push_kind(m, GP_PICKLE_INT, (int64_t)value);
}

/* ------------------------------------------------------------------ opcodes */

static gp_status scalar(machine *m, uint8_t op)
{
    const uint8_t *bytes = NULL;
    uint64_t n = 0;
    switch (op) {
    case 'N': return push_kind(m, GP_PICKLE_NONE, 0);
    case 0x88: return push_kind(m, GP_PICKLE_BOOL, 1);
    case 0x89: return push_kind(m, GP_PICKLE_BOOL, 0);
    case 'J': GP_TRY(number(m, 4, &n)); return push_kind(m, GP_PICKLE_INT, (int32_t)(uint32_t)n);
    case 'K': GP_TRY(number(m, 1, &n)); return push_kind(m, GP_PICKLE_INT, (int64_t)n);
    case 'M': GP_TRY(number(m, 2, &n)); return push_kind(m, GP_PICKLE_INT, (int64_t)n);
    case 0x8a: return push_long(m);
    case 'G': GP_TRY(gp_pickle_next(m->source, 8, &bytes, m->err)); return push_kind(m, GP_PICKLE_REAL, 0);
    case 'X': GP_TRY(number(m, 4, &n)); return push_text(m, n);
    case 0x8c: GP_TRY(number(m, 1, &n)); return push_text(m, n);
    default: GP_TRY(number(m, 8, &n)); return push_text(m, n); /* 0x8d */
    }
}

static gp_status step(machine *m, uint8_t op)
{
    uint64_t n = 0;
    switch (op) {
    case 0x80:
        GP_TRY(number(m, 1, &n));
        return n >= 2 && n <= 5 ? GP_OK : broken(m, "has another protocol than 2 to 5");
    case 0x95:
        GP_TRY(number(m, 8, &n));
        return n <= m->source->end - m->source->at ? GP_OK : broken(m, "has a frame that ends outside of it");
    case '(': return push_kind(m, GP_PICKLE_MARK, 0);
    case 'N':
    case 0x88:
    case 0x89:
    case 'J':
    case 'K':
    case 'M':
    case 0x8a:
    case 'G':
    case 'X':
    case 0x8c:
    case 0x8d: return scalar(m, op);
    case ')': return push_list(m, GP_PICKLE_TUPLE, NULL, 0);
    case 0x85:
    case 0x86:
    case 0x87: return tuple(m, op - 0x84u, false);
    case 't': return tuple(m, 0, true);
    case ']': return push_list(m, GP_PICKLE_LIST, NULL, 0);
    case '}': return push_list(m, GP_PICKLE_DICT, NULL, 0);
    case 'a': return extend(m, GP_PICKLE_LIST, 1, false);
    case 'e': return extend(m, GP_PICKLE_LIST, 0, true);
    case 's': return extend(m, GP_PICKLE_DICT, 2, false);
    case 'u': return extend(m, GP_PICKLE_DICT, 0, true);
    case 'q': GP_TRY(number(m, 1, &n)); return memorise(m, n);
    case 'r': GP_TRY(number(m, 4, &n)); return memorise(m, n);
    case 0x94: return memorise(m, m->p->memo_used);
    case 'h': GP_TRY(number(m, 1, &n)); return recall(m, n);
    case 'j': GP_TRY(number(m, 4, &n)); return recall(m, n);
    case 'c': return global(m);
    case 0x93: return stack_global(m);
    case 'R': return call(m);
    case 'b': return build(m);
    case 'Q': return storage(m);
    default:
        return gp_fail_path(m->err, GP_ERR_FORMAT, "'%s' has the pickle opcode 0x%02x, which torch.save never writes",
                            m->source->path, op);
    }
}

gp_status gp_pickle_read(gp_pickle_source *source, bool persistent, gp_pickle *out, gp_error *err)
{
    machine m = {.p = out, .source = source, .persistent = persistent, .err = err};
    *out = (gp_pickle){.texts = GP_STR_INIT};
    for (size_t steps = 0;; steps++) {
        const uint8_t *op = NULL;
        if (steps == STEP_LIMIT) return broken(&m, "has more than 4194304 steps");
        GP_TRY(gp_pickle_next(source, 1, &op, err));
        if (*op == '.') break;
        GP_TRY(step(&m, *op));
    }
    GP_TRY(pop(&m, &out->root));
    return out->depth ? broken(&m, "leaves values on its stack") : GP_OK;
}

void gp_pickle_clear(gp_pickle *p)
{
    for (size_t i = 0; i < p->list_count; i++) gp_mem_free(p->lists[i].items);
    gp_mem_free(p->lists);
    gp_mem_free(p->stack);
    gp_mem_free(p->memo);
    gp_mem_free(p->storages);
    gp_mem_free(p->tensors);
    gp_str_clear(&p->texts);
    *p = (gp_pickle){.texts = GP_STR_INIT};
}

bool gp_pickle_is(const gp_pickle *p, const gp_pickle_value *value, const char *text)
{
    return value->kind == GP_PICKLE_TEXT && value->length == strlen(text) &&
           memcmp(p->texts.data + value->number, text, value->length) == 0;
}

const gp_pickle_value *gp_pickle_get(const gp_pickle *p, const gp_pickle_value *dict, const char *key)
{
    const gp_pickle_list *list = list_of(p, dict);
    for (size_t i = list->count; dict->kind == GP_PICKLE_DICT && i >= 2; i -= 2)
        if (gp_pickle_is(p, &list->items[i - 2], key)) return &list->items[i - 1];
    return NULL;
}
