/* SPDX-License-Identifier: MIT
 * The explorer as a folder of files (docs/api.md), for any web host.
 * Everything is written to a hidden folder beside the target, which takes its place at once at the end: a kill leaves
 * the old site as it was.  Only a folder that carries goldpan's mark is replaced, and what others have put into it
 * (.git, CNAME) is taken along.  Memory: the view, and two pictures a thread. */
#ifndef GP_REPORT_SITE_H
#define GP_REPORT_SITE_H

#include "view/view.h"

/* near: rows [count, near_k], nearest first, UINT32_MAX none; NULL: the site has none.  Images that cannot be read are
 * counted and on record (stage "export").  Errors: USAGE (the folder is somebody else's), IO, MEMORY, STOPPED. */
gp_status gp_report_site(gp_catalog *cat, const gp_view *view, const uint32_t *near, uint32_t near_k,
                         const gp_site_options *options, gp_report *report, gp_error *err);

/* ------------------------------------------------------------------ site_folder.c: the folder that is made */
typedef struct gp_site_folder {
    char *target, *hidden; /* owned */
    int lock;              /* held on the hidden folder while it is written */
} gp_site_folder;
gp_status gp_site_folder_open(const char *target, gp_site_folder *out, gp_error *err);
/* Write a file of the hidden folder; its folders are there. */
gp_status gp_site_folder_put(const gp_site_folder *folder, const char *name, const void *bytes, size_t size,
                             gp_error *err);
gp_status gp_site_folder_make(const gp_site_folder *folder, const char *name, gp_error *err);
/* Let it take the target's place. */
gp_status gp_site_folder_settle(gp_site_folder *folder, gp_error *err);
/* Throw away what was not settled. */
void gp_site_folder_close(gp_site_folder *folder);

#endif
