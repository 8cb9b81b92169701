/* client.c: who asks for transactions: requests that are lost, doubled and sent again under the
 * same key, cancelled, or forgotten; and the services that an interactive client calls. */
#include "sim.h"

/* Up to a pivot, if there is one, steps that can be undone; behind it retriable ones. `after` is
 * any graph. */
static void plan_steps(struct world *world, struct plan *plan)
{
    plan->branches = 1 + (uint32_t)world_random(world, BRANCHES_MAX);
    uint32_t pivot = (uint32_t)world_random(world, plan->branches + 2u); /* beyond: none */
    for (uint32_t i = 0; i < plan->branches; i++) {
        uint64_t earlier = (UINT64_C(1) << i) - 1;
        plan->kind[i] = i == pivot  ? TXN_STEP_PIVOT
                        : i > pivot ? TXN_STEP_RETRIABLE
                                    : TXN_STEP_COMPENSATABLE;
        plan->after[i] =
            world_random(world, UINT64_C(1) << i) & world_random(world, UINT64_C(1) << i);
        if (plan->kind[i] == TXN_STEP_RETRIABLE)
            plan->after[i] |= UINT64_C(1) << pivot;
        plan->needs[i] = plan->after[i] & earlier;
        plan->has_compensation[i] =
            plan->kind[i] == TXN_STEP_COMPENSATABLE && world_random(world, 6) != 0;
        plan->needs_output[i] = world_random(world, 2) == 0;
        plan->retry[i] = (struct txn_retry){.interval_us = 50000, .max_interval_us = 2000000};
        plan->retry[i].max_attempts = (uint32_t)world_random(world, 5);
        uint64_t mood = world_random(world, 40);
        plan->mood[i] = mood < 4                              ? MOOD_SKIP
                        : plan->kind[i] == TXN_STEP_RETRIABLE ? (mood < 8 ? MOOD_REFUSE : MOOD_YES)
                        : mood < 8                            ? MOOD_REFUSE
                        : mood == 8                           ? MOOD_UNSENDABLE
                        : mood == 9                           ? MOOD_READ_ONLY
                                                              : MOOD_YES;
        plan->participant[i] = (uint32_t)world_random(world, PARTICIPANTS);
    }
}

static void plan_branches(struct world *world, struct plan *plan)
{
    static const uint32_t counts[] = {1, 2, 2, 2, 3, 4};
    static const enum mood moods[40] = {MOOD_REFUSE,    MOOD_REFUSE,    MOOD_UNSENDABLE,
                                        MOOD_READ_ONLY, MOOD_READ_ONLY, MOOD_READ_ONLY,
                                        MOOD_READ_ONLY}; /* else yes */
    plan->branches = counts[world_random(world, 6)];
    for (uint32_t i = 0; i < plan->branches; i++) {
        plan->participant[i] = (uint32_t)world_random(world, PARTICIPANTS);
        plan->mood[i] = moods[world_random(world, 40)];
        if (i > 0 && world_random(world, 6) == 0)
            plan->needs[i] = UINT64_C(1) << world_random(world, i);
        plan->early[i] = world_random(world, 3) == 0;
        if (plan->interactive)
            plan->mood[i] = MOOD_YES;
    }
    if (plan->interactive)
        for (uint32_t i = 0; i < plan->branches; i++)
            plan->needs[i] = 0;
}

/* Everybody wants the same few rows. Where nobody can look up who holds one, a transaction has one
 * step at a participant, and none that goes against the order: there order alone has to do. */
