/* Rows, without a broker: what an event says. */
#include <base/json.h>
#include <event2/event.h>
#include <stdio.h>

#include "tests.h"

static struct event_base *base;
static struct outbox *outbox;
static struct buffer texts;
static struct txn_origin origin;
static struct txn_record record;

static void begin(void)
{
    const struct outbox_config config = {.source = "/troth/0123456789abcdef",
                                         .topic_default = "troth.outcomes"};
    base = event_base_new();
    ck_assert_int_eq(outbox_create(base, &config, NULL, &outbox), 0);
    origin = (struct txn_origin){.mode = TXN_MODE_2PC,
                                 .definition = span("transfer"),
                                 .definition_version = 3,
                                 .labels = span("{\"n\":9007199254740993}"),
                                 .began_at = {1000000}};
    ck_assert_int_eq(
        troth_gtid_make(&(struct troth_gtid_parts){1795246489112u, 3, 1, 7}, &origin.gtid), 0);
    record = (struct txn_record){.kind = TXN_RECORD_DECISION,
                                 .origin = &origin,
                                 .epoch = 5,
                                 .attempt = 2,
                                 .outcome = TXN_OUTCOME_COMMITTED,
                                 .members = span("[{\"branch\":1,\"amount\":0.10}]"),
                                 .at = {2000001}};
}

static void end(void)
{
    outbox_destroy(outbox, 0);
    event_base_free(base);
    buffer_finish(&texts);
}

static struct record_outbox_row make(struct outbox_facts facts)
{
    struct record_outbox_row row;
    facts.record = &record;
    ck_assert_int_eq(outbox_row_make(outbox, &facts, 42, &texts, &row), 0);
    return row;
}

static void ck_text(struct troth_span is, const char *wanted)
{
    ck_assert_uint_eq(is.len, strlen(wanted));
    ck_assert_int_eq(memcmp(is.data, wanted, is.len), 0);
}

static void ck_header(const struct record_outbox_row *row, const char *name, const char *wanted)
{
    struct troth_span object, value;
    ck_assert_int_eq(json_check(row->headers, JSON_CHECK_UNIQUE_KEYS, &object, NULL), 0);
    ck_assert_msg(json_member(object, name, &value), "no header %s", name);
    ck_assert_msg(json_string_equals(value, span(wanted)), "%s is %.*s", name, (int)value.len,
                  value.data);
}

/* The payload holds what the journal holds, the client's and the steps' texts byte for byte. */
START_TEST(payload_is_the_outcome)
{
    struct record_outbox_row row = make((struct outbox_facts){0});
    char gtid[TROTH_GTID_TEXT_LEN + 1], wanted[1024];
    troth_gtid_format(&origin.gtid, gtid);
    (void)snprintf(wanted, sizeof(wanted),
                   "{\"gtid\":\"%s\",\"definition\":\"transfer\",\"version\":3,\"mode\":\"2pc\","
                   "\"attempt\":2,\"outcome\":\"committed\","
                   "\"began_at\":\"1970-01-01T00:00:01.000000Z\","
                   "\"decided_at\":\"1970-01-01T00:00:02.000001Z\","
                   "\"labels\":{\"n\":9007199254740993},"
                   "\"steps\":[{\"branch\":1,\"amount\":0.10}],\"failure\":null}",
                   gtid);
    ck_text(row.payload, wanted);
    ck_assert_uint_eq(row.epoch, 5);
    ck_assert_uint_eq(row.seq, 42);
    ck_assert(troth_gtid_equal(&row.gtid, &origin.gtid));
}
END_TEST

