/* SPDX-License-Identifier: MIT
 * Parses the patterns of names and fills in the fields.  Sources for names that Windows refuses: "Naming Files, Paths,
 * and Namespaces" of the Windows documentation. */
#include "report/export_name.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NONE     "none" /* an empty value */
#define SETTINGS "settings."
enum {
    PROMPT_LENGTH = 60,    /* characters of {prompt} and {negative} without a format */
    MAX_PATTERN = 1000,    /* bytes */
    MAX_WIDTH = 40,        /* digits of a number */
    MAX_DECIMALS = 17,     /* digits after the point */
    MAX_CHARACTERS = 1000, /* characters of a text */
    LONGEST_EXTENSION = 16
};

typedef enum field_id {
    PROMPT,
    NEGATIVE,
    CATEGORY,
    RANK,
    SCORE,
    SEED,
    STEPS,
    MODEL,
    SAMPLER,
    GENERATOR,
    STARS,
    TAG,
    NAME,
    STEM,
    FOLDER,
    EXT,
    INDEX,
    HASH,
    DATE,
    WIDTH,
    HEIGHT,
    SETTING,
    LITERAL
} field_id;
typedef enum field_kind { TEXT, WHOLE, REAL } field_kind;

static const struct {
    const char *name;
    field_kind kind;
} fields[] = {
    [PROMPT] = {"prompt", TEXT},     [NEGATIVE] = {"negative", TEXT},
    [CATEGORY] = {"category", TEXT}, [RANK] = {"rank", WHOLE},
    [SCORE] = {"score", REAL},       [SEED] = {"seed", WHOLE},
    [STEPS] = {"steps", WHOLE},      [MODEL] = {"model", TEXT},
    [SAMPLER] = {"sampler", TEXT},   [GENERATOR] = {"generator", TEXT},
    [STARS] = {"stars", WHOLE},      [TAG] = {"tag", TEXT},
    [NAME] = {"name", TEXT},         [STEM] = {"stem", TEXT},
    [FOLDER] = {"folder", TEXT},     [EXT] = {"ext", TEXT},
    [INDEX] = {"index", WHOLE},      [HASH] = {"hash", TEXT},
    [DATE] = {"date", TEXT},         [WIDTH] = {"width", WHOLE},
    [HEIGHT] = {"height", WHOLE},
};
enum { FIELDS = sizeof fields / sizeof *fields };

typedef struct part {
    field_id id;
    char *text; /* owned: the text of a LITERAL, or the key of a SETTING; else NULL */
    int width;  /* numbers: at least this many digits */
    bool zeros; /* numbers: filled with zeros, not left as they are */
    int digits; /* REAL: digits after the point; TEXT: maximum number of characters; -1: not given */
} part;

struct gp_export_name {
    part *parts;
    size_t count;
    bool has_category;
};

/* ------------------------------------------------------------------ parsing */

void gp_export_name_free(gp_export_name *name)
{
    if (!name) return;
    for (size_t i = 0; i < name->count; i++) gp_mem_free(name->parts[i].text);
    gp_mem_free(name->parts);
    gp_mem_free(name);
}

bool gp_export_name_has_category(const gp_export_name *name)
{
    return name->has_category;
}

static gp_status fail_field(const char *field, int size, gp_error *err)
{
    gp_str list = GP_STR_INIT;
    for (size_t i = 0; i < FIELDS; i++) gp_str_printf(&list, "{%s}, ", fields[i].name);
    gp_status st = list.failed ? gp_fail_memory(err, "a pattern of names")
                               : gp_fail(err, GP_ERR_USAGE,
                                         "the name has no field {%.*s}; the fields are %s{" SETTINGS
                                         "KEY}; write {{ and }} for braces",
                                         size, field, list.data);
    gp_str_clear(&list);
    return st;
}

static bool read_digits(const char **at, const char *end, int most, int *value)
{
    const char *begin = *at;
    *value = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        *value = 10 * *value + (**at - '0');
        if (*value > most) return false;
    }
    return *at > begin;
}

