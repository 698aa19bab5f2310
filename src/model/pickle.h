/* SPDX-License-Identifier: MIT
 * Private to model: reads a pickle of PyTorch with a machine that can build nothing but plain values, storages and
 * tensors.  The machine never calls anything that the file names.  checkpoint.c reads the file around the pickle. */
#ifndef GP_MODEL_PICKLE_H
#define GP_MODEL_PICKLE_H

#include "base/str.h"
#include "model/safetensors.h"

typedef enum gp_pickle_kind {
    GP_PICKLE_NONE,
    GP_PICKLE_BOOL,  /* number: 0 or 1 */
    GP_PICKLE_INT,   /* number */
    GP_PICKLE_REAL,  /* its value is not kept, because no tensor depends on it */
    GP_PICKLE_MAGIC, /* the number with which the old format begins */
    GP_PICKLE_TEXT,  /* number: place in `texts`; length */
    GP_PICKLE_BYTES, /* a text that is too long to be a name; not kept */
    GP_PICKLE_TUPLE, /* number: index in `lists`, as for list and dict */
    GP_PICKLE_LIST,
    GP_PICKLE_DICT,    /* the list holds a key and its value by turns */
    GP_PICKLE_GLOBAL,  /* number: place of its name in `texts`; length: which one (private) */
    GP_PICKLE_STORAGE, /* number: index in `storages` */
    GP_PICKLE_TENSOR,  /* number: index in `tensors` */
    GP_PICKLE_MARK
} gp_pickle_kind;

typedef struct gp_pickle_value {
    uint32_t kind, length;
    int64_t number;
} gp_pickle_value;

typedef struct gp_pickle_list {
    gp_pickle_value *items;
    uint32_t count, capacity;
} gp_pickle_list;

/* A type that the numbers of a tensor can have. */
typedef struct gp_pickle_type {
    const char *name;  /* of the storage in PyTorch, like "FloatStorage" */
    const char *dtype; /* as in safetensors, like "F32" */
    uint32_t width;    /* bytes of a number */
} gp_pickle_type;

/* The numbers of one or several tensors, which lie elsewhere in the file. */
typedef struct gp_pickle_storage {
    const gp_pickle_type *type;
    size_t key, key_length; /* place in `texts` */
    uint64_t count;         /* of numbers */
    uint64_t offset;        /* in the file; set by checkpoint.c */
    bool found;             /* set by checkpoint.c */
} gp_pickle_storage;

/* shape and stride were checked: all numbers of the tensor lie within the storage. */
typedef struct gp_pickle_tensor {
    uint32_t storage, dims;
    uint64_t offset; /* the index of the first number in the storage */
    uint64_t count;  /* of numbers */
    uint64_t shape[GP_TENSOR_DIMS], stride[GP_TENSOR_DIMS];
} gp_pickle_tensor;

/* The bytes that hold the pickle: a range of a file or of memory. */
typedef struct gp_pickle_source {
    int file;              /* open for reading; -1: the bytes are in `memory` */
    const uint8_t *memory; /* begins at offset 0 */
    const char *path;      /* for messages */
    uint64_t at, end;      /* the next byte, and the end of the range */
    uint8_t *window;       /* the bytes of the file that were read last */
    uint64_t window_at;
    size_t window_size;
} gp_pickle_source;

/* All values of one pickle.  Values refer to each other by index, so a value that occurs twice is stored once. */
typedef struct gp_pickle {
    gp_str texts;
    gp_pickle_value *stack, *memo;
    size_t depth, depth_room, memo_count, memo_used; /* memo_used: entries that were set */
    gp_pickle_list *lists;
    size_t list_count, list_room;
    gp_pickle_storage *storages;
    size_t storage_count, storage_room;
    gp_pickle_tensor *tensors;
    size_t tensor_count, tensor_room;
    size_t made; /* number of values, against the limit */
    gp_pickle_value root;
} gp_pickle;

/* Reads bytes of the source; `size` is at most 4096.  *out is valid until the next call. */
gp_status gp_pickle_next(gp_pickle_source *source, size_t size, const uint8_t **out, gp_error *err);
void gp_pickle_source_clear(gp_pickle_source *source);

/* Reads one pickle.  Afterwards source->at is the position after it.  `persistent`: the pickle may refer to storages.
 * The caller calls gp_pickle_clear, also after an error.  Error FORMAT. */
gp_status gp_pickle_read(gp_pickle_source *source, bool persistent, gp_pickle *out, gp_error *err);
void gp_pickle_clear(gp_pickle *pickle);
/* Returns true if the value is a text that equals `text`. */
bool gp_pickle_is(const gp_pickle *pickle, const gp_pickle_value *value, const char *text);
/* Returns the last value of `key` in a dict; NULL if the dict has no such key. */
const gp_pickle_value *gp_pickle_get(const gp_pickle *pickle, const gp_pickle_value *dict, const char *key);

#endif
