/* What the database must be before a journal stands on it. */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "suites.h"

static void set(struct world *world, const char *setting)
{
    char sql[120];
    snprintf(sql, sizeof sql, "alter system %s", setting);
    world_exec(world, sql);
    world_exec(world, "select pg_reload_conf()");
}

/* Both the migration and the start refuse, with the setting's name and the command that mends it.
 */
static void refused(struct world *world, const char *conninfo, const char *setting,
                    const char *command)
{
    BUFFER_SCOPED struct buffer why = {0};
    struct node node;
    uint32_t applied = 99;
    ck_assert_int_eq(journal_migrate(conninfo, 0, JOURNAL_UNSAFE_REFUSED, &why, &applied),
                     TROTH_ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), setting));
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), command));
    ck_assert_uint_eq(applied, 99);
    node_start(world, &node, (struct node_options){.conninfo = conninfo});
    world_wait(world, journal_state(node.journal) == JOURNAL_FENCED);
    ck_assert_ptr_nonnull(strstr(node.why, setting));
    ck_assert_ptr_nonnull(strstr(node.why, command));
    node_stop(&node);
}

/* An encoding other than UTF8 cannot hold every input: such a row would be stuck for ever. */
START_TEST(refuses_an_encoding)
{
    static const char *const encodings[] = {"LATIN1", "SQL_ASCII"};
    struct world world;
    char sql[160], conninfo[300];
    world_init(&world, true);
    for (size_t i = 0; i < 2; i++) {
        snprintf(sql, sizeof sql,
                 "create database %s_%zu template template0 encoding '%s' locale 'C'",
                 world.database, i, encodings[i]);
        world_exec(&world, sql);
        snprintf(conninfo, sizeof conninfo, "%s_%zu", world.conninfo, i);
        refused(&world, conninfo, encodings[i], "create database");
    }
    world_finish(&world);
}
END_TEST

/* The client's encoding is ours, whatever the conninfo says. */
START_TEST(speaks_utf8_always)
{
    struct world world;
    struct node node;
    struct sample sample;
    char conninfo[300];
    world_init(&world, false);
    snprintf(conninfo, sizeof conninfo, "%s client_encoding=LATIN1", world.conninfo);
    node_start(&world, &node, (struct node_options){.conninfo = conninfo});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    sample_make(&sample, &node, sample_gtid(&node, 1, 1), TXN_RECORD_DECISION);
    sample.origin.input = text_span("{\"name\":\"Łódź €\"}");
    sample_append(&node, &sample);
    world_wait(&world, node.verdicts.count == 1);
    ck_assert_str_eq(world_text(&world, "select input from troth.txn"), "{\"name\":\"Łódź €\"}");
    world_finish(&world);
}
END_TEST

/* A server that may lose what it acknowledged is refused, unless that is allowed in so many words:
 * then it is said. */
static void unsafe(const char *name)
{
    BUFFER_SCOPED struct buffer why = {0};
    struct world world;
    struct node node;
    char off[60], on[60], command[60];
    uint32_t applied;
    snprintf(off, sizeof off, "set %s = off", name);
    snprintf(on, sizeof on, "reset %s", name);
    snprintf(command, sizeof command, "alter system set %s = on", name);
    world_init(&world, true);
    set(&world, off);
    snprintf(off, sizeof off, "select (current_setting('%s') = 'off')::int", name);
    world_wait(&world, world_number(&world, off) == 1);
    refused(&world, world.conninfo, name, command);
    ck_assert_int_eq(journal_migrate(world.conninfo, 0, JOURNAL_UNSAFE_ALLOWED, &why, &applied),
                     TROTH_OK);
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), name));
    node_start(&world, &node, (struct node_options){.unsafe = JOURNAL_UNSAFE_ALLOWED});
    world_wait(&world, strstr(node.why, command) != NULL);
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    set(&world, on);
    world_finish(&world);
}

START_TEST(refuses_fsync_off)
{
    unsafe("fsync");
}
END_TEST

START_TEST(refuses_full_page_writes_off)
{
    unsafe("full_page_writes");
}
END_TEST

/* Defaults that a database or a role has for other programs' sake do not reach the journal's
 * sessions: durability, isolation, time limits, names. */
START_TEST(odd_defaults_do_no_harm)
{
    static const char *const defaults[] = {
        "synchronous_commit = off",       "default_transaction_isolation = serializable",
        "statement_timeout = '100ms'",    "lock_timeout = '100ms'",
        "idle_session_timeout = '100ms'", "idle_in_transaction_session_timeout = '100ms'",
        "search_path = nowhere",          "client_encoding = 'LATIN1'"};
    struct world world;
    struct node node;
    char sql[160];
    world_init(&world, true);
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        snprintf(sql, sizeof sql, "alter database %s set %s", world.database, defaults[i]);
        world_exec(&world, sql);
    }
    uint32_t applied;
    ck_assert_int_eq(journal_migrate(world.conninfo, 0, JOURNAL_UNSAFE_REFUSED, NULL, &applied),
                     TROTH_OK);
    node_start(&world, &node, (struct node_options){.lease_us = 900000});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    world_exec(&world, "create temp table seen as select clock_timestamp() as at");
    for (uint64_t i = 1; i <= 3; i++) { /* between two of them it is idle for a renewal's time */
        append(&node, sample_gtid(&node, 1, i), TXN_RECORD_DECISION);
        world_wait(&world, node.verdicts.count == i);
        ck_assert_int_eq(node.verdicts.list[i - 1].verdict, TXN_WRITTEN);
        world_exec(&world, "update seen set at = (select max(lease_until) from troth.lease)");
        world_wait(&world, world_number(&world, "select count(*) from seen where at < "
                                                "(select max(lease_until) from troth.lease)"));
    }
    ck_assert_uint_eq(node.states[JOURNAL_CONNECTING], 0);
    world_finish(&world);
}
END_TEST

TCase *footing_tests(void)
{
    TCase *tests = tcase_create("footing");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, refuses_an_encoding);
    tcase_add_test(tests, speaks_utf8_always);
    tcase_add_test(tests, refuses_fsync_off);
    tcase_add_test(tests, refuses_full_page_writes_off);
    tcase_add_test(tests, odd_defaults_do_no_harm);
    return tests;
}
