/* config.c: the table of trothd's keys, and what may stand in each. See config.h. */
#include "config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <base/duration.h>
#include <base/nearest.h>
#include <base/number.h>
#include <base/span.h>
#include <definition/definition.h>
#include <journal/journal.h>
#include <outbox/outbox.h>

#include "admission.h"

#define CONFIG_SERVER_BYTES 64 /* "[…]:65535" */
#define US_PER_S            UINT64_C(1000000)

/* One line a key: field, default, range, what it does. */
#define TEXT_KEY(field, fallback, help)                                                            \
    {                                                                                              \
#field, CONFIG_TEXT, offsetof(struct config, field), fallback, 0, 0, NULL, help            \
    }
#define CHOICE_KEY(field, fallback, choices, help)                                                 \
    {                                                                                              \
#field, CONFIG_CHOICE, offsetof(struct config, field), fallback, 0, 0, choices, help       \
    }
#define COUNT_KEY(field, fallback, min, max, help)                                                 \
    {                                                                                              \
#field, CONFIG_COUNT, offsetof(struct config, field), fallback, min, max, NULL, help       \
    }
#define DURATION_KEY(field, fallback, min, max, help)                                              \
    {                                                                                              \
#field, CONFIG_DURATION, offsetof(struct config, field##_us), fallback, min, max, NULL,    \
            help                                                                                   \
    }

