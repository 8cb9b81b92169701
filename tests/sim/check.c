/* check.c: the invariants of faults.md, looked at from outside, where the thing itself happens: in
 * the journal, in a participant's database, in a client's ear. Nothing here asks the core. */
#include <string.h>

#include <base/json.h>

#include "sim.h"

static uint32_t index_of(const struct world *world, const struct sim_txn *txn)
{
    return (uint32_t)(txn - world->txns);
}

bool member_vote(const char *members, uint32_t number, enum message_vote *ret_vote)
{
    struct json_cursor cursor = json_cursor((struct troth_span){members, strlen(members)});
    struct record_member member;
    while (record_member_next(&cursor, &member) == 0) {
        if (member.branch != number)
            continue;
        *ret_vote = member.vote;
        return true;
    }
    return false;
}

enum txn_decision final_decision(const struct sim_txn *txn)
{
    return txn->decision[txn->attempt].decision;
}

static bool by_hand(const struct guard *guard, uint32_t attempt)
{
    return (guard->by_hand >> attempt & 1u) != 0;
}

/* --- the decision ------------------------------------------------------------------------------
 */

/* Invariant 2: every member voted yes or read_only in this attempt, and is what it voted. */
static void check_vote(struct world *world, const struct sim_txn *txn, const struct write *write,
                       uint32_t branch)
{
    const struct guard *guard = &txn->guard[branch];
    enum message_vote vote = VOTE_NONE;
    bool member = member_vote(write->members, branch + 1, &vote);
    bool stands = false;
    if (is_saga(&txn->plan) && txn->plan.kind[branch] == TXN_STEP_RETRIABLE) {
        if (guard->prepared != 0 || guard->committed != 0)
            world_fail(world, "invariant 2: txn %u commits, and step %u behind its pivot acted",
                       index_of(world, txn), branch + 1);
        return;
    }
    if (txn->plan.mood[branch] == MOOD_SKIP)
        return;
    if (!member) {
        if (!txn->plan.interactive || guard->told_ok)
            world_fail(world, "invariant 2: txn %u commits without branch %u", index_of(world, txn),
                       branch + 1);
        return;
    }
    if (write->delegated == branch + 1)
        stands = guard->committed == write->attempt;
    else if (vote == VOTE_YES)
        stands = guard->prepared == write->attempt || by_hand(guard, write->attempt) ||
                 guard->hand_committed;
    else if (vote == VOTE_READ_ONLY)
        stands = guard->read_only == write->attempt;
    if (txn->loss.lost) /* its branches may have done it before */
        stands = stands || guard->committed != 0 || vote == VOTE_READ_ONLY || txn->loss.astray;
    if (!stands)
        world_fail(world, "invariant 2: txn %u #%u commits, branch %u voted %s, is prepared #%u",
                   index_of(world, txn), write->attempt, branch + 1, message_vote_name(vote),
                   guard->prepared);
}

static void check_key(struct world *world, const struct sim_txn *txn)
{
    for (uint32_t t = 0; t < world->txns_count && !txn->plan.interactive; t++) {
        const struct sim_txn *other = &world->txns[t];
        if (other != txn && other->client == txn->client && !other->loss.lost && !txn->loss.lost &&
            final_decision(other) == TXN_COMMIT)
            world_fail(world, "fault 9: one request committed twice, as txn %u and %u", t,
                       index_of(world, txn));
    }
}

/* Just before the journal takes it. */
void check_decision(struct world *world, const struct sim_txn *txn, const struct write *write)
{
    enum txn_decision before = txn->decision[write->attempt].decision;
    if (before != TXN_UNDECIDED && before != write->decision)
        world_fail(world, "invariant 1: txn %u #%u: %s, and now %s", index_of(world, txn),
                   write->attempt, txn_decision_name(before), txn_decision_name(write->decision));
    if (txn->told != TXN_UNDECIDED && txn->told != write->decision)
        world_fail(world, "invariant 4: txn %u was told %s, and now it is %s", index_of(world, txn),
                   txn_decision_name(txn->told), txn_decision_name(write->decision));
    if (txn->row && txn->attempt != write->attempt)
        world_fail(world, "invariant 1: txn %u decides attempt %u in attempt %u",
                   index_of(world, txn), write->attempt, txn->attempt);
    if (write->decision == TXN_COMMIT)
        check_key(world, txn);
    if (is_saga(&txn->plan) && write->protocol == TXN_PROTOCOL_SAGA) {
        check_saga_decision(world, txn, write);
        return;
    }
    if (write->decision == TXN_COMMIT && txn->plan.names_stranger)
        world_fail(world, "invariant 2: txn %u commits, and a branch it names never enlisted",
                   index_of(world, txn));
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        if (write->decision == TXN_COMMIT)
            check_vote(world, txn, write, b);
        else if (txn->guard[b].committed != 0 && !txn->guard[b].hand_committed)
            world_fail(world, "invariant 3: txn %u aborts, branch %u has committed",
                       index_of(world, txn), b + 1);
    }
}

