/* participant.c: services with a database: the guard's cases (participant-sdk.md, protocol.md
 * section 3), prepared state that outlives a crash, and branches in doubt that ask. The last
 * participant speaks plain http: it keeps the same guard, but cannot ask, and its refusals leave
 * no tombstone; nothing doubles what is sent to it, and it may forget what it has done. */
#include "sim.h"

static uint32_t at(const struct world *world, uint32_t txn, uint32_t branch)
{
    return world->txns[txn].plan.participant[branch];
}

bool participant_is_plain(const struct world *world, uint32_t txn, uint32_t branch)
{
    return at(world, txn, branch) == PARTICIPANTS - 1;
}

void participant_reply(struct world *world, uint32_t node, uint32_t send, struct result result,
                       uint32_t txn)
{
    if (world_chance(world, 100)) /* it answers whoever leads by now */
        node = leader_of(world, txn);
    world_carry(world,
                (struct sim_event){
                    .kind = EV_RESULT, .node = node, .txn = txn, .id = send, .result = result});
}

void participant_answer(struct world *world, const struct sim_event *event, struct result result)
{
    result.op = (enum message_op)event->what;
    result.branch = event->branch + 1;
    result.attempt = event->attempt;
    world_trace(world, "participant: txn %u/%u %s #%u -> %s", event->txn, event->branch + 1,
                message_op_name(result.op), event->attempt, message_result_name(result.result));
    participant_reply(world, event->node, event->id, result, event->txn);
}

void participant_tombstone(struct guard *guard, uint32_t attempt)
{
    if (guard->tombstone < attempt)
        guard->tombstone = attempt;
}

void participant_prepare(struct world *world, uint32_t txn, uint32_t branch, uint32_t attempt)
{
    check_prepared(world, &world->txns[txn], branch, attempt);
    world->txns[txn].guard[branch].prepared = attempt;

    world_push(world,
               (struct sim_event){.kind = EV_ASK, .txn = txn, .branch = branch, .attempt = attempt},
               2000000 + world_random(world, 4000000));
}

void participant_roll_back(struct world *world, uint32_t txn, uint32_t branch)
{
    struct guard *guard = &world->txns[txn].guard[branch];
    check_rolled_back(world, &world->txns[txn], branch, guard->prepared);
    world_trace(world, "participant: txn %u/%u rolled back #%u", txn, branch + 1, guard->prepared);
    guard->prepared = 0;
}

static void commit(struct world *world, uint32_t txn, uint32_t branch, uint32_t attempt,
                   bool executed)
{
    struct guard *guard = &world->txns[txn].guard[branch];
    if (executed && is_saga(&world->txns[txn].plan))
        check_executed(world, &world->txns[txn], branch, attempt);
    else
        check_committed(world, &world->txns[txn], branch, attempt, executed);
    world_trace(world, "participant: txn %u/%u committed #%u", txn, branch + 1, attempt);
    guard->prepared = 0;
    guard->committed = attempt;
    locks_on_commit(world, txn, branch);
}

/* --- prepare and execute ---------------------------------------------------------------------- */

/* Answered from what the guard's row says, without doing anything? */
static bool known_already(struct world *world, const struct sim_event *event)
{
    const struct guard *guard = &world->txns[event->txn].guard[event->branch];
    bool execute = event->what == OP_EXECUTE;
    static const struct result no = {.result = RESULT_REFUSED};
    static const struct result never = {.result = RESULT_REFUSED, .state = BRANCH_IS_ABORTED};
    if (guard->committed != 0 && execute && guard->forgets) /* "insufficient funds", now */
        participant_answer(world, event, no);
    else if (guard->committed != 0) /* done is done, of any attempt */
        participant_answer(
            world, event,
            execute ? (struct result){.result = RESULT_DONE, .state = BRANCH_IS_COMMITTED}
                    : (struct result){.result = RESULT_VOTE, .vote = VOTE_YES});
    else if (guard->tombstone >= event->attempt)
        participant_answer(world, event, never);
    else if (guard->prepared > event->attempt || guard->running > event->attempt ||
             guard->no == event->attempt)
        participant_answer(world, event, no);
    else if (guard->prepared == event->attempt ||
             (guard->prepared != 0 && world->mutation == MUTATE_GUARD_IGNORES_ATTEMPT))
        participant_answer(world, event,
                           execute ? (struct result){.result = RESULT_RETRY}
                                   : (struct result){.result = RESULT_VOTE, .vote = VOTE_YES});
    else if (guard->read_only >= event->attempt && !execute)
        participant_answer(world, event,
                           (struct result){.result = RESULT_VOTE, .vote = VOTE_READ_ONLY});
    else if (guard->running == event->attempt)
        participant_answer(world, event,
                           (struct result){.result = RESULT_RETRY, .retry_after_us = 5000});
    else
        return false;
    return true;
}

