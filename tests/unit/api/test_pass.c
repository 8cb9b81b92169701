/* A request that another node answers: two APIs with a scripted host each, one in front of the
 * other. */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <http/client.h>

#include "fixture.h"
#include <base/span.h>

#define ONE   "/v1/transactions/" FAKE_GTID
#define POSER "Troth-Passed-To: aa\r\nTroth-Who: uid:0\r\nTroth-Scopes: 255\r\n"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define START "{\"definition\":\"transfer\",\"input\":{\"from\":1,\"amount\":1}}"

/* The node behind: it leads everything. */
static struct fake_host owner;
static struct api *owner_api;
static struct http_server *owner_server;

/* Something else that listens there. */
static const char *stranger_body;
static unsigned stranger_asked;

static void on_stranger(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    stranger_asked++;
    if (stranger_body != NULL)
        http_exchange_reply(exchange, 200, "application/json", NULL, span_of(stranger_body));
}

static void listen_there(http_handler handler, void *arg)
{
    const struct http_server_config config = {.address = "127.0.0.1",
                                              .connections_max = 100,
                                              .limits = HTTP_LIMITS_DEFAULT,
                                              .budget = {.stream_max = 4096},
                                              .handler = handler,
                                              .problem = api_server_problem,
                                              .arg = arg};
    struct http_peer_config peer = {
        .connections_max = 100, .connect_timeout_us = 2000000, .limits = HTTP_LIMITS_DEFAULT};
    char url[64];
    ck_assert_int_eq(http_server_create(fx.loop, &config, &owner_server), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(owner_server));
    peer.url = url;
    ck_assert_int_eq(http_peer_create(fx.loop, &peer, &fx.fake.other), 0);
}

static void setup_with(void (*first)(void))
{
    first();
    fake_init(&owner);
    owner.host.authenticates = fx.fake.host.authenticates;
    owner.host.limits = fx.fake.host.limits;
    owner.host.node_key = "bb";
    owner.other_key = "aa";
    ck_assert_int_eq(api_create(&owner.host, &owner_api), 0);
    fx.fake.whose = API_WHOSE_ANOTHERS;
}

static void setup(void)
{
    setup_with(fixture_setup);
    listen_there(api_handle, owner_api);
}

static void setup_watchers(void)
{
    setup_with(fixture_setup_watchers);
    listen_there(api_handle, owner_api);
}

static void setup_secure(void)
{
    setup_with(fixture_setup_secure);
    listen_there(api_handle, owner_api);
}

static void setup_stranger(void)
{
    setup_with(fixture_setup);
    listen_there(on_stranger, NULL);
    stranger_asked = 0;
}

static void teardown(void)
{
    http_peer_destroy(fx.fake.other);
    http_server_destroy(owner_server);
    api_destroy(owner_api);
    fake_finish(&owner);
    fixture_teardown();
}

static bool owner_holds(void)
{
    return fake_holds(&owner);
}

static bool owner_watched(void)
{
    return owner.watches_count == 1;
}

static bool owner_not_watched(void)
{
    return owner.watches_count == 0;
}

static bool stranger_was_asked(void)
{
    return stranger_asked > 0;
}

/* What is asked of a node whose shard it is not is answered byte for byte as by the one whose it
 * is; nothing is asked of the first one's host. */
