/* SPDX-License-Identifier: MIT
 * Opens a back end: detects the protocol of the program at an address, and writes the error if it has none. */
#include "generate/backend.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const gp_gen_protocol_table *const protocols[] = {&gp_gen_comfy, &gp_gen_sdcpp,  &gp_gen_a1111,
                                                         &gp_gen_swarm, &gp_gen_openai, &gp_gen_command};
enum { PROTOCOLS = sizeof protocols / sizeof *protocols };
static const double probe_seconds = 60; /* time limit of each probing request; --timeout may set a lower limit */

static const gp_gen_protocol_table *by_name(const char *name)
{
    for (size_t i = 0; i < PROTOCOLS; i++)
        if (gp_str_equal_nocase(protocols[i]->name, name)) return protocols[i];
    return NULL;
}

/* ------------------------------------------------------------------ probing */

/* Programs recognised by their front page: by a word in its title, or anywhere in the page.  A Gradio interface has all
 * its labels in the page, including those of extensions, so specific programs are recognised by their title. */
static const struct {
    bool title;
    const char *sign, *words;
    const gp_gen_protocol_table *only; /* the entry holds only if the user gives this protocol; NULL: it always holds */
} pages[] = {
    {false, "goldpan explore", "the server is goldpan's own explorer, not a generator", NULL},
    {true, "SwarmUI", "the server is SwarmUI, but its API does not answer as expected", &gp_gen_swarm},
    {true, "SwarmUI", "the server is SwarmUI: give --protocol swarmui", NULL},
    {true, "ComfyUI", "the server is ComfyUI, but its API does not answer as expected", NULL},
    {true, "Invoke", "the server is InvokeAI, whose API goldpan does not support", NULL},
    {true, "Fooocus", "the server is Fooocus, whose API goldpan does not support", NULL},
    {false, "gradio", "the server has a page but no API: if it is AUTOMATIC1111, Forge or SD.Next, start it with --api",
     NULL},
};

/* Returns the offset of the word in the text, ignoring case; SIZE_MAX: the text does not contain the word.  Zero bytes
 * do not end the text. */
static size_t find_word(const char *text, size_t size, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= size; i++) {
        size_t k = 0;
        while (k < length && (text[i + k] | 0x20) == (word[k] | 0x20)) k++;
        if (k == length) return i;
    }
    return SIZE_MAX;
}

static const char *words_of_page(const gp_str *page, const gp_gen_protocol_table *protocol)
{
    size_t begin = find_word(page->data, page->size, "<title"), end = SIZE_MAX;
    if (begin != SIZE_MAX) end = find_word(page->data + begin, page->size - begin, "</title");
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if ((pages[i].title && end == SIZE_MAX) || (pages[i].only && pages[i].only != protocol)) continue;
        const char *text = pages[i].title ? page->data + begin : page->data;
        if (find_word(text, pages[i].title ? end : page->size, pages[i].sign) != SIZE_MAX) return pages[i].words;
    }
    return "";
}

/* Sends a GET before any image is requested.  *r: the response; code 0: no response, and `why` has the reason. */
static gp_status ask(gp_gen_backend *b, const char *path, gp_http_response *r, gp_error *why, gp_error *err)
{
    double limit = b->o.timeout > 0 ? fmin(b->o.timeout, probe_seconds) : probe_seconds;
    *r = (gp_http_response){0};
    gp_status st = gp_gen_get(b, b->http, path, limit, r, why);
    if (st == GP_ERR_STOPPED || st == GP_ERR_MEMORY || st == GP_ERR_USAGE) return gp_fail_as(err, st, why);
    return GP_OK;
}

const char *gp_gen_who(gp_gen_backend *b)
{
    gp_http_response r = {0};
    gp_error why = {0};
    if (b->who) return b->who;
    b->who = "";
    if (ask(b, "/", &r, &why, NULL) != GP_OK) return b->who;
    b->who = words_of_page(&r.body, b->protocol);
    gp_http_response_clear(&r);
    return b->who;
}

