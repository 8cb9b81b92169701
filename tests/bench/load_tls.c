/* load_tls.c: see load_tls.h. */
#include "load_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_load: TLS: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static SSL_CTX *context_of(const struct load_options *options)
{
    static SSL_CTX *context;
    if (context != NULL)
        return context;
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL ||
        SSL_CTX_use_certificate_chain_file(context, options->tls_certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, options->tls_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(context, options->tls_ca, NULL) != 1)
        die("a file cannot be used");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
}

struct ssl_st *load_tls_connect(int fd, const struct load_options *options)
{
    SSL *ssl = SSL_new(context_of(options));
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
        die("no handshake");
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        die("fcntl");
    return ssl;
}

void load_tls_send(struct ssl_st *tls, const void *data, size_t len)
{
    size_t done = 0;
    ERR_clear_error();
    if (SSL_write_ex(tls, data, len, &done) != 1 || done != len)
        die("send");
}

ssize_t load_tls_receive(struct ssl_st *tls, void *data, size_t cap)
{
    size_t all = 0, done = 0;
    ERR_clear_error();
    while (all < cap && SSL_read_ex(tls, (char *)data + all, cap - all, &done) == 1)
        all += done;
    if (all > 0)
        return (ssize_t)all;
    errno = EAGAIN;
    return SSL_get_error(tls, 0) == SSL_ERROR_WANT_READ ? -1 : 0;
}
