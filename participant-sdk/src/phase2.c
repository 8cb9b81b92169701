/* phase2.c: commit, abort, compensate and status (participant-sdk.md, "The guard"). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg.h"

#define SQLSTATE_NO_SUCH_OBJECT "42704"
#define SQLSTATE_NOT_IN_STATE   "55000"
#define CONNECTIONS_TRIED       2 /* an idle one may have been dead for long; a new one is not */

static const struct troth_span none = {NULL, 0};

/* --- commit ----------------------------------------------------------------------------------- */

/* The row that was written inside the prepared transaction says what became of it: 42704 alone is
 * neither success nor failure (faults.md 5). */
static void witness(struct troth_reply *task, const struct guard_row *row)
{
    if (row->state == GUARD_DONE && row->attempt <= task->call.attempt) {
        /* Of a lower attempt: it had acted before, and this one's vote was its stored answer. */
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, row->output);
    } else if (row->state == GUARD_NONE && row->forgotten) {
        troth_reply_unknown(task, "older than what the participant remembers");
    } else if (row->state == GUARD_NONE) {
        troth_reply_heuristic(task,
                              "the prepared transaction is gone and left no guard row: it was "
                              "rolled back or lost outside Troth");
    } else {
        troth_reply_heuristic(task, "the branch was aborted, or a higher attempt has acted");
    }
}

static void ask_witness(struct session *session, struct troth_reply *task)
{
    struct guard_row row;

    if (guard_look(session, task, "action", &row) != GUARD_CLAIMED) {
        troth_reply_unknown(task, session->why);
        return;
    }
    witness(task, &row);
    guard_row_finish(&row);
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
    char text[TROTH_PREPARED_NAME_LEN_MAX + 32];
    struct sql_error error;

    guard_prepared_name(&task->call, task->call.attempt, name);
    (void)snprintf(text, sizeof text, "COMMIT PREPARED '%s'", name);
    session_unwarn(session);
    switch (session_command(session, text, "COMMIT PREPARED", &error)) {
    case SQL_OK:
        if (session->warned) {
            troth_reply_unknown(task, session->why);
        } else {
            committed(session, task);
        }
        return false;
    case SQL_LOCKED:
        troth_reply_retry(task, 0, session->why);
        return false;
    case SQL_FAILED:
        break;
    case SQL_LOST:
        return true;
    }
    if (session->stale) { /* it is the wrong server's */
        return true;
    }
    if (strcmp(error.sqlstate, SQLSTATE_NO_SUCH_OBJECT) == 0) {
        ask_witness(session, task);
    } else if (strcmp(error.sqlstate, SQLSTATE_NOT_IN_STATE) == 0) {
        troth_reply_retry(task, 0, session->why);
    } else { /* never taken for an answer (faults.md 6, 7) */
        troth_reply_unknown(task, session->why);
    }
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
         tried++) {
        if (!commit_once(session, task)) {
            return;
        }
    }
    troth_reply_unknown(task, session->why);
}

/* --- abort ------------------------------------------------------------------------------------ */

/* The row was there: what it says. */
static void abort_found(struct session *session, struct troth_reply *task, bool rolled_back)
{
    struct guard_row row;

    if (guard_look(session, task, "action", &row) != GUARD_CLAIMED) {
        troth_reply_retry(task, 0, session->why);
        return;
    }
    if (row.state == GUARD_DONE && row.attempt <= task->call.attempt) {
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, row.output);
    } else if (row.state != GUARD_NONE || rolled_back) { /* also: a higher attempt has acted */
        troth_reply_done(task, TROTH_BRANCH_ABORTED, none);
    } else if (row.forgotten) {
        troth_reply_unknown(task, "older than what the participant remembers");
    } else {
        troth_reply_retry(task, 0, "another call of the same branch has just ended");
    }
    guard_row_finish(&row);
}

/* ROLLBACK PREPARED by itself, of this attempt and what is below [TOMBFIRST]; then the tombstone,
 * also where there was nothing [NOTOMB]; then the answer [ACKEARLY]. true: again. */
