/* SPDX-License-Identifier: MIT
 * Finds slices of a table.  One column is the metric.  Rows are clustered by other columns and by arrays of embeddings.
 * The other columns of the table explain the slices. */
#include "base/json.h"
#include "cli/slices_table.h"
#include "options/listing.h"

#include "base/mem.h"
#include "cli/context.h"
#include "cli/slices_features.h"
#include "cli/analysis_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 10, MOST_REASONS = 5 };

typedef struct source {
    gp_columns *table;
    size_t n, count;
    double *metric;
    int32_t *group;                              /* [n] rows with equal numbers depend on each other; NULL: no row
                                                  * depends on another */
    gp_cli_feature given[2 * GP_CLI_MOST_TEXTS]; /* [count] features as read */
    gp_feature features[2 * GP_CLI_MOST_TEXTS];  /* [count] */
    gp_cli_feature *columns;                     /* columns that may explain slices */
    gp_feature *explain;                         /* [explain_count] */
    size_t explain_count;
} source;

static void source_clear(source *s)
{
    for (size_t k = 0; k < s->count; k++) gp_cli_feature_clear(&s->given[k]);
    for (size_t k = 0; k < s->explain_count; k++) gp_cli_feature_clear(&s->columns[k]);
    gp_mem_free(s->columns);
    gp_mem_free(s->explain);
    gp_mem_free(s->group);
    gp_mem_free(s->metric);
    if (s->table) gp_columns_close(s->table);
}

/* Collects the columns that may explain slices: all except the metric and columns of vectors. */
static gp_status take_reasons(source *s, size_t metric, gp_error *err)
{
    size_t columns = gp_columns_count(s->table);
    GP_TRY(gp_alloc((void **)&s->explain, columns, sizeof *s->explain, "the table", err));
    GP_TRY(gp_alloc((void **)&s->columns, columns, sizeof *s->columns, "the table", err));
    for (size_t c = 0; c < columns; c++) {
        const char *first = s->n ? gp_columns_cell(s->table, 0, c) : NULL;
        if (c == metric || (first && *first == '[')) continue;
        gp_cli_feature *f = &s->columns[s->explain_count++];
        *f = (gp_cli_feature){0};
        GP_TRY(gp_cli_feature_guess(s->table, c, f, err));
        s->explain[s->explain_count - 1] = f->feature;
    }
    return GP_OK;
}

static gp_status take_features(const gp_cli *cli, source *s, gp_error *err)
{
    for (size_t k = 0; k < cli->features.count; k++)
        GP_TRY(gp_cli_feature_read(s->table, cli->table, cli->features.items[k], &s->given[s->count++], err));
    for (size_t k = 0; k < cli->embeddings.count; k++)
        GP_TRY(gp_cli_feature_load(cli->embeddings.items[k], s->n, &s->given[s->count++], err));
    for (size_t k = 0; k < s->count; k++) s->features[k] = s->given[k].feature;
    return GP_OK;
}

typedef struct grouped {
    const char *word;
    uint32_t row;
} grouped;

static int by_word(const void *a, const void *b)
{
    return strcmp(((const grouped *)a)->word, ((const grouped *)b)->word);
}

/* Reads the column of --group: rows with equal words get equal numbers.  A row with an empty cell gets -1, because it
 * depends on no other row. */
static gp_status take_groups(const gp_cli *cli, source *s, gp_error *err)
{
    size_t column, count = 0;
    int32_t number = -1;
    grouped *list;
    if (!cli->group) return GP_OK;
    if (s->n > INT32_MAX)
        return gp_fail(err, GP_ERR_LIMIT, "'%s' has %zu rows, but --group works for at most %d", cli->table, s->n,
                       INT32_MAX);
    GP_TRY(gp_cli_feature_column(s->table, cli->table, cli->group, &column, err));
    GP_TRY(gp_alloc((void **)&s->group, s->n, sizeof *s->group, "the groups", err));
    GP_TRY(gp_alloc((void **)&list, s->n, sizeof *list, "the groups", err));
    for (size_t i = 0; i < s->n; i++) {
        const char *cell = gp_columns_cell(s->table, i, column);
        s->group[i] = -1;
        if (cell && *cell) list[count++] = (grouped){cell, (uint32_t)i};
    }
    if (count) qsort(list, count, sizeof *list, by_word);
    for (size_t k = 0; k < count; k++) {
        if (k == 0 || by_word(&list[k], &list[k - 1]) != 0) number++;
        s->group[list[k].row] = number;
    }
    gp_mem_free(list);
    return GP_OK;
}

static gp_status check_metric(const gp_cli *cli, const source *s, gp_error *err)
{
    for (size_t i = 0; i < s->n; i++)
        if (!isnan(s->metric[i])) return GP_OK;
    return gp_fail(err, GP_ERR_USAGE, "no row of '%s' has a number in '%s'", cli->table, cli->value);
}