/* Invariant 10, of what was accepted. */
void check_epoch(struct world *world, const struct batch *batch)
{
    uint32_t epoch = world->shards[world->nodes[batch->node]->shard].epoch;
    if (batch->epoch != epoch)
        world_fail(world, "invariant 10: a write of epoch %u is accepted under %u", batch->epoch,
                   epoch);
}

/* --- the participants ------------------------------------------------------------------------- */

/* Invariant 6. */
static void check_not_acknowledged(struct world *world, const struct sim_txn *txn, uint32_t branch,
                                   uint32_t attempt)
{
    if (txn->guard[branch].abort_acknowledged >= attempt)
        world_fail(world, "invariant 6: txn %u/%u acts in attempt %u that it said it aborted",
                   index_of(world, txn), branch + 1, attempt);
}

void check_prepared(struct world *world, const struct sim_txn *txn, uint32_t branch,
                    uint32_t attempt)
{
    check_not_acknowledged(world, txn, branch, attempt);
}

/* Invariant 3. */
void check_committed(struct world *world, const struct sim_txn *txn, uint32_t branch,
                     uint32_t attempt, bool executed)
{
    const struct decision_row *row = &txn->decision[attempt];
    enum message_vote vote = VOTE_NONE;
    check_not_acknowledged(world, txn, branch, attempt);
    if (executed && txn->loss.lost)
        return; /* it was delegated to it, in rows that are gone */
    if (executed) {
        if (!txn->row || txn->attempt != attempt || txn->delegated != branch + 1 ||
            row->decision == TXN_ABORT)
            world_fail(world, "invariant 3: txn %u/%u executes #%u, which nobody delegated to it",
                       index_of(world, txn), branch + 1, attempt);
        return;
    }
    if (loss_had_committed(txn, branch, attempt))
        return;
    if (row->decision != TXN_COMMIT || !member_vote(row->members, branch + 1, &vote) ||
        vote != VOTE_YES)
        world_fail(world, "invariant 3: txn %u/%u commits #%u, which is decided %s",
                   index_of(world, txn), branch + 1, attempt, txn_decision_name(row->decision));
}

void check_rolled_back(struct world *world, const struct sim_txn *txn, uint32_t branch,
                       uint32_t attempt)
{
    const struct decision_row *row = &txn->decision[attempt];
    enum message_vote vote = VOTE_NONE;
    if (!txn->loss.astray && loss_had_committed(txn, branch, attempt))
        world_fail(world, "invariant 3: txn %u/%u rolls back #%u, which had committed",
                   index_of(world, txn), branch + 1, attempt);
    if (row->decision == TXN_COMMIT && member_vote(row->members, branch + 1, &vote) &&
        vote == VOTE_YES)
        world_fail(world, "invariant 3: txn %u/%u rolls back #%u, which has committed",
                   index_of(world, txn), branch + 1, attempt);
}

/* --- what is said ------------------------------------------------------------------------------
 */

/* Invariant 4: it is durable, or no row of any kind will ever be there. */
void check_told(struct world *world, struct sim_txn *txn, enum txn_decision decision,
                enum txn_outcome outcome)
{
    bool gone = txn->loss.lost && (decision == txn->loss.final || txn->loss.astray);
    bool never = gone || (decision == TXN_ABORT && !txn->row &&
                          txn->epoch < world->shards[txn->shard].epoch);
    if (outcome != TXN_OUTCOME_NONE && txn->outbox_written[outcome] == 0 && !never)
        world_fail(world, "invariant 4: txn %u is told to be %s, which is not durable",
                   index_of(world, txn), txn_outcome_name(outcome));
    if (final_decision(txn) != decision && !never)
        world_fail(world, "invariant 4: txn %u is told %s, the journal says %s",
                   index_of(world, txn), txn_decision_name(decision),
                   txn_decision_name(final_decision(txn)));
    if (txn->told != TXN_UNDECIDED && txn->told != decision)
        world_fail(world, "invariant 4: txn %u is told %s after %s", index_of(world, txn),
                   txn_decision_name(decision), txn_decision_name(txn->told));
    txn->told = decision;
}

/* 202: it will come to an outcome, whatever happens. Held against the rows now, and at the end. */
void check_accepted(struct world *world, struct sim_txn *txn)
{
    txn->told_accepted = true;
    if (!txn->row && !loss_of(world, txn))
        world_fail(world, "invariant 4: txn %u is accepted, and nothing of it is durable",
                   index_of(world, txn));
}

