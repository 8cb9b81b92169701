/* phase1.c: prepare and execute through the guard (participant-sdk.md, "The guard").
 *
 * ROLLBACK PREPARED of lower attempts by itself, before the row is asked for, which it would wait
 * for [TOMBFIRST]; then the row and the work in one transaction [TWOTX]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg.h"

static const struct troth_span none = {NULL, 0};

/* --- answers from a row that was there -------------------------------------------------------- */

static void answer_done(struct troth_reply *task, struct troth_span output)
{
    if (task->call.op == TROTH_OP_PREPARE) {
        troth_reply_vote(task, TROTH_VOTE_YES, output);
    } else {
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, output);
    }
}

static void answer_row(struct troth_reply *task, const struct guard_row *row)
{
    if (row->forgotten) {
        troth_reply_unknown(task, "older than what the participant remembers");
        return;
    }
    if (row->attempt == task->call.attempt && !row->same_request) {
        troth_reply_refused(task, "the same call came before with another input", none);
        return;
    }
    switch (row->state) {
    case GUARD_DONE:
        answer_done(task, row->output);
        return;
    case GUARD_REFUSED:
        if (row->attempt == task->call.attempt) {
            troth_reply_refused(task, row->reason, row->output);
            return;
        }
        break;
    case GUARD_TOMBSTONE:
        break;
    case GUARD_NONE: /* it left between two statements */
        troth_reply_retry(task, 0, "another call of the same branch has just ended");
        return;
    }
    troth_reply_refused(task, "this attempt was aborted, or replaced by a higher one", none);
}

/* There is a row already: read in the transaction that found it, or, where finding it made that
 * fail, behind it. */
static void taken(struct session *session, struct troth_reply *task)
{
    struct guard_row row;

    if (PQtransactionStatus(session->connection) == PQTRANS_INERROR && !session_rollback(session)) {
        troth_reply_retry(task, 0, session->why);
        return;
    }
    if (guard_look(session, task, "action", &row) != GUARD_CLAIMED) {
        (void)session_rollback(session);
        troth_reply_retry(task, 0, session->why);
        return;
    }
    (void)session_rollback(session); /* nothing was written; a lost connection does not matter */
    answer_row(task, &row);
    guard_row_finish(&row);
}

/* --- the work --------------------------------------------------------------------------------- */

/* The refusal gets its tombstone, so that a duplicate cannot succeed later [REFNOTOMB]. */
static void refuse(struct session *session, struct troth_reply *task,
                   const struct troth_output *output)
{
    char reason[MESSAGE_REASON_MAX + 1];

    if (!session_rollback(session)) {
        troth_reply_retry(task, 0, session->why);
        return;
    }
    switch (guard_fence(session, task, "refused", output)) {
    case GUARD_CLAIMED:
        (void)snprintf(reason, sizeof reason, "%.*s", (int)output->reason.len, output->reason.data);
        troth_reply_refused(task, reason, output_span(output));
        return;
    case GUARD_TAKEN: /* a duplicate, or an abort, was faster: its word stands */
        taken(session, task);
        return;
    case GUARD_LOCKED:
        troth_reply_retry(task, 0, "the same call runs elsewhere");
        return;
    case GUARD_FAILED:
    case GUARD_LOST:
        break;
    }
    troth_reply_retry(task, 0, session->why);
}

static void failed(struct session *session, struct troth_reply *task,
                   const struct troth_output *output)
{
    char reason[MESSAGE_REASON_MAX + 1];

    (void)session_rollback(session); /* a broken one is opened anew for the next command */
    (void)snprintf(reason, sizeof reason, "%.*s", (int)output->reason.len, output->reason.data);
    participant_say(session->postgres->participant, TROTH_SEVERITY_WARNING,
                    "event=work_failed operation=%s reason=\"%s\"", task->call.operation, reason);
    troth_reply_retry(task, 0, reason);
}

