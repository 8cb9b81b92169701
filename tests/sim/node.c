/* node.c: one incarnation of the coordinator: the simulated host of the core. It may crash at every
 * effect; another one takes over under a higher epoch, while the old one may live on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define WALL_BASE_US UINT64_C(1763704489000000)

struct txn_now node_now(const struct world *world, uint32_t node)
{
    return (struct txn_now){
        .mono = {world->now_us + 1},
        .wall = {(uint64_t)((int64_t)(WALL_BASE_US + world->now_us) +
                            world->processes[world->nodes[node]->process].wall_offset_us)},
    };
}

uint32_t leader_of(const struct world *world, uint32_t txn)
{
    return world->shards[world->txns[txn].shard].leader;
}

/* --- effects ---------------------------------------------------------------------------------- */

/* A host that cannot make the input of a compensation: the output that it names is there, and is
 * not what the action answered. */
static bool input_is_wrong(const struct world *world, uint32_t node, uint32_t txn, uint32_t branch)
{
    const struct live *live = world->nodes[node]->live[txn];
    const struct troth_span *output = &live->branches[branch].output;
    return world->txns[txn].plan.needs_output[branch] && output->data != NULL && output->len == 2;
}

/* TCP loses nothing and doubles nothing, but a connection may break at any time: so it is with
 * plain http. The SDK's guard must live with more. True: the connection was refused, and nothing
 * left. */
static bool carry_command(struct world *world, struct sim_event command)
{
    bool is_plain = participant_is_plain(world, command.txn, command.branch);
    bool is_down =
        world->participant_down[world->txns[command.txn].plan.participant[command.branch]];
    if (is_down && world_random(world, 2) == 0)
        return true;
    if (!is_plain) {
        world_carry(world, command);
        return false;
    }
    bool is_lost = world_faulty(world) && world_chance(world, world->drop);
    uint64_t delay_us = world_delay(world);
    if (!is_lost)
        world_push(world, command, delay_us);
    if (world->mutation == MUTATE_HIDDEN_RESEND && world_faulty(world) && world_chance(world, 300))
        world_push(world, command, delay_us + 20000);
    return false;
}

void node_send(struct world *world, uint32_t node, uint32_t txn, uint32_t branch,
               const struct sending *what)
{
    enum message_op op = what->op;
    uint32_t attempt = what->attempt;
    uint64_t timeout_us = what->timeout_us;
    uint32_t id = world->sends++;
    if ((id & (id + 1)) == 0) { /* grows in powers of two */
        world->answered = realloc(world->answered, 2u * (size_t)id + 2u);
        if (world->answered == NULL)
            abort();
    }
    world->answered[id] = 0;
    world_trace(world, "node %u: txn %u/%u %s #%u", node, txn, branch + 1, message_op_name(op),
                attempt);
    enum mood mood = world->txns[txn].plan.mood[branch];
    if ((op == OP_PREPARE || op == OP_EXECUTE) && (mood == MOOD_UNSENDABLE || mood == MOOD_SKIP)) {
        struct sim_event none = {.node = node, .txn = txn, .branch = branch};
        none.kind = mood == MOOD_SKIP ? EV_SKIPPED : EV_UNSENDABLE;
        world_push(world, none, 0);
        return;
    }
    if (op == OP_COMPENSATE && input_is_wrong(world, node, txn, branch)) {
        world_push(
            world,
            (struct sim_event){.kind = EV_UNSENDABLE, .node = node, .txn = txn, .branch = branch},
            0);
        return;
    }
    bool leads = node_leads(world, node) || world->mutation == MUTATE_LEASE_UNLOOKED;
    if (leads) {
        check_leads(world, node);
        /* One that was deposed has not heard of the word: at the participant its epoch is old. */
        if (node == leader_of(world, txn) && (op == OP_EXECUTE || op == OP_COMPENSATE))
            check_acts(world, &world->txns[txn], branch);
    }
    if (op == OP_EXECUTE) {
        world->txns[txn].guard[branch].sends++;
        world->txns[txn].guard[branch].sent_by |= UINT32_C(1) << node;
        check_tries(world, &world->txns[txn], branch);
    }
    if (op == OP_COMPENSATE) {
        world->txns[txn].guard[branch].undos++;
        check_undo_tries(world, &world->txns[txn], branch);
    }
    if (op != OP_ABORT)
        check_sent(world, &world->txns[txn], branch, attempt);
    if (world->mutation == MUTATE_STORED_NO && (op == OP_EXECUTE || op == OP_COMPENSATE) &&
        world->nodes[node]->live[txn] != NULL)
        attempt = world->nodes[node]->live[txn]->txn.attempt;
    struct sim_event command = {.kind = EV_COMMAND,
                                .node = node,
                                .txn = txn,
                                .branch = branch,
                                .attempt = attempt,
                                .id = id,
                                .what = op,
                                .lock_wait_us = what->lock_wait_us,
                                .ordered = what->ordered,
                                .mark = mark_of(world, node),
                                .again = world->mutation == MUTATE_SAME_KEY ? 0 : what->again};
    bool refused = leads && carry_command(world, command);
    command.kind = EV_CALL_TIMEOUT;
    command.unsent = refused;
    if (refused)
        timeout_us = 1000;
    world_push(world, command, timeout_us != 0 ? timeout_us : world->policy.call_timeout_us);
}

