/* load.c: N clients of trothd, each with one keep-alive connection and one request at a time.
 *
 * Closed loop: a client asks again when it has its answer. Open loop (--rate): requests are due at
 * random moments, so many a second, whoever is busy; one goes out on a free connection, and its
 * latency counts from the moment at which it was due.
 *
 * An answer counts when it is what the options ask for: a transaction's outcome, with its steps'
 * states. Any other makes the run void, as does a request without an answer; "aborted" is counted
 * where clients share accounts, and a refusal (503 with Retry-After) with --refusals. Prints
 * "begin" and "end" at the ends of what is measured, and then one line of JSON (latency.h). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "latency.h"
#include "load_answer.h"
#include "load_client.h"
#include "load_options.h"

#define LAST_ANSWERS_US UINT64_C(60000000) /* how long the answers behind the end may take */
#define DUE_MAX         (1u << 20)         /* requests that are due and have no connection yet */

static struct load_options options;
static struct client clients[LOAD_CLIENTS_MAX];
static struct client *idle;
static uint64_t measure_from_us, measure_to_us;
static struct latencies latencies;
static struct run_figures figures;
static uint32_t under_way;
static uint64_t sent;
static char first_wrong[1024];
static FILE *told;

/* Requests that are due: a ring. */
static uint64_t due[DUE_MAX];
static size_t due_first, due_count;
static double next_due_us;

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void request_send(struct client *client, uint64_t due_us)
{
    client_send(client, &options, due_us);
    under_way++;
    sent++;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_over(uint64_t now)
{
    return figures.wrong > 0 || (options.count != 0 ? sent >= options.count : now >= measure_to_us);
}

static void good_count(const struct client *client, uint64_t now)
{
    figures.total++;
    stall_completed(now);
    if (now >= measure_from_us && now < measure_to_us)
        latencies_add(&latencies, now - client->began_us);
}

static void answer_count(struct client *client, size_t len, uint64_t now)
{
    struct answer answer;
    bool shared = options.hot[0] != 0 || options.hot[1] != 0;
    answer_read(&answer, client->answer, len, &options);
    if (told != NULL && answer.gtid[0] != '\0')
        (void)fprintf(told, "%s %s\n", answer.gtid,
                      answer.outcome[0] == '\0' ? "open" : answer.outcome);
    if (answer.kind == ANSWER_GOOD) {
        good_count(client, now);
    } else if (answer.kind == ANSWER_ABORTED && shared) {
        if (figures.aborted++ == 0)
            (void)fprintf(stderr, "bench_load: the first abort: %.*s\n", (int)len, client->answer);
    } else if (answer.kind == ANSWER_REFUSED && options.refusals) {
        if (figures.refused++ == 0)
            (void)fprintf(stderr, "bench_load: the first refusal: %.*s\n", (int)len,
                          client->answer);
        figures.refused_within += now >= measure_from_us && now < measure_to_us;
    } else if (figures.wrong++ == 0) {
        (void)snprintf(first_wrong, sizeof first_wrong, "%s: %.*s", answer.wrong, (int)len,
                       client->answer);
    }
}

/* The client is free: the next request that is due is its own. */
static void client_next(struct client *client, uint64_t now)
{
    if (is_over(now))
        return;
    if (options.rate <= 0) {
        request_send(client, now);
    } else if (due_count > 0) {
        request_send(client, due[due_first]);
        due_first = (due_first + 1) % DUE_MAX;
        due_count--;
    } else {
        client->next_idle = idle;
        idle = client;
    }
}

static void client_read(struct client *client)
{
    size_t len = client_receive(client);
    if (len == 0)
        return;
    uint64_t now = now_us();
    answer_count(client, len, now);
    client->began_us = 0;
    under_way--;
    client_next(client, now);
}

/* --- arrivals --------------------------------------------------------------------------------- */

/* What has become due by now, at times whose distances are distributed as those of many clients
 * who do not know of each other (a Poisson process). */
static void arrivals_take(uint64_t now)
{
    while (options.rate > 0 && next_due_us <= (double)now && !is_over(now)) {
        uint64_t at_us = (uint64_t)next_due_us;
        double share = (double)(client_random(&clients[0]) >> 11) / (double)(UINT64_C(1) << 53);
        next_due_us += -log(1 - share) * 1e6 / options.rate;
        if (idle != NULL) {
            struct client *client = idle;
            idle = client->next_idle;
            request_send(client, at_us);
        } else if (due_count < DUE_MAX) {
            due[(due_first + due_count++) % DUE_MAX] = at_us;
        } else {
            figures.unsent++;
        }
    }
}

/* How long to wait for answers: not beyond the next moment at which something else is to be done.
 */
static struct timespec wait_for(uint64_t now, bool begun)
{
    double until = (double)(begun ? measure_to_us : measure_from_us);
    if (options.rate > 0 && next_due_us < until)
        until = next_due_us;
    double wait = until - (double)now;
    if (!(wait > 0))
        wait = now < measure_to_us ? 0 : 100000;
    if (wait > 1e6)
        wait = 1e6;
    return (struct timespec){.tv_nsec = (long)(wait * 1000) % 1000000000,
                             .tv_sec = wait >= 1e6 ? 1 : 0};
}

/* --- the run ---------------------------------------------------------------------------------- */

static void clients_start(int epoll)
{
    for (uint32_t i = 0; i < options.clients; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        client_connect(&clients[i], i, &options);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event) < 0)
            die("epoll_ctl");
    }
    uint64_t now = now_us();
    measure_from_us = now + options.warm_up_us;
    measure_to_us =
        options.count != 0 ? now + UINT64_C(7200000000) : measure_from_us + options.window_us;
    next_due_us = (double)now;
    stall_begin(measure_from_us, measure_to_us);
    for (uint32_t i = 0; i < options.clients; i++)
        client_next(&clients[i], now);
}

static bool goes_on(uint64_t now)
{
    if (options.count != 0)
        return under_way > 0 && now < measure_to_us;
    return now < measure_to_us || (under_way > 0 && now < measure_to_us + LAST_ANSWERS_US);
}

static void run(int epoll)
{
    struct epoll_event events[64];
    bool begun = false, ended = false;
    for (uint64_t now = now_us(); goes_on(now) && (figures.wrong == 0 || under_way > 0);
         now = now_us()) {
        if (!begun && now >= measure_from_us) {
            begun = true;
            window_say("begin");
        }
        if (!ended && now >= measure_to_us) {
            ended = true;
            window_say("end");
        }
        arrivals_take(now);
        struct timespec wait = wait_for(now, begun);
        int count = epoll_pwait2(epoll, events, 64, &wait, NULL);
        if (count < 0 && errno != EINTR)
            die("epoll_pwait2");
        for (int i = 0; i < count; i++)
            client_read(events[i].data.ptr);
    }
    if (!ended)
        window_say("end");
}

int main(int argc, char **argv)
{
    load_options_read(&options, argc, argv);
    if (options.told != NULL && (told = fopen(options.told, "we")) == NULL)
        die(options.told);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t began_us = now_us();
    clients_start(epoll);
    run(epoll);
    figures.window_us = options.count != 0 ? now_us() - began_us : options.window_us;
    figures.lost = under_way;
    figures.unsent += due_count;
    figures.first_wrong = figures.wrong > 0 ? first_wrong : NULL;
    if (told != NULL && fclose(told) != 0)
        die(options.told);
    figures_print(&latencies, &figures);
    for (uint32_t i = 0; i < options.clients; i++)
        (void)close(clients[i].fd);
    (void)close(epoll);
    return figures.wrong == 0 && figures.lost == 0 ? 0 : 1;
}
