/* SPDX-License-Identifier: MIT
 * See html_report.h.  Rows arrive by prompt, so each prompt is one section.  A short script moves the cards into
 * sections by category and back; without scripts the page shows the sections by prompt. */
#include "dataset/html_report.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct gp_html_writer {
    gp_set_file *file;
    uint64_t total, shown;
    char *prompt; /* of the open section; owned */
    bool open;    /* a section is open */
    gp_str text;
};

static const char style[] =
    ":root{color-scheme:light dark;--line:#8886;--dim:#777}"
    "@media(prefers-color-scheme:dark){:root{--dim:#aaa}}"
    "body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;padding:16px;max-width:1500px;background:Canvas;"
    "color:CanvasText}"
    "h1{font-size:1.5em;margin:0 0 4px}h2{font-size:1.05em;margin:28px 0 8px;overflow-wrap:anywhere}"
    "p{margin:4px 0}.dim{color:var(--dim)}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:14px}"
    "figure{margin:0;border:1px solid var(--line);border-radius:8px;overflow:hidden}"
    "figure img,.none{display:block;width:100%;height:220px;object-fit:contain;background:#8882}"
    "figcaption{padding:8px 10px;font-size:.87em;overflow-wrap:anywhere}"
    "b{font-size:1.12em}select{font:inherit}";

static const char script[] =
    "(function(){var s=document.getElementById('by'),m=document.querySelector('main'),"
    "f=[].slice.call(document.querySelectorAll('figure'));"
    "document.getElementById('choice').hidden=false;"
    "s.onchange=function(){var g=new Map();f.forEach(function(x){var k=x.getAttribute('data-'+s.value);"
    "if(!g.has(k))g.set(k,[]);g.get(k).push(x)});m.textContent='';"
    "g.forEach(function(l,k){var e=document.createElement('section'),h=document.createElement('h2'),"
    "c=document.createElement('div');h.textContent=k||'(none)';c.className='cards';"
    "if(s.value!='prompt')l.sort(function(a,b){return b.getAttribute('data-score')-a.getAttribute('data-score')});"
    "l.forEach(function(x){c.appendChild(x)});e.appendChild(h);e.appendChild(c);m.appendChild(e)})}})()";

/* Appends text as HTML; invalid UTF-8 and control characters become U+FFFD. */
static void put_html(gp_str *out, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        at += gp_utf8_next(text + at, size - at, &code);
        if (code == '&')
            gp_str_puts(out, "&amp;");
        else if (code == '<')
            gp_str_puts(out, "&lt;");
        else if (code == '>')
            gp_str_puts(out, "&gt;");
        else if (code == '"')
            gp_str_puts(out, "&quot;");
        else
            gp_utf8_put(out, (code < 32 && code != '\n' && code != '\t') || code == 127 ? 0xfffd : code);
    }
}

static void put_base64(gp_str *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < size; at += 3) {
        uint32_t group = (uint32_t)bytes[at] << 16;
        if (at + 1 < size) group |= (uint32_t)bytes[at + 1] << 8;
        if (at + 2 < size) group |= bytes[at + 2];
        const char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                              at + 1 < size ? digits[group >> 6 & 63] : '=', at + 2 < size ? digits[group & 63] : '='};
        gp_str_add(out, four, 4);
    }
}

gp_status gp_html_writer_open(gp_set_files *files, const char *name, const char *title, uint64_t total,
                              gp_html_writer **out, gp_error *err)
{
    gp_html_writer *w = gp_mem_zero(1, sizeof *w);
    if (!w) return gp_fail_memory(err, "'%s'", name);
    gp_str *s = &w->text;
    w->total = total;
    gp_str_puts(s, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                   "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"generator\" "
                   "content=\"goldpan\">\n<title>");
    put_html(s, title);
    gp_str_printf(s, "</title>\n<style>%s</style></head>\n<body><h1>", style);
    put_html(s, title);
    gp_str_printf(s, "</h1>\n<p>%" PRIu64 " %s", total, gp_plural(total, "image", "images"));
    if (total > GP_HTML_PICTURES)
        gp_str_printf(s, "; this report shows the first %d in order of their prompts", GP_HTML_PICTURES);
    gp_str_puts(s, "</p>\n<p id=\"choice\" hidden><label>Group by <select id=\"by\"><option value=\"prompt\">prompt"
                   "</option><option value=\"category\">category</option></select></label></p>\n<main>\n");
    gp_status st = gp_set_file_open(files, name, &w->file, err);
    if (st == GP_OK) st = gp_set_file_flush(w->file, s, err);
    if (st == GP_OK)
        *out = w;
    else
        gp_html_writer_abort(w);
    return st;
}

void gp_html_writer_abort(gp_html_writer *w)
{
    if (!w) return;
    gp_set_file_abort(w->file);
    gp_mem_free(w->prompt);
    gp_str_clear(&w->text);
    gp_mem_free(w);
}

