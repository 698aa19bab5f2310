/* SPDX-License-Identifier: MIT
 * Reads untrusted bytes as a tar archive that may be compressed, and unpacks them in one piece.  Both must give the same
 * bytes for what is not a tar archive. */
#include "archive/tar.h"
#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 22 };

static void read_members(const uint8_t *data, size_t size)
{
    gp_stream *stream = NULL;
    gp_tar tar;
    gp_error err = {0};
    bool more = true;
    uint8_t room[1000];
    if (gp_stream_open_bytes("fuzz", data, size, &stream, &err) != GP_OK) abort();
    gp_tar_open(&tar, stream, "fuzz");
    for (size_t i = 0; i < 4096; i++) {
        gp_status st = gp_tar_next(&tar, &more, &err);
        if (st != GP_OK && !err.message[0]) abort();
        if (st != GP_OK || !more || tar.member.size > MOST) break;
        if (!tar.member.name) abort();
        size_t n = tar.member.size < sizeof room ? (size_t)tar.member.size : sizeof room;
        if (gp_tar_read(&tar, room, n, &err) != GP_OK) break;
    }
    gp_tar_close(&tar);
    gp_stream_close(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_bytes all = {0};
    gp_error err = {0};
    gp_status st = gp_stream_unpack("fuzz", data, size, MOST, NULL, &all, &err);
    if (st == GP_OK ? all.size > MOST || all.data[all.size] : !err.message[0]) abort();
    gp_bytes_clear(&all);
    read_members(data, size);
    return 0;
}
