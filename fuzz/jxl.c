/* SPDX-License-Identifier: MIT
 * Reads a JPEG XL file; see codec_target.h. */
#include "codec_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_codec(&gp_codec_jxl, data, size);
    return 0;
}
