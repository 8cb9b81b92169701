/* config_check.c: what depends on more than one key, or on more than its range. See config.h. */
#include <stdio.h>
#include <string.h>

#include <definition/definition.h>
#include <journal/journal.h>

#include "config.h"

#define UNIX_PATH_MAX 107

static int check_tls(const struct config *config, struct buffer *why)
{
    bool is_tls = config->tls_certificate[0] != '\0';
    const char *wrong = NULL;
    if (!is_tls && !config_is_loopback(config) && !config_is_insecure(config)) {
        buffer_append_format(why,
                             "listen: others can reach %s, and it would be plain HTTP: set "
                             "tls_certificate and tls_key; insecure = yes allows it as it is",
                             config->listen);
        return TROTH_ERROR_CONFIG;
    }
    bool is_open = !config_is_loopback(config) && !config_is_insecure(config);
    if (is_open && !config_authenticates(config)) {
        buffer_append_format(why,
                             "listen: others can reach %s, and may do everything: set "
                             "authentication = required; insecure = yes allows it as it is",
                             config->listen);
        return TROTH_ERROR_CONFIG;
    }
    if (config->listen_unix[0] != '\0' &&
        (config->listen_unix[0] != '/' || strlen(config->listen_unix) > UNIX_PATH_MAX))
        wrong =
            "listen_unix: a path is needed that begins with \"/\" and has at most 107 characters";
    if (!is_tls && config->tls_key[0] != '\0')
        wrong = "tls_key needs tls_certificate";
    else if (!is_tls && strcmp(config->tls_clients, "any") != 0)
        wrong = "tls_clients needs tls_certificate";
    else if (strcmp(config->tls_clients, "any") != 0 && config->tls_client_ca[0] == '\0')
        wrong = "tls_clients needs tls_client_ca: who signs their certificates";
    else if (config->participant_tls_key[0] != '\0' &&
             config->participant_tls_certificate[0] == '\0')
        wrong = "participant_tls_key needs participant_tls_certificate";
    if (wrong == NULL)
        return 0;
    buffer_append_text(why, wrong);
    return TROTH_ERROR_CONFIG;
}

static int check_node_address(const struct config *config, struct buffer *why)
{
    const char *url = config->node_address;
    bool is_tls = strncmp(url, "https://", 8) == 0;
    size_t scheme = is_tls ? 8 : 7;
    if (url[0] == '\0')
        return 0;
    if (!is_tls && strncmp(url, "http://", 7) != 0)
        buffer_append_format(why, "node_address: \"%s\" begins with neither http:// nor https://",
                             url);
    else if (url[scheme] == '\0' || strpbrk(url + scheme, "/?#@ ") != NULL)
        buffer_append_format(why, "node_address: \"%s\" is not a scheme, a host and a port alone",
                             url);
    else if (strlen(url) >= JOURNAL_NODE_TEXT_MAX)
        buffer_append_format(why, "node_address: it has %zu characters, at most %u are taken",
                             strlen(url), JOURNAL_NODE_TEXT_MAX - 1);
    else
        return 0;
    return TROTH_ERROR_CONFIG;
}

int config_check(const struct config *config, struct buffer *why)
{
    BUFFER_SCOPED struct buffer sentence = {0};
    BUFFER_SCOPED struct buffer shown = {0};
    int error = journal_conninfo_show(config->journal, &sentence, &shown);
    if (error != 0) {
        buffer_append_format(why, "journal: %s",
                             sentence.len > 0 ? buffer_text(&sentence) : troth_error_text(error));
        return error;
    }
    if (config->retry_interval_us > config->retry_interval_max_us) {
        buffer_append_text(why, "retry_interval is longer than retry_interval_max");
        return TROTH_ERROR_CONFIG;
    }
    if (config->prepare_timeout_max_us > config->timeout_max_us) {
        buffer_append_text(why, "prepare_timeout_max is longer than timeout_max");
        return TROTH_ERROR_CONFIG;
    }
    if (config->bodies_bytes_max < 2 * config->body_bytes_max) {
        buffer_append_text(why, "bodies_bytes_max is less than two bodies of body_bytes_max");
        return TROTH_ERROR_CONFIG;
    }
    struct troth_span topic = {config->kafka_topic, strlen(config->kafka_topic)};
    const char *wrong = definition_topic_wrong(topic);
    if (wrong != NULL) {
        buffer_append_format(why, "kafka_topic: \"%s\" %s", config->kafka_topic, wrong);
        return TROTH_ERROR_CONFIG;
    }
    if (strcmp(config->outbox, "kafka") == 0 && config->kafka_brokers[0] == '\0') {
        buffer_append_text(why, "outbox = kafka needs kafka_brokers");
        return TROTH_ERROR_CONFIG;
    }
    error = check_node_address(config, why);
    return error == 0 ? check_tls(config, why) : error;
}
