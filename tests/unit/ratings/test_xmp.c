/* SPDX-License-Identifier: MIT
 * XMP packets as other programs write them (own-made): what is read, and which bytes a merge changes. */
#include "ratings/xmp_doc.h"
#include "ratings/xmp_marks.h"

#include "base/mem.h"
#include "support.h"

#define RDF(inside)                                                                                                    \
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">" inside \
    "</rdf:RDF></x:xmpmeta>"
#define XMP  "xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\""
#define DC   "xmlns:dc=\"http://purl.org/dc/elements/1.1/\""
#define DIGI "xmlns:digiKam=\"http://www.digikam.org/ns/1.0/\""
#define DM   "xmlns:xmpDM=\"http://ns.adobe.com/xmp/1.0/DynamicMedia/\""

/* Parses a copy without a NUL after it, so that ASan detects a read past the end. */
static gp_status read_marks(const char *text, gp_xmp_marks *out, gp_error *err)
{
    size_t size = strlen(text);
    char *block = malloc(size ? size : 1);
    assert_non_null(block);
    memcpy(block, text, size);
    gp_status st = gp_xmp_marks_read(block, size, out, err);
    free(block);
    return st;
}

/* ------------------------------------------------------------------ reading */

typedef struct form {
    const char *packet;
    int flag, stars;
    const char *label; /* NULL: none */
    const char *tags;  /* joined by "|" */
    size_t untagged;
} form;

