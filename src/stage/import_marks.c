/* SPDX-License-Identifier: MIT
 * After add: merges marks from the journal whose images have been added. */
#include "base/str.h"
#include "catalog/catalog.h"
#include "stage/stage.h"

/* Writes counts such as "12 marks, 1 saved view and 3 picks". */
static void put_counts(gp_str *s, const gp_cat_brought *b)
{
    const struct {
        uint64_t n;
        const char *one, *more;
    } parts[] = {{b->marks, "mark", "marks"},
                 {b->views, "saved view", "saved views"},
                 {b->picks, "pick", "picks"},
                 {b->plans, "generation plan", "generation plans"}};
    int left = 0;
    for (int i = 0; i < 4; i++) left += parts[i].n > 0;
    for (int i = 0, put = 0; i < 4; i++) {
        if (!parts[i].n) continue;
        gp_str_printf(s, "%s%llu %s",
                      put == 0    ? ""
                      : left == 1 ? " and "
                                  : ", ",
                      (unsigned long long)parts[i].n, gp_plural(parts[i].n, parts[i].one, parts[i].more));
        put++, left--;
    }
}

gp_status gp_stage_import_marks(gp_catalog *cat, gp_note_fn note, void *user, gp_error *err)
{
    gp_cat_brought b;
    gp_str text = GP_STR_INIT;
    GP_TRY(gp_cat_marks_bring(cat, &b, err));
    uint64_t count = b.marks + b.views + b.picks + b.plans;
    put_counts(&text, &b);
    if (count && !text.failed)
        gp_note_say(note, user, "marks-brought", count, "restored from the journal of marks beside the catalog: %s",
                    text.data);
    gp_str_clear(&text);
    if (b.waiting)
        gp_note_say(note, user, "marks-waiting", b.waiting, "%llu %s", (unsigned long long)b.waiting,
                    gp_plural(b.waiting, "entry of the journal of marks waits for an image that is not in the catalog",
                              "entries of the journal of marks wait for images that are not in the catalog"));
    return GP_OK;
}
