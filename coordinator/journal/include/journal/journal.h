/* journal/journal.h: the durable memory, in PostgreSQL.
 *
 * Writes go through one lane: a libpq connection in pipeline mode. While a batch is in flight the
 * next one gathers; when its verdicts are there, the gathered one leaves. One COMMIT a batch; no
 * timer, no size to tune. Every write locks its shard's row, checks the epoch and gets its verdict
 * per row (protocol.md, section 1, rules 2 and 3); an unknown COMMIT is written again, by the
 * journal itself, until it has a verdict. Reads go over a second connection, so that a long list
 * never holds up a decision.
 *
 * Single-threaded, from the loop's thread; callbacks never come from inside a call unless it says
 * so. A lost connection is made again with backoff, without end; `state` callback says so. */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <base/clock.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/span.h>
#include <txn/record.h>

struct event_base;
struct journal;
struct resolver;

#define JOURNAL_SCHEMA_VERSION 12
#define JOURNAL_SHARDS_DEFAULT 16u
#define JOURNAL_BATCH_ROWS_MAX                                                                     \
    512u /* rows of one kind in one batch; the rest waits for the next                             \
          */
#define JOURNAL_QUEUE_DELETES_MAX 200000u /* rows gathered; beyond, events stay in the table */

/* What libpq makes of a conninfo or URI, as a conninfo, its secrets as ***. Connects to nothing.
 * TROTH_ERROR_CONFIG: it is none; `why` (may be NULL) gets a sentence. Appends to `ret_text`. */
struct buffer;
TROTH_MUST_CHECK int journal_conninfo_show(const char *conninfo, struct buffer *why,
                                           struct buffer *ret_text);

/* --- set-up: these block; for `trothd migrate` and the start --------------------------------- */

/* Applies what is missing of the migrations that are compiled in from sql/journal, each in a
 * transaction of its own, under a lock that makes two at once safe; creates the journal's id and
 * `shards` shards the first time (0: JOURNAL_SHARDS_DEFAULT; later another number is
 * TROTH_ERROR_INVALID). TROTH_ERROR_SCHEMA: the database is newer than this program.
 * TROTH_ERROR_CONFIG: the database could lose what it acknowledged (JOURNAL_UNSAFE_ALLOWED: that is
 * only said), or cannot hold the journal at all (another encoding than UTF8, a standby). `why`
 * (may be NULL) gets a sentence on failure, and a warning otherwise: empty when there is none. */
enum journal_unsafe { JOURNAL_UNSAFE_REFUSED, JOURNAL_UNSAFE_ALLOWED };
TROTH_MUST_CHECK int journal_migrate(const char *conninfo, uint32_t shards,
                                     enum journal_unsafe unsafe, struct buffer *why,
                                     uint32_t *ret_applied);

/* --- life ------------------------------------------------------------------------------------ */

enum journal_state {
    JOURNAL_CONNECTING, /* first connection, or again after a loss, or the lease was not renewed in
                           time by our own clock, or a batch fails again and again, or no write
                           succeeds for write_timeout_us: writes gather.
                           LEADING follows, without loading again, or FENCED when another node took
                           over meanwhile */
    JOURNAL_WAITING,    /* writes would go, but other nodes lead all shards */
    JOURNAL_LEADING,    /* some shards are led here: writes go */
    JOURNAL_FENCED,     /* no write will ever succeed: end this process */
    JOURNAL_STOPPED
};

/* Where a shard is, here. */
enum journal_shard_state {
    JOURNAL_SHARD_FOREIGN, /* another node leads it, or nobody does */
    JOURNAL_SHARD_TAKING,  /* its epoch was raised here; what is open of it is being loaded */
    JOURNAL_SHARD_LED,     /* loaded: its writes go */
    JOURNAL_SHARD_LEAVING  /* it is to be handed over: journal_give() */
};

struct journal_verdict {
    troth_gtid gtid;
    uint32_t epoch;
    enum txn_record_kind kind;
    uint32_t attempt;
    enum txn_verdict verdict;
    enum txn_decision standing; /* with TXN_ALREADY */
};

