/* SPDX-License-Identifier: MIT
 * What the commands that look for things share: options for find, paths of images by number, words between commas. */
#ifndef GP_CLI_ANALYSIS_OPTIONS_H
#define GP_CLI_ANALYSIS_OPTIONS_H

#include "base/str.h"
#include "cli/options.h"

/* "people, landscapes,animals" -> three words; the text they point into is owned. */
typedef struct gp_cli_words {
    char *text;
    const char **words;
    size_t count;
} gp_cli_words;
gp_status gp_cli_words_split(const char *text, gp_cli_words *out, gp_error *err);
void gp_cli_words_clear(gp_cli_words *words);

/* Path of each image, by its number. */
typedef struct gp_cli_paths {
    struct gp_cli_path *list; /* [count] by number */
    size_t count;
} gp_cli_paths;
gp_status gp_cli_paths_read(gp_catalog *catalog, gp_cli_paths *out, gp_error *err);
const char *gp_cli_path_of(const gp_cli_paths *paths, int64_t image); /* NULL: gone */
void gp_cli_paths_clear(gp_cli_paths *paths);

/* find, with its slicing and duplicates, which must outlive it like labels. */
typedef struct gp_cli_find {
    gp_analyze_options find;
    gp_slices_options slices;
    gp_duplicates_options duplicates;
    gp_cli_words labels;
} gp_cli_find;
gp_status gp_cli_find_options(gp_cli *cli, gp_cli_find *out, gp_error *err);
void gp_cli_find_clear(gp_cli_find *options);
/* What was found, as remarks. */
void gp_cli_say_find(gp_cli *cli, const gp_analyze_report *report);
/* ,"find":{...} */
void gp_cli_json_find(gp_str *json, const gp_analyze_report *report);

#endif