static void on_work(struct world *world, const struct sim_event *event)
{
    struct sim_txn *txn = &world->txns[event->txn];
    struct guard *guard = &txn->guard[event->branch];
    if (known_already(world, event))
        return;
    bool ends = world->mutation != MUTATE_LOWER_STAYS || event->what != OP_EXECUTE;
    if (guard->prepared != 0 && ends) /* of a lower attempt */
        participant_roll_back(world, event->txn, event->branch);
    if (txn->plan.interactive && !guard->work) { /* its work is lost: a no, and its tombstone */
        participant_tombstone(guard, event->attempt);
        participant_answer(world, event, (struct result){.result = RESULT_REFUSED});
        return;
    }
    guard->running = event->attempt; /* ends a lower attempt that is still running */
    guard->running_execute = event->what == OP_EXECUTE;
    guard->run_id++;
    guard->run_node = event->node;
    guard->run_send = event->id;
    locks_work(world, event);
}

/* Behind the pivot a business no is a matter of what somebody mends. */
static bool refuses(const struct world *world, const struct sim_event *event)
{
    const struct sim_txn *txn = &world->txns[event->txn];
    if (txn->plan.mood[event->branch] != MOOD_REFUSE)
        return false;
    return txn->plan.kind[event->branch] == TXN_STEP_RETRIABLE
               ? world_faulty(world)
               : !txn->guard[event->branch].refused_once;
}

/* What is left of a refusal, and what the answer says of that. */
static enum message_state refusal_kept(struct world *world, const struct sim_event *event)
{
    struct guard *guard = &world->txns[event->txn].guard[event->branch];
    if (participant_is_plain(world, event->txn, event->branch)) {
        guard->no = event->attempt;
        return BRANCH_IS_UNSAID;
    }
    if (world->mutation == MUTATE_REFUSAL_NO_TOMBSTONE)
        guard->refused_once = true; /* it was a matter of the moment */
    else
        participant_tombstone(guard, event->attempt);
    return BRANCH_IS_ABORTED;
}

void participant_on_work_done(struct world *world, const struct sim_event *event)
{
    struct sim_txn *txn = &world->txns[event->txn];
    struct guard *guard = &txn->guard[event->branch];
    if (guard->running != event->attempt || guard->run_id != event->id)
        return; /* ended by a crash, an abort or a higher attempt */
    bool execute = guard->running_execute;
    struct result result = {.op = execute ? OP_EXECUTE : OP_PREPARE,
                            .branch = event->branch + 1,
                            .attempt = event->attempt};
    guard->running = 0;
    guard->work = false;
    if (refuses(world, event)) {
        result.result = RESULT_REFUSED;
        result.state = refusal_kept(world, event);
    } else if (execute) {
        commit(world, event->txn, event->branch, event->attempt, true);
        result.result = RESULT_DONE;
        result.state = BRANCH_IS_COMMITTED;
        result.output = (struct troth_span){"{\"n\":1}", 7};
    } else if (txn->plan.mood[event->branch] == MOOD_READ_ONLY) {
        if (guard->read_only < event->attempt) /* no guard row: a late lower attempt just reads */
            guard->read_only = event->attempt;
        result.result = RESULT_VOTE;
        result.vote = VOTE_READ_ONLY;
    } else {
        participant_prepare(world, event->txn, event->branch, event->attempt);
        result.result = RESULT_VOTE;
        result.vote = VOTE_YES;
    }
    world_trace(world, "participant: txn %u/%u %s #%u is through: %s", event->txn,
                event->branch + 1, message_op_name(result.op), event->attempt,
                message_result_name(result.result));
    participant_reply(world, guard->run_node, guard->run_send, result, event->txn);
}

/* --- phase 2 ---------------------------------------------------------------------------------- */

