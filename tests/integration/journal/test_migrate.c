#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "suites.h"

/* Migrating an empty database makes a journal with an id and 16 shards; doing it again changes
 * nothing. */
START_TEST(migrates_twice)
{
    struct world world;
    uint32_t applied = 99;
    world_init(&world, true);
    ck_assert_int_eq(journal_migrate(world.conninfo, 0, JOURNAL_UNSAFE_REFUSED, NULL, &applied),
                     TROTH_OK);
    ck_assert_uint_eq(applied, JOURNAL_SCHEMA_VERSION);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.shard"), 16);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.lease"), 16);
    world_exec(&world, "create table public.before as select id from troth.journal");
    ck_assert_int_eq(journal_migrate(world.conninfo, 16, JOURNAL_UNSAFE_REFUSED, NULL, &applied),
                     TROTH_OK);
    ck_assert_uint_eq(applied, 0);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.journal j, public.before b "
                                          "where j.id = b.id"),
                     1);
    world_finish(&world);
}
END_TEST

/* The number of shards is fixed when the journal is created. */
START_TEST(keeps_the_number_of_shards)
{
    BUFFER_SCOPED struct buffer why = {0};
    struct world world;
    uint32_t applied = 99;
    world_init(&world, true);
    ck_assert_int_eq(journal_migrate(world.conninfo, 4, JOURNAL_UNSAFE_REFUSED, NULL, &applied),
                     TROTH_OK);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.shard"), 4);
    ck_assert_int_eq(journal_migrate(world.conninfo, 5, JOURNAL_UNSAFE_REFUSED, &why, &applied),
                     TROTH_ERROR_INVALID);
    ck_assert_uint_gt(why.len, 0);
    world_finish(&world);
}
END_TEST

/* Processes that migrate at the same moment all succeed, and each migration is applied once. */
START_TEST(migrates_from_many_processes_at_once)
{
    struct world world;
    pid_t children[4];
    world_init(&world, true);
    for (size_t i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            uint32_t applied;

            _exit(journal_migrate(world.conninfo, 0, JOURNAL_UNSAFE_REFUSED, NULL, &applied) ==
                          TROTH_OK
                      ? (int)applied
                      : 100);
        }
    }
    int applied = 0;
    for (size_t i = 0; i < 4; i++) {
        int status;

        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert(WIFEXITED(status));
        applied += WEXITSTATUS(status);
    }
    ck_assert_int_eq(applied, JOURNAL_SCHEMA_VERSION);
    ck_assert_int_eq(world_number(&world, "select count(*) from troth.journal"), 1);
    world_finish(&world);
}
END_TEST

/* A newer schema is refused by the migration and by the start. */
START_TEST(refuses_a_newer_schema)
{
    struct world world;
    struct node node;
    uint32_t applied = 99;
    world_init(&world, false);
    world_exec(&world, "insert into troth.migration (version, name) values (99, 'future')");
    ck_assert_int_eq(journal_migrate(world.conninfo, 0, JOURNAL_UNSAFE_REFUSED, NULL, &applied),
                     TROTH_ERROR_SCHEMA);
    ck_assert_uint_eq(applied, 99);
    node_start(&world, &node, (struct node_options){0});
    world_wait(&world, journal_state(node.journal) == JOURNAL_FENCED);
    ck_assert_ptr_nonnull(strstr(node.why, "newer"));
    ck_assert_int_eq(world_number(&world, "select max(epoch) from troth.shard"), 0);
    world_finish(&world);
}
END_TEST

/* A database without a journal is refused at the start, with the command to run. */
START_TEST(refuses_a_database_without_journal)
{
    struct world world;
    struct node node;
    world_init(&world, true);
    node_start(&world, &node, (struct node_options){0});
    world_wait(&world, journal_state(node.journal) == JOURNAL_FENCED);
    ck_assert_ptr_nonnull(strstr(node.why, "trothd migrate"));
    world_finish(&world);
}
END_TEST

/* A database that cannot be reached is said to be so. */
START_TEST(says_why_it_can_not_connect)
{
    BUFFER_SCOPED struct buffer why = {0};
    uint32_t applied = 99;
    ck_assert_int_eq(journal_migrate("host=127.0.0.1 port=1 dbname=x", 0, JOURNAL_UNSAFE_REFUSED,
                                     &why, &applied),
                     TROTH_ERROR_UNAVAILABLE);
    ck_assert_uint_gt(why.len, 0);
    ck_assert_uint_eq(applied, 99);
}
END_TEST

TCase *migrate_tests(void)
{
    TCase *tests = tcase_create("migrate");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, migrates_twice);
    tcase_add_test(tests, keeps_the_number_of_shards);
    tcase_add_test(tests, migrates_from_many_processes_at_once);
    tcase_add_test(tests, refuses_a_newer_schema);
    tcase_add_test(tests, refuses_a_database_without_journal);
    tcase_add_test(tests, says_why_it_can_not_connect);
    return tests;
}
