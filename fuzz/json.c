/* SPDX-License-Identifier: MIT
 * JSON, lax and strict.  A value read from valid UTF-8 is written and read again: the second text must equal the
 * first. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const gp_json *value)
{
    gp_str first = GP_STR_INIT, second = GP_STR_INIT;
    gp_json *again = NULL;
    gp_json_write(&first, value);
    if (first.failed || gp_json_parse(first.data, first.size, false, 1000, &again, NULL) != GP_OK) abort();
    gp_json_write(&second, again);
    if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0) abort();
    gp_json_free(again);
    gp_str_clear(&first);
    gp_str_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_error err;
    gp_json *lax = NULL, *strict = NULL;
    gp_status a = gp_json_parse((const char *)data, size, false, 0, &lax, &err);
    gp_status b = gp_json_parse((const char *)data, size, true, 0, &strict, &err);
    if (b == GP_OK && a != GP_OK) abort(); /* lax mode accepts everything that strict mode accepts */
    if (a == GP_OK && gp_utf8_valid((const char *)data, size)) round_trip(lax);
    gp_json_free(lax);
    gp_json_free(strict);
    return 0;
}