struct journal_callbacks {
    /* `why`: a sentence, static or borrowed for the call. */
    void (*state)(void *arg, enum journal_state state, const char *why);
    /* One for each record appended, in the order of the batches. */
    void (*verdict)(void *arg, const struct journal_verdict *verdict);
    /* Of a shard that is being taken: every open transaction. */
    void (*loaded)(void *arg, const struct txn_image *image);
    /* FOREIGN -> TAKING -> LED -> LEAVING -> FOREIGN; and from each of them FOREIGN at any time:
     * somebody else leads it. What was appended for it and has no verdict gets TXN_FENCED before
     * that, or behind it under the epoch that it had. `why`: as with `state`. May be NULL: then
     * what is LEAVING is given at once. */
    void (*shard)(void *arg, uint32_t shard, enum journal_shard_state state, const char *why);
    /* What to add to the monotonic clock for the database's wall clock, and by how much this node's
     * wall clock is ahead of that (negative: behind); before anything is loaded, and whenever one
     * of them changed. May be NULL. */
    void (*clock)(void *arg, int64_t wall_us, int64_t ahead_us);
    /* A record that the database will never take (a value it refuses: `why` says which), or a row
     * that cannot be read back when loading. It gets no verdict, since none would be true: the
     * transaction stays as the journal has it, later records of it are refused likewise, and an
     * operator looks at it. All others go on. May be NULL: then `state` is called with the state as
     * it is and a sentence that names the gtid. */
    void (*refused)(void *arg, const troth_gtid *gtid, enum txn_record_kind kind, uint32_t attempt,
                    const char *why);
};

struct journal_config {
    const char *conninfo;
    const char *node;       /* this node's name; taking over its own lease needs no waiting */
    const char *address;    /* a URL by which other nodes reach this one; shown to them */
    const char *public_key; /* of this process, in hexadecimal; shown to them */
    uint64_t lease_us;      /* length; renewed at a third, by a node that can write */
    /* A write without any word for so long is unknown: it is written again, over a new connection;
     * each further wait is twice as long, up to eight times. */
    uint64_t write_timeout_us;
    uint64_t lazy_delay_us; /* how long lazy rows may wait for company */
    /* What ended longer ago leaves, while this node leads, in small transactions over the reader's
     * connection, with the shard's forgotten mark; 0: nothing does. */
    uint64_t retention_us;
    enum journal_unsafe unsafe;   /* a database with fsync or full_page_writes off */
    uint64_t clock_difference_us; /* a clock that differs more from the database's: no lead */
    struct resolver *resolver;    /* looks up the hosts of the conninfo; borrowed. NULL: libpq does,
                                     and    blocks */
    struct journal_callbacks callbacks;
    void *arg;
};

/* Starts connecting, checks the schema version and whether the database and the session are fit for
 * a journal (else `state` FENCED, with what is wrong and the command that mends it), says that this
 * node is there, and takes its share of the shards, as they become free: raises the epoch of each
 * (protocol.md, section 1, rule 4), loads what is open of it. Who has more than his share hands
 * over, one shard at a time. */
TROTH_MUST_CHECK int journal_create(struct event_base *base, const struct journal_config *config,
                                    struct journal **ret_journal);
/* For a host that stops: every question that waits is answered now, with _UNAVAILABLE or _LOST as
 * below, and so are those asked later, from inside the call. Nothing else changes. */
void journal_hang_up(struct journal *journal);
/* Gives the lease back if it can at once. What is in flight gets no verdict. Takes NULL. Not from
 * inside a callback of this journal. */
void journal_destroy(struct journal *journal);

enum journal_state journal_state(const struct journal *journal);
/* Why it does not lead, or what hinders its writes, in the database's words where it has said any;
 * "" while all is well. For people; until the next turn. */
const char *journal_trouble(const struct journal *journal);
/* By our own clock the leases of all shards that are led here are ours, now: whoever speaks for
 * them looks here first, in the turn in which it speaks. false also where one only may be over (it
 * is being renewed, or the database is away): then nothing may leave, and nothing is lost. */