/* 503: held against what turns out. */
void check_nothing(struct world *world, struct sim_txn *txn)
{
    txn->told_nothing = true;
    if (txn->row && !txn->loss.lost)
        world_fail(world, "invariant 4: txn %u is said to have done nothing, and has a row",
                   index_of(world, txn));
}

/* A commit never gets the answer of another one; a list that names nobody claims nothing. */
void check_list(struct world *world, const struct sim_txn *txn, uint32_t list,
                enum txn_decision decision)
{
    enum message_vote vote;
    if (txn->loss.lost)
        return;
    for (uint32_t b = 0; b < BRANCHES_MAX && decision == TXN_COMMIT; b++) {
        if ((list >> b & 1u) != 0 &&
            !member_vote(txn->decision[txn->attempt].members, b + 1, &vote))
            world_fail(world, "invariant 2: txn %u: a commit is told yes, its branch %u is not in",
                       index_of(world, txn), b + 1);
    }
    if (decision == TXN_COMMIT && list != 0 && txn->closed_list != 0 && list != txn->closed_list)
        world_fail(world, "invariant 2: txn %u: commit %x is told what became of commit %x",
                   index_of(world, txn), list, txn->closed_list);
}

/* Who no longer leads is silent. */
void check_leads(struct world *world, uint32_t node)
{
    if (!node_leads(world, node))
        world_fail(world, "fault 17: node %u speaks behind its lease", node);
}

/* A service answers its caller: its branch is on the list if this commits [OKFIRST]. */
void check_acknowledged(struct world *world, const struct sim_txn *txn, uint32_t branch)
{
    enum message_vote vote;
    if (final_decision(txn) == TXN_COMMIT &&
        !member_vote(txn->decision[txn->attempt].members, branch + 1, &vote))
        world_fail(world, "invariant 2: txn %u committed without branch %u, which is told it is in",
                   index_of(world, txn), branch + 1);
}

/* Invariant 8; also of a step's own attempt, that an operator asked for. */
void check_sent(struct world *world, const struct sim_txn *txn, uint32_t branch, uint32_t attempt)
{
    if (attempt > 1 && !txn->loss.lost && txn->attempt + txn->guard[branch].raised < attempt)
        world_fail(world, "invariant 8: txn %u/%u: a message of attempt %u before it began",
                   index_of(world, txn), branch + 1, attempt);
}

/* --- after the drain ---------------------------------------------------------------------------
 */

static void drained_branch(struct world *world, const struct sim_txn *txn, uint32_t branch)
{
    const struct guard *guard = &txn->guard[branch];
    uint32_t t = index_of(world, txn);
    enum message_vote vote = VOTE_NONE;
    bool commits = final_decision(txn) == TXN_COMMIT &&
                   member_vote(txn->decision[txn->attempt].members, branch + 1, &vote) &&
                   vote == VOTE_YES;
    if (guard->prepared != 0)
        world_fail(world, "invariant 5: txn %u/%u is left prepared, attempt %u", t, branch + 1,
                   guard->prepared);
    if (guard->running != 0 || guard->work)
        world_fail(world, "invariant 5: txn %u/%u still works", t, branch + 1);
    if (commits && guard->committed != txn->attempt && !by_hand(guard, txn->attempt) &&
        !guard->hand_committed)
        world_fail(world, "invariant 3: txn %u is committed, branch %u is not", t, branch + 1);
    if (!commits && guard->committed != 0 && !guard->hand_committed)
        world_fail(world, "invariant 3: txn %u/%u is committed, and should not be", t, branch + 1);
}

/* Decided commit, and a branch was rolled back by somebody else, or the other way: a heuristic. */
static bool ended_by_hand(const struct sim_txn *txn)
{
    for (uint32_t b = 0; b < txn->plan.branches; b++) {
        enum message_vote vote;
        if (final_decision(txn) == TXN_ABORT && txn->guard[b].hand_committed &&
            member_vote(txn->decision[txn->attempt].members, b + 1, &vote))
            return true;
        if (final_decision(txn) == TXN_COMMIT && by_hand(&txn->guard[b], txn->attempt) &&
            member_vote(txn->decision[txn->attempt].members, b + 1, &vote))
            return true;
    }
    return false;
}

