/* SPDX-License-Identifier: MIT
 * Reads an AVIF file; see codec_target.h. */
#include "codec_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_codec(&gp_codec_avif, data, size);
    return 0;
}