const struct config_key config_keys[] = {
    {"listen", CONFIG_ADDRESS, offsetof(struct config, listen), "127.0.0.1:7800", 0, 0, NULL,
     "numeric address and port of the client API; port 0 takes a free one. Anything but loopback "
     "is reachable by others, and is refused without TLS and authentication, unless insecure says "
     "yes"},
    TEXT_KEY(listen_unix, "",
             "path of a unix-domain socket that serves the client API too, mode 0660: the user of "
             "trothd and root may do everything there, without a key"),
    CHOICE_KEY(authentication, "off", "off|required",
               "required: who is not known (by an API key, or by the unix-domain socket) gets no "
               "answer but from /healthz and /readyz, and who is known only what his scopes allow"),
    CHOICE_KEY(insecure, "no", "no|yes",
               "yes: the client API may be served in plain HTTP, or without authentication, where "
               "others can reach it, who then can read and change everything; it is logged at "
               "each start"),
    TEXT_KEY(tls_certificate, "",
             "file (PEM) with the certificate of the client API, its own first: with it the API "
             "speaks TLS alone. Read again on SIGHUP and when it changes, as all files of "
             "certificates"),
    TEXT_KEY(tls_key, "",
             "file (PEM) with its key, without a passphrase (none: it stands in tls_certificate)"),
    TEXT_KEY(tls_client_ca, "",
             "file (PEM) with the certificates of those who sign clients' certificates"),
    CHOICE_KEY(tls_clients, "any", "any|optional|required",
               "whether a client shows a certificate that tls_client_ca has signed: any: it is "
               "not asked, required: without one there is no connection"),
    CHOICE_KEY(tls_min, "1.3", "1.3|1.2", "oldest version of TLS, of all connections over HTTP"),
    COUNT_KEY(tls_handshakes_max, "512", 16, 100000,
              "handshakes of clients under way; beyond it the oldest is closed, of those from the "
              "network that has most of them"),
    DURATION_KEY(tls_handshake_timeout, "5s", 10 * 1000, 60 * US_PER_S,
                 "how long a client's handshake may take; then it is closed"),
    TEXT_KEY(journal, "dbname=troth",
             "libpq conninfo or URI of the journal's database. Several hosts are tried in turn, "
             "each for its own time (connect_timeout), and only one that takes writes will do"),
    CHOICE_KEY(journal_unsafe, "refuse", "refuse|allow",
               "a journal's database with fsync or full_page_writes off, which may lose what it "
               "acknowledged when its host crashes (allow: for tests; it is logged)"),
    DURATION_KEY(clock_difference_max, "10s", 10 * 1000, 24 * 3600 * US_PER_S,
                 "a node whose clock differs more than this from the clock of the journal's "
                 "database does not begin to lead; one that leads goes on, since its times are the "
                 "database's"),
    DURATION_KEY(journal_timeout, "5s", 100 * 1000, 3600 * US_PER_S,
                 "a write to the journal that has no answer for so long is written again over a "
                 "new connection; until one succeeds this node is not ready, takes nothing new "
                 "and does not renew its lease"),
    TEXT_KEY(node, "",
             "this node's name in the lease table; no other trothd of the journal has it (none: "
             "host:port)"),
    TEXT_KEY(node_address, "",
             "URL by which the other nodes of the journal reach this one's client API, as "
             "http://10.0.0.7:7800 (none: of listen, or of this host's name where that is every "
             "address)"),
    DURATION_KEY(lease, "5s", US_PER_S, 3600 * US_PER_S,
                 "how long the shards stay ours without renewal; another node waits for so long"),
    DURATION_KEY(lazy_delay, "50ms", 0, 10 * US_PER_S,
                 "how long rows that nobody waits for may wait for company"),
    DURATION_KEY(retention, "0s", 0, UINT64_C(36500) * 24 * 3600 * US_PER_S,
                 "how long what has ended stays in the journal; then it leaves with all its rows, "
                 "its Idempotency-Key too: it is not found any more, and a branch that asks for it "
                 "hears \"unknown\". 0: it stays for ever"),
    CHOICE_KEY(outbox, "auto", "auto|kafka|table|off",
               "where outcome events go (table: the rows stay for another publisher such as "
               "Debezium; off: none are written; auto: kafka if kafka_brokers is set, else off)"),
    TEXT_KEY(kafka_brokers, "", "host:port, several separated by commas"),
    TEXT_KEY(kafka_topic, "troth.outcomes", "topic for definitions that name none"),
    TEXT_KEY(kafka_properties, "",
             "file with more properties of librdkafka, name=value in a line each: "
             "security.protocol, ssl.ca.location, sasl.password, … Those that order and durability "
             "rest on are trothd's own and refused"),
    COUNT_KEY(open_transactions_max, "40000", 1, 1000000,
              "transactions not ended; beyond it new ones get 503 with Retry-After"),
    COUNT_KEY(open_transactions_reserved, "30", 0, ADMISSION_RESERVED_MAX,
              "per cent of open_transactions_max that is reserved, a third each for definitions, "
              "participants and callers, with as many for each of them: who fills the shared rest "
              "leaves the others their own"),
    DURATION_KEY(timeout_max, "30d", US_PER_S, UINT64_C(36500) * 24 * 3600 * US_PER_S,
                 "longest timeout of a definition; one that says more is refused, one that was "
                 "published before runs under this"),
    DURATION_KEY(prepare_timeout_max, "1h", US_PER_S, 30 * 24 * 3600 * US_PER_S,
                 "longest prepare_timeout of a definition, and longest timeout of an interactive "
                 "transaction, since branches that are prepared hold their locks for so long"),
    COUNT_KEY(caller_requests_max, "10000", 0, 1000000,
              "requests a second of one caller (an API key, or the network that a request comes "
              "from), of which 16 KiB of a body cost as much as one more; beyond it 429 with "
              "Retry-After. 0: no limit"),
    COUNT_KEY(caller_open_transactions_max, "0", 0, 1000000,
              "transactions of one caller that have not ended; beyond it new ones get 429. 0: no "
              "limit but open_transactions_max, of which others have their own"),
    COUNT_KEY(caller_watchers_max, "1000", 0, 100000,
              "streams of events that one caller follows at a time; beyond it 429. 0: no limit"),
    COUNT_KEY(login_failures_max, "60", 0, 1000000,
              "API keys that are not valid, shown from one network in a minute; beyond it 429, and "
              "not 401; valid ones are taken from there all the same. 0: no limit"),
    COUNT_KEY(open_bytes_max, "1073741824", 16777216, UINT64_C(1) << 44,
              "bytes of memory that open transactions take with inputs, outputs and the commands "
              "that wait to be sent; beyond it new ones get 503 with Retry-After, those under way "
              "go on"),
    COUNT_KEY(outbox_rows_max, "500000", 1, 900000,
              "outcome events that wait for Kafka; beyond it new transactions get 503 with "
              "Retry-After, those under way go on"),
    COUNT_KEY(outbox_memory_max, "67108864", OUTBOX_MEMORY_BYTES_MIN, UINT64_C(1) << 40,
              "bytes of outcome events in memory while Kafka is away; what finds no room is read "
              "from the journal again later"),
    COUNT_KEY(kafka_message_bytes_max, "1000000", OUTBOX_EVENT_BYTES_MIN, 1000000000,
              "bytes of one outcome event (Kafka's message.max.bytes, or the topic's); an event "
              "that would be larger is made without its steps and says so"),
    COUNT_KEY(journal_queue_rows_max, "100000", 1, 10000000,
              "records that wait for the journal; beyond it new transactions and branches get 503 "
              "with Retry-After, those under way go on"),
    COUNT_KEY(journal_queue_bytes_max, "268435456", 1048576, UINT64_C(1) << 40,
              "their bytes, likewise"),
    DURATION_KEY(line_wait_max, "500ms", 0, 3600 * US_PER_S,
                 "a transaction that would wait longer for its participants' slots gets 503 with "
                 "Retry-After, and so does one whose turn among those that go in order would not "
                 "come within its time to prepare, and any while the journal takes longer for "
                 "each record; those under way go on; 0s: it waits in any case. What falls back "
                 "to a saga is asked for the journal only, as sagas are"),
    COUNT_KEY(connections_max, "4000", 1, 100000,
              "client connections; beyond it 503. Fewer where the limit of open files is low"),
    COUNT_KEY(body_bytes_max, "1048576", 1024, 67108864,
              "bytes of a request's body; beyond it 413"),
    COUNT_KEY(bodies_bytes_max, "134217728", 1048576, UINT64_C(1) << 40,
              "memory of all bodies that are being received (beyond 16 KiB of each); the request "
              "that goes over it gets 503 with Retry-After"),
    COUNT_KEY(
        answers_bytes_max, "268435456", 16777216, UINT64_C(1) << 40,
        "memory of all answers that clients have not read; from half of it on lists with "
        "payloads get 503 with Retry-After, beyond it the client that reads least is cut off"),
    COUNT_KEY(watchers_bytes_max, "67108864", 1048576, UINT64_C(1) << 40,
              "memory of all events that clients who follow transactions have not read; beyond it, "
              "and beyond 1 MiB for itself, the one that reads least gets the event \"dropped\" "
              "and the end of its stream"),
    DURATION_KEY(reply_wait, "30s", 1000, 300 * US_PER_S,
                 "how long a request waits for its outcome when the client does not say "
                 "(Prefer: wait=N); then 202 and the state reached"),
    DURATION_KEY(call_timeout, "10s", 1000, 3600 * US_PER_S,
                 "of one call to a participant in phase 2"),
    DURATION_KEY(connect_timeout, "2s", 1000, 60 * US_PER_S,
                 "of connecting to a participant: finding its address and trying all it has"),
    TEXT_KEY(node_tls_ca, "",
             "file (PEM) with the certificates of those who sign the certificates of other nodes, "
             "which must be for the host of their node_address (none: tls_client_ca's, else the "
             "system's); tls_certificate is shown to them"),
    TEXT_KEY(participant_tls_ca, "",
             "file (PEM) with the certificates of those who sign the certificates of participants "
             "with https URLs, which must be for the URL's host (none: the system's)"),
    TEXT_KEY(participant_tls_certificate, "",
             "file (PEM) with the certificate that is shown to participants that ask for one"),
    TEXT_KEY(participant_tls_key, "",
             "file (PEM) with its key, without a passphrase (none: it stands in "
             "participant_tls_certificate)"),
    TEXT_KEY(participant_hosts, "*",
             "hosts that participants' URLs may have, as they stand there: names and numeric "
             "addresses, with \"*\" for any run of characters, several separated by commas"),
    TEXT_KEY(participant_networks, "loopback, private",
             "where those hosts may lead, looked at before each connect: networks (10.1.0.0/16), "
             "addresses, and the words loopback, private, public, several separated by commas. "
             "Link-local addresses and those of clouds' metadata are in none of these but where "
             "they are listed themselves"),
    TEXT_KEY(participant_tokens, "",
             "folder with the tokens that are shown to participants whose registration names a "
             "file there (token_file): the first line of each. Read again when it changes"),
    {"resolver", CONFIG_SERVERS, offsetof(struct config, resolver), "", 0, 0, NULL,
     "name servers for participants' hosts, numeric, with a port or without, several separated by "
     "commas (none: those of /etc/resolv.conf, which is read again when it changes)"},
    DURATION_KEY(retry_interval, "100ms", 1000, 3600 * US_PER_S,
                 "first wait before a participant is called again; doubles, with full jitter"),
    DURATION_KEY(retry_interval_max, "10s", 1000, 3600 * US_PER_S, "longest such wait"),
    COUNT_KEY(retry_rate, "200", 1, 1000000,
              "so many commits and aborts a second are said again to a participant that does not "
              "acknowledge them; the others wait their turn, and each one that it does "
              "acknowledge lets two more go"),
    DURATION_KEY(conflict_lock_wait, "100ms", 1000, 60 * US_PER_S,
                 "how long a prepare waits for a lock when its transaction's prepares go out in "
                 "parallel; then they are made again, in order, and wait as long as the prepare "
                 "timeout lets them"),
    DURATION_KEY(conflict_interval, "5ms", 1000, US_PER_S,
                 "wait before a prepare in order that met a conflict is tried again; doubles up to "
                 "64 times this, with jitter, and is shorter for the older transaction"),
    DURATION_KEY(parked_retry, "5m", 0, 7 * 24 * 3600 * US_PER_S,
                 "a compensation that is parked because its tries are spent is tried again by "
                 "itself, as often, after so long: its participant may be back; 0s: only when an "
                 "operator says so"),
    DURATION_KEY(publish_grace, "1s", 0, 60 * US_PER_S,
                 "how long a finished transaction is kept to note Kafka's confirmation"),
    COUNT_KEY(participant_slots, "16", 1, 10000,
              "transactions at a time at a participant that announces no number of its own"),
    COUNT_KEY(phase2_connections, "8", 1, 1000,
              "connections to each participant for commit and abort"),
    DURATION_KEY(drain_timeout, "10s", 0, 3600 * US_PER_S,
                 "on SIGTERM: how long transactions under way may take to end"),
    CHOICE_KEY(log_level, "info", "error|warn|info|debug", "diagnostics on standard error"),
    CHOICE_KEY(log_format, "logfmt", "logfmt|json", "key=value or JSON lines"),
};
const size_t config_keys_count = sizeof config_keys / sizeof config_keys[0];