static void on_send(struct world *world, uint32_t node, uint32_t txn,
                    const struct txn_effect *effect)
{
    struct sending what = {.op = effect->op,
                           .attempt = effect->attempt,
                           .timeout_us = effect->timeout_us,
                           .lock_wait_us = effect->lock_wait_us,
                           .ordered = effect->ordered,
                           .again = effect->again};
    mutate_sending(world, &what);
    if (!mutate_answers(world, node, txn, effect))
        node_send(world, node, txn, effect->branch->number - 1, &what);
}

/* A host that is told at once what is not durable yet (mutations only). */
static void pretend_durable(struct world *world, uint32_t node, uint32_t txn,
                            const struct txn_record *record)
{
    struct batch *batch = world_alloc(world, sizeof(*batch));
    batch->node = node;
    batch->count = 1;
    batch->writes[0] = (struct write){
        .txn = txn, .kind = record->kind, .attempt = record->attempt, .verdict = TXN_WRITTEN};
    world_push(world,
               (struct sim_event){.kind = EV_BATCH_BACK, .node = node, .batch = batch, .what = 1},
               0);
}

static void on_persist(struct world *world, uint32_t node, uint32_t txn,
                       const struct txn_record *record)
{
    if (record->epoch != world->nodes[node]->epoch)
        world_fail(world, "a record of another epoch");
    mutate_persist(world, node, txn, record);
    if (record->publishes) {
        struct live *live = world->nodes[node]->live[txn];
        live->made[record->outcome] = true;
        live->last_row = record->outcome;
    }
    if (mutate_pretends_too(world, record)) {
        lane_write(world, node, txn, record); /* its own verdict comes as a second one */
        pretend_durable(world, node, txn, record);
        return;
    }
    if (!mutate_pretends_durable(world, record)) {
        lane_write(world, node, txn, record);
        return;
    }
    pretend_durable(world, node, txn, record);
}

/* As the driver does: the row of the record that the core names, once. */
static void on_publish(struct world *world, uint32_t node, uint32_t txn, enum txn_outcome outcome)
{
    struct live *live = world->nodes[node]->live[txn];
    if (world->mutation == MUTATE_LAST_ROW)
        outcome = live->last_row;
    if (!live->made[outcome])
        world_fail(world, "fault 19: txn %u publishes %s, of which no row was made", txn,
                   txn_outcome_name(outcome));
    if (live->published[outcome])
        world_fail(world, "fault 19: txn %u publishes %s twice", txn, txn_outcome_name(outcome));
    live->published[outcome] = true;
    node_publish(world, node, txn, outcome);
}