bool journal_leads(const struct journal *journal);
enum journal_shard_state journal_shard(const struct journal *journal, uint32_t shard);
/* LEAVING: nothing more is appended for it. When all of its rows have their verdicts it is given
 * to whom it is meant for, and is FOREIGN. */
void journal_give(struct journal *journal, uint32_t shard);
/* This node stops: its shards become LEAVING, all at once. false: there is no other node to take
 * them, and nothing changes. */
bool journal_leave(struct journal *journal);
const char *journal_id(
    const struct journal *journal); /* 16 hex digits; "" before the first connection */
uint32_t journal_shards(const struct journal *journal);
/* The one that was raised here; 0: the shard is FOREIGN. */
uint32_t journal_epoch(const struct journal *journal, uint32_t shard);

/* --- nodes: who else is there, as read with the last renewal --------------------------------- */

#define JOURNAL_NODES_MAX      64u  /* more are not looked at */
#define JOURNAL_NODE_TEXT_MAX  300u /* longer texts are cut */
#define JOURNAL_PUBLIC_KEY_LEN 64u

struct journal_node {
    char name[JOURNAL_NODE_TEXT_MAX];
    char address[JOURNAL_NODE_TEXT_MAX];
    char version[32];
    char public_key[JOURNAL_PUBLIC_KEY_LEN + 1];
    uint8_t owner[16]; /* its process */
    int32_t schema;
    struct wall started_at, seen_at; /* by the database's clock */
    struct wall steady_since;        /* since when it has said so without a pause */
    uint32_t shards;                 /* how many it leads */
    bool live;                       /* it said so within its lease's length */
    bool leaving;                    /* it stops, and takes no shards */
    bool self;
};
/* Those seen in the last hour, the live ones first, by name. Valid until the next turn. Empty
 * before the first reading. */
size_t journal_nodes(const struct journal *journal, const struct journal_node **ret_nodes);
/* Somebody showed himself as a node that is not among them: they are read again soon, however often
 * this is said. */
void journal_look(struct journal *journal);
/* Who leads a shard. NULL: nobody does, or it is not known: the last reading is older than a
 * lease. */
const struct journal_node *journal_holder(const struct journal *journal, uint32_t shard);

/* A participant has seen this epoch of the shard. One above ours: either another node leads, or the
 * journal went back (protocol.md, section 8); the lane looks, and the journal stops, with the
 * epochs raised where it went back. One that is absurdly high is ignored. */
void journal_epoch_seen(struct journal *journal, uint32_t shard, uint32_t epoch);

/* --- writes ---------------------------------------------------------------------------------- */

/* Copies. `row` goes with the record's statement when record->publishes, else NULL. The same gtid
 * may be appended again before its first verdict came: the journal keeps their order and puts them
 * into different batches where one statement could not hold both. There is no limit here: what was
 * begun has to be written. Who begins bounds it, by `gathered` of the stats. TROTH_ERROR_NO_MEMORY,
 * _FENCED (the journal has stopped, or the shard is not led here): nothing was taken. */
TROTH_MUST_CHECK int journal_append(struct journal *journal, const struct txn_record *record,
                                    const struct record_outbox_row *row);
/* The next outbox number of a shard, from 1 in each epoch. */
uint64_t journal_outbox_seq(struct journal *journal, uint32_t shard);
/* Lazy: the row was confirmed by Kafka. By id, under the epoch check. */
void journal_outbox_delete(struct journal *journal, const troth_gtid *gtid,
                           const uint8_t id[RECORD_OUTBOX_ID_BYTES]);
/* Sends the gathered batch if the lane is free. Call in every turn, after the stepping. */
void journal_flush(struct journal *journal);

