/* tls_session.c: see tls_session.h. */
#include "tls_session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <base/buffer.h>

#include "tls.h"
#include "tls_context.h"

#define TLS_WRITE_BYTES                                                                            \
    32768u                     /* made to records at once, when the socket has taken those before  \
                                */
#define TLS_OWED_MAX   262144u /* what the other side makes us say while it reads nothing */
#define TLS_KEEP_BYTES 16384u
#define TLS_WHY_MAX    200u

struct tls_session {
    struct http_tls *tls;
    SSL *ssl;
    const char *in; /* received and not yet given to OpenSSL; during a call only */
    size_t in_len;
    struct buffer out; /* records */
    size_t out_sent;
    bool is_open;  /* the handshake is done */
    bool is_known; /* that what came first is no plain HTTP */
    bool has_ended;
    int failed;          /* an errno, for good */
    struct buffer names; /* once somebody asked */
    bool has_names;
    char why[TLS_WHY_MAX];
};

/* --- what OpenSSL reads from and writes to ---------------------------------------------------- */

static int bio_read(BIO *bio, char *data, size_t len, size_t *ret_len)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->in_len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    size_t n = len < session->in_len ? len : session->in_len;
    memcpy(data, session->in, n);
    session->in += n;
    session->in_len -= n;
    *ret_len = n;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t len, size_t *ret_len)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buffer_append(&session->out, data, len);
    if (session->out.failed)
        return 0;
    *ret_len = len;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *value)
{
    (void)bio;
    (void)number;
    (void)value;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "troth");
    if (method != NULL && (BIO_meth_set_read_ex(method, bio_read) != 1 ||
                           BIO_meth_set_write_ex(method, bio_write) != 1 ||
                           BIO_meth_set_ctrl(method, bio_control) != 1)) {
        BIO_meth_free(method);
        method = NULL;
    }
}

static bool attach_bio(struct tls_session *session)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_method);
    BIO *bio = method != NULL ? BIO_new(method) : NULL;
    if (bio == NULL)
        return false;
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio); /* takes it */
    return true;
}

/* --- making ----------------------------------------------------------------------------------- */

