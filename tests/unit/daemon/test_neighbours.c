/* Participants that are slow, full, gone or in each other's way, and what of all that is seen:
 * one's trouble stays its own. */
#include <stdlib.h>
#include <string.h>

#include <base/json.h>
#include <learn.h>
#include <participants.h>
#include <state.h>

#include "rig.h"
#include "suites.h"

#define TRANSFER                                                                                   \
    "{'name':'transfer','version':1,'mode':'2pc','steps':["                                        \
    "{'name':'debit','participant':'bank_a','operation':'debit'},"                                 \
    "{'name':'credit','participant':'bank_b','operation':'credit'}]}"
#define ALONE                                                                                      \
    "{'name':'alone','version':1,'mode':'2pc','steps':["                                           \
    "{'name':'one','participant':'bank_a','operation':'o'},"                                       \
    "{'name':'two','participant':'bank_a','operation':'o'}]}"
#define READ                                                                                       \
    "{'name':'read','version':1,'mode':'saga','steps':["                                           \
    "{'name':'a','participant':'bank_a','operation':'o','compensate':{'operation':'u'}},"          \
    "{'name':'b','participant':'bank_b','operation':'o','input':['${steps.a.output}',"             \
    "'${steps.a.output}','${steps.a.output}'],'compensate':{'operation':'u'}}]}"

static struct rig_told told, other;

static void set_up(void)
{
    rig_up();
    rig_lead();
    rig_participant("bank_a", "batch");
    rig_participant("bank_b", "batch");
    rig_define(TRANSFER);
    rig_define(ALONE);
    rig_define(READ);
    rig_define(
        "{'name':'falls_back','version':1,'mode':'2pc_then_saga','steps':["
        "{'name':'a','participant':'bank_b','operation':'a','compensate':{'operation':'b'}}]}");
    memset(&told, 0, sizeof told);
    memset(&other, 0, sizeof other);
}

static void begin(const char *definition, struct rig_told *ret_told)
{
    rig_submit(definition, "{}", NULL, API_REPLY_COMPLETED, ret_told);
    rig_turn();
}

/* --- slots and breakers ------------------------------------------------------------------------
 */

START_TEST(who_has_no_slot_at_one_participant_asks_none)
{
    rig_slots("bank_b", 1, 2);
    begin("transfer", &told);
    uint32_t sent = rig.commands_count;
    ck_assert_uint_eq(sent, 2);
    begin("transfer", &other);
    ck_assert_uint_eq(rig.commands_count, sent); /* also not bank_a, where there are slots */
    rig_yes(2, NULL);                            /* its vote is in: the slot is the next one's */
    ck_assert_uint_eq(rig.commands_count, sent + 2);
}
END_TEST

START_TEST(who_waits_for_one_participant_is_in_nobodys_way_at_another)
{
    rig_slots("bank_b", 1, 2);
    begin("transfer", &told);
    begin("transfer", &other);
    uint32_t sent = rig.commands_count;
    struct rig_told third = {0};
    begin("alone", &third);
    ck_assert_uint_eq(rig.commands_count, sent + 2);
}
END_TEST

/* It would have no time left when its turn comes; who needs no slot there, and what falls back when
 * its prepares are late, are not asked. */
START_TEST(who_would_wait_too_long_for_a_slot_is_refused)
{
    rig_slots("bank_b", 1, 1);
    begin("transfer", &told);
    begin("transfer", &other);
    rig_advance(400000);
    struct rig_told third = {0}, fourth = {0}, alone = {0}, falls_back = {0};
    begin("transfer", &third);
    ck_assert_uint_eq(third.times, 0); /* it waits as the other does */
    rig_advance(200000);
    begin("transfer", &fourth);
    rig_told_problem(&fourth, "full", "for a slot of participant \"bank_b\"");
    rig_told_problem(&fourth, "full", "line_wait_max is 500ms");
    ck_assert_uint_eq(rig.driver->metrics.refused[REFUSAL_LINE], 1);
    ck_assert_uint_eq(rig.driver->open, 3);
    begin("alone", &alone);
    begin("falls_back", &falls_back);
    ck_assert_uint_eq(alone.times + falls_back.times, 0);
    ck_assert_uint_eq(rig.driver->open, 5);
}
END_TEST

