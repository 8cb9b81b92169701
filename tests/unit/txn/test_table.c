/* Walks the total table: brings a transaction into every state and steps every event there. */
#include <stdlib.h>

#include "rig.h"
#include "tests.h"

static struct rig *to_preparing(void)
{
    struct rig *rig = rig_new(2);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    return rig;
}

static struct rig *to_committing(void)
{
    struct rig *rig = to_preparing();
    rig_vote(rig, 1, VOTE_YES);
    rig_vote(rig, 2, VOTE_YES);
    rig_durable(rig, TXN_RECORD_DECISION);
    return rig;
}

static struct rig *to_delegated(void)
{
    struct rig *rig = rig_new(1);
    rig_event(rig, TXN_EVENT_SUBMITTED);
    rig_event(rig, TXN_EVENT_RESERVED);
    rig_durable(rig, TXN_RECORD_DELEGATE);
    return rig;
}

static struct rig *to_beginning(void)
{
    struct rig *rig = rig_new(2);
    rig->origin.accepted = true;
    rig_event(rig, TXN_EVENT_SUBMITTED);
    return rig;
}

static struct rig *to_restarting(void)
{
    static const char members[] =
        "[{\"branch\":1,\"participant\":\"p\",\"operation\":\"o\",\"inquires\":true}]";
    static struct txn_image image; /* the txn borrows its origin */
    image = (struct txn_image){.attempt = 1, .members = SPAN(members)};
    image.origin.accepted = true;
    const char *trace;
    return rig_recover(&image, &trace);
}

static struct rig *to_publishing(void)
{
    struct rig *rig = to_committing();
    rig_done(rig, 1, OP_COMMIT, BRANCH_IS_COMMITTED);
    rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED);
    return rig;
}

static struct rig *to_saga(enum txn_state state)
{
    struct rig *rig =
        rig_new_saga(state == TXN_FALLING_BACK ? TXN_MODE_2PC_THEN_SAGA : TXN_MODE_SAGA, "cpr");
    rig_begin(rig);
    if (state == TXN_FALLING_BACK) {
        rig_after(rig, 2000000);
        return rig;
    }
    if (state == TXN_RUNNING)
        return rig;
    if (state == TXN_TURNING || state == TXN_COMPENSATING) {
        rig_event(rig, TXN_EVENT_CANCELLED);
        if (state == TXN_COMPENSATING)
            rig_durable(rig, TXN_RECORD_DECISION);
        return rig;
    }
    rig_executed(rig, 1, NULL);
    if (state == TXN_STOPPING) {
        rig_event(rig, TXN_EVENT_CANCELLED);
        return rig;
    }
    rig_executed(rig, 2, NULL);
    rig_executed(rig, 3, NULL);
    return rig;
}

/* Behind a fallback; the abort of attempt 1 is parked at branch 1 and still tried at branch 2. */
static struct rig *to_fallen_back(void)
{
    struct rig *rig = rig_new_saga(TXN_MODE_2PC_THEN_SAGA, "cpr");
    rig_begin(rig);
    rig_after(rig, 2000000);
    rig_durable(rig, TXN_RECORD_ATTEMPT);
    rig_earlier(rig, 1, RESULT_REFUSED);
    return rig;
}

/* The same states with that behind them; NULL: there it cannot be. */
static struct rig *rig_with_parked_abort(enum txn_state state)
{
    if (state != TXN_RUNNING && state != TXN_STOPPING && state != TXN_TURNING &&
        state != TXN_COMPENSATING && state != TXN_CONCLUDING)
        return NULL;
    struct rig *rig = to_fallen_back();
    if (state == TXN_RUNNING)
        return rig;
    if (state == TXN_TURNING || state == TXN_COMPENSATING) {
        rig_event(rig, TXN_EVENT_CANCELLED);
        if (state == TXN_COMPENSATING)
            rig_durable(rig, TXN_RECORD_DECISION);
        return rig;
    }
    rig_executed(rig, 1, NULL);
    if (state == TXN_STOPPING) {
        rig_event(rig, TXN_EVENT_CANCELLED);
        return rig;
    }
    rig_executed(rig, 2, NULL);
    rig_executed(rig, 3, NULL);
    rig_durable(rig, TXN_RECORD_DECISION);
    return rig;
}

/* Forward only, and its last step is refused. */
static struct rig *to_parked_forward(void)
{
    struct rig *rig = to_saga(TXN_RUNNING);
    rig_executed(rig, 1, NULL);
    rig_executed(rig, 2, NULL);
    rig_result(rig, 3, OP_EXECUTE, RESULT_REFUSED);
    for (int i = 0; i < 3; i++)
        rig_durable(rig, TXN_RECORD_STEP);
    return rig;
}

