/* net/channel.h: the way to one participant: bindings, batching, slots.
 *
 * Whatever is queued when a connection becomes free goes out as one request: a batch of one when
 * idle, large under load, no timers. Phase 1 (prepare, execute) and phase 2 (commit, abort,
 * compensate, status) have queues, connections and in-flight limits of their own: phase 2 must
 * never starve behind phase 1, whose work waits for locks that only phase 2 frees (protocol.md,
 * section 4; faults.md 40). A request that is held up holds up no other: the next goes out on
 * another connection.
 *
 * Phase 1 has as many requests under way as the participant has slots, phase 2 as it has
 * connections. The http binding's Idempotency-Key is "<gtid>:<branch>:<op>:<attempt>": the same for
 * each repetition; ":<epoch>-<number>" follows where an operator has said "again" to a commit or an
 * abort (command->again). Nothing here repeats by itself what may have arrived: a command that went
 * out and was not answered is RESULT_UNKNOWN, and whoever sends it again counts that as a try
 * (protocol.md, section 6; faults.md 47).
 *
 * A command's timeout is its participant's time to answer: it counts from when the command leaves.
 * Before that it may wait in line, as long as two and a half calls take that are never answered
 * (CHANNEL_LINE_US): who waits behind a silent call leaves before that one comes again, and has its
 * whole time then. What the command's transaction says of its own end (`deadline`) bounds both.
 *
 * Exactly one result comes for each command taken, also when nothing was heard: RESULT_UNKNOWN with
 * a reason. From the loop's thread; never blocks; results never come from inside channel_send(). */
#ifndef NET_CHANNEL_H
#define NET_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <base/buffer.h>
#include <base/clock.h>
#include <http/loop.h>
#include <net/slots.h>
#include <troth/error.h>
#include <wire/message.h>

enum channel_binding { CHANNEL_HTTP, CHANNEL_BATCH };

#define CHANNEL_URLS_MAX           8u
#define CHANNEL_BATCH_COMMANDS_MAX 256u         /* commands of one request */
#define CHANNEL_BATCH_BYTES_MAX    (256u << 10) /* soft: one command may be larger */
#define CHANNEL_QUEUE_MAX          100000u      /* commands waiting; beyond: TROTH_ERROR_FULL */
#define CHANNEL_SLOTS_DEFAULT      16u
#define CHANNEL_SLOTS_MAX          10000u
#define CHANNEL_TIMEOUT_DEFAULT_US 30000000u /* of a command that has none */
/* So long a command waits in line, where the longest timeout of those in its phase is `longest_us`:
 * no whole number of times, so that its end and that of a silent call are never the same moment. */
#define CHANNEL_LINE_US(longest_us) ((longest_us)*5 / 2)
/* Between two probes while the breaker is open: doubles from the first to the longest. */
#define CHANNEL_PROBE_FIRST_US   UINT64_C(200000)
#define CHANNEL_PROBE_LONGEST_US UINT64_C(5000000)
#define CHANNEL_AVOID_US         1000000u /* a replica that could not be reached is passed over */
#define CHANNEL_SILENT_MAX       3u
#define CHANNEL_WORDS_MAX        256u /* kept of what was said last */
#define CHANNEL_PROBE_TIMEOUT_US 5000000u

/* What every request carries, asked for as it is written. Appends the oldest open gtids. `round`
 * counts the requests of this channel alone: who tells one shard a request goes round all of them
 * here, however many other channels there are. */
typedef void (*channel_oldest_open)(void *arg, uint32_t round, struct buffer *ret_list);
/* `result` and its spans are valid during the call. `sent` false: nothing left this process
 * (unreachable). */
typedef void (*channel_result)(void *arg, const struct result *result, bool sent);

/* The participant was reached again, or (false) is found to be down: it cannot be connected to, or
 * did not answer CHANNEL_SILENT_MAX times in a row. */
typedef void (*channel_heard)(void *arg, const char *name, bool is_up, const char *why);

/* The participant has seen an epoch of a shard that is newer than that of a command's gtid. */
typedef void (*channel_epoch)(void *arg, uint32_t shard, uint32_t epoch);

/* The channels that have something to send: a turn costs what is active, not what is registered. */
struct channel;
TAILQ_HEAD(channel_list, channel);