static bool abort_once(struct session *session, struct troth_reply *task, bool *rolled_back)
{
    struct waits *waits = session->postgres->waits;
    enum guard_holder holder;

    waits_end_lower(waits, session, &task->call, task->call.attempt);
    if (session->connection == NULL ||
        !guard_roll_back(session, &task->call, task->call.attempt, &holder)) {
        return true;
    }
    *rolled_back = *rolled_back || holder == HOLDER_GONE;
    if (holder == HOLDER_HIGHER || waits_higher(waits, &task->call)) {
        /* It has the row for as long as it takes, and whoever has aborts to do must not wait. */
        troth_reply_retry(task, 0, "a higher attempt is at work");
        return false;
    }
    switch (guard_fence(session, task, "tombstone", NULL)) {
    case GUARD_CLAIMED:
        troth_reply_done(task, TROTH_BRANCH_ABORTED, none);
        return false;
    case GUARD_TAKEN:
        abort_found(session, task, *rolled_back);
        return false;
    case GUARD_LOCKED:
        switch (guard_settle(session, &task->call, task->call.attempt)) {
        case HOLDER_GONE:
        case HOLDER_FAILED:
            return true;
        case HOLDER_HIGHER: /* it replaced this attempt: nothing of this one can come any more */
        case HOLDER_PREPARED:
        case HOLDER_RUNNING:
            troth_reply_retry(task, 0, "another call of the same branch runs");
            return false;
        }
        break;
    case GUARD_FAILED:
    case GUARD_LOST:
        break;
    }
    return true;
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
        if (session_open(session) != 0) {
            break;
        }
        if (!abort_once(session, task, &rolled_back)) {
            return;
        }
    }
    troth_reply_retry(task, 0, session->why);
}

/* --- compensate ------------------------------------------------------------------------------- */

static void compensate_work(struct session *session, struct troth_reply *task,
                            const struct guard_row *action)
{
    const struct troth_postgres_operation *operation = &task->operation->is;
    struct troth_output output = {{0}, {0}};
    char reason[MESSAGE_REASON_MAX + 1];
    enum work_end end;
    enum sql_end kept = SQL_FAILED;

    task->call.action_output = action->output;
    session_forget(session);
    session->claimed = GUARD_CLAIMED;
    end = work_run(session, operation->compensate, operation->arg, &task->call, &output);
    if (end == WORK_DONE) {
        kept = work_finish(session, &task->call, "compensation", &output, "COMMIT", "COMMIT");
    }
    (void)session_rollback(session); /* where it is still open; a broken one is opened anew */
    task->call.action_output = none;
    (void)snprintf(reason, sizeof reason, "%.*s", (int)output.reason.len, output.reason.data);
    if (end == WORK_REFUSED) { /* parks the step; kept nowhere: an operator may try it again */
        troth_reply_refused(task, reason, output_span(&output));
    } else if (end == WORK_CONFLICT) {
        troth_reply_conflict(task, reason, NULL);
    } else if (end != WORK_DONE) {
        troth_reply_retry(task, 0, reason);
    } else if (kept == SQL_OK) {
        troth_reply_done(task, TROTH_BRANCH_COMPENSATED, output_span(&output));
    } else if (kept == SQL_LOST) {
        troth_reply_unknown(task, session->why);
    } else if (session_conflict(session)) {
        troth_reply_conflict(task, session->why, NULL);
    } else {
        troth_reply_retry(task, 0, session->why);
    }
    output_finish(&output);
}

/* The compensation's own row was there already. */
static void compensated_before(struct session *session, struct troth_reply *task)
{
    struct guard_row row;

    if (guard_look(session, task, "compensation", &row) != GUARD_CLAIMED) {
        (void)session_rollback(session);
        troth_reply_retry(task, 0, session->why);
        return;
    }
    (void)session_rollback(session);
    /* Whatever its input was: the coordinator may have learnt the action's output meanwhile. */
    if (row.state == GUARD_DONE) {
        troth_reply_done(task, TROTH_BRANCH_COMPENSATED, row.output);
    } else {
        troth_reply_unknown(task, "older than what the participant remembers");
    }
    guard_row_finish(&row);
}

