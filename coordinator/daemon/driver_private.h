/* driver_private.h: what the driver's files share. See driver.h for what it is. */
#ifndef DAEMON_DRIVER_PRIVATE_H
#define DAEMON_DRIVER_PRIVATE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

#include <net/channel.h>
#include <txn/txn.h>

#include "admission.h"
#include "arena.h"
#include "driver.h"
#include "learn.h"
#include "log.h"
#include "owners.h"

#define DRIVER_BUCKETS (1u << 16)

struct entry;

/* --- what is registered, in memory (definitions.c, participants.c) --- */

struct gate_list {
    struct entry *first, *last;
};

struct definition_slot {
    struct driver *driver;
    struct definition_slot *next; /* hidden ones */
    struct definition *definition;
    struct owner *family; /* its name's, with its seats */
    struct learn learn;
    struct learn_steps steps;        /* count 0: not looked at yet */
    struct gate_list before, inside; /* its gate (gate.c); the first has been there longest */
    uint32_t inside_count;
    uint64_t inside_us;     /* how long they are inside, on average */
    uint32_t order_version; /* of those inside */
    uint32_t refs;          /* open transactions that run it */
    bool hidden;            /* deleted; goes with its last reference */
    uint64_t round;         /* of the load that saw it last */
};

struct participant {
    char name[TROTH_NAME_LEN_MAX + 1];
    char binding[8];
    char *urls[CHANNEL_URLS_MAX];
    char *body;     /* as the journal has it */
    uint32_t slots; /* as registered; 0: the default */
    bool inquires;
    uint64_t conflicts;      /* answers */
    struct channel *channel; /* the same for as long as the participant is there */
    struct share share;      /* open: transactions in memory that have a branch here */
    bool deleting;           /* the journal is asked; new transactions do not see it any more */
    bool doubted;            /* and its answer was lost: the next load tells */
    uint64_t round;          /* of the load that saw it last */
};

/* --- one client that waits for an outcome (waiting.c) --- */

struct waiter {
    struct waiter *next;
    api_view_fn fn;
    void *arg;
    enum api_reply level;
    uint32_t enlists; /* waits for the acknowledgement of this branch; 0: for the outcome */
    bool fresh;
    bool aborts;       /* it said abort: an outcome of committed is a refusal */
    bool late;         /* its time was over, and nothing durable could be said */
    struct mono until; /* answered with the state reached by then */
};

/* --- clients that follow a transaction (watch.c) --- */

LIST_HEAD(watcher_list, watcher);

/* --- one open transaction (entry.c) --- */

/* A participant's words about a branch come again and again; buffers take turns, so that one that
 * the core still shows is never overwritten: those on the branch, on its abort of the attempt
 * before and on the fallback, and one for what comes in. */
#define ENTRY_REASONS 4u

struct entry_branch {
    struct mono prepare_at;          /* when its last prepare was sent */
    struct participant *participant; /* held: it stays as long as this does; NULL: not registered */
    struct slots_pool *place_at;     /* where a place is held; NULL: nowhere … */
    bool has_slot;                   /* … and a slot: until its phase 1 is over */
    uint32_t input_bytes;            /* of the input that its action was sent with last */
    char *reasons[ENTRY_REASONS];
    char *output; /* what the branch's output points to, when its participant gave it */
    size_t output_len;
};

/* Where a transaction that prepares in order is (gate.c). */
enum gate_place { GATE_OUTSIDE, GATE_BEFORE, GATE_INSIDE, GATE_ASIDE };

