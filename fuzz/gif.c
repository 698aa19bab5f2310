/* SPDX-License-Identifier: MIT
 * Reads a GIF file; see codec_target.h. */
#include "codec_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_codec(&gp_codec_gif, data, size);
    return 0;
}
