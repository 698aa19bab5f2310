/* SPDX-License-Identifier: MIT
 * The text tower: token and position embeddings, then causal blocks; one token of each text is pooled.  With the causal
 * mask, tokens after the pooled one have no effect on it, so only the tokens up to it are computed.  Texts of different
 * lengths are packed in one matrix without padding. */
#include "model/tower.h"

#include <assert.h>
#include <string.h>

/* Writes row `id` of the token table to x [d]. */
static void look_up(const gp_weights *w, const gp_kernels *kernels, int32_t id, float *x)
{
    const size_t d = w->config.text.width;
    const uint8_t *row = w->token_table + (size_t)id * d * gp_dtype_size(w->token_dtype);
    if (w->token_dtype == GP_F32)
        memcpy(x, row, d * sizeof *x);
    else if (w->token_dtype == GP_F16)
        kernels->f16_to_f32((const uint16_t *)(const void *)row, x, d);
    else
        kernels->bf16_to_f32((const uint16_t *)(const void *)row, x, d);
}

gp_status gp_text_tower_run(const gp_weights *w, const int32_t *ids, const size_t *counts, const size_t *used, size_t n,
                            gp_workspace *p, gp_error *err)
{
    const size_t d = w->config.text.width;
    float *x = p->x;
    for (size_t i = 0; i < n; i++) {
        assert(used[i] >= 1 && used[i] <= counts[i] && used[i] <= w->config.context);
        for (size_t k = 0; k < used[i]; k++) look_up(w, p->kernels, ids[k], x + k * d);
        p->kernels->add(x, w->text.positions, used[i] * d);
        x += used[i] * d;
        ids += counts[i];
    }
    const gp_batch batch = {.n = n, .counts = used, .causal = true, .pool_last = true};
    return gp_blocks_run(&w->text, &batch, p, err);
}
