/* SPDX-License-Identifier: MIT
 * The explorer's page: index.html and the files that it loads.  tools/embed.py builds them into the program. */
#ifndef GP_REPORT_PAGE_H
#define GP_REPORT_PAGE_H

#include "base/status.h"

/* The page's Content-Security-Policy: the page loads scripts, styles and images only from its own server, and sends
 * data nowhere else.  The explorer sends the policy as a header.  A site has it in index.html, since the site's host
 * may send no header. */
#define GP_PAGE_POLICY                                                                                                 \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "        \
    "font-src 'self'; base-uri 'none'; form-action 'none'"

typedef struct gp_page_file {
    const char *name; /* "index.html", "assets/index-3f2a9c.js" */
    const char *type; /* value of the Content-Type header */
    const unsigned char *bytes;
    size_t size;
    bool gzip; /* the bytes are compressed with gzip */
} gp_page_file;

extern const gp_page_file gp_page_files[]; /* sorted by name */
extern const size_t gp_page_file_count;

#endif