static bool is_json(const gp_http_response *r)
{
    gp_json *json = NULL;
    bool is = r->code == 200 &&
              gp_json_parse(r->body.data ? r->body.data : "", r->body.size, false, 64, &json, NULL) == GP_OK;
    gp_json_free(json);
    return is;
}

/* Tries the protocols in the order of the table, so that a program with several protocols is used through its own
 * protocol. */
static gp_status find_out(gp_gen_backend *b, gp_error *err)
{
    bool locked = false;
    for (size_t i = 0; i < PROTOCOLS; i++) {
        gp_http_response r;
        gp_error why = {0};
        if (!protocols[i]->probe) continue;
        GP_TRY(ask(b, protocols[i]->probe, &r, &why, err));
        bool there = is_json(&r), nobody = r.code == 0;
        locked = locked || r.code == 401;
        gp_http_response_clear(&r);
        if (there) {
            b->protocol = protocols[i];
            return GP_OK;
        }
        if (nobody) return gp_fail_as(err, GP_ERR_NETWORK, &why);
    }
    if (locked)
        return gp_fail(err, GP_ERR_USAGE,
                       "'%s' needs a login (401): give --login USER:PASSWORD, or a key in $GOLDPAN_GENERATOR_KEY",
                       b->address);
    const char *who = gp_gen_who(b);
    if (*who) return gp_fail(err, GP_ERR_USAGE, "'%s' has no API that goldpan supports: %s", b->address, who);
    return gp_fail(
        err, GP_ERR_USAGE,
        "'%s' answers, but goldpan does not recognise its protocol: check the port (AUTOMATIC1111 7860, ComfyUI 8188, "
        "sd-server 1234, SwarmUI 7801), or name the protocol with --protocol",
        b->address);
}

/* Checks a protocol that the user has given.  A program must respond at the address.  An unexpected response is an
 * error only if the front page shows that it is another program. */
static gp_status check_given(gp_gen_backend *b, gp_error *err)
{
    gp_http_response r;
    gp_error why = {0};
    GP_TRY(ask(b, b->protocol->probe ? b->protocol->probe : "/", &r, &why, err));
    bool nobody = r.code == 0 && !gp_http_connected(b->http), missing = r.code == 404 || r.code == 405;
    gp_http_response_clear(&r);
    if (nobody) return gp_fail_as(err, GP_ERR_NETWORK, &why);
    if (!missing || b->protocol == &gp_gen_openai) return GP_OK;
    const char *who = gp_gen_who(b);
    if (*who)
        return gp_fail(err, GP_ERR_USAGE, "'%s' does not respond like a server of the protocol %s: %s", b->address,
                       b->protocol->name, who);
    return GP_OK;
}

/* ------------------------------------------------------------------ addresses */

/* Returns true for a host without a scheme, such as "127.0.0.1:8188", "localhost", "[::1]:8188/x".  A command has
 * blanks and {out}. */
static bool is_bare_host(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *host = text, *end;
    if (strpbrk(text, " \t\n{}'\"\\") || strstr(text, "://")) return false;
    const char *at = strchr(text, '@'), *slash = strchr(text, '/');
    if (at && (!slash || at < slash)) host = at + 1;
    if (*host == '[') return strchr(host, ']') != NULL;
    size_t size = strspn(host, letters);
    while (size && (host[size] == '.' || host[size] == '-')) size += 1 + strspn(host + size + 1, letters);
    end = host + size;
    if (!size || (*end && *end != ':' && *end != '/')) return false;
    if (*end == ':') {
        size_t digits = strspn(end + 1, "0123456789");
        return digits > 0 && digits < 6 && (!end[1 + digits] || end[1 + digits] == '/');
    }
    return memchr(host, '.', size) != NULL || (size == 9 && !memcmp(host, "localhost", 9));
}

