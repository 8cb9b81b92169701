/* What a new leader makes of what the journal holds: it goes on, tells its participants, and what
 * it cannot go on with is shown and stops nobody else. */
#include <string.h>

#include <state.h>

#include "rig.h"
#include "suites.h"

#define MEMBERS                                                                                    \
    "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"debit\","        \
    "\"inquires\":true%s},{\"branch\":2,\"name\":\"credit\",\"participant\":\"bank_b\","           \
    "\"operation\":\"credit\",\"inquires\":true%s}]"

static const char transfer[] =
    "{\"name\":\"transfer\",\"version\":1,\"mode\":\"2pc\",\"steps\":["
    "{\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"debit\"},"
    "{\"name\":\"credit\",\"participant\":\"bank_b\",\"operation\":\"credit\"}]}";
static const char order[] =
    "{\"name\":\"order\",\"version\":1,\"mode\":\"saga\",\"steps\":["
    "{\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"take\",\"compensate\":{"
    "\"operation\":\"put\",\"input\":\"${steps.debit.output}\"}},"
    "{\"name\":\"credit\",\"participant\":\"bank_b\",\"operation\":\"pay\",\"compensate\":{"
    "\"operation\":\"refund\"}}]}";

static struct rig_told told;
static char members[1024];
static uint64_t counter;

static void set_up(void)
{
    rig_up();
    rig.epoch = 2;
    counter = 0;
    memset(&told, 0, sizeof told);
}

static struct txn_image image_of(const char *definition, const char *votes)
{
    struct txn_image image = {.attempt = 1, .protocol = TXN_PROTOCOL_2PC};
    struct troth_gtid_parts parts = {.unix_ms = 1700000000000, .epoch = 1, .counter = ++counter};
    ck_assert_int_eq(troth_gtid_make(&parts, &image.origin.gtid), 0);
    (void)snprintf(members, sizeof members, MEMBERS, votes, votes);
    image.members = (struct troth_span){members, strlen(members)};
    image.origin.definition = (struct troth_span){definition, strlen(definition)};
    image.origin.definition_version = 1;
    image.origin.input = (struct troth_span){"{}", 2};
    image.origin.timeout_us = UINT64_C(3600000000);
    image.origin.prepare_timeout_us = UINT64_C(10000000);
    image.origin.began_at = (struct wall){UINT64_C(1700000000000000)};
    return image;
}

static void load(const struct txn_image *image)
{
    rig.callbacks.loaded(rig.driver, image);
}

static void entry_is_there(struct rig_question question, enum journal_registry what,
                           const char *name, const char *body)
{
    struct journal_entry entry = {.what = what,
                                  .name = {name, strlen(name)},
                                  .version = what == JOURNAL_DEFINITION,
                                  .body = {body, strlen(body)}};
    question.fn.entry(question.arg, 0, &entry);
}

/* The registry is loaded, with that definition, and all goes on. */
static void lead(const char *name, const char *definition)
{
    static const char body[] =
        "{\"binding\":\"batch\",\"slots\":16,\"urls\":[\"http://127.0.0.1:1/\"]}";
    rig_loaded();
    struct rig_question question = *rig_asked(RIG_LOAD);
    entry_is_there(question, JOURNAL_PARTICIPANT, "bank_a", body);
    entry_is_there(question, JOURNAL_PARTICIPANT, "bank_b", body);
    if (name != NULL)
        entry_is_there(question, JOURNAL_DEFINITION, name, definition);
    rig_changed(RIG_LOAD, 0);
    rig_turn();
}

static void shown(const troth_gtid *gtid)
{
    memset(&told, 0, sizeof told);
    rig.host.get(rig.host.ctx, gtid, rig_tell, &told);
}

START_TEST(what_was_decided_is_told_to_everybody_again)
{
    struct txn_image image = image_of("transfer", ",\"vote\":\"yes\"");
    image.decision = TXN_COMMIT;
    image.outcome = TXN_OUTCOME_COMMITTED;
    load(&image);
    ck_assert_ptr_null(rig_sent(OP_COMMIT, 1)); /* nothing leaves before all is loaded */
    lead("transfer", transfer);
    ck_assert_ptr_nonnull(rig_sent(OP_COMMIT, 1));
    ck_assert_ptr_nonnull(rig_sent(OP_COMMIT, 2));
    rig_done(OP_COMMIT, 1, NULL);
    rig_done(OP_COMMIT, 2, NULL);
    rig_durable();
    ck_assert_uint_eq(driver_open(rig.driver), 0);
}
END_TEST