struct journal_stats {
    uint64_t batches;
    uint64_t rows;
    uint32_t gathered; /* rows that wait, with those that are being written */
    uint64_t gathered_bytes;
    uint64_t unknown_commits; /* written again because the answer was lost */
    uint64_t forgotten;       /* transactions that left by age */
    uint32_t lost_shards;     /* taken over from a journal that may have gone back */
    uint32_t shards_led;
    uint64_t shards_given, shards_got; /* handed over to others, and by others to here */
    uint64_t shards_taken;             /* whose leader was gone */
    uint64_t shards_taken_us; /* of those: from the end of their leases to their being led here */
    uint64_t shards_lost;     /* taken by others from here */
    bool connected;
    bool writable;        /* no write has waited for longer than write_timeout_us */
    struct wall wrote_at; /* the last write that succeeded; 0: none yet */
};
void journal_stats(const struct journal *journal, struct journal_stats *ret_stats);

/* --- reads: answered by callback, exactly once, never from inside the call -------------------- */
/* error: 0, TROTH_ERROR_UNAVAILABLE (connection down: nothing is known), TROTH_ERROR_NOT_FOUND,
 * _TIMEOUT (a list over too much: narrow its filter), _INVALID (a value that the database cannot
 * hold), _SYNTAX (the row is damaged). A change of the registry whose answer was lost: _LOST or
 * _UNKNOWN, and it may be asked again. Only _NO_MEMORY comes from inside the call. After
 * journal_destroy() no answer comes any more: journal_hang_up() first, where somebody waits. */

/* Behind an error: what the database itself said last to a question, or when it was connected to;
 * "" when nothing went wrong yet. For people. */
const char *journal_words(const struct journal *journal);

struct journal_row {
    struct txn_image image;
    struct troth_span state;   /* "open" or "ended" */
    struct troth_span steps;   /* of the END record; absent before */
    struct troth_span history; /* likewise */
    struct wall ended_at;      /* 0: not yet */
    struct wall decided_at;    /* 0: not yet */
    bool unreadable;           /* in a list: damaged; only its gtid is sure */
};
typedef void (*journal_row_fn)(void *arg, int error, const struct journal_row *row);
void journal_get(struct journal *journal, const troth_gtid *gtid, journal_row_fn fn, void *arg);

/* Inquiry: epoch and rows in one statement (protocol.md, section 2 [INQ2STEP]). */
struct journal_inquiry {
    bool found;               /* a row of any kind */
    bool forgotten;           /* at or below the shard's forgotten mark */
    bool lost;                /* of an epoch under which rows may be missing */
    uint32_t shard_epoch;     /* now */
    struct txn_image image;   /* when found; decision is the one of the attempt asked for */
    uint32_t highest_attempt; /* when found */
};
typedef void (*journal_inquiry_fn)(void *arg, int error, const struct journal_inquiry *inquiry);
void journal_inquire(struct journal *journal, const troth_gtid *gtid, uint32_t attempt,
                     journal_inquiry_fn fn, void *arg);

/* found: TROTH_OK with the gtid and the hash of the request; else TROTH_ERROR_NOT_FOUND. */
typedef void (*journal_key_fn)(void *arg, int error, const troth_gtid *gtid,
                               struct troth_span hash);
void journal_key_find(struct journal *journal, uint32_t shard, struct troth_span key,
                      journal_key_fn fn, void *arg);

struct journal_filter {
    const char *state;       /* "open", "ended", NULL: any */
    const char *outcome;     /* NULL: any */
    const char *definition;  /* NULL: any */
    const char *participant; /* NULL: any */
    struct wall before;      /* began before; 0: any */
    struct wall after;       /* began then or later; 0: any */
    const char *label;       /* stands in `labels` so; NULL: any */
    bool has_range;          /* of gtids, both ends included */
    troth_gtid first, last;
    bool has_cursor;
    troth_gtid cursor; /* continue behind this one; the newest first: by gtid */
    uint32_t limit;    /* 1 … 1000 */
    /* Rows come with input, members, steps and history; else these are absent, and are not read. */
    bool payloads;
};
/* `row` for each, until that returns false (who asked has enough), then once with row NULL and the
 * error (0: the end). Rows are read in windows, bounded in number and, with payloads, in bytes (one
 * row at least). A filter by outcome, definition, participant, label or gtid looks through the
 * history, newest first; between two windows other questions are answered; for ten seconds: then
 * TROTH_ERROR_TIMEOUT behind what was found. */
