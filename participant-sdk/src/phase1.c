/* phase1.c: prepare and execute through the guard (participant-sdk.md, "The guard"), but for what
 * single.c does by itself.
 *
 * ROLLBACK PREPARED of lower attempts by itself, before the row is asked for, which it would wait
 * for [TOMBFIRST]; then the row and the work in one transaction [TWOTX]. */
#include "phase1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/crash.h>

#include "connection.h"
#include "guard.h"
#include "output.h"
#include "outputs.h"
#include "resource.h"
#include "session.h"
#include "single.h"
#include "sql.h"
#include "task.h"
#include "turns.h"
#include "waits.h"
#include "work.h"

/* Between two rounds that failed for what others have read and written: a prepared transaction in
 * the way stays there for a while. Who failed for a row that was changed has waited for it. */
#define PAUSE_MIN_US 500u
#define PAUSE_MAX_US 20000u

/* How a round of a command ended. */
enum round {
    ROUND_ANSWERED,
    ROUND_AGAIN,   /* the guard's row was not to be had as it was */
    ROUND_CONFLICT /* session->conflict; nothing is left of it */
};

static const struct troth_span none = {NULL, 0};

/* --- answers from a row that was there -------------------------------------------------------- */

static void answer_done(struct troth_reply *task, struct troth_span output)
{
    if (task->call.op == TROTH_OP_PREPARE)
        troth_reply_vote(task, TROTH_VOTE_YES, output);
    else
        troth_reply_done(task, TROTH_BRANCH_COMMITTED, output);
}

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

static void answer_found(struct session *session, struct troth_reply *task,
                         const struct guard_answer *said)
{
    switch (said->verdict) {
    case VERDICT_DONE:
        answer_done(task, said->output);
        return;
    case VERDICT_REFUSED:
        if (said->revoked)
            troth_reply_revoked(task, said->reason, said->output);
        else
            troth_reply_refused(task, said->reason, said->output);
        return;
    case VERDICT_PREPARED:
        if (task->call.op == TROTH_OP_PREPARE)
            vote_again(session, task);
        else
            troth_reply_retry(task, 0, said->reason);
        return;
    case VERDICT_RETRY:
        troth_reply_retry(task, 0, said->reason);
        return;
    case VERDICT_UNKNOWN:
    case VERDICT_HEURISTIC: /* these are not said to prepare and execute */
    case VERDICT_WORK:
    case VERDICT_ABORTED:
    case VERDICT_COMMITTED:
    case VERDICT_COMPENSATED:
    case VERDICT_AGAIN:
    case VERDICT_ROLL_BACK:
        break;
    }
    troth_reply_unknown(task, said->reason);
}

/* There is a row already. Nothing of the transaction that found it is needed. */
static void taken(struct session *session, struct troth_reply *task)
{
    struct guard_answer said;
    if (!session_rollback(session) || !guard_ask_found(session, task, &said)) {
        troth_reply_retry(task, 0, session->why);
        return;
    }
    answer_found(session, task, &said);
    guard_answer_finish(&said);
}

/* --- the work --------------------------------------------------------------------------------- */

/* The refusal gets its tombstone, so that a duplicate cannot succeed later [REFNOTOMB]. */
static void refuse(struct session *session, struct troth_reply *task,
                   const struct troth_output *output)
{
    struct guard_answer said;
    if (!session_rollback(session) || !guard_refuse(session, task, output, &said)) {
        troth_reply_retry(task, 0, session->why);
        return;
    }
    answer_found(session, task, &said);
    guard_answer_finish(&said);
}

/* Nothing is left of the round. `words`: for people. */
static enum round conflict(struct session *session, struct troth_span words)
{
    (void)snprintf(session->conflict, sizeof session->conflict, "%.*s", (int)words.len, words.data);
    (void)session_rollback(session); /* a broken one is opened anew */
    return ROUND_CONFLICT;
}

