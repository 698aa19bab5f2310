/* SPDX-License-Identifier: MIT
 * Every line of seven public prompt sets (8,691 texts) gives the ids of the reference.  The sets and OpenAI's
 * vocabulary are only in ../shared. prompts.tsv has checksums of each text and of its ids, complete and cut to 77. */
#include "text_support.h"
#include "base/str.h"

typedef struct text_list {
    char **at;
    size_t *size;
    size_t count;
} text_list;

static void add_text(text_list *l, const char *text, size_t size)
{
    if ((l->count & (l->count - 1)) == 0) {
        l->at = realloc(l->at, (l->count * 2 + 1) * sizeof *l->at);
        l->size = realloc(l->size, (l->count * 2 + 1) * sizeof *l->size);
    }
    l->at[l->count] = memcpy(malloc(size + 1), text, size);
    l->size[l->count++] = size;
}

static void clear_list(text_list *l)
{
    for (size_t i = 0; i < l->count; i++) free(l->at[i]);
    free(l->at);
    free(l->size);
}

/* Reads column 0 of a TSV file that has no quotes, and skips the header. */
static void read_tsv(gp_bytes file, text_list *l)
{
    char *at = strchr((char *)file.data, '\n') + 1;
    for (char *line; (line = strsep(&at, "\n")) && *line;) add_text(l, line, strcspn(line, "\t\r"));
}

/* Reads one field of a CSV file with quotes, and moves *at past the comma or line end after the field.  *last: the
 * field is the last of its line. */
static size_t csv_field(const char **at, char *out, bool *last)
{
    const char *p = *at;
    size_t n = 0;
    for (bool quoted = false; *p && (quoted || (*p != ',' && *p != '\n' && *p != '\r')); p++) {
        if (*p == '"' && quoted && p[1] == '"')
            out[n++] = *p++;
        else if (*p == '"')
            quoted = !quoted;
        else
            out[n++] = *p;
    }
    *last = *p != ',';
    if (*p == '\r') p++;
    *at = *p ? p + 1 : p;
    return n;
}

/* Reads the distinct values of column 1, in order of first appearance. */
static void read_csv(gp_bytes file, text_list *l)
{
    const char *at = strchr((const char *)file.data, '\n') + 1;
    char *field = malloc(file.size + 1);
    while (*at) {
        bool last = false;
        for (int column = 0; !last; column++) {
            size_t n = csv_field(&at, field, &last);
            bool known = column != 1;
            for (size_t i = l->count; !known && i-- > 0;) known = l->size[i] == n && memcmp(l->at[i], field, n) == 0;
            if (!known) add_text(l, field, n);
        }
    }
    free(field);
}

static void add_member(text_list *l, const gp_json *object, const char *key)
{
    size_t size;
    const char *text = gp_json_text(gp_json_get(object, key), &size);
    assert_non_null(text);
    add_text(l, text, size);
}

static void read_jsonl(gp_bytes file, text_list *l)
{
    char *at = (char *)file.data;
    for (char *line; (line = strsep(&at, "\n")) && *line;) {
        gp_json *row;
        assert_ok(gp_json_parse(line, strlen(line), true, 16, &row, &err));
        add_member(l, row, "prompt");
        gp_json_free(row);
    }
}

static bool visit_text(void *user, const char *key, const gp_json *value)
{
    (void)key;
    add_member(user, value, "text");
    return true;
}

/* Reads the field `key` of each element of an array.  If `key` is NULL, reads the field "text" of each value of the top
 * object. */
static void read_records(gp_bytes file, const char *key, text_list *l)
{
    gp_json *root;
    assert_ok(gp_json_parse((const char *)file.data, file.size, true, 64, &root, &err));
    if (!key) gp_json_each(root, visit_text, l);
    for (size_t i = 0; key && i < gp_json_count(root); i++) add_member(l, gp_json_at(root, i), key);
    gp_json_free(root);
}

static const struct {
    const char *name, *file, *key;
    size_t count;
} sets[] = {
    {"parti", "PartiPrompts.tsv", "", 1632},
    {"dsg", "dsg-1k-anns.csv", "", 1059},
    {"geneval", "geneval_evaluation_metadata.jsonl", "", 553},
    {"ir_bench", "imagereward_benchmark-prompts.json", "prompt", 100},
    {"ir_test", "imagereward_test_rankings.json", "prompt", 466},
    {"tifa", "tifa_v1.0_text_inputs.json", "caption", 4081},
    {"tifa_human", "tifa_human_annotations_with_scores.json", NULL, 800},
};

