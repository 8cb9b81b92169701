/* api/api.h: the client API under /v1 (interfaces.md), one file per resource.
 *
 * The API knows HTTP and JSON; what it asks for goes through `struct api_host`, which the daemon's
 * driver implements. It checks shape, size and schema of what comes in before the host is called;
 * nothing is half done. Errors are application/problem+json (RFC 9457). */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stdint.h>

#include <api/identity.h>
#include <api/node_key.h>
#include <api/problem.h>
#include <base/clock.h>
#include <definition/definition.h>
#include <http/server.h>
#include <troth/id.h>
#include <troth/span.h>
#include <txn/txn.h>

#define API_IDEMPOTENCY_KEY_MAX 255u
#define API_LABELS_BYTES_MAX    4096u
#define API_WAIT_MAX_US         UINT64_C(300000000)

/* Watchers of all transactions and of one; one more is refused: 503, "full". Each holds a
 * connection, so http's connections_max bounds them too. What one has not read yet is bounded by
 * the server's budget (http/server.h), for itself by API_WATCHER_BYTES_MAX: who does not read is
 * told `dropped`, as the last event, and forgotten. */
#define API_WATCHERS_MAX                 1000u
#define API_WATCHERS_PER_TRANSACTION_MAX 32u
#define API_WATCHER_BYTES_MAX            (1u << 20)
/* Steps with outputs longer than this are shown in an `ended` without the outputs. */
#define API_ENDED_STEPS_BYTES_MAX (256u << 10)
/* How often a watcher hears something, even if nothing happens. */
#define API_WATCH_QUIET_US UINT64_C(15000000)

/* What a refusal says (RFC 9457): type is "https://troth.dev/problems/<slug>". Made by
 * api_problem_set() from the list in api/problem.h. */
struct api_problem {
    int status;
    const char *slug;       /* "unknown-definition"; static */
    const char *title;      /* static */
    char detail[512];       /* names what is wrong and where */
    uint32_t retry_after_s; /* 0: none */
    const troth_gtid *gtid; /* of the transaction it is about, shown with its Location; or NULL */
    const struct faults *faults; /* more than one fault: listed as "errors"; or NULL */
};

/* The cause in a failure that is the host's, behind those of the core (enum txn_cause): it cannot
 * go on by itself, and the reason says why. */
#define API_CAUSE_STUCK "stuck"

/* A transaction as GET shows it. Borrowed for the callback. */
struct api_view {
    const struct txn_origin *origin;
    uint32_t attempt;
    const char *state;
    enum txn_outcome outcome;
    struct wall ended_at;       /* 0: not yet */
    struct troth_span steps;    /* JSON array; absent in a list without payloads */
    struct troth_span failure;  /* JSON or absent */
    struct troth_span fallback; /* JSON, or absent or null: it did not fall back */
    struct troth_span history;  /* JSON array or absent */
    bool stored; /* from the journal's row: its texts are checked, and what cannot be read is shown
                    as damaged, so that one row spoils neither its own answer nor a whole list */
};
/* Exactly once a call, perhaps from inside it. problem NULL: view is there. `fresh` (submit): false
 * when an earlier transaction under the same idempotency key is shown. What the call lent to the
 * host may be gone once this was called. */
typedef void (*api_view_fn)(void *arg, const struct api_problem *problem,
                            const struct api_view *view, bool fresh);
/* One entry of a list: problem NULL and view; then once with view NULL, which is the end; a problem
 * is the end, too. false: no more is wanted, then only the end comes. */
typedef bool (*api_list_fn)(void *arg, const struct api_problem *problem,
                            const struct api_view *view);
typedef void (*api_done_fn)(void *arg, const struct api_problem *problem);

enum api_reply { API_REPLY_COMPLETED, API_REPLY_DECIDED, API_REPLY_ACCEPTED };

struct api_submit {
    const struct definition *definition; /* NULL: interactive */
    struct troth_span input;             /* checked; {} when absent in the request */
    struct troth_span labels;
    struct troth_span idempotency_key;
    char request_hash[65]; /* with a key: SHA-256 of the request's body, hex; else empty */
    struct troth_span traceparent;
    char caller[HTTP_CLIENT_TEXT_MAX]; /* who asks: where the request comes from */
    uint64_t timeout_us;               /* interactive; orchestrated: the definition's, or shorter */
    enum api_reply reply;
    /* Answer with the state reached after so long; 0: the host's default. With API_REPLY_ACCEPTED
     * and not 0 (Prefer: respond-async, wait=10) the host may wait so long for the outcome before
     * it says that the transaction is accepted. */
    uint64_t wait_us;
};