struct entry {
    struct driver *driver;
    struct txn txn;
    struct txn_origin origin;
    struct arena arena;
    struct definition_slot *definition; /* NULL: interactive */
    struct owner *caller;               /* NULL: not known (it began before a restart) */
    struct seat seat;
    struct txn_branch *branches;
    struct entry_branch *extra; /* one a branch */
    uint32_t branches_cap;
    struct slots_waiter slots;
    struct slots_pool **wanted; /* of slots; one a branch */
    uint32_t *wanted_branch;    /* which branch wanted[i] is for */
    struct waiter *waiters;
    struct watcher_list watchers;
    struct event timer;
    struct mono timer_at; /* 0: not armed */
    struct entry *gtid_next, *key_next;
    struct entry *older, *newer; /* of the same shard, by (epoch, counter) */
    struct entry *dead_next;
    struct entry *gate_next, *gate_prev;
    enum gate_place place;
    struct mono inside_since;
    uint32_t writes;                   /* records without a verdict */
    bool accepted, decided, completed; /* the core said that clients may be told so */
    bool is_probe;                     /* of what its definition has learnt (order.c) */
    bool looking_up;                   /* its idempotency key is being looked for; not begun */
    bool unloaded;                     /* what the journal has of it can not be driven: no steps */
    bool damaged;                      /* and not even be read */
    char *trouble;                     /* why it can not go on by itself: shown, and it is parked */
    bool ended;
    struct wall ended_at; /* as its END record says */
    bool dead;            /* on the list of those to be freed at the turn's end */
    struct record_outbox_row *rows[TXN_OUTCOME_COUNT]; /* made, by outcome; in the arena */
    struct buffer recovered_texts;                     /* the core's, after recovery */
    size_t outputs_bytes;                              /* of what its participants answered */
    size_t counted;                                    /* in the driver's open_bytes */
};

/* Why a client's transaction, or a branch that would enlist, was refused with 503. */
enum refusal {
    REFUSAL_STOPPING,
    REFUSAL_SEATS,
    REFUSAL_BYTES,
    REFUSAL_OUTBOX,
    REFUSAL_JOURNAL_QUEUE,
    REFUSAL_JOURNAL_UNWRITABLE,
    REFUSAL_COUNT
};

/* Counted since the process started (metrics.c). */
struct metrics {
    struct wall started_at;
    uint64_t transactions[TXN_MODE_COUNT][TXN_OUTCOME_COUNT];
    uint64_t mixed;
    uint64_t fallbacks[TXN_CAUSE_COUNT];
    uint64_t compensations, parked_steps, resumed_steps;
    uint64_t attempts_parallel, attempts_ordered; /* of two-phase commit, whose prepares began */
    uint64_t refused[REFUSAL_COUNT];
};

/* How a transaction stood before a step. */
struct metrics_mark {
    enum txn_state state;
    enum txn_outcome outcome;
    uint64_t compensated, parked, parked_aborts; /* branches */
    uint32_t attempt, conflicts;
};

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
    NOTICE_COUNT
};
struct notice_flow {
    uint64_t begun_us; /* of the window */
    uint32_t lines;
    uint32_t left_out;
};

struct shard {
    uint64_t counter;
    struct entry *oldest, *newest;
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
    const struct config *config;
    struct journal *journal;
    struct outbox *outbox;
    enum config_outbox outbox_mode;
    struct journal_place events_place; /* of the reading under way (events.c) */
    bool events_reading;
    struct mono events_not_before; /* behind a failure */
    struct txn_policy policy;
    struct slots *slots;
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
    bool registry_loaded, registry_loading;
    uint64_t registry_round; /* counts loads */
    struct event *registry_again;
    struct entry **by_gtid; /* DRIVER_BUCKETS */
    struct entry **by_key;
    struct entry *dead;
    struct watcher_list watchers; /* all of them */
    struct event *gate_timer;     /* while anybody waits before a gate */
    bool gate_armed;
    struct event *watch_timer; /* while there are any */
    struct shard shards[TROTH_SHARDS_MAX];
    uint32_t shards_count;
    uint32_t next_shard;
    uint32_t open;
    uint64_t open_bytes;    /* memory of open transactions (room.c) … */
    uint64_t command_bytes; /* … and of their commands that wait or are under way */
    uint64_t random;
    bool draining;
    bool finishing; /* it is being destroyed */
    bool leading;
    bool recovered; /* the loaded transactions were stepped */
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
    struct definition_values values; /* of the transaction whose step's effects are handled */
    bool values_known;
    int refused; /* why the client's request that is being stepped was; 0: it was not */
};