START_TEST(what_was_accepted_and_undecided_runs_again_as_a_new_attempt)
{
    struct txn_image image = image_of("transfer", "");
    image.origin.accepted = true;
    image.origin.timeout_us = 0;
    load(&image);
    lead("transfer", transfer);
    const struct rig_write *attempt = rig_written(TXN_RECORD_ATTEMPT);
    ck_assert_ptr_nonnull(attempt);
    ck_assert_uint_eq(attempt->attempt, 1);
    ck_assert_ptr_null(rig_sent(OP_PREPARE, 1));
    rig_durable();
    rig_advance(1000000);
    ck_assert_ptr_nonnull(rig_sent(OP_PREPARE, 1));
    ck_assert_uint_eq(rig_sent(OP_PREPARE, 1)->attempt, 2);
    ck_assert_uint_eq(rig_sent(OP_ABORT, 1)->attempt, 1); /* the one that died told nobody */
}
END_TEST

START_TEST(what_nobody_was_promised_and_nobody_decided_is_aborted)
{
    struct txn_image image = image_of("transfer", "");
    load(&image);
    lead("transfer", transfer);
    ck_assert_ptr_nonnull(rig_sent(OP_ABORT, 1));
    rig_durable();
    rig_done(OP_ABORT, 1, NULL);
    rig_done(OP_ABORT, 2, NULL);
    rig_durable();
    ck_assert_int_eq(rig_written(TXN_RECORD_END)->outcome, TXN_OUTCOME_ABORTED);
}
END_TEST

START_TEST(a_saga_goes_on_behind_what_was_done_with_its_output)
{
    static const char steps[] = "[{\"branch\":1,\"attempt\":1,\"step\":\"done\",\"tries\":1,"
                                "\"output\":{\"id\":\"r-1\"}}]";
    struct txn_image image = image_of("order", "");
    image.origin.mode = TXN_MODE_SAGA;
    image.protocol = TXN_PROTOCOL_SAGA;
    image.origin.timeout_us = 0;
    image.steps = (struct troth_span){steps, strlen(steps)};
    load(&image);
    lead("order", order);
    rig_durable();
    ck_assert_ptr_null(rig_sent(OP_EXECUTE, 1));
    rig_refused(OP_EXECUTE, 2, "no money");
    rig_durable();
    if (rig_sent(OP_COMPENSATE, 2) != NULL) /* the old leader may have sent it, too */
        rig_done(OP_COMPENSATE, 2, NULL);
    rig_durable();
    ck_assert_str_eq(rig_sent(OP_COMPENSATE, 1)->input, "{\"id\":\"r-1\"}");
    ck_assert_str_eq(rig_sent(OP_COMPENSATE, 1)->operation, "put");
}
END_TEST

START_TEST(without_its_definition_it_waits_says_so_and_goes_on_when_that_is_back)
{
    struct txn_image image = image_of("transfer", "");
    image.origin.accepted = true;
    image.origin.timeout_us = 0;
    load(&image);
    lead(NULL, NULL);
    shown(&image.origin.gtid);
    ck_assert_msg(strstr(told.failure, "publish that version again") != NULL, "%s", told.failure);
    ck_assert_uint_eq(rig.commands_count, 0);
    rig_define("{'name':'transfer','version':1,'mode':'2pc','steps':["
               "{'name':'debit','participant':'bank_a','operation':'debit'},"
               "{'name':'credit','participant':'bank_b','operation':'credit'}]}");
    memset(&told, 0, sizeof told);
    rig.host.retry(rig.host.ctx, &image.origin.gtid, rig_tell, &told);
    ck_assert_msg(told.times == 1 && told.status == 0, "%s", told.detail);
    rig_durable();
    rig_advance(1000000);
    ck_assert_ptr_nonnull(rig_sent(OP_PREPARE, 1));
}
END_TEST

START_TEST(a_definition_of_other_steps_is_not_the_one_it_began_with)
{
    struct txn_image image = image_of("transfer", "");
    load(&image);
    lead("transfer", "{\"name\":\"transfer\",\"version\":1,\"mode\":\"2pc\",\"steps\":["
                     "{\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":\"debit\"}]}");
    shown(&image.origin.gtid);
    ck_assert_msg(strstr(told.failure, "has 2 branches and definition") != NULL, "%s",
                  told.failure);
    ck_assert_uint_eq(rig.commands_count, 0);
}
END_TEST

/* What the journal has of it is damaged, each in another way. */
static const struct {
    const char *members, *input;
} damaged[] = {{NULL, "{}"},
               {"[{\"branch\":1", "{}"},
               {"{}", "{}"},
               {"[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\",\"operation\":"
                "\"debit\",\"inquires\":true}]",
                "{\"n\":"}};

