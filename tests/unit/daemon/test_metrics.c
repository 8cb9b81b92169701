/* What /metrics says: counted from how a transaction stood before a step and behind it. */
#include <string.h>

#include <config.h>
#include <counting.h>
#include <definitions.h>
#include <entry.h>
#include <learn.h>
#include <metrics.h>
#include <state.h>

#include "suites.h"

static struct driver driver;
static struct txn_origin origin;
static struct txn txn;

static void set_up(void)
{
    driver = (struct driver){.metrics = {.started_at = {UINT64_C(1795239289000012)}},
                             .outbox_mode = CONFIG_OUTBOX_OFF};
    origin = (struct txn_origin){.mode = TXN_MODE_2PC_THEN_SAGA};
    txn = (struct txn){.origin = &origin, .state = TXN_PREPARING};
}

static void says(const char *line, bool there)
{
    BUFFER_SCOPED struct buffer text = {0}, whole = {0};
    metrics_host(&driver, &text);
    buffer_append_format(&whole, "\n%s\n", line);
    ck_assert_msg((strstr(buffer_text(&text), buffer_text(&whole)) != NULL) == there,
                  "%s: \"%s\" in\n%s", there ? "is not there" : "is there", line,
                  buffer_text(&text));
}

static void count(const struct metrics_mark *before, enum txn_event_kind event)
{
    metrics_count(&driver.metrics, &txn, before, event);
}

/* An outcome counts in the step that makes it, under its mode, once. */
START_TEST(an_outcome_counts_once)
{
    says("troth_transactions_total{mode=\"2pc_then_saga\",outcome=\"committed\"} 0", true);
    struct metrics_mark before = metrics_mark(&txn);
    count(&before, TXN_EVENT_RESULT);
    says("troth_transactions_total{mode=\"2pc_then_saga\",outcome=\"committed\"} 0", true);
    txn.outcome = TXN_OUTCOME_COMMITTED;
    count(&before, TXN_EVENT_DURABLE);
    before = metrics_mark(&txn);
    count(&before, TXN_EVENT_RESULT);
    says("troth_transactions_total{mode=\"2pc_then_saga\",outcome=\"committed\"} 1", true);
    says("troth_transactions_total{mode=\"2pc\",outcome=\"committed\"} 0", true);
    says("troth_transactions_total{mode=\"2pc\",outcome=\"compensated\"} 0", false);
}
END_TEST

/* What turns out mixed behind its outcome stays counted under the first one, and is mixed. */
START_TEST(mixed_has_a_counter_of_its_own)
{
    txn.outcome = TXN_OUTCOME_COMMITTED;
    struct metrics_mark before = metrics_mark(&txn);
    txn.outcome = TXN_OUTCOME_MIXED;
    count(&before, TXN_EVENT_RESULT);
    says("troth_mixed_outcomes_total 1", true);
    says("troth_transactions_total{mode=\"2pc_then_saga\",outcome=\"mixed\"} 0", true);
    before = metrics_mark(&txn);
    count(&before, TXN_EVENT_RESULT);
    says("troth_mixed_outcomes_total 1", true);
}
END_TEST

/* A fallback counts when its write is durable, not when it is begun, and not when the journal
 * contradicts. */
START_TEST(a_fallback_counts_when_it_is_durable)
{
    struct metrics_mark before = metrics_mark(&txn);
    txn.state = TXN_FALLING_BACK;
    txn.fallback_cause = TXN_CAUSE_UNREACHABLE;
    count(&before, TXN_EVENT_TIMER);
    before = metrics_mark(&txn);
    count(&before, TXN_EVENT_CANCELLED);
    says("troth_fallbacks_total{cause=\"unreachable\"} 0", true);
    txn.state = TXN_LOST;
    count(&before, TXN_EVENT_DURABLE);
    says("troth_fallbacks_total{cause=\"unreachable\"} 0", true);
    txn.state = TXN_RUNNING;
    count(&before, TXN_EVENT_DURABLE);
    says("troth_fallbacks_total{cause=\"unreachable\"} 1", true);
    says("troth_fallbacks_total{cause=\"timeout\"} 0", true);
    says("troth_fallbacks_total{cause=\"refused\"} 0", false);
}
END_TEST