static enum round conflict_why(struct session *session)
{
    return conflict(session, (struct troth_span){session->failed_why, strlen(session->failed_why)});
}

static void failed(struct session *session, struct troth_reply *task,
                   const struct troth_output *output)
{
    char reason[MESSAGE_REASON_MAX + 1];
    (void)session_rollback(session); /* a broken one is opened anew for the next command */
    (void)snprintf(reason, sizeof reason, "%.*s", (int)output->reason.len, output->reason.data);
    session_complain(session, TROTH_SEVERITY_WARNING, "work_failed", "operation=%s reason=\"%s\"",
                     task->call.operation, reason);
    troth_reply_retry(task, 0, reason);
}

void phase1_done(struct session *session, struct troth_reply *task, struct troth_span output)
{
    if (task->call.op == TROTH_OP_PREPARE)
        outputs_put(session->postgres->outputs, &task->call, output);
    answer_done(task, output);
}

/* PREPARE or COMMIT failed, so that nothing is done. */
static enum round not_ended(struct session *session, struct troth_reply *task)
{
    if (waits_conflict(session))
        return conflict_why(session);
    if (work_would_fail_again(session)) { /* a constraint that was deferred to here */
        struct troth_output said = {{0}, {0}};
        troth_output_reason(&said, session->failed_why);
        refuse(session, task, &said);
        output_finish(&said);
        return ROUND_ANSWERED;
    }
    (void)session_rollback(session);
    session_complain(session, TROTH_SEVERITY_WARNING, "end_failed", "operation=%s reason=\"%s\"",
                     task->call.operation, session->why);
    troth_reply_retry(task, 0, session->why);
    return ROUND_ANSWERED;
}

static enum round prepare_transaction(struct session *session, struct troth_reply *task,
                                      const struct troth_output *output)
{
    char name[TROTH_PREPARED_NAME_LEN_MAX + 1];
    char text[GUARD_TEXT_BYTES];
    guard_prepared_name(&task->call, task->call.attempt, name);
    guard_say_prepared("PREPARE TRANSACTION", name, text);
    CRASH_POINT("branch.prepare");
    switch (work_finish(session, &task->call, "action", output, text, "PREPARE TRANSACTION")) {
    case SQL_OK:
        CRASH_POINT("branch.prepared");
        phase1_done(session, task, output_span(output));
        return ROUND_ANSWERED;
    case SQL_LOCKED:
    case SQL_FAILED:
        return not_ended(session, task);
    case SQL_LOST:
        break;
    }
    troth_reply_unknown(task, session->why);
    return ROUND_ANSWERED;
}

static enum round commit_transaction(struct session *session, struct troth_reply *task,
                                     const struct troth_output *output)
{
    CRASH_POINT("branch.execute");
    switch (work_finish(session, &task->call, "action", output, "COMMIT", "COMMIT")) {
    case SQL_OK:
        CRASH_POINT("branch.executed");
        phase1_done(session, task, output_span(output));
        return ROUND_ANSWERED;
    case SQL_LOCKED:
    case SQL_FAILED:
        return not_ended(session, task);
    case SQL_LOST: /* never "rolled back" (faults.md 2): the same call finds its row, or none */
        break;
    }
    troth_reply_unknown(task, session->why);
    return ROUND_ANSWERED;
}

static enum round unclaimed(struct session *session, struct troth_reply *task, enum guard_end end);

static enum round act(struct session *session, struct troth_reply *task)
{
    const struct pg_operation *operation = task->operation;
    struct troth_output output = {{0}, {0}};
    enum round round = ROUND_ANSWERED;
    switch (work_run(session, operation->is.work, operation->work_arg, &task->call, &output)) {
    case WORK_DONE:
        if (task_left_us(task) == 0) {
            troth_output_reason(&output, "the work took longer than its timeout");
            failed(session, task, &output);
        } else if (task->call.op == TROTH_OP_PREPARE) {
            round = prepare_transaction(session, task, &output);
        } else {
            round = commit_transaction(session, task, &output);
        }
        break;
    case WORK_CONFLICT:
        round = conflict(session, buffer_span(&output.reason));
        break;
    case WORK_REFUSED:
        refuse(session, task, &output);
        break;
    case WORK_FAILED:
    case WORK_LOST:
        failed(session, task, &output);
        break;
    case WORK_UNCLAIMED: /* what it answered was about nothing */
        round = unclaimed(session, task, session->claimed);
        break;
    }
    output_finish(&output);
    return round;
}

