/* SPDX-License-Identifier: MIT
 * A memory limit with a queue. Each caller of gp_gate_enter takes a number, and only the lowest waiting number may
 * enter. So small images cannot make a large image wait for ever. */
#include "serve/gate.h"

#include "base/mem.h"

#include <pthread.h>

enum { USUAL_BYTES = 4, TIFF_BYTES = 8, SCANS_BYTES = 9, INTERLACED_BYTES = 11, AVIF_BYTES = 12, JXL_BYTES = 40 };

struct gp_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t most, taken;
    uint64_t next, turn; /* next: number for the next caller; turn: number of the caller that may enter next */
    bool shut;
};

gp_status gp_gate_open(uint64_t most_bytes, gp_gate **out, gp_error *err)
{
    gp_gate *gate = gp_mem_zero(1, sizeof *gate);
    if (!gate) return gp_fail_memory(err, "the server");
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    gate->most = most_bytes;
    *out = gate;
    return GP_OK;
}

void gp_gate_close(gp_gate *gate)
{
    if (!gate) return;
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
    gp_mem_free(gate);
}

gp_status gp_gate_enter(gp_gate *gate, uint64_t bytes, gp_error *err)
{
    if (!gate) return GP_OK;
    if (bytes > gate->most)
        return gp_fail(err, GP_ERR_LIMIT, "decoding the image would take %llu MiB; the limit is %llu MiB",
                       (unsigned long long)(bytes >> 20), (unsigned long long)(gate->most >> 20));
    pthread_mutex_lock(&gate->lock);
    uint64_t number = gate->next++;
    while (!gate->shut && (number != gate->turn || bytes > gate->most - gate->taken))
        pthread_cond_wait(&gate->changed, &gate->lock);
    bool shut = gate->shut;
    if (!shut) {
        gate->turn++;
        gate->taken += bytes;
        pthread_cond_broadcast(&gate->changed); /* wake the next caller, because its bytes may fit too */
    }
    pthread_mutex_unlock(&gate->lock);
    return shut ? gp_fail(err, GP_ERR_STOPPED, "the explorer is closing") : GP_OK;
}

void gp_gate_leave(gp_gate *gate, uint64_t bytes)
{
    if (!gate) return;
    pthread_mutex_lock(&gate->lock);
    gate->taken -= bytes;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void gp_gate_shut(gp_gate *gate)
{
    if (!gate) return;
    pthread_mutex_lock(&gate->lock);
    gate->shut = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* Returns true if a JPEG has several scans (progressive, or one for each component). The decoder then keeps all
 * coefficients. */
static bool has_many_scans(const uint8_t *bytes, size_t size)
{
    unsigned components = 0;
    for (size_t at = 2; at + 10 <= size && bytes[at] == 0xff;) {
        uint8_t marker = bytes[at + 1];
        if (marker == 0xff) { /* fill byte */
            at++;
            continue;
        }
        if (marker == 0xda) return bytes[at + 4] < components; /* true if the first scan lacks a component */
        if (marker == 0xc0 || marker == 0xc1) components = bytes[at + 9];
        if (marker >= 0xc2 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) return true;
        at += 2 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]);
    }
    return true; /* cannot parse the file: assume the larger size */
}

uint64_t gp_gate_cost(const uint8_t *bytes, size_t size, const gp_image_info *head)
{
    uint64_t each = USUAL_BYTES; /* bytes per pixel */
    if (head->format == GP_FORMAT_TIFF) each = TIFF_BYTES;
    if (head->format == GP_FORMAT_AVIF) each = AVIF_BYTES;
    if (head->format == GP_FORMAT_JXL) each = JXL_BYTES;
    if (head->format == GP_FORMAT_PNG && size > 28 && bytes[28]) each = INTERLACED_BYTES;
    if (head->format == GP_FORMAT_JPEG && has_many_scans(bytes, size)) each = SCANS_BYTES;
    return (uint64_t)head->width * head->height * each;
}

gp_status gp_gate_admit(gp_gate *gate, const uint8_t *bytes, size_t size, uint64_t *admitted, gp_error *err)
{
    gp_image_info head = {0};
    *admitted = 0;
    GP_TRY(gp_image_read_info(bytes, size, &head, err));
    uint64_t cost = gp_gate_cost(bytes, size, &head);
    GP_TRY(gp_gate_enter(gate, cost, err));
    *admitted = cost;
    return GP_OK;
}
