/* SPDX-License-Identifier: MIT
 * Export: the picked files and their tables. */
#include "report/report.h"

#include "base/status.h"

gp_status gp_report_export(gp_catalog *cat, const gp_export_options *options, gp_report *report, gp_error *err)
{
    (void)cat;
    (void)options;
    (void)report;
    return gp_fail(err, GP_ERR_UNSUPPORTED, "export is on its way");
}
