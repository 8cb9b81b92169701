/* load_tls.h: bench_load's connections over TLS, with a certificate of its own. */
#ifndef BENCH_LOAD_TLS_H
#define BENCH_LOAD_TLS_H

#include <stddef.h>
#include <sys/types.h>

#include "load_options.h"

struct ssl_st; /* OpenSSL's SSL */

/* Shakes hands, which blocks; then the socket does not. What fails ends the program. */
struct ssl_st *load_tls_connect(int fd, const struct load_options *options);
/* All of it, or the program ends. */
void load_tls_send(struct ssl_st *tls, const void *data, size_t len);
/* As recv() with MSG_DONTWAIT. */
ssize_t load_tls_receive(struct ssl_st *tls, void *data, size_t cap);

#endif
