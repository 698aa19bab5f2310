/* SPDX-License-Identifier: MIT
 * A small sans-serif font drawn with a round pen, so that sheets need neither a font file nor a font library.
 *
 * A glyph is a list of strokes on a grid.  Capitals are 14 units high, small letters 10, and tails reach to -4:
 *   x,y: a point; lines join the points of a stroke
 *   (cx,cy,rx,ry,a,b): an elliptic arc from angle a to b in degrees, counter-clockwise if b > a
 *   *x,y: a dot, a little wider than the pen
 *   /: lifts the pen
 * Glyphs exist for ASCII, the letters of Latin-1 (letter + accent) and some typographic signs.  All other characters
 * become an empty box. */
#include "report/draw.h"
#include "base/str.h"
#include <math.h>
#include <string.h>

typedef struct glyph {
    float width; /* width of the strokes' centre lines, without the space beside the glyph */
    const char *strokes;
} glyph;

/* clang-format off */
static const glyph ascii[95] = {
    {3.2f, ""},                                                                                     /* space */
    {0, "0,14 0,4.6 / *0,0.4"}, {3, "0,14 0,10.2 / 3,14 3,10.2"},                                   /* ! " */
    {10.4f, "2.6,0 4.6,14 / 6.8,0 8.8,14 / 0.6,9.4 10.4,9.4 / 0,4.6 9.8,4.6"},                      /* # */
    {8.4f, "(4.2,10.5,3.9,3.5,35,270) (4.2,3.5,4.2,3.5,90,-145) / 4.2,16 4.2,-2"},                  /* $ */
    {12.6f, "(2.7,10.7,2.7,3.3,0,360) / (9.9,3.3,2.7,3.3,0,360) / 10,14 2.6,0"},                    /* % */
    {9.8f, "9.8,0 2.4,9.4 (4.5,11.3,2.6,2.7,215,-40) (3.9,3.7,3.9,3.7,130,310) 9.2,6.6"},           /* & */
    {0, "0,14 0,10.2"},                                                                             /* ' */
    {3, "(5.2,5.4,5.2,10.2,118,242)"}, {3, "(-2.2,5.4,5.2,10.2,62,-62)"},                           /* ( ) */
    {5.2f, "2.6,14 2.6,8.6 / 0.2,12.7 5,9.9 / 0.2,9.9 5,12.7"},                                     /* * */
    {8, "0,6 8,6 / 4,10 4,2"}, {0.8f, "0.8,0.6 0,-2.6"}, {4.6f, "0,5.4 4.6,5.4"},                   /* + , - */
    {0.8f, "*0.4,0.3"}, {5.8f, "0,-1.8 5.8,14.6"},                                                       /* . / */
    {8, "(4,7,4,7,0,360)"}, {8, "1,11.2 4.4,14 4.4,0"}, {8, "(4,10,3.8,4,170,-30) 0.2,0 8,0"},      /* 0 1 2 */
    {8, "(3.9,10.6,3.5,3.4,150,-90) 2.8,7.2 / 3.9,7.2 (3.9,3.6,4.1,3.6,90,-150)"},                  /* 3 */
    {8.2f, "6,0 6,14 0,4 8.2,4"}, {8, "7.2,14 1.3,14 0.8,7.6 (3.8,4.6,4.2,4.6,135,-150)"},          /* 4 5 */
    {8, "(4,4.4,4,4.4,0,360) / (6.9,4.6,6.9,9.4,92,180)"}, {8, "0,14 8,14 2.8,0"},                  /* 6 7 */
    {8, "(4,10.6,3.3,3.4,0,360) / (4,3.6,4,3.6,0,360)"},                                            /* 8 */
    {8, "(4,9.6,4,4.4,0,360) / (1.1,9.4,6.9,9.4,0,-88)"},                                           /* 9 */
    {0, "*0,0.4 / *0,8.6"}, {0.8f, "0.8,0.6 0,-2.6 / *0.6,8.6"},                                    /* : ; */
    {7.4f, "7.4,10.4 0,6 7.4,1.6"}, {8, "0,8 8,8 / 0,4 8,4"}, {7.4f, "0,10.4 7.4,6 0,1.6"},         /* < = > */
    {6.8f, "(3.4,10.4,3.4,3.6,165,-50) 3.5,5.6 3.5,4.4 / *3.5,0.4"},                                /* ? */
    {13, "(6.3,5.4,2.9,3.4,0,360) / 9.2,8.8 9.2,4.4 (11.1,4.4,1.9,2.4,180,360) (6.5,5.4,6.5,7.6,0,305)"}, /* @ */
    {10.4f, "0,0 5.2,14 10.4,0 / 1.8,4.6 8.6,4.6"},                                                 /* A */
    {8.3f, "0,0 0,14 4.2,14 (4.2,10.7,3.4,3.3,90,-90) 0,7.4 / 4.4,7.4 (4.4,3.7,3.9,3.7,90,-90) 0,0"}, /* B */
    {10.3f, "(6.2,7,6.2,7,48,312)"}, {9.8f, "0,0 0,14 3.6,14 (3.6,7,6.2,7,90,-90) 0,0"},            /* C D */
    {7.2f, "7.2,14 0,14 0,0 7.2,0 / 0,7.2 6.4,7.2"}, {7, "7,14 0,14 0,0 / 0,7 6.2,7"},              /* E F */
    {11.5f, "(6.2,7,6.2,7,50,330) 11.57,6.6 7.2,6.6"},                                              /* G */
    {9.6f, "0,0 0,14 / 9.6,0 9.6,14 / 0,7.2 9.6,7.2"}, {0, "0,0 0,14"},                             /* H I */
    {6, "6,14 6,3.4 (3,3.4,3,3.4,0,-170)"}, {8.8f, "0,0 0,14 / 8.4,14 0,5.2 / 3,8.4 8.8,0"},        /* J K */
    {6.8f, "0,14 0,0 6.8,0"}, {11.6f, "0,0 0,14 5.8,4 11.6,14 11.6,0"},                             /* L M */
    {9.8f, "0,0 0,14 9.8,0 9.8,14"}, {12.4f, "(6.2,7,6.2,7,0,360)"},                                /* N O */
    {8.2f, "0,0 0,14 4.4,14 (4.4,10.2,3.8,3.8,90,-90) 0,6.4"},                                      /* P */
    {12.4f, "(6.2,7,6.2,7,0,360) / 7.8,3.6 11.8,-0.8"},                                             /* Q */
    {8.6f, "0,0 0,14 4.4,14 (4.4,10.2,3.8,3.8,90,-90) 0,6.4 / 4.2,6.4 8.6,0"},                      /* R */
    {8.4f, "(4.2,10.5,3.9,3.5,35,270) (4.2,3.5,4.2,3.5,90,-145)"},                                  /* S */
    {10, "0,14 10,14 / 5,14 5,0"}, {9.6f, "0,14 0,4.8 (4.8,4.8,4.8,4.8,180,360) 9.6,14"},           /* T U */
    {10, "0,14 5,0 10,14"}, {15, "0,14 3.75,0 7.5,13 11.25,0 15,14"},                               /* V W */
    {9.2f, "0,0 9.2,14 / 0,14 9.2,0"}, {9.6f, "0,14 4.8,6.6 9.6,14 / 4.8,6.6 4.8,0"},               /* X Y */
    {8.8f, "0,14 8.8,14 0,0 8.8,0"},                                                                /* Z */
    {2.8f, "2.8,15 0,15 0,-3 2.8,-3"}, {5.8f, "0,14.6 5.8,-1.8"}, {2.8f, "0,15 2.8,15 2.8,-3 0,-3"}, /* [ \ ] */
    {6.8f, "0,9.4 3.4,14 6.8,9.4"}, {8, "0,-2.6 8,-2.6"}, {2, "0,14 2,11.6"},                       /* ^ _ ` */
    {6.9f, "(3.5,6.6,3.4,3.4,152,0) 6.9,0 / 6.9,5.9 3,5.9 (3,2.95,3,2.95,90,270) (3.6,3.3,3.3,3.3,270,360)"}, /* a */
    {7.8f, "0,14 0,0 / (3.9,5,3.9,5,0,360)"}, {6.8f, "(4.1,5,4.1,5,48,312)"},                       /* b c */
    {7.8f, "7.8,14 7.8,0 / (3.9,5,3.9,5,0,360)"}, {7.8f, "0.2,5.2 (3.9,5.2,3.9,4.8,0,180) (3.9,5,3.9,5,180,318)"}, /* d e */
    {5, "5,13.9 (4.4,11.2,2.7,2.8,78,180) 1.7,0 / 0,10 4.8,10"},                                    /* f */
    {7.8f, "(3.9,5,3.9,5,0,360) / 7.8,10 7.8,-0.8 (4.1,-0.8,3.7,3.5,0,-145)"},                      /* g */
    {7.2f, "0,14 0,0 / 0,6.2 (3.6,6.2,3.6,3.8,180,0) 7.2,0"}, {0, "0,10 0,0 / *0,13.6"},            /* h i */
    {1.6f, "1.6,10 1.6,-1.8 (-0.8,-1.8,2.4,2.5,0,-80) / *1.6,13.6"},                                /* j */
    {6.8f, "0,14 0,0 / 6.4,10 0,3.8 / 2.5,6.2 6.8,0"}, {0, "0,14 0,0"},                             /* k l */
    {12, "0,10 0,0 / 0,6.6 (3,6.6,3,3.4,180,0) 6,0 / 6,6.6 (9,6.6,3,3.4,180,0) 12,0"},              /* m */
    {7.2f, "0,10 0,0 / 0,6.2 (3.6,6.2,3.6,3.8,180,0) 7.2,0"}, {8.2f, "(4.1,5,4.1,5,0,360)"},        /* n o */
    {7.8f, "0,10 0,-4.2 / (3.9,5,3.9,5,0,360)"}, {7.8f, "7.8,10 7.8,-4.2 / (3.9,5,3.9,5,0,360)"},   /* p q */
    {3.8f, "0,10 0,0 / 0,6 (3.7,6,3.7,4,180,85)"}, {6.2f, "(3.1,7.5,2.9,2.5,30,270) (3.1,2.5,3.1,2.5,90,-150)"}, /* r s */
    {4.8f, "1.8,13 1.8,2.6 (4.3,2.6,2.5,2.6,180,275) / 0,10 4.8,10"},                               /* t */
    {7.2f, "0,10 0,3.8 (3.6,3.8,3.6,3.8,180,360) / 7.2,10 7.2,0"}, {7.4f, "0,10 3.7,0 7.4,10"},     /* u v */
    {11.4f, "0,10 2.85,0 5.7,9.4 8.55,0 11.4,10"}, {7, "0,0 7,10 / 0,10 7,0"},                      /* w x */
    {7.4f, "0,10 3.8,0.2 / 7.4,10 2.9,-2.4 (1,-1.9,2,2.3,-15,-95)"}, {6.6f, "0,10 6.6,10 0,0 6.6,0"}, /* y z */
    {3.6f, "3.6,15 (3.6,12.6,2,2.4,90,180) 1.6,8.2 0,6 1.6,3.8 1.6,-0.6 (3.6,-0.6,2,2.4,180,270)"}, /* { */
    {0, "0,15 0,-3"},                                                                               /* | */
    {3.6f, "0,15 (0,12.6,2,2.4,90,0) 2,8.2 3.6,6 2,3.8 2,-0.6 (0,-0.6,2,2.4,0,-90)"},               /* } */
    {8, "0,5 (2,5,2,2,180,0) (6,5,2,2,180,360)"},                                                   /* ~ */
};
static const glyph dotless = {0, "0,10 0,0"};
static const glyph unknown = {7.6f, "0,0 0,13 7.6,13 7.6,0 0,0"};

