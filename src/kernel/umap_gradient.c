/* SPDX-License-Identifier: MIT
 * The UMAP gradient for eight edges at a time: the ends of an edge attract each other, and negative samples repel its
 * head.
 *
 * With s = d^2 and p = s^b, the attractive force is -2ab p / (s (1 + ap)) and the repulsive force is
 * 2b / ((0.001 + s) (1 + ap)), each times the difference of the positions (McInnes, Healy, Melville 2018, section 4.2).
 * s^b is computed as exp2(b log2 s) by two short polynomials.  Its relative error is below 2e-5 for s in 1e-12..1e6,
 * which is negligible beside the randomness of the negative samples. */
#include "kernel/simd.h"
#include "kernel/reference.h"

/* s^b for normal s > 0. */
static inline gp_vec power(gp_vec s, float b)
{
    gp_vec_int bits = (gp_vec_int)s;
    gp_vec exponent = __builtin_convertvector((bits >> 23) - 127, gp_vec);
    gp_vec m = (gp_vec)((bits & 0x7fffff) | 0x3f800000);
    /* Series for log2 m, m in 1..2: 1/2 + 2/ln2 (z + z^3/3 + ...), z = (m - sqrt 2) / (m + sqrt 2) */
    gp_vec z = (m - 1.41421356f) / (m + 1.41421356f), z2 = z * z;
    gp_vec y = b * (exponent + 0.5f + z * (2.88539008f + z2 * (0.961796694f + z2 * (0.577078016f + z2 * 0.41219858f))));
    gp_vec_int whole =
        __builtin_convertvector(y + 128, gp_vec_int) - 128; /* rounds down, because y + 128 > 0 in the range used */
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

/* Computes the force between the heads and the points `other` [dims, 8], for the lanes from o on. If `pull` is true,
 * the force is attractive, and the function sets `moved` and `other_moved`. Otherwise the force is repulsive, and the
 * function adds to `moved`. */
static inline __attribute__((always_inline)) void apply_force(const gp_umap_gradient *f, size_t dims, size_t o,
                                                              const float *head, const float *other, bool pull,
                                                              float *moved, float *other_moved)
{
    const gp_vec least = (gp_vec){0} + 1e-12f;
    gp_vec s = {0};
    for (size_t k = 0; k < dims; k++) {
        gp_vec gap = GP_LANES_AT(head + k * 8 + o) - GP_LANES_AT(other + k * 8 + o);
        s += gap * gap;
    }
    s = choose(s > least, s, least);
    gp_vec p = power(s, f->b), force = 1 + f->a * p;
    if (pull)
        force = -2 * f->a * f->b * p / (s * force);
    else
        force = 2 * f->b / ((0.001f + s) * force);
    for (size_t k = 0; k < dims; k++) {
        gp_vec gap = GP_LANES_AT(head + k * 8 + o) - GP_LANES_AT(other + k * 8 + o),
               move = clip(force * gap) * f->alpha;
        if (pull) {
            GP_LANES_PUT(moved + k * 8 + o, move);
            GP_LANES_PUT(other_moved + k * 8 + o, -move);
        } else {
            GP_LANES_PUT(moved + k * 8 + o, GP_LANES_AT(moved + k * 8 + o) + move);
        }
    }
}

static inline __attribute__((always_inline)) void apply_forces(const gp_umap_gradient *f, size_t dims,
                                                               const float *head, const float *tail,
                                                               const float *others, float *moved, float *tail_moved)
{
    for (size_t o = 0; o < 8; o += GP_LANES) {
        apply_force(f, dims, o, head, tail, true, moved, tail_moved);
        for (size_t s = 0; s < f->negatives; s++)
            apply_force(f, dims, o, head, others + s * dims * 8, false, moved, NULL);
    }
}

void gp_umap_gradient_c(const gp_umap_gradient *f, const float *head, const float *tail, const float *others,
                        float *moved, float *tail_moved)
{
    if (f->dims == 2) /* two dimensions are the usual case: with the constant 2, the compiler unrolls the loops */
        apply_forces(f, 2, head, tail, others, moved, tail_moved);
    else
        apply_forces(f, f->dims, head, tail, others, moved, tail_moved);
}
