#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy.h"
#include "suites.h"

/* --- a host that answers each connection with an error, as a standby does that lags behind ------
 */

struct refuser {
    pid_t pid;
    int port;
};

static void refuse_for_ever(int listener)
{
    static const char words[] = "SFATAL\0VFATAL\0C3D000\0Mdatabase \"x\" does not exist\0";
    unsigned char error[5 + sizeof words] = {'E', 0, 0, 0, 4 + sizeof words};
    char startup[1024];
    memcpy(error + 5, words, sizeof words); /* ends with the list's zero */
    for (;;) {
        int client = accept(listener, NULL, NULL);

        if (client < 0)
            _exit(1);
        if (read(client, startup, sizeof startup) == 8) { /* asked for TLS or GSS: none here */
            if (write(client, "N", 1) == 1)
                (void)!read(client, startup, sizeof startup);
        }
        (void)!write(client, error, sizeof error);
        close(client);
    }
}

static void refuser_init(struct refuser *refuser)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof any;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&any, sizeof any), 0);
    ck_assert_int_eq(listen(listener, 16), 0);
    getsockname(listener, (struct sockaddr *)&any, &len);
    refuser->port = ntohs(any.sin_port);
    refuser->pid = fork();
    ck_assert_int_ge(refuser->pid, 0);
    if (refuser->pid == 0)
        refuse_for_ever(listener);
    close(listener);
}

static void refuser_finish(struct refuser *refuser)
{
    kill(refuser->pid, SIGKILL);
    waitpid(refuser->pid, NULL, 0);
}

static void two_hosts(char *conninfo, size_t size, const struct world *world, const char *first,
                      const char *more)
{
    snprintf(conninfo, size, "host=127.0.0.1,127.0.0.1 port=%s,%s user=postgres dbname=%s %s",
             first, PQport(world->admin), world->database, more);
}

static int port_of(const struct proxy *proxy)
{
    return atoi(strstr(proxy->conninfo, "port=") + 5);
}

/* --- tests -------------------------------------------------------------------------------------
 */

/* A host that refuses costs nothing: libpq closes its socket, and the next one gets the same
 * number. */
START_TEST(a_host_that_refuses_costs_nothing)
{
    struct world world;
    struct node node;
    char conninfo[240];
    uint64_t began = world_now_ms();
    world_init(&world, false);
    two_hosts(conninfo, sizeof conninfo, &world, "1", "");
    began = world_now_ms();
    node_start(&world, &node, (struct node_options){.conninfo = conninfo});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    append(&node, sample_gtid(&node, 1, 1), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 1);
    ck_assert_uint_lt(world_now_ms() - began, 2000); /* below any share of time of a host */
    world_finish(&world);
}
END_TEST

/* A host that swallows packets costs its own share of time, once; the next connection begins with
 * the one that worked. */
START_TEST(a_silent_host_costs_its_share_once)
{
    struct world world;
    struct node node;
    struct proxy silent;
    char conninfo[240], port[16];
    uint64_t began;
    world_init(&world, false);
    proxy_init(&silent, &world);
    proxy_freeze(&silent, true);
    snprintf(port, sizeof port, "%d", port_of(&silent));
    two_hosts(conninfo, sizeof conninfo, &world, port, "connect_timeout=1");
    began = world_now_ms();
    node_start(&world, &node, (struct node_options){.conninfo = conninfo});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    ck_assert_uint_lt(world_now_ms() - began, 9000); /* not the 10 s of a connection as a whole */
    append(&node, sample_gtid(&node, 1, 1), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 1);
    began = world_now_ms();
    world_exec(&world, "select pg_terminate_backend(pid) from pg_stat_activity where "
                       "application_name like 'troth:%:lane:%' and datname = current_database()");
    append(&node, sample_gtid(&node, 1, 2), TXN_RECORD_DECISION);
    world_wait(&world, node.verdicts.count == 2);
    ck_assert_uint_lt(world_now_ms() - began, 1000); /* without the silent one's share */
    proxy_finish(&silent);
    world_finish(&world);
}
END_TEST

/* While none of several hosts takes writes, a silent one among them holds up nobody: who takes
 * writes at last is found within a second. */
START_TEST(a_silent_host_holds_up_no_promotion)
{
    struct world world;
    struct node node;
    struct proxy silent;
    char conninfo[240], port[16];
    uint64_t began;
    world_init(&world, false);
    proxy_init(&silent, &world);
    proxy_freeze(&silent, true);
    snprintf(port, sizeof port, "%d", port_of(&silent));
    two_hosts(conninfo, sizeof conninfo, &world, port, "");
    world_exec(&world, "do $$ begin execute format('alter database %I set "
                       "default_transaction_read_only = on', current_database()); end $$");
    node_start(&world, &node, (struct node_options){.conninfo = conninfo});
    world_wait(&world, strstr(node.told, "took longer than 0.2 s") != NULL);
    began = world_now_ms();
    world_exec(&world, "begin read write");
    world_exec(&world, "do $$ begin execute format('alter database %I reset "
                       "default_transaction_read_only', current_database()); end $$");
    world_exec(&world, "commit");
    world_wait(&world, journal_epoch(node.journal, 0) == 1); /* by the lane, which was looking */
    ck_assert_uint_lt(world_now_ms() - began, 1500);
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    proxy_finish(&silent);
    world_finish(&world);
}
END_TEST

/* A standby that has not replayed the database's creation answers with an error: it is passed by,
 * also by the migration. */
