/* SPDX-License-Identifier: MIT
 * Properties are identified by the address of their namespace, not by their prefix. */
#include "ratings/xmp_marks.h"

#include "base/mem.h"
#include "catalog/catalog.h"
#include "ratings/xmp_doc.h"
#include "ratings/xmp_edit.h"

#include <stdio.h>
#include <string.h>

#define DIGIKAM "http://www.digikam.org/ns/1.0/"

static const gp_xmp_property rating_property = {"http://ns.adobe.com/xap/1.0/", "xmp", "Rating"};
static const gp_xmp_property label_property = {"http://ns.adobe.com/xap/1.0/", "xmp", "Label"};
static const gp_xmp_property pick_label_property = {DIGIKAM, "digiKam", "PickLabel"};
static const gp_xmp_property color_label_property = {DIGIKAM, "digiKam", "ColorLabel"};
static const gp_xmp_property tags_list_property = {DIGIKAM, "digiKam", "TagsList"};
static const gp_xmp_property pick_property = {"http://ns.adobe.com/xmp/1.0/DynamicMedia/", "xmpDM", "pick"};
static const gp_xmp_property good_property = {"http://ns.adobe.com/xmp/1.0/DynamicMedia/", "xmpDM", "good"};
static const gp_xmp_property subject_property = {"http://purl.org/dc/elements/1.1/", "dc", "subject"};
static const gp_xmp_property hierarchy_property = {"http://ns.adobe.com/lightroom/1.0/", "lr", "hierarchicalSubject"};
static const gp_xmp_property tagged_property = {"http://ns.camerabits.com/photomechanic/1.0/", "photomech", "Tagged"};
static const gp_xmp_property windows_property = {"http://ns.microsoft.com/photo/1.0/", "MicrosoftPhoto", "Rating"};
static const gp_xmp_property colors_property = {"http://darktable.sf.net/", "darktable", "colorlabels"};
static const gp_xmp_property extension_property = {"http://ns.adobe.com/photoshop/1.0/", "photoshop",
                                                   "SidecarForExtension"};

/* ------------------------------------------------------------------ reading properties */

/* Appends the value of a property: an attribute, the text of an element, or the first item of a list. *written: the
 * property exists. */
static void get_text(const gp_xmp_doc *doc, const gp_xmp_property *property, gp_str *out)
{
    size_t description, attribute, element;
    gp_xmp_find(doc, property->uri, property->name, &description, &attribute, &element);
    if (attribute != GP_XMP_NONE) gp_xmp_decode(doc, doc->attributes[attribute].value, out);
    if (element == GP_XMP_NONE) return;
    size_t list = gp_xmp_list(doc, element), item = list == GP_XMP_NONE ? list : gp_xmp_item(doc, list, GP_XMP_NONE);
    const gp_xmp_element *e = &doc->elements[item == GP_XMP_NONE ? element : item];
    if (e->child == GP_XMP_NONE) gp_xmp_decode(doc, e->inside, out);
}

/* Removes white space from both ends. */
static void trim(gp_str *s)
{
    size_t begin = 0;
    while (s->size && strchr(" \t\r\n", s->data[s->size - 1])) s->data[--s->size] = '\0';
    while (begin < s->size && strchr(" \t\r\n", s->data[begin])) begin++;
    if (!begin) return;
    memmove(s->data, s->data + begin, s->size - begin + 1);
    s->size -= begin;
}

/* Reads a number; false if the property is missing or not a number. */
static bool get_number(const gp_xmp_doc *doc, const gp_xmp_property *property, double *out)
{
    gp_str text = GP_STR_INIT;
    get_text(doc, property, &text);
    trim(&text);
    bool found = text.size && gp_parse_double(text.data, out) && *out > -1e6 && *out < 1e6;
    gp_str_clear(&text);
    return found;
}

static bool get_bool(const gp_xmp_doc *doc, const gp_xmp_property *property, bool *out)
{
    gp_str text = GP_STR_INIT;
    get_text(doc, property, &text);
    trim(&text);
    bool yes = text.size && (gp_str_equal_nocase(text.data, "true") || strcmp(text.data, "1") == 0);
    bool no = text.size && (gp_str_equal_nocase(text.data, "false") || strcmp(text.data, "0") == 0);
    gp_str_clear(&text);
    *out = yes;
    return yes || no;
}

/* ------------------------------------------------------------------ rating and flag */