struct api_enlist {
    uint32_t branch;
    const char *participant;
    const char *operation;
    bool prepared; /* enlisting as already prepared is a vote */
};

/* An operator's word about a branch, or (forget) that what is owed is not told any more. */
#define API_BY_BYTES_MAX     128u
#define API_REASON_BYTES_MAX 500u
struct api_word {
    uint32_t branch; /* 0: the only one that waits for a word */
    enum txn_word as;
    bool force;
    struct troth_span by, reason;
};

struct api_list {
    const char *state, *outcome, *definition, *participant; /* NULL: any */
    struct wall before, after; /* began before, and then or later; 0: any */
    struct troth_span label;   /* `"name":"value"` as it stands among the labels; absent: any */
    struct troth_span key;     /* idempotency key: finds one at most; absent: any */
    bool has_range;            /* of gtids, both included: a prefix of one was given */
    troth_gtid first, last;
    bool has_cursor;
    troth_gtid cursor;
    uint32_t limit;
    bool in_doubt;  /* only those open with a branch that has not acknowledged its decision */
    bool in_memory; /* only what is in memory here: another node makes the list */
    bool payloads;  /* views come with steps and input; else without, and need not have them read */
};

struct api_participant {
    const char *name;
    const char *binding; /* "http" or "batch" */
    const char *urls[8];
    uint32_t slots;         /* 0: the default */
    const char *token_file; /* name of a file in participant_tokens; NULL: no token is shown */
};

/* Of one caller: who is known by a key, else the network that a request comes from; 0: none. */
struct api_limits {
    uint32_t requests; /* a second */
    uint32_t watchers; /* streams of events at a time */
    uint32_t failures; /* keys shown that are not valid, a minute, of one network */
};

/* An outcome event that Kafka will not take: set aside, and with it what its key has behind it. */
#define API_EVENT_ID_BYTES 16u
struct api_event {
    const uint8_t *id;
    troth_gtid gtid;
    const char *topic, *reason;
    struct troth_span key;
    uint64_t bytes; /* of its payload */
    struct wall made_at, set_aside_at;
    struct troth_span type, headers, payload; /* headers and payload: JSON. Absent in a list */
};
typedef void (*api_event_fn)(void *arg, const struct api_problem *problem,
                             const struct api_event *event);

#define API_KEYS_MAX     1000u
#define API_KEY_NAME_MAX 48u
struct api_key {
    const char *name;
    uint8_t hash[API_KEY_HASH_BYTES]; /* SHA-256 of its text */
    const char *scopes;               /* words of api/identity.h, separated by spaces */
    const char *created_by;
    struct wall created_at;
    struct wall expires_at; /* 0: never */
    struct wall used_at;    /* 0: never */
};

struct api_answer {
    const char *decision; /* "committed", "aborted", "undecided", "unknown" */
    uint32_t epoch;       /* the shard's, as known here */
};
typedef void (*api_answer_fn)(void *arg, const struct api_problem *problem,
                              const struct api_answer *answer);

/* What a watcher is told. */
enum api_progress_kind {
    API_PROGRESS_STATE,  /* .view: how it stands, without outputs; the first, then with each change
                            of state */
    API_PROGRESS_MOMENT, /* .moment: one more entry of the timeline, from its first one on */
    API_PROGRESS_QUIET,  /* nothing, for API_WATCH_QUIET_US: shows that the coordinator lives */
    API_PROGRESS_ENDED   /* .view with the whole timeline, durable: the last. Of a transaction that
                            had ended before, also the first */
};
struct api_progress {
    enum api_progress_kind kind;
    const struct api_view *view; /* borrowed for the callback */
    struct troth_span moment;    /* JSON object; borrowed for the callback */
};
/* problem not NULL: the last, too: there is no such transaction, or it cannot be told of (any
 * longer) here. Perhaps from inside watch(). Must not call the host's watch or unwatch. */
typedef void (*api_progress_fn)(void *arg, const struct api_problem *problem,
                                const struct api_progress *progress);

/* Another node, and what a request shows to it (pass.c). Borrowed until the host's next turn. */
#define API_NODE_TEXT_MAX 192u
struct api_node {
    const char *name;
    const char *key; /* its process's public key, in hexadecimal: who has it answers, or nobody */
};
enum api_whose {
    API_WHOSE_OURS,
    API_WHOSE_ANOTHERS, /* a node is given */
    API_WHOSE_NOBODYS   /* it changes hands, or nobody is known to have it: ask again in a moment */
};