static void prepare_transaction(struct session *session, struct troth_reply *task,
                                const struct troth_output *output)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    char text[TROTH_PREPARED_NAME_LEN_MAX + 32];

    guard_prepared_name(&task->call, task->call.attempt, name);
    (void)snprintf(text, sizeof text, "PREPARE TRANSACTION '%s'", name);
    switch (work_finish(session, &task->call, "action", output, text, "PREPARE TRANSACTION")) {
    case SQL_OK:
        outputs_put(session->postgres->outputs, &task->call, output_span(output));
        troth_reply_vote(task, TROTH_VOTE_YES, output_span(output));
        return;
    case SQL_LOCKED:
    case SQL_FAILED:
        (void)session_rollback(session);
        participant_say(session->postgres->participant, TROTH_SEVERITY_WARNING,
                        "event=prepare_failed name=%s reason=\"%s\"", name, session->why);
        troth_reply_retry(task, 0, session->why);
        return;
    case SQL_LOST:
        break;
    }
    troth_reply_unknown(task, session->why);
}

static void commit_transaction(struct session *session, struct troth_reply *task,
                               const struct troth_output *output)
{
    switch (work_finish(session, &task->call, "action", output, "COMMIT", "COMMIT")) {
    case SQL_OK:
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, output_span(output));
        return;
    case SQL_LOCKED:
    case SQL_FAILED:
        (void)session_rollback(session);
        troth_reply_retry(task, 0, session->why);
        return;
    case SQL_LOST: /* never "rolled back" (faults.md 2): the same call finds its row, or none */
        break;
    }
    troth_reply_unknown(task, session->why);
}

static bool unclaimed(struct session *session, struct troth_reply *task, enum guard_end end);

/* true: again. */
static bool act(struct session *session, struct troth_reply *task)
{
    const struct troth_postgres_operation *operation = &task->operation->is;
    struct troth_output output = {{0}, {0}};
    bool again = false;

    switch (work_run(session, operation->work, operation->arg, &task->call, &output)) {
    case WORK_DONE:
        if (task_left_us(task) == 0) {
            troth_output_reason(&output, "the work took longer than its timeout");
            failed(session, task, &output);
        } else if (task->call.op == TROTH_OP_PREPARE) {
            prepare_transaction(session, task, &output);
        } else {
            commit_transaction(session, task, &output);
        }
        break;
    case WORK_REFUSED:
        refuse(session, task, &output);
        break;
    case WORK_FAILED:
    case WORK_LOST:
        failed(session, task, &output);
        break;
    case WORK_UNCLAIMED: /* what it answered was about nothing */
        again = unclaimed(session, task, session->claimed);
        break;
    }
    output_finish(&output);
    return again;
}

/* --- the way to the row ----------------------------------------------------------------------- */

/* The same prepare again: its row is invisible. Another step's input may need the output, so what
 * is still in memory goes with the vote; else it comes with the commit. */
static void vote_again(struct session *session, struct troth_reply *task)
{
    struct troth_span output = none;
    char *memory = NULL;

    (void)outputs_copy(session->postgres->outputs, &task->call, &memory, &output);
    troth_reply_vote(task, TROTH_VOTE_YES, output);
    free(memory);
}

/* Somebody's transaction holds the row. true: try again. */
static bool held(struct session *session, struct troth_reply *task)
{
    if (!session_rollback(session)) {
        troth_reply_retry(task, 0, session->why);
        return false;
    }
    switch (guard_settle(session, &task->call, task->call.attempt - 1)) {
    case HOLDER_GONE:
        return true;
    case HOLDER_PREPARED:
        if (task->call.op == TROTH_OP_PREPARE) {
            vote_again(session, task);
        } else {
            troth_reply_retry(task, 0, "this attempt is prepared");
        }
        return false;
    case HOLDER_HIGHER:
        troth_reply_refused(task, "a higher attempt is prepared", none);
        return false;
    case HOLDER_RUNNING:
        troth_reply_retry(task, 0, "the same call still runs");
        return false;
    case HOLDER_FAILED:
        break;
    }
    troth_reply_retry(task, 0, session->why);
    return false;
}

/* The guard row is not ours. true: again. What is lost here is lost before anything was done. */
static bool unclaimed(struct session *session, struct troth_reply *task, enum guard_end end)
{
    switch (end) {
    case GUARD_TAKEN:
        taken(session, task);
        return false;
    case GUARD_LOCKED:
        return held(session, task);
    case GUARD_CLAIMED:
    case GUARD_FAILED:
        (void)session_rollback(session);
        troth_reply_retry(task, 0, session->why);
        return false;
    case GUARD_LOST: /* an idle connection may have been dead for long */
        break;
    }
    return true;
}