/* Copies the address, adds a missing "http://" and cuts slashes at its end.  *web: it is an HTTP address. */
static gp_status take_address(gp_gen_backend *b, bool *web, gp_error *err)
{
    gp_str s = GP_STR_INIT;
    const char *given = b->o.address;
    bool command = b->protocol == &gp_gen_command;
    *web = gp_str_starts(given, "http://") || gp_str_starts(given, "https://");
    if (!*web && !command && is_bare_host(given)) {
        gp_str_puts(&s, "http://");
        *web = true;
    }
    gp_str_puts(&s, given);
    b->address = gp_str_take(&s);
    if (!b->address) return gp_fail_memory(err, "the connection to the generator");
    for (size_t n = strlen(b->address); *web && n && b->address[n - 1] == '/';) b->address[--n] = 0;
    return GP_OK;
}

/* Moves the login of http://user:password@host out of the address, so that no message shows it.  Percent escapes are
 * not decoded. */
static bool take_login(gp_gen_backend *b)
{
    char *host = strstr(b->address, "://"), *at = host ? strchr(host, '@') : NULL;
    if (b->o.login) b->login = gp_str_dup(b->o.login);
    if (!host || !at || memchr(host + 3, '/', (size_t)(at - host - 3))) return !b->o.login || b->login;
    if (!b->login) b->login = gp_str_dup_n(host + 3, (size_t)(at - host - 3));
    memmove(host + 3, at + 1, strlen(at + 1) + 1);
    return b->login != NULL;
}

/* ------------------------------------------------------------------ opening */

static gp_status check_words(const gp_gen_backend *b, bool web, gp_error *err)
{
    if (b->protocol == &gp_gen_command) {
        bool stays = strstr(b->address, "{requests}"),
             once = strstr(b->address, "{out}") && strstr(b->address, "{prompt}");
        static const char *const words[] = {"{prompt}", "{negative}", "{out}", "{seed}"};
        for (size_t i = 0; stays && i < sizeof words / sizeof *words; i++)
            if (strstr(b->address, words[i]))
                return gp_fail(err, GP_ERR_USAGE,
                               "a command with {requests} is started once and reads each request: leave out %s in '%s'",
                               words[i], b->address);
        if (stays || once) return GP_OK;
        return gp_fail(err, GP_ERR_USAGE, "a command must contain {prompt} and {out}, or {requests}, but '%s' does not",
                       b->address);
    }
    return web ? GP_OK : gp_fail(err, GP_ERR_USAGE, "'%s' is not an http or https address", b->address);
}

gp_status gp_gen_open(const gp_gen_options *o, gp_gen_backend **out, gp_error *err)
{
    gp_gen_backend *b = gp_mem_zero(1, sizeof *b);
    gp_status st = GP_OK;
    bool web = false;
    if (!b) GP_TRY_GOTO(gp_fail_memory(err, "the connection to the generator"));
    b->o = *o, b->send = gp_http_send, b->pace = 1;
    if (o->protocol && !(b->protocol = by_name(o->protocol)))
        GP_TRY_GOTO(gp_fail(err, GP_ERR_USAGE,
                            "--protocol must be one of a1111, comfyui, sdcpp, swarmui, openai, command, not '%s'",
                            o->protocol));
    GP_TRY_GOTO(take_address(b, &web, err));
    if (web && !take_login(b)) GP_TRY_GOTO(gp_fail_memory(err, "the connection to the generator"));
    if (!b->protocol && !web) b->protocol = &gp_gen_command;
    if (!b->protocol && gp_str_ends(b->address, "/v1"))
        b->protocol = &gp_gen_openai; /* addresses of servers with OpenAI's API usually end with /v1 */
    GP_TRY_GOTO(check_words(b, web, err));
    GP_TRY_GOTO(gp_http_open(&b->http, err));
    if (!b->protocol)
        GP_TRY_GOTO(find_out(b, err));
    else if (web && !o->asked)
        GP_TRY_GOTO(check_given(b, err));
    b->can = o->no_seed ? b->protocol->can & ~(unsigned)GP_GEN_SEEDS : b->protocol->can;
    if (b->protocol->check && !o->asked) GP_TRY_GOTO(b->protocol->check(b, err));
    *out = b;
    b = NULL;
out:
    gp_gen_close(b);
    return st;
}