static void on_commit(struct world *world, const struct sim_event *event)
{
    struct guard *guard = &world->txns[event->txn].guard[event->branch];
    struct result done = {.result = RESULT_DONE, .state = BRANCH_IS_COMMITTED};
    if (guard->prepared == event->attempt)
        commit(world, event->txn, event->branch, event->attempt, false);
    else if ((guard->by_hand >> event->attempt & 1u) != 0 && guard->committed == 0 &&
             world->mutation != MUTATE_NOTHING_IS_DONE) {
        done.result = RESULT_HEURISTIC;
        done.state = BRANCH_IS_UNSAID;
    } else if (guard->committed != event->attempt && !guard->hand_committed &&
               !world->txns[event->txn].loss.lost && (guard->by_hand >> event->attempt & 1u) == 0) {
        world_fail(world, "invariant 12: commit #%u of txn %u/%u finds nothing: a heuristic",
                   event->attempt, event->txn, event->branch + 1);
        return;
    }
    participant_answer(world, event, done);
}

static void on_abort(struct world *world, const struct sim_event *event)
{
    struct guard *guard = &world->txns[event->txn].guard[event->branch];
    struct result done = {.result = RESULT_DONE, .state = BRANCH_IS_ABORTED};
    if (guard->committed != 0 && guard->committed <= event->attempt) {
        done.state = BRANCH_IS_COMMITTED; /* a delegated branch had acted, or somebody by hand */
        participant_answer(world, event, done);
        return;
    }
    if (guard->prepared != 0 &&
        (guard->prepared <= event->attempt || world->mutation == MUTATE_GUARD_IGNORES_ATTEMPT))
        participant_roll_back(world, event->txn, event->branch);
    if (guard->running <= event->attempt)
        guard->running = 0;
    guard->work = false;
    if (world->mutation != MUTATE_NO_TOMBSTONE)
        participant_tombstone(guard, event->attempt);
    if (guard->abort_acknowledged < event->attempt)
        guard->abort_acknowledged = event->attempt;
    participant_answer(world, event, done);
}

/* Plain http keeps its answer under the request's key. */
static bool said_409_before(const struct guard *guard, const struct sim_event *event)
{
    return guard->phase2_no.is && guard->phase2_no.op == event->what &&
           guard->phase2_no.attempt == event->attempt && guard->phase2_no.again == event->again;
}

/* What makes no sense: the branch is parked, and an operator looks. */
static bool says_409(struct world *world, const struct sim_event *event)
{
    struct guard *guard = &world->txns[event->txn].guard[event->branch];
    const struct plan *plan = &world->txns[event->txn].plan;
    bool retriable = event->what == OP_EXECUTE && plan->kind[event->branch] == TXN_STEP_RETRIABLE;
    bool phase2 = event->what == OP_COMMIT || event->what == OP_ABORT;
    if (phase2 && said_409_before(guard, event)) {
        participant_answer(world, event, (struct result){.result = RESULT_REFUSED});
        return true;
    }
    if (!guard->confused || !world_faulty(world) ||
        (event->what != OP_COMMIT && event->what != OP_ABORT && event->what != OP_COMPENSATE &&
         !retriable))
        return false;
    if (phase2 && participant_is_plain(world, event->txn, event->branch)) {
        guard->phase2_no.is = true;
        guard->phase2_no.op = event->what;
        guard->phase2_no.attempt = event->attempt;
        guard->phase2_no.again = event->again;
    }
    participant_answer(world, event, (struct result){.result = RESULT_REFUSED});
    return true;
}

/* What it did nobody knows any more. */
static bool has_left(struct world *world, const struct sim_event *event)
{
    struct guard *guard = &world->txns[event->txn].guard[event->branch];
    if (!guard->gone || world->mutation != MUTATE_GONE_IS_NEW)
        return guard->gone;
    guard->committed = guard->tombstone = guard->read_only = 0;
    guard->compensated = false;
    return false;
}

