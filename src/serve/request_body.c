/* SPDX-License-Identifier: MIT
 * Parses the page's JSON strictly and with limits. A known name must have a value of the right type. Unknown names are
 * ignored, so that a newer page may send more. */
#include "serve/request_body.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

enum { MAX_DEPTH = 32 };

static gp_status open_object(const char *body, size_t size, gp_json **root, gp_error *err)
{
    gp_error inner = {0};
    gp_status st = gp_json_parse(body, size, true, MAX_DEPTH, root, &inner);
    if (st == GP_ERR_MEMORY) return gp_fail_memory(err, "a request");
    if (st != GP_OK) return gp_fail(err, GP_ERR_USAGE, "the request body must be JSON: %s", inner.message);
    if (gp_json_kind_of(*root) == GP_JSON_OBJECT) return GP_OK;
    gp_json_free(*root);
    return gp_fail(err, GP_ERR_USAGE, "the request body must be a JSON object");
}

/* Reads the text of the member `name` into *out, owned. *out is NULL if the member is absent or null. */
static gp_status read_text(const gp_json *object, const char *name, size_t most, char **out, gp_error *err)
{
    const gp_json *value = gp_json_get(object, name);
    size_t size = 0;
    *out = NULL;
    if (gp_json_kind_of(value) == GP_JSON_NULL) return GP_OK;
    const char *text = gp_json_text(value, &size);
    if (!text) return gp_fail(err, GP_ERR_USAGE, "\"%s\" must be a string", name);
    if (size > most) return gp_fail(err, GP_ERR_USAGE, "\"%s\" is longer than %zu bytes", name, most);
    if (memchr(text, 0, size)) return gp_fail(err, GP_ERR_USAGE, "\"%s\" must not contain a NUL character", name);
    *out = gp_str_dup_n(text, size);
    return *out ? GP_OK : gp_fail_memory(err, "a request");
}

static bool read_hash(const gp_json *value, gp_hash *out)
{
    size_t size = 0;
    const char *text = gp_json_text(value, &size);
    return text && size == 32 && strlen(text) == 32 && gp_hash_from_hex(text, out);
}

static gp_status read_image(const gp_json *root, gp_hash *out, gp_error *err)
{
    if (read_hash(gp_json_get(root, "hash"), out)) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE, "\"hash\" must be the hash of an image");
}

gp_status gp_body_hash(const char *body, size_t size, gp_hash *out, gp_error *err)
{
    gp_json *root = NULL;
    GP_TRY(open_object(body, size, &root, err));
    gp_status st = read_image(root, out, err);
    gp_json_free(root);
    return st;
}

gp_status gp_body_images(const char *body, size_t size, gp_hash **out, size_t *count, gp_error *err)
{
    gp_json *root = NULL;
    gp_hash *hashes = NULL;
    GP_TRY(open_object(body, size, &root, err));
    const gp_json *list = gp_json_get(root, "images");
    size_t n = gp_json_count(list);
    gp_status st = GP_OK;
    if (gp_json_kind_of(list) != GP_JSON_ARRAY || n < 1 || n > GP_MAX_EXPORTED)
        GP_TRY_GOTO(
            gp_fail(err, GP_ERR_USAGE, "\"images\" must be a list of 1 to %d hashes of images", GP_MAX_EXPORTED));
    GP_TRY_GOTO(gp_alloc((void **)&hashes, n, sizeof *hashes, "a request", err));
    for (size_t i = 0; i < n; i++)
        if (!read_hash(gp_json_at(list, i), &hashes[i]))
            GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "each element of \"images\" must be the hash of an image"));
    *out = hashes, *count = n;
    hashes = NULL;
out:
    gp_mem_free(hashes);
    gp_json_free(root);
    return st;
}

static gp_status read_number(const gp_json *object, const char *name, int least, int most, bool *has, int *out,
                             gp_error *err)
{
    const gp_json *value = gp_json_get(object, name);
    int64_t n = 0;
    *has = gp_json_kind_of(value) != GP_JSON_NULL;
    if (!*has) return GP_OK;
    if (!gp_json_i64(value, &n) || n < least || n > most)
        return gp_fail(err, GP_ERR_USAGE, "\"%s\" must be a whole number from %d to %d", name, least, most);
    *out = (int)n;
    return GP_OK;
}