/* clock.c */
struct txn_now driver_now(void);
/* The database's wall clock is the monotonic one and so much more; this node's own is ahead of it.
 */
void clock_follow(int64_t wall_us, int64_t ahead_us);
int64_t clock_ahead_us(void);

/* state.c */
uint64_t driver_random(struct driver *driver);
void driver_defer(struct driver *driver, const struct deferred *deferred);
void driver_fail(struct driver *driver, const char *why);

/* driver.c */
void driver_step(struct driver *driver, struct entry *entry, const struct txn_event *event);
void driver_on_timer(struct entry *entry);
/* A channel's callback. */
void driver_on_result(void *arg, const struct result *result, bool sent);

/* publishing.c */
/* The outbox needs the journal's id, so it is made when that is known. false: driver_fail was
 * called. */
bool driver_make_outbox(struct driver *driver);

/* steps.c */
enum txn_mode steps_mode(const struct definition *definition);
void steps_fill(const struct definition *definition, uint32_t index, struct txn_branch *branch);
struct definition_values *steps_values(struct driver *driver, const struct entry *entry);
void steps_forget_values(struct driver *driver);
int steps_runs(struct driver *driver, const struct entry *entry, uint32_t index, bool *ret_runs,
               const char **ret_why);
int steps_input(struct driver *driver, struct entry *entry, uint32_t index, enum message_op op,
                struct troth_span *ret_input, const char **ret_why);
bool steps_unknown_output(const struct entry *entry, uint32_t index);
const char *steps_operation(const struct entry *entry, uint32_t index, enum message_op op);

/* order.c */
void order_choose(struct entry *entry);
void order_step(struct entry *entry, const struct metrics_mark *before);
/* Before a result is stepped: counts conflicts, and learns how long a prepare in order took. */
void order_result(struct entry *entry, uint32_t index, const struct result *result);
/* What was learnt, as a member of an object: "prepare":{…}. */
void order_append(const struct definition_slot *slot, struct buffer *ret_members);
/* The participant that prepares last, as was learnt; NULL: none. */
const char *order_last(const struct definition_slot *slot);

/* effects.c */
void effects_handle(struct driver *driver, struct entry *entry);

/* gate.c */
bool gate_init(struct driver *driver);
void gate_finish(struct driver *driver);
void gate_arm(struct driver *driver);
void gate_look(struct driver *driver, struct mono now);
bool gate_enter(struct entry *entry);
void gate_leave(struct entry *entry);

/* entry.c */
struct entry *entry_create(struct driver *driver, uint32_t branches_cap);
void entry_destroy(struct entry *entry);
void entry_insert(struct driver *driver, struct entry *entry); /* into the tables, by its origin */
void entry_remove(struct driver *driver, struct entry *entry);
void entry_bury(struct driver *driver, struct entry *entry); /* freed at the turn's end */
void entry_bury_all(struct driver *driver);
struct entry *entry_find(const struct driver *driver, const troth_gtid *gtid);
struct entry *entry_find_key(const struct driver *driver, struct troth_span key);
void entry_release(struct entry *entry, uint32_t index); /* its place, and its slot if it has one */
void entry_arm(struct entry *entry);
/* The slots that it asked for. */
void entry_reserve(struct entry *entry);
struct troth_span entry_keep_reason(struct entry *entry, uint32_t index, struct troth_span reason);
int64_t entry_branch_index(const struct entry *entry, uint32_t number);
uint32_t driver_shard_of_key(const struct driver *driver, struct troth_span key);
int driver_next_gtid(struct driver *driver, uint32_t shard, struct wall now, troth_gtid *ret_gtid);
void driver_oldest_open(void *arg, uint32_t round, struct buffer *ret_list);

/* room.c */
/* Brings the driver's count up to what the entry takes now. */
void room_count(struct entry *entry);
void room_leave(struct entry *entry);
/* One more with so many bytes of payload finds room; else the problem says why not. */
bool room_takes(const struct driver *driver, size_t payload, struct api_problem *problem);
uint64_t room_taken(const struct driver *driver);
/* A copy of a participant's output for this branch. false: no memory. Behind the step,
 * room_output_settle() frees it unless the branch has it now. */