void node_publish(struct world *world, uint32_t node, uint32_t txn, enum txn_outcome outcome)
{
    if (world->txns[txn].outbox_written[outcome] == 0 && !world->txns[txn].loss.lost)
        world_fail(world, "invariant 4: txn %u is published as %s without a row", txn,
                   txn_outcome_name(outcome));
    struct sim_txn *rows = &world->txns[txn];
    if (!node_leads(world, node) && world->mutation != MUTATE_LEASE_UNLOOKED)
        return; /* it waits in the outbox: for whoever leads */
    check_leads(world, node);
    uint64_t at_us = world->now_us + 500 + world_delay(world);
    if (at_us <= rows->kafka_until_us) /* in the order in which they were sent */
        at_us = rows->kafka_until_us + 1;
    rows->kafka_until_us = at_us;
    world_push(world,
               (struct sim_event){.kind = EV_KAFKA, .node = node, .txn = txn, .what = outcome},
               at_us - world->now_us);
}

static bool open_list(const struct world *world, const struct txn *txn,
                      const struct txn_effect *effect)
{
    return world->mutation == MUTATE_OPEN_LIST && effect->error == TROTH_ERROR_ENDED &&
           txn->decision == TXN_UNDECIDED && txn->state != TXN_ABORTING;
}

static void on_reply(struct world *world, uint32_t node, uint32_t txn,
                     const struct txn_effect *effect)
{
    const struct txn *core = &world->nodes[node]->live[txn]->txn;
    switch (effect->reply) {
    case TXN_REPLY_ENLISTED:
        client_tell(world, node, txn, ANSWER_ENLISTED, effect->number - 1, TXN_UNDECIDED);
        wait_enlisted(world->nodes[node]->live[txn], effect->number - 1);
        break;
    case TXN_REPLY_REFUSED:
        if (effect->number == 0)
            break;
        wait_enlisted(world->nodes[node]->live[txn], effect->number - 1);
        client_tell(world, node, txn,
                    open_list(world, core, effect) ? ANSWER_ENLISTED : ANSWER_REFUSED,
                    effect->number - 1, TXN_UNDECIDED);
        break;
    case TXN_REPLY_ACCEPTED:
        check_accepted(world, &world->txns[txn]);
        break;
    case TXN_REPLY_DECIDED:
    case TXN_REPLY_COMPLETED:
        wait_outcome(world, node, txn);
        break;
    case TXN_REPLY_RESOLVED:
        if (effect->error == 0)
            check_resolved(world, &world->txns[txn], effect->number);
        break;
    case TXN_REPLY_COUNT:
        break;
    }
}

static void on_effect(struct world *world, uint32_t node, uint32_t txn,
                      const struct txn_effect *effect)
{
    struct node *host = world->nodes[node];
    struct live *live = host->live[txn];
    switch (effect->kind) {
    case TXN_EFFECT_PERSIST:
        on_persist(world, node, txn, &effect->record);
        break;
    case TXN_EFFECT_RESERVE:
        sim_slots_reserve(world, node, txn, effect->mask);
        break;
    case TXN_EFFECT_UNRESERVE:
        sim_slots_cancel(world, node, txn);
        break;
    case TXN_EFFECT_RELEASE:
        sim_slots_release(world, node, txn, (uint32_t)(effect->branch - live->branches));
        break;
    case TXN_EFFECT_SEND:
        on_send(world, node, txn, effect);
        break;
    case TXN_EFFECT_REPLY:
        on_reply(world, node, txn, effect);
        break;
    case TXN_EFFECT_PUBLISH:
        on_publish(world, node, txn, effect->record.outcome);
        break;
    case TXN_EFFECT_ENDED:
    case TXN_EFFECT_COUNT:
        break;
    }
}