/* --- the way to the row ----------------------------------------------------------------------- */

/* Somebody's transaction holds the row. */
static enum round held(struct session *session, struct troth_reply *task)
{
    enum round round = ROUND_ANSWERED;
    struct guard_answer said;
    if (!session_rollback(session) || !guard_ask_held(session, task, &said)) {
        troth_reply_retry(task, 0, session->why);
        return ROUND_ANSWERED;
    }
    if (said.verdict == VERDICT_AGAIN ||
        (said.verdict == VERDICT_ROLL_BACK && guard_roll_back(session, &said)))
        round = ROUND_AGAIN;
    else if (said.verdict == VERDICT_ROLL_BACK)
        troth_reply_retry(task, 0, session->why);
    else
        answer_found(session, task, &said);
    guard_answer_finish(&said);
    return round;
}

/* The guard row is not ours. What is lost here is lost before anything was done. */
static enum round unclaimed(struct session *session, struct troth_reply *task, enum guard_end end)
{
    switch (end) {
    case GUARD_TAKEN:
        taken(session, task);
        return ROUND_ANSWERED;
    case GUARD_LOCKED:
        return held(session, task);
    case GUARD_CLAIMED:
    case GUARD_FAILED:
        if (waits_conflict(session))
            return conflict_why(session);
        (void)session_rollback(session);
        troth_reply_retry(task, 0, session->why);
        return ROUND_ANSWERED;
    case GUARD_LOST: /* an idle connection may have been dead for long */
        if (session->cut) {
            troth_reply_retry(task, 0, session->why);
            return ROUND_ANSWERED;
        }
        break;
    }
    return ROUND_AGAIN;
}

static enum round claim_and_act(struct session *session, struct troth_reply *task)
{
    session->unclaimed = NULL;
    if (task->operation->is.queries_only) {
        session->unclaimed = task;
        return act(session, task);
    }
    session->claimed = guard_claim(session, task);
    return session->claimed == GUARD_CLAIMED ? act(session, task)
                                             : unclaimed(session, task, session->claimed);
}

/* Attempts below: what of them still works here, and what is prepared. */
static bool end_lower(struct session *session, const struct troth_reply *task)
{
    const uint32_t through = task->call.attempt - 1;
    waits_end_lower(session->postgres->waits, session, &task->call, through);
    return session->connection != NULL && guard_roll_back_through(session, &task->call, through);
}

static enum round round_once(struct session *session, struct troth_reply *task)
{
    enum round round;
    session_forget(session);
    if (session_open(session) != 0 || (task->call.attempt > 1 && !end_lower(session, task))) {
        troth_reply_retry(task, 0, session->why);
        return ROUND_ANSWERED;
    }
    if (!waits_enter(session->postgres->waits, session, task)) {
        troth_reply_retry(task, 0, "the same call still runs");
        return ROUND_ANSWERED;
    }
    round = claim_and_act(session, task);
    waits_leave(session->postgres->waits, session);
    return round;
}

/* What goes on over the rounds of a command that meets conflicts. */
struct rounds {
    uint64_t pause_us; /* the next one; 0: none yet */
    bool has_turn;
    bool blind; /* the first one did not have the guard's row */
};

