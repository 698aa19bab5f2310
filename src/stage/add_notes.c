/* SPDX-License-Identifier: MIT
 * See add_notes.h. */
#include "stage/add_notes.h"

#include "base/str.h"

void gp_add_note_images(const gp_add_options *o, const char *code, uint64_t count, const char *one, const char *many)
{
    if (count)
        gp_note_say(o->note, o->note_user, code, count, "%llu %s %s", (unsigned long long)count,
                    gp_plural(count, "image", "images"), gp_plural(count, one, many));
}

void gp_add_note_no_prompts(const gp_add_options *o, uint64_t images)
{
    static const char how[] = "name a table of prompts with --prompts FILE, or put the prompt of a.png into a text file"
                              " a.txt beside it";
    if (images == 1)
        gp_note_say(o->note, o->note_user, "no-prompts", 1, "the image has no prompt: %s", how);
    else
        gp_note_say(o->note, o->note_user, "no-prompts", images, "none of the %llu images has a prompt: %s",
                    (unsigned long long)images, how);
}

void gp_add_note_refused(const gp_add_options *o, uint64_t count, const char *first)
{
    if (count > 1)
        gp_note_say(o->note, o->note_user, "sidecar-refused", count, "%s (and %llu more)", first,
                    (unsigned long long)count - 1);
    else if (count)
        gp_note_say(o->note, o->note_user, "sidecar-refused", count, "%s", first);
}

void gp_add_note_unsure(const gp_add_options *o, uint64_t guesses, uint64_t broken, uint64_t unstated)
{
    gp_add_note_images(o, "guesses", guesses,
                       "has only a guessed prompt: score it with --guesses ('goldpan show' prints the reason)",
                       "have only guessed prompts: score them with --guesses ('goldpan show' prints the reason)");
    gp_add_note_images(o, "broken-graphs", broken,
                       "contains a ComfyUI graph that goldpan cannot read, and has no other prompt",
                       "contain a ComfyUI graph that goldpan cannot read, and have no other prompt");
    gp_add_note_images(o, "unstated-prompts", unstated,
                       "has metadata without a clear prompt ('goldpan show' prints the reason)",
                       "have metadata without a clear prompt ('goldpan show' prints the reason)");
}

void gp_add_note_reread(const gp_add_options *o, uint64_t files, uint64_t prompts)
{
    if (files)
        gp_note_say(o->note, o->note_user, "read-again", files,
                    "read the metadata of %llu known %s again, because this goldpan reads more: %llu %s changed",
                    (unsigned long long)files, gp_plural(files, "image", "images"), (unsigned long long)prompts,
                    gp_plural(prompts, "prompt", "prompts"));
}

void gp_add_note_damaged(const gp_add_options *o, uint64_t count)
{
    gp_add_note_images(
        o, "damaged-metadata", count,
        "has damaged metadata (a wrong checksum or broken text): a prompt in damaged text is only a guess",
        "have damaged metadata (a wrong checksum or broken text): a prompt in damaged text is only a "
        "guess");
}

void gp_add_note_rivals(const gp_add_options *o, uint64_t count)
{
    if (count)
        gp_note_say(o->note, o->note_user, "rival-prompts", count,
                    "%llu %s a prompt that differs from the prompt of another path of the same image: goldpan uses the "
                    "prompt of the first path",
                    (unsigned long long)count, gp_plural(count, "path has", "paths have"));
}

static const char *const format_names[GP_FORMAT_JXL + 1] = {
    [GP_FORMAT_UNKNOWN] = "unknown", [GP_FORMAT_PNG] = "PNG",   [GP_FORMAT_JPEG] = "JPEG",
    [GP_FORMAT_WEBP] = "WebP",       [GP_FORMAT_BMP] = "BMP",   [GP_FORMAT_GIF] = "GIF",
    [GP_FORMAT_TIFF] = "TIFF",       [GP_FORMAT_AVIF] = "AVIF", [GP_FORMAT_JXL] = "JPEG XL"};

void gp_add_count_kind(gp_add_kinds *kinds, const gp_image_info *head, bool grid)
{
    kinds->grids += grid;
    kinds->formats[head->format]++;
    kinds->animated[head->format] += head->animated;
}

/* Appends "2 GIF, 1 WebP" for the formats from `first` on. Returns the number of files. */
static uint64_t put_formats(gp_str *s, const uint64_t *counts, gp_format first)
{
    uint64_t all = 0;
    for (size_t i = first; i <= GP_FORMAT_JXL; i++) {
        if (!counts[i]) continue;
        gp_str_printf(s, "%s%llu %s", all ? ", " : "", (unsigned long long)counts[i], format_names[i]);
        all += counts[i];
    }
    return all;
}

void gp_add_note_kinds(const gp_add_options *o, const gp_add_kinds *kinds)
{
    gp_str formats = GP_STR_INIT, animated = GP_STR_INIT;
    const uint64_t others = put_formats(&formats, kinds->formats, GP_FORMAT_BMP);
    const uint64_t moving = put_formats(&animated, kinds->animated, GP_FORMAT_PNG);
    if (kinds->grids)
        gp_note_say(o->note, o->note_user, "grids", kinds->grids,
                    "set %llu %s apart: a grid contains other images, so it is not scored and never picked",
                    (unsigned long long)kinds->grids, gp_plural(kinds->grids, "grid", "grids"));
    if (others && !formats.failed)
        gp_note_say(o->note, o->note_user, "formats", others, "%llu %s in %s other than PNG, JPEG and WebP: %s",
                    (unsigned long long)others, gp_plural(others, "image is", "images are"),
                    gp_plural(others, "a format", "formats"), formats.data);
    if (moving && !animated.failed)
        gp_note_say(o->note, o->note_user, "animated", moving,
                    "%llu %s animated (%s): goldpan uses only the first frame", (unsigned long long)moving,
                    gp_plural(moving, "image is", "images are"), animated.data);
    gp_str_clear(&formats);
    gp_str_clear(&animated);
}
