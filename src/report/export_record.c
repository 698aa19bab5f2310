/* SPDX-License-Identifier: MIT
 * Reads the journals of exports. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/marks.h"
#include "report/export_journal.h"
#include "report/export_journal_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH = 4 };
#define JOURNAL_LIMIT ((uint64_t)4 << 30) /* bytes */

/* ------------------------------------------------------------------ the list */

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Returns the number of a journal's name, such as "12.jsonl"; 0: another name. */
static uint64_t number_of(const char *name)
{
    char digits[21];
    uint64_t number = 0;
    size_t size = strspn(name, "0123456789");
    if (!size || size >= sizeof digits || strcmp(name + size, ".jsonl") != 0 || name[0] == '0') return 0;
    memcpy(digits, name, size);
    digits[size] = '\0';
    return gp_parse_u64(digits, &number) ? number : 0;
}

gp_status gp_exports_list(const char *catalog, uint64_t **numbers, size_t *count, gp_error *err)
{
    uint64_t *list = NULL;
    size_t n = 0, room = 0;
    gp_status st = GP_OK;
    char *folder = gp_exports_folder(catalog);
    if (!folder) return gp_fail_memory(err, "the journals of exports");
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; st == GP_OK && dir && (entry = readdir(dir));) {
        uint64_t number = number_of(entry->d_name);
        if (!number) continue;
        if (n == room) {
            size_t wider = room ? 2 * room : 64;
            uint64_t *more = gp_mem_resize(list, wider, sizeof *more);
            if (more)
                list = more, room = wider;
            else
                st = gp_fail_memory(err, "the journals of exports");
        }
        if (st == GP_OK) list[n++] = number;
    }
    if (dir) closedir(dir);
    gp_mem_free(folder);
    if (n) qsort(list, n, sizeof *list, by_number);
    if (st == GP_OK)
        *numbers = list, *count = n;
    else
        gp_mem_free(list);
    return st;
}

/* ------------------------------------------------------------------ a journal */

void gp_export_record_clear(gp_export_record *r)
{
    for (size_t i = 0; i < r->count; i++) {
        gp_mem_free(r->made[i].path);
        gp_mem_free(r->made[i].from);
    }
    gp_mem_free(r->made);
    gp_mem_free(r->folder);
    gp_mem_free(r->name);
    *r = (gp_export_record){0};
}

/* Decodes %XX.  Returns an owned path; NULL: memory ran out. */
static char *decode(const char *text)
{
    char *path = gp_str_dup(text), *to = path;
    for (const char *at = text; path && *at; at++) {
        int high = *at == '%' ? gp_hex_digit(at[1]) : -1, low = high < 0 ? -1 : gp_hex_digit(at[2]);
        *to = low < 0 ? *at : (char)(16 * high + low);
        if (!*to) *to = '?';
        to++;
        if (low >= 0) at += 2;
    }
    if (path) *to = '\0';
    return path;
}

static const char *text_of(const gp_json *line, const char *name)
{
    return gp_json_text(gp_json_get(line, name), NULL);
}

static bool take_head(gp_export_record *r, const gp_json *line)
{
    uint64_t version = 0;
    const char *mode = text_of(line, "mode"), *folder = text_of(line, "folder"), *name = text_of(line, "name");
    if (!gp_json_u64(gp_json_get(line, "version"), &version) || version != GP_JOURNAL_VERSION || !mode || !folder)
        return false;
    int at = 0;
    while (gp_export_modes[at] && strcmp(gp_export_modes[at], mode) != 0) at++;
    if (!gp_export_modes[at] || r->folder) return false;
    r->mode = (gp_export_mode)at;
    (void)gp_json_i64(gp_json_get(line, "at"), &r->at);
    r->folder = decode(folder);
    r->name = name ? gp_str_dup(name) : NULL;
    return r->folder != NULL;
}

static gp_status take_made(gp_export_record *r, size_t *room, gp_made_kind kind, const char *path, const gp_json *line,
                           gp_error *err)
{
    const char *hash = text_of(line, "hash"), *from = text_of(line, "from"), *original = text_of(line, "original");
    gp_made made = {.kind = kind};
    bool hashed = hash && strlen(hash) == 32 && gp_hash_from_hex(hash, &made.hash);
    made.original = made.hash;
    if (original && strlen(original) == 32) (void)gp_hash_from_hex(original, &made.original);
    if ((kind != GP_MADE_FOLDER && !hashed) || (kind == GP_MADE_FILE && !from)) return GP_OK; /* damaged */
    if (r->count == *room) {
        size_t wider = *room ? 2 * *room : 256;
        gp_made *more = gp_mem_resize(r->made, wider, sizeof *more);
        if (!more) return gp_fail_memory(err, "the journal of an export");
        r->made = more, *room = wider;
    }
    (void)gp_json_u64(gp_json_get(line, "device"), &made.device);
    (void)gp_json_u64(gp_json_get(line, "inode"), &made.inode);
    made.path = decode(path);
    made.from = from ? decode(from) : NULL;
    r->made[r->count++] = made;
    return made.path && (!from || made.from) ? GP_OK : gp_fail_memory(err, "the journal of an export");
}

