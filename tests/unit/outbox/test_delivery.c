/* Delivery, against librdkafka's own mock broker: what is confirmed, set aside, kept. The real
 * broker is in tests/integration/test_outbox_kafka.py. */
#include <event2/event.h>
#include <outbox/fault.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests.h"

#define ROWS_MAX        200
#define WAIT_SECONDS    20
#define MESSAGE_MAX     "2000"
#define MESSAGE_MAX_NUM 2000

static struct event_base *base;
static struct outbox *outbox;
static uint8_t confirmed[ROWS_MAX]; /* first byte of each id, in order */
static int confirmed_count;
static int set_aside_count;
static char set_aside_why[128];
static int wanted;

/* What the journal's table holds: rows stay until they are confirmed. */
static struct table_row {
    struct record_outbox_row row;
    bool there;
} table[ROWS_MAX];
static int table_count;

/* The host's part: reads the table while the outbox wants it. */
static void read_table(void)
{
    if (!outbox_wants(outbox))
        return;
    for (int i = 0; i < table_count; i++)
        if (table[i].there)
            outbox_load(outbox, &table[i].row);
    outbox_loaded(outbox);
}

static void end_when_all_came(void)
{
    if (confirmed_count + set_aside_count >= wanted)
        (void)event_base_loopbreak(base);
}

static void on_confirmed(void *arg, const troth_gtid *gtid, const uint8_t *id)
{
    (void)arg, (void)gtid;
    ck_assert_int_lt(confirmed_count, ROWS_MAX);
    confirmed[confirmed_count++] = id[0];
    for (int i = 0; i < table_count; i++)
        table[i].there = table[i].there && table[i].row.id[0] != id[0];
    end_when_all_came();
}

static void on_set_aside(void *arg, const troth_gtid *gtid, const uint8_t *id, const char *why)
{
    (void)arg, (void)gtid, (void)id;
    set_aside_count++;
    (void)snprintf(set_aside_why, sizeof(set_aside_why), "%s", why);
    end_when_all_came();
}

static void make_outbox(const char *brokers)
{
    static const char *const mock[] = {"test.mock.num.brokers", "1", "message.max.bytes",
                                       MESSAGE_MAX, NULL};
    const struct outbox_config config = {.brokers = brokers,
                                         .source = "/troth/0123456789abcdef",
                                         .topic_default = "outcomes",
                                         .properties = brokers != NULL ? mock : NULL,
                                         .confirmed = on_confirmed,
                                         .set_aside = on_set_aside};
    confirmed_count = set_aside_count = table_count = 0;
    base = event_base_new();
    ck_assert_int_eq(outbox_create(base, &config, NULL, &outbox), 0);
}

static void end(void)
{
    outbox_destroy(outbox, 0);
    event_base_free(base);
}

static void send_row(uint8_t number, const char *key, const char *payload, const char *headers)
{
    struct record_outbox_row row = {.id = {number},
                                    .topic = span("outcomes"),
                                    .key = span(key),
                                    .payload = span(payload),
                                    .headers = span(headers)};
    ck_assert_int_lt(table_count, ROWS_MAX);
    table[table_count++] = (struct table_row){.row = row, .there = true};
    outbox_send(outbox, &row);
}

static const uint8_t *id_of(uint8_t number)
{
    static uint8_t id[RECORD_OUTBOX_ID_BYTES];
    id[0] = number;
    return id;
}

/* Runs the loop until `count` rows were confirmed or set aside, since the start. */
static void wait_for(int count)
{
    struct timeval bound = {.tv_sec = WAIT_SECONDS};
    wanted = count;
    (void)event_base_loopexit(base, &bound);
    while (confirmed_count + set_aside_count < count && !event_base_got_exit(base)) {
        read_table();
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    }
    ck_assert_int_eq(confirmed_count + set_aside_count, count);
}

static struct outbox_stats stats(void)
{
    struct outbox_stats now;
    outbox_stats(outbox, &now);
    return now;
}

