/* tls_context.h: OpenSSL's context, made of files that were checked. */
#ifndef HTTP_TLS_CONTEXT_H
#define HTTP_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include <base/buffer.h>
#include <http/tls.h>

/* TROTH_ERROR_CONFIG and a sentence in `why`, or TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int tls_context_create(const struct http_tls_config *config, struct buffer *why,
                                        SSL_CTX **ret_context, int64_t *ret_ends_s);
/* The reason of the oldest error that OpenSSL keeps, in its words; the others are dropped. */
const char *tls_context_error(void);

#endif
