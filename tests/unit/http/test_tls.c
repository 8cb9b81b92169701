/* The server and the client over TLS: what a connection's two layers must not do to each other. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <http/tls.h>

#include "suites.h"

#define SHAKES_MAX 4u

static char file[] = "/tmp/unit_http_XXXXXX"; /* certificate and key, signed by itself */
static struct world world;
static struct http_peer *peer;
static struct http_tls *client_tls;
static SSL_CTX *context;

static void add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void make_file(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *to = fdopen(mkstemp(file), "w");
    ck_assert(key != NULL && certificate != NULL && to != NULL);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"unit", -1, -1, 0);
    ck_assert_int_eq(X509_set_version(certificate, X509_VERSION_3), 1);
    ck_assert_int_eq(X509_set_issuer_name(certificate, name), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
    add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1");
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    ck_assert_int_ne(X509_sign(certificate, key, EVP_sha256()), 0);
    ck_assert_int_eq(PEM_write_X509(to, certificate), 1);
    ck_assert_int_eq(PEM_write_PrivateKey(to, key, NULL, NULL, 0, NULL, NULL), 1);
    ck_assert_int_eq(fclose(to), 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void setup(void)
{
    const struct http_limits limits = HTTP_LIMITS_DEFAULT;
    make_file();
    world_start_secure(&world, &limits, 100, file, SHAKES_MAX);
    context = SSL_CTX_new(TLS_method());
    ck_assert_ptr_nonnull(context);
    ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(context, file), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM), 1);
}

static void start_peer(uint16_t port)
{
    BUFFER_SCOPED struct buffer url = {0};
    BUFFER_SCOPED struct buffer why = {0};
    const struct http_tls_config config = {.ca = file};
    ck_assert_int_eq(http_tls_create(world.base, &config, &why, &client_tls), 0);
    buffer_append_format(&url, "https://127.0.0.1:%u", port);
    const struct http_peer_config of_peer = {.url = buffer_text(&url),
                                             .connections_max = 2,
                                             .connect_timeout_us = 2000000,
                                             .limits = HTTP_LIMITS_DEFAULT,
                                             .tls = client_tls};
    ck_assert_int_eq(http_peer_create(world.loop, &of_peer, &peer), 0);
}

static void teardown(void)
{
    http_peer_destroy(peer);
    http_tls_destroy(client_tls);
    world_finish(&world);
    SSL_CTX_free(context);
    ck_assert_int_eq(unlink(file), 0);
}

/* --- another side, by OpenSSL's own means ---------------------------------------------------- */

struct side {
    SSL *ssl;
    int fd;
    struct buffer in;
    bool ended; /* as TLS says it */
};

static void side_finish(struct side *side)
{
    SSL_free(side->ssl);
    buffer_finish(&side->in);
    if (side->fd >= 0)
        ck_assert_int_eq(close(side->fd), 0);
}

/* Takes what is there, and no turn of the loop. */
static void side_read(struct side *side)
{
    char data[65536];
    size_t n = 0;
    while (SSL_read_ex(side->ssl, data, sizeof data, &n) == 1)
        buffer_append(&side->in, data, n);
    side->ended = side->ended || SSL_get_error(side->ssl, 0) == SSL_ERROR_ZERO_RETURN;
}

static void side_send(struct side *side, const char *text, size_t len)
{
    size_t done = 0;
    ck_assert_int_eq(SSL_write_ex(side->ssl, text, len, &done), 1);
    ck_assert_uint_eq(done, len);
}

static bool side_shaken(struct side *side)
{
    return SSL_do_handshake(side->ssl) == 1;
}

static void side_begin(struct side *side, int fd, bool accepts)
{
    *side = (struct side){.ssl = SSL_new(context), .fd = fd};
    ck_assert_ptr_nonnull(side->ssl);
    ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
    ck_assert_int_eq(SSL_set_fd(side->ssl, fd), 1);
    if (accepts)
        SSL_set_accept_state(side->ssl);
    else
        SSL_set_connect_state(side->ssl);
    WAIT_FOR(&world, side_shaken(side));
}

static void side_connect(struct side *side)
{
    struct raw raw;
    raw_connect(&raw, http_server_port(world.server));
    side_begin(side, raw.fd, false);
}

/* --- calls ------------------------------------------------------------------------------------ */

static struct {
    uint32_t done;
    int error, status;
    char why[200];
    size_t body;
} told;

static void on_done(void *arg, int error, const struct http_reply *reply)
{
    (void)arg;
    told.done++;
    told.error = error;
    told.status = reply->status;
    told.body = reply->body.len;
    (void)snprintf(told.why, sizeof told.why, "%s", reply->why);
}

static void call(const char *method, const char *target)
{
    const struct http_request request = {
        .method = method, .target = target, .timeout_us = 8000000, .on_done = on_done};
    ck_assert_int_eq(http_peer_call(peer, &request, NULL), 0);
}

