/* SPDX-License-Identifier: MIT
 * Messages of ComfyUI's WebSocket.  For every input: the share of the steps is from 0 to 1. */
#include "generate/comfy_socket.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double share = -1;
    gp_comfy_said said = gp_comfy_read_message((const char *)data, size, "a", &share);
    if (said == GP_COMFY_STEPS && !(share >= 0 && share <= 1)) abort();
    if (said != GP_COMFY_STEPS && share >= 0) abort();
    return 0;
}