START_TEST(a_damaged_row_is_shown_and_stops_nobody_else)
{
    struct txn_image good = image_of("transfer", ",\"vote\":\"yes\""), bad = good;
    good.decision = TXN_COMMIT;
    load(&good);
    struct troth_gtid_parts parts = {.unix_ms = 1700000000000, .epoch = 1, .counter = 99};
    ck_assert_int_eq(troth_gtid_make(&parts, &bad.origin.gtid), 0);
    bad.members = (struct troth_span){
        damaged[_i].members, damaged[_i].members == NULL ? 0 : strlen(damaged[_i].members)};
    bad.origin.input = (struct troth_span){damaged[_i].input, strlen(damaged[_i].input)};
    load(&bad);
    lead("transfer", transfer);
    ck_assert_ptr_nonnull(rig_sent(OP_COMMIT, 1));
    shown(&bad.origin.gtid);
    ck_assert_msg(strstr(told.failure, "mend its rows") != NULL, "%s", told.failure);
    /* Nothing is done with it: an abort is refused with the same words. */
    memset(&told, 0, sizeof told);
    rig.host.abort(rig.host.ctx, &bad.origin.gtid, 0, rig_tell, &told);
    ck_assert_msg(strstr(told.detail, "mend its rows") != NULL, "%s", told.detail);
}
END_TEST

START_TEST(a_row_that_can_not_be_read_at_all_is_known_by_its_gtid)
{
    struct txn_image image = image_of("transfer", "");
    rig.callbacks.refused(rig.driver, &image.origin.gtid, TXN_RECORD_BEGIN, 1, "invalid bytes");
    lead("transfer", transfer);
    shown(&image.origin.gtid);
    ck_assert_msg(strstr(told.failure, "invalid bytes") != NULL, "%s", told.failure);
}
END_TEST

START_TEST(a_record_that_the_database_never_takes_is_told_of_its_transaction)
{
    lead("transfer", transfer);
    rig_submit("transfer", "{}", NULL, API_REPLY_COMPLETED, &told);
    rig_turn();
    rig_yes(1, NULL);
    rig_yes(2, NULL);
    troth_gtid gtid = rig_written(TXN_RECORD_DECISION)->gtid;
    rig.callbacks.refused(rig.driver, &gtid, TXN_RECORD_DECISION, 1, "value too long");
    rig_turn();
    ck_assert_ptr_null(rig_sent(OP_COMMIT, 1));
    ck_assert_ptr_null(rig_sent(OP_ABORT, 1));
    struct rig_told looks = {0};
    rig.host.get(rig.host.ctx, &gtid, rig_tell, &looks);
    ck_assert_msg(strstr(looks.failure, "value too long") != NULL, "%s", looks.failure);
}
END_TEST

START_TEST(who_asks_again_under_its_key_is_told_of_what_was_loaded)
{
    struct txn_image image = image_of("transfer", ",\"vote\":\"yes\"");
    image.decision = TXN_COMMIT;
    image.outcome = TXN_OUTCOME_COMMITTED;
    image.origin.idempotency_key = (struct troth_span){"order-1", 7};
    image.origin.request_hash = (struct troth_span){"{}", 2};
    load(&image);
    lead("transfer", transfer);
    rig_submit("transfer", "{}", "order-1", API_REPLY_DECIDED, &told);
    ck_assert(!rig_is_asked(RIG_KEY));
    rig_told_outcome(&told, TXN_OUTCOME_COMMITTED);
    ck_assert(!told.fresh);
}
END_TEST

Suite *suite_recovery(void)
{
    Suite *suite = suite_create("recovery");
    TCase *tests = tcase_create("recovery");
    tcase_add_checked_fixture(tests, set_up, rig_down);
    tcase_add_test(tests, what_was_decided_is_told_to_everybody_again);
    tcase_add_test(tests, what_was_accepted_and_undecided_runs_again_as_a_new_attempt);
    tcase_add_test(tests, what_nobody_was_promised_and_nobody_decided_is_aborted);
    tcase_add_test(tests, a_saga_goes_on_behind_what_was_done_with_its_output);
    tcase_add_test(tests, without_its_definition_it_waits_says_so_and_goes_on_when_that_is_back);
    tcase_add_test(tests, a_definition_of_other_steps_is_not_the_one_it_began_with);
    tcase_add_loop_test(tests, a_damaged_row_is_shown_and_stops_nobody_else, 0,
                        sizeof damaged / sizeof *damaged);
    tcase_add_test(tests, a_row_that_can_not_be_read_at_all_is_known_by_its_gtid);
    tcase_add_test(tests, a_record_that_the_database_never_takes_is_told_of_its_transaction);
    tcase_add_test(tests, who_asks_again_under_its_key_is_told_of_what_was_loaded);
    suite_add_tcase(suite, tests);
    return suite;
}