bool room_output_copy(struct troth_span output, struct troth_span *ret_copy);
void room_output_settle(struct entry *entry, uint32_t index, struct troth_span copy);

/* answer.c */
/* Nothing was done, and nothing will be: say it only where that is certain. */
void problem_unavailable(struct api_problem *problem, const char *why);
/* It has begun, and how it ends is not known here; borrows the entry's gtid. */
void problem_unknown(struct api_problem *problem, const struct entry *entry, const char *why);
/* The lease is ours by our own clock, now. */
bool answer_may_leave(const struct driver *driver);
/* The timeline is for who looks at a transaction, not for who began it. */
void answer_entry(struct entry *entry, api_view_fn fn, void *arg, bool fresh);
/* For who watches: steps without outputs. */
void answer_progress(struct entry *entry, api_view_fn fn, void *arg);
void answer_entry_timeline(struct entry *entry, api_view_fn fn, void *arg, bool fresh);
void answer_row(const struct driver *driver, const struct journal_row *row, api_view_fn fn,
                void *arg, bool fresh);
/* For lists, whose lease is looked at when they begin. */
bool answer_listed(struct entry *entry, bool payloads, api_list_fn fn, void *arg);
bool answer_row_listed(const struct journal_row *row, api_list_fn fn, void *arg);
bool driver_ready(void *ctx, struct buffer *ret_details);

/* waiting.c */
void problem_too_late(struct api_problem *problem, const struct entry *entry, const char *what);
/* NULL: no memory. */
struct waiter *answer_wait(struct entry *entry, api_view_fn fn, void *arg, enum api_reply level,
                           bool fresh, uint64_t wait_us);
/* It need not wait any longer. */
void answer_now(struct entry *entry, struct waiter *waiter);
int answer_wait_enlisted(struct entry *entry, api_view_fn fn, void *arg, uint32_t branch);
/* error: 0, or why the core refused the enlistment. */
void answer_enlisted(struct entry *entry, uint32_t branch, int error);
/* Nothing goes on before an operator has looked: there is nothing to wait for. */
bool answer_is_stuck(const struct entry *entry, const struct waiter *waiter);
void answer_stuck(struct entry *entry);
void answer_level(struct entry *entry, enum txn_reply_level level);
/* false: somebody's time is over, and nothing was begun yet: the entry is to be given up. */
bool answer_overdue(struct entry *entry, struct mono now);
/* The coordinator stops, or gives this transaction up: each is told what is durable, or that it is
 * not known. */
void answer_stopped(struct entry *entry, const char *why);
struct mono answer_next(const struct entry *entry);
/* What the client asked for was told already, or is due now. */
bool answer_is_due(const struct entry *entry, enum api_reply level);
void answer_all(struct entry *entry, const struct api_problem *problem);

/* watch.c */
void watch_host(void *ctx, const troth_gtid *gtid, api_progress_fn fn, void *arg);
void unwatch_host(void *ctx, void *arg);
/* After each step of an entry with watchers: tells what is new. */
void watch_step(struct entry *entry);
/* The entry leaves the memory: the last word to its watchers. */
void watch_buried(struct entry *entry);
/* The coordinator stops: the last word to all others. */
void watch_finish(struct driver *driver);

/* submit.c, commands.c, queries.c: what api_host asks for */
/* What waits for the journal is below its limits. */
bool submit_journal_has_room(const struct driver *driver);
/* false: *problem, and it was counted and told of. */
bool submit_journal_takes(struct driver *driver, struct api_problem *problem);
void submit_host(void *ctx, const struct api_submit *submit, api_view_fn fn, void *arg);
void commands_enlist(void *ctx, const troth_gtid *gtid, const struct api_enlist *enlist,
                     api_view_fn fn, void *arg);
void commands_commit(void *ctx, const troth_gtid *gtid, const uint32_t *branches, uint32_t count,
                     enum api_reply reply, uint64_t wait_us, api_view_fn fn, void *arg);
