/* SPDX-License-Identifier: MIT
 * Eight edges of a map at a time: what their ends do to each other, and points at random to the first of them.
 *
 * With s = d^2 and p = s^b, the pull is -2ab p / (s (1 + ap)) and the push 2b / ((0.001 + s) (1 + ap)) times the gap
 * (McInnes, Healy, Melville 2018, section 4.2).  s^b is exp2(b log2 s) by two short polynomials: relative error below
 * 2e-5 over 1e-12..1e6, far below what the random choice of points leaves undecided. */
#include "kernel/simd.h"
#include "kernel/reference.h"

/* s^b for s > 0, normal. */
static inline gp_vec power(gp_vec s, float b)
{
    gp_vec_int bits = (gp_vec_int)s;
    gp_vec exponent = __builtin_convertvector((bits >> 23) - 127, gp_vec);
    gp_vec m = (gp_vec)((bits & 0x7fffff) | 0x3f800000);
    /* log2 on 1..2 around sqrt 2: 2/ln2 (z + z^3/3 + ...), z = (m - sqrt 2) / (m + sqrt 2) */
    gp_vec z = (m - 1.41421356f) / (m + 1.41421356f), z2 = z * z;
    gp_vec y = b * (exponent + 0.5f + z * (2.88539008f + z2 * (0.961796694f + z2 * (0.577078016f + z2 * 0.41219858f))));
    gp_vec_int whole =
        __builtin_convertvector(y + 128, gp_vec_int) - 128; /* rounded down where that counts: y + 128 is positive */
    gp_vec_int low = whole<-126, high = whole> 126;
    whole = (~low & ~high & whole) | (low & -126) | (high & 126);
    gp_vec r = y - __builtin_convertvector(whole, gp_vec);
    gp_vec p = 1 + r * (0.69314718f +
                        r * (0.24022651f + r * (0.05550411f + r * (0.00961813f + r * (0.00133336f + r * 0.000154f)))));
    return p * (gp_vec)((whole + 127) << 23);
}

static inline gp_vec choose(gp_vec_int mask, gp_vec yes, gp_vec no)
{
    return (gp_vec)((mask & (gp_vec_int)yes) | (~mask & (gp_vec_int)no));
}

static inline gp_vec clip(gp_vec x)
{
    const gp_vec most = (gp_vec){0} + 4;
    x = choose(x > most, most, x);
    return choose(x < -most, -most, x);
}

/* Towards the point at [dims, 8] (pull) or away from it: its part of the moves is added to moved, and put into apart.
 */
static inline __attribute__((always_inline)) void act(const gp_umap_gradient *f, size_t dims, size_t o,
                                                      const float *head, const float *at, bool pull, float *moved,
                                                      float *apart)
{
    const gp_vec least = (gp_vec){0} + 1e-12f;
    gp_vec s = {0};
    for (size_t k = 0; k < dims; k++) {
        gp_vec gap = GP_LANES_AT(head + k * 8 + o) - GP_LANES_AT(at + k * 8 + o);
        s += gap * gap;
    }
    s = choose(s > least, s, least);
    gp_vec p = power(s, f->b), force = 1 + f->a * p;
    if (pull)
        force = -2 * f->a * f->b * p / (s * force);
    else
        force = 2 * f->b / ((0.001f + s) * force);
    for (size_t k = 0; k < dims; k++) {
        gp_vec gap = GP_LANES_AT(head + k * 8 + o) - GP_LANES_AT(at + k * 8 + o), move = clip(force * gap) * f->alpha;
        if (pull) {
            GP_LANES_PUT(moved + k * 8 + o, move);
            GP_LANES_PUT(apart + k * 8 + o, -move);
        } else {
            GP_LANES_PUT(moved + k * 8 + o, GP_LANES_AT(moved + k * 8 + o) + move);
        }
    }
}

static inline __attribute__((always_inline)) void act_all(const gp_umap_gradient *f, size_t dims, const float *head,
                                                          const float *tail, const float *others, float *moved,
                                                          float *tail_moved)
{
    for (size_t o = 0; o < 8; o += GP_LANES) {
        act(f, dims, o, head, tail, true, moved, tail_moved);
        for (size_t s = 0; s < f->negatives; s++) act(f, dims, o, head, others + s * dims * 8, false, moved, NULL);
    }
}

void gp_umap_gradient_c(const gp_umap_gradient *f, const float *head, const float *tail, const float *others,
                        float *moved, float *tail_moved)
{
    if (f->dims == 2)
        act_all(f, 2, head, tail, others, moved, tail_moved); /* the usual: loops fall away */
    else
        act_all(f, f->dims, head, tail, others, moved, tail_moved);
}