static void drained_outbox(struct world *world, const struct sim_txn *txn)
{
    uint32_t t = index_of(world, txn);
    enum txn_decision final = final_decision(txn);
    for (uint32_t o = 0; o < TXN_OUTCOME_COUNT; o++) {
        bool written = txn->outbox_written[o] > 0;
        if (written && (txn->kafka[o] == 0 || txn->outbox[o]))
            world_fail(world, "invariant 9: the event %s of txn %u never reached Kafka",
                       txn_outcome_name((enum txn_outcome)o), t);
        if (!written && txn->kafka[o] > 0)
            world_fail(world, "invariant 4: Kafka has %s of txn %u, the journal has not",
                       txn_outcome_name((enum txn_outcome)o), t);
    }
    if (txn->outbox_written[TXN_OUTCOME_MIXED] > 0 &&
        txn->kafka_order[TXN_OUTCOME_MIXED] != txn->kafka_count)
        world_fail(world, "fault 19: Kafka hears of txn %u again behind mixed", t);
    bool mixed = ended_by_hand(txn) || said_mixed(txn);
    bool forgotten = false; /* before it could be found out */
    for (uint32_t b = 0; b < txn->plan.branches; b++)
        forgotten = forgotten || txn->guard[b].forgotten;
    if (!forgotten && (txn->outbox_written[TXN_OUTCOME_MIXED] > 0) != mixed)
        world_fail(world, "invariant 12: txn %u is %s mixed", t,
                   mixed ? "not told to be" : "told to be");
    if (txn->outbox_written[TXN_OUTCOME_COMMITTED] > 0 && final != TXN_COMMIT)
        world_fail(world, "invariant 4: txn %u is published as committed, and is not", t);
    if (txn->outbox_written[TXN_OUTCOME_COMPENSATED] > 0 && final != TXN_ABORT)
        world_fail(world, "invariant 4: txn %u is published as compensated, and is not", t);
    if (txn->outbox_written[TXN_OUTCOME_ABORTED] > 0 && final != TXN_ABORT)
        world_fail(world, "invariant 4: txn %u is published as aborted, and is not", t);
}

static void drained_txn(struct world *world, const struct sim_txn *txn)
{
    uint32_t t = index_of(world, txn);
    const struct live *live = world->nodes[leader_of(world, t)]->live[t];
    if (loss_drained(world, txn))
        return;
    for (uint32_t b = 0; b < txn->plan.branches && !is_saga(&txn->plan); b++)
        drained_branch(world, txn, b);
    if (is_saga(&txn->plan))
        check_saga_drained(world, txn);
    drained_outbox(world, txn);
    if (txn->row && final_decision(txn) == TXN_UNDECIDED)
        world_fail(world, "invariant 5: txn %u never came to a decision", t);
    if (txn->row && !txn->ended)
        world_fail(world, "invariant 5: txn %u has not ended", t);
    if (live != NULL && live->txn.state != TXN_ENDED)
        world_fail(world, "invariant 5: txn %u is %s for ever", t, txn_state_name(live->txn.state));
    if (txn->told_nothing && txn->row)
        world_fail(world, "invariant 4: txn %u had done nothing, and has a row", t);
    if (txn->told_accepted && final_decision(txn) == TXN_UNDECIDED)
        world_fail(world, "invariant 4: txn %u was accepted and is gone", t);
}

static void drained_client(struct world *world, uint32_t c)
{
    const struct client *client = &world->clients[c];
    for (uint32_t t = 0; t < world->txns_count; t++)
        if (world->txns[t].client == c && loss_of(world, &world->txns[t]))
            return; /* a key whose row is gone stands for a new transaction */
    if (!client->finished &&
        world->txns_count < TXNS_MAX) /* else the simulator has no more gtids */
        world_fail(world, "client %u was never answered", c);
    if (client->heard == TXN_UNDECIDED)
        return;
    const struct sim_txn *txn = &world->txns[client->heard_of];
    bool never = client->heard == TXN_ABORT && !txn->row;
    if (txn->client != c || (final_decision(txn) != client->heard && !never))
        world_fail(world, "invariant 4: client %u heard %s of txn %u, the journal says %s", c,
                   txn_decision_name(client->heard), client->heard_of,
                   txn_decision_name(final_decision(txn)));
    /* A request that was not cancelled has one outcome, however often it was sent. */
    for (uint32_t t = 0; t < world->txns_count && !client->plan.cancels; t++)
        if (world->txns[t].client == c && !client->plan.interactive && client->heard == TXN_ABORT &&
            final_decision(&world->txns[t]) == TXN_COMMIT)
            world_fail(world, "invariant 4: client %u heard abort, and txn %u committed", c, t);
}

static void drained_node(struct world *world, uint32_t node)
{
    const struct node *host = world->nodes[node];
    for (uint32_t p = 0; p < PARTICIPANTS; p++) {
        if (host->pools[p].used != 0 || host->pools[p].held != 0)
            world_fail(world, "%u slots of participant %u were never given back",
                       host->pools[p].held, p);
    }
    if (host->gathered_count != 0 || host->in_flight)
        world_fail(world, "node %u has not come to rest", node);
}

void check_drained(struct world *world)
{
    for (uint32_t t = 0; t < world->txns_count; t++)
        drained_txn(world, &world->txns[t]);
    for (uint32_t c = 0; c < world->clients_count; c++)
        drained_client(world, c);
    for (uint32_t s = 0; s < world->shards_count; s++)
        drained_node(world, world->shards[s].leader);
}
