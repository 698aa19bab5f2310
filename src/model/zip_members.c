/* SPDX-License-Identifier: MIT
 * The directory of a zip file as torch.save writes it: all members stored, in zip64 form if the file is large.  Name and
 * size of each member must be equal in the directory and in the header before its bytes.  Members must not overlap. */
#include "model/checkpoint.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { END = 22, END64 = 56, LOCATOR = 20, ENTRY = 46, LOCAL = 30, COMMENT = 65535, MEMBERS = 200000 };
#define DIRECTORY_LIMIT ((uint64_t)32 << 20)

static gp_status broken(const gp_pickle_source *s, const char *why, gp_error *err)
{
    return gp_fail_path(err, GP_ERR_FORMAT, "'%s' %s", s->path, why);
}

static uint64_t little(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}

static gp_status read_at(const gp_pickle_source *s, uint64_t at, void *out, size_t size, gp_error *err)
{
    if (at > s->end || size > s->end - at) return broken(s, "has a zip part that ends outside the file", err);
    if (s->file >= 0) return gp_file_read_at(s->file, s->path, at, out, size, err);
    memcpy(out, s->memory + at, size);
    return GP_OK;
}

/* The end record: where the directory is. */
typedef struct directory {
    uint64_t count, size, at;
} directory;

/* Reads the zip64 end record, if there is one.  end: position of the plain end record. */
static gp_status read_end64(const gp_pickle_source *s, uint64_t end, directory *d, gp_error *err)
{
    uint8_t locator[LOCATOR], record[END64];
    bool needed = d->count == 0xffff || d->size == 0xffffffff || d->at == 0xffffffff;
    if (end < LOCATOR) return needed ? broken(s, "has a damaged zip64 record", err) : GP_OK;
    GP_TRY(read_at(s, end - LOCATOR, locator, sizeof locator, err));
    if (memcmp(locator, "PK\6\7", 4) != 0) return needed ? broken(s, "has a damaged zip64 record", err) : GP_OK;
    GP_TRY(read_at(s, little(locator + 8, 8), record, sizeof record, err));
    if (memcmp(record, "PK\6\6", 4) != 0) return broken(s, "has a damaged zip64 record", err);
    *d = (directory){little(record + 32, 8), little(record + 40, 8), little(record + 48, 8)};
    return GP_OK;
}

static gp_status read_end(const gp_pickle_source *s, directory *d, gp_error *err)
{
    const uint64_t length = s->end < END + COMMENT ? s->end : END + COMMENT;
    uint8_t *tail = NULL;
    size_t at = 0;
    gp_status st = GP_OK;
    if (s->end < END) return broken(s, "is too short for a zip file", err);
    GP_TRY_GOTO(gp_alloc((void **)&tail, (size_t)length, 1, "the end of a weight file", err));
    GP_TRY_GOTO(read_at(s, s->end - length, tail, (size_t)length, err));
    for (at = (size_t)length - END + 1; at-- > 0;)
        if (memcmp(tail + at, "PK\5\6", 4) == 0) break;
    if (at == SIZE_MAX) GP_TRY_GOTO(broken(s, "is a zip file without its end: it is cut off or damaged", err));
    *d = (directory){little(tail + at + 10, 2), little(tail + at + 12, 4), little(tail + at + 16, 4)};
    const uint64_t end = s->end - length + at;
    GP_TRY_GOTO(read_end64(s, end, d, err));
    if (d->at > end || d->size > end - d->at) GP_TRY_GOTO(broken(s, "has a zip directory outside the file", err));
    if (d->size > DIRECTORY_LIMIT || d->count > MEMBERS)
        GP_TRY_GOTO(broken(s, "has a zip directory of more than 200000 members", err));
out:
    gp_mem_free(tail);
    return st;
}

/* Replaces the values 0xffffffff by those of the zip64 field, which has them in this order. */
static void widen(const uint8_t *extra, size_t size, uint64_t *values[], size_t count)
{
    while (size >= 4) {
        size_t length = (size_t)little(extra + 2, 2);
        if (length > size - 4) return;
        const uint8_t *field = extra + 4;
        for (size_t i = 0, left = little(extra, 2) == 1 ? length : 0; i < count; i++)
            if (*values[i] == 0xffffffff && left >= 8) *values[i] = little(field, 8), field += 8, left -= 8;
        extra += 4 + length, size -= 4 + length;
    }
}