static void plan_rows(struct world *world, struct plan *plan)
{
    uint32_t first = (uint32_t)world_random(world, world->calm ? 2 : PARTICIPANTS);
    uint32_t row = (uint32_t)world_random(world, world->rows);
    plan->ordered = world_random(world, 3) == 0;
    if (world->blind && plan->branches > PARTICIPANTS)
        plan->branches = PARTICIPANTS;
    for (uint32_t i = 0; i < plan->branches; i++) {
        plan->row[i] = 1 + row++ % world->rows; /* no two steps want the same one, but below */
        if (i >= world->rows && !world->blind)
            plan->row[i] = 0;
        if (world->blind || world->calm)
            plan->participant[i] = (first + (world->blind ? i : i / 2)) % PARTICIPANTS;
        if (world->blind)
            plan->needs[i] = plan->prepare_after[i] = 0;
        else if (i > 0 && world_random(world, 8) == 0)
            plan->prepare_after[i] = UINT64_C(1) << world_random(world, i);
        if (world->calm && plan->mood[i] != MOOD_READ_ONLY && plan->mood[i] != MOOD_SKIP)
            plan->mood[i] = MOOD_YES;
    }
    if (world->calm && !world->blind && plan->branches > 1 && plan->mood[0] == MOOD_YES &&
        plan->mood[1] == MOOD_YES && world_random(world, 8) == 0) {
        plan->row[1] = plan->row[0];
        plan->clashes = true;
    }
}

void clients_plan(struct world *world)
{
    world->clients_count =
        1 + (uint32_t)world_random(world, world->rows != 0 ? CLIENTS_MAX : CLIENTS_MAX / 2);
    for (uint32_t c = 0; c < world->clients_count; c++) {
        struct client *client = &world->clients[c];
        client->txn = TXNS_MAX;
        client->plan.interactive = world_random(world, 3) == 0;
        client->plan.accepted = !client->plan.interactive && world_random(world, 2) == 0;
        client->plan.cancels = world_random(world, 8) == 0;
        client->plan.vanishes = client->plan.interactive && world_random(world, 8) == 0;
        client->plan.names_stranger = client->plan.interactive && world_random(world, 12) == 0;
        client->plan.changes = client->plan.interactive && world_random(world, 3) == 0;
        client->plan.careless = !client->plan.interactive && world_random(world, 4) == 0;
        if (!client->plan.interactive && world_random(world, 2) == 0)
            client->plan.mode = world_random(world, 2) == 0 || world->loses
                                    ? TXN_MODE_SAGA
                                    : TXN_MODE_2PC_THEN_SAGA; /* doubtful, it is parked */
        if (is_saga(&client->plan))
            plan_steps(world, &client->plan);
        else
            plan_branches(world, &client->plan);
        if (world->rows != 0 && !client->plan.interactive)
            plan_rows(world, &client->plan);
        uint64_t at_us = world_random(world, world->calm        ? 10000
                                             : world->rows != 0 ? 50000
                                                                : 15000000);
        client->finished = !world_happens(world);
        world_push(world, (struct sim_event){.kind = EV_CLIENT, .client = c}, at_us);
    }
}

/* To any process: who does not lead its shard passes it on. */
static void request(struct world *world, enum request what, uint32_t client, uint32_t txn,
                    uint32_t branch, uint32_t id)
{
    uint32_t process = process_any(world);
    world_carry(world, (struct sim_event){.kind = EV_REQUEST,
                                          .node = process,
                                          .txn = txn,
                                          .branch = branch,
                                          .client = client,
                                          .what = what,
                                          .id = id});
}

static uint32_t newest_of(const struct world *world, uint32_t client)
{
    for (uint32_t t = world->txns_count; t > 0; t--)
        if (world->txns[t - 1].client == client)
            return t - 1;
    return TXNS_MAX;
}

/* No key: what it sent it never sends again, unless it was told that nothing was done. It asks what
 * became of a transaction of which it heard; when nobody answers it gives up. */
static void careless(struct world *world, uint32_t c)
{
    struct client *client = &world->clients[c];
    if (client->asks) {
        request(world, REQUEST_GET, c, client->txn, 0, 0);
    } else if (client->sent) {
        client->finished = client->tries > 20;
    } else if (!world_chance(world, world->drop)) {
        client->sent = true;
        client->tries = 0;
        uint32_t process = process_any(world);
        world_push(world,
                   (struct sim_event){
                       .kind = EV_REQUEST, .node = process, .client = c, .what = REQUEST_SUBMIT},
                   world_delay(world));
    }
}

