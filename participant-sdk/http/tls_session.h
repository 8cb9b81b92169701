/* tls_session.h: TLS over one socket, between the plain bytes above and the records below.
 *
 * Records that were made stand in a buffer here until the socket takes them, which is why writing
 * never has to be repeated with the same bytes, and why what was once taken may have left. One
 * recv() and one send() for many records. Nothing blocks; the handshake is what
 * tls_session_receive() does first. */
#ifndef HTTP_TLS_SESSION_H
#define HTTP_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <troth/error.h>

struct http_tls;
struct tls_session;

/* `host`: whom a client calls, a name or a numeric address: what the certificate must be for; NULL
 * for a server. `tls` outlives it. TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int tls_session_create(struct http_tls *tls, const char *host,
                                        struct tls_session **ret_session);
/* Takes NULL. */
void tls_session_destroy(struct tls_session *session);

/* A client's first words. 0 or an errno. */
int tls_session_begin(struct tls_session *session, int fd);
bool tls_session_is_open(const struct tls_session *session);

/* As recv() and send(), but: EAGAIN from receive may mean that only the handshake has gone on.
 * EPROTO: tls_session_why() says more. EPROTONOSUPPORT: who connected speaks plain HTTP. `cap` is
 * HTTP_READ_BYTES. */
ssize_t tls_session_receive(struct tls_session *session, int fd, void *data, size_t cap);
ssize_t tls_session_transmit(struct tls_session *session, int fd, const void *data, size_t len);
/* There is an end or a fault to be heard of that no event of the socket will bring. */
bool tls_session_is_due(const struct tls_session *session);
/* Records that the socket has not taken. */
size_t tls_session_owed(const struct tls_session *session);
/* Writes of them what can be written. 0 or an errno. */
int tls_session_push(struct tls_session *session, int fd);

/* Neither plain bytes nor an end have come; tickets and their like may. */
bool tls_session_is_quiet(struct tls_session *session, int fd);
/* Says that nothing more comes. */
void tls_session_end(struct tls_session *session, int fd);
/* The other side has said so. */
bool tls_session_has_ended(const struct tls_session *session);
const char *tls_session_why(const struct tls_session *session);
/* The names in the certificate that the other side has shown and that was verified: "DNS:a.b",
 * "URI:spiffe://a/b", "email:a@b", a line each; "CN:a" where it has none of these. "": it has shown
 * none, or no memory. What holds a control character is left out. Valid as long as the session. */
const char *tls_session_names(struct tls_session *session);

#endif
