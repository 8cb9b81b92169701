/* loop.c: the hand-written two-phase commit, one transaction a thread at a time.
 *
 *   bench_loop plain|strong CLIENTS ACCOUNTS WARM_UP_S SECONDS RUN HOT_A HOT_B
 *              CONNINFO_A CONNINFO_B CONNINFO_D
 *
 * ACCOUNTS is each client's own number of accounts. HOT_A and HOT_B, where not 0, are the numbers
 * of accounts at either bank that all clients share; then the branches are prepared one after the
 * other, in the same order by all, and a serialisation failure is tried again. Prints "begin" and
 * "end" at the ends of what is measured, and then one line of JSON (latency.h). */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "latency.h"
#include "loop_session.h"

#define CLIENTS_MAX 256u

struct client {
    struct loop_session session;
    pthread_t thread;
    struct latencies latencies;
    uint64_t total;
    bool failed;
};

static struct client clients[CLIENTS_MAX];
static struct loop_config config;
static uint64_t measure_from_us, measure_to_us;
static atomic_bool stop; /* somebody failed: the run has no figure */

static void *client_run(void *arg)
{
    struct client *client = arg;
    for (;;) {
        uint64_t began = now_us();
        if (began >= measure_to_us || atomic_load(&stop))
            return NULL;
        if (!loop_session_transfer(&client->session)) {
            client->failed = true;
            atomic_store(&stop, true);
            return NULL;
        }
        uint64_t ended = now_us();
        client->total++;
        stall_completed(ended);
        if (ended >= measure_from_us && ended < measure_to_us)
            latencies_add(&client->latencies, ended - began);
    }
}

static uint32_t number_from(const char *text, uint32_t least, uint32_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value < least || value > most) {
        (void)fprintf(stderr, "bench_loop: \"%s\" is not a number from %u to %u\n", text, least,
                      most);
        exit(2);
    }
    return (uint32_t)value;
}

static uint32_t number(const char *text, uint32_t most)
{
    return number_from(text, 1, most);
}

static uint64_t seconds_us(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0.1 && value <= 7200)) {
        (void)fprintf(stderr, "bench_loop: \"%s\" is not a number of seconds\n", text);
        exit(2);
    }
    return (uint64_t)(value * 1e6);
}

static void sleep_until(uint64_t at_us)
{
    uint64_t now = now_us();
    while (now < at_us && !atomic_load(&stop)) {
        uint64_t left_us = at_us - now < 20000 ? at_us - now : 20000;
        (void)usleep((useconds_t)left_us);
        now = now_us();
    }
}

static void clients_start(uint32_t count, uint64_t warm_up_us, uint64_t window_us)
{
    for (uint32_t i = 0; i < count; i++) {
        if (loop_session_open(&clients[i].session, &config, i))
            continue;
        (void)fprintf(stderr, "bench_loop: %s\n", clients[i].session.why);
        exit(1);
    }
    measure_from_us = now_us() + warm_up_us;
    measure_to_us = measure_from_us + window_us;
    stall_begin(measure_from_us, measure_to_us);
    for (uint32_t i = 0; i < count; i++) {
        if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) == 0)
            continue;
        (void)fputs("bench_loop: no thread\n", stderr);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 12) {
        (void)fputs("bench_loop plain|strong CLIENTS ACCOUNTS WARM_UP_S SECONDS RUN HOT_A HOT_B "
                    "CONNINFO_A CONNINFO_B CONNINFO_D\n",
                    stderr);
        return 2;
    }
    uint32_t count = number(argv[2], CLIENTS_MAX);
    uint64_t window_us = seconds_us(argv[5]);
    config = (struct loop_config){
        .branch = {argv[9], argv[10]},
        .decisions = argv[11],
        .hot = {number_from(argv[7], 0, 1000000), number_from(argv[8], 0, 1000000)},
        .strong = strcmp(argv[1], "strong") == 0,
        .accounts = number(argv[3], 1000000),
        .run = number(argv[6], UINT32_MAX)};
    clients_start(count, seconds_us(argv[4]), window_us);
    sleep_until(measure_from_us);
    window_say("begin");
    sleep_until(measure_to_us);
    window_say("end");
    static struct latencies all;
    struct run_figures figures = {.window_us = window_us};
    for (uint32_t i = 0; i < count; i++) {
        (void)pthread_join(clients[i].thread, NULL);
        figures.total += clients[i].total;
        figures.wrong += clients[i].failed;
        if (clients[i].failed)
            figures.first_wrong = clients[i].session.why;
        latencies_merge(&all, &clients[i].latencies);
        loop_session_close(&clients[i].session);
    }
    figures_print(&all, &figures);
    return figures.wrong == 0 ? 0 : 1;
}