/* An interactive transaction has no definition; steps win over members; a failure is shown. */
START_TEST(payload_of_an_interactive_abort)
{
    origin.definition = origin.labels = (struct troth_span){.data = NULL};
    record.outcome = TXN_OUTCOME_ABORTED;
    record.steps = span("[]");
    record.failure = span("{\"why\":\"refused\"}");
    struct record_outbox_row row = make((struct outbox_facts){0});
    struct troth_span object, value;
    ck_assert_int_eq(json_check(row.payload, JSON_CHECK_UNIQUE_KEYS, &object, NULL), 0);
    ck_assert(json_member(object, "definition", &value));
    ck_text(value, "null");
    ck_assert(json_member(object, "version", &value));
    ck_text(value, "null");
    ck_assert(json_member(object, "labels", &value));
    ck_text(value, "{}");
    ck_assert(json_member(object, "steps", &value));
    ck_text(value, "[]");
    ck_assert(json_member(object, "failure", &value));
    ck_text(value, "{\"why\":\"refused\"}");
    ck_text(row.type, "dev.troth.transaction.aborted.v1");
}
END_TEST

/* The headers are CloudEvents attributes; the key is the gtid, the topic the default. */
START_TEST(headers_are_cloudevents_attributes)
{
    origin.traceparent = span("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    struct record_outbox_row row = make((struct outbox_facts){0});
    char gtid[TROTH_GTID_TEXT_LEN + 1];
    troth_gtid_format(&origin.gtid, gtid);
    ck_text(row.key, gtid);
    ck_text(row.topic, "troth.outcomes");
    ck_header(&row, "ce_specversion", "1.0");
    ck_header(&row, "ce_source", "/troth/0123456789abcdef");
    ck_header(&row, "ce_type", "dev.troth.transaction.committed.v1");
    ck_header(&row, "ce_subject", gtid);
    ck_header(&row, "ce_time", "1970-01-01T00:00:02.000001Z");
    ck_header(&row, "ce_dataschema", "https://troth.dev/schemas/outcome-1.json");
    ck_header(&row, "ce_partitionkey", gtid);
    ck_header(&row, "content-type", "application/json");
    ck_header(&row, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
}
END_TEST

/* A definition's topic and key are taken; a key may hold any text. */
START_TEST(topic_and_key_of_the_definition)
{
    struct record_outbox_row row =
        make((struct outbox_facts){.topic = span("orders"), .key = span("a\"\\\n\xc3\xbc")});
    ck_text(row.topic, "orders");
    ck_text(row.key, "a\"\\\n\xc3\xbc");
    ck_header(&row, "ce_partitionkey", "a\"\\\n\xc3\xbc");
    struct troth_span object, value;
    ck_assert_int_eq(json_check(row.headers, JSON_CHECK_DEFAULT, &object, NULL), 0);
    ck_assert(!json_member(object, "traceparent", &value)); /* none came, none is made up */
}
END_TEST

/* The id follows from gtid and outcome alone, and is a UUID of version 8. */
START_TEST(id_follows_from_gtid_and_outcome)
{
    uint8_t first[RECORD_OUTBOX_ID_BYTES];
    struct record_outbox_row row = make((struct outbox_facts){0});
    memcpy(first, row.id, sizeof(first));
    ck_assert_uint_eq(first[6] >> 4, 8);
    ck_assert_uint_eq(first[8] >> 6, 2);
    record.epoch = 9;
    record.attempt = 3;
    record.at.us++;
    row = make((struct outbox_facts){.key = span("other")});
    ck_assert_mem_eq(row.id, first, sizeof(first));
    record.outcome = TXN_OUTCOME_MIXED;
    row = make((struct outbox_facts){0});
    ck_assert_mem_ne(row.id, first, sizeof(first));
    record.outcome = TXN_OUTCOME_COMMITTED;
    origin.gtid.bytes[15] ^= 1;
    row = make((struct outbox_facts){0});
    ck_assert_mem_ne(row.id, first, sizeof(first));
}
END_TEST

TCase *row_tests(void)
{
    TCase *tests = tcase_create("row");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, payload_is_the_outcome);
    tcase_add_test(tests, payload_of_an_interactive_abort);
    tcase_add_test(tests, headers_are_cloudevents_attributes);
    tcase_add_test(tests, topic_and_key_of_the_definition);
    tcase_add_test(tests, id_follows_from_gtid_and_outcome);
    return tests;
}
