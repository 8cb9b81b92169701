/* trothctl node list, and what trothctl status says of nodes: who shares the journal. */
#include "node.h"

#include "call.h"
#include "parts.h"
#include "text.h"
#include "tree.h"
#include "view.h"

/* "0-7, 9, 12-15"; what nobody has is "-". The numbers rise. */
static void append_shards(struct buffer *text, const cJSON *shards)
{
    const cJSON *item = shards != NULL ? shards->child : NULL;
    const char *between = "";
    if (item == NULL)
        buffer_append_char(text, '-');
    while (item != NULL) {
        int from = item->valueint, to = from;
        for (item = item->next; item != NULL && item->valueint == to + 1; item = item->next)
            to = item->valueint;
        buffer_append_format(text, to > from ? "%s%d-%d" : "%s%d", between, from, to);
        between = ", ";
    }
}

static const char *state_of(const cJSON *node)
{
    if (!cJSON_IsTrue(member(node, "live")))
        return "gone";
    return cJSON_IsTrue(member(node, "leaving")) ? "leaving" : "live";
}

static void add_node(struct table *table, const cJSON *node)
{
    table_item(table, member(node, "name"));
    buffer_append_text(&table->text, state_of(node));
    table_end_cell(table);
    append_shards(&table->text, member(node, "shards"));
    table_end_cell(table);
    table_item(table, member(node, "address"));
    table_item(table, member(node, "version"));
    view_append_time(&table->text, member(node, "started_at"));
    table_end_cell(table);
    view_append_time(&table->text, member(node, "seen_at"));
    table_end_cell(table);
}

void nodes_append(const cJSON *list, struct buffer *text)
{
    static const char *const headings[] = {"NODE",    "STATE",   "LEADS SHARDS", "ADDRESS",
                                           "VERSION", "STARTED", "SEEN",         NULL};
    TABLE_SCOPED struct table table = {0};
    const cJSON *node, *free_ones = member(list, "free");
    table_begin(&table, 0, headings);
    cJSON_ArrayForEach (node, member(list, "nodes"))
        add_node(&table, node);
    table_append(&table, "", text);
    if (free_ones == NULL || free_ones->child == NULL)
        return;
    buffer_append_text(text, "nobody leads shards ");
    append_shards(text, free_ones);
    buffer_append_char(text, '\n');
}

int nodes_ask(const struct cli *cli, struct buffer *trouble, struct answer *ret_answer)
{
    CALL_SCOPED struct call call = {.method = "GET", .quiet = trouble != NULL, .trouble = trouble};
    buffer_append_text(&call.target, "/v1/nodes");
    return call_make(cli, &call, ret_answer);
}

int node_list(const struct cli *cli, const struct arguments *arguments)
{
    ANSWER_SCOPED struct answer answer = {.status = 0};
    BUFFER_SCOPED struct buffer text = {0};
    (void)arguments;
    int error = nodes_ask(cli, NULL, &answer);
    if (error != CLI_EXIT_OK)
        return error;
    if (cli->json)
        return print_json(&answer);
    nodes_append(answer.tree, &text);
    return cli_print(&text);
}
