/* SPDX-License-Identifier: MIT
 * Reads config.json of a model.  An accepted configuration must be within the limits of model/config.h. */
#include "model/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tower(const gp_tower_config *t)
{
    if (!t->width || !t->mlp || !t->layers || !t->heads || t->width % t->heads || !(t->eps >= 0 && t->eps <= 1))
        abort();
    if (t->width > 16384 || t->mlp > 65536 || t->layers > 256) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_error err = {0};
    gp_clip_config c;
    gp_json *root = NULL;
    gp_status st = gp_encoder_parse_config((const char *)data, size, "fuzz", &root, &err);
    if (st == GP_OK) st = gp_clip_config_read(root, "fuzz", &c, &err);
    gp_json_free(root);
    if (st != GP_OK) {
        if (err.status == GP_OK || !strstr(err.message, "'fuzz'")) abort();
        return 0;
    }
    if (!c.has_image && !c.has_text) abort();
    if (c.has_image) {
        check_tower(&c.image);
        if (!c.patch || c.patch > c.side || gp_clip_image_tokens(&c) > 20000) abort();
    }
    if (c.has_text) {
        check_tower(&c.text);
        if (!c.vocabulary || !c.context || c.eos < 0) abort();
    }
    return 0;
}
