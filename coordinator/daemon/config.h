/* config.h: trothd's configuration: one file, with environment and flags over it.
 *
 * Every key stands in one table (config.c) with its default, its range and a sentence; --help,
 * --print-config, the environment's names (TROTH_<KEY>) and the file's parser are all made from it.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <base/buffer.h>
#include <journal/journal.h>
#include <troth/error.h>

#define CONFIG_KEYS_MAX 96u /* in the table */
#define CONFIG_NAME_MAX 48u /* characters of a key's name */

enum config_outbox { CONFIG_OUTBOX_KAFKA, CONFIG_OUTBOX_TABLE, CONFIG_OUTBOX_OFF };
enum config_log_format { CONFIG_LOG_LOGFMT, CONFIG_LOG_JSON };

struct config {
    char *listen;
    char *listen_unix;    /* a path; "": none */
    char *authentication; /* "off" or "required" */
    char *insecure;       /* "no" or "yes" */
    /* Files; "": none. */
    char *tls_certificate, *tls_key, *tls_client_ca;
    char *tls_clients; /* "any", "optional" or "required" */
    char *tls_min;     /* "1.3" or "1.2" */
    uint64_t tls_handshakes_max;
    uint64_t tls_handshake_timeout_us;
    char *node_tls_ca;
    char *participant_tls_ca, *participant_tls_certificate, *participant_tls_key;
    char *participant_hosts, *participant_networks;
    char *participant_tokens; /* a folder; "": none */
    char *journal;
    char *node;
    char *journal_unsafe; /* "refuse" or "allow" */
    uint64_t clock_difference_max_us;
    uint64_t journal_timeout_us;
    char *node_address; /* "": made from listen */
    uint64_t lease_us;
    uint64_t lazy_delay_us;
    uint64_t retention_us;
    char *outbox; /* "kafka", "table", "off" or "auto" */
    char *kafka_brokers;
    char *kafka_topic;
    char *kafka_properties; /* a file; "": none */
    uint64_t caller_requests_max, caller_open_transactions_max, caller_watchers_max;
    uint64_t login_failures_max;
    uint64_t open_transactions_max;
    uint64_t open_transactions_reserved; /* per cent */
    uint64_t timeout_max_us;
    uint64_t prepare_timeout_max_us;
    uint64_t open_bytes_max;
    uint64_t outbox_rows_max;
    uint64_t outbox_memory_max;
    uint64_t kafka_message_bytes_max;
    uint64_t journal_queue_rows_max;
    uint64_t journal_queue_bytes_max;
    uint64_t line_wait_max_us;
    uint64_t connections_max;
    uint64_t body_bytes_max;
    uint64_t bodies_bytes_max;
    uint64_t answers_bytes_max;
    uint64_t watchers_bytes_max;
    uint64_t reply_wait_us;
    uint64_t call_timeout_us;
    uint64_t connect_timeout_us;
    char *resolver; /* "": resolv.conf's */
    uint64_t retry_interval_us;
    uint64_t retry_interval_max_us;
    uint64_t retry_rate;
    uint64_t conflict_lock_wait_us;
    uint64_t conflict_interval_us;
    uint64_t parked_retry_us;
    uint64_t publish_grace_us;
    uint64_t participant_slots;
    uint64_t phase2_connections;
    uint64_t drain_timeout_us;
    char *log_level;
    char *log_format;
};

enum config_kind {
    CONFIG_TEXT,
    CONFIG_DURATION,
    CONFIG_COUNT,
    CONFIG_CHOICE,
    CONFIG_ADDRESS,
    CONFIG_SERVERS
};

struct config_key {
    const char *name; /* listen, open_transactions_max, … */
    enum config_kind kind;
    size_t offset; /* into struct config */
    const char *fallback;
    uint64_t min, max;   /* counts; durations in µs */
    const char *choices; /* "a|b|c" */
    const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_keys_count;

/* All defaults. TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int config_init(struct config *config);
void config_finish(struct config *config);

/* One key. `why` gets a sentence on TROTH_ERROR_CONFIG. */
TROTH_MUST_CHECK int config_set(struct config *config, const char *name, const char *value,
                                struct buffer *why);
/* The key whose name is most like that one; NULL: none is. */
const char *config_nearest(const char *name);
/* A file of "key = value" lines; '#' begins a comment line. An unknown key, one that stands twice,
 * or a wrong value is TROTH_ERROR_CONFIG, and `why` names file, line and the nearest right key;
 * what may be a piece of a password is not shown. */
TROTH_MUST_CHECK int config_read_file(struct config *config, const char *path, struct buffer *why);
/* TROTH_<KEY> for every key. A TROTH_… that is nearly a key is TROTH_ERROR_CONFIG; one that is like
 * none is told of on standard error, where it is not one of Troth's other programs'. */
TROTH_MUST_CHECK int config_read_environment(struct config *config, struct buffer *why);
/* What depends on more than one key. */
TROTH_MUST_CHECK int config_check(const struct config *config, struct buffer *why);

/* The whole configuration as a file that config_read_file takes. Passwords are left out. */
void config_print(const struct config *config, FILE *to);

bool config_authenticates(const struct config *config);
/* Nobody but this host can reach the client API. */
bool config_is_loopback(const struct config *config);
bool config_is_insecure(const struct config *config);
enum config_outbox config_outbox(const struct config *config);
enum journal_unsafe config_unsafe(const struct config *config);
/* "127.0.0.1:7800", "[::1]:7800" into a numeric address and a port. */
TROTH_MUST_CHECK int config_address(const char *text, char *ret_address, size_t cap,
                                    uint16_t *ret_port);

#endif
