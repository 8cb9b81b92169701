/* guard.c: the guard's rows: claimed here, in the transaction of the work; all else about them is
 * asked of the functions of troth_guard (sql/participant), which other languages use, too. What
 * these cannot do by themselves is done here: ROLLBACK PREPARED. */
#include "guard.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>

#include "connection.h"
#include "output.h"
#include "resource.h"
#include "session.h"
#include "sql.h"
#include "task.h"

#define SQLSTATE_NO_SUCH_OBJECT   "42704" /* no such prepared transaction */
#define SQLSTATE_NOT_IN_STATE     "55000" /* it is busy: being prepared, committed or rolled back */
#define SQLSTATE_DIVISION_BY_ZERO "22012" /* SQL_CLAIM_OR_FAIL: no row was written */
#define US_PER_MS                 1000u

/* --- parameters ------------------------------------------------------------------------------- */

/* $5 request, or its hash, $6 shard, $7 ordering. */
static void add_place(struct sql_parameters *parameters, const struct troth_reply *task,
                      struct troth_span request)
{
    struct troth_gtid_parts parts;
    troth_gtid_split(&task->call.gtid, &parts);
    sql_bytes(parameters, request);
    sql_int4(parameters, parts.shard);
    sql_int8(parameters, troth_gtid_order(&task->call.gtid));
}

static void format_ms(uint64_t us, char ret_text[24])
{
    const uint64_t ms = us / US_PER_MS + 1;
    (void)snprintf(ret_text, 24, "%llu", (unsigned long long)(ms > INT32_MAX ? INT32_MAX : ms));
}

/* Shorter than what is left of the whole, so that the answer arrives in time. */
uint64_t guard_lock_left_us(const struct session *session, const struct troth_reply *task)
{
    const bool told = task->call.lock_wait_us != 0;
    const uint64_t left = task_left_us(task);
    const uint64_t most = left == UINT64_MAX ? left : told ? left - left / 8 : left / 2;
    const uint64_t spent = task->began_us == 0 ? 0 : task_now_us() - task->began_us;
    uint64_t wait = told ? task->call.lock_wait_us : session->postgres->lock_timeout_us;
    wait = wait > spent ? wait - spent : 0;
    return wait > most ? most : wait;
}

void guard_timeouts_of(const struct session *session, const struct troth_reply *task,
                       struct guard_timeouts *ret_timeouts)
{
    const uint64_t left = task_left_us(task);
    const uint64_t guard = session->postgres->guard_timeout_us;
    (void)snprintf(ret_timeouts->statement, sizeof ret_timeouts->statement, "0");
    if (left != UINT64_MAX)
        format_ms(left, ret_timeouts->statement);
    format_ms(guard > left / 2 ? left / 2 : guard, ret_timeouts->guard);
    format_ms(guard_lock_left_us(session, task), ret_timeouts->lock);
}

/* --- rows ------------------------------------------------------------------------------------- */

static enum guard_end end_of(enum sql_end end, const PGresult *result)
{
    switch (end) {
    case SQL_OK:
        return PQntuples(result) == 1 ? GUARD_CLAIMED : GUARD_TAKEN;
    case SQL_LOCKED:
        return GUARD_LOCKED;
    case SQL_FAILED:
        return GUARD_FAILED;
    case SQL_LOST:
        break;
    }
    return GUARD_LOST;
}

/* Where the row is that was claimed, for what is kept there at the end. */
static void keep_place(struct session *session, const PGresult *result)
{
    (void)snprintf(session->place, sizeof session->place, "%s", PQgetvalue(result, 0, 0));
    CRASH_POINT("guard.claimed");
}

