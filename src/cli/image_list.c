/* SPDX-License-Identifier: MIT
 * Reads the file of --list line by line.  The catalog bounds the number of lines, and so the memory. */
#include "cli/image_list.h"

#include "base/lines.h"
#include "base/mem.h"
#include "cli/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPARE_LINES = 10000, /* a list may have this number of lines more than twice the images and paths */
    MAX_MENTIONED = 3,   /* maximum number of lines that the message about unknown lines mentions */
};

/* Finds the image of a line.  A path that the catalog lacks may be a link to a file of the catalog. */
static gp_status find(gp_catalog *catalog, const char *line, char hash[33], gp_error *err)
{
    GP_TRY(gp_catalog_find_image(catalog, line, hash, err));
    char *target = *hash ? NULL : realpath(line, NULL);
    gp_status st = target ? gp_catalog_find_image(catalog, target, hash, err) : GP_OK;
    free(target); /* allocated by the C library, hence free */
    return st;
}

static void add_unknown(const gp_cli *cli, const gp_lines *lines, gp_cli_image_list *list)
{
    if (list->unknown < MAX_MENTIONED)
        gp_str_printf(&list->first, "%s'%s' (line %llu)", list->unknown ? ", " : "", lines->text,
                      (unsigned long long)lines->number);
    else if (list->unknown == MAX_MENTIONED)
        gp_str_puts(&list->first, " ...");
    if (cli->json) gp_cli_json_element(&list->missing, lines->text);
    list->unknown++;
}

static gp_status read_lines(const gp_cli *cli, gp_catalog *catalog, gp_lines *lines, gp_cli_image_list *list,
                            gp_error *err)
{
    gp_counts counts = GP_INIT(gp_counts);
    GP_TRY(gp_catalog_counts(catalog, &counts, err));
    uint64_t most = 2 * (counts.images + counts.paths) + SPARE_LINES;
    for (bool more = true;;) {
        char hash[33];
        gp_status st = gp_lines_next(lines, &more, err);
        if (!gp_term_go_on(NULL)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
        if (st != GP_OK || !more) return st;
        if (lines->number > most)
            return gp_fail(
                err, GP_ERR_LIMIT,
                "'%s' has more than %llu lines, but the catalog has only %llu %s: remove the lines that name "
                "no image of this catalog",
                lines->name, (unsigned long long)most, (unsigned long long)counts.images,
                gp_plural(counts.images, "image", "images"));
        if (!*lines->text) continue;
        GP_TRY(find(catalog, lines->text, hash, err));
        if (*hash)
            gp_str_add(&list->hashes, hash, sizeof hash), list->count++;
        else
            add_unknown(cli, lines, list);
    }
}

gp_status gp_cli_image_list_read(const gp_cli *cli, gp_catalog *catalog, const char *path, gp_cli_image_list *list,
                                 gp_error *err)
{
    bool input = strcmp(path, "-") == 0;
    list->name = input ? "standard input" : path;
    gp_lines lines = {.file = input ? stdin : fopen(path, "re"), .name = list->name};
    if (!lines.file)
        return gp_fail_path_errno(err, errno == ENOENT ? GP_ERR_NOT_FOUND : GP_ERR_IO, errno, "cannot open '%s'", path);
    gp_status st = read_lines(cli, catalog, &lines, list, err);
    if (!input) fclose(lines.file);
    if (st != GP_OK) return st;
    GP_TRY(gp_alloc((void **)&list->images, list->count, sizeof *list->images, "the list of images", err));
    if (list->hashes.failed || list->first.failed || list->missing.failed)
        return gp_fail_memory(err, "the list of images");
    for (uint64_t i = 0; i < list->count; i++) list->images[i] = list->hashes.data + 33 * i;
    return GP_OK;
}

void gp_cli_image_list_clear(gp_cli_image_list *list)
{
    gp_mem_free(list->images);
    gp_str_clear(&list->hashes);
    gp_str_clear(&list->first);
    gp_str_clear(&list->missing);
}
