/* SPDX-License-Identifier: MIT
 * See beside.h. The rows of a table are sorted by key (cell_path.h), in three orders of strictness. */
#include "ingest/beside.h"

#include "base/file.h"
#include "base/mem.h"
#include "ingest/cell_path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { KEPT = 12, LEVELS = 4, MOST_TABLES = 8, MOST_NOTES = 4, MAX_TABLE = 256 << 20 };
/* Orders of the rows. NAMES: only rows with the path of another machine, by their name. */
enum { WRITTEN, FOLDED, NAMES, ORDERS };

typedef struct row_key {
    size_t offset; /* of the key in the order's blob */
    size_t row;
} row_key;
typedef struct order {
    char *blob;
    row_key *keys; /* [count] sorted by key, then row */
    size_t count;
} order;

typedef struct known_table {
    gp_table *table;
    size_t image_column, prompt_column;
    order orders[ORDERS];
} known_table;

/* The tables of one folder. */
typedef struct folder {
    char *path;
    known_table tables[MOST_TABLES];
    size_t count;
    uint64_t used;
} folder;

struct gp_beside {
    folder folders[KEPT];
    uint64_t turn, read, refused;
    char *but, *first; /* owned; first: the first table that was read */
    char *why[MOST_NOTES];
    gp_str noted; /* notes about the tables' content: code, 0, text, 0, ... */
    uint64_t notes;
    gp_str text, key;
};

/* ------------------------------------------------------------------ keys */

static int compare_keys(const void *a, const void *b, void *blob)
{
    const row_key *x = a, *y = b;
    int by_text = strcmp((char *)blob + x->offset, (char *)blob + y->offset);
    return by_text ? by_text : (x->row > y->row) - (x->row < y->row);
}

/* Sets b->key to the key of a row in this order; false: the row has none. */
static bool row_key_of(gp_beside *b, const known_table *t, size_t row, int which)
{
    gp_str room = GP_STR_INIT;
    const char *cell = gp_table_text(t->table, row, t->image_column, &room);
    bool some = cell && *cell;
    gp_cell_kind kind = some ? gp_cell_path(cell, &b->text) : GP_CELL_RELATIVE;
    b->key.failed |= room.failed || b->text.failed;
    gp_str_clear(&room);
    if (!some || b->key.failed || !b->text.data || (which == NAMES) != (kind != GP_CELL_RELATIVE)) return false;
    for (char *p = b->text.data; *p; p++)
        if (*p == '\\') *p = '/';
    const char *path = which == NAMES ? gp_path_base(b->text.data) : b->text.data;
    gp_path_key(path, which == WRITTEN ? GP_NAME_WRITTEN : GP_NAME_FOLDED, false, &b->key);
    return !b->key.failed && b->key.size;
}

static gp_status sort_rows(gp_beside *b, known_table *t, int which, gp_error *err)
{
    gp_str all = GP_STR_INIT;
    order *o = &t->orders[which];
    size_t rows = gp_table_rows(t->table);
    GP_TRY(gp_alloc((void **)&o->keys, rows, sizeof *o->keys, "the rows of a table", err));
    for (size_t row = 0; row < rows && !b->key.failed; row++) {
        if (!row_key_of(b, t, row, which)) continue;
        o->keys[o->count++] = (row_key){all.size, row};
        gp_str_add(&all, b->key.data, b->key.size + 1);
    }
    o->blob = all.data;
    if (all.failed || b->key.failed) return gp_fail_memory(err, "the rows of a table");
    if (o->count) qsort_r(o->keys, o->count, sizeof *o->keys, compare_keys, o->blob);
    return GP_OK;
}

/* Returns the row with the key, or SIZE_MAX. alone: only if no other row has it. */
static size_t row_with(const order *o, const char *key, bool alone)
{
    size_t low = 0, high = o->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(o->blob + o->keys[middle].offset, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == o->count || strcmp(o->blob + o->keys[low].offset, key) != 0) return SIZE_MAX;
    if (alone && low + 1 < o->count && strcmp(o->blob + o->keys[low + 1].offset, key) == 0) return SIZE_MAX;
    return o->keys[low].row;
}

/* ------------------------------------------------------------------ tables */

