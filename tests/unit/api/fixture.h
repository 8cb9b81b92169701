/* fixture.h: the API behind a real server on loopback, with a fake host; and a client. */
#ifndef TEST_API_FIXTURE_H
#define TEST_API_FIXTURE_H

#include <check.h>
#include <stdio.h>

#include "fake_host.h"
#include <base/json.h>
#include <http/loop.h>

struct fixture {
    struct event_base *base;
    struct http_loop *loop;
    struct http_server *server;
    struct api *api;
    struct fake_host fake;
};

/* One a test: Check runs each in a process of its own. */
extern struct fixture fx;
void fixture_setup(void);
void fixture_setup_secure(void);   /* where who is not known is refused */
void fixture_setup_limited(void);  /* likewise, and one request a second, one stream, one wrong key
                                      a minute */
void fixture_setup_watchers(void); /* only: a caller may follow one transaction */
void fixture_teardown(void);       /* fails when a call was never answered */

struct reply {
    int status;
    struct buffer raw; /* the whole answer, zero-terminated */
    const char *head;  /* status line and headers, zero-terminated */
    struct troth_span body;
};

/* `headers` are whole lines, "Prefer: wait=1\r\n", or NULL. `body` NULL: none; else it is sent as
 * application/json unless `headers` say what it is. */
void ask(const char *method, const char *target, const char *headers, const char *body,
         struct reply *ret_reply);
void reply_finish(struct reply *reply);

/* Asks and checks status and one text of the body; the common case. */
void expect(const char *method, const char *target, const char *body, int status,
            const char *contains);
/* The same for a refusal: slug, and what its detail contains. */
void expect_problem(const char *method, const char *target, const char *headers, const char *body,
                    int status, const char *slug, const char *detail);

void reply_has(const struct reply *reply, const char *text);
void reply_has_header(const struct reply *reply, const char *line);
void reply_lacks_header(const struct reply *reply, const char *name);

/* A client that asks and does not wait. */
int client_open(const char *method, const char *target, const char *headers, const char *body);
/* Runs the loop until the condition holds; fails after some seconds. */
void run_until(bool (*condition)(void), const char *what);
/* Reads what is left for the client and closes it. */
void client_read(int fd, struct reply *ret_reply);

#define REPLY_SCOPED __attribute__((cleanup(reply_finish)))

Suite *transactions_suite(void);
Suite *by_hand_suite(void);
Suite *branches_suite(void);
Suite *events_suite(void);
Suite *list_suite(void);
Suite *definitions_suite(void);
Suite *participants_suite(void);
Suite *asides_suite(void);
Suite *router_suite(void);
Suite *leaving_suite(void);
Suite *openapi_suite(void);
Suite *scopes_suite(void);
Suite *pass_suite(void);
Suite *limits_suite(void);

/* One case a suite, each test with the fixture around it. */
TCase *suite_case(Suite *suite);

#endif
