/* SPDX-License-Identifier: MIT
 * A small table with one row per kind of skipped file. Each unsupported format has its own row. */
#include "stage/passed.h"

#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"

#include <stdio.h>
#include <string.h>

void gp_passed_init(gp_passed *p)
{
    memset(p, 0, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
}

void gp_passed_clear(gp_passed *p)
{
    for (size_t i = 0; i < p->count; i++)
        for (size_t k = 0; k < GP_PASSED_SHOWN; k++) gp_mem_free(p->rows[i].shown[k]);
    pthread_mutex_destroy(&p->lock);
}

static gp_passed_row *row_of(gp_passed *p, gp_passed_kind kind, const char *word)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->rows[i].kind == kind && p->rows[i].word == word) return &p->rows[i];
    if (p->count == GP_PASSED_ROWS) return NULL;
    p->rows[p->count] = (gp_passed_row){.kind = kind, .word = word};
    return &p->rows[p->count++];
}

/* Keeps the paths that sort first, so that the note does not depend on the order of the walk. */
static void add_shown(gp_passed_row *row, const char *path)
{
    for (size_t k = 0; k < GP_PASSED_SHOWN; k++) {
        if (row->shown[k] && strcmp(row->shown[k], path) <= 0) continue;
        char *copy = gp_str_dup(path);
        if (!copy) return; /* out of memory: the note shows fewer paths */
        gp_mem_free(row->shown[GP_PASSED_SHOWN - 1]);
        memmove(row->shown + k + 1, row->shown + k, (GP_PASSED_SHOWN - 1 - k) * sizeof *row->shown);
        row->shown[k] = copy;
        return;
    }
}

void gp_passed_add(gp_passed *p, const gp_walk_passed *one)
{
    pthread_mutex_lock(&p->lock);
    gp_passed_row *row = one->kind == GP_PASSED_OTHER ? NULL : row_of(p, one->kind, one->word);
    if (row) {
        row->count++;
        add_shown(row, one->path);
    } else {
        p->others++;
    }
    pthread_mutex_unlock(&p->lock);
}

bool gp_passed_nothing(const gp_passed *p)
{
    return p->count == 0 && p->others == 0;
}

static bool take_gone(void *user, const gp_missing *m)
{
    gp_gone *g = user;
    if (!g->folders++) snprintf(g->folder, sizeof g->folder, "%s", *m->folder ? m->folder : "/");
    g->images += m->images, g->picks += m->picks;
    return true;
}

gp_status gp_gone_read(gp_catalog *cat, gp_gone *out, gp_error *err)
{
    *out = (gp_gone){0};
    return gp_cat_missing(cat, take_gone, out, err);
}

/* Appends ": 'a', 'b', 'c'", or ", such as 'a', 'b', 'c'" if there are more paths. */
static void put_shown(gp_str *s, const gp_passed_row *row)
{
    gp_str_puts(s, row->count > GP_PASSED_SHOWN ? ", such as " : ": ");
    for (size_t k = 0; k < GP_PASSED_SHOWN && row->shown[k]; k++)
        gp_str_printf(s, "%s'%s'", k ? ", " : "", row->shown[k]);
}

/* Appends "2 HEIC, 1 video" for all rows of a kind. Returns the number of files. */
static uint64_t put_words(gp_str *s, const gp_passed *p, gp_passed_kind kind)
{
    uint64_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        const gp_passed_row *row = &p->rows[i];
        if (row->kind != kind) continue;
        gp_str_printf(s, "%s%llu %s", count ? ", " : "", (unsigned long long)row->count, row->word);
        count += row->count;
    }
    return count;
}

/* Files of a format that goldpan can read, but not this build of it. */
static void note_unbuilt(const gp_passed_row *row, gp_note_fn note, void *user)
{
    gp_str s = GP_STR_INIT;
    put_shown(&s, row);
    if (!s.failed)
        gp_note_say(
            note, user, "unbuilt-formats", row->count,
            "skipped %llu %s %s%s; this goldpan was built without %s: install its library and build goldpan again",
            (unsigned long long)row->count, row->word, gp_plural(row->count, "image", "images"), s.data, row->word);
    gp_str_clear(&s);
}

static void note_formats(const gp_passed *p, gp_note_fn note, void *user)
{
    gp_str s = GP_STR_INIT;
    const uint64_t count = put_words(&s, p, GP_PASSED_FORMAT);
    if (count && !s.failed)
        gp_note_say(
            note, user, "other-formats", count,
            "skipped %llu %s of formats that goldpan does not read (%s): convert %s to PNG, JPEG or WebP to add %s",
            (unsigned long long)count, gp_plural(count, "file", "files"), s.data, gp_plural(count, "it", "them"),
            gp_plural(count, "it", "them"));
    gp_str_clear(&s);
}

static void note_row(const gp_passed_row *row, gp_note_fn note, void *user)
{
    static const struct {
        const char *code, *one, *many, *advice;
    } kinds[GP_PASSED_KINDS] = {
        [GP_PASSED_LINK] = {"linked-folders", "link to a folder", "links to folders",
                            "; to add the images behind a link, name the link itself: goldpan add LINK"},
        [GP_PASSED_INSIDE] = {"links-inside", "link to a folder that is read anyway",
                              "links to folders that are read anyway", ""},
        [GP_PASSED_BROKEN_LINK] = {"broken-links", "broken link", "broken links", "; check whether a disk is missing"},
        [GP_PASSED_HIDDEN] = {"hidden", "hidden folder or image", "hidden folders or images",
                              "; to add one, give its own path: goldpan add PATH"},
        [GP_PASSED_SPECIAL] = {"special-files", "pipe, socket or device named as an image",
                               "pipes, sockets or devices named as images", ""},
        [GP_PASSED_SET] = {"image-sets", "tar archive or Parquet file, which may contain images",
                           "tar archives or Parquet files, which may contain images",
                           "; to add their images, unpack them first: goldpan unpack FILE"},
        [GP_PASSED_ARCHIVE] = {"archives", "archive that goldpan does not unpack",
                               "archives that goldpan does not unpack", "; unpack it to add its images"},
        [GP_PASSED_OWN] = {"own-products", "image that goldpan drew or exported",
                           "images and folders that goldpan drew or exported", ""},
    };
    gp_str s = GP_STR_INIT;
    if (!kinds[row->kind].code) return;
    put_shown(&s, row);
    if (!s.failed)
        gp_note_say(note, user, kinds[row->kind].code, row->count, "skipped %llu %s%s%s",
                    (unsigned long long)row->count, gp_plural(row->count, kinds[row->kind].one, kinds[row->kind].many),
                    s.data, kinds[row->kind].advice);
    gp_str_clear(&s);
}

void gp_passed_tell(const gp_passed *p, gp_note_fn note, void *user)
{
    if (!note) return;
    note_formats(p, note, user);
    for (size_t i = 0; i < p->count; i++)
        if (p->rows[i].kind == GP_PASSED_UNBUILT) note_unbuilt(&p->rows[i], note, user);
    for (int kind = 0; kind < GP_PASSED_KINDS; kind++)
        for (size_t i = 0; i < p->count; i++)
            if ((int)p->rows[i].kind == kind) note_row(&p->rows[i], note, user);
}
