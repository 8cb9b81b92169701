/* parts.c: options and operands of commands as parts of a request to the coordinator. */
#include "parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "find.h"
#include "text.h"
#include "tree.h"
#include <base/duration.h>
#include <base/json.h>
#include <troth/id.h>

#define PAGE_MAX 500u

int parts_gtid(const struct cli *cli, const struct arguments *arguments, struct call *call)
{
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    int error = find_gtid(cli, arguments->operands[0], gtid);
    if (error == CLI_EXIT_OK) {
        call_append(call, gtid);
        memcpy(call->gtid, gtid, sizeof(gtid));
    }
    return error;
}

int parts_name(const char *name, struct call *call)
{
    if (!troth_name_valid(name, strlen(name)))
        return cli_complain(CLI_EXIT_USAGE,
                            "'%s' is no name: a letter, then letters, digits and _, all lower case",
                            name);
    call_append(call, name);
    return CLI_EXIT_OK;
}

int parts_count(const char *what, const char *text, uint32_t max, uint32_t *ret_number)
{
    int64_t number = 0;
    struct troth_span span = {text, strlen(text)}, value;
    if (json_check(span, JSON_CHECK_DEFAULT, &value, NULL) != 0 ||
        json_int64(value, &number) != 0 || number < 1 || number > max)
        return cli_complain(CLI_EXIT_USAGE, "%s: '%s' is no number from 1 to %u", what, text, max);
    *ret_number = (uint32_t)number;
    return CLI_EXIT_OK;
}

int parts_number(const struct arguments *arguments, const char *name, uint32_t max,
                 uint32_t *ret_number)
{
    const char *text = arguments_value(arguments, name);
    BUFFER_SCOPED struct buffer what = {0};
    if (text == NULL)
        return CLI_EXIT_OK;
    buffer_append_format(&what, "--%s", name);
    const char *option = buffer_text(&what);
    return parts_count(option != NULL ? option : name, text, max, ret_number);
}

int parts_preference(const struct cli *cli, const struct arguments *arguments, struct call *call)
{
    const char *wait = arguments_value(arguments, "wait");
    bool async = arguments_value(arguments, "async") != NULL;
    if (wait != NULL && async)
        return cli_complain(CLI_EXIT_USAGE, "--wait and --async exclude each other");
    if (async) {
        buffer_append_text(&call->preference, "respond-async");
        return CLI_EXIT_OK;
    }
    uint64_t us = cli->timeout_us < WAIT_MAX_US ? cli->timeout_us : WAIT_MAX_US;
    if (wait != NULL && (duration_parse(wait, strlen(wait), &us) != 0 || us > WAIT_MAX_US))
        return cli_complain(CLI_EXIT_USAGE, "--wait: '%s' is no duration up to 300s", wait);
    uint64_t seconds = (us + 999999) / 1000000; /* rounded up: never less than asked for */
    buffer_append_text(&call->preference, "wait=");
    buffer_append_uint(&call->preference, seconds);
    call->wait_us = seconds * 1000000;
    return CLI_EXIT_OK;
}

static int append_random(struct buffer *text)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return cli_complain(CLI_EXIT_LOCAL, "no random bytes for a key");
    for (size_t i = 0; i < sizeof(bytes); i++)
        buffer_append_format(text, "%02x", bytes[i]);
    return CLI_EXIT_OK;
}

/* A string of structured fields (RFC 8941): printable ASCII, quoted. */
static int append_quoted(const char *key, struct buffer *header)
{
    size_t len = strlen(key);
    if (len == 0 || len > KEY_LEN_MAX)
        return cli_complain(CLI_EXIT_USAGE, "--key: 1 to 255 characters");
    buffer_append_char(header, '"');
    for (; *key != '\0'; key++) {
        if (*key < ' ' || *key > '~')
            return cli_complain(CLI_EXIT_USAGE, "--key: only printable ASCII");
        if (*key == '"' || *key == '\\')
            buffer_append_char(header, '\\');
        buffer_append_char(header, *key);
    }
    buffer_append_char(header, '"');
    return CLI_EXIT_OK;
}

