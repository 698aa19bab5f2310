/* SPDX-License-Identifier: MIT
 * The image tower.  The patch embedding is a convolution whose stride equals its kernel size, so it is one matrix
 * product over unfolded patches.  The tokens are the class token and then the patches in row-major order.  Position
 * embeddings are learned.  Unlike ViT, CLIP has a layer norm before the blocks.  The pooled token is token 0, the class
 * token. */
#include "model/tower.h"

#include <string.h>

/* planes [3,s,s] -> patches [grid*grid, 3*p*p], each in the order channel, row, column, like the weight [d,3,p,p].
 * Pixels beyond the last whole patch are ignored, as in the convolution. */
static void unfold(const float *planes, size_t side, size_t patch, float *out)
{
    const size_t grid = side / patch;
    for (size_t gy = 0; gy < grid; gy++)
        for (size_t gx = 0; gx < grid; gx++)
            for (size_t c = 0; c < 3; c++)
                for (size_t y = 0; y < patch; y++) {
                    memcpy(out, planes + (c * side + gy * patch + y) * side + gx * patch, patch * sizeof *out);
                    out += patch;
                }
}

gp_status gp_image_tower_run(const gp_weights *w, const float *planes, size_t n, gp_workspace *p, gp_error *err)
{
    const gp_clip_config *c = &w->config;
    const size_t d = c->image.width, t = gp_clip_image_tokens(c), patches = t - 1;
    const size_t pixels = 3 * (size_t)c->side * c->side, unfolded = 3 * (size_t)c->patch * c->patch;
    for (size_t i = 0; i < n; i++) unfold(planes + i * pixels, c->side, c->patch, p->wide + i * patches * unfolded);
    GP_TRY(gp_linear_run(w->patch, p->wide, p->y, n * patches, NULL, p->linear_scratch, err)); /* [n*patches, d] */
    for (size_t i = 0; i < n; i++) {
        float *x = p->x + i * t * d;
        memcpy(x, w->class_token, d * sizeof *x);
        memcpy(x + d, p->y + i * patches * d, patches * d * sizeof *x);
        p->kernels->add(x, w->image.positions, t * d);
    }
    p->kernels->layer_norm(p->x, p->x, n * t, d, w->first.gain, w->first.bias, c->image.eps);
    const gp_batch batch = {.n = n, .each = t};
    return gp_blocks_run(&w->image, &batch, p, err);
}