/* Those that go in order wait in one line, which moves: whose turn would still come in its time
 * keeps it. */
START_TEST(who_goes_in_order_waits_for_its_turn_as_long_as_it_has_time_to_prepare)
{
    struct rig_told inside[LEARN_LIMIT_START] = {0}, waits = {0}, hurried = {0}, late = {0};
    rig_define("{'name':'ordered','version':1,'mode':'2pc','prepare':'ordered',"
               "'prepare_timeout':'4s','steps':["
               "{'name':'one','participant':'bank_a','operation':'o'},"
               "{'name':'two','participant':'bank_b','operation':'o'}]}");
    rig.driver->gate_armed = true; /* nobody stands aside */
    for (uint32_t i = 0; i < LEARN_LIMIT_START; i++)
        begin("ordered", &inside[i]);
    begin("ordered", &told);
    rig_advance(2900000);
    begin("ordered", &waits); /* line_wait_max is 500ms, and for slots */
    ck_assert_uint_eq(told.times + waits.times, 0);
    rig_advance(200000);
    begin("ordered", &late);
    rig_told_problem(&late, "full", "for its turn among those of definition \"ordered\"");
    rig_told_problem(&late, "full", "its time to prepare ends after 4s");
    begin("transfer", &hurried); /* another definition's line is another one */
    ck_assert_uint_eq(hurried.times, 0);
    ck_assert_uint_eq(rig.driver->metrics.refused[REFUSAL_LINE], 1);
}
END_TEST

static void write_late(const char *definition, struct rig_told *client, uint64_t us)
{
    begin(definition, client);
    rig_advance(us);
    rig_durable();
}

/* More load than the journal takes: sagas wait for nothing else. */
START_TEST(while_the_journal_is_late_all_the_time_nobody_new_is_let_in)
{
    struct rig_told clients[6] = {0}, refused = {0};
    write_late("read", &clients[0], 600000); /* once is a hiccup */
    write_late("read", &clients[1], 400000);
    write_late("read", &clients[2], 600000);
    write_late("read", &clients[3], 600000);
    begin("read", &refused);
    rig_told_problem(&refused, "full", "the journal takes 6");
    rig_told_problem(&refused, "full", "line_wait_max is 500ms");
    rig_advance(600000); /* nothing was written meanwhile: it may be over */
    write_late("read", &clients[4], 400000);
    begin("read", &clients[5]);
    for (int i = 0; i < 6; i++)
        ck_assert_uint_eq(clients[i].times, 0);
    ck_assert_uint_eq(rig.driver->metrics.refused[REFUSAL_LINE], 1);
}
END_TEST

/* --- what is said again ------------------------------------------------------------------------
 */

#define DOUBTFUL 24u
#define AT_ONCE  16u /* of a line that has stood still for long */

static uint32_t commits_to(const char *participant)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig.commands_count; i++)
        if (rig.commands[i].op == OP_COMMIT &&
            strcmp(rig.commands[i].participant, participant) == 0)
            count++;
    return count;
}

static uint32_t waiting_for(const char *participant)
{
    return participants_find(rig.driver, participant)->again.waiting;
}

/* Decided, and bank_a answers "not now". */
static void make_doubtful(struct rig_told clients[DOUBTFUL])
{
    rig.config->retry_rate = 1;
    rig_slots("bank_a", 64, 64);
    rig_slots("bank_b", 64, 64);
    for (uint32_t i = 0; i < DOUBTFUL; i++) {
        begin("transfer", &clients[i]);
        rig_yes(1, NULL);
        rig_yes(2, NULL);
        rig_durable();
        rig_answer(OP_COMMIT, 1, (struct result){.result = RESULT_RETRY});
        rig_done(OP_COMMIT, 2, NULL);
    }
    ck_assert_uint_ge(commits_to("bank_a"), DOUBTFUL); /* nobody's first try waits */
}