static void read_rating(const gp_xmp_doc *doc, gp_xmp_marks *m)
{
    double value;
    if (get_number(doc, &rating_property, &value) && value >= -1 && value <= 5) {
        m->rated = true;
        m->rating = value < 0 ? -1 : (int)(value + 0.5);
    } else if (get_number(doc, &windows_property, &value) && value >= 0 && value <= 100) {
        /* Windows writes 1, 25, 50, 75 and 99 for one to five stars */
        m->rated = true;
        m->rating = value < 1 ? 0 : (int)((value + 12.5) / 25) + 1;
    }
    if (m->rating > 5) m->rating = 5;
}

static void read_flag(const gp_xmp_doc *doc, gp_xmp_marks *m)
{
    double value;
    bool yes;
    if (get_number(doc, &pick_label_property, &value) && (value == 1 || value == 3))
        m->flag = value == 3 ? 1 : -1;
    else if (get_number(doc, &pick_property, &value) && value != 0)
        m->flag = value > 0 ? 1 : -1;
    else if (get_bool(doc, &good_property, &yes))
        m->flag = yes ? 1 : -1;
    else if (m->rating >= 0 && get_bool(doc, &tagged_property, &yes) && yes)
        m->flag = 1;
}

int gp_xmp_marks_flag(const gp_xmp_marks *m)
{
    return m->flag ? m->flag : m->rating < 0 ? -1 : 0;
}

int gp_xmp_marks_stars(const gp_xmp_marks *m)
{
    return m->rating > 0 ? m->rating : 0;
}

/* ------------------------------------------------------------------ label */

/* Returns the name of a colour, or NULL. first: the number of "Red". */
static const char *color_name(double number, int first)
{
    /* the order of digiKam: 1 red, 2 orange, 3 yellow ...; darktable: 0 red, 1 yellow, 2 green, 3 blue, 4 purple */
    static const char *const digikam[] = {"Red",     "Orange", "Yellow", "Green", "Blue",
                                          "Magenta", "Gray",   "Black",  "White"};
    static const char *const darktable[] = {"Red", "Yellow", "Green", "Blue", "Purple"};
    int count = first ? 9 : 5;
    if (!(number >= first && number < first + count)) return NULL;
    return first ? digikam[(int)number - 1] : darktable[(int)number];
}

static gp_status read_label(const gp_xmp_doc *doc, gp_xmp_marks *m, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    double number;
    const char *name = NULL;
    get_text(doc, &label_property, &text);
    trim(&text);
    /* darktable writes NoColor for an image without a colour */
    if (text.size && strcmp(text.data, "NoColor") == 0) gp_str_reset(&text);
    if (!text.size && get_number(doc, &color_label_property, &number)) name = color_name(number, 1);
    if (!text.size && !name && get_number(doc, &colors_property, &number)) name = color_name(number, 0);
    if (name) gp_str_reset(&text), gp_str_puts(&text, name);
    bool failed = text.failed, any = text.size > 0;
    if (any && !failed) m->label = gp_str_dup(text.data);
    gp_str_clear(&text);
    return failed || (any && !m->label) ? gp_fail_memory(err, "a label") : GP_OK;
}

/* ------------------------------------------------------------------ keywords */

/* Adds a keyword as a tag; `parts` separates the levels of a hierarchy, of which the last one is used. */
static gp_status add_tag(gp_xmp_marks *m, const char *keyword, const char *parts, gp_error *err)
{
    gp_error why = {0};
    char *tag = NULL;
    if (parts && gp_str_starts(keyword, "darktable|")) return GP_OK; /* darktable's own notes about its edits */
    for (const char *p = keyword; parts && *p; p++)
        if (strchr(parts, *p)) keyword = p + 1;
    gp_status st = gp_cat_tag_clean(keyword, strlen(keyword), &tag, &why);
    if (st == GP_ERR_USAGE) {
        m->untagged++;
        return GP_OK;
    }
    if (st != GP_OK) return gp_fail_as(err, st, &why);
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->tags[i], tag) == 0) {
            gp_mem_free(tag);
            return GP_OK;
        }
    char **grown = gp_mem_resize(m->tags, m->count + 1, sizeof *m->tags);
    if (!grown) {
        gp_mem_free(tag);
        return gp_fail_memory(err, "the keywords");
    }
    m->tags = grown;
    m->tags[m->count++] = tag;
    return GP_OK;
}

