/* load.c: N clients of trothd, each with one keep-alive connection and one transfer at a time.
 *
 *   bench_load PORT DEFINITION CLIENTS ACCOUNTS WARM_UP_S SECONDS HOT_A HOT_B
 *
 * Each client has ACCOUNTS accounts of its own at either bank, so that nobody waits for another's
 * rows. HOT_A and HOT_B, where not 0, are the numbers of accounts at either bank that all clients
 * share; then an answer "aborted" is counted, and no wrong one. An answer counts when it says
 * committed and both banks have acknowledged; any other makes the run void, as does a request
 * without an answer. Prints one line of JSON (latency.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "latency.h"
#include "load_answer.h"

#define CLIENTS_MAX      1024u
#define ANSWER_BYTES_MAX (64u << 10)
#define LAST_ANSWERS_US  UINT64_C(60000000) /* how long the answers behind the end may take */

struct client {
    int fd;
    uint32_t number;
    uint64_t random;
    uint64_t began_us; /* of the request under way; 0: none */
    size_t len;
    char answer[ANSWER_BYTES_MAX];
};

static struct client clients[CLIENTS_MAX];
static const char *definition;
static uint32_t accounts, hot[2];
static uint64_t measure_from_us, measure_to_us;
static struct latencies latencies;
static struct run_figures figures;
static uint32_t under_way;
static char first_wrong[1024];

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t account_next(struct client *client, int bank)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    if (hot[bank] != 0)
        return client->random % hot[bank] + 1;
    return (uint64_t)client->number * accounts + client->random % accounts + 1;
}

static void request_send(struct client *client)
{
    char body[256], request[512];
    int length = snprintf(body, sizeof body,
                          "{\"definition\":\"%s\",\"input\":{\"from\":%llu,\"to\":%llu,"
                          "\"amount\":1},\"reply\":\"completed\"}",
                          definition, (unsigned long long)account_next(client, 0),
                          (unsigned long long)account_next(client, 1));
    int whole = snprintf(request, sizeof request,
                         "POST /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                         "application/json\r\nContent-Length: %d\r\n\r\n%s",
                         length, body);
    client->began_us = now_us();
    client->len = 0;
    if (send(client->fd, request, (size_t)whole, MSG_NOSIGNAL) != whole)
        die("send");
    under_way++;
}

static void answer_count(struct client *client, size_t len, uint64_t now)
{
    const char *wrong = answer_wrong(client->answer, len);
    if (wrong != NULL && (hot[0] != 0 || hot[1] != 0) && answer_aborted(client->answer, len)) {
        if (figures.aborted++ == 0)
            (void)fprintf(stderr, "bench_load: the first abort: %.*s\n", (int)len, client->answer);
        return;
    }
    if (wrong == NULL) {
        figures.total++;
        stall_completed(now);
        if (now >= measure_from_us && now < measure_to_us)
            latencies_add(&latencies, now - client->began_us);
        return;
    }
    if (figures.wrong++ == 0)
        (void)snprintf(first_wrong, sizeof first_wrong, "%s: %.*s", wrong, (int)len,
                       client->answer);
}

/* What came on one connection. One answer at a time: nothing is pipelined. */
static void client_read(struct client *client)
{
    ssize_t more =
        recv(client->fd, client->answer + client->len, sizeof client->answer - client->len, 0);
    if (more < 0 && errno == EAGAIN)
        return;
    if (more <= 0)
        die("trothd closed a connection");
    client->len += (size_t)more;
    long length = answer_length(client->answer, client->len);
    if (length == 0 && client->len < sizeof client->answer)
        return;
    if (length <= 0 || (size_t)length != client->len || client->began_us == 0) {
        (void)fprintf(stderr, "bench_load: no answer that can be read: %.*s\n", (int)client->len,
                      client->answer);
        exit(1);
    }
    uint64_t now = now_us();
    answer_count(client, (size_t)length, now);
    client->began_us = 0;
    under_way--;
    if (now < measure_to_us && figures.wrong == 0)
        request_send(client);
}

static void client_connect(struct client *client, int epoll, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int one = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    if (setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
        die("epoll_ctl");
}

static void answers_wait(int epoll)
{
    struct epoll_event events[64];
    while (under_way > 0 && now_us() < measure_to_us + LAST_ANSWERS_US) {
        int count = epoll_wait(epoll, events, 64, 1000);
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < count; i++)
            client_read(events[i].data.ptr);
    }
}

static uint32_t number(const char *text, uint32_t least, uint32_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value < least || value > most) {
        (void)fprintf(stderr, "bench_load: \"%s\" is not a number from %u to %u\n", text, least,
                      most);
        exit(2);
    }
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        (void)fputs("bench_load PORT DEFINITION CLIENTS ACCOUNTS WARM_UP_S SECONDS HOT_A HOT_B\n",
                    stderr);
        return 2;
    }
    uint16_t port = (uint16_t)number(argv[1], 1, UINT16_MAX);
    definition = argv[2];
    uint32_t count = number(argv[3], 1, CLIENTS_MAX);
    accounts = number(argv[4], 1, 1000000);
    uint64_t warm_up_us = number(argv[5], 1, 3600) * UINT64_C(1000000);
    figures.window_us = number(argv[6], 1, 3600) * UINT64_C(1000000);
    for (int bank = 0; bank < 2; bank++)
        hot[bank] = number(argv[7 + bank], 0, 1000000);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < count; i++) {
        clients[i].number = i;
        clients[i].random = now_us() * 7919u + i + 1u;
        client_connect(&clients[i], epoll, port);
    }
    measure_from_us = now_us() + warm_up_us;
    measure_to_us = measure_from_us + figures.window_us;
    stall_begin(measure_from_us, measure_to_us);
    for (uint32_t i = 0; i < count; i++)
        request_send(&clients[i]);
    answers_wait(epoll);
    figures.lost = under_way;
    figures.first_wrong = figures.wrong > 0 ? first_wrong : NULL;
    figures_print(&latencies, &figures);
    latencies_finish(&latencies);
    for (uint32_t i = 0; i < count; i++)
        (void)close(clients[i].fd);
    (void)close(epoll);
    return figures.wrong == 0 && figures.lost == 0 ? 0 : 1;
}
