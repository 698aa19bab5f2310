/* SPDX-License-Identifier: MIT
 * splitmix64: random numbers seeded per item, never per thread, so that results do not depend on the number of
 * threads. */
#ifndef GP_BASE_RNG_H
#define GP_BASE_RNG_H

#include <stdint.h>

static inline uint64_t gp_rng_mix(uint64_t s)
{
    s += 0x9E3779B97F4A7C15u;
    s = (s ^ (s >> 30)) * 0xBF58476D1CE4E5B9u;
    s = (s ^ (s >> 27)) * 0x94D049BB133111EBu;
    return s ^ (s >> 31);
}

/* Returns number i of the random sequence that starts with `seed`. */
static inline uint64_t gp_rng_at(uint64_t seed, uint64_t i)
{
    return gp_rng_mix(seed + i);
}

#endif
