/* tls_context.c: see tls_context.h. */
#include "tls_context.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#define CERTIFICATES_BYTES_MAX 65536 /* of the chain that the other side shows */
#define TICKET_S               600   /* what was checked of a client counts for so long */

static const unsigned char session_context[] = "troth";

const char *tls_context_error(void)
{
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0)
        return "no reason is known";
    if (ERR_SYSTEM_ERROR(code))
        return strerror(ERR_GET_REASON(code));
    const char *text = ERR_reason_error_string(code);
    return text != NULL ? text : "no reason is known";
}

/* Nobody is there to be asked, and what asks by itself would wait for ever. */
static int no_passphrase(char *text, int size, int writes, void *arg)
{
    (void)text;
    (void)size;
    (void)writes;
    *(bool *)arg = true;
    return -1;
}

static int wrong(struct buffer *why, const char *what, const char *file, const char *reason)
{
    buffer_append_format(why, "%s \"%s\": %s", what, file, reason);
    return TROTH_ERROR_CONFIG;
}

static int load_key(SSL_CTX *context, const struct http_tls_config *config, struct buffer *why)
{
    const char *file = config->key != NULL ? config->key : config->certificate;
    bool was_asked = false;
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &was_asked);
    int done = SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (was_asked)
        return wrong(why, "key", file, "it has a passphrase; one without is needed");
    if (done != 1)
        return wrong(why, "key", file, tls_context_error());
    if (SSL_CTX_check_private_key(context) != 1)
        return wrong(why, "key", file, "it is not the certificate's");
    return 0;
}

static int check_time(SSL_CTX *context, const char *file, struct buffer *why, int64_t *ret_ends_s)
{
    const ASN1_TIME *ends = X509_get0_notAfter(SSL_CTX_get0_certificate(context));
    struct tm tm;
    if (ASN1_TIME_to_tm(ends, &tm) != 1)
        return wrong(why, "certificate", file, "its end is no time");
    int64_t ends_s = (int64_t)timegm(&tm);
    if (ends_s <= (int64_t)time(NULL))
        return wrong(why, "certificate", file, "it has ended (expired)");
    *ret_ends_s = ends_s;
    return 0;
}

static int load_own(SSL_CTX *context, const struct http_tls_config *config, struct buffer *why,
                    int64_t *ret_ends_s)
{
    const char *file = config->certificate;
    if (file == NULL)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(context, file) != 1)
        return wrong(why, "certificate", file, tls_context_error());
    int error = load_key(context, config, why);
    return error != 0 ? error : check_time(context, file, why, ret_ends_s);
}

static int load_ca(SSL_CTX *context, const struct http_tls_config *config, struct buffer *why)
{
    if (config->ca == NULL) {
        if (!config->is_server)
            (void)SSL_CTX_set_default_verify_paths(context);
        return 0;
    }
    if (SSL_CTX_load_verify_locations(context, config->ca, NULL) != 1)
        return wrong(why, "certificates of authorities", config->ca, tls_context_error());
    if (!config->is_server)
        return 0;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(config->ca);
    if (names == NULL)
        return wrong(why, "certificates of authorities", config->ca, tls_context_error());
    SSL_CTX_set_client_CA_list(context, names); /* takes them */
    return 0;
}

static int verify_mode(const struct http_tls_config *config)
{
    if (!config->is_server)
        return SSL_VERIFY_PEER;
    switch (config->clients) {
    case HTTP_TLS_CLIENTS_OPTIONAL:
        return SSL_VERIFY_PEER;
    case HTTP_TLS_CLIENTS_REQUIRED:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    case HTTP_TLS_CLIENTS_ANY:
        break;
    }
    return SSL_VERIFY_NONE;
}

/* What is the same whatever the files say. */
static bool set_rules(SSL_CTX *context, const struct http_tls_config *config)
{
    int oldest = config->allows_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, CERTIFICATES_BYTES_MAX);
    SSL_CTX_set_timeout(context, TICKET_S);
    SSL_CTX_set_verify(context, verify_mode(config), NULL);
    return SSL_CTX_set_min_proto_version(context, oldest) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set_num_tickets(context, 1) == 1 &&
           SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1) ==
               1;
}

int tls_context_create(const struct http_tls_config *config, struct buffer *why,
                       SSL_CTX **ret_context, int64_t *ret_ends_s)
{
    int64_t ends_s = 0;
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(config->is_server ? TLS_server_method() : TLS_client_method());
    if (context == NULL || !set_rules(context, config)) {
        ERR_clear_error();
        SSL_CTX_free(context);
        return TROTH_ERROR_NO_MEMORY;
    }
    int error = load_own(context, config, why, &ends_s);
    if (error == 0)
        error = load_ca(context, config, why);
    ERR_clear_error();
    if (error != 0) {
        SSL_CTX_free(context);
        return error;
    }
    *ret_context = context;
    *ret_ends_s = ends_s;
    return 0;
}
