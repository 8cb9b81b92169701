/* shake.c: see shake.h. */
#include "shake.h"

#include <assert.h>
#include <stdlib.h>

#include <base/hash.h>
#include <base/span.h>

int http_shake_init(struct http_server *server)
{
    TAILQ_INIT(&server->shaking);
    if (server->config.tls == NULL)
        return 0;
    assert(server->config.handshakes_max > 0 && server->config.handshake_timeout_us > 0);
    server->networks = calloc(SERVE_NETWORKS, sizeof server->networks[0]);
    return server->networks != NULL ? 0 : TROTH_ERROR_NO_MEMORY;
}

void http_shake_finish(struct http_server *server)
{
    free(server->networks);
    server->networks = NULL;
}

struct serve_conn *http_shake_most(const struct http_server *server)
{
    struct serve_conn *serve, *found = NULL;
    if (server->shaking_count < server->config.handshakes_max)
        return NULL;
    TAILQ_FOREACH(serve, &server->shaking, shake_link)
    {
        if (found == NULL || server->networks[serve->network] > server->networks[found->network])
            found = serve;
    }
    return found;
}

void http_shake_enter(struct serve_conn *serve)
{
    struct http_server *server = serve->server;
    char client[HTTP_CLIENT_TEXT_MAX];
    http_exchange_client(&serve->exchange, client);
    serve->network = (uint32_t)(hash_span(span_of(client)) % SERVE_NETWORKS);
    server->networks[serve->network]++;
    server->shaking_count++;
    TAILQ_INSERT_TAIL(&server->shaking, serve, shake_link);
}

void http_shake_leave(struct serve_conn *serve)
{
    struct http_server *server = serve->server;
    server->networks[serve->network]--;
    server->shaking_count--;
    TAILQ_REMOVE(&server->shaking, serve, shake_link);
}

void http_shake_failed(struct serve_conn *serve, const char *why)
{
    const struct http_server_config *config = &serve->server->config;
    char client[HTTP_CLIENT_TEXT_MAX];
    http_exchange_client(&serve->exchange, client);
    serve->server->shakes_failed++;
    if (config->unshaken != NULL)
        config->unshaken(config->arg, client, why);
}