static void arm(struct world *world, uint32_t node, uint32_t txn)
{
    struct live *live = world->nodes[node]->live[txn];
    uint64_t wake_us = txn_wake_at(&live->txn).us;
    if (wake_us == 0 || (live->timer_us != 0 && live->timer_us <= wake_us))
        return;
    live->timer_us = wake_us;
    uint64_t now_us = world->now_us + 1;
    world_push(world, (struct sim_event){.kind = EV_NODE_TIMER, .node = node, .txn = txn},
               wake_us > now_us ? wake_us - now_us : 0);
}

void sim_pair(struct world *world, const struct txn *txn, enum txn_event_kind kind)
{
    world->pairs[txn_parked(txn)][txn->state][kind]++;
}

static uint64_t noted_of(const struct txn *txn)
{
    return (uint64_t)txn->history_count + txn->history_dropped;
}

void node_step(struct world *world, uint32_t node, uint32_t txn, const struct txn_event *event)
{
    struct node *host = world->nodes[node];
    struct live *live = host->live[txn];
    if (live == NULL || !host->alive)
        return;
    if (world_chance(world, world->duplicate))
        stray_one(world, node, txn);
    const char *from = txn_shown_name(&live->txn);
    sim_pair(world, &live->txn, event->kind);
    uint64_t noted = noted_of(&live->txn);
    txn_step(&live->txn, event, node_now(world, node), world->effects);
    noted = noted_of(&live->txn) - noted;
    if (noted > TXN_STEP_MOMENTS_MAX(live->txn.branches_count))
        world_fail(world, "txn %u notes %u moments in one step, and hosts have no room for that",
                   txn, (unsigned)noted);
    world_trace(world, "node %u: txn %u %s: %s -> %s, %u effects", node, txn,
                txn_event_kind_name(event->kind), from, txn_shown_name(&live->txn),
                world->effects->count);
    for (uint32_t i = 0; i < world->effects->count; i++) {
        if (world_chance(world, world->crash)) { /* at every effect */
            process_crash(world, host->process);
            if (!host->alive)
                return;
        }
        on_effect(world, node, txn, &world->effects->list[i]);
    }
    sim_slots_voted(world, node, txn);
    check_places(world, node, txn);
    arm(world, node, txn);
}

/* --- what arrives ----------------------------------------------------------------------------- */

void node_on_result(struct world *world, const struct sim_event *event)
{
    struct live *live = world->nodes[event->node]->live[event->txn];
    uint32_t at = world->txns[event->txn].plan.participant[event->result.branch - 1];
    world->answered[event->id] = 1;
    if (!event->down && !event->unheard)
        sim_slots_heard(world, event->node, at);
    if (live == NULL)
        return;
    struct result result = event->result;
    if (world->mutation == MUTATE_WAITED_OUT && result.result == RESULT_CONFLICT)
        result.result = RESULT_RETRY;
    if (world->mutation == MUTATE_ANY_ATTEMPT)
        result.attempt = live->txn.attempt;
    if (world->mutation == MUTATE_STORED_NO &&
        (result.op == OP_EXECUTE || result.op == OP_COMPENSATE) &&
        result.attempt == live->txn.attempt)
        result.attempt += live->branches[result.branch - 1].raised;
    mutate_result(world, &result);
    if (world->mutation == MUTATE_REFUSED_IS_DONE && result.op == OP_ABORT &&
        result.result == RESULT_REFUSED && result.attempt < live->txn.attempt)
        result.result = RESULT_DONE;
    mutate_late_yes(world, event->node, event->txn, &result);
    struct txn_event step = {.kind = TXN_EVENT_RESULT, .unsent = event->unsent};
    step.down = event->down || sim_slots_down(world, event->node, at);
    step.of.result = &result;
    node_step(world, event->node, event->txn, &step);
}