START_TEST(a_kept_connection_is_used_again)
{
    /* The tickets that a server sends behind the handshake are nothing that was not asked for. */
    start_peer(http_server_port(world.server));
    for (uint32_t i = 1; i <= 3; i++) {
        call("POST", "/constant");
        WAIT_FOR(&world, told.done == i);
        ck_assert_int_eq(told.error, 0);
        ck_assert_int_eq(told.status, 200);
        world_turn_for(&world, 20000);
        ck_assert_uint_eq(http_server_connections(world.server), 1);
    }
}
END_TEST

START_TEST(what_comes_meanwhile_does_not_hold_a_reply)
{
    /* A client that says more, a byte at a time, whenever it has read all that there was: each
     * reply comes whole, and the last one's end, too. */
    static const char last[] = "GET /constant HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    static const char first[] = "GET /big?bytes=3000000 HTTP/1.1\r\nHost: a\r\n\r\n";
    struct side side;
    size_t at = 0;
    side_connect(&side);
    side_send(&side, first, sizeof first - 1);
    uint64_t until_us = clock_us() + 20000000u;
    while (!side.ended) {
        ck_assert_msg(clock_us() < until_us, "no end behind %zu bytes", side.in.len);
        world_turn(&world);
        side_read(&side);
        if (at < sizeof last - 1 && side.in.len > 0)
            side_send(&side, last + at++, 1);
    }
    ck_assert_uint_gt(side.in.len, 3000000);
    buffer_append_char(&side.in, '\0');
    ck_assert_str_eq(side.in.data + side.in.len - 4, "ok\n");
    WAIT_FOR(&world, http_server_connections(world.server) == 0);
    side_finish(&side);
}
END_TEST

/* The other side answers, and ends as it is told. */
static void answer(bool says_so)
{
    static const char text[] = "HTTP/1.1 200 OK\r\n\r\nnot all of";
    uint16_t port = 0;
    int listening = raw_listen(&port);
    struct raw raw;
    struct side side;
    start_peer(port);
    call("POST", "/x");
    WAIT_FOR(&world, raw_accept(listening, &raw));
    side_begin(&side, raw.fd, true);
    WAIT_FOR(&world, (side_read(&side), side.in.len > 0));
    side_send(&side, text, sizeof text - 1);
    if (says_so)
        ck_assert_int_ge(SSL_shutdown(side.ssl), 0);
    side_finish(&side);
    WAIT_FOR(&world, told.done == 1);
    ck_assert_int_eq(close(listening), 0);
}

START_TEST(an_answer_that_was_cut_off_is_lost)
{
    /* Anybody between the two can close a connection; only who has the key can say that it ends. */
    answer(false);
    ck_assert_int_eq(told.error, TROTH_ERROR_LOST);
    ck_assert_ptr_nonnull(strstr(told.why, "without TLS's own end"));
}
END_TEST

START_TEST(an_answer_that_ends_with_the_connection_is_whole)
{
    /* As without TLS. */
    answer(true);
    ck_assert_int_eq(told.error, 0);
    ck_assert_uint_eq(told.body, strlen("not all of"));
}
END_TEST

START_TEST(half_open_handshakes_have_a_limit_and_a_place_for_the_next)
{
    /* The oldest goes for whoever comes; who shakes hands is served. */
    struct raw half[3 * SHAKES_MAX];
    struct http_server_stats stats;
    for (size_t i = 0; i < 3 * SHAKES_MAX; i++) {
        raw_connect(&half[i], http_server_port(world.server));
        world_turn(&world);
    }
    WAIT_FOR(&world, (http_server_stats(world.server, &stats), stats.handshakes_cut >= SHAKES_MAX));
    ck_assert_uint_le(stats.handshakes, SHAKES_MAX);
    start_peer(http_server_port(world.server));
    call("GET", "/constant");
    WAIT_FOR(&world, told.done == 1);
    ck_assert_int_eq(told.error, 0);
    WAIT_FOR(&world, raw_ended(&half[0]));
    for (size_t i = 0; i < 3 * SHAKES_MAX; i++)
        raw_close(&half[i]);
}
END_TEST

START_TEST(who_speaks_plain_http_is_told_so)
{
    /* In plain HTTP, whatever the method. */
    struct raw raw;
    raw_connect(&raw, http_server_port(world.server));
    raw_send(&raw, "PATCH /x HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(&world, raw_ended(&raw));
    ck_assert_ptr_nonnull(strstr(raw_text(&raw), "400 Bad Request"));
    ck_assert_ptr_nonnull(strstr(raw_text(&raw), "this port speaks TLS: use https"));
    ck_assert_uint_eq(world.handled, 0);
    raw_close(&raw);
}
END_TEST

Suite *tls_suite(void)
{
    Suite *suite = suite_create("tls");
    TCase *tests = tcase_create("tls");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_kept_connection_is_used_again);
    tcase_add_test(tests, what_comes_meanwhile_does_not_hold_a_reply);
    tcase_add_test(tests, an_answer_that_was_cut_off_is_lost);
    tcase_add_test(tests, an_answer_that_ends_with_the_connection_is_whole);
    tcase_add_test(tests, half_open_handshakes_have_a_limit_and_a_place_for_the_next);
    tcase_add_test(tests, who_speaks_plain_http_is_told_so);
    return suite;
}