static gp_status open_source(gp_cli *cli, source *s, gp_error *err)
{
    size_t metric;
    GP_TRY(gp_columns_open(cli->table, gp_term_progress, &cli->term, gp_cli_note, cli, &s->table, err));
    s->n = gp_columns_rows(s->table);
    if (s->n == 0) return gp_fail(err, GP_ERR_FORMAT, "'%s' has no rows", cli->table);
    GP_TRY(gp_cli_feature_column(s->table, cli->table, cli->value, &metric, err));
    GP_TRY(gp_alloc((void **)&s->metric, s->n, sizeof *s->metric, "the metric", err));
    GP_TRY(gp_columns_numbers(s->table, metric, s->metric, err));
    GP_TRY(check_metric(cli, s, err));
    GP_TRY(take_groups(cli, s, err));
    GP_TRY(take_features(cli, s, err));
    return take_reasons(s, metric, err);
}

/* ------------------------------------------------------------------ what is printed */

/* A table that helps to choose thresholds: the number of clusters by lift (columns, ascending) and support (rows,
 * descending). */
typedef struct grid {
    unsigned counts[CELLS][CELLS]; /* [support][lift] */
    double low, high, most;        /* low, high: smallest and largest lift; most: largest support */
} grid;

static double drop_of(const grid *g, int column)
{
    return g->low + (g->high - g->low) * column / (double)CELLS;
}

/* The scale of supports is logarithmic, because few clusters are large. */
static double support_of(const grid *g, int row)
{
    return ceil(exp(log(g->most) * row / (double)CELLS));
}

static void count_grid(const gp_slices *found, grid *g)
{
    *g = (grid){.low = INFINITY, .high = -INFINITY, .most = 1};
    for (size_t c = 0; c < found->cluster_count; c++) {
        const gp_slice_cluster *x = &found->clusters[c];
        if (isnan(x->lift)) continue;
        g->low = fmin(g->low, x->lift), g->high = fmax(g->high, x->lift), g->most = fmax(g->most, x->support);
    }
    for (size_t c = 0; c < found->cluster_count; c++) {
        const gp_slice_cluster *x = &found->clusters[c];
        if (isnan(x->lift) || x->support == 0) continue;
        int column = g->high > g->low ? (int)((double)CELLS * (x->lift - g->low) / (g->high - g->low)) : 0,
            row = (int)((double)CELLS * log(x->support) / (log(g->most) + 1e-9));
        g->counts[row < CELLS ? row : CELLS - 1][column < CELLS ? column : CELLS - 1]++;
    }
}

static void put_grid(const grid *g)
{
    printf("support\\drop");
    for (int column = 0; column < CELLS; column++) printf("\t%+.3g", drop_of(g, column));
    for (int row = CELLS; row-- > 0;) {
        printf("\n%.0f", support_of(g, row));
        for (int column = 0; column < CELLS; column++) printf("\t%u", g->counts[row][column]);
    }
    putchar('\n');
}

/* Writes the grid as JSON: counts[r][c] is the number of clusters in the cell that begins at the support support[r] and
 * the lift drop[c]. */
static void json_grid(const char *table, const grid *g, gp_str *json)
{
    gp_str_putc(json, '{');
    gp_cli_json_text(json, "table", table);
    gp_json_put_name(json, "drop");
    for (int column = 0; column < CELLS; column++) {
        gp_str_putc(json, column ? ',' : '[');
        gp_json_put_real(json, drop_of(g, column));
    }
    gp_str_putc(json, ']');
    gp_json_put_name(json, "support");
    for (int row = 0; row < CELLS; row++) gp_str_printf(json, "%c%.0f", row ? ',' : '[', support_of(g, row));
    gp_str_putc(json, ']');
    gp_json_put_name(json, "counts");
    for (int row = 0; row < CELLS; row++)
        for (int column = 0; column < CELLS; column++)
            gp_str_printf(json, "%s%u", column ? "," : row ? "],[" : "[[", g->counts[row][column]);
    gp_str_puts(json, "]]}");
}

static void show_table(const gp_cli *cli, const gp_slices *found, gp_str *json)
{
    grid g;
    count_grid(found, &g);
    if (cli->json)
        json_grid(cli->table, &g, json);
    else
        put_grid(&g);
}

static gp_status reasons_of(const source *s, const gp_slice *slice, gp_reasons *out, gp_error *err)
{
    bool *inside = gp_mem_zero(s->n, sizeof *inside);
    gp_reasons_input in = {
        .size = sizeof(gp_reasons_input), .n = s->n, .features = s->explain, .feature_count = s->explain_count};
    gp_reasons_options options = GP_REASONS_DEFAULTS;
    if (!inside) return gp_fail_memory(err, "the descriptions of slices");
    options.max_each = MOST_REASONS;
    for (uint32_t i = 0; i < slice->support; i++) inside[slice->rows[i]] = true;
    gp_status st = gp_reasons_find(&in, inside, &options, out, err);
    gp_mem_free(inside);
    return st;
}

static const char *const heads[] = {"drop", "rows", "mean", "low..high", "p", "cluster", "slice"};

