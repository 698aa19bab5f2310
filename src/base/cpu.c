/* SPDX-License-Identifier: MIT
 * Finds the instruction sets that goldpan may use.  Three conditions must hold: CPUID reports the instructions, the
 * operating system saves their registers (XCR0), and for AMX the kernel grants the request for tile data (Intel SDM
 * vol. 1, ch. 13 and
 * 14). */
#include "base/cpu.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

static uint64_t xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Since Linux 5.16 a process must request permission to use the tile data of AMX (8 KiB).  The kernel may deny the
 * request. */
static bool amx_permitted(void)
{
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

static bool all(uint64_t value, uint64_t bits)
{
    return (value & bits) == bits;
}

static unsigned detect(void)
{
    enum { YMM = 0x6, ZMM = 0xE6, TILES = 3 << 17 };
    uint32_t a, b, c, d, b7 = 0, c7 = 0, d7 = 0, a71 = 0, unused;
    uint32_t most = (uint32_t)__get_cpuid_max(0, NULL);
    unsigned features = 0;
    if (most < 1) return 0;
    __cpuid(1, a, b, c, d);
    if (most >= 7) {
        __cpuid_count(7, 0, a, b7, c7, d7);
        if (a >= 1) __cpuid_count(7, 1, a71, b, unused, unused);
    }
    if (c & bit_SSE4_1) features |= GP_CPU_SSE41;
    uint64_t saved = c & bit_OSXSAVE ? xcr0() : 0;
    if (all(saved, YMM) && all(c, bit_AVX | bit_FMA | bit_F16C) && (b7 & bit_AVX2)) features |= GP_CPU_AVX2;
    if (!(features & GP_CPU_AVX2) || !all(saved, ZMM)) return features;
    if (!all(b7, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL)) return features;
    features |= GP_CPU_AVX512;
    if (a71 & (1u << 5)) features |= GP_CPU_AVX512_BF16;
    if (c7 & (1u << 11)) features |= GP_CPU_AVX512_VNNI;
    if (all(saved, TILES) && (d7 & (1u << 24)) && amx_permitted()) {
        if (d7 & (1u << 22)) features |= GP_CPU_AMX_BF16;
        if (d7 & (1u << 25)) features |= GP_CPU_AMX_INT8;
    }
    return features;
}

#elif defined(__aarch64__)
static unsigned detect(void)
{
    return GP_CPU_NEON;
} /* NEON is part of every 64-bit Arm */
#else
static unsigned detect(void)
{
    return 0;
}
#endif

/* One word of GOLDPAN_CPU, the name of a feature. takes: the features that "-word" removes, which are the named feature
 * and all features that need it. leaves: the features that "word" keeps. */
static const struct {
    const char *word;
    unsigned takes, leaves;
} words[] = {
    {"sse4.1", 127, GP_CPU_SSE41},
    {"avx2", 126, GP_CPU_SSE41 | GP_CPU_AVX2},
    {"avx512", 124, GP_CPU_SSE41 | GP_CPU_AVX2 | GP_CPU_AVX512},
    {"avx512_bf16", GP_CPU_AVX512_BF16, 15},
    {"avx512_vnni", GP_CPU_AVX512_VNNI, 23},
    {"amx", GP_CPU_AMX_BF16 | GP_CPU_AMX_INT8, 127},
    {"neon", GP_CPU_NEON, GP_CPU_NEON},
};

unsigned gp_cpu_limit(unsigned features, const char *text)
{
    while (text && *text) {
        size_t size = strcspn(text, ", ");
        bool minus = size > 0 && *text == '-';
        const char *word = text + minus;
        size_t length = size - minus;
        if (!minus && length == 5 && memcmp(word, "plain", 5) == 0) features = 0;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (strlen(words[i].word) != length || memcmp(words[i].word, word, length) != 0) continue;
            features &= minus ? ~words[i].takes : words[i].leaves;
        }
        text += size;
        text += strspn(text, ", ");
    }
    return features;
}

static unsigned found;
static pthread_once_t found_once = PTHREAD_ONCE_INIT;

static void find(void)
{
    found = gp_cpu_limit(detect(), getenv("GOLDPAN_CPU"));
}

unsigned gp_cpu_features(void)
{
    pthread_once(&found_once, find);
    return found;
}
