/* SPDX-License-Identifier: MIT
 * Reads and writes structs that begin with their size (goldpan.h, "Sizes"). */
#include "api/api.h"

#include "base/mem.h"

#include <string.h>

static size_t size_of(const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    return size;
}

static gp_status check_size(const void *given, const char *type, gp_error *err)
{
    if (size_of(given) >= sizeof(size_t)) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE, "%s.size is not set: begin with GP_..._DEFAULTS or GP_INIT(%s)", type, type);
}

gp_status gp_api_read(void *into, size_t size, const void *given, const char *type, gp_error *err)
{
    if (!given) return GP_OK;
    GP_TRY(check_size(given, type, err));
    size_t theirs = size_of(given);
    for (size_t i = size; i < theirs; i++)
        if (((const unsigned char *)given)[i])
            return gp_fail(err, GP_ERR_UNSUPPORTED,
                           "%s has a field at byte %zu that this version of goldpan (%s) does not support", type, i,
                           GP_VERSION);
    memcpy(into, given, theirs < size ? theirs : size);
    return GP_OK;
}

gp_status gp_api_read_element(void *into, size_t size, const void *given, size_t i, const char *type, gp_error *err)
{
    GP_TRY(check_size(given, type, err));
    size_t stride = size_of(given);
    const char *one = (const char *)given + i * stride;
    if (size_of(one) != stride)
        return gp_fail(err, GP_ERR_USAGE, "%s.size of element %zu differs from %s.size of element 0", type, i, type);
    return gp_api_read(into, size, one, type, err);
}

gp_status gp_api_read_array(void **out, size_t size, const void *given, size_t count, const char *type, gp_error *err)
{
    gp_status st = GP_OK;
    char *structs = NULL;
    *out = NULL;
    if (!count || !given) return GP_OK;
    structs = gp_mem_zero(count, size);
    if (!structs) return gp_fail_memory(err, "%s", type);
    for (size_t i = 0; i < count && st == GP_OK; i++)
        st = gp_api_read_element(structs + i * size, size, given, i, type, err);
    if (st == GP_OK)
        *out = structs;
    else
        gp_mem_free(structs);
    return st;
}

gp_status gp_api_output(const void *theirs, const char *type, gp_error *err)
{
    return theirs ? check_size(theirs, type, err) : GP_OK;
}

gp_status gp_api_give(void *theirs, const void *ours, size_t size, gp_status status)
{
    if (!theirs) return status;
    size_t room = size_of(theirs), used = room < size ? room : size;
    memcpy((char *)theirs + sizeof(size_t), (const char *)ours + sizeof(size_t), used - sizeof(size_t));
    memset((char *)theirs + used, 0, room - used);
    return status;
}

void gp_api_init(void *options, size_t size, const void *defaults, size_t known)
{
    if (!options || size < sizeof size) return;
    memcpy(options, defaults, size < known ? size : known);
    if (size > known) memset((char *)options + known, 0, size - known);
    memcpy(options, &size, sizeof size);
}