static const form forms[] = {
    {"", 0, 0, NULL, "", 0},
    /* darktable: attributes, tags as rdf:Seq, its own colours */
    {RDF("<rdf:Description rdf:about=\"\" " XMP " " DC " xmlns:lr=\"http://ns.adobe.com/lightroom/1.0/\""
         " xmlns:darktable=\"http://darktable.sf.net/\" xmp:Rating=\"3\" darktable:raw_params=\"0\">"
         "<darktable:colorlabels><rdf:Seq><rdf:li>2</rdf:li></rdf:Seq></darktable:colorlabels>"
         "<dc:subject><rdf:Seq><rdf:li>castle</rdf:li><rdf:li>at night</rdf:li></rdf:Seq></dc:subject>"
         "<lr:hierarchicalSubject><rdf:Seq><rdf:li>places|castle</rdf:li></rdf:Seq></lr:hierarchicalSubject>"
         "</rdf:Description>"),
     0, 3, "Green", "castle|at night", 0},
    {RDF("<rdf:Description rdf:about=\"\" " XMP " xmp:Rating=\"-1\"/>"), -1, 0, NULL, "", 0},
    /* digiKam: elements, a hierarchy, and a pending image, which is neither picked nor rejected */
    {RDF("<rdf:Description rdf:about=\"\" " XMP " " DIGI "><xmp:Rating>5</xmp:Rating>"
         "<digiKam:PickLabel>3</digiKam:PickLabel><digiKam:ColorLabel>2</digiKam:ColorLabel>"
         "<digiKam:TagsList><rdf:Seq><rdf:li>People/Anna</rdf:li></rdf:Seq></digiKam:TagsList></rdf:Description>"),
     1, 5, "Orange", "Anna", 0},
    {RDF("<rdf:Description rdf:about=\"\" " XMP " " DIGI " digiKam:PickLabel=\"2\" xmp:Rating=\"0\"/>"), 0, 0, NULL, "",
     0},
    {RDF("<rdf:Description rdf:about=\"\" " XMP " " DIGI " digiKam:PickLabel=\"1\" xmp:Rating=\"2\"/>"), -1, 2, NULL,
     "", 0},
    /* Lightroom and Bridge: several descriptions, a bag, an own label, entities, another prefix */
    {RDF("<rdf:Description rdf:about=\"\" xmlns:a=\"http://ns.adobe.com/xap/1.0/\" a:Rating=\"4\" a:Label=\"To Do\"/>"
         "<rdf:Description rdf:about=\"\" " DM "><xmpDM:pick>1</xmpDM:pick></rdf:Description>"
         "<rdf:Description rdf:about=\"\" " DC ">\n <dc:subject>\n  <rdf:Bag>\n   <rdf:li>k\xc3\xa4se &amp; "
         "brot</rdf:li>\n   <rdf:li>A&#x42;C</rdf:li>\n   <rdf:li>Paris, France</rdf:li>\n  </rdf:Bag>\n "
         "</dc:subject>\n</rdf:Description>"),
     1, 4, "To Do", "k\xc3\xa4se & brot|ABC", 1},
    {RDF("<rdf:Description rdf:about=\"\" " DM " xmpDM:pick=\"-1\" xmpDM:good=\"False\"/>"), -1, 0, NULL, "", 0},
    {RDF("<rdf:Description rdf:about=\"\" " DM " xmpDM:good=\"True\"/>"), 1, 0, NULL, "", 0},
    /* Photo Mechanic, Windows */
    {RDF("<rdf:Description rdf:about=\"\" xmlns:photomech=\"http://ns.camerabits.com/photomechanic/1.0/\" "
         "photomech:Tagged=\"True\"/>"),
     1, 0, NULL, "", 0},
    {RDF("<rdf:Description rdf:about=\"\" xmlns:m=\"http://ns.microsoft.com/photo/1.0/\" m:Rating=\"75\"/>"), 0, 4,
     NULL, "", 0},
    /* only darktable's hierarchy; keywords of darktable itself are not tags */
    {RDF("<rdf:Description rdf:about=\"\" xmlns:lr=\"http://ns.adobe.com/lightroom/1.0/\"><lr:hierarchicalSubject>"
         "<rdf:Seq><rdf:li>places|castle</rdf:li><rdf:li>darktable|format|png</rdf:li></rdf:Seq>"
         "</lr:hierarchicalSubject></rdf:Description>"),
     0, 0, NULL, "castle", 0},
    /* values that cannot be ratings; another namespace with the usual prefix; a frame without x:xmpmeta */
    {RDF("<rdf:Description rdf:about=\"\" " XMP " xmp:Rating=\"many\"/>"), 0, 0, NULL, "", 0},
    {RDF("<rdf:Description rdf:about=\"\" " XMP " xmp:Rating=\"7\"/>"), 0, 0, NULL, "", 0},
    {RDF("<rdf:Description rdf:about=\"\" " XMP " xmp:Rating=\" 3.0 \"/>"), 0, 3, NULL, "", 0},
    {RDF("<rdf:Description rdf:about=\"\" xmlns:xmp=\"http://other/\" xmp:Rating=\"3\"/>"), 0, 0, NULL, "", 0},
    {"\xef\xbb\xbf<?xpacket begin='' id='x'?><RDF xmlns=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><!-- < -->"
     "<Description " XMP "><xmp:Rating><![CDATA[2]]></xmp:Rating></Description></RDF>  \n<?xpacket end='w'?>",
     0, 2, NULL, "", 0},
    {"<a/>", 0, 0, NULL, "", 0},
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const form *f = &forms[i];
        gp_xmp_marks m;
        gp_error err = {0};
        gp_str tags = GP_STR_INIT;
        if (read_marks(f->packet, &m, &err) != GP_OK) fail_msg("form %zu: %s", i, err.message);
        for (size_t t = 0; t < m.count; t++) gp_str_printf(&tags, "%s%s", t ? "|" : "", m.tags[t]);
        if (gp_xmp_marks_flag(&m) != f->flag || gp_xmp_marks_stars(&m) != f->stars)
            fail_msg("form %zu: flag %d, stars %d", i, gp_xmp_marks_flag(&m), gp_xmp_marks_stars(&m));
        assert_string_equal(tags.data ? tags.data : "", f->tags);
        assert_string_equal(m.label ? m.label : "", f->label ? f->label : "");
        assert_int_equal(m.untagged, f->untagged);
        gp_str_clear(&tags);
        gp_xmp_marks_clear(&m);
    }
}