/* One round; true: again. */
static bool round_once(struct session *session, struct troth_reply *task)
{
    bool any;

    if (session_open(session) != 0 ||
        (task->call.attempt > 1 &&
         !guard_roll_back(session, &task->call, task->call.attempt - 1, &any))) {
        troth_reply_retry(task, 0, session->why);
        return false;
    }
    session->unclaimed = NULL;
    if (task->operation->is.queries_only) {
        session->unclaimed = task;
        return act(session, task);
    }
    session->claimed = guard_claim(session, task);
    return session->claimed == GUARD_CLAIMED ? act(session, task)
                                             : unclaimed(session, task, session->claimed);
}

void phase1_run(struct session *session, struct troth_reply *task)
{
    int rounds;

    for (rounds = 0; rounds < GUARD_ROUNDS_MAX && task_left_us(task) > 0; rounds++) {
        if (!round_once(session, task)) {
            return;
        }
    }
    troth_reply_retry(task, 0,
                      task_left_us(task) == 0 ? "its timeout passed before it could begin"
                                              : "another call of the same branch does not end");
}

/* --- read-only -------------------------------------------------------------------------------- */

static void read_only_answer(struct session *session, struct troth_reply *task, enum work_end end,
                             const struct troth_output *output)
{
    char reason[MESSAGE_REASON_MAX + 1];

    (void)session_rollback(session); /* it changed nothing: COMMIT and ROLLBACK are the same */
    (void)snprintf(reason, sizeof reason, "%.*s", (int)output->reason.len, output->reason.data);
    switch (end) {
    case WORK_DONE:
        if (task->call.op == TROTH_OP_PREPARE) {
            troth_reply_vote(task, TROTH_VOTE_READ_ONLY, output_span(output));
        } else {
            troth_reply_done(task, TROTH_BRANCH_COMMITTED, output_span(output));
        }
        return;
    case WORK_REFUSED:
        troth_reply_refused(task, reason, output_span(output));
        return;
    case WORK_FAILED:
    case WORK_LOST:
    case WORK_UNCLAIMED: /* there is no row */
        troth_reply_retry(task, 0, reason);
        return;
    }
}

/* BEGIN READ ONLY and the timeouts in one message. */
static bool read_only_begin(struct session *session, const struct troth_reply *task)
{
    struct sql_parameters settings = {.count = 0};
    const uint64_t left = task_left_us(task);
    uint64_t lock = session->postgres->lock_timeout_us;
    char statement[24] = "0", wait[24];
    struct sql_error error;
    bool begun;

    if (left != UINT64_MAX) {
        lock = lock > left / 2 ? left / 2 : lock;
        (void)snprintf(
            statement, sizeof statement, "%llu",
            (unsigned long long)(left / 1000 >= INT32_MAX ? INT32_MAX : left / 1000 + 1));
    }
    (void)snprintf(wait, sizeof wait, "%llu", (unsigned long long)(lock / 1000 + 1));
    sql_text(&settings, statement);
    sql_text(&settings, wait);
    begun = session_pipeline_begin(session) && session_send(session, SQL_BEGIN_READ_ONLY, NULL) &&
            session_send(session, SQL_SETTINGS, &settings) && session_pipeline_send(session) &&
            session_next(session, NULL, &error) == SQL_OK &&
            session_next(session, NULL, &error) == SQL_OK;
    if (!begun) {
        session_close(session);
        return false;
    }
    return session_pipeline_end(session);
}

void read_only_run(struct session *session, struct troth_reply *task)
{
    const struct troth_postgres_operation *operation = &task->operation->is;
    struct troth_output output = {{0}, {0}};
    enum work_end end;

    if (task_left_us(task) == 0) {
        troth_reply_retry(task, 0, "its timeout passed before it could begin");
        return;
    }
    /* Twice: an idle connection may have been dead for long. */
    if (session_open(session) != 0 ||
        (!read_only_begin(session, task) &&
         (session_open(session) != 0 || !read_only_begin(session, task)))) {
        troth_reply_retry(task, 0, session->why);
        return;
    }
    session->claimed = GUARD_CLAIMED; /* there is nothing to claim */
    end = work_run(session, operation->work, operation->arg, &task->call, &output);
    read_only_answer(session, task, end, &output);
    output_finish(&output);
}