gp_status gp_body_generate(const char *body, size_t size, gp_generate_request *out, gp_error *err)
{
    gp_json *root = NULL;
    int more = 0;
    bool has;
    *out = (gp_generate_request){0};
    GP_TRY(open_object(body, size, &root, err));
    gp_status st = GP_OK;
    GP_TRY_GOTO(read_image(root, &out->image, err));
    GP_TRY_GOTO(read_number(root, "more", 0, GP_MAX_GENERATED, &has, &more, err));
    GP_TRY_GOTO(read_text(root, "address", GP_MAX_ADDRESS, &out->address, err));
    if (!out->address) GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "\"address\" must be the address of the generator"));
    out->more = (uint32_t)more;
out:
    if (st != GP_OK) gp_generate_request_clear(out);
    gp_json_free(root);
    return st;
}

void gp_generate_request_clear(gp_generate_request *request)
{
    gp_mem_free(request->address);
    *request = (gp_generate_request){0};
}

/* ------------------------------------------------------------------ ratings */

static gp_status read_change(const gp_json *item, gp_cat_rating *out, gp_error *err)
{
    int flag = 0, stars = 0;
    if (!read_hash(gp_json_get(item, "hash"), &out->hash))
        return gp_fail(err, GP_ERR_USAGE, "each change must have the \"hash\" of its image");
    GP_TRY(read_number(item, "flag", -1, 1, &out->has_flag, &flag, err));
    GP_TRY(read_number(item, "stars", 0, 5, &out->has_stars, &stars, err));
    out->flag = flag, out->stars = stars;
    return GP_OK;
}

gp_status gp_body_rate(const char *body, size_t size, gp_cat_rating **out, size_t *count, gp_error *err)
{
    gp_json *root = NULL;
    gp_cat_rating *changes = NULL;
    GP_TRY(open_object(body, size, &root, err));
    gp_status st = GP_OK;
    const gp_json *list = gp_json_get(root, "changes");
    size_t n = gp_json_count(list);
    if (gp_json_kind_of(list) != GP_JSON_ARRAY) GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "\"changes\" must be a list"));
    if (n > GP_MAX_CHANGES)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "a request must have at most %d changes", GP_MAX_CHANGES));
    changes = gp_mem_zero(n, sizeof *changes);
    if (!changes) GP_TRY_GOTO(gp_fail_memory(err, "%zu changes", n));
    for (size_t i = 0; i < n; i++) GP_TRY_GOTO(read_change(gp_json_at(list, i), &changes[i], err));
    *out = changes, *count = n;
    changes = NULL;
out:
    gp_mem_free(changes);
    gp_json_free(root);
    return st;
}

/* ------------------------------------------------------------------ tags */

void gp_tag_changes_clear(gp_cat_tagging *changes, size_t count)
{
    for (size_t i = 0; changes && i < count; i++) gp_mem_free((void *)(uintptr_t)changes[i].tag);
    gp_mem_free(changes);
}

static gp_status read_tagging(const gp_json *item, gp_cat_tagging *out, gp_error *err)
{
    const gp_json *removed = gp_json_get(item, "removed");
    gp_json_kind kind = gp_json_kind_of(removed);
    size_t size = 0;
    char *tag = NULL;
    const char *text = gp_json_text(gp_json_get(item, "tag"), &size);
    if (!read_hash(gp_json_get(item, "hash"), &out->hash))
        return gp_fail(err, GP_ERR_USAGE, "each change must have the \"hash\" of its image");
    if (!text) return gp_fail(err, GP_ERR_USAGE, "each change must have a \"tag\", a string");
    if (kind != GP_JSON_NULL && kind != GP_JSON_BOOL)
        return gp_fail(err, GP_ERR_USAGE, "\"removed\" must be true or false");
    GP_TRY(gp_cat_tag_clean(text, size, &tag, err));
    out->tag = tag;
    out->removed = gp_json_bool(removed, false);
    return GP_OK;
}