static void test_rejected(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        gp_status status;
        const char *says;
    } cases[] = {
        {"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", GP_ERR_UNSUPPORTED, "document type"},
        {"<a><b></a></b>", GP_ERR_FORMAT, "closes another element"},
        {"<a b=\"1></a>", GP_ERR_FORMAT, "does not end"},
        {"<a b:c=\"1\"/>", GP_ERR_FORMAT, "not declared"},
        {"<a b=1/>", GP_ERR_FORMAT, "no quotes"},
        {"<a b=\"<\"/>", GP_ERR_FORMAT, "'<'"},
        {"<a>", GP_ERR_FORMAT, "does not end"},
        {"</a>", GP_ERR_FORMAT, "has no opening tag"},
        {"text", GP_ERR_FORMAT, "outside of all elements"},
        {"<a>\xff</a>", GP_ERR_FORMAT, "not UTF-8"},
        {"<", GP_ERR_FORMAT, "a name is missing"},
        {"<a", GP_ERR_FORMAT, "a tag does not end"},
        {"\xff\xfe<", GP_ERR_UNSUPPORTED, "UTF-16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_xmp_marks m;
        gp_error err = {0};
        assert_int_equal(read_marks(cases[i].text, &m, &err), cases[i].status);
        if (!strstr(err.message, cases[i].says)) fail_msg("case %zu: %s", i, err.message);
    }
    gp_str deep = GP_STR_INIT;
    gp_xmp_marks m;
    gp_error err = {0};
    for (int i = 0; i < 100000; i++) gp_str_puts(&deep, "<a>");
    assert_int_equal(gp_xmp_marks_read(deep.data, deep.size, &m, &err), GP_ERR_LIMIT);
    gp_str_clear(&deep);
}

/* ------------------------------------------------------------------ merging */

static const char *const two_tags[] = {"castle", "k\xc3\xa4se & <brot>", "label:Red"};

typedef struct change {
    const char *before, *after;
    gp_xmp_wish wish;
    bool kept;
} change;

