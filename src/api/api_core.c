/* SPDX-License-Identifier: MIT
 * Implements goldpan/core.h: status, version, machine. */
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

gp_status gp_machine_describe(gp_machine *machine, gp_error *err)
{
    gp_machine m = {0};
    gp_precision precision = GP_PRECISION_AUTO;
    gp_engine engine = GP_ENGINE_AUTO;
    API_NEEDS(machine);
    API_OUTPUT(gp_machine, machine);
    gp_linear_resolve(&precision, &engine);
    m.threads = gp_thread_processors();
    snprintf(m.isa, sizeof m.isa, "%s", gp_kernel_table()->name);
    gp_linear_describe(engine, precision, m.matmul, sizeof m.matmul);
    m.bf16_default = precision == GP_PRECISION_BF16;
    return gp_api_give(machine, &m, sizeof m, GP_OK);
}

void gp_free(void *memory)
{
    gp_mem_free(memory);
}