struct reach;
struct channel_config {
    const char *name;
    enum channel_binding binding;
    const char *urls[CHANNEL_URLS_MAX]; /* replicas over one database; NULL-terminated when fewer */
    uint32_t slots;                     /* phase 1 until the participant announces its own number */
    uint32_t phase2_connections;
    uint64_t connect_timeout_us;
    struct http_tls *tls;      /* for https URLs; it outlives the channel; may be NULL */
    const char *token_file;    /* whose first token every request shows; NULL: none. While there is
                                  none in it nothing is sent */
    const struct reach *reach; /* whom it may call; NULL: anybody. It outlives the channel */
    bool plain_tokens;         /* a token may go over the network in plain HTTP */
    const char *journal;       /* the journal's id */
    channel_oldest_open oldest_open;
    channel_result result;
    channel_heard heard; /* may be NULL */
    channel_epoch epoch; /* likewise */
    void *arg;
    struct channel_list *due; /* it enters itself there; NULL: the host flushes it every turn */
    uint64_t *bytes; /* the memory of its commands is added here while they have no result; may be
                        NULL */
};

TROTH_MUST_CHECK int channel_create(struct http_loop *loop, const struct channel_config *config,
                                    struct channel **ret_channel);
/* Commands not yet answered get no result any more. Nobody waits for or holds a slot of it. Not
 * from inside a result. Takes NULL. */
void channel_destroy(struct channel *channel);
/* Another registration of the same participant: binding, URLs and slots are those of `taken`, a
 * fresh channel, which is gone then. What waits goes the new way, requests under way end where they
 * are, slots that are held or waited for stay so. Not from inside a result. */
void channel_replace(struct channel *channel, struct channel *taken);

/* So many nodes call the participant: each uses its part of its slots and places, at least one. One
 * at first. Not from inside a result. */
void channel_share(struct channel *channel, uint32_t nodes);

/* Copies. Exactly one result comes: at the latest at the deadline (of the monotonic clock; 0:
 * none), and otherwise when no connection was free while the command waited in line, or when its
 * timeout has passed behind its leaving (a request of several commands may go on for those that
 * have longer). TROTH_ERROR_FULL, TROTH_ERROR_TOO_LARGE (the command can never be sent): no result
 * comes then. */
TROTH_MUST_CHECK int channel_send(struct channel *channel, const struct command *command,
                                  struct mono deadline);
/* Whether its requests can show the token that they are to show, if any; else *ret_why is why. */
bool channel_has_token(struct channel *channel, const char **ret_why);
/* Why one of its URLs may not be called, as far as that is known without asking for the address of
 * a name; NULL: it may. */
const char *channel_refusal(const struct channel *channel);
/* What waits in line, and is of a transaction of which `gone` says so, is not sent, and has no
 * result. What has left goes on. */
void channel_forget(struct channel *channel, bool (*gone)(void *arg, const troth_gtid *gtid),
                    void *arg);
/* Asks whether somebody is there, with a GET of each URL until one answers; any answer will do.
 * What comes of it is in the stats. */
void channel_probe(struct channel *channel);
/* Turns the queues into requests: call at the end of the turn, before http_loop_flush(). */
void channel_flush(struct channel *channel);
void channel_list_flush(struct channel_list *due);
/* Only what ends transactions: prepare and execute wait for the next channel_list_flush(), or for
 * the end of their time in line. */
void channel_list_flush_phase2(struct channel_list *due);

struct channel_stats {
    uint32_t slots; /* that this node may use */
    uint32_t slots_of_all;
    uint32_t slots_used;
    uint32_t places; /* branches from their grant to the end of phase 2's first try */
    uint32_t places_used;
    enum breaker_state breaker;
    uint32_t queued;
    uint32_t in_flight;      /* commands sent, not answered */
    bool reachable;          /* the last request was answered; true before the first */
    bool tried;              /* it was called once at least */
    bool announced;          /* `slots_of_all` is the participant's own number */
    struct wall answered_at; /* the last answer; 0: never */
    int answered_status;
    const char *answered_words; /* of one that was no success; "" */
    struct wall failed_at;      /* the last request without an answer; 0: never */
    const char *failed_words;
    const uint64_t *results; /* RESULT_COUNT of them: what calls ended with */
    uint64_t unsent;         /* of those with RESULT_UNKNOWN: nothing left this process */
};
void channel_stats(const struct channel *channel, struct channel_stats *ret_stats);

/* Its slots, places and breaker (net/slots.h), alive as long as the channel. */
struct slots_pool *channel_pool(struct channel *channel);

#endif