/* Takes a line "void" or "undone": finds the last line about this path.  `undo` goes from the last line to the first,
 * so the search begins where the previous one ended. */
static void take_undone(gp_export_record *r, const char *text, bool is_void)
{
    char *path = decode(text);
    if (is_void || r->hint > r->count || r->hint == 0) r->hint = r->count;
    for (size_t tried = 0; path && tried < r->count; tried++) {
        gp_made *made = &r->made[r->hint - 1];
        r->hint = r->hint > 1 ? r->hint - 1 : r->count;
        if (made->undone || strcmp(made->path, path) != 0) continue;
        made->undone = true, made->is_void = is_void;
        break;
    }
    gp_mem_free(path);
}

static gp_status take_line(gp_export_record *r, size_t *room, const char *bytes, size_t size, gp_error *err)
{
    gp_json *line = NULL;
    gp_error ignored = {0};
    const char *text;
    if (!gp_marks_line_whole(bytes, size)) return GP_OK;
    gp_status st = gp_json_parse(bytes, size, false, DEPTH, &line, &ignored);
    if (st != GP_OK) return st == GP_ERR_MEMORY ? gp_fail_memory(err, "the journal of an export") : GP_OK;
    if (text_of(line, "goldpan"))
        (void)take_head(r, line);
    else if ((text = text_of(line, "file")) != NULL)
        st = take_made(r, room, GP_MADE_FILE, text, line, err);
    else if ((text = text_of(line, "folder")) != NULL)
        st = take_made(r, room, GP_MADE_FOLDER, text, line, err);
    else if ((text = text_of(line, "table")) != NULL)
        st = take_made(r, room, GP_MADE_TABLE, text, line, err);
    else if ((text = text_of(line, "void")) != NULL)
        take_undone(r, text, true);
    else if ((text = text_of(line, "undone")) != NULL)
        take_undone(r, text, false);
    else if (gp_json_u64(gp_json_get(line, "undo"), &r->left))
        (void)gp_json_i64(gp_json_get(line, "at"), &r->undone_at);
    else if (gp_json_bool(gp_json_get(line, "end"), false))
        r->ended = true;
    gp_json_free(line);
    return st;
}

bool gp_export_has_ended(int folder, uint64_t number)
{
    char tail[200], name[40];
    struct stat info;
    bool ended = false;
    snprintf(name, sizeof name, "%llu.jsonl", (unsigned long long)number);
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return false;
    off_t size = fstat(file, &info) == 0 && S_ISREG(info.st_mode) ? info.st_size : 0;
    size_t n = size < (off_t)sizeof tail ? (size_t)size : sizeof tail;
    if (n && pread(file, tail, n, size - (off_t)n) == (ssize_t)n && tail[n - 1] == '\n') {
        size_t begin = n - 1;
        while (begin && tail[begin - 1] != '\n') begin--;
        ended = gp_marks_line_whole(tail + begin, n - 1 - begin) &&
                (!strncmp(tail + begin, "{\"end\":", 7) || !strncmp(tail + begin, "{\"undo\":", 8));
    }
    close(file);
    return ended;
}

gp_status gp_export_record_read(const char *catalog, uint64_t number, gp_export_record *out, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_export_record r = {.number = number};
    size_t room = 0;
    char *path = gp_export_journal_path(catalog, number);
    gp_status st = path ? gp_file_read(path, JOURNAL_LIMIT, &bytes, err) : gp_fail_memory(err, "an export");
    if (st == GP_ERR_NOT_FOUND) (void)gp_fail(err, st, "there is no export %llu", (unsigned long long)number);
    for (size_t at = 0; st == GP_OK && at < bytes.size;) {
        const char *line = (const char *)bytes.data + at, *end = memchr(line, '\n', bytes.size - at);
        if (!end) break; /* an incomplete last line */
        st = take_line(&r, &room, line, (size_t)(end - line), err);
        at += (size_t)(end - line) + 1;
    }
    if (st == GP_OK && !r.folder) st = gp_fail_path(err, GP_ERR_FORMAT, "'%s' is not the journal of an export", path);
    for (size_t i = 0; i < r.count; i++) r.files += r.made[i].kind == GP_MADE_FILE && !r.made[i].is_void;
    gp_bytes_clear(&bytes);
    gp_mem_free(path);
    if (st == GP_OK)
        *out = r;
    else
        gp_export_record_clear(&r);
    return st;
}