/* Nothing goes on but what is parked; NULL: there it cannot be so. */
static struct rig *rig_parked(enum txn_state state)
{
    struct rig *rig = NULL;
    if (state == TXN_REVOKING) {
        rig = to_delegated();
        rig_event(rig, TXN_EVENT_CANCELLED);
        rig_result(rig, 1, OP_ABORT, RESULT_REFUSED);
    } else if (state == TXN_COMMITTING) {
        rig = to_committing();
        rig_result(rig, 1, OP_COMMIT, RESULT_REFUSED);
        rig_done(rig, 2, OP_COMMIT, BRANCH_IS_COMMITTED);
    } else if (state == TXN_ABORTING) {
        rig = to_preparing();
        rig_event(rig, TXN_EVENT_CANCELLED);
        rig_result(rig, 1, OP_ABORT, RESULT_REFUSED);
        rig_done(rig, 2, OP_ABORT, BRANCH_IS_ABORTED);
        rig_durable(rig, TXN_RECORD_DECISION);
    } else if (state == TXN_DOUBTFUL) {
        rig = rig_doubtful();
        rig_done(rig, 1, OP_STATUS, BRANCH_IS_PREPARED);
        rig_done(rig, 2, OP_STATUS, BRANCH_IS_PREPARED);
    } else if (state == TXN_RUNNING) {
        rig = to_parked_forward();
    } else if (state == TXN_STOPPING) {
        rig = to_saga(state);
        rig_result(rig, 2, OP_ABORT, RESULT_REFUSED);
    } else if (state == TXN_COMPENSATING) {
        rig = to_saga(state);
        rig_result(rig, 1, OP_COMPENSATE, RESULT_REFUSED);
    } else if (state == TXN_CONCLUDING) {
        rig = rig_with_parked_abort(state);
        rig_earlier(rig, 2, RESULT_DONE);
    }
    return rig;
}

enum variant { PLAIN, WITH_PARKED_ABORT, PARKED, VARIANT_COUNT };

static struct rig *rig_in(enum txn_state state, enum variant variant)
{
    struct rig *rig;
    if (variant == WITH_PARKED_ABORT)
        return rig_with_parked_abort(state);
    if (variant == PARKED)
        return rig_parked(state);
    switch (state) {
    case TXN_NEW:
        return rig_new(2);
    case TXN_OPEN:
        rig = rig_new_interactive();
        rig_event(rig, TXN_EVENT_OPENED);
        return rig;
    case TXN_BEGINNING:
        return to_beginning();
    case TXN_RESERVING:
        rig = rig_new(2);
        rig_event(rig, TXN_EVENT_SUBMITTED);
        return rig;
    case TXN_PREPARING:
        return to_preparing();
    case TXN_DELEGATING:
        rig = rig_new(1);
        rig_event(rig, TXN_EVENT_SUBMITTED);
        rig_event(rig, TXN_EVENT_RESERVED);
        return rig;
    case TXN_DELEGATED:
        return to_delegated();
    case TXN_REVOKING:
        rig = to_delegated();
        rig_event(rig, TXN_EVENT_CANCELLED);
        return rig;
    case TXN_DECIDING:
        rig = to_preparing();
        rig_vote(rig, 1, VOTE_YES);
        rig_vote(rig, 2, VOTE_YES);
        return rig;
    case TXN_COMMITTING:
        return to_committing();
    case TXN_ABORTING:
        rig = to_preparing();
        rig_event(rig, TXN_EVENT_CANCELLED);
        return rig;
    case TXN_RESTARTING:
        return to_restarting();
    case TXN_PUBLISHING:
        return to_publishing();
    case TXN_DOUBTFUL:
        return rig_doubtful();
    case TXN_LEAVING:
        rig = to_preparing();
        rig_durable(rig, TXN_RECORD_BEGIN);
        rig_event(rig, TXN_EVENT_LEAVES);
        return rig;
    case TXN_LOST:
        rig = to_preparing();
        rig_event(rig, TXN_EVENT_FENCED);
        return rig;
    case TXN_ENDED:
        rig = to_publishing();
        rig_event(rig, TXN_EVENT_PUBLISHED);
        return rig;
    case TXN_FALLING_BACK:
    case TXN_RUNNING:
    case TXN_STOPPING:
    case TXN_TURNING:
    case TXN_COMPENSATING:
    case TXN_CONCLUDING:
        return to_saga(state);
    case TXN_STATE_COUNT:
        break;
    }
    abort();
}

