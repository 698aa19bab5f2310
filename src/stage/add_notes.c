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
