/* SPDX-License-Identifier: MIT
 * Base64 by OpenSSL, which needs padding; missing padding is added. */
#include "net/base64.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <string.h>

gp_status gp_base64_decode(const char *text, size_t size, gp_bytes *out, gp_error *err)
{
    EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
    uint8_t *bytes = gp_mem_new(size / 4 * 3 + 4, 1);
    size_t used = 0;
    gp_status st = GP_OK;
    if (!context || !bytes) GP_TRY_GOTO(gp_fail_memory(err, "an image"));
    if (size > 5 && !memcmp(text, "data:", 5)) {
        const char *comma = memchr(text, ',', size < 256 ? size : 256);
        if (comma) size -= (size_t)(comma + 1 - text), text = comma + 1;
    }
    EVP_DecodeInit(context);
    while (size && text[size - 1] == '=') size--; /* removed here; the correct padding is added below */
    static const char padding[] = "==";
    size_t left = 0;
    for (size_t i = 0; i < size; i++) left += !strchr(" \t\r\n", text[i]);
    int got = 0, tail = 0;
    for (size_t at = 0; at < size;) {
        int part = size - at > (1 << 20) ? 1 << 20 : (int)(size - at);
        if (EVP_DecodeUpdate(context, bytes + used, &got, (const unsigned char *)text + at, part) < 0)
            GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "the base64 data has an invalid character"));
        used += (size_t)got, at += (size_t)part;
    }
    if (left % 4 == 1 || (left % 4 && EVP_DecodeUpdate(context, bytes + used, &got, (const unsigned char *)padding,
                                                       (int)(4 - left % 4)) < 0))
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "base64 data is truncated"));
    if (left % 4) used += (size_t)got;
    if (EVP_DecodeFinal(context, bytes + used, &tail) < 0)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "base64 data is truncated"));
    used += (size_t)tail;
    bytes[used] = 0;
    *out = (gp_bytes){bytes, used};
    bytes = NULL;
out:
    EVP_ENCODE_CTX_free(context);
    gp_mem_free(bytes);
    return st;
}