/* Late, wrong and right ones. */
static const struct result answers[] = {
    {.op = OP_PREPARE, .branch = 1, .attempt = 1, .result = RESULT_VOTE, .vote = VOTE_YES},
    {.op = OP_PREPARE, .branch = 1, .attempt = 1, .result = RESULT_REFUSED},
    {.op = OP_PREPARE, .branch = 1, .attempt = 9, .result = RESULT_REFUSED},
    {.op = OP_EXECUTE, .branch = 1, .attempt = 1, .result = RESULT_DONE},
    {.op = OP_EXECUTE, .branch = 1, .attempt = 1, .result = RESULT_HEURISTIC},
    {.op = OP_EXECUTE, .branch = 1, .attempt = 1, .result = RESULT_REFUSED},
    {.op = OP_EXECUTE, .branch = 1, .attempt = 1, .result = RESULT_UNKNOWN},
    {.op = OP_EXECUTE, .branch = 2, .attempt = 1, .result = RESULT_DONE},
    {.op = OP_COMPENSATE, .branch = 1, .attempt = 1, .result = RESULT_DONE},
    {.op = OP_COMPENSATE, .branch = 1, .attempt = 1, .result = RESULT_REFUSED},
    {.op = OP_COMPENSATE, .branch = 1, .attempt = 1, .result = RESULT_RETRY},
    {.op = OP_STATUS, .branch = 1, .attempt = 1, .result = RESULT_DONE},
    {.op = OP_ABORT,
     .branch = 2,
     .attempt = 1,
     .result = RESULT_DONE,
     .state = BRANCH_IS_COMMITTED},
    {.op = OP_ABORT, .branch = 2, .attempt = 1, .result = RESULT_DONE, .state = BRANCH_IS_ABORTED},
    {.op = OP_ABORT, .branch = 2, .attempt = 1, .result = RESULT_REFUSED},
    {.op = OP_COMMIT, .branch = 1, .attempt = 1, .result = RESULT_DONE},
    {.op = OP_COMMIT, .branch = 1, .attempt = 1, .result = RESULT_HEURISTIC},
    {.op = OP_ABORT, .branch = 1, .attempt = 1, .result = RESULT_DONE, .state = BRANCH_IS_ABORTED},
    {.op = OP_ABORT, .branch = 1, .attempt = 1, .result = RESULT_REFUSED},
    {.op = OP_ABORT, .branch = 1, .attempt = 1, .result = RESULT_HEURISTIC},
    {.op = OP_ABORT, .branch = 1, .attempt = 1, .result = RESULT_UNKNOWN},
    {.op = OP_ABORT, .branch = 500, .attempt = 1, .result = RESULT_DONE},
    {.op = OP_COMMIT, .branch = 500, .attempt = 1, .result = RESULT_DONE},
};

/* The same event in several shapes. */
static uint32_t step_shapes(struct rig *rig, enum txn_event_kind kind, uint32_t shape)
{
    const uint32_t answers_count = sizeof(answers) / sizeof(answers[0]);
    static struct result result;
    uint32_t shapes = 1;
    struct txn_branch wanted = {.number = 5,
                                .name = "",
                                .participant = "p",
                                .operation = "o",
                                .inquires = shape == 0,
                                .vote = VOTE_NONE};
    struct txn_event event = {.kind = kind};
    if (kind == TXN_EVENT_RESULT) {
        shapes = answers_count * rig->txn.attempt;
        result = answers[shape % answers_count];
        result.attempt += shape / answers_count;
        event.of.result = &result;
    } else if (kind == TXN_EVENT_DURABLE) {
        shapes = TXN_RECORD_KIND_COUNT * 2;
        event.of.durable.record = (enum txn_record_kind)(shape % TXN_RECORD_KIND_COUNT);
        event.of.durable.attempt = rig->txn.attempt;
        if (rig->txn.state == TXN_RESTARTING || rig->txn.state == TXN_FALLING_BACK)
            event.of.durable.attempt--;
        event.of.durable.verdict = shape < TXN_RECORD_KIND_COUNT ? TXN_WRITTEN : TXN_ALREADY;
        event.of.durable.standing = shape < TXN_RECORD_KIND_COUNT ? TXN_UNDECIDED : TXN_ABORT;
    } else if (kind == TXN_EVENT_ENLISTED) {
        shapes = 2;
        event.of.branch = &wanted;
    } else if (kind == TXN_EVENT_RESOLVED) {
        shapes = 12;
        event.of.resolve.number = 1 + shape % 2;
        event.of.resolve.word = (enum txn_word)(1 + shape / 2 % 3);
        event.of.resolve.force = shape >= 6;
        event.of.resolve.said = SPAN("{}");
    } else if (kind == TXN_EVENT_FORGOTTEN) {
        event.of.resolve.said = SPAN("{}");
    } else if (kind == TXN_EVENT_UNSENDABLE || kind == TXN_EVENT_SKIPPED) {
        event.of.number = 1;
    } else if (kind == TXN_EVENT_OPENED || kind == TXN_EVENT_RECOVERED) {
        rig->origin.interactive = rig->txn.state == TXN_NEW || rig->origin.interactive;
    }
    rig_step(rig, &event);
    if (rig->txn.resolving != 0) /* and what follows from it */
        rig_durable(rig, TXN_RECORD_STEP);
    return shapes;
}