int parts_key(const struct arguments *arguments, struct call *call, struct buffer *ret_key,
              struct buffer *ret_hint)
{
    BUFFER_SCOPED struct buffer made = {0};
    const char *key = arguments_value(arguments, "key");
    if (key == NULL) {
        int error = append_random(&made);
        if (error != CLI_EXIT_OK)
            return error;
        key = buffer_text(&made);
        if (key == NULL)
            return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    }
    buffer_append_text(ret_key, key);
    buffer_append_format(ret_hint, "repeat the command with --key '%s': it starts nothing twice",
                         key);
    return append_quoted(key, &call->key);
}

int parts_labels(const struct arguments *arguments, struct buffer *ret_body)
{
    const struct option_values *labels = arguments_values(arguments, "label");
    for (unsigned i = 0; i < labels->count; i++) {
        const char *label = labels->values[i];
        size_t len = strcspn(label, "=");
        if (len == 0 || label[len] == '\0')
            return cli_complain(CLI_EXIT_USAGE, "--label: '%s' is not NAME=VALUE", label);
        for (unsigned j = 0; j < i; j++) {
            if (strncmp(labels->values[j], label, len + 1) == 0)
                return cli_complain(CLI_EXIT_USAGE, "--label: '%.*s' is there twice", (int)len,
                                    label);
        }
        buffer_append_text(ret_body, i == 0 ? ",\"labels\":{" : ",");
        json_append_string(ret_body, (struct troth_span){label, len});
        buffer_append_char(ret_body, ':');
        json_append_text(ret_body, label + len + 1);
    }
    if (labels->count > 0)
        buffer_append_char(ret_body, '}');
    return CLI_EXIT_OK;
}

/* --- lists -------------------------------------------------------------------------------------
 */

/* Once: the pages behind it are missing the same. */
static void say_missing(const cJSON *names, uint32_t count)
{
    BUFFER_SCOPED struct buffer text = {0};
    const cJSON *name;
    if (count > 0)
        return;
    cJSON_ArrayForEach (name, names) {
        buffer_append_text(&text, text.len > 0 ? ", " : "");
        text_append_item(&text, name);
    }
    const char *words = buffer_text(&text);
    if (words != NULL && words[0] != '\0')
        cli_complain(CLI_EXIT_OK, "what only these nodes know is missing, they do not answer: %s",
                     words);
}

/* One page; *ret_next is replaced by its cursor. */
static int read_page(const struct cli *cli, struct call *call, const char *member_name,
                     parts_page fn, void *arg, uint32_t *count, struct buffer *ret_next)
{
    ANSWER_SCOPED struct answer answer = {.status = 0};
    int error = call_make(cli, call, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    const cJSON *entries = member(answer.tree, member_name);
    const cJSON *next = member(answer.tree, "cursor");
    if (!cJSON_IsArray(entries))
        return cli_complain(CLI_EXIT_PROTOCOL, "the answer has no list \"%s\"", member_name);
    say_missing(member(answer.tree, "missing"), *count);
    fn(arg, entries, field(answer.json, member_name));
    *count += (uint32_t)cJSON_GetArraySize(entries);
    buffer_clear(ret_next);
    if (next != NULL && !cJSON_IsString(next))
        return cli_complain(CLI_EXIT_PROTOCOL, "\"cursor\" of the answer is no string");
    buffer_append_span(ret_next, item_text(next));
    return CLI_EXIT_OK;
}

int parts_pages(const struct cli *cli, struct call *call, const char *member_name, uint32_t limit,
                parts_page fn, void *arg, struct buffer *ret_next)
{
    size_t filters = call->target.len;
    uint32_t count = 0;
    for (;;) {
        uint32_t left = limit == 0 ? PAGE_MAX : limit - count;
        char page[16];
        (void)snprintf(page, sizeof(page), "%u", left < PAGE_MAX ? left : PAGE_MAX);
        call_append_query(call, "limit", page);
        int error = read_page(cli, call, member_name, fn, arg, &count, ret_next);
        if (error != CLI_EXIT_OK)
            return error;
        const char *next = buffer_text(ret_next);
        if (next == NULL)
            return cli_complain(CLI_EXIT_LOCAL, "out of memory");
        if (next[0] == '\0' || (limit != 0 && count >= limit))
            return CLI_EXIT_OK;
        call->target.len = filters;
        call_append_query(call, "cursor", next);
    }
}

int print_json(const struct answer *answer)
{
    BUFFER_SCOPED struct buffer text = {0};
    text_append_body(&text, answer->json);
    buffer_append_char(&text, '\n');
    return cli_print(&text);
}