/* What its certificate must be for. An address is not told to the server (RFC 6066, section 3). */
static bool expect(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1;
    size_t len = strlen(host);
    char name[256];
    if (len >= sizeof name)
        return false;
    memcpy(name, host, len + 1);
    if (len > 1 && name[len - 1] == '.')
        name[len - 1] = 0; /* a certificate's names have no dot at the end */
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(rules, name, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

int tls_session_create(struct http_tls *tls, const char *host, struct tls_session **ret_session)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return TROTH_ERROR_NO_MEMORY;
    session->tls = tls;
    session->ssl = SSL_new(http_tls_context(tls));
    if (session->ssl == NULL || !attach_bio(session) ||
        (host != NULL && !expect(session->ssl, host))) {
        ERR_clear_error();
        tls_session_destroy(session);
        return TROTH_ERROR_NO_MEMORY;
    }
    if (http_tls_is_server(tls))
        SSL_set_accept_state(session->ssl);
    else
        SSL_set_connect_state(session->ssl);
    *ret_session = session;
    return 0;
}

void tls_session_destroy(struct tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    buffer_finish(&session->names);
    buffer_finish(&session->out);
    free(session);
}

bool tls_session_is_open(const struct tls_session *session)
{
    return session->is_open;
}

const char *tls_session_why(const struct tls_session *session)
{
    return session->why;
}

bool tls_session_has_ended(const struct tls_session *session)
{
    return session->has_ended;
}

bool tls_session_is_due(const struct tls_session *session)
{
    return session->has_ended || session->failed != 0;
}

/* --- faults ----------------------------------------------------------------------------------- */

static int fail(struct tls_session *session, int error, const char *what, const char *why)
{
    (void)snprintf(session->why, sizeof session->why, "%s%s", what, why);
    session->failed = error;
    ERR_clear_error();
    return error;
}

/* A certificate that we refuse has its own reason, which OpenSSL's error does not tell. */
static int fail_tls(struct tls_session *session)
{
    long verdict = SSL_get_verify_result(session->ssl);
    const char *phase = session->is_open ? "TLS: " : "TLS handshake: ";
    if (session->out.failed)
        return fail(session, ENOMEM, "", "out of memory");
    if (!session->is_open && verdict != X509_V_OK)
        return fail(session, EPROTO, "TLS handshake: the certificate is refused: ",
                    X509_verify_cert_error_string(verdict));
    return fail(session, EPROTO, phase, tls_context_error());
}

static ssize_t say_failed(const struct tls_session *session)
{
    errno = session->failed;
    return -1;
}

/* --- records out ------------------------------------------------------------------------------ */

size_t tls_session_owed(const struct tls_session *session)
{
    return session->out.len - session->out_sent;
}

int tls_session_push(struct tls_session *session, int fd)
{
    struct buffer *out = &session->out;
    if (out->failed)
        return ENOMEM;
    while (session->out_sent < out->len) {
        ssize_t n = send(fd, out->data + session->out_sent, out->len - session->out_sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EINTR ? EAGAIN : errno;
        session->out_sent += (size_t)n;
    }
    session->out_sent = 0;
    if (out->cap > TLS_KEEP_BYTES)
        buffer_finish(out);
    else
        buffer_clear(out);
    return 0;
}

ssize_t tls_session_transmit(struct tls_session *session, int fd, const void *data, size_t len)
{
    size_t taken = 0;
    if (session->failed != 0)
        return say_failed(session);
    for (;;) {
        int error = tls_session_push(session, fd);
        if (error != 0 && taken == 0) {
            errno = error;
            return -1;
        }
        if (error != 0 || taken == len)
            return (ssize_t)taken; /* the next call meets the error, if it stays */
        size_t part = len - taken < TLS_WRITE_BYTES ? len - taken : TLS_WRITE_BYTES;
        size_t done = 0;
        ERR_clear_error();
        if (SSL_write_ex(session->ssl, (const char *)data + taken, part, &done) != 1) {
            (void)fail_tls(session);
            return taken > 0 ? (ssize_t)taken : say_failed(session);
        }
        taken += done;
    }
}

/* --- records in ------------------------------------------------------------------------------- */

/* True while more may come of what was received. */
static bool shake(struct tls_session *session)
{
    ERR_clear_error();
    int done = SSL_do_handshake(session->ssl);
    if (done == 1) {
        session->is_open = true;
        return true;
    }
    if (SSL_get_error(session->ssl, done) != SSL_ERROR_WANT_READ)
        (void)fail_tls(session);
    return false;
}

/* Everything that was received goes through here: what is no whole record yet stays with OpenSSL.
 */
static size_t open_records(struct tls_session *session, char *data, size_t cap)
{
    size_t got = 0;
    while (got < cap) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_read_ex(session->ssl, data + got, cap - got, &n) == 1) {
            got += n;
            continue;
        }
        int error = SSL_get_error(session->ssl, 0);
        if (error == SSL_ERROR_ZERO_RETURN)
            session->has_ended = true;
        else if (error != SSL_ERROR_WANT_READ)
            (void)fail_tls(session);
        break;
    }
    return got;
}

/* Plain HTTP begins with a letter, 'H' in an answer; no record of TLS does. */
static bool is_plain(struct tls_session *session, char first)
{
    bool is_letter = !session->is_known && first >= 'A' && first <= 'Z';
    session->is_known = true;
    if (!is_letter)
        return false;
    if (http_tls_is_server(session->tls))
        (void)fail(session, EPROTONOSUPPORT, "", "it speaks plain http; this port speaks TLS");
    else
        (void)fail(session, EPROTO, "", "it speaks plain http; TLS was asked for (https)");
    return true;
}

