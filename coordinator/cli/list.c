/* trothctl tx list, def list, participant list, key list, event list. */
#include <string.h>

#include "parts.h"
#include "text.h"
#include "tree.h"
#include "view.h"
#include <base/clock.h>
#include <base/duration.h>
#include <base/json.h>
#include <base/now.h>
#include <base/span.h>

#define TX_LIMIT_DEFAULT 50u
#define TX_LIMIT_MAX     100000u

/* {"transactions":[…],"cursor":…}, the items byte for byte. */
static int print_json_list(const char *name, const struct buffer *items, const struct buffer *next)
{
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_format(&text, "{\"%s\":[", name);
    text_append_body(&text, buffer_span(items));
    buffer_append_text(&text, "],\"cursor\":");
    if (next->len > 0)
        json_append_string(&text, buffer_span(next));
    else
        buffer_append_text(&text, "null");
    buffer_append_text(&text, "}\n");
    return cli_print(&text);
}

typedef void (*add_row)(struct table *table, const cJSON *item);

/* What is kept of the pages: cells of a table, or (JSON) the entries byte for byte. */
struct gathered {
    bool json;
    struct table *table;
    add_row add;
    struct buffer items;
};

static void gather(void *arg, const cJSON *entries, struct troth_span text)
{
    struct gathered *gathered = arg;
    const cJSON *entry;
    struct json_cursor cursor = json_cursor(text);
    struct troth_span item;
    while (gathered->json && json_next(&cursor, NULL, &item)) {
        if (gathered->items.len > 0)
            buffer_append_char(&gathered->items, ',');
        buffer_append_span(&gathered->items, item);
    }
    if (gathered->json)
        return;
    cJSON_ArrayForEach (entry, entries)
        gathered->add(gathered->table, entry);
}

