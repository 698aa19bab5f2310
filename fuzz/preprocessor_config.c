/* SPDX-License-Identifier: MIT
 * preprocessor_config.json.  An accepted file must be usable: finite values, sizes within limits, an id, and a small
 * image that it preprocesses without an error. */
#include "image/preprocess.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t rgb[3 * 2 * 3] = {0, 255, 7, 90};
    gp_error err;
    gp_preprocess_config c;
    if (gp_preprocess_parse((const char *)data, size, &c, &err) != GP_OK) return 0;
    if (c.crop_w == 0 || c.crop_h == 0 || c.id[0] == '\0') abort();
    for (int i = 0; i < 3 * 256; i++)
        if (!isfinite(c.table[i / 256][i % 256])) abort();
    if ((uint64_t)c.crop_w * c.crop_h > 512 * 512) return 0;
    float *planes = gp_mem_new((size_t)c.crop_w * c.crop_h * 3, sizeof *planes);
    if (planes &&
        gp_preprocess_planes(&c, &(gp_pixels){.width = 3, .height = 2, .rgb = (uint8_t *)rgb}, planes, &err) == GP_OK &&
        !isfinite(planes[c.crop_w * c.crop_h]))
        abort();
    gp_mem_free(planes);
    return 0;
}
