/* process.c: the coordinators' processes, and who leads which shard. A process that gets what is
 * another's passes it on, once. Shards are taken when their leader is gone, stolen from one that
 * was paused for longer than its lease, and handed over in good order (txn/leave.c): nothing new is
 * accepted, what is open leaves, all is written, and only then is the shard given back. */
#include "sim.h"

#define NOBODY NODES_MAX

/* The leadership of that shard that a process has; NOBODY: none. */
uint32_t process_leads(const struct world *world, uint32_t process, uint32_t shard)
{
    for (uint32_t n = world->nodes_count; n > 0; n--) {
        const struct node *node = world->nodes[n - 1];
        if (node->alive && node->process == process && node->shard == shard)
            return n - 1;
    }
    return NOBODY;
}

/* Any that lives, or the one that led last. */
uint32_t process_any(struct world *world)
{
    uint32_t process = (uint32_t)world_random(world, PROCESSES);
    if (world->processes[process].alive)
        return process;
    return world->nodes[world->shards[0].leader]->process;
}

/* --- lives and deaths ------------------------------------------------------------------------- */

/* There is room for those that take over. */
bool process_may_end(const struct world *world)
{
    return world->nodes_count + 2 * SHARDS <= NODES_MAX;
}

static void plan_takeover(struct world *world, uint32_t shard, uint32_t process, uint64_t after_us)
{
    if (world->shards[shard].takeover_planned)
        return;
    world->shards[shard].takeover_planned = true;
    world_push(
        world,
        (struct sim_event){.kind = EV_TAKEOVER, .shard = shard, .process = process, .what = 1},
        after_us);
}

static void end(struct world *world, uint32_t node)
{
    struct node *host = world->nodes[node];
    host->alive = false;
    if (node ==
        world->shards[host->shard].leader) /* its leases are over, or somebody restarts it */
        plan_takeover(world, host->shard, PROCESSES, 50000 + world_random(world, 3000000));
}

void process_crash(struct world *world, uint32_t process)
{
    if (!world->processes[process].alive || !process_may_end(world))
        return;
    world_trace(world, "process %u crashes", process);
    world->processes[process].alive = false;
    for (uint32_t n = 0; n < world->nodes_count; n++)
        if (world->nodes[n]->alive && world->nodes[n]->process == process)
            end(world, n);
}

void process_on_crash(struct world *world, const struct sim_event *event)
{
    (void)event;
    if (world_faulty(world))
        process_crash(world, world->nodes[world->shards[0].leader]->process);
}

/* A wrong epoch: of this shard it knows nothing more. */
void process_lose(struct world *world, uint32_t node)
{
    world_trace(world, "node %u leads no more", node);
    wait_stop(world, node, true);
    end(world, node);
}

static void start(struct world *world, uint32_t process)
{
    struct process *started = &world->processes[process];
    if (started->alive)
        return;
    *started = (struct process){.alive = true};
    if (!world->calm && world_random(world, 4) == 0) /* its clock is off by hours */
        started->wall_offset_us = (int64_t)world_random(world, 7200000000) - 3600000000;
}

/* Paused for longer than its lease; then it goes on. */
static void pause_leader(struct world *world, uint32_t shard)
{
    struct node *leader = world->nodes[world->shards[shard].leader];
    uint64_t pause_us = world_random(world, 6000000);
    if (!leader->alive || world_random(world, 2) != 0)
        return;
    world->processes[leader->process].paused_until_us = world->now_us + pause_us;
    leader->lease_until_us = world->now_us;
}

/* .what 1: it was planned, because nobody leads it. */
void process_on_takeover(struct world *world, const struct sim_event *event)
{
    uint32_t shard = event->shard, process = event->process;
    if (event->what == 1)
        world->shards[shard].takeover_planned = false;
    if (world->nodes_count == NODES_MAX ||
        (event->what == 0 && world->now_us > 0 && !process_may_end(world)))
        return;               /* room for those that must */
    if (process >= PROCESSES) /* whoever is quickest, one that was restarted among them */
        process = (uint32_t)world_random(world, PROCESSES);
    if (world->now_us > 0 && event->what == 0 && world->nodes_count > shard)
        pause_leader(world, shard);
    start(world, process);
    uint32_t before = process_leads(world, process, shard);
    if (before != NOBODY) /* it takes the shard anew: one memory ends */
        world->nodes[before]->alive = false;
    node_takeover(world, shard, process);
}

