/* SPDX-License-Identifier: MIT
 * Sends the page's files, which are built into the program. Files that are stored compressed are sent compressed,
 * because every browser reads gzip. */
#include "serve/server_private.h"

#include "report/page.h"

#include <string.h>

void gp_serve_page(gp_request *request)
{
    const char *name = *request->route.name ? request->route.name : "index.html";
    for (size_t i = 0; i < gp_page_file_count; i++) {
        const gp_page_file *file = &gp_page_files[i];
        if (strcmp(file->name, name) != 0) continue;
        struct MHD_Response *response =
            MHD_create_response_from_buffer(file->size, (void *)(uintptr_t)file->bytes, MHD_RESPMEM_PERSISTENT);
        if (response && file->gzip) MHD_add_response_header(response, "Content-Encoding", "gzip");
        gp_respond(request, 200, response, file->type,
                   strncmp(name, "assets/", 7) == 0 ? GP_CACHE_FOREVER : GP_CACHE_NEVER);
        return;
    }
    gp_respond_error(request, 404, "there is nothing at this address");
}