void commands_abort(void *ctx, const troth_gtid *gtid, uint64_t wait_us, api_view_fn fn, void *arg);
void commands_retry(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg);
void queries_get_as(struct driver *driver, const troth_gtid *gtid, api_view_fn fn, void *arg,
                    bool fresh);
void queries_get(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg);
void queries_list(void *ctx, const struct api_list *list, api_list_fn fn, void *arg);
void queries_inquire(void *ctx, const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                     struct troth_span journal, api_answer_fn fn, void *arg);

/* seats.c */
/* It is made, and in no table yet. false: *problem names who has none left. */
bool seats_admit(struct entry *entry, struct api_problem *problem);
/* One that is open already, whatever the limits are now. */
void seats_take(struct entry *entry);
void seats_leave(struct entry *entry);
const char *seats_kind_name(enum seat_kind kind);
/* As a member of an object: "seats":{…}, of one owner, or of all. */
void seats_append(const struct driver *driver, enum seat_kind kind, const struct share *share,
                  struct buffer *ret_members);
void seats_append_all(const struct driver *driver, struct buffer *ret_members);

/* listing.c */
bool listing_in_memory(const struct api_list *list);
/* Without the end. */
/* false: who asked wants no more. */
bool listing_entries(struct driver *driver, const struct api_list *list, api_list_fn fn, void *arg);
bool listing_in_range(const struct api_list *list, const troth_gtid *gtid);
void listing_from_memory(struct driver *driver, const struct api_list *list, api_list_fn fn,
                         void *arg);

/* metrics.c */
struct metrics_mark metrics_mark(const struct txn *txn);
/* After each step: counts what is new since `before`. */
void metrics_count(struct metrics *metrics, const struct txn *txn,
                   const struct metrics_mark *before, enum txn_event_kind event);
/* A fallback counts when the write that ends the attempt is durable. */
bool metrics_fell_back(const struct txn *txn, const struct metrics_mark *before);
bool metrics_is_parked(const struct txn *txn);
uint64_t metrics_parked(const struct driver *driver);
void metrics_host(void *ctx, struct buffer *ret_text);

/* notice.c: lines in the log. After each step; behind an answer that was none; when a participant's
 * reachability has changed. */
void notice_step(struct entry *entry, const struct metrics_mark *before, enum txn_event_kind event);
void notice_try(struct entry *entry, const struct txn_branch *branch, const struct result *result);
void notice_participant(struct driver *driver, const char *name, bool is_up, const char *why);
/* A client's transaction is refused with 503. */
void notice_refused(struct driver *driver, const char *why);

/* registry.c */
void registry_load(struct driver *driver);
void registry_finish(struct driver *driver);
/* A change that the journal did not confirm. Sets *problem; the registry is read again. true: it
 * is not known whether it was done; false: it was not. */
bool registry_refused(struct driver *driver, int error, struct api_problem *problem);

/* definitions.c */
struct definition_slot *registry_definition(const struct driver *driver, const char *name,
                                            uint32_t version);
/* Also a hidden one: for what began while it was not. */
struct definition_slot *registry_definition_of(struct driver *driver, const char *name,
                                               uint32_t version);
void registry_hold(struct definition_slot *slot);
void registry_let_go(struct definition_slot *slot);
/* A slot for it, and room in the table. Takes the definition. NULL: no memory. */
struct definition_slot *definitions_make(struct driver *driver, struct definition *taken);
/* One that is in no table. Takes NULL. */
void definitions_destroy(struct definition_slot *slot);
/* Into the table, in the room that was made for it; out of it; among the hidden ones. */
void definitions_insert(struct driver *driver, struct definition_slot *slot);
void definitions_take_out(struct driver *driver, const struct definition_slot *slot);
void definitions_hide(struct driver *driver, struct definition_slot *slot);
/* Where it is in their list; the list's end where it is not. */
struct definition_slot **definitions_find_hidden(struct driver *driver, const char *name,
                                                 uint32_t version);