/* Parses the format after the colon: "03" or "03d" for whole numbers, ".2f" or "08.2f" for a score, ".40" for texts. */
static bool read_format(const char *at, const char *end, field_kind kind, part *p)
{
    if (kind != TEXT && at < end && *at != '.') {
        p->zeros = *at == '0';
        if (!read_digits(&at, end, MAX_WIDTH, &p->width)) return false;
    }
    if (kind != WHOLE && at < end && *at == '.') {
        at++;
        if (!read_digits(&at, end, kind == REAL ? MAX_DECIMALS : MAX_CHARACTERS, &p->digits)) return false;
        if (kind == TEXT && p->digits == 0) return false;
    }
    if (at < end && *at == (kind == WHOLE ? 'd' : kind == REAL ? 'f' : 's')) at++;
    return at == end;
}

static gp_status fail_format(const char *field, int size, field_kind kind, gp_error *err)
{
    return gp_fail(err, GP_ERR_USAGE, "the name has a wrong format in {%.*s}; %s", size, field,
                   kind == TEXT    ? "the format of a text is its length, such as {prompt:.40}"
                   : kind == WHOLE ? "the format of a whole number is its width, such as {rank:03}"
                                   : "the format of a score is such as {score:.2f}");
}

/* Parses the field between the braces: "rank", "rank:03", "settings.cfg_scale". */
static gp_status read_field(const char *begin, const char *end, part *p, gp_error *err)
{
    const char *colon = memchr(begin, ':', (size_t)(end - begin)), *stop = colon ? colon : end;
    size_t size = (size_t)(stop - begin), prefix = sizeof SETTINGS - 1;
    int id = 0;
    while (id < FIELDS && (strlen(fields[id].name) != size || memcmp(fields[id].name, begin, size) != 0)) id++;
    *p = (part){.id = (field_id)id, .digits = -1};
    if (id == FIELDS) {
        if (size <= prefix || memcmp(begin, SETTINGS, prefix) != 0) return fail_field(begin, (int)size, err);
        p->id = SETTING;
        p->text = gp_str_dup_n(begin + prefix, size - prefix);
        if (!p->text) return gp_fail_memory(err, "a pattern of names");
    }
    field_kind kind = id == FIELDS ? TEXT : fields[id].kind;
    if (colon && !read_format(colon + 1, end, kind, p)) return fail_format(begin, (int)(end - begin), kind, err);
    return GP_OK;
}

/* Parses text up to the next field; "{{" and "}}" are braces. */
static gp_status read_literal(const char **at, part *p, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    gp_status st = GP_OK;
    for (; **at; (*at)++) {
        bool twice = (*at)[0] == (*at)[1];
        if (**at == '{' && !twice) break;
        if (**at == '}' && !twice) {
            st = gp_fail(err, GP_ERR_USAGE, "the name has a } without a {; write }} for a brace");
            break;
        }
        gp_str_putc(&text, **at);
        if (**at == '{' || **at == '}') (*at)++;
    }
    *p = (part){.id = LITERAL, .text = gp_str_take(&text)};
    return st == GP_OK && !p->text ? gp_fail_memory(err, "a pattern of names") : st;
}

static gp_status read_part(const char **at, part *p, gp_error *err)
{
    if (**at != '{' || (*at)[1] == '{') return read_literal(at, p, err);
    const char *end = strchr(*at, '}');
    if (!end) return gp_fail(err, GP_ERR_USAGE, "the name has a { without a }; write {{ for a brace");
    const char *begin = *at + 1;
    *at = end + 1;
    return read_field(begin, end, p, err);
}