/* A time between half of the pause and all of it, which doubles. */
static void pause_between(struct rounds *rounds)
{
    uint64_t us = rounds->pause_us == 0 ? PAUSE_MIN_US : rounds->pause_us * 2;
    struct timespec pause = {.tv_sec = 0};
    us = us > PAUSE_MAX_US ? PAUSE_MAX_US : us;
    rounds->pause_us = us;
    pause.tv_nsec = (long)(us / 2 + task_now_us() % (us / 2 + 1)) * 1000;
    (void)nanosleep(&pause, NULL); /* a signal that cuts it short does no harm */
}

/* With whose lock it was, where that was looked for. */
static void answer_conflict(const struct session *session, struct troth_reply *task)
{
    const struct wait *wait = &session->wait;
    char reason[MESSAGE_REASON_MAX + 1];
    (void)snprintf(reason, sizeof reason, "%.300s%s%s", wait->ended ? wait->why : session->conflict,
                   wait->known ? "; the lock is held by " : "", wait->known ? wait->holder : "");
    troth_reply_conflict(task, reason, wait->known && wait->ours ? &wait->blocker : NULL);
}

/* The round left nothing here, so that another one, with a fresh snapshot, can be in nobody's way:
 * as long as it might wait for a lock, which is the same to the coordinator. And only who has the
 * guard's row says conflict [BLINDCONFLICT]. false: answered. */
static bool another(struct session *session, struct troth_reply *task, struct rounds *rounds)
{
    struct turns *turns = session->postgres->turns;
    const uint64_t left_us = guard_lock_left_us(session, task);
    const bool blind = rounds->blind;
    rounds->blind = false;
    if (!session_again(session) || left_us <= rounds->pause_us) {
        if (blind)
            return true;
        answer_conflict(session, task);
        return false;
    }
    if (rounds->has_turn)
        turns_failed(turns);
    else
        rounds->has_turn = turns_take(turns, &task->call.gtid, left_us);
    if (session->dependent)
        pause_between(rounds);
    return true;
}

static void rounds_end(const struct session *session, const struct rounds *rounds, bool done)
{
    if (rounds->has_turn)
        turns_give_back(session->postgres->turns, done);
}

/* The statement that was cut off, in a single message, says so. */
static void out_of_time(struct session *session, struct troth_reply *task)
{
    const bool begun = strcmp(session->failed, SQLSTATE_CANCELLED) == 0;
    const char *why = begun ? session->failed_why : "its timeout passed before it could begin";
    if (begun)
        session_complain(session, TROTH_SEVERITY_WARNING, "work_failed",
                         "operation=%s reason=\"%s\"", task->call.operation, why);
    troth_reply_retry(task, 0, why);
}

/* Behind a round that ended so. */
static void rounds_run(struct session *session, struct troth_reply *task, enum round round,
                       bool blind)
{
    struct rounds rounds = {.blind = blind};
    int again = 0;
    while (round != ROUND_ANSWERED) {
        if (round == ROUND_CONFLICT && !another(session, task, &rounds)) {
            rounds_end(session, &rounds, false);
            return;
        }
        again += round == ROUND_AGAIN ? 1 : 0;
        if (again > GUARD_ROUNDS_MAX || task_left_us(task) == 0) {
            rounds_end(session, &rounds, false);
            if (task_left_us(task) == 0)
                out_of_time(session, task);
            else
                troth_reply_retry(task, 0, "another call of the same branch does not end");
            return;
        }
        round = round_once(session, task);
    }
    rounds_end(session, &rounds, true);
}

void phase1_run(struct session *session, struct troth_reply *task)
{
    task->began_us = task_now_us();
    rounds_run(session, task, ROUND_AGAIN, false);
}

/* What single.c has begun, and was not plain. */
static enum round single_round(struct session *session, struct troth_reply *task)
{
    const struct single *single = &session->single;
    if (!single_end(session)) { /* as a call that comes again: its row, or the branch, is found */
        if (session->cut) {
            troth_reply_unknown(task, session->why);
            return ROUND_ANSWERED;
        }
        return ROUND_AGAIN;
    }
    if (single->ended && session->warned) { /* nobody knows what it waited for */
        troth_reply_unknown(task, session->why);
        return ROUND_ANSWERED;
    }
    if (single->ended) {
        phase1_done(session, task, buffer_span(&single->output));
        return ROUND_ANSWERED;
    }
    if (waits_conflict(session))
        return conflict_why(session);
    (void)session_rollback(session); /* a broken one is opened anew */
    return ROUND_AGAIN;
}