void node_on_call_timeout(struct world *world, const struct sim_event *event)
{
    if (world->answered[event->id] != 0)
        return;
    struct sim_event none = *event;
    none.result = (struct result){.op = (enum message_op)event->what,
                                  .branch = event->branch + 1,
                                  .attempt = event->attempt,
                                  .result = RESULT_UNKNOWN};
    if (world->mutation == MUTATE_NEVER_LEFT && event->what == OP_EXECUTE)
        none.unsent = true;
    if (world->mutation == MUTATE_UNKNOWN_IS_DONE && event->what == OP_COMMIT)
        none.result.result = RESULT_DONE;
    none.unheard = true;
    sim_slots_failed(world, event->node, world->txns[event->txn].plan.participant[event->branch]);
    node_on_result(world, &none);
}

/* What is parked because its tries are spent begins to count from zero when its time has come. */
static void note_retries(struct world *world, const struct live *live, uint32_t txn,
                         uint64_t now_us)
{
    for (uint32_t i = 0; i < live->txn.branches_count; i++) {
        const struct txn_branch *branch = &live->branches[i];
        if (branch->state == TXN_BRANCH_PARKED && branch->retry_at.us != 0 &&
            branch->retry_at.us <= now_us)
            world->txns[txn].guard[branch->number - 1].resumes++;
    }
}

void node_on_timer(struct world *world, const struct sim_event *event)
{
    struct live *live = world->nodes[event->node]->live[event->txn];
    uint64_t now_us = world->now_us + 1;
    if (live->timer_us > now_us)
        return; /* a sooner one took its place */
    live->timer_us = 0;
    uint64_t wake_us = txn_wake_at(&live->txn).us;
    if (wake_us != 0 && wake_us <= now_us) {
        note_retries(world, live, event->txn, now_us);
        node_step(world, event->node, event->txn, &(struct txn_event){.kind = TXN_EVENT_TIMER});
    } else {
        arm(world, event->node, event->txn);
    }
}

void node_on_unsendable(struct world *world, const struct sim_event *event)
{
    struct txn_event step = {.kind = TXN_EVENT_UNSENDABLE};
    step.of.number = event->branch + 1;
    node_step(world, event->node, event->txn, &step);
}

void node_on_skipped(struct world *world, const struct sim_event *event)
{
    struct txn_event step = {.kind = TXN_EVENT_SKIPPED};
    step.of.number = event->branch + 1;
    node_step(world, event->node, event->txn, &step);
}

void node_on_granted(struct world *world, const struct sim_event *event)
{
    node_step(world, event->node, event->txn, &(struct txn_event){.kind = TXN_EVENT_RESERVED});
}

/* A branch in doubt: the journal's rows first, then what this memory knows. */
void node_on_asked(struct world *world, const struct sim_event *event)
{
    const struct sim_txn *txn = &world->txns[event->txn];
    const struct node *host = world->nodes[event->node];
    bool certain;
    enum txn_answer said = journal_answer(world, txn, event->branch + 1, event->attempt, &certain);
    if (!certain && host->live[event->txn] != NULL)
        said = txn_inquire(&host->live[event->txn]->txn, event->branch + 1, event->attempt);
    else if (!certain && !txn->row && txn->epoch == host->epoch)
        said = TXN_ANSWER_ABORTED; /* this leader's own epoch, and it never heard of it */
    world_trace(world, "node %u: txn %u/%u asks about #%u: %s", event->node, event->txn,
                event->branch + 1, event->attempt, txn_answer_name(said));
    struct sim_event answer = *event;
    answer.kind = EV_ANSWER;
    answer.what = said;
    world_carry(world, answer);
}

void node_on_kafka(struct world *world, const struct sim_event *event)
{
    struct sim_txn *txn = &world->txns[event->txn];
    if (txn->kafka[event->what]++ == 0)
        txn->kafka_order[event->what] = ++txn->kafka_count;
    txn->outbox[event->what] = false;
    node_step(world, event->node, event->txn, &(struct txn_event){.kind = TXN_EVENT_PUBLISHED});
}