/* Checks the folders of the pattern.  A field never has a slash, so the slashes of the pattern are all. */
static gp_status check_folders(const char *pattern, gp_error *err)
{
    size_t size = strlen(pattern);
    const char *why = size == 0                       ? "is empty"
                      : size > MAX_PATTERN            ? "is too long"
                      : pattern[0] == '/'             ? "must not begin with /: names are within the folder"
                      : pattern[size - 1] == '/'      ? "must not end with /"
                      : strchr(pattern, '\\')         ? "must not have a backslash: write / between folders"
                      : !gp_utf8_valid(pattern, size) ? "is not valid UTF-8"
                                                      : NULL;
    for (const char *at = pattern; !why && at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        size_t length = strcspn(at, "/");
        if (length == 0) why = "must not have an empty folder (//)";
        if ((length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
            why = "must not have a folder . or ..: names are within the folder";
    }
    return why ? gp_fail(err, GP_ERR_USAGE, "the name '%.100s' %s", pattern, why) : GP_OK;
}

gp_status gp_export_name_parse(const char *pattern, gp_export_name **out, gp_error *err)
{
    gp_status st = GP_OK;
    GP_TRY(check_folders(pattern, err));
    gp_export_name *name = gp_mem_zero(1, sizeof *name);
    if (!name) return gp_fail_memory(err, "a pattern of names");
    GP_TRY_GOTO(gp_alloc((void **)&name->parts, strlen(pattern), sizeof *name->parts, "a pattern of names", err));
    for (const char *at = pattern; *at;) {
        part *p = &name->parts[name->count++];
        *p = (part){.id = LITERAL};
        GP_TRY_GOTO(read_part(&at, p, err));
        name->has_category |= p->id == CATEGORY;
    }
    *out = name;
    return GP_OK;
out:
    gp_export_name_free(name);
    return st;
}

/* ------------------------------------------------------------------ values */

static void put_setting(gp_str *s, const gp_json *settings, const char *key)
{
    const gp_json *value = gp_json_get(settings, key);
    const char *text = gp_json_text(value, NULL);
    if (text)
        gp_str_puts(s, text);
    else if (gp_json_kind_of(value) != GP_JSON_NULL)
        gp_json_write(s, value);
}

/* The program that made the image, by the setting or by the source of the prompt, such as "comfyui: node 6". */
static void put_generator(gp_str *s, const gp_row *row, const gp_json *settings)
{
    static const char *const others[] = {"table", "sidecar", "path", "name"};
    put_setting(s, settings, "generator");
    if (s->size || !row->prompt_source) return;
    size_t size = strcspn(row->prompt_source, ": ");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i]) == size && memcmp(others[i], row->prompt_source, size) == 0) return;
    gp_str_add(s, row->prompt_source, size);
}

/* The first tag of the image; if the export selects tags, the first of these. */
static void put_tag(gp_str *s, const gp_export_values *v)
{
    const char *tags = v->row->tags;
    if (!tags) return;
    for (uint64_t i = 0; i < v->tag_count; i++)
        for (const char *at = tags; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL) {
            size_t size = strcspn(at, ",");
            if (strlen(v->tags[i]) != size || memcmp(v->tags[i], at, size) != 0) continue;
            gp_str_add(s, at, size);
            return;
        }
    gp_str_add(s, tags, strcspn(tags, ","));
}

static void put_folder(gp_str *s, const char *path)
{
    char *folder = gp_path_folder(path);
    if (folder)
        gp_str_puts(s, gp_path_base(folder));
    else
        s->failed = true;
    gp_mem_free(folder);
}

static void put_date(gp_str *s, const char *path)
{
    struct stat info;
    struct tm local;
    char text[40];
    if (stat(path, &info) != 0 || !localtime_r(&info.st_mtime, &local)) return;
    if (strftime(text, sizeof text, "%Y-%m-%d", &local)) gp_str_puts(s, text);
}

/* The extension as a text that begins with a dot and has only ASCII letters and digits; else that of the format. */
static void put_extension(gp_str *s, const gp_row *row)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *extension = gp_path_extension(row->path);
    size_t size = strlen(extension);
    if (size > 1 && size <= LONGEST_EXTENSION && strspn(extension + 1, plain) == size - 1)
        gp_str_puts(s, extension);
    else
        gp_str_printf(s, ".%s", row->format ? row->format : "image");
}

static void put_real(gp_str *s, double value, const part *p)
{
    char text[400];
    if (p->zeros)
        snprintf(text, sizeof text, "%0*.*f", p->width, p->digits < 0 ? 2 : p->digits, value);
    else
        snprintf(text, sizeof text, "%.*f", p->digits < 0 ? 2 : p->digits, value);
    for (char *at = text; *at; at++)
        if (!strchr("-0123456789", *at)) *at = '.'; /* the point of another locale */
    gp_str_puts(s, text);
}

