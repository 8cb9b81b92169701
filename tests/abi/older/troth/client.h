/* <troth/client.h> as an older program has it: declarations only. Never brought up to date. */
#ifndef TROTH_CLIENT_H
#define TROTH_CLIENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <troth/error.h>
#include <troth/id.h>
#include <troth/span.h>
#ifdef __cplusplus
extern "C" {
#endif
struct event_base;
struct troth_client;
struct troth_client_config {
    size_t size;
    const char *url;
    uint32_t connections_max;
    uint64_t timeout_us;
};
#define TROTH_CLIENT_CONFIG_INIT .size = sizeof(struct troth_client_config)
enum troth_outcome {
    TROTH_OUTCOME_OPEN,
    TROTH_OUTCOME_COMMITTED,
    TROTH_OUTCOME_ABORTED,
    TROTH_OUTCOME_COMPENSATED,
    TROTH_OUTCOME_MIXED
};
enum troth_decision {
    TROTH_DECISION_UNDECIDED,
    TROTH_DECISION_COMMITTED,
    TROTH_DECISION_ABORTED,
    TROTH_DECISION_UNKNOWN
};
struct troth_answer {
    int error;
    int status;
    bool has_gtid;
    troth_gtid gtid;
    enum troth_outcome outcome;
    enum troth_decision decision;
    struct troth_span body;
};
typedef void (*troth_answered)(void *arg, const struct troth_answer *answer);
TROTH_MUST_CHECK int troth_client_create(struct event_base *base,
                                         const struct troth_client_config *config,
                                         struct troth_client **ret_client);
void troth_client_destroy(struct troth_client *client);
enum troth_reply_at { TROTH_REPLY_COMPLETED, TROTH_REPLY_DECIDED, TROTH_REPLY_ACCEPTED };
struct troth_start {
    size_t size;
    const char *definition;
    uint32_t version;
    struct troth_span input;
    const char *idempotency_key;
    enum troth_reply_at reply;
    uint32_t wait_s;
};
#define TROTH_START_INIT .size = sizeof(struct troth_start)
TROTH_MUST_CHECK int troth_client_start(struct troth_client *client,
                                        const struct troth_start *start, troth_answered answered,
                                        void *arg);
TROTH_MUST_CHECK int troth_client_begin(struct troth_client *client, uint64_t timeout_us,
                                        troth_answered answered, void *arg);
struct troth_enlist {
    size_t size;
    troth_gtid gtid;
    uint32_t branch;
    const char *participant;
    const char *operation;
    bool prepared;
};
#define TROTH_ENLIST_INIT .size = sizeof(struct troth_enlist)
TROTH_MUST_CHECK int troth_client_enlist(struct troth_client *client,
                                         const struct troth_enlist *enlist, troth_answered answered,
                                         void *arg);
TROTH_MUST_CHECK int troth_client_commit(struct troth_client *client, const troth_gtid *gtid,
                                         const uint32_t *branches, uint32_t count,
                                         enum troth_reply_at reply, troth_answered answered,
                                         void *arg);
TROTH_MUST_CHECK int troth_client_abort(struct troth_client *client, const troth_gtid *gtid,
                                        troth_answered answered, void *arg);
TROTH_MUST_CHECK int troth_client_get(struct troth_client *client, const troth_gtid *gtid,
                                      troth_answered answered, void *arg);
TROTH_MUST_CHECK int troth_client_wait(struct troth_client *client, const troth_gtid *gtid,
                                       uint64_t timeout_us, troth_answered answered, void *arg);
TROTH_MUST_CHECK int troth_client_inquire(struct troth_client *client, const char *journal,
                                          const troth_gtid *gtid, uint32_t branch, uint32_t attempt,
                                          troth_answered answered, void *arg);
TROTH_MUST_CHECK int troth_client_block(struct troth_client *client);
#ifdef __cplusplus
}
#endif
#endif