static char **text_field(struct config *config, const struct config_key *key)
{
    return (char **)(void *)((char *)config + key->offset);
}

static uint64_t *number_field(struct config *config, const struct config_key *key)
{
    return (uint64_t *)(void *)((char *)config + key->offset);
}

static bool is_number(const struct config_key *key)
{
    return key->kind == CONFIG_COUNT || key->kind == CONFIG_DURATION;
}

/* A line of the file cannot hold it, nor could --print-config say it. */
static bool has_control(const char *value)
{
    for (; *value != '\0'; value++)
        if ((unsigned char)*value < ' ' || *value == 0x7f)
            return true;
    return false;
}

static int set_text(struct config *config, const struct config_key *key, const char *value)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return TROTH_ERROR_NO_MEMORY;
    char **field = text_field(config, key);
    free(*field);
    *field = copy;
    return 0;
}

static bool among(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = choices; *at != '\0';) {
        size_t part = strcspn(at, "|");
        if (part == len && memcmp(at, value, len) == 0)
            return true;
        at += part + (at[part] == '|');
    }
    return false;
}

static void say_range(const struct config_key *key, const char *value, struct buffer *why)
{
    if (key->kind == CONFIG_DURATION) {
        char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];
        (void)duration_format(key->min, min);
        (void)duration_format(key->max, max);
        buffer_append_format(why,
                             "%s: \"%s\" is not a duration from %s to %s (like 200ms, 1.5s, 2m)",
                             key->name, value, min, max);
    } else {
        buffer_append_format(why, "%s: \"%s\" is not a whole number from %llu to %llu", key->name,
                             value, (unsigned long long)key->min, (unsigned long long)key->max);
    }
}