/* Signs beyond ASCII. */
static const struct { uint32_t cp; glyph glyph; } signs[] = {
    {0x00b7, {0, "*0,5.6"}}, {0x00d7, {7.2f, "0,2.4 7.2,9.6 / 0,9.6 7.2,2.4"}},
    {0x00df, {7.4f, "0,0 0,10.6 (3.4,10.6,3.4,3.4,180,-70) 3.6,7 (3.8,3.6,3.6,3.6,90,-110)"}},
    {0x00e6, {13, "(3.5,6.6,3.4,3.4,152,0) 6.9,3 / 6.9,5.9 3,5.9 (3,2.95,3,2.95,90,270) (3.6,3.3,3.3,3.3,270,360)"
                  " / 6.9,5.1 13,5.1 (9.9,5,3.1,5,0,180) (9.9,5,3.1,5,180,315)"}},
    {0x00f8, {8.2f, "(4.1,5,4.1,5,0,360) / 0.6,-0.8 7.6,10.8"}},
    {0x00d8, {12.4f, "(6.2,7,6.2,7,0,360) / 1.2,-1 11.2,15"}},
    {0x2013, {7.4f, "0,5.4 7.4,5.4"}}, {0x2014, {12, "0,5.4 12,5.4"}}, {0x2022, {2, "*1,5.6 / *1,5.2 / *1,6 / *0.6,5.6 / *1.4,5.6"}},
    {0x2018, {0.8f, "0,10.6 0.8,14"}}, {0x2019, {0.8f, "0.8,14 0,10.6"}},
    {0x201c, {3.8f, "0,10.6 0.8,14 / 3,10.6 3.8,14"}}, {0x201d, {3.8f, "0.8,14 0,10.6 / 3.8,14 3,10.6"}},
    {0x2026, {8.4f, "*0,0.3 / *4.2,0.3 / *8.4,0.3"}}, {0x00b0, {5, "(2.5,11.4,2.5,2.6,0,360)"}},
};

