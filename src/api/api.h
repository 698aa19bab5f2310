/* SPDX-License-Identifier: MIT
 * Shared by the files of this module: the handles of goldpan.h, and reading of option structs. */
#ifndef GP_API_API_H
#define GP_API_API_H

#include "model/encoder.h"

struct gp_model {
    gp_encoder *encoder;
    char *name; /* hub name, or the folder's base name */
};

/* Copies the caller's struct over `into` [size], which already has the defaults.  The caller's struct begins with its
 * own size.  If it is older (shorter), the missing fields keep their defaults.  If it is newer (longer), the additional
 * bytes must be 0.  If it is NULL, the defaults stay.
 * Errors: USAGE (the size is not set), UNSUPPORTED (an unknown field is set).  The messages of both errors name
 * `type`. */
gp_status gp_api_read(void *into, size_t size, const void *given, const char *type, gp_error *err);

/* Like gp_api_read, for element i of an array of structs.  All elements have the size that the first element states. */
gp_status gp_api_read_element(void *into, size_t size, const void *given, size_t i, const char *type, gp_error *err);

/* Like gp_api_read, for a whole array of structs.  The caller frees *out [count] with gp_mem_free. */
gp_status gp_api_read_array(void **out, size_t size, const void *given, size_t count, const char *type, gp_error *err);

/* Checks that the caller has set the size of its output struct.  NULL is allowed. */
gp_status gp_api_output(const void *theirs, const char *type, gp_error *err);

/* Copies the fields of `ours` [size] to the caller's output struct `theirs`, except the field `size` and fields beyond
 * the end of the caller's struct.  Copies nothing if `theirs` is NULL.  Returns `status`. */
gp_status gp_api_give(void *theirs, const void *ours, size_t size, gp_status status);

/* Fills the caller's options struct with the defaults. */
void gp_api_init(void *options, size_t size, const void *defaults, size_t known);

#define API_READ(type, into, given) GP_TRY(gp_api_read(into, sizeof(type), given, #type, err))
#define API_OUTPUT(type, theirs)    GP_TRY(gp_api_output(theirs, #type, err))

/* Returns GP_ERR_USAGE from the calling function if the argument is NULL; the message names the argument. */
#define API_NEEDS(argument)                                                                                            \
    do {                                                                                                               \
        if (!(argument)) return gp_fail(err, GP_ERR_USAGE, "%s: %s is NULL", __func__, #argument);                     \
    } while (0)

#endif
