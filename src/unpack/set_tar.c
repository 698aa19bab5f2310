/* SPDX-License-Identifier: MIT
 * Unpacks a tar archive: the images, and the texts beside them. */
#include "archive/tar.h"
#include "base/image_names.h"
#include "base/mem.h"
#include "unpack/safe_name.h"
#include "unpack/unpack_private.h"

#include <string.h>

enum { MOST_IMAGE = 256 << 20, MOST_TEXT = 1 << 20 };

/* Returns true for a text that `goldpan add` reads beside an image. */
static bool is_text(const char *name)
{
    static const char *const endings[] = {".txt", ".caption", ".json"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (gp_name_ends(name, strlen(name), endings[i])) return true;
    return false;
}

static gp_status put_member(gp_unpacker *u, gp_tar *tar, const char *name, bool image, gp_error *err)
{
    size_t size = (size_t)tar->member.size, used = 0;
    uint8_t *bytes = NULL;
    const char *extension = "";
    gp_status st = GP_OK;
    /* the size is only a statement: memory grows with the bytes that are there */
    while (used < size || !bytes) {
        size_t room = used ? 2 * used : 1 << 20;
        if (room > size) room = size;
        uint8_t *grown = gp_mem_resize(bytes, room ? room : 1, 1);
        if (!grown) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s'", tar->label));
        bytes = grown;
        GP_TRY_GOTO(gp_tar_read(tar, bytes + used, room - used, err));
        used = room;
    }
    if (image) GP_TRY_GOTO(gp_unpack_extension(u, tar->member.name, bytes, size, &extension, err));
    if (extension) GP_TRY_GOTO(gp_unpack_put(u, name, bytes, size, image, err));
out:
    gp_mem_free(bytes);
    return st;
}

static gp_status take_member(gp_unpacker *u, gp_tar *tar, gp_str *name, gp_error *err)
{
    const gp_tar_member *m = &tar->member;
    size_t length = strlen(m->name);
    if (length && m->name[length - 1] == '/') return GP_OK; /* a folder */
    gp_str_reset(name);
    gp_str_puts(name, "");
    gp_safe_path(name, m->name);
    if (name->failed) return gp_fail_memory_path(err, "'%s'", tar->label);
    bool image = gp_name_is_image(name->data), text = is_text(name->data);
    if (!m->file || !name->size || (!image && !text)) return gp_unpack_skip_one(u, GP_UNPACK_OTHERS, m->name, err);
    if (m->size > (image ? MOST_IMAGE : MOST_TEXT)) return gp_unpack_skip_one(u, GP_UNPACK_LARGE, m->name, err);
    return put_member(u, tar, name->data, image, err);
}

gp_status gp_unpack_tar(gp_unpacker *u, const char *path, gp_error *err)
{
    gp_stream *stream = NULL;
    gp_tar tar;
    gp_str name = GP_STR_INIT;
    bool more = true;
    GP_TRY(gp_stream_open(path, &stream, err));
    gp_tar_open(&tar, stream, path);
    gp_status st = GP_OK;
    while (st == GP_OK && (st = gp_tar_next(&tar, &more, err)) == GP_OK && more) st = take_member(u, &tar, &name, err);
    gp_tar_close(&tar);
    gp_str_clear(&name);
    gp_stream_close(stream);
    return st;
}
