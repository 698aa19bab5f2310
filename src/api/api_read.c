/* SPDX-License-Identifier: MIT
 * Implements gp_read_metadata of goldpan/catalog.h. */
#include "api/api.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/chunks.h"
#include "image/image.h"
#include "metadata/clean_prompt.h"
#include "metadata/meta.h"

#define FILE_LIMIT ((uint64_t)1 << 30)

typedef struct visitor {
    bool (*visit)(void *user, const gp_metadata_text *text);
    void *user;
    bool failed; /* memory ran out */
} visitor;

static bool give_text(void *user, const gp_meta_finding *f)
{
    visitor *v = user;
    const char *result = f->used ? "used" : f->found ? "not used" : "has another form, or is damaged";
    gp_str summary = GP_STR_INIT;
    gp_str_printf(&summary, "%s (%zu bytes%s)", f->chunk->key, f->chunk->size, f->chunk->damaged ? ", damaged" : "");
    if (f->reader) gp_str_printf(&summary, " by %s: %s", f->reader, result);
    if (f->evidence) gp_str_printf(&summary, ", evidence %s", gp_evidence_name(f->evidence));
    v->failed |= summary.failed;
    gp_metadata_text text = {.text = f->chunk->key,
                             .bytes = f->chunk->size,
                             .damaged = f->chunk->damaged,
                             .reader = f->reader,
                             .found = f->found,
                             .evidence = gp_evidence_name(f->evidence),
                             .used = f->used,
                             .summary = summary.data};
    bool go_on = !v->failed && v->visit(v->user, &text);
    gp_str_clear(&summary);
    return go_on;
}

/* Passes the row of the file to the caller. */
static gp_status give_row(const char *path, const gp_bytes *bytes, const gp_image_info *head, const gp_meta *meta,
                          bool (*visit)(void *user, const gp_row *image), void *user, gp_error *err)
{
    char hash[33];
    char *prompt = NULL;
    gp_str source = GP_STR_INIT;
    gp_hash_hex(gp_hash_of(bytes->data, bytes->size), hash);
    if (meta->prompt) GP_TRY(gp_prompt_clean(meta->prompt, gp_prompt_syntax_of(meta->tool), &prompt, err));
    if (meta->found) gp_str_printf(&source, "%s: %s", meta->tool, meta->where);
    bool empty = prompt && !*prompt; /* the prompt consists only of syntax */
    gp_row row = {.path = path,
                  .path_count = 1,
                  .hash = hash,
                  .format = gp_image_format_name(head->format),
                  .width = head->width,
                  .height = head->height,
                  .orientation = head->orientation,
                  .prompt = empty ? NULL : prompt,
                  .prompt_raw = empty ? NULL : meta->prompt,
                  .negative = meta->negative,
                  .prompt_source = source.data,
                  .settings_json = meta->settings_json,
                  .evidence = gp_evidence_name(empty ? GP_EVIDENCE_NONE : meta->evidence)};
    gp_status st = source.failed ? gp_fail_memory(err, "metadata") : GP_OK;
    if (st == GP_OK) (void)visit(user, &row);
    gp_str_clear(&source);
    gp_mem_free(prompt);
    return st;
}

gp_status gp_read_metadata(const char *path, bool (*visit)(void *user, const gp_row *image),
                           bool (*visit_text)(void *user, const gp_metadata_text *text), void *user, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    gp_image_info head;
    gp_status st;
    API_NEEDS(path);
    API_NEEDS(visit);
    GP_TRY(gp_file_read(path, FILE_LIMIT, &bytes, err));
    st = gp_image_read_info(bytes.data, bytes.size, &head, err);
    if (st != GP_OK) {
        gp_fail_path_within(err, st, "cannot read '%s'", path);
        goto out;
    }
    GP_TRY_GOTO(gp_image_read_chunks(bytes.data, bytes.size, &chunks, err));
    GP_TRY_GOTO(gp_meta_read_file(bytes.data, bytes.size, &chunks, path, &meta, err));
    GP_TRY_GOTO(give_row(path, &bytes, &head, &meta, visit, user, err));
    visitor v = {.visit = visit_text, .user = user};
    if (visit_text) GP_TRY_GOTO(gp_meta_explain(&chunks, path, give_text, &v, err));
    if (v.failed) st = gp_fail_memory(err, "metadata");
out:
    gp_meta_clear(&meta);
    gp_chunks_clear(&chunks);
    gp_bytes_clear(&bytes);
    return st;
}