/* The action is done: undo it once. true: again. */
static bool undo(struct session *session, struct troth_reply *task, const struct guard_row *action)
{
    switch (guard_claim_compensation(session, task)) {
    case GUARD_CLAIMED:
        compensate_work(session, task, action);
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

/* The action's row is there, and committed. true: again. */
static bool compensate_found(struct session *session, struct troth_reply *task)
{
    struct guard_row row;
    bool again = false;

    if (guard_look(session, task, "action", &row) != GUARD_CLAIMED) {
        return true;
    }
    if (row.state == GUARD_DONE && task->operation->is.compensate != NULL) {
        again = undo(session, task, &row);
    } else if (row.state == GUARD_DONE) {
        task_reply_no_operation(task, "the operation has no compensation here");
    } else if (row.state != GUARD_NONE) { /* refused or aborted: nothing to undo */
        troth_reply_done(task, TROTH_BRANCH_COMPENSATED, none);
    } else if (row.forgotten) {
        troth_reply_unknown(task, "older than what the participant remembers");
    } else {
        again = true;
    }
    guard_row_finish(&row);
    return again;
}

/* The action's tombstone first: it says whether there is anything to undo, and that nothing comes
 * later [NOTOMB]. true: again. */
static bool compensate_once(struct session *session, struct troth_reply *task)
{
    enum guard_holder holder;

    if (!guard_roll_back(session, &task->call, task->call.attempt, &holder)) {
        return true;
    }
    switch (guard_fence(session, task, "tombstone", NULL)) {
    case GUARD_CLAIMED:
        troth_reply_done(task, TROTH_BRANCH_COMPENSATED, none);
        return false;
    case GUARD_TAKEN:
        return compensate_found(session, task);
    case GUARD_LOCKED:
        switch (guard_settle(session, &task->call, task->call.attempt - 1)) {
        case HOLDER_GONE:
        case HOLDER_FAILED:
            return true;
        case HOLDER_PREPARED:
        case HOLDER_HIGHER:
        case HOLDER_RUNNING: /* the action itself runs: it may end well (faults.md 22) */
            troth_reply_retry(task, 0, "the action still runs");
            return false;
        }
        break;
    case GUARD_FAILED:
    case GUARD_LOST:
        break;
    }
    return true;
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
        if (session_open(session) != 0) {
            break;
        }
        if (!compensate_once(session, task)) {
            return;
        }
    }
    troth_reply_retry(task, 0, session->why[0] == '\0' ? "not in time" : session->why);
}

/* --- status ----------------------------------------------------------------------------------- */

/* Of an action that is not done. A row of a lower attempt says nothing of this one. */
static enum troth_branch_state state_of(const struct guard_row *row, enum guard_holder holder,
                                        uint32_t attempt)
{
    if (holder == HOLDER_PREPARED) {
        return TROTH_BRANCH_PREPARED;
    }
    return row->state == GUARD_NONE || row->attempt < attempt ? TROTH_BRANCH_UNKNOWN
                                                              : TROTH_BRANCH_ABORTED;
}

/* What is prepared is asked first: what is committed in between shows as a row. true: again. */
static bool status_once(struct session *session, struct troth_reply *task)
{
    const enum guard_holder holder = guard_settle(session, &task->call, 0);
    struct guard_row row, undone;
    bool again = false;

    if (holder == HOLDER_FAILED || guard_look(session, task, "action", &row) != GUARD_CLAIMED) {
        return true;
    }
    if (row.state != GUARD_DONE) {
        troth_reply_done(task, state_of(&row, holder, task->call.attempt), row.output);
    } else if (guard_look(session, task, "compensation", &undone) != GUARD_CLAIMED) {
        again = true;
    } else {
        troth_reply_done(
            task, undone.state == GUARD_DONE ? TROTH_BRANCH_COMPENSATED : TROTH_BRANCH_COMMITTED,
            undone.state == GUARD_DONE ? undone.output : row.output);
        guard_row_finish(&undone);
    }
    guard_row_finish(&row);
    return again;
}

void status_run(struct session *session, struct troth_reply *task)
{
    int tried;

    for (tried = 0; tried < CONNECTIONS_TRIED && !session->cut && session_open(session) == 0;
         tried++) {
        if (!status_once(session, task)) {
            return;
        }
    }
    troth_reply_retry(task, 0, session->why);
}
