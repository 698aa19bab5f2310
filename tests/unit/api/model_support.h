/* SPDX-License-Identifier: MIT
 * The bundled model for the tests of one program: opened before the first, closed after the last. */
#ifndef GP_TESTS_MODEL_SUPPORT_H
#define GP_TESTS_MODEL_SUPPORT_H

#include "support.h"

#include <goldpan.h>

static gp_model *model;

static int open_model(void **state)
{
    (void)state;
    return gp_model_open(source_path("models/drawn-world-mini"), NULL, &model, NULL) == GP_OK ? 0 : -1;
}

static int close_model(void **state)
{
    (void)state;
    gp_model_close(model);
    return 0;
}

#endif