START_TEST(byte_for_byte)
{
    static const struct {
        const char *method, *target, *headers, *body;
    } cases[] = {{"POST", "/v1/transactions", "Idempotency-Key: k\r\nPrefer: wait=1\r\n", START},
                 {"POST", "/v1/transactions", NULL, START},
                 {"POST", "/v1/transactions", NULL, "{\"mode\":\"2pc\"}"},
                 {"POST", "/v1/transactions", NULL, "{\"mode\":"},
                 {"POST", "/v1/transactions", "Content-Type: text/plain\r\n", START},
                 {"GET", ONE, NULL, NULL},
                 {"HEAD", ONE, NULL, NULL},
                 {"GET", ONE "?nonsense=1", NULL, NULL},
                 {"POST", ONE "/branches", NULL,
                  "{\"branch\":1,\"participant\":\"bank_a\",\"operation\":\"debit\"}"},
                 {"POST", ONE "/commit", NULL, "{\"branches\":[1]}"},
                 {"POST", ONE "/abort", NULL, "{}"},
                 {"POST", ONE "/retry", NULL, "{}"},
                 {"POST", ONE "/resolve", NULL, "{\"as\":\"committed\",\"reason\":\"so\"}"},
                 {"POST", ONE "/forget", NULL, "{\"reason\":\"so\"}"},
                 {"GET", ONE "/decision?branch=1&attempt=1", NULL, NULL},
                 {"GET", ONE "/events", NULL, NULL},
                 {"HEAD", ONE "/events", NULL, NULL},
                 {"GET", "/v1/transactions?key=k", NULL, NULL}};
    owner.answer = (struct api_answer){.decision = "committed", .epoch = 3};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        REPLY_SCOPED struct reply passed = {0};
        REPLY_SCOPED struct reply direct = {0};
        fx.fake.whose = API_WHOSE_ANOTHERS;
        ask(cases[i].method, cases[i].target, cases[i].headers, cases[i].body, &passed);
        ck_assert_ptr_null(fx.fake.asked.call);
        /* The same of the owner's host, without a node between. */
        fx.fake.whose = API_WHOSE_OURS;
        fx.fake.answer = owner.answer;
        ask(cases[i].method, cases[i].target, cases[i].headers, cases[i].body, &direct);
        fx.fake.asked.call = NULL;
        ck_assert_msg(passed.status == direct.status, "%s %s: %d, not %d: %s", cases[i].method,
                      cases[i].target, passed.status, direct.status, passed.body.data);
        ck_assert_str_eq(passed.head, direct.head);
        ck_assert_str_eq(passed.body.data, direct.body.data);
    }
}
END_TEST