/* --- handed over ------------------------------------------------------------------------------ */

static void leave_soon(struct world *world, uint32_t node)
{
    struct node *host = world->nodes[node];
    if (!host->alive || host->leaving != STAYS || !process_may_end(world))
        return;
    world_trace(world, "node %u is to hand shard %u over", node, host->shard);
    host->leaving = LEAVES_SOON;
    host->leaves_at_us = world->now_us + (world->calm ? 1000000 : world_random(world, 1000000));
    world_push(world, (struct sim_event){.kind = EV_LEAVES, .node = node}, 1000);
}

void process_on_handover(struct world *world, const struct sim_event *event)
{
    leave_soon(world, world->shards[event->shard].leader);
}

static bool all_leave_well(const struct world *world, const struct node *host)
{
    for (uint32_t t = 0; t < world->txns_count; t++)
        if (host->live[t] != NULL && !txn_leaves_well(&host->live[t]->txn))
            return false;
    return true;
}

static bool has_left(const struct world *world, const struct node *host)
{
    if (world->mutation == MUTATE_GIVEN_BACK_EARLY)
        return true;
    if (world->mutation == MUTATE_HANDOVER)
        return host->gathered_count == 0 && !host->in_flight;
    for (uint32_t t = 0; t < world->txns_count; t++) {
        enum txn_state state = host->live[t] != NULL ? host->live[t]->txn.state : TXN_LEAVING;
        if (state != TXN_LEAVING && state != TXN_ENDED && state != TXN_LOST)
            return false;
    }
    return host->gathered_count == 0 && !host->in_flight;
}

/* Who waits is told what is durable, and asks again under its key. */
static void give_back(struct world *world, uint32_t node)
{
    struct node *host = world->nodes[node];
    if (world->mutation == MUTATE_HANDOVER) {
        host->leaving = STAYS;
        return; /* it goes on, as if it led */
    }
    world_trace(world, "node %u gives shard %u back", node, host->shard);
    wait_stop(world, node, false);
    host->alive = false;
}

static void leave_all(struct world *world, uint32_t node)
{
    struct node *host = world->nodes[node];
    for (uint32_t t = 0; t < world->txns_count && host->alive; t++) {
        if (host->live[t] == NULL)
            continue;
        if (world->mutation == MUTATE_HANDOVER)
            mutate_hands_over(world, node, t);
        else
            node_step(world, node, t, &(struct txn_event){.kind = TXN_EVENT_LEAVES});
    }
}

void process_on_leaves(struct world *world, const struct sim_event *event)
{
    struct node *host = world->nodes[event->node];
    if (host->leaving == LEAVES_SOON &&
        (all_leave_well(world, host) || world->now_us >= host->leaves_at_us)) {
        host->leaving = LEAVES_NOW;
        leave_all(world, event->node);
    }
    if (!host->alive)
        return;
    if (host->leaving != LEAVES_NOW || !has_left(world, host)) {
        world_push(world, *event, 3000);
        return;
    }
    world->handovers++;
    give_back(world, event->node);
    plan_takeover(world, host->shard, (host->process + 1) % PROCESSES,
                  500 + world_random(world, 20000));
}

/* SIGTERM: it takes nothing new, hands its shards over, and ends when its time is over. */
void process_on_drain(struct world *world, const struct sim_event *event)
{
    (void)event;
    uint32_t process = world->nodes[world->shards[0].leader]->process;
    if (!world->processes[process].alive || world->processes[process].draining ||
        !world_faulty(world))
        return;
    world_trace(world, "process %u drains", process);
    world->processes[process].draining = true;
    for (uint32_t s = 0; s < world->shards_count; s++)
        if (process_leads(world, process, s) == world->shards[s].leader)
            leave_soon(world, world->shards[s].leader);
    world_push(world, (struct sim_event){.kind = EV_STOP_NODE, .process = process},
               world_random(world, 2000000));
}

