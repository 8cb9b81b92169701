/* state.h: what all of the driver's files share: struct driver. */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <api/node_key.h>
#include <base/buffer.h>
#include <base/clock.h>
#include <definition/definition.h>
#include <journal/journal.h>
#include <net/channel.h>
#include <outbox/outbox.h>
#include <troth/id.h>
#include <troth/span.h>
#include <txn/txn.h>
#include <wire/message.h>

#include "admission.h"
#include "again.h"
#include "config.h"
#include "counting.h"
#include "owners.h"
#include "pace.h"

struct definition_slot;
struct entry;
struct key;
struct event;
struct event_base;
struct http_tls;
struct participant;
struct reach;

struct driver;

#define DRIVER_BUCKETS (1u << 16)

LIST_HEAD(watcher_list, watcher);

/* Something that came up during a step: handled at the turn's end, never from inside. */
struct deferred {
    troth_gtid gtid;
    enum txn_event_kind kind;
    enum message_op op;
    enum message_result result;
    uint32_t branch;
    uint32_t attempt;
    bool unsent;
    bool down;
    struct troth_span reason; /* static, or in the entry's arena; may be absent */
};

/* Lines of one kind in the log (notice.c). */
enum notice {
    NOTICE_PARKED,
    NOTICE_RESUMED,
    NOTICE_FELL_BACK,
    NOTICE_MIXED,
    NOTICE_TRY,
    NOTICE_PARTICIPANT,
    NOTICE_REFUSED,
    NOTICE_RESOLVED,
    NOTICE_COUNT
};

struct notice_flow {
    uint64_t begun_us; /* of the window */
    uint32_t lines;
    uint32_t left_out;
};

/* Where a shard is in this node (handover.c). */
enum shard_life {
    SHARD_AWAY,
    SHARD_LOADING, /* what is open of it comes in */
    SHARD_LOADED,  /* all is there, and goes on when the registry has all that it needs */
    SHARD_OPEN,    /* led */
    SHARD_CLOSING  /* being handed over: nothing new is accepted */
};

struct shard {
    enum shard_life life;
    uint64_t counter;
    struct entry *oldest, *newest;
    uint64_t round;       /* of the registry, when it was taken … */
    bool reading;         /* … and it is read once more for it */
    struct mono leave_by; /* CLOSING: then it is not waited for any longer */
    bool left;            /* CLOSING: all have been told to leave … */
    bool given;           /* … have done so, and the journal may give it */
};

/* What stands above who calls it. */
struct driver_hooks {
    void (*timer)(struct entry *entry);
    void (*result)(void *arg, const struct result *result, bool sent);
    /* One entry of the registry, as the journal has it; NULL: all were there. */
    void (*registry)(struct driver *driver, const struct journal_entry *entry);
};

struct driver {
    struct driver_hooks hooks;
    struct event_base *base;
    struct http_loop *http;
    const struct http_server *server; /* NULL: none yet */
    struct api *api;                  /* likewise */
    struct http_tls *tls;             /* of calls to participants; NULL: https is not served */
    struct http_tls *tls_nodes;       /* of calls to other nodes */
    const struct reach *reach;        /* whom they may go to; NULL: anybody */
    const struct config *config;
    struct journal *journal;
    struct outbox *outbox;
    enum config_outbox outbox_mode;
    const char *const *kafka_properties; /* more of librdkafka's; NULL: none */
    struct journal_place events_place;   /* of the reading under way (events.c) */
    bool events_reading;
    struct mono events_not_before; /* behind a failure */
    struct txn_policy policy;
    struct slots *slots;
    struct late journal_late;          /* what records wait for that are waited for */
    struct event *slots_again;         /* a claim ends, a wary participant may be tried */
    struct participant **participants; /* by name */
    uint32_t participants_count, participants_cap;
    uint32_t participants_coming;         /* room that changes under way have reserved */
    struct definition_slot **definitions; /* by name and version */
    uint32_t definitions_count, definitions_cap, definitions_coming;
    struct definition_slot *hidden; /* deleted definitions that are needed */
    struct owners families;         /* definitions by name, hidden ones with them */
    struct owners callers;          /* of open transactions, by where they come from */
    struct share interactive;
    struct admission admission;
    struct channel_list channels_due;
    struct key **keys; /* API keys, by name */
    uint32_t keys_count;
    bool registry_loaded, registry_loading;
    uint64_t registry_round; /* counts loads */
    struct event *registry_again, *registry_look;
    bool registry_looking;
    struct entry **by_gtid; /* DRIVER_BUCKETS */
    struct entry **by_key;
    struct entry *dead;
    struct watcher_list watchers; /* all of them */
    struct again_paces again;  /* of participants to which something waits to be said again … */
    struct event *again_timer; /* … and while there are any */
    struct event *gate_timer;  /* while anybody waits before a gate */
    bool gate_armed;
    struct event *watch_timer; /* while there are any */
    struct event *close_again; /* while a shard is being handed over */
    struct shard shards[TROTH_SHARDS_MAX];
    uint32_t shards_count;
    uint32_t next_shard;
    uint8_t node_private[NODE_KEY_BYTES]; /* shards.h */
    char node_public[2 * NODE_KEY_BYTES + 1];
    struct passing_peer *peers; /* other nodes (passing.c) */
    uint32_t next_peer;
    uint32_t nodes_leading; /* shards, as last looked at share_at_us or before */
    uint64_t share_at_us;
    uint32_t open;
    uint64_t open_bytes;    /* memory of open transactions (room.c) … */
    uint64_t command_bytes; /* … and of their commands that wait or are under way */
    uint64_t random;
    bool draining;
    bool finishing; /* it is being destroyed */
    bool joined;    /* the journal can be written, and who leads what was looked at */
    bool recovered; /* what was loaded by then was stepped, once */
    bool failed;
    bool fenced; /* failed, because somebody else leads */
    char why[256];
    struct deferred *deferred;
    size_t deferred_count, deferred_cap;
    struct metrics metrics;
    struct notice_flow notices[NOTICE_COUNT];
    /* The step under way. */
    struct txn_effects *effects;
    struct buffer texts, scratch, row_texts, row_topic_key;
    struct buffer view_texts;        /* borrowed by who makes a view (answer.c) */
    struct definition_values values; /* of the transaction whose step's effects are handled */
    bool values_known;
    int refused; /* why the client's request that is being stepped was; 0: it was not */
};

/* For jitter and seeds. */
uint64_t driver_random(struct driver *driver);
/* Handled at the turn's end. Without memory it is dropped: the core's timers come round to it. */
void driver_defer(struct driver *driver, const struct deferred *deferred);
/* The process must end; the first reason stays. */
void driver_fail(struct driver *driver, const char *why);
/* The registry is loaded, and what was loaded of the shards goes on: requests are served, of what
 * is led here. */
bool driver_serving(const struct driver *driver);
/* Nothing that was taken waits to go on. */
bool driver_settled(const struct driver *driver);
/* The journal told that this process can never lead (another one has its name, the schema is not
 * ours, the journal went back): it must end. `why` gets the sentence. */
bool driver_failed(const struct driver *driver, const char **ret_why);

#endif