/* What the first node has seen of who asks reaches the owner: caller, key, trace context. */
START_TEST(what_goes_along)
{
    REPLY_SCOPED struct reply reply = {0};
    ask("POST", "/v1/transactions",
        "Idempotency-Key: \"k 1\"\r\nPrefer: respond-async\r\n"
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
        START, &reply);
    ck_assert_int_eq(reply.status, 201);
    ck_assert_str_eq(owner.asked.key, "k 1");
    ck_assert_str_eq(owner.asked.submit.caller, "127.0.0.1");
    ck_assert_str_eq(owner.asked.traceparent,
                     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    ck_assert_int_eq(owner.asked.submit.reply, API_REPLY_ACCEPTED);
}
END_TEST

/* 512 KiB and more go there and come back whole. */
START_TEST(large_bodies)
{
    static char body[700000], input[600000];
    REPLY_SCOPED struct reply reply = {0};
    memset(input, 'x', sizeof input - 1);
    snprintf(body, sizeof body,
             "{\"definition\":\"transfer\",\"input\":{\"from\":1,\"note\":\"%s\"}}", input);
    ask("POST", "/v1/transactions", NULL, body, &reply);
    ck_assert_int_eq(reply.status, 413);
    reply_has(&reply, "/input: ");
    int len = snprintf(body, sizeof body,
                       "[{\"branch\":1,\"name\":\"debit\",\"participant\":\"bank_a\","
                       "\"operation\":\"debit\",\"state\":\"committed\",\"tries\":1,"
                       "\"output\":\"%s\"}]",
                       input);
    owner.view.steps = (struct troth_span){body, (size_t)len};
    REPLY_SCOPED struct reply large = {0};
    ask("GET", ONE, NULL, NULL, &large);
    ck_assert_int_eq(large.status, 200);
    ck_assert_uint_gt(large.body.len, sizeof input);
}
END_TEST

/* An identity goes along as the first node knows it, with what it may; a key itself does not. */
START_TEST(identity)
{
    REPLY_SCOPED struct reply reply = {0};
    REPLY_SCOPED struct reply other = {0};
    fx.fake.identity = (struct api_identity){
        .who = "key:one", .scopes = API_SCOPE_BIT(API_SCOPE_START), .starts = "tra* x"};
    ask("POST", "/v1/transactions", "Authorization: Bearer trk_x\r\n", START, &reply);
    ck_assert_int_eq(reply.status, 201); /* the owner knows no key at all */
    ck_assert_str_eq(owner.asked.submit.caller, "key:one");
    fx.fake.identity.starts = "y";
    ask("POST", "/v1/transactions", "Authorization: Bearer trk_x\r\n", START, &other);
    ck_assert_int_eq(other.status, 403);
    expect_problem("GET", ONE, "Authorization: Bearer trk_x\r\n", NULL, 403, "forbidden", "read");
    expect_problem("GET", ONE, NULL, NULL, 401, "unauthenticated", "API key");
}
END_TEST

/* Who poses as a node is believed nothing: without a proof, with a wrong one, and where the node is
 * not known. */
START_TEST(forged)
{
    static const char *const heads[] = {
        "Troth-Passed-By: bb\r\n" POSER, "Troth-Passed-By: cc\r\n" POSER,
        ("Troth-Passed-By: bb\r\n" POSER "Troth-Proof: " ZEROS "\r\n")};
    fx.fake.whose = API_WHOSE_OURS;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        expect_problem("GET", ONE, heads[i], NULL, 503, "unavailable", "is not known here");
    expect_problem("GET", ONE, "Troth-Passed-By: bb\r\nTroth-Passed-To: zz\r\n", NULL, 503,
                   "unavailable", "this is not the node");
    expect_problem("GET", ONE, "Troth-Who: uid:0\r\nTroth-Scopes: 255\r\n", NULL, 401,
                   "unauthenticated", "");
    ck_assert_ptr_null(fx.fake.asked.call);
}
END_TEST

/* A node that has just started, whom the owner does not know yet, is told so by the owner itself:
 * nothing was done, and its client hears that. */
START_TEST(stranger)
{
    owner.is_stranger = true;
    fx.fake.whose = API_WHOSE_ANOTHERS;
    fx.fake.identity = (struct api_identity){.who = "key:one", .scopes = API_SCOPES_ALL};
    expect_problem("GET", ONE, "Authorization: Bearer trk_x\r\n", NULL, 503, "unavailable",
                   "nothing was done");
    expect_problem("POST", "/v1/transactions", "Authorization: Bearer trk_x\r\n", START, 503,
                   "unavailable", "nothing was done");
    ck_assert_ptr_null(owner.asked.call);
}
END_TEST

/* One hop: the owner that has just lost the shard says so, and passes nothing on. */
START_TEST(never_in_a_circle)
{
    owner.whose = API_WHOSE_ANOTHERS;
    expect_problem("POST", ONE "/abort", NULL, "{}", 503, "unavailable", "changes hands");
    REPLY_SCOPED struct reply reply = {0};
    ask("GET", ONE, NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 503);
    reply_has_header(&reply, "Retry-After: 1");
    fx.fake.whose = API_WHOSE_NOBODYS;
    expect_problem("POST", ONE "/abort", NULL, "{}", 503, "unavailable", "changes hands");
    ck_assert_ptr_null(owner.asked.call);
}
END_TEST

/* The owner is not there: nothing was sent, so nothing was done. */
START_TEST(owner_is_gone)
{
    http_server_destroy(owner_server);
    owner_server = NULL;
    expect_problem("POST", "/v1/transactions", NULL, START, 503, "unavailable",
                   "nothing was done, try again");
    http_peer_destroy(fx.fake.other);
    fx.fake.other = NULL;
    expect_problem("POST", "/v1/transactions", NULL, START, 503, "unavailable",
                   "nothing was done, try again");
}
END_TEST

/* The owner dies with the request: what changes something may have been done, and the gtid says
 * where to look; what only asks may be asked again. */
START_TEST(owner_dies)
{
    static const struct {
        const char *method, *target, *body;
        int status;
        bool has_location;
    } cases[] = {{"POST", "/v1/transactions", START, 504, false},
                 {"POST", ONE "/commit", "{\"branches\":[1]}", 504, true},
                 {"GET", ONE, NULL, 503, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        REPLY_SCOPED struct reply reply = {0};
        owner.hold = true;
        int fd = client_open(cases[i].method, cases[i].target, NULL, cases[i].body);
        run_until(owner_holds, "the owner is asked");
        http_server_destroy(owner_server);
        client_read(fd, &reply);
        ck_assert_int_eq(reply.status, cases[i].status);
        reply_has(&reply, cases[i].status == 504 ? "outcome-unknown" : "ask again");
        if (cases[i].has_location)
            reply_has_header(&reply, "Location: " ONE);
        fake_release(&owner);
        http_peer_destroy(fx.fake.other);
        listen_there(api_handle, owner_api);
    }
}
END_TEST

/* A client that leaves takes its request to the owner with it. */
START_TEST(client_leaves)
{
    owner.hold = true;
    close(client_open("POST", ONE "/abort", NULL, "{}"));
    run_until(owner_holds, "the owner is asked");
    REPLY_SCOPED struct reply reply = {0};
    fx.fake.whose = API_WHOSE_OURS;
    ask("GET", ONE, NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    fake_release(&owner);
}
END_TEST

/* --- streams ---------------------------------------------------------------------------------- */

static int follow(void)
{
    owner.view.state = "preparing";
    owner.view.outcome = TXN_OUTCOME_NONE;
    owner.view.ended_at.us = 0;
    int fd = client_open("GET", ONE "/events", NULL, NULL);
    run_until(owner_watched, "the owner is asked");
    return fd;
}

static void let_pass(void)
{
    for (int i = 0; i < 20; i++) {
        (void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
        http_loop_flush(fx.loop);
        (void)usleep(1000);
    }
}

/* Events come through as they come, also the sign of life. */
START_TEST(stream)
{
    int fd = follow();
    fake_progress(&owner, API_PROGRESS_MOMENT, "{\"at\":\"+0s\",\"moment\":\"began\"}");
    fake_progress(&owner, API_PROGRESS_QUIET, NULL);
    let_pass();
    char piece[8192] = "";
    ck_assert_int_gt((int)read(fd, piece, sizeof piece - 1), 0); /* before the end */
    ck_assert_ptr_nonnull(strstr(piece, "Content-Type: text/event-stream"));
    fake_progress(&owner, API_PROGRESS_ENDED, NULL);
    let_pass();
    size_t len = strlen(piece);
    ck_assert_int_gt((int)read(fd, piece + len, sizeof piece - 1 - len), 0);
    ck_assert_ptr_nonnull(strstr(piece, "id: 1\nevent: state\n"));
    ck_assert_ptr_nonnull(strstr(piece, "id: 2\nevent: moment\ndata: {\"at\":"));
    ck_assert_ptr_nonnull(strstr(piece, ": nothing new\n\n"));
    ck_assert_ptr_nonnull(strstr(piece, "id: 3\nevent: ended\n"));
    close(fd);
}
END_TEST

/* Who follows and leaves is forgotten by the owner, too. */
START_TEST(stream_is_left)
{
    close(follow());
    run_until(owner_not_watched, "the owner forgets");
}
END_TEST

/* A stream that another node feeds is one of its caller's where he asked, and nowhere else. */
START_TEST(streams_of_one_caller)
{
    static const char limit[] = "127.0.0.1 follows 1 transactions, and no more";
    int fd = follow();
    expect_problem("GET", ONE "/events", NULL, NULL, 429, "too-many-requests", limit);
    ck_assert_uint_eq(owner.watches_count, 1);
    fx.fake.whose = API_WHOSE_OURS;
    expect_problem("GET", ONE "/events", NULL, NULL, 429, "too-many-requests", limit);
    fx.fake.whose = API_WHOSE_ANOTHERS;
    close(fd);
    run_until(owner_not_watched, "the owner forgets");
    close(follow());
}
END_TEST

/* The owner dies: the stream ends without `ended`, after which it may be asked for again. */
START_TEST(stream_breaks)
{
    REPLY_SCOPED struct reply reply = {0};
    int fd = follow();
    let_pass();
    http_server_destroy(owner_server);
    owner_server = NULL;
    client_read(fd, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has(&reply, "event: state");
    ck_assert_ptr_null(strstr(reply.body.data, "event: ended"));
}
END_TEST

/* Who does not read a stream that is passed on is told `dropped` behind a whole event, and nothing
 * more is kept for it here or at the owner. */
START_TEST(stream_is_not_read)
{
    static char moment[4096];
    REPLY_SCOPED struct reply reply = {0};
    memset(moment, 'x', sizeof moment - 1);
    memcpy(moment, "{\"note\":\"", 9);
    memcpy(moment + sizeof moment - 3, "\"}", 2);
    int fd = follow();
    for (int i = 0; i < 20000 && owner.watches_count == 1; i++) {
        fake_progress(&owner, API_PROGRESS_MOMENT, moment);
        (void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
        http_loop_flush(fx.loop);
    }
    run_until(owner_not_watched, "the owner forgets");
    client_read(fd, &reply);
    const char *dropped = strstr(reply.body.data, "event: dropped\ndata: {\"type\":");
    ck_assert_ptr_nonnull(dropped);
    ck_assert_ptr_nonnull(strstr(dropped, "watchers_bytes_max"));
    const char *id = dropped;
    while (id > reply.body.data && strncmp(id, "id: ", 4) != 0)
        id--;
    ck_assert(id - reply.body.data > 2 && id[-1] == '\n' && id[-2] == '\n');
}
END_TEST

/* --- what is no node -------------------------------------------------------------------------- */

/* Another program answers at the owner's address: its answer is nobody's. */
START_TEST(answer_of_a_stranger)
{
    stranger_body = "{\"gtid\":\"" FAKE_GTID "\",\"outcome\":\"committed\"}";
    expect_problem("GET", ONE, NULL, NULL, 503, "unavailable", "is another");
    expect_problem("POST", "/v1/transactions", NULL, START, 504, "outcome-unknown", "is another");
    expect_problem("GET", ONE "/events", NULL, NULL, 503, "unavailable", "is another");
}
END_TEST

/* A client that leaves before any answer leaves nothing behind. */
START_TEST(silent_stranger)
{
    stranger_body = NULL;
    int fd = client_open("GET", ONE, NULL, NULL);
    run_until(stranger_was_asked, "it is asked");
    close(fd);
    let_pass();
}
END_TEST

/* --- what each node knows a part of ------------------------------------------------------------
 */

/* A list is that of all nodes: the newest first, each transaction once, as the node says that leads
 * it; the others are asked for what is in their memory alone. */
START_TEST(list_of_all)
{
    REPLY_SCOPED struct reply reply = {0};
    fx.fake.whose = API_WHOSE_OURS;
    fx.fake.listed = 2;
    fx.fake.view.state = "open"; /* as the journal has it */
    owner.listed = 3;
    ask("GET", "/v1/transactions?state=open", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert(owner.asked.list.in_memory);
    ck_assert(!fx.fake.asked.list.in_memory);
    ck_assert_str_eq(owner.asked.state, "open");
    const char *first = strstr(reply.body.data, "040000000003");
    const char *second = strstr(reply.body.data, "040000000002");
    const char *third = strstr(reply.body.data, "040000000001");
    ck_assert(first != NULL && first < second && second < third);
    ck_assert_ptr_null(strstr(third + 1, "04000000000"));
    ck_assert_ptr_null(strstr(reply.body.data, "\"state\":\"open\""));
    reply_has(&reply, "],\"cursor\":null}");
}
END_TEST

/* Where one node's page ends and it has more, nothing below is shown before its next page: the
 * cursor says where that begins. */
START_TEST(pages_of_all)
{
    REPLY_SCOPED struct reply reply = {0};
    fx.fake.whose = API_WHOSE_OURS;
    fx.fake.listed = 2;
    owner.listed = 2;
    owner.origin.gtid.bytes[14] = 1;
    ask("GET", "/v1/transactions?limit=1", NULL, NULL, &reply);
    reply_has(&reply, "040000000101\"");
    reply_has(&reply, "],\"cursor\":\"0198f3a2-1c40-8003-8000-040000000101\"}");
    ck_assert_ptr_null(strstr(reply.body.data, "040000000001"));
}
END_TEST

/* A node that does not answer is named; so is one whose answer is another's. */
START_TEST(missing_in_a_list)
{
    REPLY_SCOPED struct reply reply = {0};
    REPLY_SCOPED struct reply events = {0};
    fx.fake.whose = API_WHOSE_OURS;
    fx.fake.listed = 1;
    http_server_destroy(owner_server);
    owner_server = NULL;
    ask("GET", "/v1/transactions", NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 200);
    reply_has(&reply, "040000000001");
    reply_has(&reply, "\"cursor\":null,\"missing\":[\"other\"]}");
    ask("GET", "/v1/events", NULL, NULL, &events);
    reply_has(&events, "\"total\":1,\"missing\":[\"other\"]}");
}
END_TEST

/* Events that were set aside: all of them are listed, and one is found where it is. */
START_TEST(events_of_all)
{
    static const char one[] = "/v1/events/5d0f4e2a-5a51-8c1b-9d3b-2f6f2c1a7e10";
    REPLY_SCOPED struct reply list = {0};
    fx.fake.whose = API_WHOSE_OURS;
    owner.events_count = 2;
    ask("GET", "/v1/events", NULL, NULL, &list);
    reply_has(&list, "\"total\":3}");
    fx.fake.events_count = 0;
    fx.fake.asked.call = NULL;
    owner.asked.call = NULL;
    REPLY_SCOPED struct reply reply = {0};
    ask("DELETE", one, NULL, NULL, &reply);
    ck_assert_int_eq(reply.status, 204);
    ck_assert_str_eq(owner.asked.call, "event_discard");
    ck_assert_ptr_null(fx.fake.asked.call);
    ck_assert_uint_eq(owner.events_count, 1);
    owner.events_count = 0;
    expect_problem("GET", one, NULL, NULL, 404, "unknown-event", "");
}
END_TEST

static void add(Suite *suite, const char *name, void (*with)(void), const TTest *const *tests)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, with, teardown);
    tcase_set_timeout(tcase, 60);
    for (; *tests != NULL; tests++)
        tcase_add_test(tcase, *tests);
    suite_add_tcase(suite, tcase);
}

Suite *pass_suite(void)
{
    Suite *suite = suite_create("pass");
    add(suite, "pass", setup,
        (const TTest *const[]){byte_for_byte, what_goes_along, large_bodies, never_in_a_circle,
                               owner_is_gone, owner_dies, client_leaves, stream, stream_is_left,
                               stream_breaks, stream_is_not_read, list_of_all, pages_of_all,
                               missing_in_a_list, events_of_all, NULL});
    add(suite, "pass_limits", setup_watchers, (const TTest *const[]){streams_of_one_caller, NULL});
    add(suite, "pass_identity", setup_secure,
        (const TTest *const[]){identity, forged, stranger, NULL});
    add(suite, "pass_stranger", setup_stranger,
        (const TTest *const[]){answer_of_a_stranger, silent_stranger, NULL});
    return suite;
}
