/* SPDX-License-Identifier: MIT
 * goldpan.h section 1: status, version, machine. */
#include "api/api.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "base/thread.h"
#include "kernel/kernel.h"
#include "tensor/linear.h"

#include <stdio.h>
#include <string.h>

const char *gp_status_name(gp_status status)
{
    static const char *const names[] = {"ok",    "usage",       "memory",  "io",      "not found", "format",
                                        "limit", "unsupported", "network", "catalog", "stopped"};
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

const char *gp_version(void)
{
    return GP_VERSION;
}

int gp_version_num(void)
{
    return GP_VERSION_NUM;
}

void gp_machine_describe(gp_machine *machine)
{
    gp_precision precision = GP_PRECISION_AUTO;
    gp_engine engine = GP_ENGINE_AUTO;
    gp_linear_resolve(&precision, &engine);
    memset(machine, 0, sizeof *machine);
    machine->threads = gp_thread_processors();
    snprintf(machine->isa, sizeof machine->isa, "%s", gp_kernel_table()->name);
    gp_linear_describe(engine, precision, machine->matmul, sizeof machine->matmul);
    machine->bf16_default = precision == GP_PRECISION_BF16;
}

void gp_free(void *memory)
{
    gp_mem_free(memory);
}

gp_status gp_api_options(void *into, size_t size, const void *given, gp_error *err)
{
    size_t theirs;
    if (!given) return GP_OK;
    memcpy(&theirs, given, sizeof theirs);
    if (theirs < sizeof theirs)
        return gp_fail(err, GP_ERR_USAGE,
                       "the size of the options is not set: begin with the GP_..._DEFAULTS initialiser");
    memcpy(into, given, theirs < size ? theirs : size);
    return GP_OK;
}