void process_on_stop(struct world *world, const struct sim_event *event)
{
    if (!world->processes[event->process].draining)
        return; /* another one by now */
    if (!process_may_end(world)) {
        world->processes[event->process].draining = false;
        return; /* nobody could take over */
    }
    for (uint32_t n = 0; n < world->nodes_count; n++)
        if (world->nodes[n]->alive && world->nodes[n]->process == event->process)
            wait_stop(world, n, false);
    process_crash(world, event->process);
}

/* --- passed on -------------------------------------------------------------------------------- */

static bool waits_in(struct world *world, const struct sim_event *event)
{
    const struct process *process = &world->processes[event->node];
    if (process->paused_until_us <= world->now_us)
        return false;
    world_push(world, *event, process->paused_until_us - world->now_us);
    return true;
}

/* Whose is it? A key says the shard; what has none is begun wherever it comes to. */
static uint32_t shard_of(const struct world *world, const struct sim_event *event)
{
    bool begins = event->what == REQUEST_SUBMIT || event->what == REQUEST_OPEN;
    bool keyed = event->what == REQUEST_SUBMIT && !world->clients[event->client].plan.careless;
    if (!begins)
        return world->txns[event->txn].shard;
    if (keyed && world->mutation != MUTATE_KEY_ANYWHERE)
        return event->client % world->shards_count;
    for (uint32_t s = 0; s < world->shards_count; s++)
        if (process_leads(world, event->node, s) < NOBODY)
            return s;
    return event->client % world->shards_count;
}

/* To who leads it as last seen: now and then that is an old picture. */
static void pass_on(struct world *world, const struct sim_event *event, uint32_t shard)
{
    struct sim_event passed = *event;
    passed.passed = true;
    passed.node = world->nodes[world->shards[shard].leader]->process;
    if (world_chance(world, 100))
        passed.node = (uint32_t)world_random(world, PROCESSES);
    world->passed++;
    bool is_lost = world_chance(world, world->drop); /* TCP doubles nothing */
    uint64_t delay_us = world_delay(world);
    if (!is_lost)
        world_push(world, passed, delay_us);
    if (event->kind != EV_REQUEST || event->what != REQUEST_SUBMIT)
        return;
    struct sim_event over = *event;
    over.kind = EV_PASSED;
    world_push(world, over, 100000 + world_random(world, 2000000));
}

/* It has no answer from the other one: that may have begun it. */
void process_on_passed(struct world *world, const struct sim_event *event)
{
    struct sim_event answer = {.kind = EV_REQUEST_ANSWER, .client = event->client, .txn = TXNS_MAX};
    if (!world->processes[event->node].alive)
        return;
    answer.what = world->mutation == MUTATE_PASSED_IS_NOTHING ? ANSWER_NOTHING : ANSWER_UNKNOWN;
    world_push(world, answer, world_delay(world));
}

/* Its shard is on the move: nothing was done, where it would begin something. */
static void changing(struct world *world, const struct sim_event *event)
{
    struct sim_event answer = {.kind = EV_REQUEST_ANSWER, .client = event->client, .txn = TXNS_MAX};
    if (event->what != REQUEST_SUBMIT && event->what != REQUEST_OPEN)
        return;
    answer.what = ANSWER_NOTHING;
    world_push(world, answer, world_delay(world)); /* one answer to a request, and no other */
}

void process_on_request(struct world *world, const struct sim_event *event)
{
    struct sim_event here = *event;
    if (!world->processes[event->node].alive || waits_in(world, event))
        return;
    uint32_t shard = shard_of(world, event);
    here.node = process_leads(world, event->node, shard);
    if (here.node == NOBODY && !event->passed)
        pass_on(world, event, shard);
    else if (here.node == NOBODY || world->nodes[here.node]->leaving != STAYS)
        changing(world, event);
    else
        node_on_request(world, &here);
}

/* A branch in doubt asks any process. */
void process_on_asked(struct world *world, const struct sim_event *event)
{
    struct sim_event here = *event;
    if (!world->processes[event->node].alive || waits_in(world, event))
        return;
    here.node = process_leads(world, event->node, world->txns[event->txn].shard);
    if (here.node != NOBODY)
        node_on_asked(world, &here);
    else if (!event->passed)
        pass_on(world, event, world->txns[event->txn].shard);
}