/* Rows of one key are confirmed in the order in which they were handed in. */
START_TEST(one_key_in_order)
{
    make_outbox("mock");
    for (uint8_t i = 0; i < 50; i++)
        send_row(i, "key", "{}", "{\"a\":\"b\"}");
    ck_assert_uint_eq(stats().waiting, 50);
    ck_assert_int_eq(confirmed_count, 0); /* never from inside the call */
    wait_for(50);
    for (uint8_t i = 0; i < 50; i++)
        ck_assert_uint_eq(confirmed[i], i);
    ck_assert_uint_eq(stats().waiting, 0);
    ck_assert_uint_eq(stats().confirmed, 50);
    ck_assert(stats().reachable);
    end();
}
END_TEST

/* A row that is too large is set aside; its key waits, the others go on; again in vain. */
START_TEST(too_large_blocks_its_own_key)
{
    static char large[MESSAGE_MAX_NUM * 2];
    memset(large, 'x', sizeof(large) - 1);
    make_outbox("mock");
    send_row(1, "a", "{}", "{}");
    send_row(2, "b", large, "{}");
    send_row(3, "b", "{}", "{}");
    send_row(4, "c", "{}", "{}");
    wait_for(3);
    ck_assert_int_eq(set_aside_count, 1);
    ck_assert_ptr_nonnull(strstr(set_aside_why, "too large"));
    ck_assert_uint_eq(stats().waiting, 2);
    ck_assert_uint_eq(stats().set_aside, 1);
    ck_assert_int_eq(outbox_resend(outbox, id_of(2)), 0);
    ck_assert_int_eq(outbox_resend(outbox, id_of(3)), TROTH_ERROR_NOT_FOUND);
    wait_for(4);
    ck_assert_int_eq(set_aside_count, 2);
    ck_assert_int_eq(confirmed_count, 2);
    ck_assert_uint_eq(stats().set_aside, 1);
    end();
}
END_TEST

/* An event that an operator discarded is gone, and what waited behind it goes. */
START_TEST(discarded_lets_its_key_go_on)
{
    static char large[MESSAGE_MAX_NUM * 2];
    struct outbox_aside aside;
    memset(large, 'x', sizeof(large) - 1);
    make_outbox("mock");
    send_row(1, "b", large, "{}");
    send_row(2, "b", "{}", "{}");
    wait_for(1);
    ck_assert(outbox_aside(outbox, id_of(1), &aside));
    ck_assert_uint_eq(aside.bytes, sizeof(large) - 1);
    ck_assert_str_eq(aside.topic, "outcomes");
    ck_assert_int_eq((int)aside.key.len, 1);
    ck_assert(!outbox_aside(outbox, id_of(2), &aside));
    table[0].there = false;
    ck_assert_int_eq(outbox_discarded(outbox, id_of(1)), 0);
    wait_for(2);
    ck_assert_uint_eq(confirmed[0], 2);
    ck_assert_uint_eq(stats().set_aside, 0);
    ck_assert_uint_eq(stats().waiting, 0);
    end();
}
END_TEST

/* What finds no room in memory waits in the table, and is sent in order when there is room. */
START_TEST(memory_is_bounded)
{
    static char large[1 << 20];
    memset(large, 'x', sizeof(large) - 1);
    make_outbox("127.0.0.1:1"); /* nobody there */
    for (uint8_t i = 0; i < 40; i++) {
        send_row(i, i % 2 == 0 ? "a" : "b", large, "{}");
        read_table();
        ck_assert_uint_le(stats().bytes, OUTBOX_MEMORY_BYTES_MIN + sizeof(large) + 1000);
    }
    ck_assert_uint_ge(stats().bytes, OUTBOX_MEMORY_BYTES_MIN / 2);
    ck_assert_uint_eq(stats().waiting, 40);
    outbox_destroy(outbox, 0);
    event_base_free(base);
}
END_TEST

