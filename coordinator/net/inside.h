/* inside.h: a channel from the inside: lanes, requests under way, the commands in them.
 *
 * A command is an item in exactly one place: its lane's queue, the open list of a request, or the
 * channel's list of those that failed and wait for the next event to be told. */
#ifndef NET_INSIDE_H
#define NET_INSIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <http/client.h>
#include <net/channel.h>

struct event;
struct outbound;

struct item {
    TAILQ_ENTRY(item) link;
    struct outbound *outbound; /* NULL: queued or failed */
    uint64_t deadline_us;
    bool has_timeout;       /* said by the host, so the participant is told */
    bool was_sent;          /* failed items */
    uint32_t lacking;       /* bit i: replica i has said that it lacks the operation */
    const char *reason;     /* failed items; static, or reason_copy */
    char *reason_copy;      /* its own; may be NULL */
    uint16_t said;          /* failed items */
    struct command command; /* its spans point into bytes */
    char bytes[];
};

TAILQ_HEAD(items, item);

/* Phase 2 never waits behind phase 1. */
enum phase_number { PHASE_1, PHASE_2, PHASE_COUNT };

struct phase {
    struct items queue;
    uint32_t queued;
    uint32_t requests; /* under way */
};

struct outbound {
    TAILQ_ENTRY(outbound) link;
    struct channel *channel;
    struct route *route; /* held */
    enum phase_number phase;
    struct items open; /* not yet answered */
    struct http_call *call;
    uint32_t replica;
    uint32_t passed;  /* the last that could not be reached */
    uint32_t tried;   /* replicas */
    uint32_t lacking; /* replicas that lack the operation of one of its commands */
    bool slots_read;  /* the announcement in the reply's headers */
};

TAILQ_HEAD(outbounds, outbound);

/* TLS will be a peer's own affair (http/conn.c), a breaker will stand before replica_choose(). */
struct replica {
    struct http_peer *peers[PHASE_COUNT];
    uint64_t avoid_until_us;
};

/* What was heard of the participant last (contact.c). */
struct contact {
    bool tried;
    bool down;       /* as the host was told */
    uint32_t silent; /* requests in a row that were sent and not answered */
    struct wall answered_at, failed_at;
    int answered_status;
    char answered_words[CHANNEL_WORDS_MAX + 1];
    char failed_words[CHANNEL_WORDS_MAX + 1];
    uint64_t results[RESULT_COUNT];
    uint64_t unsent;
    struct http_call *probe; /* under way */
    struct route *probed;    /* held while it is */
    uint32_t probing;        /* which of its replicas */
};

/* Where requests go: see route.c. */
struct route {
    enum channel_binding binding;
    uint32_t refs; /* the channel's, and one of each request */
    struct replica replicas[CHANNEL_URLS_MAX];
    uint32_t replica_count;
    uint32_t replica_next; /* round robin */
};

struct channel {
    struct channel_config config;
    TAILQ_ENTRY(channel) due_link;
    bool is_due; /* on the list of those to be flushed */
    char name[TROTH_NAME_LEN_MAX + 1];
    char journal[TROTH_JOURNAL_ID_LEN + 1];
    struct http_loop *loop;
    struct route *route; /* of the registration in force */
    struct phase phases[PHASE_COUNT];
    struct outbounds outbounds;
    struct items failed;
    struct event *deliver; /* tells the failed */
    struct event *sweep;   /* looks at deadlines, at sweep_at_us or later */
    uint64_t sweep_at_us;
    uint32_t in_flight;
    uint32_t marks_round; /* requests that asked for the oldest open gtids */
    struct slots_pool pool;
    struct event *probe_again; /* while the breaker is open */
    uint64_t probe_wait_us;
    bool reachable;
    bool announced;
    struct contact contact;
    struct buffer body;    /* of the request being written */
    struct buffer headers; /* values of the same */
    struct buffer scratch;
    struct buffer reason;
};

/* route.c */
TROTH_MUST_CHECK int channel_route_create(struct http_loop *loop,
                                          const struct channel_config *config,
                                          struct route **ret_route);
void channel_route_drop(struct route *route);
uint32_t channel_route_choose(struct route *route, uint32_t lacking);
/* Bit `at`. */
bool channel_route_is_among(uint32_t replicas, uint32_t at);

/* contact.c */
void channel_contact_answered(struct channel *channel, const struct http_reply *reply);
/* was_sent false: no connection came about. */
void channel_on_probe_again(int fd, short what, void *arg);
void channel_contact_failed(struct channel *channel, const char *why, bool was_sent);
void channel_contact_counted(struct channel *channel, enum message_result result, bool was_sent);
/* Another registration: nothing is known of it yet. */
void channel_contact_forget(struct channel *channel);
void channel_probe_end(struct channel *channel);

/* channel.c. It has something to send, or may send what waits. */
void channel_is_due(struct channel *channel);
/* Out of whichever list it is in; freed after the host was told. */
void channel_item_answer(struct channel *channel, struct item *item, const struct result *result,
                         bool was_sent);
/* The same with RESULT_UNKNOWN, from the next event on. `reason` is copied; without memory for it
 * the trouble's name stands there. */
void channel_item_fail(struct channel *channel, struct item *item, enum message_trouble trouble,
                       const char *reason, bool was_sent);
struct result channel_item_result(const struct item *item, enum message_result kind);
/* Whoever was asked lacks its operation, and did nothing: back into the queue, for another replica.
 * false: there is none that was not asked. */
bool channel_item_elsewhere(struct item *item);
/* What is left of its time, 1 at least. */
uint64_t channel_item_left_us(const struct item *item, uint64_t now_us);

/* request.c. Takes items off the lane's queue into one request and sends it. */
void channel_outbound_start(struct channel *channel, enum phase_number phase);
void channel_outbound_free(struct outbound *outbound);

/* batch.c and rest.c: what the bindings do differently. */
struct binding {
    uint32_t commands_max; /* of one request */
    /* Writes body and headers from the open items, and calls the peer. */
    int (*call)(struct outbound *outbound, struct http_peer *peer);
    /* An answer (error 0); items still open afterwards are failed by the caller. */
    void (*answered)(struct outbound *outbound, const struct http_reply *reply);
};
extern const struct binding channel_binding_batch;
extern const struct binding channel_binding_http;

/* request.c, for the bindings. */
void channel_outbound_done(void *arg, int error, const struct http_reply *reply);
uint64_t channel_outbound_timeout_us(const struct outbound *outbound);
/* Troth-Journal and Troth-Oldest-Open into `headers`; how many. `text` keeps their values. */
uint32_t channel_outbound_headers(struct outbound *outbound, struct http_header headers[2],
                                  struct buffer *text);
void channel_outbound_read_slots(struct outbound *outbound, const struct http_reply *reply);
/* retry_after.c: 0: it does not say. */
uint64_t channel_outbound_retry_after_us(const struct http_reply *reply);
/* rest.c. The `detail` of a problem (RFC 9457), else the body's own text, in channel->reason. */
struct troth_span channel_refusal_reason(struct channel *channel, struct troth_span body);
/* words.c. 425, 429 and 503: nothing was done, again later. */
bool channel_is_not_now(const struct http_reply *reply);
/* `said 404 "no such route"`, in channel->reason. */
struct troth_span channel_said(struct channel *channel, const struct http_reply *reply);
/* The output in an answer, byte for byte; or none, and the reason says why (in channel->reason).
 * What was answered holds all the same: the work is done, and asking again would give the same. */
void channel_read_output(struct channel *channel, struct troth_span text, struct result *result);

#endif
