/* SPDX-License-Identifier: MIT
 * goldpan tokens: prints the tokens of texts. */
#include "base/json.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_text(gp_str *json, const gp_tokenizer *tokenizer, const char *text, const int32_t *ids, size_t count)
{
    if (!json) {
        for (size_t i = 0; i < count; i++) printf("%s%d", i ? " " : "", (int)ids[i]);
        for (size_t i = 0; i < count; i++) {
            const char *entry = gp_tokenizer_entry(tokenizer, ids[i]);
            printf("%c%s", i ? ' ' : '\t', entry ? entry : "?");
        }
        putchar('\n');
        return;
    }
    gp_cli_json_object(json);
    gp_cli_json_text(json, "text", text);
    gp_json_put_name(json, "ids");
    for (size_t i = 0; i < count; i++) gp_str_printf(json, "%c%d", i ? ',' : '[', (int)ids[i]);
    gp_str_puts(json, count ? "]" : "[]");
    gp_str_puts(json, ",\"entries\":[");
    for (size_t i = 0; i < count; i++) {
        const char *entry = gp_tokenizer_entry(tokenizer, ids[i]);
        gp_cli_json_element(json, entry);
    }
    gp_str_puts(json, "]}");
}

static gp_status one(const gp_tokenizer *tokenizer, const char *text, gp_str *json, gp_error *err)
{
    int32_t *ids = NULL;
    size_t count = 0;
    GP_TRY(gp_tokenizer_ids(tokenizer, text, &ids, &count, err));
    put_text(json, tokenizer, text, ids, count);
    gp_free(ids);
    return GP_OK;
}

/* Reads texts from standard input, one per line (the argument "-"). */
static gp_status lines(const gp_tokenizer *tokenizer, gp_str *json, gp_error *err)
{
    char *line = NULL;
    size_t capacity = 0;
    gp_status st = GP_OK;
    for (ssize_t size; st == GP_OK && (size = getline(&line, &capacity, stdin)) >= 0;) {
        while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r')) line[--size] = 0;
        st = one(tokenizer, line, json, err);
    }
    free(line); /* free, not gp_free: getline allocated the line */
    return st;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_tokenizer *tokenizer = NULL;
    gp_str json = GP_STR_INIT;
    const char *name = NULL;
    int code = GP_EXIT_OK;
    if (gp_cli_model_name(cli, &name, &err) != GP_OK || gp_tokenizer_open(name, &tokenizer, &err) != GP_OK)
        return gp_cli_fail(cli, &err);
    if (cli->json) gp_str_puts(&json, "{\"texts\":[");
    gp_status st = GP_OK;
    for (size_t i = 0; st == GP_OK && i < cli->arg_count; i++)
        st = !strcmp(cli->args[i], "-") ? lines(tokenizer, cli->json ? &json : NULL, &err)
                                        : one(tokenizer, cli->args[i], cli->json ? &json : NULL, &err);
    if (st != GP_OK) {
        gp_str_clear(&json);
        code = gp_cli_fail(cli, &err);
    } else if (cli->json) {
        gp_str_puts(&json, "]}");
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_tokenizer_close(tokenizer);
    return code;
}

static const gp_cli_option options[] = {GP_CLI_MODEL(GP_CLI_MODEL_ANY), GP_CLI_COMMON};

const gp_cli_command gp_cmd_tokens = {
    .name = "tokens",
    .arguments = "TEXT...|-",
    .summary = "Print the tokens of texts",
    .about = "Prints one line for each text: the token ids, a tab, the entries of the vocabulary.  Prints all ids; the "
             "model uses only as many as its context holds.  \"-\" reads texts from standard input, one per line.",
    .examples = "goldpan tokens --model openai/clip-vit-base-patch32 \"a photo of a cat\"\n"
                "goldpan tokens -m ./my-clip - < prompts.txt",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run,
};