bool gp_html_writer_wants(const gp_html_writer *w)
{
    return w->shown < GP_HTML_PICTURES;
}

/* Begins a section if the prompt differs from that of the open section. */
static gp_status put_section(gp_html_writer *w, const char *prompt, gp_error *err)
{
    if (w->open && strcmp(w->prompt, prompt) == 0) return GP_OK;
    gp_mem_free(w->prompt);
    w->prompt = gp_str_dup(prompt);
    if (!w->prompt) return gp_fail_memory(err, "the report");
    gp_str_puts(&w->text, w->open ? "</div></section>\n<section><h2>" : "<section><h2>");
    put_html(&w->text, *prompt ? prompt : "(no prompt)");
    gp_str_puts(&w->text, "</h2><div class=\"cards\">\n");
    w->open = true;
    return GP_OK;
}

static void put_line(gp_str *s, const char *label, const char *text)
{
    if (!text || !*text) return;
    gp_str_printf(s, "<p><span class=\"dim\">%s</span> ", label);
    put_html(s, text);
    gp_str_puts(s, "</p>");
}

static void put_facts(gp_str *s, const gp_set_record *r)
{
    const gp_set_value *v = r->values;
    static const struct {
        const char *label;
        int column;
    } texts[] = {{"why", GP_RECORD_REASON},       {"category", GP_RECORD_CATEGORY}, {"tags", GP_RECORD_TAGS},
                 {"model", GP_RECORD_MODEL},      {"sampler", GP_RECORD_SAMPLER},   {"LoRAs", GP_RECORD_LORAS},
                 {"negative", GP_RECORD_NEGATIVE}};
    gp_str_puts(s, "<figcaption><p>");
    if (v[GP_RECORD_SCORE].present) gp_str_printf(s, "<b>%.2f</b>", v[GP_RECORD_SCORE].real);
    if (v[GP_RECORD_RANK].present)
        gp_str_printf(s, " rank %" PRId64 " of %" PRId64, v[GP_RECORD_RANK].i64, v[GP_RECORD_CANDIDATES].i64);
    for (int64_t i = 0; i < v[GP_RECORD_STARS].i64; i++) gp_str_puts(s, i ? "&#9733;" : " &#9733;");
    if (v[GP_RECORD_PICK].flag) gp_str_puts(s, " <span title=\"pick\">&#10003;</span>");
    gp_str_puts(s, "</p>");
    put_line(s, "",
             gp_set_record_text(r, GP_RECORD_FILE) ? gp_set_record_text(r, GP_RECORD_FILE)
                                                   : gp_set_record_text(r, GP_RECORD_PATH));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        put_line(s, texts[i].label, gp_set_record_text(r, texts[i].column));
    if (v[GP_RECORD_SEED].present)
        gp_str_printf(s, "<p><span class=\"dim\">seed</span> %" PRIu64 "</p>", v[GP_RECORD_SEED].u64);
    gp_str_puts(s, "</figcaption>");
}

gp_status gp_html_writer_row(gp_html_writer *w, const gp_set_record *r, const void *jpeg, size_t size, gp_error *err)
{
    gp_str *s = &w->text;
    const char *prompt = gp_set_record_text(r, GP_RECORD_PROMPT);
    if (!gp_html_writer_wants(w)) return GP_OK;
    w->shown++;
    GP_TRY(put_section(w, prompt ? prompt : "", err));
    gp_str_puts(s, "<figure data-prompt=\"");
    put_html(s, prompt);
    gp_str_puts(s, "\" data-category=\"");
    put_html(s, gp_set_record_text(r, GP_RECORD_CATEGORY));
    gp_str_puts(s, "\" data-score=\"");
    gp_json_put_real(s, r->values[GP_RECORD_SCORE].present ? r->values[GP_RECORD_SCORE].real : 0);
    gp_str_puts(s, "\">");
    if (jpeg) {
        gp_str_puts(s, "<img alt=\"");
        put_html(s, prompt);
        gp_str_puts(s, "\" src=\"data:image/jpeg;base64,");
        put_base64(s, jpeg, size);
        gp_str_puts(s, "\">");
    } else {
        gp_str_puts(s, "<div class=\"none\"></div>");
    }
    put_facts(s, r);
    gp_str_puts(s, "</figure>\n");
    return gp_set_file_flush(w->file, s, err);
}

gp_status gp_html_writer_commit(gp_html_writer *w, gp_error *err)
{
    gp_str_printf(&w->text, "%s</main>\n<script>%s</script>\n</body></html>\n", w->open ? "</div></section>\n" : "",
                  script);
    gp_status st = gp_set_file_flush(w->file, &w->text, err);
    if (st == GP_OK) {
        st = gp_set_file_commit(w->file, err);
        w->file = NULL;
    }
    gp_html_writer_abort(w);
    return st;
}
