/* SPDX-License-Identifier: MIT
 * Reads and writes the file of the journal of marks. Each line ends with a checksum. The file is read as a whole, and
 * only the last line of each key is kept. */
#include "base/mem.h"
#include "catalog/marks.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUM_DIGITS = 16, DEPTH = 8, HEX = 32 };
#define HEADER_START "{\"goldpan\":\"marks\",\"version\":"
#define SUM_NAME     ",\"sum\":\""
#define SUM_SIZE     (sizeof SUM_NAME - 1 + SUM_DIGITS + 2) /* includes the two bytes "} at the end of the line */

/* ------------------------------------------------------------------ lines */

static void sum_of(const char *bytes, size_t size, char out[33])
{
    gp_hash_hex(gp_hash_of(bytes, size), out);
    out[SUM_DIGITS] = '\0';
}

void gp_marks_line(gp_str *out, const gp_str *body)
{
    char sum[33];
    out->failed |= body->failed;
    if (body->failed) return;
    sum_of(body->data, body->size, sum);
    gp_str_add(out, body->data, body->size);
    gp_str_printf(out, SUM_NAME "%s\"}\n", sum);
}

void gp_marks_header(gp_str *out, const char *id)
{
    gp_str body = GP_STR_INIT;
    gp_str_printf(&body, HEADER_START "%d,\"id\":\"%s\"", GP_MARKS_VERSION, id);
    gp_marks_line(out, &body);
    gp_str_clear(&body);
}

bool gp_marks_line_whole(const char *line, size_t size)
{
    char sum[33];
    if (size < SUM_SIZE + 2 || line[0] != '{') return false;
    size_t body = size - SUM_SIZE;
    if (memcmp(line + body, SUM_NAME, sizeof SUM_NAME - 1) != 0 || memcmp(line + size - 2, "\"}", 2) != 0) return false;
    sum_of(line, body, sum);
    return memcmp(line + body + sizeof SUM_NAME - 1, sum, SUM_DIGITS) == 0;
}

/* ------------------------------------------------------------------ what a line is about */

static bool text_of(const gp_json *object, const char *name, const char **text)
{
    *text = gp_json_text(gp_json_get(object, name), NULL);
    return *text != NULL;
}

/* Finds the kind and the key of an entry. *thing: the first part of the key; *more: the second part. A part that is not
 * used is "". Returns false if the object is not an entry. */
static bool thing_of(const gp_json *object, gp_marks_kind *kind, const char **thing, const char **more)
{
    *thing = *more = "";
    if (text_of(object, "mark", thing)) return *kind = GP_MARKS_RATING, true;
    if (text_of(object, "view", thing)) return *kind = GP_MARKS_VIEW, true;
    if (text_of(object, "plan", thing)) return *kind = GP_MARKS_PLAN, true;
    if (text_of(object, "image", thing) && text_of(object, "tag", more)) return *kind = GP_MARKS_TAG, true;
    *thing = *more = "";
    return *kind = GP_MARKS_PICKS, gp_json_kind_of(gp_json_get(object, "picks")) == GP_JSON_ARRAY;
}

static void take_header(gp_marks_file *f, const gp_json *object)
{
    uint64_t version = 0;
    const char *id = gp_json_text(gp_json_get(object, "id"), NULL);
    if (gp_json_u64(gp_json_get(object, "version"), &version) && version > GP_MARKS_VERSION) f->newer = true;
    if (id && strlen(id) == HEX && !f->id[0]) memcpy(f->id, id, HEX + 1);
}

static gp_status take_line(gp_marks_file *f, size_t begin, size_t size, size_t *room, gp_error *err)
{
    const char *line = (const char *)f->bytes.data + begin, *thing, *more;
    gp_json *object = NULL;
    gp_marks_entry e = {.begin = begin, .size = size, .order = f->count};
    gp_error ignored = {0};
    f->lines++;
    gp_status st =
        gp_marks_line_whole(line, size) ? gp_json_parse(line, size, false, DEPTH, &object, &ignored) : GP_ERR_FORMAT;
    if (st == GP_ERR_MEMORY) return gp_fail_memory(err, "the journal of marks");
    if (st == GP_OK && gp_json_text(gp_json_get(object, "goldpan"), NULL)) {
        take_header(f, object);
    } else if (st == GP_OK && thing_of(object, &e.kind, &thing, &more)) {
        gp_str key = GP_STR_INIT;
        if (f->count == *room) {
            size_t wider = *room ? *room * 2 : 256;
            gp_marks_entry *grown = gp_mem_resize(f->entries, wider, sizeof *grown);
            if (grown) f->entries = grown, *room = wider;
        }
        gp_str_printf(&key, "%d%s%s", (int)e.kind, thing, more);
        if (key.failed || f->count == *room)
            st = gp_fail_memory(err, "the journal of marks");
        else
            e.key = gp_hash_of(key.data, key.size), f->entries[f->count++] = e;
        gp_str_clear(&key);
    } else {
        st = GP_OK;
        f->bad++;
    }
    gp_json_free(object);
    return st;
}

