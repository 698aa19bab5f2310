/* SPDX-License-Identifier: MIT
 * XMP packets: reading of marks, and merging of marks. The first byte chooses the marks. After a merge that replaces
 * values, the packet has these marks, and a second merge changes nothing. */
#include "base/str.h"
#include "ratings/xmp_marks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_marks(const gp_xmp_marks *m, const gp_xmp_wish *wish)
{
    size_t found = 0;
    for (size_t i = 0; i < m->count; i++) found += strcmp(m->tags[i], "a & b") == 0;
    if (m->rating < -1 || m->rating > 5 || m->flag < -1 || m->flag > 1) abort();
    if (!wish) return;
    if (wish->flag && gp_xmp_marks_flag(m) != wish->flag) abort();
    if (wish->flag >= 0 && wish->stars && gp_xmp_marks_stars(m) != wish->stars) abort();
    if (wish->count && m->untagged == 0 && (found != 1 || !m->label || strcmp(m->label, "<Red>") != 0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const tags[] = {"a & b", "label:<Red>"};
    gp_xmp_marks marks;
    gp_str packet = GP_STR_INIT, again = GP_STR_INIT;
    bool kept = false;
    if (size < 1) return 0;
    gp_xmp_wish wish = {.flag = data[0] % 3 - 1, .stars = data[0] / 3 % 6, .tags = tags, .replace = data[0] & 128};
    wish.count = data[0] & 64 ? 2 : 0;
    if (gp_xmp_marks_read((const char *)data + 1, size - 1, &marks, NULL) == GP_OK) {
        check_marks(&marks, NULL);
        gp_xmp_marks_clear(&marks);
    }
    gp_str_add(&packet, data + 1, size - 1);
    if (gp_xmp_merge(&packet, false, &wish, &kept, NULL) == GP_OK) {
        if (gp_xmp_marks_read(packet.data, packet.size, &marks, NULL) != GP_OK) abort();
        check_marks(&marks, wish.replace ? &wish : NULL);
        gp_xmp_marks_clear(&marks);
        gp_str_add(&again, packet.data, packet.size);
        if (gp_xmp_merge(&again, false, &wish, &kept, NULL) != GP_OK) abort();
        if (again.size != packet.size || memcmp(again.data, packet.data, packet.size) != 0) abort();
    }
    gp_str_clear(&again);
    gp_str_clear(&packet);
    return 0;
}
