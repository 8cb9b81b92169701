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
    uint64_t timeout_us;       /* to answer, once it has left */
    uint64_t deadline_us;      /* its transaction's; UINT64_MAX: none */
    uint64_t until_us;         /* queued: it waits in line; else: it may be answered */
    bool has_left;             /* also one that is back in line, for another replica */
    bool has_timeout;          /* said by the host, so the participant is told */
    bool was_sent;             /* failed items */
    uint32_t lacking;          /* bit i: replica i has said that it lacks the operation */
    const char *reason;        /* failed items; static, or reason_copy */
    char *reason_copy;         /* its own; may be NULL */
    uint16_t said;             /* failed items */
    struct command command;    /* its spans point into bytes */
    char bytes[];
};

TAILQ_HEAD(items, item);

/* Phase 2 never waits behind phase 1. */
enum phase_number { PHASE_1, PHASE_2, PHASE_COUNT };

struct phase {
    struct items queue;
    uint32_t queued;
    uint32_t requests;   /* under way */
    uint64_t longest_us; /* timeout of those queued or under way, or of some a moment ago */
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

/* One URL of a route, with connections of its own for each phase. */
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
    uint32_t replica_next;      /* round robin */
    struct http_secrets *token; /* NULL: none is shown */
    bool plain_tokens;
    const struct reach *reach; /* NULL: anybody may be called */
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
    struct event *sweep;   /* looks at all until_us, at sweep_at_us or later */
    uint64_t sweep_at_us;
    uint32_t in_flight;
    uint32_t marks_round;          /* requests that asked for the oldest open gtids */
    struct slots_pool pool;        /* this node's part */
    uint32_t slots, places, nodes; /* of all of them, and how many they are */
    struct event *probe_again;     /* while the breaker is open */
    uint64_t probe_wait_us;
    bool reachable;
    bool announced;
    struct contact contact;
    struct buffer body;    /* of the request being written */
    struct buffer headers; /* values of the same */
    struct buffer scratch;
    struct buffer reason;
};

/* part.c: makes the pool, this node's part of what all have. */
void channel_take_part(struct channel *channel);

#endif
