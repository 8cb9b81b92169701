/* tls.h: trothd's certificates: those of its client API, and those for its calls to participants
 * and to other nodes.
 */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

#include <base/buffer.h>
#include <http/tls.h>

#include "config.h"

struct tls {
    struct http_tls *server; /* NULL: the client API speaks plain HTTP */
    struct http_tls *client;
    struct http_tls *nodes; /* for what is passed on to other nodes */
};

/* TROTH_ERROR_CONFIG and a sentence in `why`: a file cannot be used. */
TROTH_MUST_CHECK int tls_create(struct event_base *base, const struct config *config,
                                struct buffer *why, struct tls *ret_tls);
void tls_destroy(struct tls *tls);
/* All files, now; what comes of it is logged. */
void tls_reload(struct tls *tls);
/* A client's handshake came to nothing: at most a line a second, with the number of those before.
 */
void tls_unshaken(void *arg, const char *client, const char *why);

#endif
