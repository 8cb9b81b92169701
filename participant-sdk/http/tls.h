/* tls.h: what a connection sees of http/tls.h. */
#ifndef HTTP_TLS_INSIDE_H
#define HTTP_TLS_INSIDE_H

#include <openssl/ssl.h>

#include <http/tls.h>

#define TLS_SCRATCH_BYTES                                                                          \
    40960u /* of what is received at once: with what was kept of a record less                     \
              than HTTP_READ_BYTES when it is open */

/* The newest; borrowed. */
SSL_CTX *http_tls_context(struct http_tls *tls);
bool http_tls_is_server(const struct http_tls *tls);
/* TLS_SCRATCH_BYTES, for one read. */
char *http_tls_scratch(struct http_tls *tls);

#endif