gp_status gp_body_tag(const char *body, size_t size, gp_cat_tagging **out, size_t *count, gp_error *err)
{
    gp_json *root = NULL;
    gp_cat_tagging *changes = NULL;
    size_t n = 0, read = 0;
    GP_TRY(open_object(body, size, &root, err));
    gp_status st = GP_OK;
    const gp_json *list = gp_json_get(root, "changes");
    if (gp_json_kind_of(list) != GP_JSON_ARRAY) GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "\"changes\" must be a list"));
    n = gp_json_count(list);
    if (n > GP_MAX_CHANGES)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "a request must have at most %d changes", GP_MAX_CHANGES));
    changes = gp_mem_zero(n, sizeof *changes);
    if (!changes) GP_TRY_GOTO(gp_fail_memory(err, "%zu changes", n));
    for (; read < n; read++) GP_TRY_GOTO(read_tagging(gp_json_at(list, read), &changes[read], err));
    *out = changes, *count = n;
    changes = NULL;
out:
    gp_tag_changes_clear(changes, read);
    gp_json_free(root);
    return st;
}

/* ------------------------------------------------------------------ search */

static gp_status read_examples(const gp_json *root, const char *name, gp_search_example *out, size_t *count,
                               gp_error *err)
{
    const gp_json *list = gp_json_get(root, name);
    size_t n = gp_json_count(list);
    if (gp_json_kind_of(list) == GP_JSON_NULL) return GP_OK;
    if (gp_json_kind_of(list) != GP_JSON_ARRAY) return gp_fail(err, GP_ERR_USAGE, "\"%s\" must be a list", name);
    if (n > GP_MAX_ALIKE) return gp_fail(err, GP_ERR_USAGE, "\"%s\" must have at most %d elements", name, GP_MAX_ALIKE);
    for (size_t i = 0; i < n; i++) {
        const gp_json *item = gp_json_at(list, i);
        size_t length = 0;
        const char *text = gp_json_text(item, &length);
        out[i] = (gp_search_example){0};
        if (text && text[0] == 'u' && strlen(text) == length) out[i].uploaded = gp_parse_u64(text + 1, &out[i].number);
        if (!out[i].uploaded && !read_hash(item, &out[i].hash))
            return gp_fail(err, GP_ERR_USAGE,
                           "each element of \"%s\" must be the hash of an image or the key of an upload", name);
    }
    *count = n;
    return GP_OK;
}

void gp_search_query_clear(gp_search_query *query)
{
    gp_mem_free(query->text);
    *query = (gp_search_query){0};
}

gp_status gp_body_search(const char *body, size_t size, gp_search_query *out, gp_error *err)
{
    gp_json *root = NULL;
    *out = (gp_search_query){0};
    GP_TRY(open_object(body, size, &root, err));
    gp_status st = GP_OK;
    GP_TRY_GOTO(read_text(root, "text", GP_MAX_WORDS, &out->text, err));
    GP_TRY_GOTO(read_examples(root, "more", out->more, &out->more_count, err));
    GP_TRY_GOTO(read_examples(root, "less", out->less, &out->less_count, err));
    if (out->text && !out->text[strspn(out->text, " \t\r\n")]) { /* text that is only blanks counts as no text */
        gp_mem_free(out->text);
        out->text = NULL;
    }
    if (!out->text && !out->more_count && !out->less_count)
        st = gp_fail(err, GP_ERR_USAGE, "a search needs \"text\", \"more\" or \"less\"");
out:
    if (st != GP_OK) gp_search_query_clear(out);
    gp_json_free(root);
    return st;
}

/* ------------------------------------------------------------------ saved views */

gp_status gp_body_saved(const char *body, size_t size, char **name, char **value, gp_error *err)
{
    gp_json *root = NULL;
    gp_str text = GP_STR_INIT;
    *name = *value = NULL;
    GP_TRY(open_object(body, size, &root, err));
    gp_status st = GP_OK;
    const gp_json *given = gp_json_get(root, "value");
    GP_TRY_GOTO(read_text(root, "name", GP_MAX_NAME, name, err));
    if (!*name || !**name) GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "a view needs a \"name\""));
    for (const char *p = *name; *p; p++)
        if ((unsigned char)*p < 0x20)
            GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "the name of a view must not contain control characters"));
    if (gp_json_kind_of(given) == GP_JSON_NULL) goto out;
    if (gp_json_kind_of(given) != GP_JSON_OBJECT)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "\"value\" must be an object"));
    gp_json_write(&text, given);
    *value = gp_str_take(&text);
    if (!*value) st = gp_fail_memory(err, "a view");