static void orchestrated(struct world *world, uint32_t c)
{
    struct client *client = &world->clients[c];
    if (client->plan.careless) {
        careless(world, c);
        return;
    }
    request(world, REQUEST_SUBMIT, c, 0, 0, 0);
    uint32_t txn = newest_of(world, c);
    if (client->plan.cancels && txn < TXNS_MAX && world_random(world, 2) == 0)
        request(world, REQUEST_CANCEL, c, txn, 0, 0);
}

static void call_services(struct world *world, struct client *client)
{
    for (uint32_t b = 0; b < client->plan.branches; b++) {
        if ((client->known >> b & 1u) == 0)
            world_carry(world,
                        (struct sim_event){.kind = EV_SERVICE, .txn = client->txn, .branch = b});
    }
}

static void interactive(struct world *world, uint32_t c)
{
    struct client *client = &world->clients[c];
    uint32_t all = (UINT32_C(1) << client->plan.branches) - 1;
    if (client->txn == TXNS_MAX) {
        request(world, REQUEST_OPEN, c, 0, 0, 0);
        return;
    }
    if (client->plan.vanishes && client->tries > 2) {
        client->finished = true;
        return;
    }
    if (!client->closed && client->known != all && client->tries < 6) {
        call_services(world, client);
        return;
    }
    if (client->closed && client->plan.changes && world_random(world, 2) == 0) {
        uint32_t other = client->list ^ (UINT32_C(1) << world_random(world, BRANCHES_MAX));
        request(world, REQUEST_CLOSE, c, client->txn, 0, other);
    }
    if (!client->closed)
        client->list = client->known; /* said again as it was said first */
    client->closed = true;
    if (client->plan.cancels)
        request(world, REQUEST_CANCEL, c, client->txn, 0, 0);
    else
        request(world, REQUEST_CLOSE, c, client->txn, 0, client->list);
}

/* Again and again, until it has heard the outcome. */
void client_on_timer(struct world *world, const struct sim_event *event)
{
    struct client *client = &world->clients[event->client];
    if (client->finished)
        return;
    client->tries++;
    if (client->plan.interactive)
        interactive(world, event->client);
    else
        orchestrated(world, event->client);
    uint64_t wait_us = client->plan.interactive && !client->closed ? 20000 : 500000;
    world_push(world, *event, wait_us + world_random(world, 2000000));
}

/* --- services --------------------------------------------------------------------------------- */

static void service_enlists(struct world *world, uint32_t txn, uint32_t branch)
{
    request(world, REQUEST_ENLIST, 0, txn, branch, 0);
    world_push(world, (struct sim_event){.kind = EV_SERVICE_RETRY, .txn = txn, .branch = branch},
               500000 + world_random(world, 1000000));
}

/* Work, perhaps prepare, enlist; and enlist again until that is answered. */
void client_on_service(struct world *world, const struct sim_event *event)
{
    struct sim_txn *txn = &world->txns[event->txn];
    struct guard *guard = &txn->guard[event->branch];
    if (guard->acknowledged || guard->refused)
        return;
    if (world->participant_down[txn->plan.participant[event->branch]]) {
        if (event->kind == EV_SERVICE_RETRY) /* once it is up again */
            world_push(world, *event, 1000000);
        return;
    }
    if (guard->enlisting) {
        if (event->kind == EV_SERVICE_RETRY && (guard->work || guard->prepared != 0))
            service_enlists(world, event->txn, event->branch);
        return;
    }
    if (guard->tombstone != 0)
        return;
    guard->enlisting = true;
    guard->work = !txn->plan.early[event->branch];
    if (txn->plan.early[event->branch])
        participant_prepare(world, event->txn, event->branch, 1);
    else
        world_push(
            world,
            (struct sim_event){.kind = EV_GIVE_UP, .txn = event->txn, .branch = event->branch},
            8000000 + world_random(world, 20000000));
    service_enlists(world, event->txn, event->branch);
}