static gp_status add_decoded(const gp_xmp_doc *doc, gp_xmp_span span, const char *parts, gp_xmp_marks *m, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    gp_xmp_decode(doc, span, &text);
    gp_status st = text.failed ? gp_fail_memory(err, "a keyword") : GP_OK;
    if (st == GP_OK && text.size) st = add_tag(m, text.data, parts, err);
    gp_str_clear(&text);
    return st;
}

enum { MOST_TAGS = 1000 }; /* maximum number of keywords of a file that are read */

static gp_status read_keywords(const gp_xmp_doc *doc, const gp_xmp_property *property, const char *parts,
                               gp_xmp_marks *m, gp_error *err)
{
    size_t description, attribute, element;
    gp_xmp_find(doc, property->uri, property->name, &description, &attribute, &element);
    if (attribute != GP_XMP_NONE) return add_decoded(doc, doc->attributes[attribute].value, parts, m, err);
    if (element == GP_XMP_NONE) return GP_OK;
    size_t list = gp_xmp_list(doc, element);
    if (list == GP_XMP_NONE)
        return doc->elements[element].child == GP_XMP_NONE
                   ? add_decoded(doc, doc->elements[element].inside, parts, m, err)
                   : GP_OK;
    for (size_t i = GP_XMP_NONE; (i = gp_xmp_item(doc, list, i)) != GP_XMP_NONE;) {
        if (doc->elements[i].child != GP_XMP_NONE) continue;
        if (m->count == MOST_TAGS)
            m->untagged++;
        else
            GP_TRY(add_decoded(doc, doc->elements[i].inside, parts, m, err));
    }
    return GP_OK;
}

/* Programs that write a hierarchy of tags also write dc:subject, so the hierarchy is read only without dc:subject. */
static gp_status read_tags(const gp_xmp_doc *doc, gp_xmp_marks *m, gp_error *err)
{
    GP_TRY(read_keywords(doc, &subject_property, NULL, m, err));
    if (m->count + m->untagged == 0) GP_TRY(read_keywords(doc, &tags_list_property, "/", m, err));
    if (m->count + m->untagged == 0) GP_TRY(read_keywords(doc, &hierarchy_property, "|", m, err));
    return GP_OK;
}

static gp_status read_extension(const gp_xmp_doc *doc, gp_xmp_marks *m, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    get_text(doc, &extension_property, &text);
    trim(&text);
    if (text.size && !text.failed) m->extension = gp_str_dup(text.data);
    bool failed = text.failed || (text.size && !m->extension);
    gp_str_clear(&text);
    return failed ? gp_fail_memory(err, "an XMP packet") : GP_OK;
}

gp_status gp_xmp_marks_read(const char *text, size_t size, gp_xmp_marks *out, gp_error *err)
{
    gp_xmp_marks m = {0};
    gp_xmp_doc doc;
    gp_status st;
    *out = m;
    if (!size) return GP_OK;
    GP_TRY(gp_xmp_parse(text, size, &doc, err));
    read_rating(&doc, &m);
    read_flag(&doc, &m);
    GP_TRY_GOTO(read_label(&doc, &m, err));
    GP_TRY_GOTO(read_tags(&doc, &m, err));
    st = read_extension(&doc, &m, err);
out:
    gp_xmp_doc_clear(&doc);
    if (st == GP_OK)
        *out = m;
    else
        gp_xmp_marks_clear(&m);
    return st;
}

void gp_xmp_marks_clear(gp_xmp_marks *m)
{
    for (size_t i = 0; i < m->count; i++) gp_mem_free(m->tags[i]);
    gp_mem_free(m->tags);
    gp_mem_free(m->label);
    gp_mem_free(m->extension);
    *m = (gp_xmp_marks){0};
}

/* ------------------------------------------------------------------ merging */

static bool has_property(const gp_xmp_doc *doc, const gp_xmp_property *property)
{
    size_t description, attribute, element;
    gp_xmp_find(doc, property->uri, property->name, &description, &attribute, &element);
    return attribute != GP_XMP_NONE || element != GP_XMP_NONE;
}

static gp_status set_number(gp_str *packet, const gp_xmp_property *property, int value, gp_error *err)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    return gp_xmp_set(packet, property, text, err);
}

/* A rejected image has the rating -1. A pick changes only the rating of a rejected image. */
static gp_status merge_rating(gp_str *packet, const gp_xmp_marks *now, const gp_xmp_wish *wish, bool *kept,
                              gp_error *err)
{
    int rating = wish->flag < 0 ? -1 : wish->stars;
    bool other = rating ? now->rating != 0 && now->rating != rating : wish->flag > 0 && now->rating < 0;
    if (other && !wish->replace) {
        *kept = true;
        return GP_OK;
    }
    if (now->rating == rating || (!rating && !other)) return GP_OK;
    return set_number(packet, &rating_property, rating, err);
}

