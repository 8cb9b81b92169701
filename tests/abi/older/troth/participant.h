/* <troth/participant.h> as an older program has it: declarations only. Never brought up to date. */
#ifndef TROTH_PARTICIPANT_H
#define TROTH_PARTICIPANT_H
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
struct troth_participant;
#define TROTH_OPERATIONS_MAX 256u
#define TROTH_JOURNALS_MAX   8u
#define TROTH_SLOTS_DEFAULT  16u
#define TROTH_SLOTS_MAX      10000u
enum troth_severity { TROTH_SEVERITY_INFO, TROTH_SEVERITY_WARNING, TROTH_SEVERITY_ERROR };
typedef void (*troth_diagnostic)(void *arg, enum troth_severity severity, const char *line);
struct troth_participant_config {
    size_t size;
    const char *address;
    uint16_t port;
    const char *base;
    uint32_t slots;
    uint32_t connections_max;
    uint32_t pending_max;
    troth_diagnostic diagnostic;
    void *diagnostic_arg;
};
#define TROTH_PARTICIPANT_CONFIG_INIT .size = sizeof(struct troth_participant_config)
TROTH_MUST_CHECK int troth_participant_create(const struct troth_participant_config *config,
                                              struct troth_participant **ret_participant);
TROTH_MUST_CHECK int troth_participant_attach(struct troth_participant *participant,
                                              struct event_base *base);
TROTH_MUST_CHECK int troth_participant_run(struct troth_participant *participant);
void troth_participant_stop(struct troth_participant *participant);
int troth_participant_destroy(struct troth_participant *participant);
uint16_t troth_participant_port(const struct troth_participant *participant);
enum troth_op {
    TROTH_OP_PREPARE,
    TROTH_OP_COMMIT,
    TROTH_OP_ABORT,
    TROTH_OP_EXECUTE,
    TROTH_OP_COMPENSATE,
    TROTH_OP_STATUS
};
struct troth_call {
    enum troth_op op;
    troth_gtid gtid;
    uint32_t branch;
    uint32_t attempt;
    const char *journal;
    const char *operation;
    uint64_t timeout_us;
    struct troth_span input;
    struct troth_span traceparent;
    struct troth_span action_output;
};
TROTH_MUST_CHECK int troth_call_int64(const struct troth_call *call, const char *name,
                                      int64_t *ret_value);
TROTH_MUST_CHECK int troth_call_text(const struct troth_call *call, const char *name,
                                     char *ret_text, size_t cap);
enum troth_vote { TROTH_VOTE_YES, TROTH_VOTE_READ_ONLY };
enum troth_branch_state {
    TROTH_BRANCH_UNSAID,
    TROTH_BRANCH_PREPARED,
    TROTH_BRANCH_COMMITTED,
    TROTH_BRANCH_ABORTED,
    TROTH_BRANCH_COMPENSATED,
    TROTH_BRANCH_UNKNOWN
};
struct troth_reply;
void troth_reply_vote(struct troth_reply *reply, enum troth_vote vote, struct troth_span output);
void troth_reply_done(struct troth_reply *reply, enum troth_branch_state state,
                      struct troth_span output);
void troth_reply_refused(struct troth_reply *reply, const char *reason, struct troth_span output);
void troth_reply_fenced(struct troth_reply *reply, const char *reason, struct troth_span output);
void troth_reply_retry(struct troth_reply *reply, uint64_t after_us, const char *reason);
void troth_reply_conflict(struct troth_reply *reply, const char *reason, const troth_gtid *blocker);
void troth_reply_unknown(struct troth_reply *reply, const char *reason);
void troth_reply_heuristic(struct troth_reply *reply, const char *reason);
typedef void (*troth_handler)(void *arg, const struct troth_call *call, struct troth_reply *reply);
struct troth_handlers {
    size_t size;
    troth_handler prepare;
    troth_handler commit;
    troth_handler abort;
    troth_handler execute;
    troth_handler compensate;
    troth_handler status;
};
#define TROTH_HANDLERS_INIT .size = sizeof(struct troth_handlers)
TROTH_MUST_CHECK int troth_participant_handle(struct troth_participant *participant,
                                              const char *operation,
                                              const struct troth_handlers *handlers, void *arg);
#ifdef __cplusplus
}
#endif
#endif
