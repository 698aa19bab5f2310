/* SPDX-License-Identifier: MIT
 * Counts the operations of the image tower for one image: multiplications and additions of the matrix products and of
 * attention.  Norms, activations and softmax are below 1 % and, as usual, not counted. */
#include "model/config.h"

double gp_clip_image_flop(const gp_clip_config *c, bool done)
{
    if (!c->has_image) return 0;
    const double t = (double)gp_clip_image_tokens(c), d = c->image.width, m = c->image.mlp, layers = c->image.layers;
    /* multiplications for each token: the MLP and the output projection of attention */
    const double rest = 2 * d * m + d * d;
    const double layer = t * (3 * d * d + rest) + 2 * t * t * d;
    const double last = done ? 3 * d * d + 2 * t * d * c->image.heads + rest : layer; /* pooled_attention.c */
    const double patches = (t - 1) * 3 * c->patch * c->patch * d;
    return 2 * (patches + (layers - 1) * layer + last + d * c->embedding);
}