/* --- life ------------------------------------------------------------------------------------- */

/* By its own clock: looked at before anything leaves. */
bool node_leads(const struct world *world, uint32_t node)
{
    uint64_t until_us = world->nodes[node]->lease_until_us;
    return until_us == 0 || world->now_us < until_us;
}

static void load(struct world *world, uint32_t node, uint32_t index)
{
    struct sim_txn *txn = &world->txns[index];
    struct live *live = world_alloc(world, sizeof(*live));
    struct txn_image image;
    journal_image(txn, &image);
    if (world->mutation == MUTATE_HANDED_BEFORE && image.handed != 0)
        image.handed = world->nodes[node]->epoch - 1;
    image.doubtful = loss_of(world, txn) && world->mutation != MUTATE_LOST_TAIL;
    image.origin = txn->origin;
    if (txn->steps[0] != '\0') {
        char *steps = world_alloc(world, sizeof(txn->steps) + 3);
        snprintf(steps, sizeof(txn->steps) + 3, "[%.*s]", (int)strlen(txn->steps) - 1,
                 txn->steps); /* without the last comma */
        image.steps = (struct troth_span){steps, strlen(steps)};
    }
    struct txn_image *kept = world_alloc(world, sizeof(*kept)); /* the txn borrows its origin */
    *kept = image;
    int error = txn_recover(&live->txn, kept, &world->policy, world->nodes[node]->epoch,
                            world_random(world, UINT64_MAX), live->branches, BRANCHES_MAX,
                            &live->memory, node_now(world, node));
    world->nodes[node]->live[index] = live;
    if (error == 0)
        txn_history_move(&live->txn, live->history, TXN_HISTORY_MAX);
    if (error != 0) {
        world_fail(world, "txn %u cannot be recovered: %s", index, troth_error_name(error));
        return;
    }
    for (uint32_t i = 0; i < live->txn.branches_count; i++)
        node_branch_define(&live->branches[i], &txn->plan, live->branches[i].number - 1);
}

/* Raises the epoch, loads what is open, then drives it: all that it knows comes from the journal.
 */
void node_takeover(struct world *world, uint32_t shard, uint32_t process)
{
    struct shard *taken = &world->shards[shard];
    uint32_t node = world->nodes_count++;
    struct node *host = world_alloc(world, sizeof(*host));
    world->nodes[node] = host;
    sim_slots_start(world, host);
    taken->leader = node;
    if (taken->epoch == 0 || world->mutation != MUTATE_SAME_EPOCH)
        taken->epoch = (taken->seen > taken->epoch ? taken->seen : taken->epoch) + 1;
    if (taken->seen < taken->epoch)
        taken->seen = taken->epoch;
    host->alive = true;
    host->timeline = world->timeline;
    host->shard = shard;
    host->process = process;
    host->found = world->txns_count;
    host->epoch = taken->epoch;
    world_trace(world, "node %u, process %u, leads shard %u under epoch %u", node, process, shard,
                host->epoch);
    for (uint32_t t = 0; t < world->txns_count; t++)
        if (world->txns[t].shard == shard && world->txns[t].row && !world->txns[t].ended)
            load(world, node, t);
    for (uint32_t t = 0; t < world->txns_count && host->alive; t++) {
        if (world->txns[t].shard != shard)
            continue;
        for (uint32_t o = 0; o < TXN_OUTCOME_COUNT; o++)
            if (world->txns[t].outbox[o])
                node_publish(world, node, t, (enum txn_outcome)o);
        if (host->live[t] != NULL && host->live[t]->txn.state == TXN_NEW)
            node_step(world, node, t, &(struct txn_event){.kind = TXN_EVENT_RECOVERED});
    }
}