static int by_key(const void *a, const void *b)
{
    const gp_marks_entry *x = a, *y = b;
    int d = memcmp(x->key.bytes, y->key.bytes, sizeof x->key.bytes);
    return d ? d : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const gp_marks_entry *x = a, *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

/* Keeps only the last entry of each key. */
static void keep_last(gp_marks_file *f)
{
    size_t kept = 0;
    if (f->count == 0) return;
    qsort(f->entries, f->count, sizeof *f->entries, by_key);
    for (size_t i = 0; i < f->count; i++)
        if (i + 1 == f->count || memcmp(f->entries[i].key.bytes, f->entries[i + 1].key.bytes, sizeof(gp_hash)) != 0)
            f->entries[kept++] = f->entries[i];
    f->count = kept;
    qsort(f->entries, f->count, sizeof *f->entries, by_order);
}

/* Returns whether the file starts like a journal, even if its first write was cut short. */
static bool begins_as_ours(const gp_bytes *bytes)
{
    static const char first[] = HEADER_START;
    size_t n = bytes->size < sizeof first - 1 ? bytes->size : sizeof first - 1;
    return memcmp(bytes->data, first, n) == 0;
}

/* Parses f.bytes and takes ownership of them. */
static gp_status parse_all(gp_marks_file f, gp_marks_file *out, gp_error *err)
{
    size_t room = 0;
    gp_status st = GP_OK;
    for (size_t at = 0; st == GP_OK && at < f.bytes.size;) {
        const char *line = (const char *)f.bytes.data + at, *end = memchr(line, '\n', f.bytes.size - at);
        if (!end) break; /* an incomplete last line */
        if (end > line) st = take_line(&f, at, (size_t)(end - line), &room, err);
        at += (size_t)(end - line) + 1;
    }
    if (st != GP_OK) {
        gp_marks_file_clear(&f);
        return st;
    }
    f.foreign = f.bytes.size > 0 && f.count == 0 && !f.id[0] && !begins_as_ours(&f.bytes);
    keep_last(&f);
    *out = f;
    return GP_OK;
}

gp_status gp_marks_read(const char *path, gp_marks_file *out, gp_error *err)
{
    gp_marks_file f = {0};
    gp_status st = gp_file_read(path, GP_MARKS_LIMIT, &f.bytes, err);
    if (st == GP_ERR_NOT_FOUND) {
        *out = (gp_marks_file){.absent = true};
        return GP_OK;
    }
    GP_TRY(st);
    return parse_all(f, out, err);
}

gp_status gp_marks_parse(const char *text, size_t size, gp_marks_file *out, gp_error *err)
{
    gp_marks_file f = {.bytes = {.data = (uint8_t *)gp_str_dup_n(text ? text : "", size), .size = size}};
    if (!f.bytes.data) return gp_fail_memory(err, "the journal of marks");
    return parse_all(f, out, err);
}

void gp_marks_sort(gp_marks_file *file)
{
    if (file->count) qsort(file->entries, file->count, sizeof *file->entries, by_key);
}

void gp_marks_file_clear(gp_marks_file *file)
{
    gp_mem_free(file->entries);
    gp_bytes_clear(&file->bytes);
    *file = (gp_marks_file){0};
}

gp_status gp_marks_entry_json(const gp_marks_file *file, const gp_marks_entry *entry, gp_json **out, gp_error *err)
{
    return gp_json_parse((const char *)file->bytes.data + entry->begin, entry->size, false, DEPTH, out, err);
}

void gp_marks_peek(const char *path, char id[33], int64_t *size)
{
    char head[256];
    struct stat about;
    id[0] = '\0';
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return;
    ssize_t n = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? read(fd, head, sizeof head) : -1;
    close(fd);
    if (n <= 0) return;
    *size = about.st_size;
    static const char start[] = HEADER_START "1,\"id\":\"";
    const char *end = memchr(head, '\n', (size_t)n);
    if (!end || !gp_marks_line_whole(head, (size_t)(end - head)) || memcmp(head, start, sizeof start - 1) != 0) return;
    if (end - head < (ptrdiff_t)(sizeof start - 1 + HEX)) return;
    memcpy(id, head + sizeof start - 1, HEX);
    id[HEX] = '\0';
}