static int set_number(struct config *config, const struct config_key *key, const char *value,
                      struct buffer *why)
{
    uint64_t number = 0;
    int error = key->kind == CONFIG_DURATION ? duration_parse(value, strlen(value), &number)
                                             : number_parse(span_of(value), UINT64_MAX, &number);
    if (error != 0 || number < key->min || number > key->max) {
        say_range(key, value, why);
        return TROTH_ERROR_CONFIG;
    }
    *number_field(config, key) = number;
    return 0;
}

int config_address(const char *text, char *ret_address, size_t cap, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (colon == NULL || number_parse(span_of(colon + 1), UINT16_MAX, &port) != 0)
        return TROTH_ERROR_SYNTAX;
    const char *from = text;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        from = text + 1;
        len -= 2;
    }
    char address[INET6_ADDRSTRLEN];
    if (len == 0 || len >= sizeof address || len >= cap)
        return TROTH_ERROR_SYNTAX;
    memcpy(address, from, len);
    address[len] = '\0';
    struct in6_addr parsed;
    if (inet_pton(AF_INET, address, &parsed) != 1 && inet_pton(AF_INET6, address, &parsed) != 1)
        return TROTH_ERROR_SYNTAX;
    memcpy(ret_address, address, len + 1);
    *ret_port = (uint16_t)port;
    return 0;
}