typedef bool (*journal_list_fn)(void *arg, int error, const struct journal_row *row);
void journal_list(struct journal *journal, const struct journal_filter *filter, journal_list_fn fn,
                  void *arg);

/* --- the outbox: what Kafka has not confirmed ------------------------------------------------- */

struct journal_place { /* behind which row to go on; `begun` false: at the beginning */
    bool begun;
    uint32_t shard, epoch;
    uint64_t seq;
};
/* `row` for each of a page in the order of (shard, epoch, seq), then `fn` with row NULL and the
 * error. A page has 200 rows, or fewer when they are large (one at least), or when
 * it is the last: then `more` is false. */
typedef void (*journal_event_fn)(void *arg, int error, const struct record_outbox_row *row,
                                 bool more);
/* Of the shards that are led here. */
void journal_events(struct journal *journal, const struct journal_place *behind,
                    journal_event_fn fn, void *arg);
/* One: row, or the error (TROTH_ERROR_NOT_FOUND). */
void journal_event_get(struct journal *journal, const troth_gtid *gtid,
                       const uint8_t id[RECORD_OUTBOX_ID_BYTES], journal_event_fn fn, void *arg);
/* An operator gives it up. Durable when fn comes; 0 also when it was gone. */
void journal_event_discard(struct journal *journal, const troth_gtid *gtid,
                           const uint8_t id[RECORD_OUTBOX_ID_BYTES], journal_event_fn fn,
                           void *arg);

/* --- registry: definitions, participants, API keys. Small; the daemon keeps them in memory
 * ------------
 */

enum journal_registry { JOURNAL_DEFINITION, JOURNAL_PARTICIPANT, JOURNAL_API_KEY };
struct journal_entry {
    enum journal_registry what;
    struct troth_span name;
    uint32_t version;       /* definitions; 0 for others */
    struct troth_span body; /* JSON as it was put */
    struct wall updated_at; /* of an API key: when it was used last, 0: never */
    bool hidden;            /* a definition that was deleted: its text stays while it is needed */
};
typedef void (*journal_entry_fn)(void *arg, int error, const struct journal_entry *entry);
/* All entries, then fn with entry NULL; also of a node that leads nothing. From here on no change
 * comes in that this process asked for before and whose answer was lost. */
void journal_registry_load(struct journal *journal, journal_entry_fn fn, void *arg);
/* Whether it was changed since it was loaded, by another node, or by a change of this one that was
 * not alone. */
typedef void (*journal_changed_fn)(void *arg, int error, bool changed);
void journal_registry_look(struct journal *journal, journal_changed_fn fn, void *arg);
/* Definition: inserted once; TROTH_ERROR_EXISTS when another body stands under name and version
 * (the same body is 0, as is any where a hidden one stands). Others: inserted or replaced.
 * Durable when fn comes. TROTH_ERROR_CONFLICT: nothing was done, the registry was read again
 * since: load it. */
void journal_registry_put(struct journal *journal, const struct journal_entry *entry,
                          journal_entry_fn fn, void *arg);
/* A definition (version 1 …) is hidden, another one (version 0) is gone. TROTH_ERROR_NOT_FOUND,
 * _CONFLICT. */
void journal_registry_delete(struct journal *journal, enum journal_registry what,
                             struct troth_span name, uint32_t version, journal_entry_fn fn,
                             void *arg);
/* It was used a moment ago; nobody hears whether that was written. */
void journal_api_key_used(struct journal *journal, struct troth_span name);
/* A hidden definition is gone, unless a row that has not ended runs it (TROTH_ERROR_NOT_FOUND). */
void journal_definition_forget(struct journal *journal, struct troth_span name, uint32_t version,
                               journal_entry_fn fn, void *arg);

#endif