out:
    if (st != GP_OK) {
        gp_mem_free(*name);
        *name = NULL;
    }
    gp_json_free(root);
    return st;
}

/* ------------------------------------------------------------------ export */

void gp_export_request_clear(gp_export_request *request)
{
    gp_mem_free(request->folder);
    gp_mem_free(request->images);
    gp_mem_free(request->digits);
    *request = (gp_export_request){0};
}

/* Reads the member `name`, whose text must be one of names [count]. Sets *out to the index of the text. If the member
 * is absent or null, *out stays unchanged. */
static gp_status read_choice(const gp_json *root, const char *name, const char *const *names, size_t count,
                             const char *listed, size_t *out, gp_error *err)
{
    const gp_json *value = gp_json_get(root, name);
    size_t size = 0, i = 0;
    if (gp_json_kind_of(value) == GP_JSON_NULL) return GP_OK;
    const char *text = gp_json_text(value, &size);
    while (text && i < count && (strlen(names[i]) != size || memcmp(names[i], text, size) != 0)) i++;
    if (!text || i == count) return gp_fail(err, GP_ERR_USAGE, "\"%s\" must be one of %s", name, listed);
    *out = i;
    return GP_OK;
}

static gp_status read_images(const gp_json *root, gp_export_request *out, gp_error *err)
{
    const gp_json *list = gp_json_get(root, "images");
    size_t n = gp_json_count(list);
    if (gp_json_kind_of(list) != GP_JSON_ARRAY) return gp_fail(err, GP_ERR_USAGE, "\"images\" must be a list");
    if (n > GP_MAX_EXPORTED)
        return gp_fail(err, GP_ERR_USAGE, "\"images\" must have at most %d elements", GP_MAX_EXPORTED);
    out->images = gp_mem_zero(n + 1, sizeof *out->images);
    out->digits = gp_mem_zero(n + 1, sizeof *out->digits);
    if (!out->images || !out->digits) return gp_fail_memory(err, "the images to export");
    for (; out->image_count < n; out->image_count++) {
        gp_hash hash;
        if (!read_hash(gp_json_at(list, out->image_count), &hash))
            return gp_fail(err, GP_ERR_USAGE, "each element of \"images\" must be the hash of an image");
        gp_hash_hex(hash, out->digits[out->image_count]);
        out->images[out->image_count] = out->digits[out->image_count];
    }
    return GP_OK;
}

gp_status gp_body_export(const char *body, size_t size, gp_export_request *out, gp_error *err)
{
    static const char *const modes[] = {"copy", "hardlink", "symlink", "none"}; /* in the order of gp_export_mode */
    static const char *const whats[] = {"picks", "all", "mine", "mine+suggested", "stars", "images"}; /* _choice */
    gp_json *root = NULL;
    size_t mode = GP_EXPORT_COPY, what = GP_EXPORT_CHOICE_PICKS;
    bool has_stars = false;
    *out = (gp_export_request){0};
    GP_TRY(open_object(body, size, &root, err));
    gp_status st = GP_OK;
    GP_TRY_GOTO(read_text(root, "folder", 4096, &out->folder, err));
    if (!out->folder || !*out->folder) GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "an export needs a \"folder\""));
    GP_TRY_GOTO(read_choice(root, "mode", modes, 4, "copy, hardlink, symlink, none", &mode, err));
    GP_TRY_GOTO(read_choice(root, "what", whats, 6, "picks, all, mine, mine+suggested, stars, images", &what, err));
    out->mode = (gp_export_mode)mode, out->what = (gp_export_choice)what;
    if (out->what == GP_EXPORT_CHOICE_STARS) {
        GP_TRY_GOTO(read_number(root, "stars", 1, 5, &has_stars, &out->stars, err));
        if (!has_stars) GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE, "\"stars\" must be a whole number from 1 to 5"));
    }
    if (out->what == GP_EXPORT_CHOICE_IMAGES) GP_TRY_GOTO(read_images(root, out, err));
out:
    if (st != GP_OK) gp_export_request_clear(out);
    gp_json_free(root);
    return st;
}
