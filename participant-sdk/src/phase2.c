/* phase2.c: commit, abort, compensate and status (participant-sdk.md, "The guard"). */
#include "phase2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/crash.h>

#include "connection.h"
#include "guard.h"
#include "output.h"
#include "outputs.h"
#include "reply.h"
#include "resource.h"
#include "session.h"
#include "sql.h"
#include "task.h"
#include "waits.h"
#include "work.h"

#define SQLSTATE_NO_SUCH_OBJECT "42704"
#define SQLSTATE_NOT_IN_STATE   "55000"
#define CONNECTIONS_TRIED       2 /* an idle one may have been dead for long; a new one is not */

static const struct troth_span none = {NULL, 0};

static bool ask(struct session *session, const struct troth_reply *task,
                enum sql_statement function, struct guard_answer *ret_answer)
{
    struct sql_parameters parameters;
    sql_key(&parameters, &task->call);
    return guard_ask(session, function, &parameters, ret_answer);
}

/* --- commit ----------------------------------------------------------------------------------- */

/* The row that was written inside the prepared transaction says what became of it: 42704 alone is
 * neither success nor failure (faults.md 5). */
static void ask_witness(struct session *session, struct troth_reply *task)
{
    struct guard_answer said;
    if (!ask(session, task, SQL_COMMITTED, &said)) {
        troth_reply_unknown(task, session->why);
        return;
    }
    if (said.verdict == VERDICT_DONE)
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, said.output);
    else if (said.verdict == VERDICT_HEURISTIC)
        troth_reply_heuristic(task, said.reason);
    else
        troth_reply_unknown(task, said.reason);
    guard_answer_finish(&said);
}

static void committed(struct session *session, struct troth_reply *task)
{
    struct troth_span output;
    char *memory;
    if (outputs_take(session->postgres->outputs, &task->call, &memory, &output)) {
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, output);
        free(memory);
        return;
    }
    ask_witness(session, task);
}

/* true: the connection broke: again on a new one, which is safe. */
static bool commit_once(struct session *session, struct troth_reply *task)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    char text[GUARD_TEXT_BYTES];
    struct sql_error error;
    guard_prepared_name(&task->call, task->call.attempt, name);
    guard_say_prepared("COMMIT PREPARED", name, text);
    session_unwarn(session);
    CRASH_POINT("branch.commit");
    switch (session_command(session, text, "COMMIT PREPARED", &error)) {
    case SQL_OK:
        CRASH_POINT("branch.committed");
        if (session->warned)
            troth_reply_unknown(task, session->why);
        else
            committed(session, task);
        return false;
    case SQL_LOCKED:
        troth_reply_retry(task, 0, session->why);
        return false;
    case SQL_FAILED:
        break;
    case SQL_LOST:
        return true;
    }
    if (session->stale) /* it is the wrong server's */
        return true;
    if (strcmp(error.sqlstate, SQLSTATE_NO_SUCH_OBJECT) == 0)
        ask_witness(session, task);
    else if (strcmp(error.sqlstate, SQLSTATE_NOT_IN_STATE) == 0)
        troth_reply_retry(task, 0, session->why);
    else /* never taken for an answer (faults.md 6, 7) */
        troth_reply_unknown(task, session->why);
    return false;
}

void commit_run(struct session *session, struct troth_reply *task)
{
    int tried;
    if (task->operation->is.read_only) {
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, none);
        return;
    }
    for (tried = 0; tried < CONNECTIONS_TRIED && !session->cut && session_open(session) == 0;
         tried++)
        if (!commit_once(session, task))
            return;
    troth_reply_unknown(task, session->why);
}

/* --- abort ------------------------------------------------------------------------------------ */

static bool ask_abort(struct session *session, const struct troth_reply *task, bool rolled_back,
                      struct guard_answer *ret_answer)
{
    struct sql_parameters parameters;
    sql_key(&parameters, &task->call);
    sql_bool(&parameters, rolled_back);
    CRASH_POINT("guard.abort");
    bool asked = guard_ask(session, SQL_ABORT, &parameters, ret_answer);
    CRASH_POINT("guard.aborted");
    return asked;
}