/* Reads the answers to BEGIN and the row. */
static enum guard_end read_claim(struct session *session)
{
    struct sql_error error;
    enum sql_end end = session_next(session, NULL, &error);
    enum guard_end claimed = GUARD_LOST;
    PGresult *result = NULL;
    if (end == SQL_OK)
        end = session_next(session, &result, &error);
    claimed = end_of(end, result);
    if (claimed == GUARD_CLAIMED)
        keep_place(session, result);
    PQclear(result);
    if (end == SQL_OK && PQtransactionStatus(session->connection) == PQTRANS_UNKNOWN)
        claimed = GUARD_LOST;
    return session_pipeline_end(session) ? claimed : GUARD_LOST;
}

static enum guard_end not_sent(struct session *session)
{
    session_say(session);
    session_close(session);
    return GUARD_LOST;
}

static void row_begin(const struct session *session, const struct troth_reply *task,
                      struct guard_row *row)
{
    /* BEGIN in an open transaction is a warning, and the row would be of that one. */
    assert(PQtransactionStatus(session->connection) != PQTRANS_INTRANS);
    guard_timeouts_of(session, task, &row->timeouts);
    guard_prepared_name(&task->call, task->call.attempt, row->prepared);
    sql_key(&row->parameters, &task->call);
    add_place(&row->parameters, task, task_request(task));
}

static const char *running_name(const struct guard_row *row)
{
    return row->prepared + strlen("troth_");
}

bool guard_row_behind(const struct troth_reply *task, struct guard_row *ret_row)
{
    const struct troth_span hash = {(const char *)ret_row->hash, TASK_HASH_BYTES};
    guard_prepared_name(&task->call, task->call.attempt, ret_row->prepared);
    sql_key(&ret_row->parameters, &task->call);
    add_place(&ret_row->parameters, task, hash);
    return task_request_hash(task, ret_row->hash);
}

void guard_row_settings(const struct session *session, const struct troth_reply *task,
                        struct guard_row *row)
{
    guard_timeouts_of(session, task, &row->timeouts);
    row->settings.count = 0;
    sql_text(&row->settings, row->timeouts.statement);
    sql_text(&row->settings, row->timeouts.lock);
    sql_text(&row->settings, running_name(row));
}

static bool send_claim(struct session *session, const struct troth_reply *task,
                       enum sql_statement statement)
{
    struct guard_row row;
    CRASH_POINT("guard.claim");
    row_begin(session, task, &row);
    sql_text(&row.parameters, row.timeouts.statement);
    sql_text(&row.parameters, row.timeouts.guard);
    sql_text(&row.parameters, running_name(&row));
    sql_text(&row.parameters, row.timeouts.lock);
    return session_pipeline_begin(session) && session_send(session, SQL_BEGIN, NULL) &&
           session_send(session, statement, &row.parameters);
}

enum guard_end guard_claim(struct session *session, const struct troth_reply *task)
{
    if (!send_claim(session, task, SQL_CLAIM) || !session_pipeline_send(session))
        return not_sent(session);
    return read_claim(session);
}

bool guard_claim_send(struct session *session, const struct troth_reply *task)
{
    return send_claim(session, task, SQL_CLAIM_OR_FAIL);
}

/* What the row's own result says, which was judged as `end`. */
static enum guard_end claim_end(struct session *session, enum sql_end end,
                                const struct sql_error *error, const PGresult *result)
{
    switch (end) {
    case SQL_OK:
        keep_place(session, result);
        return GUARD_CLAIMED;
    case SQL_LOCKED:
        return GUARD_LOCKED;
    case SQL_FAILED:
        return strcmp(error->sqlstate, SQLSTATE_DIVISION_BY_ZERO) == 0 ? GUARD_TAKEN : GUARD_FAILED;
    case SQL_LOST:
        break;
    }
    return GUARD_LOST;
}

enum guard_end guard_claim_read(struct session *session)
{
    PGresult *result = NULL;
    struct sql_error error;
    enum guard_end claimed;
    enum sql_end end = session_next(session, NULL, &error);
    if (end == SQL_OK)
        end = session_next(session, &result, &error);
    claimed = claim_end(session, end, &error, result);
    PQclear(result);
    return claimed;
}