static void put_whole(gp_str *s, uint64_t value)
{
    gp_str_printf(s, "%llu", (unsigned long long)value);
}

static void put_number(gp_str *s, const gp_export_values *v, const gp_json *settings, const part *p)
{
    const gp_row *row = v->row;
    switch (p->id) {
    case RANK:
        if (row->rank) put_whole(s, row->rank);
        return;
    case SEED: put_setting(s, settings, "seed"); return;
    case STEPS: put_setting(s, settings, "steps"); return;
    case STARS: put_whole(s, row->stars); return;
    case INDEX: put_whole(s, v->index); return;
    case WIDTH: put_whole(s, row->width); return;
    case HEIGHT: put_whole(s, row->height); return;
    default:
        if (row->has_score && isfinite(row->score)) put_real(s, row->score, p);
    }
}

static void put_text(gp_str *s, const gp_export_values *v, const gp_json *settings, const part *p)
{
    const gp_row *row = v->row;
    const char *base = gp_path_base(row->path), *text = NULL;
    switch (p->id) {
    case PROMPT: text = row->prompt; break;
    case NEGATIVE: text = row->negative; break;
    case CATEGORY: text = v->category; break;
    case MODEL: put_setting(s, settings, "model"); break;
    case SAMPLER: put_setting(s, settings, "sampler"); break;
    case GENERATOR: put_generator(s, row, settings); break;
    case TAG: put_tag(s, v); break;
    case NAME: text = base; break;
    case STEM: gp_str_add(s, base, (size_t)(gp_path_extension(base) - base)); break;
    case FOLDER: put_folder(s, row->path); break;
    case EXT: put_extension(s, row); break;
    case HASH: text = row->hash; break;
    case DATE: put_date(s, row->path); break;
    default: put_setting(s, settings, p->text);
    }
    if (text) gp_str_puts(s, text);
}

/* ------------------------------------------------------------------ safe parts of a path */

/* Control characters, marks that change the direction of text, line ends, and what Windows refuses in a name. */
static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c < 0x80 && strchr("<>:\"/\\|?*", (int)c)) || c == 0x200E ||
           c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF || c == 0xFFFD;
}

/* Appends at most `most` characters of the text.  A run of white space becomes a blank, an unsafe character "_". */
static void put_safe(gp_str *s, const char *text, size_t size, size_t most)
{
    bool blank = false;
    for (size_t at = 0, count = 0; at < size && count < most;) {
        uint32_t c;
        size_t length = gp_utf8_next(text + at, size - at, &c);
        bool space = c == ' ' || (c >= '\t' && c <= '\r');
        if (!space || !blank) {
            if (space)
                gp_str_putc(s, ' ');
            else if (is_unsafe(c))
                gp_str_putc(s, '_');
            else
                gp_str_add(s, text + at, length);
            count++;
        }
        blank = space;
        at += length;
    }
}

/* Returns the size of the text, cut to `most` bytes between two characters, without dots and blanks at its end. */
static size_t cut(const char *text, size_t size, size_t most)
{
    if (size > most)
        for (size = most; size && ((unsigned char)text[size] & 0xC0) == 0x80;) size--;
    while (size && (text[size - 1] == '.' || text[size - 1] == ' ')) size--;
    return size;
}