static int print_gathered(const struct gathered *gathered, const char *name,
                          const struct buffer *next)
{
    BUFFER_SCOPED struct buffer text = {0};
    if (gathered->items.failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (gathered->json)
        return print_json_list(name, &gathered->items, next);
    table_append(gathered->table, "", &text);
    return cli_print(&text);
}

/* The whole list as JSON or as a table. */
static int print_list(const struct cli *cli, struct call *call, const char *name, uint32_t limit,
                      struct table *table, add_row add)
{
    struct gathered gathered = {.json = cli->json, .table = table, .add = add};
    BUFFER_SCOPED struct buffer next = {0};
    int error = parts_pages(cli, call, name, limit, gather, &gathered, &next);
    if (error == CLI_EXIT_OK)
        error = print_gathered(&gathered, name, &next);
    buffer_finish(&gathered.items);
    if (error == CLI_EXIT_OK && next.len > 0 && !cli->json)
        cli_complain(error, "there are more than these %u: --limit", limit);
    return error;
}

/* --- transactions ------------------------------------------------------------------------------
 */

static void add_transaction(struct table *table, const cJSON *item)
{
    const cJSON *failure = member(item, "failure"), *ended = member(item, "ended_at");
    const cJSON *definition = member(item, "definition");
    table_item(table, member(item, "gtid"));
    if (definition != NULL)
        text_append_item(&table->text, definition);
    else
        buffer_append_text(&table->text, "(interactive)");
    table_end_cell(table);
    table_item(table, member(item, "state"));
    table_item(table, member(item, "outcome"));
    view_append_time(&table->text, member(item, "began_at"));
    table_end_cell(table);
    if (!view_append_between(&table->text, member(item, "began_at"), ended))
        buffer_append_char(&table->text, '-');
    table_end_cell(table);
    if (failure != NULL)
        view_append_failure(&table->text, failure);
    table_end_cell(table);
}

/* A time, or a duration: so long ago. */
static int append_moment(const struct arguments *arguments, const char *option,
                         const char *parameter, struct call *call)
{
    const char *text = arguments_value(arguments, option);
    char moment[WALL_TEXT_LEN + 1];
    struct wall at;
    uint64_t us, now_us = wall_now().us;
    if (text == NULL)
        return CLI_EXIT_OK;
    if (duration_parse(text, strlen(text), &us) == 0)
        at.us = us < now_us ? now_us - us : 1;
    else if (wall_parse(text, strlen(text), &at) != 0)
        return cli_complain(
            CLI_EXIT_USAGE,
            "--%s: '%s' is neither a time (2026-11-21T05:34:49Z) nor a duration (2h)", option,
            text);
    wall_format(at, moment);
    call_append_query(call, parameter, moment);
    return CLI_EXIT_OK;
}

static int list_filters(const struct arguments *arguments, struct call *call)
{
    static const struct {
        const char *option, *parameter;
    } filters[] = {{"state", "state"},
                   {"outcome", "outcome"},
                   {"definition", "definition"},
                   {"participant", "participant"},
                   {"older-than", "older_than"},
                   {"label", "label"},
                   {"key", "key"},
                   {"gtid", "gtid"}};
    static const struct {
        const char *option, *parameter, *value;
    } words[] = {{"in-doubt", "in_doubt", "true"},
                 {"parked", "state", "parked"},
                 {"mixed", "outcome", "mixed"}};
    const char *age = arguments_value(arguments, "older-than");
    uint64_t us;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (arguments_value(arguments, words[i].option) == NULL)
            continue;
        if (i > 0 && arguments_value(arguments, words[i].parameter) != NULL)
            return cli_complain(CLI_EXIT_USAGE, "--%s and --%s exclude each other", words[i].option,
                                words[i].parameter);
        call_append_query(call, words[i].parameter, words[i].value);
    }
    if (age != NULL && duration_parse(age, strlen(age), &us) != 0)
        return cli_complain(CLI_EXIT_USAGE, "--older-than: '%s' is no duration", age);
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        const char *value = arguments_value(arguments, filters[i].option);
        if (value != NULL)
            call_append_query(call, filters[i].parameter, value);
    }
    int error = append_moment(arguments, "since", "began_after", call);
    return error == CLI_EXIT_OK ? append_moment(arguments, "until", "began_before", call) : error;
}

int tx_list(const struct cli *cli, const struct arguments *arguments)
{
    static const char *const headings[] = {"GTID",  "DEFINITION", "STATE", "OUTCOME",
                                           "BEGAN", "TOOK",       "WHY",   NULL};
    CALL_SCOPED struct call call = {.method = "GET"};
    TABLE_SCOPED struct table table;
    uint32_t limit = TX_LIMIT_DEFAULT;
    table_begin(&table, 1u << 5, headings);
    buffer_append_text(&call.target, "/v1/transactions");
    int error = parts_number(arguments, "limit", TX_LIMIT_MAX, &limit);
    if (error == CLI_EXIT_OK)
        error = list_filters(arguments, &call);
    if (error == CLI_EXIT_OK)
        error = print_list(cli, &call, "transactions", limit, &table, add_transaction);
    return error;
}

/* --- definitions and participants --------------------------------------------------------------
 */

static void add_definition(struct table *table, const cJSON *item)
{
    static const char *const members[] = {"name", "version", "mode", "steps"};
    const cJSON *description = member(item, "description");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        table_item(table, member(item, members[i]));
    if (description != NULL)
        text_append_item(&table->text, description);
    table_end_cell(table);
}

int def_list(const struct cli *cli, const struct arguments *arguments)
{
    static const char *const headings[] = {"NAME", "VERSION", "MODE", "STEPS", "DESCRIPTION", NULL};
    CALL_SCOPED struct call call = {.method = "GET"};
    TABLE_SCOPED struct table table;
    (void)arguments;
    table_begin(&table, 1u << 1 | 1u << 3, headings);
    buffer_append_text(&call.target, "/v1/definitions");
    return print_list(cli, &call, "definitions", 0, &table, add_definition);
}