static int set_address(struct config *config, const struct config_key *key, const char *value,
                       struct buffer *why)
{
    char address[INET6_ADDRSTRLEN];
    uint16_t port;
    if (config_address(value, address, sizeof address, &port) != 0) {
        buffer_append_format(why,
                             "%s: \"%s\" is not a numeric address and a port "
                             "(like 127.0.0.1:7800 or [::1]:7800)",
                             key->name, value);
        return TROTH_ERROR_CONFIG;
    }
    return set_text(config, key, value);
}

/* "10.0.0.2", "127.0.0.1:5353", "[::1]:53", "::1"; at most CONFIG_SERVER_BYTES of each. */
static bool is_server(const char *text, size_t len)
{
    char server[CONFIG_SERVER_BYTES];
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    uint16_t port = 1;
    if (len >= sizeof server)
        return false;
    memcpy(server, text, len);
    server[len] = '\0';
    return inet_pton(AF_INET, server, &parsed) == 1 || inet_pton(AF_INET6, server, &parsed) == 1 ||
           (config_address(server, address, sizeof address, &port) == 0 && port != 0);
}

static int set_servers(struct config *config, const struct config_key *key, const char *value,
                       struct buffer *why)
{
    for (const char *at = value; *value != '\0';) {
        size_t len = strcspn(at, ",");
        if (!is_server(at, len)) {
            buffer_append_format(why,
                                 "%s: \"%.*s\" is not a numeric address, with a port or without "
                                 "(like 10.0.0.2 or 127.0.0.1:5353)",
                                 key->name, (int)len, at);
            return TROTH_ERROR_CONFIG;
        }
        if (at[len] == '\0')
            break;
        at += len + 1;
    }
    return set_text(config, key, value);
}

static int set_choice(struct config *config, const struct config_key *key, const char *value,
                      struct buffer *why)
{
    if (!among(key->choices, value)) {
        buffer_append_format(why, "%s: \"%s\" is not one of %s", key->name, value, key->choices);
        return TROTH_ERROR_CONFIG;
    }
    return set_text(config, key, value);
}