START_TEST(what_is_said_again_leaves_at_a_pace_and_the_rest_waits_its_turn)
{
    struct rig_told clients[DOUBTFUL] = {0};
    make_doubtful(clients);
    rig_advance(200000);
    uint32_t said = commits_to("bank_a"); /* one more, where the test itself took so long */
    ck_assert_uint_ge(said, DOUBTFUL + AT_ONCE);
    ck_assert_uint_le(said, DOUBTFUL + AT_ONCE + 1);
    ck_assert_uint_eq(said + waiting_for("bank_a"), 2 * DOUBTFUL);
    ck_assert_uint_eq(waiting_for("bank_b"), 0);
    rig_advance(3000000);
    ck_assert_uint_ge(commits_to("bank_a"), said + 3);
    said = commits_to("bank_a");
    ck_assert_uint_lt(said, 2 * DOUBTFUL);
    begin("transfer", &told); /* what is new goes as ever */
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    ck_assert_uint_ge(commits_to("bank_a"), said + 1);
    ck_assert_uint_ge(waiting_for("bank_a"), 1);
}
END_TEST

START_TEST(each_one_that_is_acknowledged_lets_two_more_go)
{
    struct rig_told clients[DOUBTFUL] = {0};
    make_doubtful(clients);
    rig_advance(200000);
    uint32_t acknowledged = 0;
    for (uint32_t waiting; (waiting = waiting_for("bank_a")) > 0; acknowledged++) {
        rig_done(OP_COMMIT, 1, NULL);
        rig_turn();
        ck_assert_uint_le(waiting_for("bank_a"), waiting < 2 ? 0 : waiting - 2);
    }
    ck_assert_uint_le(acknowledged, (DOUBTFUL - AT_ONCE) / 2);
    ck_assert_uint_ge(acknowledged, 2);
    while (rig_sent(OP_COMMIT, 1) != NULL)
        rig_done(OP_COMMIT, 1, NULL);
    rig_durable();
    rig_turn();
    ck_assert_uint_eq(rig.driver->open, 0);
}
END_TEST

START_TEST(nothing_is_prepared_where_nothing_is_heard)
{
    rig_breaker("bank_b", BREAKER_OPEN);
    begin("transfer", &told);
    ck_assert_uint_eq(rig.commands_count, 0);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
    ck_assert_msg(strstr(told.failure, "\"cause\":\"unreachable\"") != NULL, "%s", told.failure);
    ck_assert_msg(strstr(told.failure, "nothing is heard of it") != NULL, "%s", told.failure);
    begin("alone", &other);
    ck_assert_uint_eq(rig.commands_count, 2);
}
END_TEST

START_TEST(what_was_given_up_gives_its_slots_back)
{
    rig_slots("bank_a", 1, 1);
    begin("transfer", &told);
    rig_advance(11000000);
    rig_durable();
    rig_done(OP_ABORT, 1, NULL);
    rig_done(OP_ABORT, 2, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_ABORTED);
    uint32_t sent = rig.commands_count;
    begin("transfer", &other);
    ck_assert_uint_eq(rig.commands_count, sent + 2);
}
END_TEST

/* --- conflicts ---------------------------------------------------------------------------------
 */