/* Latin-1 letters from U+00C0 on: the letter, then its accent ("`" grave, "'" acute, "^", "~", ":" diaeresis, "o" ring,
 * "," cedilla); '.' for a letter without an accent. */
static const char latin1[] =
    "A`A'A^A~A:Ao..C,E`E'E^E:I`I'I^I:..N~O`O'O^O~O:....U`U'U^U:Y'...."
    "a`a'a^a~a:ao..c,e`e'e^e:i`i'i^i:..n~o`o'o^o~o:....u`u'u^u:y'..y:";
/* Strokes of the accents above a small letter; x is relative to the letter's middle.  Above capitals they are 4 units
 * higher. */
static const struct { char mark; const char *strokes; } accents[] = {
    {'`', "-1.8,14.4 0.6,12.2"}, {'\'', "1.8,14.4 -0.6,12.2"}, {'^', "-2.2,12.2 0,14.4 2.2,12.2"},
    {'~', "-2.6,12.6 (-1.3,12.6,1.3,1.1,180,0) (1.3,12.6,1.3,1.1,180,360)"}, {':', "*-1.9,13.2 / *1.9,13.2"},
    {'o', "(0,13.6,1.6,1.6,0,360)"}, {',', "0.6,-0.8 0.9,-2.2 (0,-3,1.1,1.1,40,-140)"},
};
/* clang-format on */

