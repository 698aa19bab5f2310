/* SPDX-License-Identifier: MIT
 * Finds the image of each table row. The images' keys are sorted, so one binary search finds the images that share the
 * longest path end with a row. These images are adjacent. */
#include "ingest/match.h"

#include "base/file.h"
#include "base/mem.h"
#include "ingest/cell_path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SEPARATOR = 1, MAX_STATS = 64, IMAGE_WORK = 256, ROW_WORK = 1024 };
/* Strength of a claim: the number of common path components, or one of these values. */
enum { BELOW_ROOT = 1 << 29, EXACT = 1 << 30 };
enum { OPEN, CLAIMING, TIED, DONE, AMBIGUOUS, ELSEWHERE, REPEATED }; /* states of a row */

typedef struct claim {
    size_t row; /* SIZE_MAX: no row */
    uint32_t strength;
    bool whole; /* the row's whole path matches the end of the image's path */
    bool tie;
} claim;

typedef struct matcher {
    const gp_table *table;
    size_t column;
    const char *const *paths;
    size_t n;
    const char *const *roots; /* absolute */
    size_t root_count;
    size_t *rows;
    uint8_t *states; /* [rows of the table] */
    claim *claims;   /* [n] */
    /* the current pass */
    gp_name_form form;
    char *blob;                    /* the images' keys, concatenated */
    size_t *keys;                  /* [n] offset of each key in `blob` */
    size_t *sorted;                /* [n] images sorted by key */
    gp_str text, path, key, other; /* scratch */
    bool failed;                   /* memory ran out for one of the scratch strings */
} matcher;

/* ------------------------------------------------------------------ keys */

static const char *key_of(const matcher *m, size_t place)
{
    return m->blob + m->keys[m->sorted[place]];
}

static int compare_keys(const void *a, const void *b, void *user)
{
    const matcher *m = user;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = strcmp(m->blob + m->keys[x], m->blob + m->keys[y]);
    return order ? order : (x > y) - (x < y);
}

static gp_status sort_images(matcher *m, gp_watch *watch, gp_error *err)
{
    gp_str all = GP_STR_INIT;
    for (size_t i = 0; i < m->n && !all.failed; i++) {
        gp_path_key(m->paths[i], m->form, true, &m->key);
        m->keys[i] = all.size;
        gp_str_add(&all, m->key.data ? m->key.data : "", m->key.size + 1);
        all.failed |= m->key.failed;
        m->sorted[i] = i;
        gp_status st = gp_watch_work(watch, IMAGE_WORK, err);
        if (st == GP_OK) continue;
        gp_str_clear(&all);
        return st;
    }
    gp_mem_free(m->blob);
    m->blob = all.data;
    if (all.failed) return gp_fail_memory(err, "the rows of a table");
    qsort_r(m->sorted, m->n, sizeof *m->sorted, compare_keys, m);
    return GP_OK;
}

/* Returns the length of the common start of two keys, in whole components. *components: their number. */
static size_t shared(const char *a, const char *b, uint32_t *components)
{
    size_t i = 0, whole = 0;
    *components = 0;
    for (;; i++) {
        bool ends_a = !a[i] || a[i] == SEPARATOR, ends_b = !b[i] || b[i] == SEPARATOR;
        if (ends_a && ends_b) whole = i, *components += i > 0;
        if (a[i] != b[i] || !a[i]) return whole;
    }
}

/* A range of images: m->sorted[first] .. m->sorted[end - 1]. Their keys begin with the same components. */
typedef struct range {
    size_t first, end;
} range;

/* Returns -1, 0 or 1 if the image's key sorts before, inside or after the range. */
static int side(const char *image, const char *key, size_t size)
{
    int order = strncmp(image, key, size);
    if (order) return order;
    return image[size] && image[size] != SEPARATOR ? 1 : 0;
}