static ssize_t take_in(struct tls_session *session, int fd, char *data, size_t cap)
{
    char *scratch = http_tls_scratch(session->tls);
    ssize_t n = recv(fd, scratch, TLS_SCRATCH_BYTES, MSG_DONTWAIT);
    if (n < 0)
        return -1;
    if (n == 0) {
        (void)fail(session, session->is_open ? ECONNRESET : EPROTO, "",
                   session->is_open ? "the connection was closed without TLS's own end"
                                    : "TLS handshake: the connection was closed");
        return say_failed(session);
    }
    if (is_plain(session, scratch[0]))
        return say_failed(session);
    const bool was_open = session->is_open;
    session->in = scratch;
    session->in_len = (size_t)n;
    size_t got = session->is_open || shake(session) ? open_records(session, data, cap) : 0;
    session->in = NULL;
    session->in_len = 0;
    if (!was_open || session->failed != 0) /* what the handshake says, or an alert; else it is the
                                              writer's, who must see that all has left */
        (void)tls_session_push(session, fd);
    if (tls_session_owed(session) > TLS_OWED_MAX)
        (void)fail(session, EPROTO, "", "TLS: it asks for more than it reads");
    return (ssize_t)got;
}

ssize_t tls_session_receive(struct tls_session *session, int fd, void *data, size_t cap)
{
    if (session->failed != 0)
        return say_failed(session);
    if (session->has_ended)
        return 0;
    ssize_t got = take_in(session, fd, data, cap);
    if (got != 0)
        return got;
    if (session->failed != 0)
        return say_failed(session);
    if (session->has_ended)
        return 0;
    errno = EAGAIN;
    return -1;
}

int tls_session_begin(struct tls_session *session, int fd)
{
    (void)shake(session);
    if (session->failed != 0)
        return session->failed;
    int error = tls_session_push(session, fd);
    return error == EAGAIN ? 0 : error;
}

bool tls_session_is_quiet(struct tls_session *session, int fd)
{
    char byte;
    if (tls_session_is_due(session))
        return false;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    n = tls_session_receive(session, fd, &byte, 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (session->failed == 0)
        (void)fail(session, EPROTO, "", "it says what nobody has asked for");
    return false;
}

void tls_session_end(struct tls_session *session, int fd)
{
    ERR_clear_error();
    if (session->is_open && session->failed == 0 && tls_session_owed(session) == 0 &&
        SSL_shutdown(session->ssl) >= 0)
        (void)tls_session_push(session, fd);
    ERR_clear_error();
}

/* --- whose certificate ------------------------------------------------------------------------ */

static void append_name(struct buffer *names, const char *kind, const unsigned char *text, int len)
{
    for (int i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] == 0x7f)
            return;
    if (len <= 0)
        return;
    buffer_append_text(names, kind);
    buffer_append(names, text, (size_t)len);
    buffer_append_char(names, '\n');
}

static const char *kind_of(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_DNS:
        return "DNS:";
    case GEN_URI:
        return "URI:";
    case GEN_EMAIL:
        return "email:";
    default: /* OpenSSL's numbers: addresses, directory names and others are nobody's name here */
        return NULL;
    }
}

static void append_alternatives(struct buffer *names, X509 *certificate)
{
    GENERAL_NAMES *list = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) { /* -1 of NULL */
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
        const char *kind = kind_of(name);
        if (kind != NULL)
            append_name(names, kind, ASN1_STRING_get0_data(name->d.ia5),
                        ASN1_STRING_length(name->d.ia5));
    }
    GENERAL_NAMES_free(list);
}

static void append_common(struct buffer *names, X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    if (at < 0)
        return;
    int len =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    append_name(names, "CN:", text, len);
    OPENSSL_free(text);
}

const char *tls_session_names(struct tls_session *session)
{
    if (!session->is_open)
        return "";
    if (!session->has_names) {
        X509 *certificate = SSL_get1_peer_certificate(session->ssl);
        session->has_names = true;
        if (certificate != NULL && SSL_get_verify_result(session->ssl) == X509_V_OK) {
            append_alternatives(&session->names, certificate);
            if (session->names.len == 0)
                append_common(&session->names, certificate);
        }
        X509_free(certificate);
        ERR_clear_error();
    }
    const char *names = buffer_text(&session->names);
    return names != NULL ? names : "";
}