/* Steps count when they are compensated, parked and resumed: those that were so before do not. */
START_TEST(steps_count_when_they_change)
{
    txn.in[TXN_BRANCH_COMPENSATED] = 1u << 0;
    txn.in[TXN_BRANCH_PARKED] = 1u << 1;
    txn.owed_parked = 0;
    struct metrics_mark before = metrics_mark(&txn);
    count(&before, TXN_EVENT_RECOVERED);
    says("troth_compensations_total 0", true);
    says("troth_steps_parked_total 0", true);
    txn.in[TXN_BRANCH_COMPENSATED] |= 1u << 2;
    txn.in[TXN_BRANCH_PARKED] |= 1u << 3;
    count(&before, TXN_EVENT_RESULT);
    says("troth_compensations_total 1", true);
    says("troth_steps_parked_total 1", true);
    before = metrics_mark(&txn);
    txn.in[TXN_BRANCH_PARKED] = 0;
    count(&before, TXN_EVENT_RESULT); /* a late answer */
    says("troth_steps_resumed_total 0", true);
    count(&before, TXN_EVENT_RESUMED);
    says("troth_steps_resumed_total 2", true);
    before = metrics_mark(&txn); /* an abort of the attempt before, while the saga goes on */
    ck_assert(!metrics_is_parked(&txn));
    txn.owed_parked = 1u << 0;
    count(&before, TXN_EVENT_RESULT);
    ck_assert(metrics_is_parked(&txn));
    says("troth_steps_parked_total 2", true);
    before = metrics_mark(&txn);
    txn.owed_parked = 0;
    count(&before, TXN_EVENT_RESUMED);
    says("troth_steps_resumed_total 3", true);
}
END_TEST

/* An attempt counts when its prepares go out, in the order in which they do; a definition that is
 * learnt to be hot says so. */
START_TEST(attempts_count_by_their_order_and_a_hot_definition_says_so)
{
    struct definition definition = {.name = "transfer", .version = 3, .mode = DEFINITION_2PC};
    struct definition_slot slot = {.definition = &definition};
    struct definition_slot *slots[] = {&slot};
    driver.definitions = slots;
    driver.definitions_count = 1;
    txn.state = TXN_RESERVING;
    txn.attempt = 1;
    struct metrics_mark before = metrics_mark(&txn);
    txn.state = TXN_PREPARING;
    count(&before, TXN_EVENT_RESERVED);
    before = metrics_mark(&txn);
    count(&before, TXN_EVENT_RESULT);
    says("troth_attempts_total{order=\"parallel\"} 1", true);
    says("troth_attempts_total{order=\"ordered\"} 0", true);
    before.state = TXN_RESERVING;
    txn.attempt = 2;
    count(&before, TXN_EVENT_RESERVED);
    says("troth_attempts_total{order=\"ordered\"} 1", true);
    says("troth_definition_ordered{definition=\"transfer\",version=\"3\"} 0", true);
    slot.learn.mode = LEARN_PROBING;
    slot.learn.conflicts_total = 7;
    says("troth_definition_ordered{definition=\"transfer\",version=\"3\"} 1", true);
    says("troth_definition_conflicts_total{definition=\"transfer\",version=\"3\"} 7", true);
    definition.prepare = DEFINITION_PREPARE_PARALLEL;
    says("troth_definition_ordered{definition=\"transfer\",version=\"3\"} 0", true);
}
END_TEST

/* Without a journal and an outbox yet there are metrics all the same; no word of a Kafka that is
 * not used. */
START_TEST(it_tells_before_it_leads)
{
    says("troth_leading 0", true);
    says("troth_journal_connected 0", true);
    says("troth_kafka_reachable 0", false);
    says("process_start_time_seconds 1795239289.000012", true);
    driver.outbox_mode = CONFIG_OUTBOX_KAFKA;
    says("troth_kafka_reachable 0", true);
}
END_TEST

Suite *suite_metrics(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tests = tcase_create("metrics");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, an_outcome_counts_once);
    tcase_add_test(tests, mixed_has_a_counter_of_its_own);
    tcase_add_test(tests, a_fallback_counts_when_it_is_durable);
    tcase_add_test(tests, steps_count_when_they_change);
    tcase_add_test(tests, attempts_count_by_their_order_and_a_hot_definition_says_so);
    tcase_add_test(tests, it_tells_before_it_leads);
    suite_add_tcase(suite, tests);
    return suite;
}