struct http_call;
struct http_request;

struct api_host {
    void *ctx;
    /* Whoever is not known is refused; false: everybody may do everything. */
    bool authenticates;
    uint32_t own_uid; /* this user, and root, may do everything through a unix-domain socket */
    /* Whose API key has this hash. TROTH_ERROR_NOT_FOUND: nobody's (any longer);
     * TROTH_ERROR_UNAVAILABLE: keys are not known here yet. */
    int (*identify)(void *ctx, const uint8_t hash[API_KEY_HASH_BYTES],
                    struct api_identity *ret_identity);
    /* Longer ones are refused; 0: none is. */
    struct api_limits limits;
    uint64_t timeout_max_us;         /* of a transaction of a definition */
    uint64_t prepare_timeout_max_us; /* of prepares, and of an interactive transaction */
    /* false: this node knows nothing yet (it does not lead, or is still loading). Everything under
     * /v1 is answered 503 then: what is not known here may well exist. The calls below come only
     * while true. */
    bool (*serving)(void *ctx);
    /* Who answers for the gtid, else for the idempotency key, else (NULL, absent) for what begins.
     */
    enum api_whose (*whose)(void *ctx, const troth_gtid *gtid, struct troth_span key,
                            struct api_node *ret_node);
    /* The other live nodes, from 0 on. false: there is none more. */
    bool (*node_at)(void *ctx, uint32_t i, struct api_node *ret_node);
    /* http_peer_call() to that node; what that says. */
    int (*pass)(void *ctx, const struct api_node *node, const struct http_request *request,
                struct http_call **ret_call);
    /* What only this node and the one with that public key can make of the text, whoever that is.
     * false: it is no key, or there is no memory. */
    bool (*mac)(void *ctx, struct troth_span node, struct troth_span text,
                char ret_mac[NODE_MAC_TEXT_LEN + 1]);
    /* The journal names a node with that public key. false: not as far as is known; the journal is
     * asked again soon. */
    bool (*knows)(void *ctx, struct troth_span node);
    /* true, once for each number of the node with that public key; false also for one that is far
     * below the highest. */
    bool (*is_new)(void *ctx, struct troth_span node, uint64_t number);
    const char *node_key;   /* this process's public key; outlives the API */
    uint64_t reply_wait_us; /* how long a client waits that does not say */
    /* transactions; all strings borrowed for the call, the host copies */
    void (*submit)(void *ctx, const struct api_submit *submit, api_view_fn fn, void *arg);
    void (*enlist)(void *ctx, const troth_gtid *gtid, const struct api_enlist *enlist,
                   api_view_fn fn, void *arg);
    void (*commit)(void *ctx, const troth_gtid *gtid, const uint32_t *branches, uint32_t count,
                   enum api_reply reply, uint64_t wait_us, api_view_fn fn, void *arg);
    /* wait_us 0: the host's default. Answered at once where nothing goes on before an operator has
     * looked */
    void (*abort)(void *ctx, const troth_gtid *gtid, uint64_t wait_us, api_view_fn fn, void *arg);
    /* An operator says: what is parked is tried again. A problem when nothing is. */
    void (*retry)(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg);
    /* Durable when fn comes. */
    void (*resolve)(void *ctx, const troth_gtid *gtid, const struct api_word *word, api_view_fn fn,
                    void *arg);
    void (*forget)(void *ctx, const troth_gtid *gtid, const struct api_word *word, api_view_fn fn,
                   void *arg);
    void (*get)(void *ctx, const troth_gtid *gtid, api_view_fn fn, void *arg);
    /* list->state "open" (has a row in the journal, and has not ended) or "ended", or a state of
     * those in memory; "parked" also where only some of the steps are, or the abort of the attempt
     * before a fallback.
     * fn for each, at most list->limit. In a fixed order; with a cursor what comes behind it. */
    void (*list)(void *ctx, const struct api_list *list, api_list_fn fn, void *arg);
    void (*inquire)(void *ctx, const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                    struct troth_span journal, api_answer_fn fn, void *arg);
    /* fn again and again until the last (see there), or until unwatch with the same arg, which is
     * unlike that of every other watch. */
    void (*watch)(void *ctx, const troth_gtid *gtid, api_progress_fn fn, void *arg);
    void (*unwatch)(void *ctx, void *arg);
    /* definitions: from memory; version 0: the newest. NULL: none */
    const struct definition *(*definition)(void *ctx, const char *name, uint32_t version);
    /* The next in name and version order, whether that name and version is there or not; from ""
     * on. NULL: the end */
    const struct definition *(*definition_behind)(void *ctx, const char *name, uint32_t version);
    /* Appends how the first attempts of its transactions prepare now, as a member of an object:
     * "prepare":{…}. It is there. */
    void (*definition_status)(void *ctx, const struct definition *definition,
                              struct buffer *ret_members);
    /* Its name and version were not there when this was called; that it is still so is for the host
     * to see to. */
    void (*definition_put)(void *ctx, struct definition *taken, api_done_fn fn, void *arg);
    /* version is never 0 */
    void (*definition_delete)(void *ctx, const char *name, uint32_t version, api_done_fn fn,
                              void *arg);
    /* participants: from memory. false: none */
    bool (*participant)(void *ctx, const char *name, struct api_participant *ret_participant);
    /* The next in name order, whether that name is there or not; from "" on. false: the end */
    bool (*participant_behind)(void *ctx, const char *name,
                               struct api_participant *ret_participant);
    /* appends what is known of it now, `"slots":16,…`, as members of a JSON object, or nothing */
    void (*participant_status)(void *ctx, const char *name, struct buffer *ret_members);
    void (*participant_put)(void *ctx, const struct api_participant *participant, api_done_fn fn,
                            void *arg);
    /* force: also where a published definition names it */
    void (*participant_delete)(void *ctx, const char *name, bool force, api_done_fn fn, void *arg);
    /* Events that were set aside. fn for each, at most `limit`, before it returns how many there
     * are. */
    uint32_t (*events)(void *ctx, uint32_t limit, api_event_fn fn, void *arg);
    /* Once; with what it holds. */
    void (*event_get)(void *ctx, const uint8_t id[API_EVENT_ID_BYTES], api_event_fn fn, void *arg);
    /* Sent again, under the same id. */
    void (*event_resend)(void *ctx, const uint8_t id[API_EVENT_ID_BYTES], api_done_fn fn,
                         void *arg);
    /* Given up: durable when fn comes. */
    void (*event_discard)(void *ctx, const uint8_t id[API_EVENT_ID_BYTES], api_done_fn fn,
                          void *arg);
    /* API keys: from memory. false: none; the next in name order, from "" on. */
    bool (*key)(void *ctx, const char *name, struct api_key *ret_key);
    bool (*key_behind)(void *ctx, const char *name, struct api_key *ret_key);
    /* Made or replaced; what it opens is durable, and in force, when fn comes. There are less than
     * API_KEYS_MAX others. */
    void (*key_put)(void *ctx, const struct api_key *key, api_done_fn fn, void *arg);
    /* It opens nothing any more when fn comes. */
    void (*key_delete)(void *ctx, const char *name, api_done_fn fn, void *arg);
    /* Appends a JSON object, the body of /readyz: "ready" and whatever says why. true: ready. */
    bool (*ready)(void *ctx, struct buffer *ret_details);
    /* Appends a JSON object, the body of /v1/nodes. Also while not serving. */
    void (*nodes)(void *ctx, struct buffer *ret_list);
    /* Appends the body of /metrics, in the Prometheus text format 0.0.4. Also while not serving. */
    void (*metrics)(void *ctx, struct buffer *ret_text);
};

struct api;
TROTH_MUST_CHECK int api_create(const struct api_host *host, struct api **ret_api);
/* Takes NULL. Calls under way are answered by their host first. */
void api_destroy(struct api *api);

/* Another node has revoked that identity: who follows transactions under it is told no more. Not
 * from inside a call of the host. */
void api_identity_ended(struct api *api, const char *who);

/* An http_handler: arg is the api. */
void api_handle(void *arg, struct http_exchange *exchange);
/* An http_problem: the server's own refusals as problem+json. */
const char *api_server_problem(int status, const char *what, struct buffer *body);

/* The routes there are, in a fixed order; false: the end. */
struct api_route {
    const char *method;
    const char *pattern;           /* "/v1/transactions/{gtid}" */
    const char *const *parameters; /* of the query, NULL-terminated */
    enum api_scope scope;
};
bool api_route_at(uint32_t i, struct api_route *ret_route);

/* The OpenAPI file, compiled in from coordinator/api/openapi.json. */
struct troth_span api_openapi(void);

#endif