/* ROLLBACK PREPARED by itself of what the guard names, this attempt and what is below [TOMBFIRST];
 * then the tombstone, also where there was nothing [NOTOMB]; then the answer [ACKEARLY]. true:
 * again. */
static bool abort_once(struct session *session, struct troth_reply *task, bool *rolled_back)
{
    struct waits *waits = session->postgres->waits;
    struct guard_answer said;
    bool again = false;
    waits_end_lower(waits, session, &task->call, task->call.attempt);
    if (session->connection == NULL)
        return true;
    if (waits_higher(waits, &task->call)) { /* whoever has aborts to do must not wait for its row */
        troth_reply_retry(task, 0, "a higher attempt is at work");
        return false;
    }
    if (!ask_abort(session, task, *rolled_back, &said))
        return true;
    if (said.verdict == VERDICT_ROLL_BACK) {
        *rolled_back = guard_roll_back(session, &said) || *rolled_back;
        again = true;
    } else if (said.verdict == VERDICT_ABORTED) {
        troth_reply_done(task, TROTH_BRANCH_ABORTED, none);
    } else if (said.verdict == VERDICT_COMMITTED) {
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, said.output);
    } else if (said.verdict == VERDICT_RETRY) {
        troth_reply_retry(task, 0, said.reason);
    } else {
        troth_reply_unknown(task, said.reason);
    }
    guard_answer_finish(&said);
    return again;
}

void abort_run(struct session *session, struct troth_reply *task)
{
    bool rolled_back = false;
    int rounds;
    if (task->operation->is.read_only) {
        troth_reply_done(task, TROTH_BRANCH_ABORTED, none);
        return;
    }
    for (rounds = 0; rounds < GUARD_ROUNDS_MAX && !session->cut; rounds++) {
        if (session_open(session) != 0)
            break;
        if (!abort_once(session, task, &rolled_back))
            return;
    }
    troth_reply_retry(task, 0, session->why);
}

/* --- compensate ------------------------------------------------------------------------------- */

static void compensate_work(struct session *session, struct troth_reply *task,
                            struct troth_span action_output)
{
    const struct pg_operation *operation = task->operation;
    struct troth_output output = {{0}, {0}};
    char reason[MESSAGE_REASON_MAX + 1];
    enum work_end end;
    enum sql_end kept = SQL_FAILED;
    task->call.action_output = action_output;
    session_forget(session);
    session->claimed = GUARD_CLAIMED;
    end = work_run(session, operation->is.compensate, operation->undo_arg, &task->call, &output);
    CRASH_POINT("branch.compensate");
    if (end == WORK_DONE)
        kept = work_finish(session, &task->call, "compensation", &output, "COMMIT", "COMMIT");
    CRASH_POINT("branch.compensated");
    (void)session_rollback(session); /* where it is still open; a broken one is opened anew */
    task->call.action_output = none;
    (void)snprintf(reason, sizeof reason, "%.*s", (int)output.reason.len, output.reason.data);
    if (end == WORK_REFUSED) /* parks the step; kept nowhere: an operator may try it again */
        troth_reply_refused(task, reason, output_span(&output));
    else if (end == WORK_CONFLICT)
        troth_reply_conflict(task, reason, NULL);
    else if (end != WORK_DONE)
        troth_reply_retry(task, 0, reason);
    else if (kept == SQL_OK)
        troth_reply_done(task, TROTH_BRANCH_COMPENSATED, output_span(&output));
    else if (kept == SQL_LOST)
        troth_reply_unknown(task, session->why);
    else if (waits_conflict(session))
        troth_reply_conflict(task, session->why, NULL);
    else
        troth_reply_retry(task, 0, session->why);
    output_finish(&output);
}

/* The compensation's own row was there already. */
static void compensated_before(struct session *session, struct troth_reply *task)
{
    struct sql_parameters parameters;
    struct guard_answer said;
    sql_key(&parameters, &task->call);
    parameters.count = 3; /* of any attempt */
    if (!session_rollback(session) ||
        !guard_ask(session, SQL_FOUND_BY_COMPENSATION, &parameters, &said)) {
        troth_reply_retry(task, 0, session->why);
        return;
    }
    if (said.verdict == VERDICT_DONE)
        troth_reply_done(task, TROTH_BRANCH_COMPENSATED, said.output);
    else
        troth_reply_unknown(task, said.reason);
    guard_answer_finish(&said);
}

