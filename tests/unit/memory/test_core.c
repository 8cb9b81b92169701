/* Whole transactions through the core, from the first record to the last, with each allocation of
 * their texts failing: the decision stands with all that it rests on; only what is for people, or
 * what the guard can say again, is left out. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/json.h>
#include <txn/txn.h>

#include "failing.h"

#define SPAN(text) ((struct troth_span){text, sizeof(text) - 1})
#define BRANCHES   3u
#define QUEUE_MAX  64u

/* One transaction with a journal, and participants that all say yes, unless one is to refuse. */
struct world {
    struct txn txn;
    struct txn_origin origin;
    struct txn_branch branches[BRANCHES];
    struct txn_history_entry history[TXN_HISTORY_MAX];
    struct txn_effects effects;
    struct buffer texts;
    struct txn_event queue[QUEUE_MAX];
    struct result results[QUEUE_MAX];
    uint32_t first, count;
    struct txn_image image; /* as the journal has it */
    char members[1024];
    uint32_t done[OP_COUNT];
    struct troth_span output;
    uint32_t refuses; /* the branch; 0: none */
};

static const struct txn_policy policy = TXN_POLICY_DEFAULT;
static const struct txn_now now = {{5000000}, {UINT64_C(1700000000000000)}};
static const char *const names[BRANCHES] = {"bank_a", "bank_b", "bank_c"};

static struct txn_event *push(struct world *world, enum txn_event_kind kind)
{
    assert(world->count < QUEUE_MAX);
    struct txn_event *event = &world->queue[world->count++];
    *event = (struct txn_event){.kind = kind};
    return event;
}

static void answer(struct world *world, const struct txn_effect *effect)
{
    struct result *result = &world->results[world->count];
    bool refused = effect->branch->number == world->refuses && effect->op == OP_EXECUTE;
    *result = (struct result){.op = effect->op,
                              .branch = effect->branch->number,
                              .attempt = effect->attempt,
                              .result = effect->op == OP_PREPARE ? RESULT_VOTE
                                        : refused                ? RESULT_REFUSED
                                                                 : RESULT_DONE,
                              .vote = effect->op == OP_PREPARE ? VOTE_YES : VOTE_NONE};
    if (effect->op == OP_EXECUTE || effect->op == OP_PREPARE)
        result->output = world->output;
    world->done[effect->op]++;
    push(world, TXN_EVENT_RESULT)->of.result = result;
}

static bool is_json(struct troth_span text)
{
    struct troth_span value;
    return text.data == NULL || json_check(text, JSON_CHECK_DEFAULT, &value, NULL) == 0;
}

static bool is_kept(struct troth_span history)
{
    BUFFER_SCOPED struct buffer list = {0};
    txn_history_append_kept(history, &list);
    return history.data == NULL || list.failed || is_json(buffer_span(&list));
}

/* What the journal would have; whatever a record says, it says it whole. */
static void write_down(struct world *world, const struct txn_record *record)
{
    assert(is_json(record->members) && is_json(record->step) && is_json(record->steps));
    assert(is_json(record->failure) && is_kept(record->history));
    if (record->kind == TXN_RECORD_BEGIN || record->kind == TXN_RECORD_DECISION) {
        assert(record->members.len < sizeof world->members);
        memcpy(world->members, record->members.data, record->members.len);
        world->image.members = (struct troth_span){world->members, record->members.len};
    }
    if (record->kind == TXN_RECORD_DECISION) {
        world->image.decision = record->decision;
        assert((record->failure.data != NULL) == (record->decision == TXN_ABORT));
    }
    if (record->publishes)
        world->image.outcome = record->outcome;
    struct txn_event *event = push(world, TXN_EVENT_DURABLE);
    event->of.durable.record = record->kind;
    event->of.durable.attempt = record->attempt;
    event->of.durable.verdict = TXN_WRITTEN;
}

static void handle(struct world *world)
{
    for (uint32_t i = 0; i < world->effects.count; i++) {
        const struct txn_effect *effect = &world->effects.list[i];
        if (effect->kind == TXN_EFFECT_PERSIST)
            write_down(world, &effect->record);
        else if (effect->kind == TXN_EFFECT_RESERVE)
            push(world, TXN_EVENT_RESERVED);
        else if (effect->kind == TXN_EFFECT_SEND)
            answer(world, effect);
        else if (effect->kind == TXN_EFFECT_PUBLISH)
            push(world, TXN_EVENT_PUBLISHED);
    }
}

