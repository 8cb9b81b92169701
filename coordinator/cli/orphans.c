/* trothctl participant orphans: what is prepared in a participant's database, and what the
 * coordinator says of it.
 *
 * The database is asked, and not the participant: at night it is the participant that is gone, and
 * one over plain http could not say. */
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "explain.h"
#include "parts.h"
#include "text.h"
#include "view.h"
#include <base/json.h>
#include <base/span.h>
#include <operator_sql.h>

#define LEFT_SECONDS 60 /* decided, and still prepared after so long: nobody is there to end it */

struct orphan {
    const char *name, *database, *since;
    long long seconds;
    enum explained what;
    const char *participant; /* NULL: not known */
    bool attention;
};

/* What is so, and what to do. */
static const char *advice(const struct orphan *orphan)
{
    switch (orphan->what) {
    case EXPLAIN_OPEN:
        return "its transaction is not decided: leave it";
    case EXPLAIN_COMMIT:
        return orphan->attention ? "decided: start its participant, or by hand: tx sql"
                                 : "decided: its participant commits it";
    case EXPLAIN_ABORT:
        return orphan->attention ? "aborted: start its participant, or by hand: tx sql"
                                 : "aborted: its participant rolls it back";
    case EXPLAIN_ELSEWHERE:
        return "another journal's: ask the coordinator of that one";
    case EXPLAIN_STRANGE:
        return "not a name that Troth makes: somebody else's";
    case EXPLAIN_UNKNOWN:
        break;
    }
    return "the coordinator cannot explain it: end it only when you know what it was";
}

static bool needs_attention(const struct orphan *orphan, const char *participant)
{
    if (orphan->what == EXPLAIN_UNKNOWN || orphan->what == EXPLAIN_STRANGE)
        return true;
    if (orphan->participant != NULL && strcmp(orphan->participant, participant) != 0)
        return true;
    bool decided = orphan->what == EXPLAIN_COMMIT || orphan->what == EXPLAIN_ABORT;
    return decided && orphan->seconds >= LEFT_SECONDS;
}

static void add_row(struct table *table, const struct orphan *orphan, const char *participant)
{
    text_append_plain(&table->text, span_of(orphan->name));
    table_end_cell(table);
    text_append_plain(&table->text, span_of(orphan->database));
    table_end_cell(table);
    view_append_duration(&table->text, (uint64_t)orphan->seconds * 1000000u);
    table_end_cell(table);
    buffer_append_text(&table->text, explained_word(orphan->what));
    table_end_cell(table);
    if (orphan->participant != NULL && strcmp(orphan->participant, participant) != 0)
        buffer_append_format(&table->text, "a branch of %s, not of %s: whose database is this? ",
                             orphan->participant, participant);
    buffer_append_text(&table->text, advice(orphan));
    table_end_cell(table);
}

static void add_object(struct buffer *list, const struct orphan *orphan)
{
    buffer_append_text(list, list->len > 0 ? ",{" : "{");
    buffer_append_text(list, "\"name\":");
    json_append_text(list, orphan->name);
    buffer_append_text(list, ",\"database\":");
    json_append_text(list, orphan->database);
    buffer_append_text(list, ",\"prepared_at\":");
    json_append_text(list, orphan->since);
    buffer_append_format(list,
                         ",\"seconds\":%lld,\"decision\":\"%s\",\"participant\":", orphan->seconds,
                         explained_word(orphan->what));
    if (orphan->participant != NULL)
        json_append_text(list, orphan->participant);
    else
        buffer_append_text(list, "null");
    buffer_append_format(list,
                         ",\"attention\":%s,\"advice\":", orphan->attention ? "true" : "false");
    json_append_text(list, advice(orphan));
    buffer_append_char(list, '}');
}

/* What is gathered of all rows. */
struct found {
    struct table *table;
    struct buffer objects;
    unsigned count, attention;
};

static int look_at(const struct cli *cli, const PGresult *rows, int row, const char *journal,
                   const char *participant, struct found *found)
{
    BUFFER_SCOPED struct buffer whose = {0};
    struct orphan orphan = {.name = PQgetvalue(rows, row, 0),
                            .database = PQgetvalue(rows, row, 1),
                            .since = PQgetvalue(rows, row, 3),
                            .seconds = strtoll(PQgetvalue(rows, row, 4), NULL, 10)};
    if (strncmp(orphan.name, "troth_", 6) != 0)
        return CLI_EXIT_OK; /* another program's */
    int error = explain_prepared(cli, orphan.name, journal, &orphan.what, &whose);
    if (error != CLI_EXIT_OK)
        return error;
    orphan.participant = whose.len > 0 ? buffer_text(&whose) : NULL;
    orphan.attention = needs_attention(&orphan, participant);
    add_row(found->table, &orphan, participant);
    add_object(&found->objects, &orphan);
    found->count++;
    found->attention += orphan.attention ? 1 : 0;
    return CLI_EXIT_OK;
}

static int print_found(const struct cli *cli, struct found *found)
{
    BUFFER_SCOPED struct buffer text = {0};
    if (found->objects.failed)
        return cli_complain(CLI_EXIT_LOCAL, "out of memory");
    if (cli->json) {
        buffer_append_text(&text, "{\"prepared\":[");
        buffer_append_span(&text, buffer_span(&found->objects));
        buffer_append_text(&text, "]}\n");
    } else if (found->count == 0) {
        buffer_append_text(&text, "nothing of Troth's is prepared there\n");
    } else {
        table_append(found->table, "", &text);
    }
    int error = cli_print(&text);
    if (error == CLI_EXIT_OK && found->attention > 0)
        return CLI_EXIT_ATTENTION;
    return error;
}

int participant_orphans(const struct cli *cli, const struct arguments *arguments)
{
    static const char *const headings[] = {"NAME",     "DATABASE",   "SINCE",
                                           "DECISION", "WHAT TO DO", NULL};
    const char *conninfo = arguments_value(arguments, "database");
    const char *participant = arguments->operands[0];
    DATABASE_SCOPED PGconn *connection = NULL;
    RESULT_SCOPED PGresult *rows = NULL;
    BUFFER_SCOPED struct buffer why = {0};
    TABLE_SCOPED struct table table;
    struct found found = {.table = &table};
    char journal[TROTH_JOURNAL_ID_LEN + 1];
    table_begin(&table, 1u << 2, headings);
    if (!troth_name_valid(participant, strlen(participant)))
        return cli_complain(CLI_EXIT_USAGE, "'%s' is no name of a participant", participant);
    if (conninfo == NULL)
        return cli_complain(
            CLI_EXIT_USAGE,
            "--database: where is its database? host=… dbname=… (libpq's conninfo)");
    if (!database_open(conninfo, &connection, &why) ||
        !database_ask(connection, operator_sql_prepared, &rows, &why))
        return cli_complain(CLI_EXIT_UNAVAILABLE, "the database of %s: %.*s", participant,
                            (int)why.len, why.data);
    int error = explain_journal(cli, journal);
    for (int row = 0; error == CLI_EXIT_OK && row < PQntuples(rows); row++)
        error = look_at(cli, rows, row, journal, participant, &found);
    if (error == CLI_EXIT_OK)
        error = print_found(cli, &found);
    buffer_finish(&found.objects);
    return error;
}