static const change changes[] = {
    /* only the value changes; all other bytes stay, with unknown properties, comments and padding */
    {"<?xpacket begin=''?>" RDF("<!-- c --><rdf:Description rdf:about='' " XMP " xmp:Rating='0'\n  xmlns:u='urn:u' "
                                "u:keep='1 &lt; 2'><u:more> x </u:more></rdf:Description>") "   \n<?xpacket end='w'?>",
     "<?xpacket begin=''?>" RDF("<!-- c --><rdf:Description rdf:about='' " XMP " xmp:Rating='4'\n  xmlns:u='urn:u' "
                                "u:keep='1 &lt; 2'><u:more> x </u:more></rdf:Description>") "   \n<?xpacket end='w'?>",
     {.stars = 4},
     false},
    /* another rating stays, or is replaced */
    {RDF("<rdf:Description " XMP "><xmp:Rating>2</xmp:Rating></rdf:Description>"),
     RDF("<rdf:Description " XMP "><xmp:Rating>2</xmp:Rating></rdf:Description>"),
     {.stars = 4},
     true},
    {RDF("<rdf:Description " XMP "><xmp:Rating>2</xmp:Rating></rdf:Description>"),
     RDF("<rdf:Description " XMP "><xmp:Rating>4</xmp:Rating></rdf:Description>"),
     {.stars = 4, .replace = true},
     false},
    {RDF("<rdf:Description " XMP "><xmp:Rating/></rdf:Description>"),
     RDF("<rdf:Description " XMP "><xmp:Rating>5</xmp:Rating></rdf:Description>"),
     {.stars = 5},
     false},
    /* an image without stars in goldpan keeps the rating of the file */
    {RDF("<rdf:Description " XMP " " DIGI " " DM " xmp:Rating=\"2\"/>"),
     RDF("<rdf:Description xmpDM:pick=\"1\" digiKam:PickLabel=\"3\" " XMP " " DIGI " " DM " xmp:Rating=\"2\"/>"),
     {.flag = 1},
     false},
    /* a rejected image */
    {RDF("<rdf:Description " XMP " " DIGI " " DM " xmp:Rating=\"0\" digiKam:PickLabel=\"0\" xmpDM:pick=\"0\"/>"),
     RDF("<rdf:Description " XMP " " DIGI " " DM " xmp:Rating=\"-1\" digiKam:PickLabel=\"1\" xmpDM:pick=\"-1\"/>"),
     {.flag = -1, .stars = 3},
     false},
    {RDF("<rdf:Description " XMP " " DIGI " " DM " xmp:Rating=\"-1\" digiKam:PickLabel=\"1\" xmpDM:pick=\"-1\" "
         "xmpDM:good=\"False\"/>"),
     RDF("<rdf:Description " XMP " " DIGI " " DM " xmp:Rating=\"0\" digiKam:PickLabel=\"3\" xmpDM:pick=\"1\" "
         "xmpDM:good=\"True\"/>"),
     {.flag = 1, .replace = true},
     false},
    {RDF("<rdf:Description " XMP " " DIGI " digiKam:PickLabel=\"3\"/>"),
     RDF("<rdf:Description xmp:Rating=\"-1\" " XMP " " DIGI " digiKam:PickLabel=\"3\"/>"),
     {.flag = -1},
     true},
    /* keywords: added to the list, with its white space; the label is a property of its own */
    {RDF("<rdf:Description " XMP " " DC " xmp:Label=\"Red\"><dc:subject>\n <rdf:Bag>\n  <rdf:li>castle</rdf:li>\n "
         "</rdf:Bag></dc:subject></rdf:Description>"),
     RDF("<rdf:Description " XMP " " DC " xmp:Label=\"Red\"><dc:subject>\n <rdf:Bag>\n  <rdf:li>castle</rdf:li>\n  "
         "<rdf:li>k\xc3\xa4se &amp; &lt;brot&gt;</rdf:li>\n </rdf:Bag></dc:subject></rdf:Description>"),
     {.tags = two_tags, .count = 3},
     false},
    {RDF("<rdf:Description " DC "><dc:subject><rdf:Bag/></dc:subject></rdf:Description>"),
     RDF("<rdf:Description " DC
         "><dc:subject><rdf:Bag><rdf:li>castle</rdf:li></rdf:Bag></dc:subject></rdf:Description>"),
     {.tags = two_tags, .count = 1},
     false},
    {RDF("<rdf:Description " DC " dc:subject=\"one\"/>"),
     RDF("<rdf:Description " DC
         "><dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>castle</rdf:li></rdf:Bag></dc:subject></rdf:Description>"),
     {.tags = two_tags, .count = 1},
     false},
    {RDF("<rdf:Description " DC "><dc:subject> one</dc:subject></rdf:Description>"),
     RDF("<rdf:Description " DC
         "><dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>castle</rdf:li></rdf:Bag></dc:subject></rdf:Description>"),
     {.tags = two_tags, .count = 1},
     false},
    /* no description, and a prefix that means something else */
    {RDF(""),
     RDF("<rdf:Description xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmp:Rating=\"1\" rdf:about=\"\"/>"),
     {.stars = 1},
     false},
    {RDF("<rdf:Description xmlns:xmp='urn:other'/>"),
     RDF("<rdf:Description xmlns:ns1=\"http://ns.adobe.com/xap/1.0/\" ns1:Rating=\"1\" xmlns:xmp='urn:other'/>"),
     {.stars = 1},
     false},
};

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const change *c = &changes[i];
        gp_error err = {0};
        gp_str packet = GP_STR_INIT;
        bool kept = false;
        gp_str_puts(&packet, c->before);
        if (gp_xmp_merge(&packet, true, &c->wish, &kept, &err) != GP_OK) fail_msg("change %zu: %s", i, err.message);
        if (strcmp(packet.data, c->after) != 0) fail_msg("change %zu:\n%s\n%s", i, packet.data, c->after);
        assert_int_equal(kept, c->kept);
        gp_str_clear(&packet);
    }
}

