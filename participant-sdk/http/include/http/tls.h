/* http/tls.h: certificates and what is asked of the other side's, for the servers and peers of a
 * loop.
 *
 * TLS 1.3, and 1.2 where it is allowed. What a file holds is read when it is made, read again when
 * the files have changed (looked at every second) and when http_tls_reload() says so; it is checked
 * before it is used, so that files that are broken, or do not belong together yet, leave everything
 * as it was. Connections that stand keep what they began with. A key with a passphrase cannot be
 * read: nobody is there to type it. */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <base/buffer.h>
#include <troth/error.h>

struct event_base;
struct http_tls;

/* What a server asks of those who connect. */
enum http_tls_clients {
    HTTP_TLS_CLIENTS_ANY,      /* no certificate is asked for */
    HTTP_TLS_CLIENTS_OPTIONAL, /* one that is shown must be signed by `ca` */
    HTTP_TLS_CLIENTS_REQUIRED  /* and one must be shown */
};

/* What was read again, or was not and why; a line for people. */
typedef void (*http_tls_said)(void *arg, bool is_trouble, const char *text);

struct http_tls_config {
    bool is_server;
    const char *certificate;       /* PEM, its own first, then those between it and the root; NULL:
                                      none, for a client */
    const char *key;               /* PEM; NULL: it stands in `certificate` */
    const char *ca;                /* PEM, of those who may sign the other side's; NULL: a client
                                      takes the system's, a server that asks for none needs none */
    enum http_tls_clients clients; /* of a server */
    bool allows_1_2;
    http_tls_said said; /* may be NULL */
    void *arg;
};

/* `why` gets a sentence on TROTH_ERROR_CONFIG: a file that is not there, or is no certificate, a
 * key that is another one's, a certificate that has ended. The strings are copied. */
TROTH_MUST_CHECK int http_tls_create(struct event_base *base, const struct http_tls_config *config,
                                     struct buffer *why, struct http_tls **ret_tls);
/* Behind the servers and peers that use it. Takes NULL. */
void http_tls_destroy(struct http_tls *tls);
/* Reads the files again, now. What comes of it goes to `said`. */
void http_tls_reload(struct http_tls *tls);
/* When its own certificate ends, in seconds since 1970; 0: it has none. */
int64_t http_tls_ends_s(const struct http_tls *tls);

#endif