/* False: that state cannot be so. */
static bool visit(enum txn_state state, enum txn_event_kind kind, enum variant variant)
{
    uint32_t shapes = 1;
    for (uint32_t shape = 0; shape < shapes; shape++) {
        struct rig *rig = rig_in(state, variant);
        if (rig == NULL)
            return false;
        ck_assert_int_eq(rig->txn.state, state);
        ck_assert_int_eq(txn_parked(&rig->txn), variant == PARKED);
        shapes = step_shapes(rig, kind, shape); /* asserts row, edge and invariant */
        if (state == TXN_LOST || kind == TXN_EVENT_FENCED) {
            ck_assert_int_eq(rig->txn.state, TXN_LOST);
            ck_assert_uint_eq(rig->effects.count, 0);
        }
        if (state == TXN_LEAVING && kind != TXN_EVENT_FENCED) {
            ck_assert_int_eq(rig->txn.state, TXN_LEAVING);
            ck_assert_uint_eq(rig->effects.count, 0);
        }
        if (state == TXN_ENDED && kind != TXN_EVENT_FENCED)
            ck_assert_int_eq(rig->txn.state, TXN_ENDED);
        rig_free(rig);
    }
    return true;
}

START_TEST(every_event_in_every_state_is_handled_and_leaves_the_invariant)
{
    uint32_t pairs[VARIANT_COUNT] = {0};
    for (enum txn_state state = TXN_NEW; state < TXN_STATE_COUNT; state++) {
        for (enum txn_event_kind kind = TXN_EVENT_SUBMITTED; kind < TXN_EVENT_COUNT; kind++)
            for (enum variant variant = PLAIN; variant < VARIANT_COUNT; variant++)
                pairs[variant] += visit(state, kind, variant);
    }
    ck_assert_uint_eq(pairs[PLAIN], (uint32_t)TXN_STATE_COUNT * (uint32_t)TXN_EVENT_COUNT);
    ck_assert_uint_eq(pairs[WITH_PARKED_ABORT], 5u * (uint32_t)TXN_EVENT_COUNT);
    ck_assert_uint_eq(pairs[PARKED], 8u * (uint32_t)TXN_EVENT_COUNT);
}
END_TEST

START_TEST(every_word_has_a_name)
{
    for (enum txn_state i = TXN_NEW; i < TXN_STATE_COUNT; i++)
        ck_assert_ptr_nonnull(txn_state_name(i));
    for (enum txn_branch_state i = TXN_BRANCH_IDLE; i < TXN_BRANCH_STATE_COUNT; i++)
        ck_assert_ptr_nonnull(txn_branch_state_name(i));
    for (enum txn_cause i = TXN_CAUSE_NONE; i < TXN_CAUSE_COUNT; i++)
        ck_assert_ptr_nonnull(txn_cause_name(i));
    for (enum txn_event_kind i = TXN_EVENT_SUBMITTED; i < TXN_EVENT_COUNT; i++)
        ck_assert_ptr_nonnull(txn_event_kind_name(i));
    for (enum txn_effect_kind i = TXN_EFFECT_PERSIST; i < TXN_EFFECT_COUNT; i++)
        ck_assert_ptr_nonnull(txn_effect_kind_name(i));
    for (enum txn_moment i = TXN_MOMENT_BEGAN; i < TXN_MOMENT_COUNT; i++)
        ck_assert_ptr_nonnull(txn_moment_name(i));
    for (enum txn_reply_level i = TXN_REPLY_ENLISTED; i < TXN_REPLY_COUNT; i++)
        ck_assert_ptr_nonnull(txn_reply_level_name(i));
}
END_TEST

TCase *table_tests(void)
{
    TCase *tests = tcase_create("table");
    tcase_add_test(tests, every_event_in_every_state_is_handled_and_leaves_the_invariant);
    tcase_add_test(tests, every_word_has_a_name);
    return tests;
}