static void clear_table(known_table *t)
{
    for (int i = 0; i < ORDERS; i++) {
        gp_mem_free(t->orders[i].keys);
        gp_mem_free(t->orders[i].blob);
    }
    gp_table_close(t->table);
    *t = (known_table){0};
}

static void clear_folder(folder *f)
{
    for (size_t i = 0; i < f->count; i++) clear_table(&f->tables[i]);
    gp_mem_free(f->path);
    *f = (folder){0};
}

static void keep_note(void *user, const gp_note *note)
{
    gp_beside *b = user;
    if (b->notes++ >= MOST_NOTES) return;
    gp_str_add(&b->noted, note->code, strlen(note->code) + 1);
    gp_str_add(&b->noted, note->message, strlen(note->message) + 1);
}

static gp_status open_table(gp_beside *b, const char *path, known_table *t, gp_error *why)
{
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size > MAX_TABLE)
        return gp_fail_path(why, GP_ERR_LIMIT, "'%s' is larger than 256 MiB", path);
    GP_TRY(gp_table_read(path, NULL, &t->table, why));
    GP_TRY(gp_table_roles(t->table, NULL, NULL, &t->image_column, &t->prompt_column, why));
    for (int which = 0; which < ORDERS; which++) GP_TRY(sort_rows(b, t, which, why));
    return GP_OK;
}

/* Adds the table at `path` to the folder. */
static gp_status add_table(gp_beside *b, folder *f, const char *path, gp_error *err)
{
    gp_error why = {0};
    known_table t = {0};
    if (f->count == MOST_TABLES) return GP_OK;
    gp_status st = open_table(b, path, &t, &why);
    if (st == GP_OK) {
        gp_table_notes(t.table, keep_note, b);
        if (!b->read++ && !(b->first = gp_str_dup(path))) st = gp_fail_memory(&why, "a prompt table");
    }
    if (st == GP_OK) {
        f->tables[f->count++] = t;
        return GP_OK;
    }
    clear_table(&t);
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (b->refused < MOST_NOTES && !(b->why[b->refused] = gp_str_dup(why.message)))
        return gp_fail_memory(err, "a prompt table");
    b->refused++;
    return GP_OK;
}

/* Returns true for the name of a folder of DiffusionDB: "part-" and digits. */
static bool is_part(const char *name)
{
    return strncmp(name, "part-", 5) == 0 && name[5] && !name[5 + strspn(name + 5, "0123456789")];
}

static bool is_same_file(const char *a, const struct stat *b)
{
    struct stat st;
    return a && stat(a, &st) == 0 && st.st_dev == b->st_dev && st.st_ino == b->st_ino;
}

static gp_status read_folder(gp_beside *b, folder *f, gp_error *err)
{
    static const char *const names[] = {"metadata.csv", "metadata.jsonl", "metadata.parquet", "log.csv", "log.html"};
    gp_str path = GP_STR_INIT;
    gp_status st = GP_OK;
    const char *own = gp_path_base(f->path);
    size_t count = sizeof names / sizeof *names + is_part(own);
    for (size_t i = 0; i < count && st == GP_OK; i++) {
        struct stat found;
        gp_str_reset(&path);
        gp_str_printf(&path, "%s/%s%s", f->path, i < sizeof names / sizeof *names ? names[i] : own,
                      i < sizeof names / sizeof *names ? "" : ".json");
        if (path.failed)
            st = gp_fail_memory(err, "a prompt table");
        else if (stat(path.data, &found) == 0 && S_ISREG(found.st_mode) && !is_same_file(b->but, &found))
            st = add_table(b, f, path.data, err);
    }
    gp_str_clear(&path);
    return st;
}

/* Finds the folder among those that are kept, or reads it in the place of the one that was used longest ago. */
static gp_status folder_of(gp_beside *b, const char *path, size_t size, folder **out, gp_error *err)
{
    folder *oldest = &b->folders[0];
    for (size_t i = 0; i < KEPT; i++) {
        folder *f = &b->folders[i];
        if (f->path && strncmp(f->path, path, size) == 0 && !f->path[size]) {
            f->used = ++b->turn;
            *out = f;
            return GP_OK;
        }
        if (f->used < oldest->used) oldest = f;
    }
    clear_folder(oldest);
    if (!(oldest->path = gp_str_dup_n(path, size))) return gp_fail_memory(err, "a prompt table");
    oldest->used = ++b->turn;
    *out = oldest;
    return read_folder(b, oldest, err);
}