static void read_set(size_t s, text_list *l)
{
    char path[200];
    gp_bytes file;
    snprintf(path, sizeof path, "data/prompts/%s", sets[s].file);
    const char *full = shared_path(path, sets[s].name);
    assert_non_null(full);
    assert_ok(gp_file_read(full, 8 << 20, &file, &err));
    if (gp_str_ends(path, ".tsv"))
        read_tsv(file, l);
    else if (gp_str_ends(path, ".csv"))
        read_csv(file, l);
    else if (gp_str_ends(path, ".jsonl"))
        read_jsonl(file, l);
    else
        read_records(file, sets[s].key, l);
    gp_bytes_clear(&file);
}

/* Checks the next line of prompts.tsv: set, index, CRC32 of the text, number of ids, CRC32 of the ids, CRC32 of the ids
 * cut to 77. */
static void check_line(const gp_bpe *bpe, char *line, size_t s, size_t index, const char *text, size_t size)
{
    char *field[6];
    for (int i = 0; i < 6; i++) field[i] = strsep(&line, "\t");
    assert_string_equal(field[0], sets[s].name);
    assert_int_equal(strtoul(field[1], NULL, 10), index);
    assert_int_equal(strtoul(field[2], NULL, 16), crc32_z(0, (const void *)text, size));
    int32_t *ids, cut[77];
    size_t n, kept;
    assert_ok(gp_bpe_encode(bpe, text, size, &ids, &n, &err));
    if (n != strtoul(field[3], NULL, 10) || ids_crc(ids, n) != strtoul(field[4], NULL, 16))
        fail_msg("%s %zu '%.*s': ids differ", sets[s].name, index, (int)size, text);
    assert_ok(gp_bpe_encode_cut(bpe, text, size, 77, cut, &kept, NULL, &err));
    assert_int_equal(ids_crc(cut, kept), strtoul(field[5], NULL, 16));
    gp_mem_free(ids);
}

static void test_prompt_sets(void **state)
{
    (void)state;
    gp_bpe *bpe = open_clip_vocabulary("8,691 lines of prompt sets");
    if (!bpe) return;
    gp_bytes table;
    assert_ok(gp_file_read(shared_path("golden/encode/tokenizer/prompts.tsv", "prompts"), 8 << 20, &table, &err));
    char *at = strchr((char *)table.data, '\n') + 1;
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        text_list l = {0};
        read_set(s, &l);
        assert_int_equal(l.count, sets[s].count);
        for (size_t i = 0; i < l.count; i++) check_line(bpe, strsep(&at, "\n"), s, i, l.at[i], l.size[i]);
        clear_list(&l);
    }
    assert_int_equal(*at, '\0');
    gp_bytes_clear(&table);
    gp_bpe_free(bpe);
}

/* prompts.tsv has only a checksum of the ids of each text. For 350 of these texts, prompts_sample.json has the ids
 * themselves. */
static void test_sample(void **state)
{
    (void)state;
    gp_bpe *bpe = open_clip_vocabulary("350 lines of prompt sets with ids");
    if (!bpe) return;
    gp_bytes none;
    gp_json *root = read_json(shared_path("golden/encode/tokenizer/prompts_sample.json", "sample"), &none);
    const gp_json *lines = gp_json_get(root, "lines");
    assert_int_equal(gp_json_count(lines), 350);
    size_t done = 0;
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        text_list l = {0};
        read_set(s, &l);
        for (size_t i = 0; i < 350; i++) {
            const gp_json *line = gp_json_at(lines, i);
            uint64_t index = 0;
            if (strcmp(gp_json_text(gp_json_get(line, "set"), NULL), sets[s].name) != 0) continue;
            assert_true(gp_json_u64(gp_json_get(line, "index"), &index) && index < l.count);
            check_text(bpe, l.at[index], l.size[index], gp_json_get(line, "ids"), index);
            done++;
        }
        clear_list(&l);
    }
    assert_int_equal(done, 350);
    gp_json_free(root);
    gp_bpe_free(bpe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_prompt_sets), cmocka_unit_test(test_sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