/* Its work came before its guard row, so that the lock may be its own: of the same call, which is
 * prepared, or about to be. Not where it was seen to be somebody else's, and not where its wait was
 * ended for another reason. */
static bool is_blind(const struct session *session)
{
    const struct wait *wait = &session->wait;
    const bool own = wait->known && troth_gtid_equal(&wait->blocker, &wait->gtid);
    return own || (!wait->known && !wait->ended);
}

void phase1_go_on(struct session *session, struct troth_reply *task)
{
    enum round round;
    single_wait(session);
    waits_leave(session->postgres->waits, session);
    round = single_round(session, task);
    rounds_run(session, task, round, is_blind(session));
}

/* --- read-only -------------------------------------------------------------------------------- */

static enum round read_only_answer(struct session *session, struct troth_reply *task,
                                   enum work_end end, const struct troth_output *output)
{
    char reason[MESSAGE_REASON_MAX + 1];
    (void)session_rollback(session); /* it changed nothing: COMMIT and ROLLBACK are the same */
    (void)snprintf(reason, sizeof reason, "%.*s", (int)output->reason.len, output->reason.data);
    switch (end) {
    case WORK_DONE:
        if (task->call.op == TROTH_OP_PREPARE)
            troth_reply_vote(task, TROTH_VOTE_READ_ONLY, output_span(output));
        else
            troth_reply_done(task, TROTH_BRANCH_COMMITTED, output_span(output));
        break;
    case WORK_REFUSED:
        troth_reply_refused(task, reason, output_span(output));
        break;
    case WORK_CONFLICT:
        return conflict(session, buffer_span(&output->reason));
    case WORK_FAILED:
    case WORK_LOST:
    case WORK_UNCLAIMED: /* there is no row */
        troth_reply_retry(task, 0, reason);
        break;
    }
    return ROUND_ANSWERED;
}

/* BEGIN READ ONLY and the timeouts in one message. */
static bool read_only_begin(struct session *session, const struct troth_reply *task)
{
    struct sql_parameters settings = {.count = 0};
    struct guard_timeouts timeouts;
    struct sql_error error;
    bool begun;
    guard_timeouts_of(session, task, &timeouts);
    sql_text(&settings, timeouts.statement);
    sql_text(&settings, timeouts.lock);
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

static enum round read_only_once(struct session *session, struct troth_reply *task)
{
    const struct pg_operation *operation = task->operation;
    struct troth_output output = {{0}, {0}};
    enum round round;
    enum work_end end;
    session_forget(session);
    if (task_left_us(task) == 0) {
        troth_reply_retry(task, 0, "its timeout passed before it could begin");
        return ROUND_ANSWERED;
    }
    /* Twice: an idle connection may have been dead for long. */
    if (session_open(session) != 0 ||
        (!read_only_begin(session, task) &&
         (session_open(session) != 0 || !read_only_begin(session, task)))) {
        troth_reply_retry(task, 0, session->why);
        return ROUND_ANSWERED;
    }
    session->claimed = GUARD_CLAIMED; /* there is nothing to claim */
    end = work_run(session, operation->is.work, operation->work_arg, &task->call, &output);
    round = read_only_answer(session, task, end, &output);
    output_finish(&output);
    return round;
}

void read_only_run(struct session *session, struct troth_reply *task)
{
    struct rounds rounds = {.pause_us = 0};
    enum round round;
    session->reads_only = true;
    task->began_us = task_now_us();
    do {
        round = read_only_once(session, task);
    } while (round == ROUND_CONFLICT && another(session, task, &rounds));
    rounds_end(session, &rounds, round == ROUND_ANSWERED);
}