/* A hidden one that nothing runs any more: it goes, here and in the journal. */
void definitions_forget(struct definition_slot *slot);
void definitions_load(struct driver *driver, const struct journal_entry *entry);
void definitions_loaded(struct driver *driver);
void definitions_recovered(struct driver *driver);
void definitions_finish(struct driver *driver);
const struct definition *registry_host_definition(void *ctx, const char *name, uint32_t version);
const struct definition *registry_host_definition_behind(void *ctx, const char *name,
                                                         uint32_t version);
void registry_host_definition_status(void *ctx, const struct definition *definition,
                                     struct buffer *ret_members);
void registry_host_definition_put(void *ctx, struct definition *taken, api_done_fn fn, void *arg);
void registry_host_definition_delete(void *ctx, const char *name, uint32_t version, api_done_fn fn,
                                     void *arg);

/* events.c */
/* Reads the outbox's table while the outbox wants it. */
void events_turn(struct driver *driver);
uint32_t events_list(void *ctx, uint32_t limit, api_event_fn fn, void *arg);
void events_get(void *ctx, const uint8_t *id, api_event_fn fn, void *arg);
void events_resend(void *ctx, const uint8_t *id, api_done_fn fn, void *arg);
void events_discard(void *ctx, const uint8_t *id, api_done_fn fn, void *arg);

/* participants.c */
struct participant *participants_find(const struct driver *driver, const char *name);
/* The next by name, whether there is one of that name or not; NULL: it would be the last. */
struct participant *participants_behind(const struct driver *driver, const char *name);
/* The same, without those that are being deleted: for what begins to need it. */
struct participant *registry_participant(const struct driver *driver, const char *name);
/* One that is not in the table yet. TROTH_ERROR_CONFIG: a URL that can not be called. */
TROTH_MUST_CHECK int participants_make(struct driver *driver, const struct api_participant *from,
                                       struct troth_span body,
                                       struct participant **ret_participant);
void participants_destroy(struct participant *participant);
/* Room for one more, so that participants_apply() can not fail. */
TROTH_MUST_CHECK int participants_reserve(struct driver *driver);
/* Into the table, or its registration into the one of that name; which it is now. Takes it. */
struct participant *participants_apply(struct driver *driver, struct participant *taken);
void participants_remove(struct driver *driver, struct participant *participant);
void participants_finish(struct driver *driver);
/* The participant of a branch, held from now on; NULL while there is none of that name. */
struct participant *participants_of(struct entry *entry, uint32_t index);
void participants_hold(struct entry *entry);
void participants_let_go(struct entry *entry);
const struct entry *participants_example(const struct driver *driver,
                                         const struct participant *participant);

/* participant_changes.c */
void participants_load(struct driver *driver, const struct journal_entry *entry);
void participants_loaded(struct driver *driver);
bool registry_host_participant(void *ctx, const char *name, struct api_participant *ret);
bool registry_host_participant_behind(void *ctx, const char *name, struct api_participant *ret);
void registry_host_participant_status(void *ctx, const char *name, struct buffer *ret_members);
void registry_host_participant_put(void *ctx, const struct api_participant *participant,
                                   api_done_fn fn, void *arg);
void registry_host_participant_delete(void *ctx, const char *name, bool force, api_done_fn fn,
                                      void *arg);

/* recovery.c */
void recovery_loaded(void *arg, const struct txn_image *image);
void recovery_run(struct driver *driver);
/* A row that the journal itself can not read back. */
void recovery_unreadable(struct driver *driver, const troth_gtid *gtid, const char *why);
/* An operator says: again. false: it is as before. */
bool recovery_again(struct driver *driver, struct entry *entry);

/* trouble.c */
/* For people, from now on; logged. Without memory for the words it is parked all the same. */
void trouble_set(struct entry *entry, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trouble_clear(struct entry *entry);
bool entry_is_parked(const struct entry *entry);
const char *entry_state_name(const struct entry *entry);
/* As txn_failure_tell(), or the trouble. */
void trouble_failure_append(const struct entry *entry, struct buffer *object);
void problem_trouble(struct api_problem *problem, const struct entry *entry);

#endif