static const struct config_key *find_key(const char *name)
{
    for (size_t i = 0; i < config_keys_count; i++)
        if (strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

const char *config_nearest(const char *name)
{
    const char *names[sizeof config_keys / sizeof config_keys[0] + 1];
    for (size_t i = 0; i < config_keys_count; i++)
        names[i] = config_keys[i].name;
    names[config_keys_count] = NULL;
    return name_nearest(name, names);
}

/* What looks like a key is shown. What does not may be anything, also a piece of a password. */
static bool looks_like_key(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return len > 0 && len <= CONFIG_NAME_MAX && name[len] == '\0';
}

static void say_unknown(const char *name, struct buffer *why)
{
    if (!looks_like_key(name)) {
        buffer_append_text(why, "what stands before \"=\" is no key");
        return;
    }
    const char *near = config_nearest(name);
    buffer_append_format(why, "unknown key \"%s\"", name);
    if (near != NULL)
        buffer_append_format(why, "; did you mean \"%s\"?", near);
}

int config_set(struct config *config, const char *name, const char *value, struct buffer *why)
{
    const struct config_key *key = find_key(name);
    if (key == NULL) {
        say_unknown(name, why);
        return TROTH_ERROR_CONFIG;
    }
    if (has_control(value)) {
        buffer_append_format(why, "%s: the value holds a line feed or another control character",
                             key->name);
        return TROTH_ERROR_CONFIG;
    }
    switch (key->kind) {
    case CONFIG_TEXT:
        return set_text(config, key, value);
    case CONFIG_CHOICE:
        return set_choice(config, key, value, why);
    case CONFIG_ADDRESS:
        return set_address(config, key, value, why);
    case CONFIG_SERVERS:
        return set_servers(config, key, value, why);
    case CONFIG_COUNT:
    case CONFIG_DURATION:
        return set_number(config, key, value, why);
    }
    return TROTH_ERROR_CONFIG;
}

int config_init(struct config *config)
{
    memset(config, 0, sizeof *config);
    BUFFER_SCOPED struct buffer why = {0};
    for (size_t i = 0; i < config_keys_count; i++) {
        int error = config_set(config, config_keys[i].name, config_keys[i].fallback, &why);
        assert(error == 0 || error == TROTH_ERROR_NO_MEMORY); /* a default is always in range */
        if (error != 0) {
            config_finish(config);
            return error;
        }
    }
    return 0;
}

void config_finish(struct config *config)
{
    for (size_t i = 0; i < config_keys_count; i++) {
        if (!is_number(&config_keys[i])) {
            free(*text_field(config, &config_keys[i]));
            *text_field(config, &config_keys[i]) = NULL;
        }
    }
}

bool config_authenticates(const struct config *config)
{
    return strcmp(config->authentication, "required") == 0;
}

bool config_is_insecure(const struct config *config)
{
    return strcmp(config->insecure, "yes") == 0;
}

bool config_is_loopback(const struct config *config)
{
    char address[INET6_ADDRSTRLEN];
    uint16_t port;
    struct in_addr v4;
    struct in6_addr v6;
    if (config_address(config->listen, address, sizeof address, &port) != 0)
        return false;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, address, &v6) == 1 &&
           (IN6_IS_ADDR_LOOPBACK(&v6) ||
            (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == IN_LOOPBACKNET));
}

enum config_outbox config_outbox(const struct config *config)
{
    if (strcmp(config->outbox, "off") == 0)
        return CONFIG_OUTBOX_OFF;
    if (strcmp(config->outbox, "table") == 0)
        return CONFIG_OUTBOX_TABLE;
    return config->kafka_brokers[0] != '\0' ? CONFIG_OUTBOX_KAFKA : CONFIG_OUTBOX_OFF;
}

enum journal_unsafe config_unsafe(const struct config *config)
{
    return strcmp(config->journal_unsafe, "allow") == 0 ? JOURNAL_UNSAFE_ALLOWED
                                                        : JOURNAL_UNSAFE_REFUSED;
}

/* A conninfo or URI may hold a password: libpq knows where. What it does not understand was refused
 * by config_check(). */
static void print_conninfo(const char *conninfo, FILE *to)
{
    BUFFER_SCOPED struct buffer text = {0};
    int error = journal_conninfo_show(conninfo, NULL, &text);
    const char *shown = error == 0 ? buffer_text(&text) : NULL;
    (void)fputs(shown != NULL ? shown : "***", to);
}

void config_print(const struct config *config, FILE *to)
{
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];
        const char *field = (const char *)config + key->offset;
        (void)fprintf(to, "# %s\n%s = ", key->help, key->name);
        if (key->kind == CONFIG_DURATION) {
            char text[DURATION_TEXT_MAX];
            (void)duration_format(*(const uint64_t *)(const void *)field, text);
            (void)fputs(text, to);
        } else if (key->kind == CONFIG_COUNT) {
            (void)fprintf(to, "%llu", (unsigned long long)*(const uint64_t *)(const void *)field);
        } else if (strcmp(key->name, "journal") == 0) {
            print_conninfo(config->journal, to);
        } else {
            (void)fputs(*(char *const *)(const void *)field, to);
        }
        (void)fputs("\n", to);
    }
}
