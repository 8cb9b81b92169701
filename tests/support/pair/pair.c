#include "pair.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <serve.h>

#define TURNS_A_PIECE 3u /* read, handle, write */

static struct event_base *base;
static struct http_loop *loop;

struct http_loop *pair_loop(void)
{
    if (base == NULL)
        base = event_base_new();
    if (base != NULL && loop == NULL && http_loop_create(base, &loop) != 0)
        loop = NULL;
    return loop;
}

void pair_turn(void)
{
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    http_loop_flush(loop);
}

void pair_until(bool (*condition)(void *arg), void *arg)
{
    for (uint32_t turn = 0; !condition(arg); turn++) {
        assert(turn < PAIR_TURNS_MAX);
        pair_turn();
    }
}

/* --- one end ---------------------------------------------------------------------------------- */

struct end {
    int fd;
    struct troth_span left; /* to be sent */
    size_t piece;
    struct buffer *said; /* by the other side; NULL: nobody wants to know */
};

static void pair(int ret_fds[2])
{
    int error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds);
    assert(error == 0);
}

/* false: the other side has closed. */
static bool hear(const struct end *end)
{
    char data[4096];
    ssize_t n;
    while ((n = recv(end->fd, data, sizeof data, MSG_DONTWAIT)) > 0)
        if (end->said != NULL)
            buffer_append(end->said, data, (size_t)n);
    return n < 0 && errno == EAGAIN;
}

/* The next piece, and what the other side makes of it. Behind the last one: no more comes. false:
 * the other side does not listen any more. */
static bool say(struct end *end)
{
    size_t len = end->left.len < end->piece ? end->left.len : end->piece;
    ssize_t sent = len > 0 ? send(end->fd, end->left.data, len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (sent > 0) {
        end->left.data += sent;
        end->left.len -= (size_t)sent;
    }
    for (uint32_t turn = 0; turn < TURNS_A_PIECE; turn++)
        pair_turn();
    return hear(end) && (sent >= 0 || errno == EAGAIN);
}

static void say_all(struct end *end)
{
    uint32_t turn = 0;
    while (say(end) && end->left.len > 0)
        assert(turn++ < PAIR_TURNS_MAX);
}

/* --- a client of a server --------------------------------------------------------------------- */

static bool is_over(void *arg)
{
    return !hear(arg);
}

static bool has_none(void *arg)
{
    return http_server_connections(arg) == 0;
}

/* The only thing in an answer that time changes. */
static void drop_dates(struct buffer *answer)
{
    static const char begin[] = "\r\nDate: ";
    size_t at = 0, len = sizeof begin - 1;
    char *found;
    while (at < answer->len &&
           (found = memmem(answer->data + at, answer->len - at, begin, len)) != NULL) {
        at = (size_t)(found - answer->data);
        if (at + HTTP_DATE_HEADER_LEN > answer->len)
            return;
        memmove(found, found + HTTP_DATE_HEADER_LEN, answer->len - at - HTTP_DATE_HEADER_LEN);
        answer->len -= HTTP_DATE_HEADER_LEN;
    }
}

void pair_ask(struct http_server *server, struct troth_span text, size_t piece,
              struct buffer *ret_answer)
{
    int fds[2];
    pair(fds);
    struct end end = {.fd = fds[1], .left = text, .piece = piece, .said = ret_answer};
    http_serve_begin(server, fds[0], false);
    say_all(&end);
    (void)shutdown(end.fd, SHUT_WR);
    pair_until(is_over, &end);
    (void)close(end.fd);
    pair_until(has_none, server);
    pair_turn(); /* what is closed is freed */
    drop_dates(ret_answer);
}

/* --- the server of a client ------------------------------------------------------------------- */

#define OPENED_MAX 16u

static int opened[OPENED_MAX]; /* the far ends, not answered yet */
static uint32_t opened_count;

int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);

int __wrap_socket(int domain, int type, int protocol)
{
    int fds[2];
    (void)domain;
    (void)type;
    (void)protocol;
    assert(opened_count < OPENED_MAX);
    pair(fds);
    opened[opened_count++] = fds[1];
    return fds[0];
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    (void)fd;
    (void)address;
    (void)size;
    return 0;
}

void pair_answer(struct troth_span text, size_t piece, bool (*done)(void *arg), void *arg)
{
    for (uint32_t turn = 0; !done(arg) || opened_count > 0; turn++) {
        assert(turn < PAIR_TURNS_MAX);
        pair_turn();
        if (opened_count == 0)
            continue;
        struct end end = {.fd = opened[--opened_count], .left = text, .piece = piece};
        say_all(&end);
        (void)close(end.fd);
    }
    pair_turn();
}
