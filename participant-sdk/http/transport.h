/* transport.h: how the bytes of a connection come and go. conn.c decides when; what is below it is
 * here, and nothing else touches the socket's bytes. */
#ifndef HTTP_TRANSPORT_H
#define HTTP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tls_session.h"

struct http_transport {
    int fd;                  /* non-blocking; -1: closed */
    struct tls_session *tls; /* NULL: plain */
};

/* An errno of a read or a write that says no more than "later". */
bool http_transport_is_for_later(int error);

/* As recv(): the number of bytes, 0 at the end of what the other side says, -1 and errno. With TLS
 * `cap` is HTTP_READ_BYTES, and EPROTONOSUPPORT means that who connected speaks plain HTTP. */
ssize_t http_transport_receive(struct http_transport *transport, void *data, size_t cap);
/* As send(). What it takes may have left, whatever becomes of the connection. */
ssize_t http_transport_transmit(struct http_transport *transport, const void *data, size_t len);
/* Bytes of it, or of a handshake, that stand here until the socket takes them. */
static inline size_t http_transport_owed(const struct http_transport *transport)
{
    return transport->tls != NULL ? tls_session_owed(transport->tls) : 0;
}
/* Writes of those what can be written. 0 or an errno. */
int http_transport_push(struct http_transport *transport);
/* There is an end or a fault to be heard of that no event of the socket will bring. */
static inline bool http_transport_is_due(const struct http_transport *transport)
{
    return transport->tls != NULL && tls_session_is_due(transport->tls);
}
/* A client's first words, if there are any before its request. 0 or an errno. */
int http_transport_begin(struct http_transport *transport);
/* What is received and transmitted are the bytes of requests and answers: no handshake is left. */
bool http_transport_is_open(const struct http_transport *transport);
/* From here on plain: nothing was said yet. */
void http_transport_make_plain(struct http_transport *transport);
/* An errno of these functions in words. */
const char *http_transport_why(const struct http_transport *transport, int error);

/* Nothing has come, not even its end. Whatever a connection without a request has to say makes it
 * useless: an end of file, or bytes nobody asked for, which must not be taken as the next answer.
 */
bool http_transport_is_quiet(struct http_transport *transport);
/* Nothing more will be said from here; what the other side says is read on. */
void http_transport_end(struct http_transport *transport);
/* The other side says no more. What it has said may not have been read yet. */
bool http_transport_has_left(const struct http_transport *transport);
/* What became of a connect that was under way: 0 or an errno. */
int http_transport_connected(const struct http_transport *transport);
void http_transport_close(struct http_transport *transport);

#endif
