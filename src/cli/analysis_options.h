/* SPDX-License-Identifier: MIT
 * Shared by the commands of the analysis: options of gp_analyze, paths of images by id, lists of words. */
#ifndef GP_CLI_ANALYSIS_OPTIONS_H
#define GP_CLI_ANALYSIS_OPTIONS_H

#include "base/str.h"
#include "options/options.h"

/* A list such as "people, landscapes,animals", split into words.  The words point into `text`, which the struct
 * owns. */
typedef struct gp_cli_words {
    char *text;
    const char **words;
    size_t count;
} gp_cli_words;
gp_status gp_cli_words_split(const char *text, gp_cli_words *out, gp_error *err);
void gp_cli_words_clear(gp_cli_words *words);

/* The path of each image, by its id in the catalog. */
typedef struct gp_cli_paths {
    struct gp_cli_path *list; /* [count] sorted by id */
    size_t count;
} gp_cli_paths;
gp_status gp_cli_paths_read(gp_catalog *catalog, gp_cli_paths *out, gp_error *err);
const char *gp_cli_path_of(const gp_cli_paths *paths, int64_t image); /* NULL: no path of the image exists any more */
void gp_cli_paths_clear(gp_cli_paths *paths);

/* Options of gp_analyze.  `find` points to the other members, so they must exist as long as `find` is used. */
typedef struct gp_cli_find {
    gp_analyze_options find;
    gp_slices_options slices;
    gp_duplicates_options duplicates;
    gp_cli_words labels;
} gp_cli_find;
gp_status gp_cli_find_options(gp_cli *cli, gp_cli_find *out, gp_error *err);
void gp_cli_find_clear(gp_cli_find *options);
/* Prints the results of an analysis as notes on standard error. */
void gp_cli_say_find(gp_cli *cli, const gp_analyze_report *report);
/* Appends the member "find":{...} with the results of an analysis. */
void gp_cli_json_find(gp_str *json, const gp_analyze_report *report);

#endif
