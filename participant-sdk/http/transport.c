/* transport.c: see transport.h. */
#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool http_transport_is_for_later(int error)
{
    return error == EAGAIN || error == EINTR;
}

ssize_t http_transport_receive(struct http_transport *transport, void *data, size_t cap)
{
    if (transport->tls != NULL)
        return tls_session_receive(transport->tls, transport->fd, data, cap);
    return recv(transport->fd, data, cap, MSG_DONTWAIT);
}

ssize_t http_transport_transmit(struct http_transport *transport, const void *data, size_t len)
{
    if (transport->tls != NULL)
        return tls_session_transmit(transport->tls, transport->fd, data, len);
    return send(transport->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int http_transport_push(struct http_transport *transport)
{
    return transport->tls != NULL ? tls_session_push(transport->tls, transport->fd) : 0;
}

int http_transport_begin(struct http_transport *transport)
{
    return transport->tls != NULL ? tls_session_begin(transport->tls, transport->fd) : 0;
}

bool http_transport_is_open(const struct http_transport *transport)
{
    return transport->tls == NULL || tls_session_is_open(transport->tls);
}

void http_transport_make_plain(struct http_transport *transport)
{
    tls_session_destroy(transport->tls);
    transport->tls = NULL;
}

const char *http_transport_why(const struct http_transport *transport, int error)
{
    const char *why = transport->tls != NULL ? tls_session_why(transport->tls) : "";
    return why[0] != 0 ? why : strerror(error);
}

bool http_transport_is_quiet(struct http_transport *transport)
{
    char byte;
    if (transport->tls != NULL)
        return tls_session_is_quiet(transport->tls, transport->fd);
    return recv(transport->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           http_transport_is_for_later(errno);
}

void http_transport_end(struct http_transport *transport)
{
    if (transport->tls != NULL)
        tls_session_end(transport->tls, transport->fd);
    (void)shutdown(transport->fd, SHUT_WR);
}

bool http_transport_has_left(const struct http_transport *transport)
{
    if (transport->tls != NULL && tls_session_has_ended(transport->tls))
        return true;
    struct pollfd look = {.fd = transport->fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

int http_transport_connected(const struct http_transport *transport)
{
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void http_transport_close(struct http_transport *transport)
{
    if (transport->tls != NULL)
        tls_session_end(transport->tls, transport->fd);
    http_transport_make_plain(transport);
    (void)close(transport->fd);
    transport->fd = -1;
}