static void service_hears(struct world *world, const struct sim_event *event)
{
    struct sim_txn *txn = &world->txns[event->txn];
    struct guard *guard = &txn->guard[event->branch];
    if (world->participant_down[txn->plan.participant[event->branch]] ||
        (!guard->work && guard->prepared == 0))
        return;
    if (event->what == ANSWER_REFUSED) {
        if (guard->acknowledged)
            return;
        guard->refused = true;
        guard->work = false;
        if (guard->prepared != 0)
            participant_roll_back(world, event->txn, event->branch);
        return;
    }
    guard->acknowledged = true; /* only now does the service answer its caller [OKFIRST] */
    guard->told_ok = true;
    check_acknowledged(world, txn, event->branch);
    if (!world_chance(world, world->drop))
        world->clients[txn->client].known |= UINT32_C(1) << event->branch;
}

/* --- what comes back -------------------------------------------------------------------------- */

/* A node speaks: from this moment on it may have been heard. */
void client_tell(struct world *world, uint32_t node, uint32_t txn, enum request_answer answer,
                 uint32_t branch, enum txn_decision decision)
{
    bool leads = node_leads(world, node) || world->mutation == MUTATE_LEASE_UNLOOKED;
    if (!leads && (answer == ANSWER_ENLISTED || answer == ANSWER_REFUSED))
        return;
    if (!leads && answer != ANSWER_NOTHING)
        answer = ANSWER_UNKNOWN;
    if (answer != ANSWER_UNKNOWN && answer != ANSWER_NOTHING)
        check_leads(world, node);
    world_carry(world, (struct sim_event){.kind = EV_REQUEST_ANSWER,
                                          .node = node,
                                          .txn = txn,
                                          .branch = branch,
                                          .client = world->txns[txn].client,
                                          .what = answer,
                                          .id = decision});
}

void client_tell_outcome(struct world *world, uint32_t node, uint32_t txn,
                         enum txn_decision decision, enum txn_outcome outcome)
{
    world_trace(world, "node %u: client %u is told %s, %s of txn %u", node, world->txns[txn].client,
                txn_decision_name(decision), txn_outcome_name(outcome), txn);
    if (node_leads(world, node))
        check_told(world, &world->txns[txn], decision, outcome);
    client_tell(world, node, txn, ANSWER_OUTCOME, 0, decision);
}

static void careless_hears(struct client *client, const struct sim_event *event)
{
    switch ((enum request_answer)event->what) {
    case ANSWER_ACCEPTED:
    case ANSWER_UNKNOWN:
        if (event->txn == TXNS_MAX)
            break; /* who passed it on knows no gtid: then it is not known */
        client->txn = event->txn;
        client->asks = true;
        break;
    case ANSWER_NOTHING:
        if (!client->asks && !client->finished)
            client->sent = false;
        break;
    case ANSWER_GONE: /* it has done nothing */
        client->finished = true;
        break;
    case ANSWER_OUTCOME:
        client->finished = true;
        client->heard = (enum txn_decision)event->id;
        client->heard_of = event->txn;
        break;
    case ANSWER_OPENED:
    case ANSWER_ENLISTED:
    case ANSWER_REFUSED:
    case ANSWER_NONE:
        break;
    }
}

void client_on_answer(struct world *world, const struct sim_event *event)
{
    struct client *client = &world->clients[event->client];
    if (client->plan.careless) {
        careless_hears(client, event);
        return;
    }
    switch ((enum request_answer)event->what) {
    case ANSWER_OPENED:
        if (client->txn == TXNS_MAX)
            client->txn = event->txn;
        break;
    case ANSWER_ENLISTED:
    case ANSWER_REFUSED:
        service_hears(world, event);
        break;
    case ANSWER_OUTCOME:
        if (client->plan.interactive && client->txn != event->txn)
            break;
        client->finished = true;
        client->heard = (enum txn_decision)event->id;
        client->heard_of = event->txn;
        break;
    case ANSWER_ACCEPTED: /* they ask again, with their key */
    case ANSWER_UNKNOWN:
    case ANSWER_NOTHING:
    case ANSWER_GONE:
    case ANSWER_NONE:
        break;
    }
}
