/* A session of the journal: its settings, its mark, and whether its database is fit. */
#include "session.h"

#include <stdio.h>
#include <string.h>

#include <journal_sql.h>

#include "param.h"

#define CHECK_NAME "session" /* what it is prepared under */

const char session_shared_why[] =
    "the journal's database sessions are shared with other clients: a pooler in transaction mode "
    "stands before the database, and acknowledged commits would be lost. Give it sessions of its "
    "own (PgBouncer: pool_mode=session for this database), or connect directly";

static void params_mark(struct params *params, const struct link *link)
{
    params_clear(params);
    params_string(params, link->mark);
}

void session_begin(struct link *link, struct params *params,
                   const struct session_settings *settings, link_fn fn, void *arg)
{
    struct link_params view;
    params_mark(params, link);
    params_string(params, settings->application_name);
    params_string(params, settings->statement_timeout);
    params_string(params, settings->plan_cache_mode);
    if (params_view(params, &view))
        link_query(link, journal_sql_session_settings, &view, fn, arg);
    else
        link_reset(link);
}

void session_prepare(struct link *link, link_fn fn, void *arg)
{
    if (!link->broken)
        link_prepare(link, CHECK_NAME, journal_sql_session, fn, arg);
}

void session_check(struct link *link, struct params *params, link_fn fn, void *arg)
{
    struct link_params view;
    if (link->broken)
        return;
    params_mark(params, link);
    if (params_view(params, &view))
        link_execute(link, CHECK_NAME, &view, fn, arg);
    else
        link_reset(link);
}

/* The mark is another's (division by zero), or the statement was prepared elsewhere, or by another.
 */
bool session_is_shared(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return PQresultStatus(result) == PGRES_FATAL_ERROR && state != NULL &&
           (strcmp(state, "22012") == 0 || strcmp(state, "26000") == 0 ||
            strcmp(state, "42P05") == 0);
}

/* --- is the database fit for a journal? --------------------------------------------------------
 */

static const struct {
    const char *name, *wanted;
    enum session_fit otherwise;
    const char *why; /* behind "name is value: " */
} rules[] = {
    {"pg_is_in_recovery", "false", SESSION_STANDBY,
     "the server is a standby and takes no writes. Connect to the primary"},
    {"server_encoding", "UTF8", SESSION_UNFIT,
     "what its encoding cannot hold could never be written. Make the journal a database of its "
     "own: create database troth template template0 encoding 'UTF8'"},
    {"client_encoding", "UTF8", SESSION_UNFIT,
     "texts would be changed on their way. Take client_encoding out of the pooler's settings"},
    {"synchronous_commit", "on", SESSION_UNFIT, session_shared_why},
    {"fsync", "on", SESSION_UNSAFE,
     "a crash of its host loses acknowledged commits. Run: alter system set fsync = on; "
     "then select pg_reload_conf()"},
    {"full_page_writes", "on", SESSION_UNSAFE,
     "a crash of its host can tear pages. Run: alter system set full_page_writes = on; "
     "then select pg_reload_conf()"},
};

enum session_fit session_fit(const PGresult *result, char *why, size_t size)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct troth_span value = field_text(result, 0, (int)i);

        if (value.data != NULL && value.len == strlen(rules[i].wanted) &&
            memcmp(value.data, rules[i].wanted, value.len) == 0)
            continue;
        (void)snprintf(why, size, "%s is %.*s in the journal's database: %s", rules[i].name,
                       (int)value.len, value.data == NULL ? "" : value.data, rules[i].why);
        return rules[i].otherwise;
    }
    return SESSION_FIT;
}