START_TEST(a_conflict_ends_the_attempt_and_the_next_goes_in_order)
{
    begin("transfer", &told);
    rig_yes(1, NULL);
    rig_answer(OP_PREPARE, 2, (struct result){.result = RESULT_CONFLICT});
    ck_assert_uint_eq(rig_written(TXN_RECORD_ATTEMPT)->attempt, 1);
    ck_assert_uint_eq(rig_sent(OP_ABORT, 1)->attempt, 1); /* beside that write */
    rig_durable();
    rig_advance(5000000);
    ck_assert_uint_eq(rig_sent(OP_PREPARE, 1)->attempt, 2);
    ck_assert(rig_sent(OP_PREPARE, 1)->ordered);
    ck_assert(rig_sent(OP_PREPARE, 2) == NULL || rig_sent(OP_PREPARE, 2)->attempt == 1);
    rig_yes(1, NULL);
    ck_assert_uint_eq(rig_sent(OP_PREPARE, 2)->attempt, 2);
    rig_yes(2, NULL);
    rig_durable();
    ck_assert_uint_eq(rig_sent(OP_COMMIT, 1)->attempt, 2);
}
END_TEST

/* --- sizes -------------------------------------------------------------------------------------
 */

/* A JSON string of so many bytes. */
static char *long_output(size_t bytes)
{
    char *text = malloc(bytes + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', bytes);
    text[0] = text[bytes - 1] = '"';
    text[bytes] = '\0';
    return text;
}

START_TEST(an_input_that_outputs_make_too_large_turns_the_saga_back_with_words)
{
    char *output = long_output(200000);
    begin("read", &told);
    rig_durable();
    rig_done(OP_EXECUTE, 1, output);
    rig_durable();
    ck_assert_ptr_null(rig_sent(OP_EXECUTE, 2));
    rig_done(OP_COMPENSATE, 1, NULL);
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMPENSATED);
    ck_assert_msg(strstr(told.failure, "with ${steps.a.output} the input has more than 524288 "
                                       "bytes") != NULL,
                  "%s", told.failure);
    free(output);
}
END_TEST

START_TEST(an_input_within_its_limit_goes_out_whole)
{
    char *output = long_output(100000);
    begin("read", &told);
    rig_durable();
    rig_done(OP_EXECUTE, 1, output);
    rig_durable();
    ck_assert_uint_eq(strlen(rig_sent(OP_EXECUTE, 2)->input), 3 * 100000 + 4);
    free(output);
}
END_TEST

/* A step, and behind it `count` that each get the whole of its output. */
static void define_fan(uint32_t count)
{
    struct buffer text = {0};
    buffer_append_text(&text, "{'name':'fan','version':1,'mode':'saga','steps':[{'name':'a',"
                              "'participant':'bank_a','operation':'o','compensate':{'operation':"
                              "'u'}}");
    for (uint32_t i = 0; i < count; i++)
        buffer_append_format(&text,
                             ",{'name':'b%u','participant':'bank_b','operation':'o','after':['a'],"
                             "'input':'${steps.a.output}','compensate':{'operation':'u'}}",
                             i);
    buffer_append_text(&text, "]}");
    rig_define(buffer_text(&text));
    buffer_finish(&text);
}

START_TEST(the_inputs_of_a_transaction_have_a_limit_together)
{
    char *output = long_output(DEFINITION_RENDERED_ALL_BYTES_MAX / 10);
    define_fan(11);
    begin("fan", &told);
    rig_durable();
    rig_done(OP_EXECUTE, 1, output);
    rig_durable();
    ck_assert_ptr_null(rig_sent(OP_EXECUTE, 12)); /* ten have room */
    for (uint32_t branch = 2; branch <= 11; branch++)
        if (rig_sent(OP_EXECUTE, branch) != NULL)
            rig_done(OP_EXECUTE, branch, NULL);
    for (uint32_t branch = 11; branch >= 1; branch--) {
        rig_durable();
        if (rig_sent(OP_COMPENSATE, branch) != NULL)
            rig_done(OP_COMPENSATE, branch, NULL);
    }
    rig_durable();
    rig_told_outcome(&told, TXN_OUTCOME_COMPENSATED);
    ck_assert_msg(strstr(told.failure, DEFINITION_RENDERED_ALL_WORDS) != NULL, "%s", told.failure);
    free(output);
}
END_TEST