static void go(struct world *world)
{
    push(world, TXN_EVENT_SUBMITTED);
    while (world->first < world->count) {
        txn_step(&world->txn, &world->queue[world->first++], now, &world->effects);
        handle(world);
    }
    assert(world->txn.state == TXN_ENDED);
}

/* A new leader reads the same decision. */
static int recover(struct world *world)
{
    BUFFER_SCOPED struct buffer memory = {0};
    enum txn_decision decided = world->txn.decision;
    world->image.origin = world->origin;
    world->image.attempt = 1;
    world->image.protocol = world->txn.protocol;
    int error = txn_recover(&world->txn, &world->image, &policy, 2, 7, world->branches, BRANCHES,
                            &memory, now);
    if (error == 0) {
        assert(world->txn.decision == decided);
        assert(world->txn.branches_count == BRANCHES);
        assert(strcmp(world->branches[2].participant, "bank_c") == 0);
    }
    return error;
}

static int play(struct world *world, enum txn_mode mode)
{
    world->effects.texts = &world->texts;
    world->origin.mode = mode;
    world->origin.timeout_us = 10000000;
    world->origin.prepare_timeout_us = 2000000;
    world->origin.began_at = now.wall;
    for (uint32_t i = 0; i < BRANCHES; i++)
        world->branches[i] = (struct txn_branch){.number = i + 1,
                                                 .name = names[i],
                                                 .participant = names[i],
                                                 .operation = "debit",
                                                 .inquires = true,
                                                 .has_compensation = true,
                                                 .after = i > 0 ? UINT64_C(1) << (i - 1) : 0};
    txn_init(&world->txn, &world->origin, &policy, 1, 42, world->branches, BRANCHES, BRANCHES);
    txn_history_move(&world->txn, world->history, TXN_HISTORY_MAX);
    if (!buffer_reserve(&world->texts, TXN_TEXTS_BYTES_MAX))
        return TROTH_ERROR_NO_MEMORY;
    go(world);
    return recover(world);
}

/* The outputs: none, small, and such that the record of one just fits what was reserved. */
static struct troth_span output;

static int run(enum txn_mode mode, uint32_t refuses, enum txn_outcome outcome,
               enum message_op counted, uint32_t times)
{
    static struct world world;
    world = (struct world){.output = output, .refuses = refuses};
    int error = play(&world, mode);
    buffer_finish(&world.texts);
    if (error == 0) {
        assert(world.image.outcome == outcome);
        assert(world.done[counted] == times);
    }
    return error;
}

static int two_phase(void)
{
    return run(TXN_MODE_2PC, 0, TXN_OUTCOME_COMMITTED, OP_COMMIT, BRANCHES);
}

static int saga(void)
{
    return run(TXN_MODE_SAGA, 0, TXN_OUTCOME_COMMITTED, OP_EXECUTE, BRANCHES);
}

static int saga_undone(void)
{
    return run(TXN_MODE_SAGA, 3, TXN_OUTCOME_COMPENSATED, OP_COMPENSATE, BRANCHES - 1);
}

static int (*const plays[])(void) = {two_phase, saga, saga_undone};
#define PLAYS_COUNT (sizeof plays / sizeof plays[0])

START_TEST(a_transaction_without_memory_for_its_texts_is_decided_all_the_same)
{
    /* the buffer grows by doubling: what is reserved is this much */
    const size_t room = 256u << 10,
                 lens[] = {2, room / 2, room - 600, room - 300, room - 150, room};
    size_t len = lens[(size_t)_i / PLAYS_COUNT];
    char *text = malloc(len);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', len);
    text[0] = text[len - 1] = '"';
    output = (struct troth_span){text, len};
    failing_each(plays[(size_t)_i % PLAYS_COUNT], 0);
    free(text);
}
END_TEST

TCase *core_tests(void)
{
    TCase *tests = tcase_create("core");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_transaction_without_memory_for_its_texts_is_decided_all_the_same,
                        0, 6 * PLAYS_COUNT);
    return tests;
}