/* ------------------------------------------------------------------ looking up */

/* Finds the row of the image `name`, which is relative to the folder. deep: the image is in a folder below. */
static size_t find_row(gp_beside *b, const known_table *t, const char *name, bool deep)
{
    size_t row = SIZE_MAX;
    for (int which = 0; which < (deep ? NAMES : ORDERS) && row == SIZE_MAX; which++) {
        gp_path_key(name, which == WRITTEN ? GP_NAME_WRITTEN : GP_NAME_FOLDED, true, &b->key);
        if (b->key.failed) return SIZE_MAX;
        row = row_with(&t->orders[which], b->key.data, which != WRITTEN);
    }
    return row;
}

gp_status gp_beside_find(gp_beside *b, const char *path, gp_beside_row *out, gp_error *err)
{
    *out = (gp_beside_row){0};
    const char *slash = strrchr(path, '/');
    for (int level = 0; level < LEVELS && slash && slash > path && !out->table; level++) {
        folder *f = NULL;
        GP_TRY(folder_of(b, path, (size_t)(slash - path), &f, err));
        for (size_t i = 0; i < f->count && !out->table; i++) {
            const known_table *t = &f->tables[i];
            size_t row = find_row(b, t, slash + 1, level > 0);
            if (b->key.failed) return gp_fail_memory(err, "a prompt table");
            if (row != SIZE_MAX) *out = (gp_beside_row){t->table, row, t->image_column, t->prompt_column};
        }
        do slash--;
        while (slash > path && *slash != '/');
    }
    return GP_OK;
}

gp_status gp_beside_new(const char *but, gp_beside **out, gp_error *err)
{
    gp_beside *b = gp_mem_zero(1, sizeof *b);
    if (!b) return gp_fail_memory(err, "a prompt table");
    b->but = but ? gp_str_dup(but) : NULL;
    if (but && !b->but) {
        gp_beside_free(b);
        return gp_fail_memory(err, "a prompt table");
    }
    *out = b;
    return GP_OK;
}

void gp_beside_notes(const gp_beside *b, uint64_t images, gp_note_fn note, void *user)
{
    if (!note) return;
    if (images && b->read == 1)
        gp_note_say(note, user, "tables-beside", images, "read the %s of %llu %s from '%s' beside %s",
                    gp_plural(images, "prompt", "prompts"), (unsigned long long)images,
                    gp_plural(images, "image", "images"), b->first, gp_plural(images, "it", "them"));
    else if (images)
        gp_note_say(
            note, user, "tables-beside", images, "read the %s of %llu %s from %llu tables beside %s, such as '%s'",
            gp_plural(images, "prompt", "prompts"), (unsigned long long)images, gp_plural(images, "image", "images"),
            (unsigned long long)b->read, gp_plural(images, "it", "them"), b->first);
    for (size_t at = 0; at < b->noted.size && !b->noted.failed;) {
        const char *code = b->noted.data + at, *text = code + strlen(code) + 1;
        note(user, &(gp_note){code, text, 1});
        at = (size_t)(text - b->noted.data) + strlen(text) + 1;
    }
    for (size_t i = 0; i < b->refused && i < MOST_NOTES; i++)
        gp_note_say(note, user, "table-refused", 1, "%s; this table beside images is not used", b->why[i]);
    if (b->refused > MOST_NOTES)
        gp_note_say(note, user, "table-refused", b->refused - MOST_NOTES, "%llu more tables beside images are not used",
                    (unsigned long long)(b->refused - MOST_NOTES));
}

void gp_beside_free(gp_beside *b)
{
    if (!b) return;
    for (size_t i = 0; i < KEPT; i++) clear_folder(&b->folders[i]);
    for (size_t i = 0; i < MOST_NOTES; i++) gp_mem_free(b->why[i]);
    gp_str_clear(&b->noted);
    gp_str_clear(&b->text);
    gp_str_clear(&b->key);
    gp_mem_free(b->first);
    gp_mem_free(b->but);
    gp_mem_free(b);
}