static const float SIDE = 3.7f; /* space between two glyphs in units, including the pen's width */

/* ------------------------------------------------------------------ which glyph */

static const char *accent_strokes(char mark)
{
    for (size_t i = 0; i < sizeof accents / sizeof *accents; i++)
        if (accents[i].mark == mark) return accents[i].strokes;
    return NULL;
}

/* Returns the glyph of a code point, and the strokes of its accent or NULL. */
static const glyph *find_glyph(uint32_t cp, const char **accent, bool *capital)
{
    *accent = NULL;
    *capital = false;
    if (cp == 0xa0) cp = ' ';
    if (cp >= 0x20 && cp < 0x7f) return &ascii[cp - 0x20];
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (signs[i].cp == cp) return &signs[i].glyph;
    if (cp >= 0xc0 && cp <= 0xff && latin1[2 * (cp - 0xc0)] != '.') {
        const char *pair = latin1 + 2 * (cp - 0xc0);
        *accent = accent_strokes(pair[1]);
        *capital = pair[0] < 'a' && pair[1] != ',';
        return pair[0] == 'i' ? &dotless : &ascii[pair[0] - 0x20];
    }
    return &unknown;
}

/* Returns the next code point.  Line breaks and other control characters become spaces. */
static uint32_t next_code(const char *text, size_t size, size_t *used)
{
    uint32_t cp = 0;
    *used = gp_utf8_next(text, size, &cp);
    return cp < 0x20 || cp == 0x7f ? ' ' : cp;
}

float gp_font_width(const gp_face *face, const char *text, size_t size)
{
    float units = 0;
    for (size_t i = 0, used; i < size; i += used) {
        const char *accent;
        bool capital;
        units += find_glyph(next_code(text + i, size - i, &used), &accent, &capital)->width + SIDE;
    }
    return units > 0 ? (units - SIDE) * face->unit : 0;
}

/* ------------------------------------------------------------------ strokes */

static float read_number(const char **s)
{
    float value = 0, scale = 1, sign = 1;
    if (**s == '-') sign = -1, (*s)++;
    for (; **s >= '0' && **s <= '9'; (*s)++) value = value * 10 + (float)(**s - '0');
    if (**s == '.')
        for ((*s)++; **s >= '0' && **s <= '9'; (*s)++) value += (float)(**s - '0') * (scale /= 10);
    if (**s == ',') (*s)++;
    return sign * value;
}