/* The action is done: undo it once. true: again. */
static bool undo(struct session *session, struct troth_reply *task, struct troth_span action_output)
{
    switch (guard_claim_compensation(session, task)) {
    case GUARD_CLAIMED:
        compensate_work(session, task, action_output);
        return false;
    case GUARD_TAKEN:
        compensated_before(session, task);
        return false;
    case GUARD_LOCKED:
        (void)session_rollback(session);
        troth_reply_retry(task, 0, "the same compensation still runs");
        return false;
    case GUARD_FAILED:
        (void)session_rollback(session);
        troth_reply_retry(task, 0, session->why);
        return false;
    case GUARD_LOST: /* before anything was done */
        break;
    }
    return true;
}

/* First whether there is anything to undo, and where there is not that nothing comes later
 * [NOTOMB]. true: again. */
static bool compensate_once(struct session *session, struct troth_reply *task)
{
    struct guard_answer said;
    bool again = false;
    if (!ask(session, task, SQL_TO_UNDO, &said))
        return true;
    if (said.verdict == VERDICT_ROLL_BACK) {
        (void)guard_roll_back(session, &said); /* what was not is there again */
        again = true;
    } else if (said.verdict == VERDICT_WORK && task->operation->is.compensate != NULL) {
        again = undo(session, task, said.output);
    } else if (said.verdict == VERDICT_WORK) {
        task_reply_no_operation(task, "the operation has no compensation here");
    } else if (said.verdict == VERDICT_DONE) {
        troth_reply_done(task, TROTH_BRANCH_COMPENSATED, none);
    } else if (said.verdict == VERDICT_RETRY) {
        troth_reply_retry(task, 0, said.reason);
    } else {
        troth_reply_unknown(task, said.reason);
    }
    guard_answer_finish(&said);
    return again;
}

void compensate_run(struct session *session, struct troth_reply *task)
{
    int rounds;
    if (task->operation->is.read_only) {
        troth_reply_done(task, TROTH_BRANCH_COMPENSATED, none);
        return;
    }
    for (rounds = 0; rounds < GUARD_ROUNDS_MAX && !session->cut && task_left_us(task) > 0;
         rounds++) {
        if (session_open(session) != 0)
            break;
        if (!compensate_once(session, task))
            return;
    }
    troth_reply_retry(task, 0, session->why[0] == '\0' ? "not in time" : session->why);
}

/* --- status ----------------------------------------------------------------------------------- */

static enum troth_branch_state state_of(enum guard_verdict verdict)
{
    switch (verdict) {
    case VERDICT_PREPARED:
        return TROTH_BRANCH_PREPARED;
    case VERDICT_ABORTED:
        return TROTH_BRANCH_ABORTED;
    case VERDICT_COMMITTED:
        return TROTH_BRANCH_COMMITTED;
    case VERDICT_COMPENSATED:
        return TROTH_BRANCH_COMPENSATED;
    case VERDICT_UNKNOWN:
    case VERDICT_WORK: /* these are not said of a status */
    case VERDICT_DONE:
    case VERDICT_REFUSED:
    case VERDICT_HEURISTIC:
    case VERDICT_RETRY:
    case VERDICT_AGAIN:
    case VERDICT_ROLL_BACK:
        break;
    }
    return TROTH_BRANCH_UNKNOWN;
}

/* true: again. */
static bool status_once(struct session *session, struct troth_reply *task)
{
    struct guard_answer said;
    if (!ask(session, task, SQL_STATUS, &said))
        return true;
    troth_reply_done(task, state_of(said.verdict), said.output);
    guard_answer_finish(&said);
    return false;
}

void status_run(struct session *session, struct troth_reply *task)
{
    int tried;
    for (tried = 0; tried < CONNECTIONS_TRIED && !session->cut && session_open(session) == 0;
         tried++)
        if (!status_once(session, task))
            return;
    troth_reply_retry(task, 0, session->why);
}
