/* SPDX-License-Identifier: MIT
 * goldpan.h section 5: what the machine can do, and what it does with a model. */
#include "api/api.h"

#include "base/thread.h"
#include "stage/stage.h"
#include "tensor/peak_rate.h"

#include <assert.h>

#define SECONDS 0.1
enum { TRIES = 5 };

static_assert((int)GP_PEAKS == (int)GP_PEAK_KINDS, "a place for every kind");

gp_status gp_machine_peaks(int threads, gp_peak peaks[GP_PEAKS], size_t *count, gp_error *err)
{
    size_t n = 0;
    API_NEEDS(peaks);
    API_NEEDS(count);
    if (threads < 1) threads = gp_thread_processors();
    for (int kind = 0; kind < GP_PEAK_KINDS; kind++) {
        const gp_peak_loop *loop = gp_peak_loop_at((gp_peak_kind)kind, 0);
        if (!loop) continue;
        gp_peak *p = &peaks[n++];
        *p = (gp_peak){gp_peak_kind_name((gp_peak_kind)kind), loop->name, 0, 0};
        GP_TRY(gp_peak_measure(loop, 1, SECONDS, TRIES, &p->one, err));
        GP_TRY(gp_peak_measure(loop, threads, SECONDS, TRIES, &p->all, err));
    }
    *count = n;
    return GP_OK;
}

gp_status gp_bench(const gp_model *model, const gp_bench_options *options, gp_bench_report *report, gp_error *err)
{
    gp_bench_options o = GP_BENCH_DEFAULTS;
    API_NEEDS(model);
    API_NEEDS(report);
    GP_TRY(gp_api_options(&o, sizeof o, options, err));
    if (o.sample == 0 || !(o.seconds > 0)) return gp_fail(err, GP_ERR_USAGE, "sample and seconds must be above 0");
    if (!o.roots) o.root_count = 0;
    return gp_stage_bench(model->encoder, &o, report, err);
}
