/* transport.c: see transport.h. */
#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

bool http_transport_is_for_later(int error)
{
    return error == EAGAIN || error == EINTR;
}

ssize_t http_transport_receive(struct http_transport *transport, void *data, size_t cap)
{
    return recv(transport->fd, data, cap, MSG_DONTWAIT);
}

ssize_t http_transport_transmit(struct http_transport *transport, const void *data, size_t len)
{
    return send(transport->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool http_transport_is_quiet(struct http_transport *transport)
{
    char byte;
    return recv(transport->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           http_transport_is_for_later(errno);
}

void http_transport_end(struct http_transport *transport)
{
    (void)shutdown(transport->fd, SHUT_WR);
}

bool http_transport_has_left(const struct http_transport *transport)
{
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
    (void)close(transport->fd);
    transport->fd = -1;
}