enum guard_end guard_claim_compensation(struct session *session, const struct troth_reply *task)
{
    struct sql_parameters parameters;
    struct guard_timeouts timeouts;
    assert(PQtransactionStatus(session->connection) != PQTRANS_INTRANS);
    guard_timeouts_of(session, task, &timeouts);
    sql_key(&parameters, &task->call);
    add_place(&parameters, task, task_request(task));
    sql_text(&parameters, timeouts.statement);
    sql_text(&parameters, timeouts.guard);
    sql_text(&parameters, timeouts.lock);
    CRASH_POINT("guard.claim_undo");
    if (!session_pipeline_begin(session) || !session_send(session, SQL_BEGIN, NULL) ||
        !session_send(session, SQL_CLAIM_COMPENSATION, &parameters) ||
        !session_pipeline_send(session))
        return not_sent(session);
    return read_claim(session);
}

/* --- what the functions say ------------------------------------------------------------------- */

static const char *const verdicts[] = {
    [VERDICT_WORK] = "work",
    [VERDICT_DONE] = "done",
    [VERDICT_REFUSED] = "refused",
    [VERDICT_PREPARED] = "prepared",
    [VERDICT_ABORTED] = "aborted",
    [VERDICT_COMMITTED] = "committed",
    [VERDICT_COMPENSATED] = "compensated",
    [VERDICT_HEURISTIC] = "heuristic",
    [VERDICT_UNKNOWN] = "unknown",
    [VERDICT_RETRY] = "retry",
    [VERDICT_AGAIN] = "again",
    [VERDICT_ROLL_BACK] = "roll_back",
};

static bool verdict_parse(const char *text, enum guard_verdict *ret_verdict)
{
    size_t i;
    for (i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (strcmp(text, verdicts[i]) == 0) {
            *ret_verdict = (enum guard_verdict)i;
            return true;
        }
    }
    return false;
}

/* Takes the result. */
static bool answer_fill(struct session *session, PGresult *result, struct guard_answer *ret_answer)
{
    struct guard_answer answer = {.result = result};
    if (PQntuples(result) != 1 || !verdict_parse(PQgetvalue(result, 0, 0), &answer.verdict)) {
        (void)snprintf(session->why, sizeof session->why, "the guard says what nobody knows");
        PQclear(result);
        return false;
    }
    if (PQgetisnull(result, 0, 1) == 0) {
        answer.output.data = PQgetvalue(result, 0, 1);
        answer.output.len = (size_t)PQgetlength(result, 0, 1);
    }
    answer.reason = PQgetvalue(result, 0, 2);
    answer.prepared = PQgetvalue(result, 0, 3);
    answer.revoked = PQgetvalue(result, 0, 4)[0] == 't';
    *ret_answer = answer;
    return true;
}

bool guard_ask(struct session *session, enum sql_statement function,
               const struct sql_parameters *parameters, struct guard_answer *ret_answer)
{
    const uint64_t more_us = GUARD_ROUNDS_MAX * session->postgres->guard_timeout_us;
    PGresult *result;
    return session_ask(session, function, parameters, more_us, &result) &&
           answer_fill(session, result, ret_answer);
}

void guard_answer_finish(struct guard_answer *answer)
{
    PQclear(answer->result); /* takes NULL */
    answer->result = NULL;
}

bool guard_ask_found(struct session *session, const struct troth_reply *task,
                     struct guard_answer *ret_answer)
{
    struct sql_parameters parameters;
    sql_key(&parameters, &task->call);
    sql_bytes(&parameters, task_request(task));
    return guard_ask(session, SQL_FOUND, &parameters, ret_answer);
}

bool guard_ask_held(struct session *session, const struct troth_reply *task,
                    struct guard_answer *ret_answer)
{
    struct sql_parameters parameters;
    sql_key(&parameters, &task->call);
    return guard_ask(session, SQL_ACTION_HELD, &parameters, ret_answer);
}

