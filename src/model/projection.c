/* SPDX-License-Identifier: MIT
 * The output projection of both towers: post-norm of the pooled token, projection without bias into the shared
 * embedding space, L2 normalisation.  So the dot product of two embeddings is their cosine. */
#include "model/tower.h"

#include <string.h>

gp_status gp_projection_run(const gp_tower *tower, size_t embedding, size_t n, bool pooled, gp_workspace *p, float *out,
                            gp_error *err)
{
    const size_t d = tower->size.width;
    p->kernels->layer_norm(p->x, p->y, n, d, tower->last.gain, tower->last.bias, tower->size.eps);
    if (pooled) {
        memcpy(out, p->y, n * d * sizeof *out);
        return GP_OK;
    }
    GP_TRY(gp_linear_run(tower->projection, p->y, p->wide, n, NULL, p->linear_scratch, err)); /* [n,e] */
    p->kernels->l2_normalise(p->wide, n, embedding);
    memcpy(out, p->wide, n * embedding * sizeof *out);
    return GP_OK;
}
