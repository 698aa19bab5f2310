/* SPDX-License-Identifier: MIT
 * After add: merges marks from the journal whose images have been found now. */
#include "base/str.h"
#include "catalog/catalog.h"
#include "stage/stage.h"

/* Writes counts such as "12 marks, 1 saved view and 3 picks". */
static void put_counts(gp_str *s, const gp_cat_brought *b)
{
    const struct {
        uint64_t n;
        const char *one, *more;
    } parts[] = {{b->ratings, "mark", "marks"},
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
                      (unsigned long long)parts[i].n, parts[i].n == 1 ? parts[i].one : parts[i].more);
        put++, left--;
    }
}

gp_status gp_stage_bring_marks(gp_catalog *cat, gp_note_fn note, void *user, gp_error *err)
{
    gp_cat_brought b;
    gp_str text = GP_STR_INIT;
    GP_TRY(gp_cat_marks_bring(cat, &b, err));
    uint64_t count = b.ratings + b.views + b.picks + b.plans;
    if (count && note) {
        gp_str_puts(&text, "brought back from the journal of marks beside the catalog: ");
        put_counts(&text, &b);
        if (!text.failed) note(user, &(gp_note){"marks-brought", text.data, count});
    }
    gp_str_reset(&text);
    if (b.waiting && note) {
        gp_str_printf(&text,
                      b.waiting == 1
                          ? "%llu entry of the journal of marks waits for an image that is not in the catalog"
                          : "%llu entries of the journal of marks wait for images that are not in the catalog",
                      (unsigned long long)b.waiting);
        if (!text.failed) note(user, &(gp_note){"marks-waiting", text.data, b.waiting});
    }
    bool failed = text.failed;
    gp_str_clear(&text);
    return failed ? gp_fail(err, GP_ERR_MEMORY, "out of memory for the journal of marks") : GP_OK;
}
