/* tls.c: see tls.h. */
#include "tls.h"

#include <stdio.h>
#include <string.h>

#include <base/now.h>

#include "log.h"

#define UNSHAKEN_PAUSE_US UINT64_C(1000000)

static const char *file_or_none(const char *file)
{
    return file[0] != '\0' ? file : NULL;
}

static void on_said_server(void *arg, bool is_trouble, const char *text)
{
    (void)arg;
    log_line(is_trouble ? LOG_WARN : LOG_INFO, "tls", "of", "the client API", "said", text, NULL);
}

static void on_said_client(void *arg, bool is_trouble, const char *text)
{
    (void)arg;
    log_line(is_trouble ? LOG_WARN : LOG_INFO, "tls", "of", "calls to participants", "said", text,
             NULL);
}

static void on_said_nodes(void *arg, bool is_trouble, const char *text)
{
    (void)arg;
    log_line(is_trouble ? LOG_WARN : LOG_INFO, "tls", "of", "calls to other nodes", "said", text,
             NULL);
}

static enum http_tls_clients clients_of(const struct config *config)
{
    if (strcmp(config->tls_clients, "required") == 0)
        return HTTP_TLS_CLIENTS_REQUIRED;
    return strcmp(config->tls_clients, "optional") == 0 ? HTTP_TLS_CLIENTS_OPTIONAL
                                                        : HTTP_TLS_CLIENTS_ANY;
}

static int create_server(struct event_base *base, const struct config *config, struct buffer *why,
                         struct tls *tls)
{
    const struct http_tls_config server = {
        .is_server = true,
        .certificate = config->tls_certificate,
        .key = file_or_none(config->tls_key),
        .ca = file_or_none(config->tls_client_ca),
        .clients = clients_of(config),
        .allows_1_2 = strcmp(config->tls_min, "1.2") == 0,
        .said = on_said_server,
    };
    return http_tls_create(base, &server, why, &tls->server);
}

/* A node shows others what it shows its clients. */
static int create_nodes(struct event_base *base, const struct config *config, struct buffer *why,
                        struct tls *tls)
{
    const char *ca = config->node_tls_ca[0] != '\0' ? config->node_tls_ca : config->tls_client_ca;
    const struct http_tls_config nodes = {
        .certificate = file_or_none(config->tls_certificate),
        .key = file_or_none(config->tls_key),
        .ca = file_or_none(ca),
        .allows_1_2 = strcmp(config->tls_min, "1.2") == 0,
        .said = on_said_nodes,
    };
    return http_tls_create(base, &nodes, why, &tls->nodes);
}

int tls_create(struct event_base *base, const struct config *config, struct buffer *why,
               struct tls *ret_tls)
{
    const struct http_tls_config client = {
        .certificate = file_or_none(config->participant_tls_certificate),
        .key = file_or_none(config->participant_tls_key),
        .ca = file_or_none(config->participant_tls_ca),
        .allows_1_2 = strcmp(config->tls_min, "1.2") == 0,
        .said = on_said_client,
    };
    int error = http_tls_create(base, &client, why, &ret_tls->client);
    if (error == 0 && config->tls_certificate[0] != '\0')
        error = create_server(base, config, why, ret_tls);
    if (error == 0)
        error = create_nodes(base, config, why, ret_tls);
    bool is_exposed = !config_is_loopback(config);
    if (error == 0 && is_exposed && (ret_tls->server == NULL || !config_authenticates(config)))
        log_line(LOG_WARN,
                 "INSECURE: the client API is served where others can reach it, who can read and "
                 "change everything",
                 "listen", config->listen, "tls", ret_tls->server != NULL ? "yes" : "no",
                 "authentication", config->authentication, NULL);
    return error;
}

void tls_destroy(struct tls *tls)
{
    http_tls_destroy(tls->server);
    http_tls_destroy(tls->client);
    http_tls_destroy(tls->nodes);
}

void tls_reload(struct tls *tls)
{
    if (tls->server != NULL)
        http_tls_reload(tls->server);
    http_tls_reload(tls->client);
    http_tls_reload(tls->nodes);
}

void tls_unshaken(void *arg, const char *client, const char *why)
{
    static uint64_t next_us;
    static unsigned left_out;
    char count[16];
    uint64_t now_us = mono_now().us;
    (void)arg;
    if (now_us < next_us) {
        left_out++;
        return;
    }
    (void)snprintf(count, sizeof count, "%u", left_out);
    log_line(LOG_INFO, "a client's TLS handshake came to nothing", "client", client, "reason", why,
             "left_out", count, NULL);
    next_us = now_us + UNSHAKEN_PAUSE_US;
    left_out = 0;
}