/* --- what is seen ------------------------------------------------------------------------------
 */

static bool is_ready(const char *text)
{
    struct buffer details = {0};
    struct troth_span value;
    bool ready = rig.host.ready(rig.host.ctx, &details);
    ck_assert_int_eq(json_check(buffer_span(&details), JSON_CHECK_DEFAULT, &value, NULL), 0);
    ck_assert_msg(strstr(buffer_text(&details), text) != NULL, "%s", buffer_text(&details));
    buffer_finish(&details);
    return ready;
}

START_TEST(a_node_is_ready_while_it_leads_and_can_write)
{
    ck_assert(is_ready("\"ready\":true,\"leading\":true"));
    rig.writable = false;
    ck_assert(!is_ready("\"writable\":false,\"reason\":\"the test's disk is full\""));
    rig.writable = true;
    rig.leads = false;
    ck_assert(!is_ready("\"ready\":false"));
    rig.leads = true;
    driver_drain(rig.driver);
    ck_assert(!is_ready("\"draining\":true"));
}
END_TEST

static void metric_is(const char *line)
{
    struct buffer text = {0};
    rig.host.metrics(rig.host.ctx, &text);
    ck_assert_msg(strstr(buffer_text(&text), line) != NULL, "%s", buffer_text(&text));
    buffer_finish(&text);
}

START_TEST(outcomes_are_counted_when_they_are_durable_and_once)
{
    begin("transfer", &told);
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    metric_is("troth_open_transactions 1\n");
    rig_durable();
    rig_done(OP_COMMIT, 1, NULL);
    rig_done(OP_COMMIT, 2, NULL);
    rig_durable();
    metric_is("outcome=\"committed\"} 1\n");
    metric_is("troth_open_transactions 0\n");
}
END_TEST

/* --- who watches -------------------------------------------------------------------------------
 */

static struct {
    uint32_t states, moments, ends, problems;
    char last[32];
    enum txn_outcome outcome;
} seen;

static void see(void *arg, const struct api_problem *problem, const struct api_progress *progress)
{
    (void)arg;
    ck_assert_uint_eq(seen.ends + seen.problems, 0); /* nothing behind the last */
    if (problem != NULL) {
        seen.problems++;
        return;
    }
    seen.states += progress->kind == API_PROGRESS_STATE;
    seen.moments += progress->kind == API_PROGRESS_MOMENT;
    seen.ends += progress->kind == API_PROGRESS_ENDED;
    if (progress->view != NULL) {
        (void)snprintf(seen.last, sizeof seen.last, "%s", progress->view->state);
        seen.outcome = progress->view->outcome;
    }
}

START_TEST(who_watches_sees_each_state_and_the_end_when_it_is_durable)
{
    memset(&seen, 0, sizeof seen);
    begin("transfer", &told);
    troth_gtid gtid = rig_sent(OP_PREPARE, 1)->gtid;
    rig.host.watch(rig.host.ctx, &gtid, see, &seen);
    ck_assert_str_eq(seen.last, "preparing");
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    ck_assert_str_eq(seen.last, "deciding");
    rig_durable();
    ck_assert_str_eq(seen.last, "committing");
    rig_done(OP_COMMIT, 1, NULL);
    rig_done(OP_COMMIT, 2, NULL);
    ck_assert_uint_eq(seen.ends, 0); /* its end is not written */
    rig_durable();
    ck_assert_uint_eq(seen.ends, 1);
    ck_assert_int_eq(seen.outcome, TXN_OUTCOME_COMMITTED);
    ck_assert_uint_ge(seen.moments, 3);
}
END_TEST

