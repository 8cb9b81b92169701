/* accept.c: listening and accepting. */
#include "serve_conn.h"

#include <http/tls.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "serve.h"
#include "shake.h"

#define LISTEN_BACKLOG 1024

/* Out of file descriptors or memory: the connection stays in the backlog and is tried again soon.
 * Going on at once would spin, because the socket stays readable. */
static void pause_accepting(struct http_server *server)
{
    struct timeval wait = {.tv_usec = SERVE_ACCEPT_PAUSE_US};
    if (event_add(server->pause, &wait) == 0)
        (void)event_del(server->acceptable);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;
    (void)fd;
    (void)what;
    (void)event_add(server->acceptable, NULL);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;
    struct http_loop *loop = server->loop;
    (void)what;
    http_loop_enter(loop);
    for (uint32_t i = 0; i < SERVE_ACCEPTS_MAX && server->fd >= 0; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                pause_accepting(server);
                break;
            }
            if (errno == EAGAIN)
                break;
            continue; /* ECONNABORTED, EINTR, errors of that one connection */
        }
        bool is_over = server->count >= server->config.connections_max;
        if (is_over && server->count - server->config.connections_max >= SERVE_OVER_MAX) {
            (void)close(client);
            continue;
        }
        http_serve_begin(server, client, is_over);
    }
    http_loop_leave(loop);
}

static int parse_address(const struct http_server_config *config, struct sockaddr_storage *address,
                         socklen_t *ret_size)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(config->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(config->port)};
    if (inet_pton(AF_INET, config->address, &v4.sin_addr) == 1) {
        memcpy(address, &v4, sizeof(v4));
        *ret_size = sizeof(v4);
        return 0;
    }
    if (inet_pton(AF_INET6, config->address, &v6.sin6_addr) == 1) {
        memcpy(address, &v6, sizeof(v6));
        *ret_size = sizeof(v6);
        return 0;
    }
    return TROTH_ERROR_CONFIG;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_in6 address; /* the port stands at the same place in both families */
    socklen_t size = sizeof(address);
    _Static_assert(offsetof(struct sockaddr_in, sin_port) ==
                       offsetof(struct sockaddr_in6, sin6_port),
                   "where the port stands");
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 ? ntohs(address.sin6_port) : 0;
}

static int listen_on(const struct http_server_config *config, int *ret_fd)
{
    struct sockaddr_storage address;
    socklen_t size;
    int on = 1;
    int result = parse_address(config, &address, &size);
    if (result != 0)
        return result;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return TROTH_ERROR_SYSTEM;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return TROTH_ERROR_SYSTEM;
    }
    *ret_fd = fd;
    return 0;
}

/* Nobody listens there any more: what is left of a process that was killed. */
static void remove_left(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
        errno == ECONNREFUSED)
        (void)unlink(address->sun_path);
    (void)close(fd);
}

static int listen_on_path(struct http_server *server, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _Static_assert(sizeof address.sun_path == SERVE_PATH_MAX + 1, "how long a path may be");
    size_t len = strlen(path);
    if (len > SERVE_PATH_MAX)
        return TROTH_ERROR_CONFIG;
    memcpy(address.sun_path, path, len + 1);
    remove_left(&address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return TROTH_ERROR_SYSTEM;
    mode_t before = umask(0117); /* nobody else for a moment, either */
    bool is_bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    int error = errno;
    (void)umask(before);
    if (!is_bound || listen(fd, LISTEN_BACKLOG) != 0) {
        error = is_bound ? errno : error;
        (void)close(fd);
        errno = error;
        return TROTH_ERROR_SYSTEM;
    }
    memcpy(server->path, path, len + 1);
    server->is_unix = true;
    server->fd = fd;
    return 0;
}

int http_server_create(struct http_loop *loop, const struct http_server_config *config,
                       struct http_server **ret_server)
{
    assert(loop != NULL && ret_server != NULL);
    assert(config->handler != NULL && config->connections_max > 0);
    assert(http_limits_valid(&config->limits));
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return TROTH_ERROR_NO_MEMORY;
    server->config = *config;
    server->config.address = NULL; /* borrowed for this call only */
    server->loop = loop;
    loop->users++;
    server->fd = -1;
    TAILQ_INIT(&server->conns);
    int result = http_shake_init(server);
    if (result == 0)
        result = config->address[0] == '/' ? listen_on_path(server, config->address)
                                           : listen_on(config, &server->fd);
    if (result == 0) {
        server->port = server->is_unix ? 0 : bound_port(server->fd);
        server->acceptable =
            event_new(loop->base, server->fd, EV_READ | EV_PERSIST, on_acceptable, server);
        server->pause = event_new(loop->base, -1, EV_TIMEOUT, on_pause_over, server);
        if (server->acceptable == NULL || server->pause == NULL ||
            event_add(server->acceptable, NULL) != 0)
            result = TROTH_ERROR_NO_MEMORY;
    }
    if (result != 0) {
        int error = errno;
        http_server_destroy(server);
        errno = error;
        return result;
    }
    *ret_server = server;
    return 0;
}

static void stop_listening(struct http_server *server)
{
    if (server->acceptable != NULL) {
        event_free(server->acceptable);
        server->acceptable = NULL;
    }
    if (server->pause != NULL) {
        event_free(server->pause);
        server->pause = NULL;
    }
    if (server->fd >= 0) {
        (void)close(server->fd);
        server->fd = -1;
        if (server->is_unix)
            (void)unlink(server->path);
    }
}

void http_server_destroy(struct http_server *server)
{
    if (server == NULL || server->destroying)
        return;
    server->destroying = true;
    stop_listening(server);
    struct serve_conn *serve;
    while ((serve = TAILQ_FIRST(&server->conns)) != NULL)
        http_serve_lose(serve);
    http_shake_finish(server);
    server->loop->users--;
    http_loop_bury(server->loop, &server->buried);
}

uint32_t http_server_connections(const struct http_server *server)
{
    return server->count;
}

void http_server_stats(const struct http_server *server, struct http_server_stats *ret_stats)
{
    *ret_stats = (struct http_server_stats){
        .connections = server->count,
        .replies_bytes = server->replies_bytes,
        .streams_bytes = server->streams_bytes,
        .bodies_bytes = server->bodies_bytes,
        .cut_replies = server->cut_replies,
        .cut_streams = server->cut_streams,
        .refused_bodies = server->refused_bodies,
        .handshakes = server->shaking_count,
        .handshakes_failed = server->shakes_failed,
        .handshakes_cut = server->shakes_cut,
        .certificate_ends_s = server->config.tls != NULL ? http_tls_ends_s(server->config.tls) : 0};
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}