/* The table is read from its beginning; what comes meanwhile comes behind it, each once. */
START_TEST(the_table_comes_first)
{
    make_outbox("mock");
    for (uint8_t i = 0; i < 100; i++) {
        struct record_outbox_row row = {.id = {i},
                                        .topic = span("outcomes"),
                                        .key = span("key"),
                                        .payload = span("{}"),
                                        .headers = span("{}")};
        table[table_count++] = (struct table_row){.row = row, .there = true};
    }
    for (uint8_t i = 100; i < 150; i++)
        send_row(i, "key", "{}", "{}");
    wait_for(150);
    for (uint8_t i = 0; i < 150; i++)
        ck_assert_uint_eq(confirmed[i], i);
    ck_assert_uint_eq(stats().waiting, 0);
    end();
}
END_TEST

/* A row whose headers were damaged, and one without payload, are set aside with the reason. */
START_TEST(damaged_rows_are_set_aside)
{
    static const char *const bad[] = {"", "[]", "{\"a\":1}", "{\"a\":\"b\"", "null"};
    make_outbox("mock");
    for (int i = 0; i < 5; i++) {
        char key[12];
        (void)snprintf(key, sizeof(key), "%d", i);
        send_row((uint8_t)i, key, "{}", bad[i]);
        wait_for(i + 1);
        ck_assert_str_eq(set_aside_why, "the headers are not a JSON object of strings");
    }
    send_row(9, "k", "", "{}");
    wait_for(6);
    ck_assert_str_eq(set_aside_why, "the payload is empty");
    ck_assert_int_eq(confirmed_count, 0);
    end();
}
END_TEST

/* After a fatal error all that was not confirmed goes through a new producer, in order. */
START_TEST(fatal_error_makes_a_new_producer)
{
    make_outbox("mock");
    send_row(0, "key", "{}", "{}");
    wait_for(1);
    for (uint8_t i = 1; i < 20; i++)
        send_row(i, "key", "{}", "{}");
    outbox_fault_fatal(outbox);
    wait_for(20);
    for (uint8_t i = 0; i < 20; i++)
        ck_assert_uint_eq(confirmed[i], i);
    end();
}
END_TEST

/* Without brokers rows stay in the table: they are counted, and nothing else. */
START_TEST(without_brokers_rows_wait)
{
    make_outbox(NULL);
    send_row(1, "a", "{}", "{}");
    ck_assert_uint_eq(stats().waiting, 1);
    ck_assert(!stats().reachable);
    end();
}
END_TEST

/* Destroying it with rows that could not go frees them all (leak check under asan). */
START_TEST(destroy_with_rows_under_way)
{
    make_outbox("mock");
    for (uint8_t i = 0; i < 100; i++)
        send_row(i, i % 2 == 0 ? "a" : "b", "{}", "{}");
    read_table();
    outbox_destroy(outbox, 20u * 1000000u);
    ck_assert_int_eq(confirmed_count, 100); /* it waited for what was handed in */
    event_base_free(base);
    make_outbox("mock");
    send_row(1, "a", "{}", "{}");
    end();
}
END_TEST

/* A property that librdkafka does not know is refused by name. */
START_TEST(wrong_property)
{
    static const char *const wrong[] = {"no.such.property", "1", NULL};
    const struct outbox_config config = {.brokers = "127.0.0.1:1", .properties = wrong};
    BUFFER_SCOPED struct buffer why = {0};
    outbox = NULL;
    base = event_base_new();
    ck_assert_int_eq(outbox_create(base, &config, &why, &outbox), TROTH_ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), "no.such.property"));
    ck_assert_ptr_null(outbox);
    event_base_free(base);
}
END_TEST

TCase *delivery_tests(void)
{
    TCase *tests = tcase_create("delivery");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, one_key_in_order);
    tcase_add_test(tests, too_large_blocks_its_own_key);
    tcase_add_test(tests, discarded_lets_its_key_go_on);
    tcase_add_test(tests, memory_is_bounded);
    tcase_add_test(tests, the_table_comes_first);
    tcase_add_test(tests, damaged_rows_are_set_aside);
    tcase_add_test(tests, fatal_error_makes_a_new_producer);
    tcase_add_test(tests, without_brokers_rows_wait);
    tcase_add_test(tests, destroy_with_rows_under_way);
    tcase_add_test(tests, wrong_property);
    return tests;
}