/* "slots=16 in_flight=0 …": whatever the coordinator tells of it. */
static void append_members(struct buffer *text, const cJSON *object)
{
    const cJSON *item;
    const char *before = "";
    if (!cJSON_IsObject(object))
        return;
    cJSON_ArrayForEach (item, object) {
        buffer_append_text(text, before);
        text_append_plain(text, span_of(item->string));
        buffer_append_char(text, '=');
        text_append_item(text, item);
        before = " ";
    }
}

static void append_urls(struct buffer *text, const cJSON *urls)
{
    const cJSON *url;
    const char *before = "";
    cJSON_ArrayForEach (url, urls) {
        buffer_append_text(text, before);
        text_append_item(text, url);
        before = " ";
    }
}

static void add_participant(struct table *table, const cJSON *item)
{
    table_item(table, member(item, "name"));
    table_item(table, member(item, "binding"));
    table_item(table, member(item, "slots"));
    append_urls(&table->text, member(item, "urls"));
    table_end_cell(table);
    append_members(&table->text, member(item, "status"));
    table_end_cell(table);
}

int participant_list(const struct cli *cli, const struct arguments *arguments)
{
    static const char *const headings[] = {"NAME", "BINDING", "SLOTS", "URLS", "NOW", NULL};
    CALL_SCOPED struct call call = {.method = "GET"};
    TABLE_SCOPED struct table table;
    (void)arguments;
    table_begin(&table, 1u << 2, headings);
    buffer_append_text(&call.target, "/v1/participants");
    return print_list(cli, &call, "participants", 0, &table, add_participant);
}

/* --- API keys ----------------------------------------------------------------------------------
 */

static void append_scopes(struct buffer *text, const cJSON *scopes)
{
    const cJSON *scope;
    const char *before = "";
    cJSON_ArrayForEach (scope, scopes) {
        buffer_append_text(text, before);
        text_append_item(text, scope);
        before = " ";
    }
}

static void add_key(struct table *table, const cJSON *item)
{
    static const char *const times[] = {"created_at", "expires_at", "last_used_at"};
    table_item(table, member(item, "name"));
    append_scopes(&table->text, member(item, "scopes"));
    table_end_cell(table);
    table_item(table, member(item, "created_by"));
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        view_append_time(&table->text, member(item, times[i]));
        table_end_cell(table);
    }
}

int key_list(const struct cli *cli, const struct arguments *arguments)
{
    static const char *const headings[] = {"NAME",    "SCOPES", "CREATED BY", "CREATED",
                                           "EXPIRES", "USED",   NULL};
    CALL_SCOPED struct call call = {.method = "GET"};
    TABLE_SCOPED struct table table;
    (void)arguments;
    table_begin(&table, 0, headings);
    buffer_append_text(&call.target, "/v1/keys");
    return print_list(cli, &call, "keys", 0, &table, add_key);
}

/* --- events that were set aside ----------------------------------------------------------------
 */

static void add_event(struct table *table, const cJSON *item)
{
    static const char *const members[] = {"id", "gtid", "topic", "key", "bytes"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        table_item(table, member(item, members[i]));
    view_append_time(&table->text, member(item, "set_aside_at"));
    table_end_cell(table);
    table_item(table, member(item, "reason"));
}

int event_list(const struct cli *cli, const struct arguments *arguments)
{
    static const char *const headings[] = {"ID",    "GTID",      "TOPIC", "KEY",
                                           "BYTES", "SET ASIDE", "WHY",   NULL};
    CALL_SCOPED struct call call = {.method = "GET"};
    TABLE_SCOPED struct table table;
    (void)arguments;
    table_begin(&table, 1u << 4, headings);
    buffer_append_text(&call.target, "/v1/events");
    return print_list(cli, &call, "events", 0, &table, add_event);
}