static range find_range(const matcher *m, const char *key, size_t size)
{
    range r = {0, m->n};
    for (size_t high = m->n; r.first < high;) {
        size_t middle = r.first + (high - r.first) / 2;
        if (side(key_of(m, middle), key, size) < 0)
            r.first = middle + 1;
        else
            high = middle;
    }
    for (size_t low = r.first; low < r.end;) {
        size_t middle = low + (r.end - low) / 2;
        if (side(key_of(m, middle), key, size) <= 0)
            low = middle + 1;
        else
            r.end = middle;
    }
    return r;
}

static size_t lower_bound(const matcher *m, const char *key)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(key_of(m, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Finds the images that share the longest path end with the key. */
static range nearest(const matcher *m, const char *key, uint32_t *components)
{
    size_t at = lower_bound(m, key), best = 0;
    *components = 0;
    for (size_t i = at ? at - 1 : 0; i < m->n && i <= at; i++) {
        uint32_t some;
        size_t size = shared(key_of(m, i), key, &some);
        if (some > *components) *components = some, best = size;
    }
    return *components ? find_range(m, key, best) : (range){0, 0};
}

/* Finds the image whose name is written exactly as in the row, among images whose names differ only in their Unicode
 * form. Returns SIZE_MAX if no image, or more than one, matches. */
static size_t same_spelling(matcher *m, range r, const char *path, uint32_t components)
{
    size_t found = SIZE_MAX;
    if (m->form != GP_NAME_WRITTEN || r.end - r.first > MAX_STATS) return SIZE_MAX;
    for (size_t i = r.first; i < r.end; i++) {
        const char *a = m->paths[m->sorted[i]] + strlen(m->paths[m->sorted[i]]), *b = path + strlen(path);
        uint32_t left = components;
        while (a > m->paths[m->sorted[i]] && b > path && a[-1] == b[-1] && left) {
            a--, b--;
            left -= *a == '/';
        }
        bool all = !left || (left == 1 && b == path && a > m->paths[m->sorted[i]] && a[-1] == '/');
        if (!all) continue;
        if (found != SIZE_MAX) return SIZE_MAX;
        found = m->sorted[i];
    }
    return found;
}

/* ------------------------------------------------------------------ claims */

static void make_key(matcher *m, const char *path)
{
    gp_path_key(path, m->form, false, &m->key);
    m->failed |= m->key.failed;
}

/* Returns true if both rows contain the same path. */
static bool same_path(matcher *m, size_t a, size_t b)
{
    gp_str room = GP_STR_INIT;
    const char *x = gp_table_text(m->table, a, m->column, &room), *y;
    gp_str_reset(&m->other);
    gp_str_puts(&m->other, x ? x : "");
    y = gp_table_text(m->table, b, m->column, &room);
    m->failed |= m->other.failed || room.failed;
    bool same = y && !m->failed && strcmp(y, m->other.data) == 0;
    gp_str_clear(&room);
    return same;
}

/* Returns the new state of a row that matches an image, if the image belongs to the row `winner`. */
static uint8_t loser_state(matcher *m, const claim *loser, size_t winner)
{
    return loser->whole || same_path(m, winner, loser->row) ? REPEATED : DONE;
}

static uint8_t put_claim(matcher *m, size_t image, size_t row, uint32_t strength, bool whole)
{
    claim *c = &m->claims[image], mine = {row, strength, whole, false};
    if (m->rows[image] != SIZE_MAX)
        return loser_state(m, &mine, m->rows[image]); /* the image got its row in an earlier pass */
    if (c->row != SIZE_MAX && c->strength > strength) return loser_state(m, &mine, c->row);
    if (c->row != SIZE_MAX && c->strength == strength) {
        if (strength >= BELOW_ROOT || same_path(m, c->row, row)) return REPEATED;
        c->tie = true;
        m->states[c->row] = TIED;
        return TIED;
    }
    if (c->row != SIZE_MAX && !c->tie) m->states[c->row] = loser_state(m, c, row);
    *c = mine;
    return CLAIMING;
}

/* Claims the image at exactly `path` for the row. Returns false if there is no such image. */
static bool claim_exact(matcher *m, const char *path, size_t row, uint32_t strength, uint8_t *state)
{
    uint32_t components;
    make_key(m, path);
    if (m->key.failed || !m->key.size) return false;
    range r = {lower_bound(m, m->key.data), 0};
    for (r.end = r.first; r.end < m->n && r.end - r.first <= MAX_STATS && strcmp(key_of(m, r.end), m->key.data) == 0;)
        r.end++;
    if (r.end == r.first) return false;
    shared(m->key.data, m->key.data, &components);
    size_t image = r.end - r.first == 1 ? m->sorted[r.first] : same_spelling(m, r, path, components);
    *state = image == SIZE_MAX ? AMBIGUOUS : put_claim(m, image, row, strength, true);
    return true;
}

/* If the row's own path is an existing file, claims the image that is the same file under another path (a link). If
 * there is no such image, the row becomes ELSEWHERE. Returns false if there is no such file. */
static bool claim_file(matcher *m, const char *path, range r, size_t row, uint8_t *state)
{
    struct stat file, image;
    if (m->form != GP_NAME_WRITTEN || stat(path, &file) != 0 || !S_ISREG(file.st_mode)) return false;
    *state = ELSEWHERE;
    for (size_t i = r.first; i < r.end && i - r.first < MAX_STATS; i++)
        if (stat(m->paths[m->sorted[i]], &image) == 0 && image.st_dev == file.st_dev && image.st_ino == file.st_ino)
            *state = put_claim(m, m->sorted[i], row, EXACT, true);
    return true;
}

static bool join(matcher *m, gp_str *out, const char *folder, const char *path)
{
    gp_str_reset(out);
    gp_str_puts(out, folder);
    gp_str_putc(out, '/');
    gp_str_puts(out, path);
    m->failed |= out->failed;
    return !out->failed;
}

static uint8_t claim_row(matcher *m, size_t row, const char *cell)
{
    uint8_t state = OPEN;
    uint32_t components, all;
    gp_cell_kind kind = gp_cell_path(cell, &m->path);
    m->failed |= m->path.failed;
    if (m->path.failed || !m->path.size) return DONE;
    make_key(m, m->path.data);
    if (m->key.failed || !m->key.size) return DONE;
    range near = nearest(m, m->key.data, &components);
    if (near.first == near.end) return OPEN;
    shared(m->key.data, m->key.data, &all);
    gp_str *own = &m->text;
    if (kind == GP_CELL_RELATIVE && !join(m, own, gp_table_folder(m->table), m->path.data)) return DONE;
    const char *absolute = kind == GP_CELL_RELATIVE ? own->data : m->path.data;
    if (kind != GP_CELL_FOREIGN) {
        if (claim_exact(m, absolute, row, EXACT, &state) || claim_file(m, absolute, near, row, &state)) return state;
    }
    for (size_t i = 0; kind == GP_CELL_RELATIVE && i < m->root_count; i++)
        if (!join(m, own, m->roots[i], m->path.data) || claim_exact(m, own->data, row, BELOW_ROOT, &state))
            return state;
    size_t image =
        near.end - near.first == 1 ? m->sorted[near.first] : same_spelling(m, near, m->path.data, components);
    return image == SIZE_MAX ? AMBIGUOUS : put_claim(m, image, row, components, components == all);
}

/* ------------------------------------------------------------------ passes */

static gp_status claim_all(matcher *m, size_t *open, gp_watch *watch, gp_error *err)
{
    gp_str room = GP_STR_INIT;
    gp_status st = GP_OK;
    *open = 0;
    for (size_t i = 0; i < m->n; i++) m->claims[i] = (claim){.row = SIZE_MAX};
    for (size_t row = 0; row < gp_table_rows(m->table) && st == GP_OK; row++) {
        uint8_t before = m->states[row];
        if (before != OPEN && before != AMBIGUOUS) continue;
        const char *cell = gp_table_text(m->table, row, m->column, &room);
        m->states[row] = cell && *cell ? claim_row(m, row, cell) : DONE;
        if (m->states[row] == OPEN) m->states[row] = before; /* keep the state of an ambiguous row */
        *open += m->states[row] == OPEN || m->states[row] == AMBIGUOUS;
        st = gp_watch_work(watch, ROW_WORK, err);
        if (room.failed || m->failed) st = gp_fail_memory(err, "the rows of a table");
    }
    gp_str_clear(&room);
    return st;
}

static void assign_rows(matcher *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->claims[i].row != SIZE_MAX && !m->claims[i].tie) m->rows[i] = m->claims[i].row;
    for (size_t row = 0; row < gp_table_rows(m->table); row++) {
        if (m->states[row] == CLAIMING) m->states[row] = DONE;
        if (m->states[row] == TIED) m->states[row] = AMBIGUOUS;
    }
}

static void count_states(const matcher *m, gp_match_counts *counts)
{
    *counts = (gp_match_counts){.first_ambiguous = SIZE_MAX, .first_elsewhere = SIZE_MAX, .first_repeated = SIZE_MAX};
    for (size_t row = 0; row < gp_table_rows(m->table); row++) {
        if (m->states[row] == AMBIGUOUS && !counts->ambiguous++) counts->first_ambiguous = row;
        if (m->states[row] == ELSEWHERE && !counts->elsewhere++) counts->first_elsewhere = row;
        if (m->states[row] == REPEATED && !counts->repeated++) counts->first_repeated = row;
    }
}

static gp_status run_passes(matcher *m, gp_watch *watch, gp_error *err)
{
    size_t open = 1;
    for (int form = 0; form < GP_NAME_FORMS && open && m->n; form++) {
        m->form = (gp_name_form)form;
        GP_TRY(sort_images(m, watch, err));
        GP_TRY(claim_all(m, &open, watch, err));
        assign_rows(m);
    }
    return GP_OK;
}

/* Makes the roots absolute. */
static gp_status open_roots(matcher *m, const char *const *roots, size_t count, gp_error *err)
{
    char **own = gp_mem_zero(count, sizeof *own);
    if (!own) return gp_fail_memory(err, "the rows of a table");
    m->roots = (const char *const *)own, m->root_count = count;
    for (size_t i = 0; i < count; i++)
        if (!(own[i] = gp_path_absolute(roots[i]))) return gp_fail_memory(err, "the rows of a table");
    return GP_OK;
}

static void matcher_clear(matcher *m)
{
    for (size_t i = 0; i < m->root_count; i++) gp_mem_free((void *)(uintptr_t)m->roots[i]);
    gp_mem_free((void *)(uintptr_t)m->roots);
    gp_str_clear(&m->other);
    gp_str_clear(&m->key);
    gp_str_clear(&m->path);
    gp_str_clear(&m->text);
    gp_mem_free(m->sorted);
    gp_mem_free(m->keys);
    gp_mem_free(m->blob);
    gp_mem_free(m->claims);
    gp_mem_free(m->states);
}

gp_status gp_match_rows(const gp_table *table, size_t image_column, const char *const *paths, size_t n,
                        const char *const *roots, size_t root_count, gp_watch *watch, size_t *rows,
                        gp_match_counts *counts, gp_error *err)
{
    matcher m = {.table = table, .column = image_column, .paths = paths, .n = n, .rows = rows};
    gp_status st = GP_OK;
    for (size_t i = 0; i < n; i++) rows[i] = SIZE_MAX;
    m.states = gp_mem_zero(gp_table_rows(table), 1);
    m.claims = gp_mem_new(n, sizeof *m.claims);
    m.keys = gp_mem_new(n, sizeof *m.keys);
    m.sorted = gp_mem_new(n, sizeof *m.sorted);
    if (!m.states || !m.claims || !m.keys || !m.sorted) GP_TRY_GOTO(gp_fail_memory(err, "the rows of a table"));
    GP_TRY_GOTO(open_roots(&m, roots, root_count, err));
    GP_TRY_GOTO(run_passes(&m, watch, err));
    count_states(&m, counts);
out:
    matcher_clear(&m);
    return st;
}
