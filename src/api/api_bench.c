/* SPDX-License-Identifier: MIT
 * Implements goldpan/bench.h: the peak rate of the machine, and its speed with a model. */
#include "api/api.h"

#include "base/thread.h"
#include "stage/stage.h"
#include "tensor/peak_rate.h"

#define SECONDS 0.1
enum { TRIES = 5 };

gp_status gp_machine_peaks(int threads, bool (*visit)(void *user, const gp_peak *peak), void *user, gp_error *err)
{
    API_NEEDS(visit);
    if (threads < 1) threads = gp_thread_processors();
    for (int kind = 0; kind < GP_PEAK_KINDS; kind++) {
        const gp_peak_loop *loop = gp_peak_loop_at((gp_peak_kind)kind, 0);
        if (!loop) continue;
        gp_peak p = {gp_peak_kind_name((gp_peak_kind)kind), loop->name, 0, 0};
        GP_TRY(gp_peak_measure(loop, 1, SECONDS, TRIES, &p.one, err));
        GP_TRY(gp_peak_measure(loop, threads, SECONDS, TRIES, &p.all, err));
        if (!visit(user, &p)) break;
    }
    return GP_OK;
}

gp_status gp_bench(const gp_model *model, const gp_bench_options *options, gp_bench_report *report, gp_error *err)
{
    gp_bench_options o = GP_BENCH_DEFAULTS;
    API_NEEDS(model);
    API_NEEDS(report);
    API_READ(gp_bench_options, &o, options);
    if (o.sample == 0 || !(o.seconds > 0)) return gp_fail(err, GP_ERR_USAGE, "`sample` and `seconds` must be above 0");
    if (!o.roots) o.root_count = 0;
    gp_bench_report ours = {0};
    API_OUTPUT(gp_bench_report, report);
    GP_TRY(gp_stage_bench(model->encoder, &o, &ours, err));
    return gp_api_give(report, &ours, sizeof ours, GP_OK);
}