static void put_line(gp_cli_table *table, const gp_slice *x, const gp_reasons *why)
{
    gp_cli_table_cell(table, "%+.4g", x->lift);
    gp_cli_table_cell(table, "%u", x->support);
    gp_cli_table_cell(table, "%.4g", x->value);
    gp_cli_table_real(table, x->low, "%+.3g..%+.3g", x->low, x->high);
    gp_cli_table_real(table, x->low, "%.2g", x->p_corrected);
    gp_cli_table_cell(table, "%u/%u", x->level, x->cluster);
    gp_cli_table_cell(table, "%s", why->title);
}

static void put_object(gp_str *json, const gp_slice *x, const gp_reasons *why)
{
    gp_cli_json_object(json);
    gp_cli_json_text(json, "title", why->title);
    gp_cli_json_count(json, "level", x->level);
    gp_cli_json_count(json, "cluster", x->cluster);
    gp_cli_json_count(json, "support", x->support);
    gp_cli_json_real(json, "value", x->value);
    gp_cli_json_real(json, "drop", x->lift);
    gp_cli_json_real(json, "low", x->low);
    gp_cli_json_real(json, "high", x->high);
    gp_cli_json_real(json, "effect", x->effect);
    gp_cli_json_real(json, "p", x->p);
    gp_cli_json_real(json, "p_corrected", x->p_corrected);
    gp_json_put_name(json, "parent");
    gp_str_printf(json, x->parent < 0 ? "null" : "%d", x->parent);
    gp_json_put_name(json, "reasons");
    gp_str_putc(json, '[');
    for (size_t r = 0; r < why->count; r++) {
        gp_cli_json_object(json);
        gp_cli_json_text(json, "kind", why->reason[r].kind);
        gp_cli_json_text(json, "text", why->reason[r].text);
        gp_cli_json_real(json, "strength", why->reason[r].strength);
        gp_str_putc(json, '}');
    }
    gp_str_puts(json, "],\"rows\":[");
    for (uint32_t i = 0; i < x->support; i++) gp_str_printf(json, "%s%u", i ? "," : "", x->rows[i]);
    gp_str_puts(json, "]}");
}

static gp_status put_slices(gp_cli *cli, const source *s, const gp_slices *found, gp_str *json, gp_error *err)
{
    gp_cli_table table = {.heads = heads, .columns = sizeof heads / sizeof *heads, .left = 0x60};
    gp_str_putc(json, '{');
    gp_cli_json_text(json, "table", cli->table);
    gp_cli_json_real(json, "overall", found->overall);
    gp_cli_json_count(json, "clusters", found->cluster_count);
    gp_cli_json_bool(json, "fallback", found->fallback);
    gp_json_put_name(json, "slices");
    gp_str_putc(json, '[');
    for (size_t i = 0; i < found->count && !json->failed; i++) {
        gp_reasons why = GP_INIT(gp_reasons);
        gp_status st = reasons_of(s, &found->slices[i], &why, err);
        if (st != GP_OK) {
            gp_str_clear(&table.cells);
            return st;
        }
        if (cli->json)
            put_object(json, &found->slices[i], &why);
        else
            put_line(&table, &found->slices[i], &why);
        gp_reasons_clear(&why);
    }
    gp_str_puts(json, "]}");
    return gp_cli_table_print(&table) ? GP_OK : gp_fail_memory(err, "the table");
}

int gp_cli_slices_table(gp_cli *cli)
{
    gp_error err = {0};
    source s = {0};
    gp_slices found = GP_INIT(gp_slices);
    gp_cli_find options = {0};
    gp_str json = GP_STR_INIT;
    int code = GP_EXIT_OK;
    gp_status st = gp_cli_find_options(cli, &options, &err);
    if (st == GP_OK) st = open_source(cli, &s, &err);
    options.slices.reduce = cli->reduce;
    options.slices.group = s.group;
    options.slices.threads = options.find.threads, options.slices.progress = options.find.progress,
    options.slices.user = options.find.user;
    if (st == GP_OK) st = gp_slices_find(s.features, s.count, s.metric, s.n, NULL, &options.slices, &found, &err);
    gp_term_clear(&cli->term);
    if (st == GP_OK && cli->show) show_table(cli, &found, &json);
    if (st == GP_OK && !cli->show) st = put_slices(cli, &s, &found, &json, &err);
    if (st != GP_OK) {
        gp_str_clear(&json);
        code = gp_cli_fail(cli, &err);
    } else {
        gp_term_say(&cli->term, "%zu %s, mean %.4g, %zu %s on %zu %s, %zu %s", found.n,
                    gp_plural(found.n, "row", "rows"), found.overall, found.cluster_count,
                    gp_plural(found.cluster_count, "cluster", "clusters"), found.levels,
                    gp_plural(found.levels, "level", "levels"), found.count, gp_plural(found.count, "slice", "slices"));
        if (found.fallback) gp_term_say(&cli->term, "too few rows for a hierarchy: used the clusters of HDBSCAN");
        if (!cli->show && found.count == 0) code = GP_EXIT_NOTHING;
        if (cli->json) code = gp_cli_json_print(cli, &json, code);
    }
    gp_str_clear(&json);
    gp_slices_clear(&found);
    source_clear(&s);
    gp_cli_find_clear(&options);
    return code;
}