void participant_on_command(struct world *world, const struct sim_event *event)
{
    if (world->participant_down[at(world, event->txn, event->branch)])
        return;
    mark_arrives(world, event);
    if (has_left(world, event)) {
        participant_answer(world, event, (struct result){.result = RESULT_UNKNOWN});
        return;
    }
    if (world_faulty(world) && world_chance(world, 15)) { /* a replica without the operation */
        participant_answer(world, event, (struct result){.result = RESULT_NO_OPERATION});
        return;
    }
    if (says_409(world, event))
        return;
    switch ((enum message_op)event->what) {
    case OP_PREPARE:
    case OP_EXECUTE:
        on_work(world, event);
        break;
    case OP_COMMIT:
        on_commit(world, event);
        break;
    case OP_ABORT:
        on_abort(world, event);
        break;
    case OP_COMPENSATE:
        participant_compensate(world, event);
        break;
    case OP_STATUS:
        participant_status(world, event);
        break;
    case OP_COUNT:
        world_fail(world, "a command that nobody knows");
    }
}

/* --- in doubt --------------------------------------------------------------------------------- */

void participant_on_ask(struct world *world, const struct sim_event *event)
{
    const struct guard *guard = &world->txns[event->txn].guard[event->branch];
    uint32_t participant = at(world, event->txn, event->branch);
    if (guard->prepared != event->attempt || participant == PARTICIPANTS - 1 ||
        world->mutation == MUTATE_NO_INQUIRY)
        return;
    struct sim_event ask = *event;
    world_push(world, ask, 2000000 + world_random(world, 2000000));
    if (world->participant_down[participant])
        return;
    ask.kind = EV_ASKED;
    ask.node = process_any(world);
    world_carry(world, ask);
}

void participant_on_answer(struct world *world, const struct sim_event *event)
{
    struct guard *guard = &world->txns[event->txn].guard[event->branch];
    if (guard->prepared != event->attempt ||
        world->participant_down[at(world, event->txn, event->branch)])
        return;
    switch ((enum txn_answer)event->what) {
    case TXN_ANSWER_COMMITTED:
        commit(world, event->txn, event->branch, event->attempt, false);
        break;
    case TXN_ANSWER_ABORTED:
        participant_roll_back(world, event->txn, event->branch);
        participant_tombstone(guard, event->attempt);
        break;
    case TXN_ANSWER_UNDECIDED:
    case TXN_ANSWER_UNKNOWN:
        break;
    }
}

static void commit_by_hand(struct world *world, uint32_t txn, uint32_t branch)
{
    struct guard *guard = &world->txns[txn].guard[branch];
    world_trace(world, "by hand: txn %u/%u #%u is committed", txn, branch + 1, guard->prepared);
    guard->hand_committed = true;
    guard->committed = guard->prepared;
    guard->prepared = 0;
}

/* Whichever branch is prepared just now: ROLLBACK PREPARED or COMMIT PREPARED, typed by somebody.
 */
void participant_on_by_hand(struct world *world, const struct sim_event *event)
{
    (void)event;
    for (uint32_t t = 0; t < world->txns_count; t++) {
        for (uint32_t b = 0; b < world->txns[t].plan.branches; b++) {
            struct guard *guard = &world->txns[t].guard[b];
            if (guard->prepared == 0 || world_random(world, 20) != 0)
                continue;
            if (!is_saga(&world->txns[t].plan) && world_random(world, 2) == 0) {
                commit_by_hand(world, t, b);
                return;
            }
            world_trace(world, "by hand: txn %u/%u #%u is rolled back", t, b + 1, guard->prepared);
            guard->by_hand |= UINT32_C(1) << guard->prepared;
            participant_tombstone(guard,
                                  guard->prepared); /* its row is gone: keep late duplicates out */
            guard->prepared = 0;
            return;
        }
    }
}

/* --- crashes ---------------------------------------------------------------------------------- */

void participant_on_crash(struct world *world, const struct sim_event *event)
{
    if (!world_faulty(world))
        return;
    world_trace(world, "participant %u crashes", event->id);
    world->participant_down[event->id] = true;
    for (uint32_t t = 0; t < world->txns_count; t++) {
        for (uint32_t b = 0; b < world->txns[t].plan.branches; b++) {
            if (at(world, t, b) != event->id)
                continue;
            world->txns[t].guard[b].running = 0;
            world->txns[t].guard[b].work = false;
        }
    }
    world_push(world, (struct sim_event){.kind = EV_PARTICIPANT_UP, .id = event->id},
               10000 + world_random(world, 5000000));
}

/* A service that only worked may give up by itself; one that prepared may not [UNILATERAL]. */
void participant_on_give_up(struct world *world, const struct sim_event *event)
{
    world->txns[event->txn].guard[event->branch].work = false;
}
