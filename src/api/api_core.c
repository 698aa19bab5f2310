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

void gp_machine_describe(gp_machine *machine)
{
    gp_precision precision = GP_PRECISION_AUTO;
    gp_engine engine = GP_ENGINE_AUTO;
    gp_linear_resolve(&precision, &engine);
    memset(machine, 0, sizeof *machine);
    machine->threads = gp_thread_processors();
    snprintf(machine->isa, sizeof machine->isa, "%s", gp_kernel_table()->name);
    gp_linear_describe(engine, machine->matmul, sizeof machine->matmul);
    machine->bf16_default = precision == GP_PRECISION_BF16;
}

void gp_free(void *memory)
{
    gp_mem_free(memory);
}

void gp_api_options(void *into, size_t size, const void *given)
{
    size_t theirs;
    if (!given) return;
    memcpy(&theirs, given, sizeof theirs);
    memcpy(into, given, theirs < size ? theirs : size);
}