enum { MAX_POINTS = 160 };
typedef struct pen {
    gp_canvas *canvas;
    const gp_face *face;
    float x, y; /* position of the glyph's origin in pixels */
    float points[2 * MAX_POINTS];
    size_t n;
} pen;

static void pen_point(pen *p, float x, float y)
{
    if (p->n == MAX_POINTS) return;
    p->points[2 * p->n] = p->x + x * p->face->unit;
    p->points[2 * p->n + 1] = p->y - y * p->face->unit;
    p->n++;
}

static void pen_arc(pen *p, const char **s)
{
    float v[6];
    (*s)++;
    for (int i = 0; i < 6; i++) v[i] = read_number(s);
    if (**s == ')') (*s)++;
    int steps = (int)ceilf(fabsf(v[5] - v[4]) / 12);
    for (int i = 0; i <= steps; i++) {
        float angle = (v[4] + (v[5] - v[4]) * (float)i / (float)steps) * 0.017453293f;
        pen_point(p, v[0] + v[2] * cosf(angle), v[1] + v[3] * sinf(angle));
    }
}

static void pen_lift(pen *p, float widen)
{
    gp_canvas_stroke(p->canvas, p->points, p->n, p->face->weight * p->face->unit * widen, p->face->colour);
    p->n = 0;
}

static void draw_strokes(gp_canvas *canvas, const gp_face *face, float x, float y, const char *s)
{
    pen p = {.canvas = canvas, .face = face, .x = x, .y = y, .n = 0};
    while (*s) {
        if (*s == ' ') {
            s++;
        } else if (*s == '/') {
            pen_lift(&p, 1);
            s++;
        } else if (*s == '(') {
            pen_arc(&p, &s);
        } else {
            bool dot = *s == '*';
            if (dot) s++;
            float px = read_number(&s), py = read_number(&s);
            pen_point(&p, px, py);
            if (dot) pen_lift(&p, 1.3f);
        }
    }
    pen_lift(&p, 1);
}

float gp_font_draw(gp_canvas *canvas, const gp_face *face, float x, float y, const char *text, size_t size)
{
    float left = face->weight * face->unit / 2;
    for (size_t i = 0, used; i < size; i += used) {
        const char *accent;
        bool capital;
        const glyph *g = find_glyph(next_code(text + i, size - i, &used), &accent, &capital);
        /* Place vertical strokes on whole pixels: in small text, sharp edges matter more than exact spacing. */
        float at = floorf(x + left) + 0.5f;
        draw_strokes(canvas, face, at, y, g->strokes);
        if (accent)
            draw_strokes(canvas, face, at + g->width / 2 * face->unit, y - (capital ? 4 * face->unit : 0), accent);
        x += (g->width + SIDE) * face->unit;
    }
    return x;
}

/* ------------------------------------------------------------------ lines */

/* Returns the number of bytes of text that fit into the width. */
static size_t fit(const gp_face *face, const char *text, size_t size, float width)
{
    size_t end = 0, used;
    while (end < size) {
        next_code(text + end, size - end, &used);
        if (gp_font_width(face, text, end + used) > width) break;
        end += used;
    }
    return end;
}

size_t gp_font_wrap(const gp_face *face, const char *text, float width, size_t lines,
                    void (*line)(void *user, size_t index, const char *text, size_t size, bool cut), void *user)
{
    size_t size = strlen(text), count = 0;
    float dots = gp_font_width(face, "...", 3) + SIDE * face->unit;
    while (size > 0 && count < lines) {
        size_t end = fit(face, text, size, width), take = end;
        bool cut = false;
        if (end < size && count + 1 == lines) {
            cut = true;
            take = end = fit(face, text, size, width - dots);
            while (take > 0 && text[take - 1] == ' ') take--;
        } else if (end < size) {
            while (take > 0 && text[take] != ' ' && text[take] != '\n') take--;
            if (take == 0) take = end; /* one long word: break it anywhere */
            end = take;
        }
        if (end == 0 && !cut) break; /* the line is too narrow for a single glyph */
        if (line) line(user, count, text, take, cut);
        count++;
        if (cut) break;
        while (end < size && (text[end] == ' ' || text[end] == '\n')) end++;
        text += end;
        size -= end;
    }
    return count;
}
