/* loop_session.c: what somebody who knows libpq writes without a coordinator: prepare both branches
 * at the same time (where rows are shared: one after the other, or two sessions wait for each other
 * for ever), commit a decision row, commit both at the same time. Guard and work are those
 * of the SDK's participants. There is no recovery: that is what Troth adds. */
#include "loop_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char guard_text[] =
    "INSERT INTO troth_guard.guard (journal, gtid, branch, kind, attempt, state, request, shard,"
    " ordering, output) VALUES ('00000000000000aa', $1::uuid, $2::int4, 'action', 1, 'done',"
    " sha256($3::bytea), 0, $4::int8, $5::text) ON CONFLICT DO NOTHING";
static const char work_text[] =
    "UPDATE account SET balance = balance + $2::int8 WHERE id = $1::int8 RETURNING balance";
static const char decision_text[] =
    "INSERT INTO decision (gtid, decision, members) VALUES ($1::uuid, 'commit', $2::text)";

static bool fault(struct loop_session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool fault(struct loop_session *session, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(session->why, sizeof session->why, format, list);
    va_end(list);
    return false;
}

static bool connection_open(struct loop_session *session, const char *conninfo, PGconn **ret)
{
    *ret = PQconnectdb(conninfo);
    if (PQstatus(*ret) != CONNECTION_OK)
        return fault(session, "%s", PQerrorMessage(*ret));
    return true;
}

static bool statement_prepare(struct loop_session *session, PGconn *connection, const char *name,
                              const char *text)
{
    PGresult *result = PQprepare(connection, name, text, 0, NULL);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return good || fault(session, "%s", PQerrorMessage(connection));
}

bool loop_session_open(struct loop_session *session, const struct loop_config *config,
                       uint32_t number)
{
    *session = (struct loop_session){
        .config = config, .number = number, .random = config->run * 7919u + number + 1u};
    for (int i = 0; i < BRANCHES; i++) {
        if (!connection_open(session, config->branch[i], &session->branch[i]) ||
            !statement_prepare(session, session->branch[i], "guard", guard_text) ||
            !statement_prepare(session, session->branch[i], "work", work_text))
            return false;
        if (config->strong && PQenterPipelineMode(session->branch[i]) != 1)
            return fault(session, "no pipeline mode");
    }
    return connection_open(session, config->decisions, &session->decisions) &&
           statement_prepare(session, session->decisions, "decision", decision_text);
}

void loop_session_close(struct loop_session *session)
{
    for (int i = 0; i < BRANCHES; i++)
        PQfinish(session->branch[i]);
    PQfinish(session->decisions);
}

/* --- one message and its answer --------------------------------------------------------------- */

/* The next result has this tag, and then comes the end of its statement. */
static bool result_is(struct loop_session *session, PGconn *connection, const char *tag)
{
    PGresult *result = PQgetResult(connection);
    ExecStatusType status = PQresultStatus(result);
    bool good = (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) &&
                strcmp(PQcmdStatus(result), tag) == 0;
    if (!good)
        (void)fault(session, "\"%s\" in place of \"%s\": %s",
                    result == NULL ? "nothing" : PQcmdStatus(result), tag,
                    PQerrorMessage(connection));
    PQclear(result);
    if (!good)
        return false;
    result = PQgetResult(connection);
    if (result == NULL)
        return true;
    PQclear(result);
    return fault(session, "more than one result");
}

static bool sync_is(struct loop_session *session, PGconn *connection)
{
    PGresult *result = PQgetResult(connection);
    bool good = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
    return good || fault(session, "no sync: %s", PQerrorMessage(connection));
}

static bool sent(struct loop_session *session, PGconn *connection, int ok)
{
    return ok == 1 || fault(session, "%s", PQerrorMessage(connection));
}

/* By the simple protocol, or in pipeline mode by the extended one. */
static bool text_send(struct loop_session *session, PGconn *connection, const char *text)
{
    return sent(session, connection,
                session->config->strong
                    ? PQsendQueryParams(connection, text, 0, NULL, NULL, NULL, NULL, 0)
                    : PQsendQuery(connection, text));
}

/* --- a branch --------------------------------------------------------------------------------- */

static uint64_t random_next(struct loop_session *session)
{
    session->random ^= session->random << 13;
    session->random ^= session->random >> 7;
    session->random ^= session->random << 17;
    return session->random;
}

static bool guard_send(struct loop_session *session, int i)
{
    char ordering[24];
    const char *values[] = {session->gtid, i == 0 ? "1" : "2", "{\"account\":1,\"amount\":1}",
                            ordering, "{\"balance\":1000}"};
    (void)snprintf(ordering, sizeof ordering, "%llu", (unsigned long long)session->counter);
    return sent(session, session->branch[i],
                PQsendQueryPrepared(session->branch[i], "guard", 5, values, NULL, NULL, 0));
}

static bool work_send(struct loop_session *session, int i)
{
    char account[24];
    const char *values[] = {account, i == 0 ? "-1" : "1"};
    (void)snprintf(account, sizeof account, "%llu", (unsigned long long)session->account[i]);
    return sent(session, session->branch[i],
                PQsendQueryPrepared(session->branch[i], "work", 2, values, NULL, NULL, 0));
}

static bool end_send(struct loop_session *session, int i, const char *verb)
{
    char text[128];
    (void)snprintf(text, sizeof text, "%s '%s'", verb, session->prepared[i]);
    return text_send(session, session->branch[i], text);
}

enum step { STEP_BEGIN, STEP_GUARD, STEP_WORK, STEP_PREPARE, STEP_COMMIT };

static const char *const step_tags[] = {
    [STEP_BEGIN] = "BEGIN",
    [STEP_GUARD] = "INSERT 0 1",
    [STEP_WORK] = "UPDATE 1",
    [STEP_PREPARE] = "PREPARE TRANSACTION",
    [STEP_COMMIT] = "COMMIT PREPARED",
};

static bool step_send(struct loop_session *session, int i, enum step step)
{
    switch (step) {
    case STEP_BEGIN:
        return text_send(session, session->branch[i], "BEGIN");
    case STEP_GUARD:
        return guard_send(session, i);
    case STEP_WORK:
        return work_send(session, i);
    case STEP_PREPARE:
        return end_send(session, i, "PREPARE TRANSACTION");
    case STEP_COMMIT:
        return end_send(session, i, "COMMIT PREPARED");
    }
    return false;
}

/* One message to each branch, with the steps from … to; then both answers. */
static bool steps_run(struct loop_session *session, enum step from, enum step to)
{
    for (int i = 0; i < BRANCHES; i++) {
        for (enum step step = from; step <= to; step++)
            if (!step_send(session, i, step))
                return false;
        if (session->config->strong && PQpipelineSync(session->branch[i]) != 1)
            return fault(session, "%s", PQerrorMessage(session->branch[i]));
    }
    for (int i = 0; i < BRANCHES; i++) {
        for (enum step step = from; step <= to; step++)
            if (!result_is(session, session->branch[i], step_tags[step]))
                return false;
        if (session->config->strong && !sync_is(session, session->branch[i]))
            return false;
    }
    return true;
}

static bool prepare_both(struct loop_session *session)
{
    if (session->config->strong)
        return steps_run(session, STEP_BEGIN, STEP_PREPARE);
    for (enum step step = STEP_BEGIN; step <= STEP_PREPARE; step++)
        if (!steps_run(session, step, step))
            return false;
    return true;
}

/* --- in order --------------------------------------------------------------------------------- */

enum tried { TRIED_DONE, TRIED_AGAIN, TRIED_FAILED };

static bool is_serialisation_failure(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && strcmp(state, "40001") == 0;
}

/* Reads one statement's result. TRIED_AGAIN: the transaction has failed for another one. */
static enum tried step_read(struct loop_session *session, int i, enum step step)
{
    PGconn *connection = session->branch[i];
    PGresult *result = PQgetResult(connection);
    ExecStatusType status = PQresultStatus(result);
    enum tried tried = TRIED_FAILED;
    if ((status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) &&
        strcmp(PQcmdStatus(result), step_tags[step]) == 0)
        tried = TRIED_DONE;
    else if (is_serialisation_failure(result))
        tried = TRIED_AGAIN;
    else
        (void)fault(session, "%s", PQerrorMessage(connection));
    PQclear(result);
    PQclear(PQgetResult(connection)); /* the NULL behind it */
    return tried;
}

static bool roll_back(struct loop_session *session, int i)
{
    PGconn *connection = session->branch[i];
    if (session->config->strong) { /* what was skipped, up to the sync */
        PGresult *result;
        bool synced = false;
        while (!synced) {
            result = PQgetResult(connection);
            synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
            PQclear(result);
            if (PQstatus(connection) != CONNECTION_OK)
                return fault(session, "%s", PQerrorMessage(connection));
        }
    }
    if (PQtransactionStatus(connection) == PQTRANS_IDLE)
        return true; /* PREPARE TRANSACTION failed, and ended it */
    return text_send(session, connection, "ROLLBACK") &&
           (!session->config->strong || PQpipelineSync(connection) == 1) &&
           result_is(session, connection, "ROLLBACK") &&
           (!session->config->strong || sync_is(session, connection));
}

static enum tried branch_try(struct loop_session *session, int i)
{
    bool strong = session->config->strong;
    enum tried tried = TRIED_DONE;
    for (enum step step = STEP_BEGIN; strong && step <= STEP_PREPARE; step++)
        if (!step_send(session, i, step))
            return TRIED_FAILED;
    if (strong && PQpipelineSync(session->branch[i]) != 1)
        return TRIED_FAILED;
    for (enum step step = STEP_BEGIN; tried == TRIED_DONE && step <= STEP_PREPARE; step++) {
        if (!strong && !step_send(session, i, step))
            return TRIED_FAILED;
        tried = step_read(session, i, step);
    }
    if (tried == TRIED_AGAIN && !roll_back(session, i))
        return TRIED_FAILED;
    if (tried == TRIED_DONE && strong && !sync_is(session, session->branch[i]))
        return TRIED_FAILED;
    return tried;
}

static bool prepare_in_order(struct loop_session *session)
{
    for (int i = 0; i < BRANCHES; i++) {
        enum tried tried;
        do
            tried = branch_try(session, i);
        while (tried == TRIED_AGAIN);
        if (tried == TRIED_FAILED)
            return false;
    }
    return true;
}

static bool prepare_branches(struct loop_session *session)
{
    const uint32_t *hot = session->config->hot;
    return hot[0] != 0 || hot[1] != 0 ? prepare_in_order(session) : prepare_both(session);
}

static void accounts_choose(struct loop_session *session)
{
    for (int i = 0; i < BRANCHES; i++) {
        uint32_t hot = session->config->hot[i];
        uint64_t own = (uint64_t)session->number * session->config->accounts;
        session->account[i] = hot != 0 ? random_next(session) % hot + 1
                                       : own + random_next(session) % session->config->accounts + 1;
    }
}

static bool decide(struct loop_session *session)
{
    const char *values[] = {session->gtid, "[{\"branch\":1},{\"branch\":2}]"};
    return sent(session, session->decisions,
                PQsendQueryPrepared(session->decisions, "decision", 2, values, NULL, NULL, 0)) &&
           result_is(session, session->decisions, "INSERT 0 1");
}

bool loop_session_transfer(struct loop_session *session)
{
    session->counter++;
    /* In the order of time, as a gtid is: at one place of the index, not all over it. */
    (void)snprintf(session->gtid, sizeof session->gtid, "%08llx-%04llx-8000-8000-%06x%06x",
                   (unsigned long long)(session->config->run & 0xffffffffu),
                   (unsigned long long)(session->counter >> 24 & 0xffffu),
                   (unsigned)(session->counter & 0xffffffu), (unsigned)session->number);
    for (int i = 0; i < BRANCHES; i++)
        (void)snprintf(session->prepared[i], sizeof session->prepared[i], "bench_%s_%d",
                       session->gtid, i + 1);
    accounts_choose(session);
    return prepare_branches(session) && decide(session) &&
           steps_run(session, STEP_COMMIT, STEP_COMMIT);
}
