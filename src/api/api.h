/* SPDX-License-Identifier: MIT
 * What the files of this room share: goldpan.h's handles and the reading of option structs. */
#ifndef GP_API_API_H
#define GP_API_API_H

#include "model/encoder.h"

struct gp_model {
    gp_encoder *encoder;
    char *name; /* hub name, or the folder's base name */
};

/* Copy the caller's options over the defaults already in `into` [size]; the caller's struct begins with its own size
 * and may be older (shorter) or newer (longer); NULL: the defaults stay.  A size of 0 is a struct that was not
 * initialised: USAGE. */
gp_status gp_api_options(void *into, size_t size, const void *given, gp_error *err);

/* GP_ERR_USAGE naming the argument, if it is NULL. */
#define API_NEEDS(argument)                                                                                            \
    do {                                                                                                               \
        if (!(argument)) return gp_fail(err, GP_ERR_USAGE, "%s: %s is NULL", __func__, #argument);                     \
    } while (0)

#endif
