/* SPDX-License-Identifier: MIT
 * Reads weight files in parts: safetensors, or a checkpoint of PyTorch (checkpoint.c); one file, or the shards that an
 * index lists.  The header of safetensors is checked strictly: its length, JSON with bounded nesting, known dtypes,
 * shapes that match the byte ranges, and byte ranges that cover the file without gap or overlap. */
#ifndef GP_MODEL_SAFETENSORS_H
#define GP_MODEL_SAFETENSORS_H

#include "base/hash.h"
#include "base/status.h"
#include "tensor/linear.h"

#define GP_TENSOR_DIMS 8

typedef struct gp_tensor {
    const char *name;  /* borrowed from the set */
    const char *dtype; /* as stored: "F32", "F16", "BF16", "I64" ... */
    uint64_t shape[GP_TENSOR_DIMS];
    size_t dims;
    uint64_t offset; /* offset of the first byte in the file */
    size_t bytes;
    const char *file;
    const uint8_t *copy; /* NULL, or the bytes in memory: of a tensor that is not in order in the file */
} gp_tensor;

typedef struct gp_tensors gp_tensors;
/* Opens one file: a checkpoint if its name ends in .bin, .pt, .pth or .ckpt and it is not safetensors. */
gp_status gp_tensors_open_file(const char *path, gp_tensors **out, gp_error *err);
/* Opens a file in memory.  The bytes are borrowed until gp_tensors_close.  Messages call the file `label`. */
gp_status gp_tensors_open_memory(const uint8_t *data, size_t size, const char *label, gp_tensors **out, gp_error *err);
/* Opens the weights of a folder: the first that exists of model.safetensors, model.safetensors.index.json with its
 * shards, pytorch_model.bin, pytorch_model.bin.index.json with its shards. */
gp_status gp_tensors_open_folder(const char *folder, gp_tensors **out, gp_error *err);
/* As gp_tensors_open_folder, with the names that open_clip gives to its weight files. */
gp_status gp_tensors_open_open_clip(const char *folder, gp_tensors **out, gp_error *err);
void gp_tensors_close(gp_tensors *tensors);
size_t gp_tensors_count(const gp_tensors *tensors);
const gp_tensor *gp_tensors_at(const gp_tensors *tensors, size_t i); /* sorted by name */
const gp_tensor *gp_tensors_find(const gp_tensors *tensors, const char *name);
/* Returns the value of `key` in __metadata__ of the first file, borrowed; NULL if the key is absent. */
const char *gp_tensors_metadata(const gp_tensors *tensors, const char *key);
/* Reads `bytes` bytes of the tensor from byte `at` on.  Error IO: the file has become shorter.  Threads: any. */
gp_status gp_tensors_read(const gp_tensors *tensors, const gp_tensor *tensor, size_t at, void *out, size_t bytes,
                          gp_error *err);
size_t gp_tensor_numbers(const gp_tensor *tensor); /* product of the dimensions */
/* Returns false if the dtype is not F32, F16 or BF16. */
bool gp_tensor_dtype(const gp_tensor *tensor, gp_dtype *out);
/* Counts the numbers that are infinite or NaN.  bytes: `count` numbers of `dtype`. */
size_t gp_tensor_not_finite(const uint8_t *bytes, gp_dtype dtype, size_t count);
/* Reads all numbers as floats; F32, F16 and BF16 only.  *bad: number of infinite and NaN numbers.  Threads: any. */
gp_status gp_tensors_read_floats(const gp_tensors *tensors, const gp_tensor *tensor, float *out, size_t *bad,
                                 gp_error *err);
/* Removes `prefix` from all names that begin with it.  Error FORMAT: two tensors would then have the same name. */
gp_status gp_tensors_strip(gp_tensors *tensors, const char *prefix, gp_error *err);
/* XXH3-128 of all tensors, sorted by name.  The hash includes, for each tensor: name with NUL, dtype with NUL, number
 * of dimensions and each dimension as u64 little endian, bytes.  The hash does not depend on file names, sharding,
 * order or metadata. */
gp_status gp_tensors_hash(const gp_tensors *tensors, gp_hash *out, gp_error *err);

#endif