START_TEST(a_host_without_the_database_is_passed_by)
{
    struct world world;
    struct node node;
    struct refuser refuser;
    char conninfo[240], port[16];
    uint32_t applied;
    world_init(&world, true);
    refuser_init(&refuser);
    snprintf(port, sizeof port, "%d", refuser.port);
    two_hosts(conninfo, sizeof conninfo, &world, port, "");
    ck_assert_int_eq(journal_migrate(conninfo, 0, JOURNAL_UNSAFE_REFUSED, NULL, &applied),
                     TROTH_OK);
    node_start(&world, &node, (struct node_options){.conninfo = conninfo});
    world_wait(&world, journal_state(node.journal) == JOURNAL_LEADING);
    refuser_finish(&refuser);
    world_finish(&world);
}
END_TEST

/* When no host will do, each one's words are told. */
START_TEST(all_hosts_say_why)
{
    BUFFER_SCOPED struct buffer why = {0};
    struct world world;
    struct node node;
    struct refuser refuser;
    char conninfo[200];
    uint32_t applied;
    world_init(&world, false);
    refuser_init(&refuser);
    snprintf(conninfo, sizeof conninfo, "host=127.0.0.1,127.0.0.1 port=%d,1 user=postgres dbname=x",
             refuser.port);
    ck_assert_int_eq(journal_migrate(conninfo, 0, JOURNAL_UNSAFE_REFUSED, &why, &applied),
                     TROTH_ERROR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), "does not exist"));
    ck_assert_ptr_nonnull(strstr(buffer_text(&why), "refused"));
    node_start(&world, &node, (struct node_options){.conninfo = conninfo});
    world_wait(&world, strstr(node.why, "does not exist") != NULL);
    ck_assert_ptr_nonnull(strstr(node.why, "refused"));
    refuser_finish(&refuser);
    world_finish(&world);
}
END_TEST

/* --- the wrong role
 * -------------------------------------------------------------------------------- */

static void read_only(struct world *world, bool on)
{
    world_exec(world, on ? "alter system set default_transaction_read_only = on"
                         : "alter system reset default_transaction_read_only");
    world_exec(world, "select pg_reload_conf()");
}

static void on_put(void *arg, int error, const struct journal_entry *entry)
{
    (void)entry;
    *(int *)arg = error;
}

static void on_loaded(void *arg, int error, const struct journal_entry *entry)
{
    if (error != TROTH_OK || entry == NULL)
        *(int *)arg = error;
}

/* A change belongs to a reading of this process. */
static void load_registry(struct world *world, struct node *node)
{
    int answer = 1;
    journal_registry_load(node->journal, on_loaded, &answer);
    world_wait(world, answer != 1);
    ck_assert_int_eq(answer, TROTH_OK);
}

/* Puts again and again, until that is answered with anything but `error`. */
static int put_while(struct world *world, struct node *node, int error)
{
    struct journal_entry entry = {
        .what = JOURNAL_PARTICIPANT, .name = text_span("bank_a"), .body = text_span("{}")};
    int answer;
    do {
        answer = 1;
        journal_registry_put(node->journal, &entry, on_put, &answer);
        world_wait(world, answer != 1);
    } while (answer == error);
    return answer;
}

static long reader(struct world *world)
{
    return world_number(world, "select max(pid) from pg_stat_activity where application_name = "
                               "'troth reader' and datname = current_database()");
}

/* A server that takes no writes any more (25006) loses its sessions, the one for questions too:
 * another host, or the same one later, gets them. */
START_TEST(a_read_only_server_loses_its_sessions)
{
    struct world world;
    struct node node;
    uint64_t count = 0;
    long pid;
    world_init(&world, false);
    world_exec(&world, "set default_transaction_read_only = off");
    node_lead(&world, &node);
    load_registry(&world, &node);
    world_wait(&world, (pid = reader(&world)) != 0);
    read_only(&world, true); /* reaches each session when it sees the signal */
    ck_assert_int_eq(put_while(&world, &node, TROTH_OK), TROTH_ERROR_UNAVAILABLE);
    while (strstr(node.why, "read-only") == NULL) {
        ck_assert_uint_eq(node.verdicts.count, count);
        count++;
        append(&node, sample_gtid(&node, 1, count), TXN_RECORD_DECISION);
        world_wait(&world, node.verdicts.count == count || strstr(node.why, "read-only") != NULL);
    }
    ck_assert_int_eq(journal_state(node.journal), JOURNAL_CONNECTING);
    read_only(&world, false);
    world_wait(&world, node.verdicts.count == count);
    ck_assert_int_eq(node.verdicts.list[count - 1].verdict, TXN_WRITTEN);
    world_wait(&world, reader(&world) != 0 && reader(&world) != pid);
    ck_assert_int_eq(put_while(&world, &node, TROTH_ERROR_UNAVAILABLE), TROTH_OK);
    world_finish(&world);
}
END_TEST

TCase *hosts_tests(void)
{
    TCase *tests = tcase_create("hosts");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_host_that_refuses_costs_nothing);
    tcase_add_test(tests, a_silent_host_costs_its_share_once);
    tcase_add_test(tests, a_silent_host_holds_up_no_promotion);
    tcase_add_test(tests, a_host_without_the_database_is_passed_by);
    tcase_add_test(tests, all_hosts_say_why);
    tcase_add_test(tests, a_read_only_server_loses_its_sessions);
    return tests;
}