/* CON, COM1, LPT2 (also with a raised digit) and so on, with any extension: Windows opens a device. */
static bool is_reserved(const char *name)
{
    static const char *const devices[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
    char stem[9] = "";
    size_t size = strcspn(name, ".");
    while (size && name[size - 1] == ' ') size--;
    if (size >= sizeof stem) return false;
    memcpy(stem, name, size);
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (gp_str_equal_nocase(stem, devices[i])) return true;
    char head[4] = {stem[0], size > 1 ? stem[1] : '\0', size > 2 ? stem[2] : '\0', '\0'};
    if (!gp_str_equal_nocase(head, "COM") && !gp_str_equal_nocase(head, "LPT")) return false;
    const char *number = stem + 3;
    return (number[0] >= '1' && number[0] <= '9' && !number[1]) || !strcmp(number, "\xC2\xB9") ||
           !strcmp(number, "\xC2\xB2") || !strcmp(number, "\xC2\xB3");
}

/* Appends one part of the path, made from `raw`.  `extension` ends the last part; "" for a folder. */
static void put_component(gp_str *path, const char *raw, const char *extension, size_t longest)
{
    gp_str s = GP_STR_INIT;
    raw += strspn(raw, " ");
    size_t size = strlen(raw), end = strlen(extension);
    if (end && size > end && gp_str_equal_nocase(raw + size - end, extension)) size -= end, extension = raw + size;
    char *copy = gp_str_dup(extension); /* in the case in which the name has it */
    size = cut(raw, size, size);
    if (size && *raw == '.') gp_str_putc(&s, '_'), raw++, size--;
    gp_str_add(&s, raw, size);
    if (!s.size) gp_str_puts(&s, NONE);
    if (!s.failed && is_reserved(s.data)) {
        size_t stem = strcspn(s.data, ".");
        char *rest = gp_str_dup(s.data + stem);
        s.size = stem;
        gp_str_printf(&s, "_%s", rest ? rest : "");
        s.failed |= rest == NULL;
        gp_mem_free(rest);
    }
    if (copy && !s.failed) {
        if (path->size) gp_str_putc(path, '/');
        gp_str_add(path, s.data, cut(s.data, s.size, longest - end));
        gp_str_puts(path, copy);
    }
    path->failed |= s.failed || !copy;
    gp_mem_free(copy);
    gp_str_clear(&s);
}

/* ------------------------------------------------------------------ the name */

/* Appends the value of a field, without unsafe characters. */
static void put_value(gp_str *s, const gp_export_values *v, const gp_json *settings, const part *p)
{
    gp_str value = GP_STR_INIT;
    field_kind kind = p->id < SETTING ? fields[p->id].kind : TEXT;
    size_t most = SIZE_MAX;
    if (kind == TEXT)
        put_text(&value, v, settings, p);
    else
        put_number(&value, v, settings, p);
    if (kind == TEXT && p->digits > 0) most = (size_t)p->digits;
    if (kind == TEXT && p->digits < 0 && (p->id == PROMPT || p->id == NEGATIVE)) most = PROMPT_LENGTH;
    if (kind == WHOLE && p->zeros && value.size && strspn(value.data, "0123456789") == value.size)
        for (size_t i = value.size; i < (size_t)p->width; i++) gp_str_putc(s, '0');
    s->failed |= value.failed;
    size_t before = s->size;
    if (value.size) put_safe(s, value.data, value.size, most);
    if (s->size == before) gp_str_puts(s, NONE);
    gp_str_clear(&value);
}

/* Appends literal text.  Each slash ends a folder. */
static void put_literal(gp_str *path, gp_str *now, const char *text, size_t longest)
{
    for (;; text++) {
        size_t size = strcspn(text, "/");
        put_safe(now, text, size, SIZE_MAX);
        text += size;
        if (!*text) return;
        path->failed |= now->failed;
        put_component(path, now->data ? now->data : "", "", longest);
        gp_str_reset(now);
    }
}

gp_status gp_export_name_write(const gp_export_name *name, const gp_export_values *v, size_t longest, char **path,
                               gp_error *err)
{
    gp_json *settings = NULL;
    gp_str whole = GP_STR_INIT, now = GP_STR_INIT, extension = GP_STR_INIT;
    const char *json = v->row->settings_json;
    if (json && gp_json_parse(json, strlen(json), false, 64, &settings, err) == GP_ERR_MEMORY) return GP_ERR_MEMORY;
    for (size_t i = 0; i < name->count; i++)
        if (name->parts[i].id == LITERAL)
            put_literal(&whole, &now, name->parts[i].text, longest);
        else
            put_value(&now, v, settings, &name->parts[i]);
    put_extension(&extension, v->row);
    if (!now.failed && !extension.failed) put_component(&whole, now.data ? now.data : "", extension.data, longest);
    whole.failed |= now.failed || extension.failed;
    gp_json_free(settings);
    gp_str_clear(&now);
    gp_str_clear(&extension);
    *path = gp_str_take(&whole);
    return *path ? GP_OK : gp_fail_memory_path(err, "the export of '%s'", v->row->path);
}