static gp_status merge_flag(gp_str *packet, const gp_xmp_marks *now, const gp_xmp_wish *wish, bool *kept, gp_error *err)
{
    gp_xmp_doc doc;
    double label = 0, pick = 0;
    if (!wish->flag) return GP_OK;
    if (now->flag && now->flag != wish->flag && !wish->replace) {
        *kept = true;
        return GP_OK;
    }
    GP_TRY(gp_xmp_parse(packet->data, packet->size, &doc, err));
    bool good = has_property(&doc, &good_property), is_good = false;
    good = good && !(get_bool(&doc, &good_property, &is_good) && is_good == (wish->flag > 0));
    bool labelled = get_number(&doc, &pick_label_property, &label) && label == (wish->flag > 0 ? 3 : 1);
    bool picked = get_number(&doc, &pick_property, &pick) && pick == wish->flag;
    gp_xmp_doc_clear(&doc);
    if (!labelled) GP_TRY(set_number(packet, &pick_label_property, wish->flag > 0 ? 3 : 1, err));
    if (!picked) GP_TRY(set_number(packet, &pick_property, wish->flag, err));
    return good ? gp_xmp_set(packet, &good_property, wish->flag > 0 ? "True" : "False", err) : GP_OK;
}

/* Writes the label of the first tag that is a label. */
static gp_status merge_label(gp_str *packet, const gp_xmp_marks *now, const gp_xmp_wish *wish, bool *kept,
                             gp_error *err)
{
    const char *label = NULL;
    for (size_t i = 0; i < wish->count && !label; i++)
        if (gp_str_starts(wish->tags[i], GP_XMP_LABEL_TAG)) label = wish->tags[i] + strlen(GP_XMP_LABEL_TAG);
    while (label && *label == ' ') label++;
    if (!label || !*label || (now->label && strcmp(now->label, label) == 0)) return GP_OK;
    if (now->label && !wish->replace) {
        *kept = true;
        return GP_OK;
    }
    return gp_xmp_set(packet, &label_property, label, err);
}

static bool has_tag(const gp_xmp_marks *now, const char *tag)
{
    for (size_t i = 0; i < now->count; i++)
        if (strcmp(now->tags[i], tag) == 0) return true;
    return false;
}

static gp_status merge_tags(gp_str *packet, const gp_xmp_marks *subject, const gp_xmp_wish *wish, gp_error *err)
{
    const char **new = NULL;
    size_t count = 0;
    GP_TRY(gp_alloc((void **)&new, wish->count, sizeof *new, "the keywords", err));
    for (size_t i = 0; i < wish->count; i++)
        if (!gp_str_starts(wish->tags[i], GP_XMP_LABEL_TAG) && !has_tag(subject, wish->tags[i]))
            new[count++] = wish->tags[i];
    gp_status st = count ? gp_xmp_add_items(packet, &subject_property, new, count, err) : GP_OK;
    gp_mem_free(new);
    return st;
}

/* Reads only dc:subject: a tag that only a hierarchy has is added to dc:subject. */
static gp_status read_subject(const gp_str *packet, gp_xmp_marks *out, gp_error *err)
{
    gp_xmp_doc doc;
    GP_TRY(gp_xmp_parse(packet->data, packet->size, &doc, err));
    gp_status st = read_keywords(&doc, &subject_property, NULL, out, err);
    gp_xmp_doc_clear(&doc);
    return st;
}

gp_status gp_xmp_merge(gp_str *packet, bool sidecar, const gp_xmp_wish *wish, bool *kept, gp_error *err)
{
    gp_xmp_marks now = {0}, subject = {0};
    gp_status st;
    *kept = false;
    GP_TRY(gp_xmp_marks_read(packet->data, packet->size, &now, err));
    GP_TRY_GOTO(gp_xmp_begin(packet, sidecar, err));
    GP_TRY_GOTO(merge_rating(packet, &now, wish, kept, err));
    GP_TRY_GOTO(merge_flag(packet, &now, wish, kept, err));
    GP_TRY_GOTO(merge_label(packet, &now, wish, kept, err));
    GP_TRY_GOTO(read_subject(packet, &subject, err));
    st = merge_tags(packet, &subject, wish, err);
out:
    gp_xmp_marks_clear(&now);
    gp_xmp_marks_clear(&subject);
    return st;
}