/* Checks the header before the bytes of a member, and finds the bytes.  at: position of the header. */
static gp_status read_local(const gp_pickle_source *s, uint64_t at, uint64_t limit, gp_zip_member *m, size_t name,
                            gp_error *err)
{
    uint8_t head[LOCAL], *rest = NULL;
    gp_status st = GP_OK;
    GP_TRY(read_at(s, at, head, sizeof head, err));
    const size_t names = (size_t)little(head + 26, 2), extra = (size_t)little(head + 28, 2);
    const unsigned flags = (unsigned)little(head + 6, 2);
    uint64_t packed = little(head + 18, 4), plain = little(head + 22, 4);
    if (memcmp(head, "PK\3\4", 4) != 0 || names != name)
        return broken(s, "has a zip member with different names in directory and header", err);
    GP_TRY_GOTO(gp_alloc((void **)&rest, names + extra + 1, 1, "a zip member", err));
    GP_TRY_GOTO(read_at(s, at + LOCAL, rest, names + extra, err));
    if (memcmp(rest, m->name, names) != 0)
        GP_TRY_GOTO(broken(s, "has a zip member with different names in directory and header", err));
    widen(rest + names, extra, (uint64_t *[]){&plain, &packed}, 2);
    bool later = (flags & 8) && plain == 0 && packed == 0; /* the sizes follow the bytes */
    if ((flags & 1) || little(head + 8, 2) != 0) GP_TRY_GOTO(broken(s, "has a packed or encrypted zip member", err));
    if (!later && (plain != m->size || packed != m->size))
        GP_TRY_GOTO(broken(s, "has a zip member with different sizes in directory and header", err));
    m->offset = at + LOCAL + names + extra;
    if (m->offset > limit || m->size > limit - m->offset)
        GP_TRY_GOTO(broken(s, "has a zip member that ends outside the file", err));
out:
    gp_mem_free(rest);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const gp_zip_member *)a)->name, ((const gp_zip_member *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const gp_zip_member *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size;
}

static gp_status read_entry(const gp_pickle_source *s, const directory *d, uint8_t **at, size_t *left, gp_zip_member *m,
                            gp_error *err)
{
    uint8_t *e = *at;
    if (*left < ENTRY || memcmp(e, "PK\1\2", 4) != 0) return broken(s, "has a damaged zip directory", err);
    const size_t name = (size_t)little(e + 28, 2), extra = (size_t)little(e + 30, 2),
                 size = ENTRY + name + extra + (size_t)little(e + 32, 2);
    uint64_t packed = little(e + 20, 4), plain = little(e + 24, 4), local = little(e + 42, 4);
    if (size > *left || !name || memchr(e + ENTRY, 0, name)) return broken(s, "has a damaged zip directory", err);
    widen(e + ENTRY + name, extra, (uint64_t *[]){&plain, &packed, &local}, 3);
    if ((little(e + 8, 2) & 1) || little(e + 10, 2) != 0 || packed != plain)
        return broken(s, "has a packed or encrypted zip member", err);
    memmove(e, e + ENTRY, name); /* the name begins where the entry began, so that a NUL can follow it */
    e[name] = '\0';
    *m = (gp_zip_member){(const char *)e, 0, plain};
    GP_TRY(read_local(s, local, d->at, m, name, err));
    *at += size, *left -= size;
    return GP_OK;
}

gp_status gp_zip_members_read(gp_pickle_source *s, gp_zip_members *out, gp_error *err)
{
    directory d = {0};
    *out = (gp_zip_members){0};
    GP_TRY(read_end(s, &d, err));
    GP_TRY(gp_alloc((void **)&out->directory, (size_t)d.size + 1, 1, "a zip directory", err));
    GP_TRY(read_at(s, d.at, out->directory, (size_t)d.size, err));
    GP_TRY(gp_alloc((void **)&out->items, (size_t)d.count + 1, sizeof *out->items, "a zip directory", err));
    uint8_t *at = out->directory;
    size_t left = (size_t)d.size;
    for (; out->count < d.count; out->count++) GP_TRY(read_entry(s, &d, &at, &left, &out->items[out->count], err));
    if (out->count) qsort(out->items, out->count, sizeof *out->items, by_place);
    for (size_t i = 1; i < out->count; i++)
        if (out->items[i].offset < out->items[i - 1].offset + out->items[i - 1].size)
            return broken(s, "has zip members that overlap", err);
    if (out->count) qsort(out->items, out->count, sizeof *out->items, by_name);
    for (size_t i = 1; i < out->count; i++)
        if (strcmp(out->items[i].name, out->items[i - 1].name) == 0) return broken(s, "has a zip member twice", err);
    return GP_OK;
}

void gp_zip_members_clear(gp_zip_members *members)
{
    gp_mem_free(members->items);
    gp_mem_free(members->directory);
    *members = (gp_zip_members){0};
}

const gp_zip_member *gp_zip_member_find(const gp_zip_members *members, const char *name)
{
    const gp_zip_member key = {.name = name};
    if (!members->count) return NULL;
    return bsearch(&key, members->items, members->count, sizeof *members->items, by_name);
}