/* A new packet holds what was merged, and a second merge changes no byte. */
static void test_new(void **state)
{
    (void)state;
    for (int sidecar = 0; sidecar < 2; sidecar++) {
        gp_error err = {0};
        gp_str packet = GP_STR_INIT;
        gp_xmp_marks m;
        bool kept = false;
        const gp_xmp_wish wish = {.flag = 1, .stars = 5, .tags = two_tags, .count = 3};
        assert_ok(gp_xmp_merge(&packet, sidecar, &wish, &kept, &err));
        assert_memory_equal(packet.data, sidecar ? "<?xml " : "<?xpacket ", 6);
        assert_ok(gp_xmp_marks_read(packet.data, packet.size, &m, &err));
        assert_int_equal(m.rating, 5);
        assert_int_equal(m.flag, 1);
        assert_int_equal(m.count, 2);
        assert_string_equal(m.tags[1], two_tags[1]);
        assert_string_equal(m.label, "Red");
        gp_xmp_marks_clear(&m);
        char *once = gp_str_dup(packet.data);
        assert_ok(gp_xmp_merge(&packet, sidecar, &wish, &kept, &err));
        assert_string_equal(packet.data, once);
        assert_false(kept);
        gp_mem_free(once);
        gp_str_clear(&packet);
    }
}

static void test_other_forms(void **state)
{
    (void)state;
    static const char *const packets[] = {
        RDF("<rdf:Description " XMP "><xmp:Rating><a/></xmp:Rating></rdf:Description>"),
        RDF("<rdf:Description " DC "><dc:subject><a/></dc:subject></rdf:Description>"), "<a/>",
        "<RDF xmlns=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><Description><subject xmlns=\"http://purl.org/dc/"
        "elements/1.1/\"><Bag xmlns=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"/></subject></Description></RDF>",
        RDF("<rdf:Description " DC " dc:subject=\"a\" dc:subject=\"b\"/>")};
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        gp_error err = {0};
        gp_str packet = GP_STR_INIT;
        bool kept;
        const gp_xmp_wish wish = {.stars = 5, .tags = two_tags, .count = 1};
        gp_str_puts(&packet, packets[i]);
        gp_status st = gp_xmp_merge(&packet, true, &wish, &kept, &err);
        assert_int_equal(st, i == 2 ? GP_ERR_FORMAT : GP_ERR_UNSUPPORTED);
        gp_str_clear(&packet);
    }
}

/* Each allocation that fails is an error of memory, and nothing is lost. */
static void test_memory(void **state)
{
    (void)state;
    gp_status st = GP_ERR_MEMORY;
    for (uint64_t n = 1; st == GP_ERR_MEMORY && n < 1000; n++) {
        gp_error err = {0};
        gp_str packet = GP_STR_INIT;
        bool kept;
        int64_t live = gp_mem_live();
        const gp_xmp_wish wish = {.flag = -1, .stars = 5, .tags = two_tags, .count = 3, .replace = true};
        gp_str_puts(&packet, changes[8].before);
        gp_mem_fail_at(n);
        st = gp_xmp_merge(&packet, false, &wish, &kept, &err);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        gp_str_clear(&packet);
        assert_int_equal(gp_mem_live(), live);
    }
    assert_int_equal(st, GP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms), cmocka_unit_test(test_rejected),    cmocka_unit_test(test_changes),
        cmocka_unit_test(test_new),   cmocka_unit_test(test_other_forms), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("xmp", tests, NULL, NULL);
}
