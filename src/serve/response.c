/* SPDX-License-Identifier: MIT
 * Makes responses. Each has headers that restrict how a browser may use it. */
#include "serve/server_private.h"

#include "base/json.h"
#include "base/mem.h"
#include "report/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* frame-ancestors is added here, because browsers obey it only in a header, not in the page. */
#define POLICY GP_PAGE_POLICY "; frame-ancestors 'none'"

static const struct {
    const char *name, *value;
} common_headers[] = {
    {"Content-Security-Policy", POLICY},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"X-Frame-Options", "DENY"},
};

const char *gp_request_header(const gp_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

bool gp_request_gone(const gp_request *request)
{
    char byte;
    return request->watched && recv(request->watched->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void gp_respond(gp_request *request, unsigned status, struct MHD_Response *response, const char *type, gp_cached cached)
{
    bool all = response != NULL;
    for (size_t i = 0; i < sizeof common_headers / sizeof *common_headers && all; i++)
        all = MHD_add_response_header(response, common_headers[i].name, common_headers[i].value) == MHD_YES;
    all = all && MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
          MHD_add_response_header(response, "Cache-Control",
                                  cached == GP_CACHE_FOREVER ? "private, max-age=31536000, immutable" : "no-store") ==
              MHD_YES;
    if (!all) { /* if memory ran out there is no response, and the connection ends */
        if (response) MHD_destroy_response(response);
        response = NULL;
    }
    if (request->response) MHD_destroy_response(request->response);
    request->response = response;
    request->status = status;
}

void gp_respond_json(gp_request *request, gp_str *json)
{
    struct MHD_Response *response = NULL;
    if (!json->failed) response = MHD_create_response_from_buffer(json->size, json->data, MHD_RESPMEM_MUST_COPY);
    gp_respond(request, 200, response, "application/json", GP_CACHE_NEVER);
    gp_str_clear(json);
}

static void put_error(gp_str *json, const char *message)
{
    gp_str_puts(json, "{\"error\":");
    gp_json_put_string(json, message);
    gp_str_puts(json, "}\n");
}

static void put_html(gp_str *html, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '<' || *c == '>' || *c == '&')
            gp_str_puts(html, *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : "&amp;");
        else
            gp_str_putc(html, *c);
    }
}

/* An error as a page, for a person who opened an old or mistyped address. */
static void respond_page(gp_request *request, unsigned status, const char *message)
{
    struct MHD_Response *response = NULL;
    gp_str html = GP_STR_INIT;
    gp_str_puts(&html, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n<title>goldpan</title>\n"
                       "<h1>goldpan cannot show this address</h1>\n<p>");
    put_html(&html, message);
    gp_str_puts(&html, "</p>\n</html>\n");
    if (!html.failed) response = MHD_create_response_from_buffer(html.size, html.data, MHD_RESPMEM_MUST_COPY);
    gp_respond(request, status, response, "text/html; charset=utf-8", GP_CACHE_NEVER);
    gp_str_clear(&html);
}

void gp_respond_error(gp_request *request, unsigned status, const char *format, ...)
{
    char message[1200];
    gp_str json = GP_STR_INIT;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (request->person) {
        respond_page(request, status, message);
        return;
    }
    put_error(&json, message);
    gp_respond_json(request, &json);
    request->status = status;
}

void gp_respond_failure(gp_request *request, const gp_error *err)
{
    unsigned status = 500;
    switch (err->status) {
    case GP_ERR_USAGE: status = 400; break;
    case GP_ERR_NOT_FOUND: status = 404; break;
    case GP_ERR_LIMIT: status = 413; break;
    case GP_ERR_FORMAT:
    case GP_ERR_UNSUPPORTED: status = 415; break;
    case GP_ERR_STOPPED: status = 503; break;
    default: break;
    }
    gp_respond_error(request, status, "%s", err->message);
}

/* Writes the page's address, for redirecting a request that lacks the last slash. */
static void write_page_address(const gp_request *request, char text[GP_TOKEN + 3])
{
    snprintf(text, GP_TOKEN + 3, "/%s/", request->server->guard.token);
}

static const char *method_names(unsigned methods)
{
    return methods == GP_METHOD_GET ? "GET, HEAD" : methods == GP_METHOD_POST ? "POST" : "GET, HEAD, POST";
}

void gp_refusal_write(const gp_request *request, const gp_refusal *no, gp_str *out)
{
    gp_str json = GP_STR_INIT;
    char text[GP_TOKEN + 3];
    put_error(&json, no->message);
    gp_str_printf(
        out, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n",
        no->status, MHD_get_reason_phrase_for(no->status));
    for (size_t i = 0; i < sizeof common_headers / sizeof *common_headers; i++)
        gp_str_printf(out, "%s: %s\r\n", common_headers[i].name, common_headers[i].value);
    if (no->status == 405) gp_str_printf(out, "Allow: %s\r\n", method_names(no->allowed));
    if (no->retry) gp_str_printf(out, "Retry-After: %u\r\n", no->retry);
    if (no->redirect) {
        write_page_address(request, text);
        gp_str_printf(out, "Location: %s\r\n", text);
    }
    gp_str_printf(out, "Content-Length: %zu\r\n\r\n%s", json.size, json.failed ? "" : json.data);
    out->failed = out->failed || json.failed;
    gp_str_clear(&json);
}

void gp_respond_refusal(gp_request *request, const gp_refusal *no)
{
    char text[GP_TOKEN + 3];
    gp_respond_error(request, no->status, "%s", no->message);
    if (!request->response) return;
    if (no->status == 405) MHD_add_response_header(request->response, "Allow", method_names(no->allowed));
    if (no->retry) {
        snprintf(text, sizeof text, "%u", no->retry);
        MHD_add_response_header(request->response, "Retry-After", text);
    }
    if (no->redirect) {
        write_page_address(request, text);
        MHD_add_response_header(request->response, "Location", text);
    }
}