START_TEST(who_leaves_is_told_nothing_more)
{
    memset(&seen, 0, sizeof seen);
    begin("transfer", &told);
    troth_gtid gtid = rig_sent(OP_PREPARE, 1)->gtid;
    rig.host.watch(rig.host.ctx, &gtid, see, &seen);
    uint32_t states = seen.states;
    rig.host.unwatch(rig.host.ctx, &seen);
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    rig_durable();
    ck_assert_uint_eq(seen.states, states);
}
END_TEST

START_TEST(what_has_ended_is_looked_up_for_who_watches_it)
{
    memset(&seen, 0, sizeof seen);
    troth_gtid gtid;
    struct troth_gtid_parts parts = {.unix_ms = 1, .epoch = 1, .counter = 9};
    ck_assert_int_eq(troth_gtid_make(&parts, &gtid), 0);
    rig.host.watch(rig.host.ctx, &gtid, see, &seen);
    struct journal_row row = {.state = {"ended", 5},
                              .ended_at = {1700000000000000},
                              .steps = {"[]", 2},
                              .image = {.attempt = 1, .outcome = TXN_OUTCOME_ABORTED}};
    row.image.origin.gtid = gtid;
    struct rig_question question = *rig_asked(RIG_GET);
    rig_asked(RIG_GET)->answered = true;
    question.fn.row(question.arg, 0, &row);
    ck_assert_uint_eq(seen.ends, 1);
    ck_assert_int_eq(seen.outcome, TXN_OUTCOME_ABORTED);
}
END_TEST

START_TEST(who_watches_a_coordinator_that_stops_hears_of_it)
{
    memset(&seen, 0, sizeof seen);
    begin("transfer", &told);
    troth_gtid gtid = rig_sent(OP_PREPARE, 1)->gtid;
    rig.host.watch(rig.host.ctx, &gtid, see, &seen);
    rig_stop();
    ck_assert_uint_eq(seen.problems, 1);
    rig_told_problem(&told, "outcome-unknown", "");
}
END_TEST

Suite *suite_neighbours(void)
{
    Suite *suite = suite_create("neighbours");
    TCase *tests = tcase_create("neighbours");
    tcase_add_checked_fixture(tests, set_up, rig_down);
    tcase_add_test(tests, who_has_no_slot_at_one_participant_asks_none);
    tcase_add_test(tests, who_waits_for_one_participant_is_in_nobodys_way_at_another);
    tcase_add_test(tests, who_goes_in_order_waits_for_its_turn_as_long_as_it_has_time_to_prepare);
    tcase_add_test(tests, who_would_wait_too_long_for_a_slot_is_refused);
    tcase_add_test(tests, while_the_journal_is_late_all_the_time_nobody_new_is_let_in);
    tcase_add_test(tests, what_is_said_again_leaves_at_a_pace_and_the_rest_waits_its_turn);
    tcase_add_test(tests, each_one_that_is_acknowledged_lets_two_more_go);
    tcase_add_test(tests, nothing_is_prepared_where_nothing_is_heard);
    tcase_add_test(tests, what_was_given_up_gives_its_slots_back);
    tcase_add_test(tests, a_conflict_ends_the_attempt_and_the_next_goes_in_order);
    tcase_add_test(tests, an_input_that_outputs_make_too_large_turns_the_saga_back_with_words);
    tcase_add_test(tests, an_input_within_its_limit_goes_out_whole);
    tcase_add_test(tests, the_inputs_of_a_transaction_have_a_limit_together);
    tcase_add_test(tests, a_node_is_ready_while_it_leads_and_can_write);
    tcase_add_test(tests, outcomes_are_counted_when_they_are_durable_and_once);
    tcase_add_test(tests, who_watches_sees_each_state_and_the_end_when_it_is_durable);
    tcase_add_test(tests, who_leaves_is_told_nothing_more);
    tcase_add_test(tests, what_has_ended_is_looked_up_for_who_watches_it);
    tcase_add_test(tests, who_watches_a_coordinator_that_stops_hears_of_it);
    suite_add_tcase(suite, tests);
    return suite;
}
