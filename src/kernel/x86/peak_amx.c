/* SPDX-License-Identifier: MIT
 * Loops that measure the peak arithmetic rate of AMX: six tiles of sums [16, 16], and one tile for each of the two
 * factors, whose rows have 32 bf16 numbers or 64 bytes.  Each call configures and releases the tiles, so that the
 * system need not save tiles for the thread afterwards. */
#include "kernel/peak_loops.h"

#include <immintrin.h>
#include <string.h>

enum { ROWS = 16, ROW_BYTES = 64, TILES = 8, SUMS = GP_PEAK_TILES };

/* The operand of LDTILECFG (Intel SDM vol. 1, ch. 18): palette 1, and for each tile the bytes of a row and the number
 * of rows. */
typedef struct tile_config {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static void begin(const void *factor)
{
    tile_config config = {.palette = 1};
    for (int i = 0; i < TILES; i++) config.row_bytes[i] = ROW_BYTES, config.rows[i] = ROWS;
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_loadd(6, factor, ROW_BYTES);
    _tile_loadd(7, factor, ROW_BYTES);
}

/* Stores the tiles of sums to `out`, and releases all tiles. */
static void end(uint8_t out[SUMS][ROWS * ROW_BYTES])
{
    _tile_stored(0, out[0], ROW_BYTES);
    _tile_stored(1, out[1], ROW_BYTES);
    _tile_stored(2, out[2], ROW_BYTES);
    _tile_stored(3, out[3], ROW_BYTES);
    _tile_stored(4, out[4], ROW_BYTES);
    _tile_stored(5, out[5], ROW_BYTES);
    _tile_release();
}

double gp_peak_bf16_amx(uint64_t rounds)
{
    uint16_t factor[ROWS * ROW_BYTES / 2];
    uint8_t out[SUMS][ROWS * ROW_BYTES];
    double total = 0;
    for (size_t i = 0; i < sizeof factor / sizeof *factor; i++) factor[i] = 0x3F80;
    begin(factor);
    for (uint64_t r = 0; r < rounds; r++) {
        _tile_dpbf16ps(0, 6, 7);
        _tile_dpbf16ps(1, 6, 7);
        _tile_dpbf16ps(2, 6, 7);
        _tile_dpbf16ps(3, 6, 7);
        _tile_dpbf16ps(4, 6, 7);
        _tile_dpbf16ps(5, 6, 7);
    }
    end(out);
    for (size_t i = 0; i < SUMS; i++)
        for (size_t at = 0; at < sizeof out[i]; at += sizeof(float)) {
            float sum;
            memcpy(&sum, out[i] + at, sizeof sum);
            total += (double)sum;
        }
    return total;
}

double gp_peak_int8_amx(uint64_t rounds)
{
    uint8_t factor[ROWS * ROW_BYTES], out[SUMS][ROWS * ROW_BYTES];
    double total = 0;
    memset(factor, 1, sizeof factor);
    begin(factor);
    for (uint64_t r = 0; r < rounds; r++) {
        _tile_dpbssd(0, 6, 7);
        _tile_dpbssd(1, 6, 7);
        _tile_dpbssd(2, 6, 7);
        _tile_dpbssd(3, 6, 7);
        _tile_dpbssd(4, 6, 7);
        _tile_dpbssd(5, 6, 7);
    }
    end(out);
    for (size_t i = 0; i < SUMS; i++)
        for (size_t at = 0; at < sizeof out[i]; at += sizeof(int32_t)) {
            int32_t sum;
            memcpy(&sum, out[i] + at, sizeof sum);
            total += sum;
        }
    return total;
}