/* Binary text is the same bytes. */
static void add_buffer(struct sql_parameters *parameters, const struct buffer *buffer)
{
    if (buffer->len > 0)
        sql_bytes(parameters, buffer_span(buffer));
    else
        sql_text(parameters, NULL);
}

bool guard_refuse(struct session *session, const struct troth_reply *task,
                  const struct troth_output *output, struct guard_answer *ret_answer)
{
    struct sql_parameters parameters;
    sql_key(&parameters, &task->call);
    sql_bytes(&parameters, task_request(task));
    add_buffer(&parameters, &output->reason);
    add_buffer(&parameters, &output->json);
    CRASH_POINT("guard.refuse");
    bool asked = guard_ask(session, SQL_REFUSE, &parameters, ret_answer);
    CRASH_POINT("guard.refused");
    return asked;
}

/* --- what is prepared ------------------------------------------------------------------------- */

void guard_prepared_name(const struct troth_call *call, uint32_t attempt,
                         char ret_name[TROTH_PREPARED_NAME_LEN_MAX + 1])
{
    struct troth_prepared_name name = {
        .gtid = call->gtid, .branch = call->branch, .attempt = attempt};
    memcpy(name.journal, call->journal, sizeof name.journal);
    troth_prepared_name_format(&name, ret_name);
}

void guard_say_prepared(const char *words, const char *name, char ret_text[GUARD_TEXT_BYTES])
{
    const size_t words_len = strlen(words), name_len = strlen(name);
    char *at = ret_text;
    assert(words_len + name_len + sizeof " ''" <= GUARD_TEXT_BYTES);
    memcpy(at, words, words_len);
    at += words_len;
    *at++ = ' ';
    *at++ = '\'';
    memcpy(at, name, name_len);
    at += name_len;
    *at++ = '\'';
    *at = '\0';
}

/* true: it is gone, or somebody is about to end it: look again. */
static bool roll_back_one(struct session *session, const char *name)
{
    char text[GUARD_TEXT_BYTES];
    struct sql_error error;
    enum sql_end end;
    guard_say_prepared("ROLLBACK PREPARED", name, text);
    CRASH_POINT("branch.roll_back");
    end = session_command(session, text, "ROLLBACK PREPARED", &error);
    CRASH_POINT("branch.rolled_back");
    return end == SQL_OK ||
           (end == SQL_FAILED && (strcmp(error.sqlstate, SQLSTATE_NO_SUCH_OBJECT) == 0 ||
                                  strcmp(error.sqlstate, SQLSTATE_NOT_IN_STATE) == 0));
}

/* `names`: with a blank between two. */
static bool roll_back_all(struct session *session, const char *names)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    struct troth_prepared_name parsed;
    while (*names != '\0') {
        const size_t len = strcspn(names, " ");

        if (troth_prepared_name_parse(names, len, &parsed) != 0) {
            (void)snprintf(session->why, sizeof session->why, "no name of a branch: %.80s", names);
            return false;
        }
        troth_prepared_name_format(&parsed, name);
        if (!roll_back_one(session, name))
            return false;
        names += len + (names[len] == ' ');
    }
    return true;
}

bool guard_roll_back(struct session *session, const struct guard_answer *answer)
{
    return roll_back_all(session, answer->prepared);
}

bool guard_roll_back_through(struct session *session, const struct troth_call *call,
                             uint32_t through)
{
    struct sql_parameters parameters;
    struct troth_call lower = *call;
    struct sql_error error;
    PGresult *result = NULL;
    bool good;
    lower.attempt = through;
    sql_key(&parameters, &lower);
    good = session_run(session, SQL_PREPARED, &parameters, &result, &error) == SQL_OK &&
           roll_back_all(session, PQgetvalue(result, 0, 0));
    PQclear(result);
    return good;
}
