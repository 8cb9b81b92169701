/* api/refusal.h: what the host refuses, in words. The host says which refusal it is and gives the
 * facts; status, slug and title come from api/problem.h. Each fills *ret_problem. */
#ifndef API_REFUSAL_H
#define API_REFUSAL_H

#include <api/api.h>
#include <txn/resolve.h>

/* X(name, sentence): why something cannot be done now, or is not known. */
#define API_WHYS(X)                                                                                \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(NO_MEMORY_TAKEN, "out of memory: the request was taken")                                     \
    X(NO_MEMORY_ANSWER, "out of memory for the answer")                                            \
    X(STOPPING, "this node is stopping")                                                           \
    X(STOPS, "the coordinator stops")                                                              \
    X(OTHER_LEADS, "another node leads now")                                                       \
    X(NOT_LEADING, "this node does not lead yet")                                                  \
    X(SHARD_MOVES, "its shard of the journal is changing hands")                                   \
    X(SHARD_ELSEWHERE, "another node leads its shard of the journal: see /v1/nodes")               \
    X(LEASE_OVER, "this node's lease is over, another one may lead")                               \
    X(JOURNAL_SILENT, "the journal does not answer in time")                                       \
    X(JOURNAL_UNASKED, "the journal cannot be asked")                                              \
    X(KEY_UNASKED, "the journal cannot be asked for the idempotency key")                          \
    X(KEY_LEFT, "the transaction of this idempotency key has just left the journal by its age")    \
    X(JOURNAL_REFUSED, "the journal did not take it")                                              \
    X(UNCONFIRMED, "the journal did not confirm it; discard it again")                             \
    X(NOT_DRIVEN, "the transaction is not driven here")                                            \
    X(NO_LONGER_DRIVEN, "the transaction is not driven here any more")

enum api_why {
#define API_WHY_ENUM_(name, sentence) API_WHY_##name,
    API_WHYS(API_WHY_ENUM_)
#undef API_WHY_ENUM_
        API_WHY_COUNT
};

/* Nothing was done, and nothing will be: only where that is certain. */
void api_refuse_unavailable(struct api_problem *ret_problem, enum api_why why);
/* It has begun, and how it ends is not known here; borrows the origin's gtid. */
void api_refuse_unknown(struct api_problem *ret_problem, const struct txn_origin *origin,
                        enum api_why why);
/* The same of an enlistment; borrows the gtid. */
void api_refuse_unknown_enlistment(struct api_problem *ret_problem, const troth_gtid *gtid,
                                   uint32_t branch, enum api_why why);
/* A change of the registry whose answer was lost. */
void api_refuse_unconfirmed(struct api_problem *ret_problem);
void api_refuse_slow_list(struct api_problem *ret_problem);

/* --- a transaction that would begin: nothing was done ----------------------------------------- */

/* `words`: the journal's own, or "". */
void api_refuse_unwritable(struct api_problem *ret_problem, const char *words);
/* So many of `things` wait or are taken, and the key's limit is `most`. */
void api_refuse_full(struct api_problem *ret_problem, uint64_t count, const char *things,
                     const char *key, uint64_t most);
void api_refuse_bytes(struct api_problem *ret_problem, uint64_t taken, size_t more, uint64_t most);
/* Whom the transaction belongs to, and how many of its own seats are taken. */
enum api_owner { API_OWNER_DEFINITION, API_OWNER_PARTICIPANT, API_OWNER_CALLER };
struct api_share {
    enum api_owner owner;
    const char *name; /* NULL: of interactive transactions */
    uint32_t used, own, open;
};
#define API_SHARES_MAX 4u /* that are named */
/* The shared seats are taken, and so are all that it has of its own. */
void api_refuse_seats(struct api_problem *ret_problem, uint32_t open, uint32_t most,
                      uint32_t shared, const struct api_share *shares, uint32_t count);
/* It would wait so long for a slot of `participant`. */
/* One caller has as many open as it may; and what it is, "key:billing" or a network. */
void api_refuse_caller(struct api_problem *ret_problem, const char *caller, uint32_t open);
void api_refuse_line(struct api_problem *ret_problem, const char *participant, uint64_t wait_us,
                     uint64_t most_us);
/* It would wait so long for each record that it writes. */
void api_refuse_slow(struct api_problem *ret_problem, uint64_t wait_us, uint64_t most_us);
/* Its turn among those of its definition that go in order would not come before it ends. */
void api_refuse_turn(struct api_problem *ret_problem, const char *definition, uint64_t wait_us,
                     uint64_t end_us);
void api_refuse_key(struct api_problem *ret_problem, const troth_gtid *gtid);
/* `step` NULL: a branch names it. */
void api_refuse_participant(struct api_problem *ret_problem, const struct definition *definition,
                            const struct definition_step *step, const char *participant);

/* --- one transaction -------------------------------------------------------------------------- */

/* `what` came too late: so it stands. */
void api_refuse_late(struct api_problem *ret_problem, const char *what, const struct txn *txn);
/* It cannot go on by itself: `words` say why. */
void api_refuse_stuck(struct api_problem *ret_problem, const char *words);
void api_refuse_retry(struct api_problem *ret_problem, const struct txn *txn, bool ended,
                      bool is_parked);
/* An operator's word on that branch (0: none was named). */
void api_refuse_word(struct api_problem *ret_problem, enum txn_resolve why, const struct txn *txn,
                     uint32_t branch, enum txn_word word);
void api_refuse_forget(struct api_problem *ret_problem, enum txn_forget why, const struct txn *txn);
/* Its participant answered before the word was durable. */
void api_refuse_overruled(struct api_problem *ret_problem, const struct txn *txn, uint32_t branch);
/* It is not known whether the word is durable; borrows the gtid. */
void api_refuse_unknown_word(struct api_problem *ret_problem, const troth_gtid *gtid,
                             enum api_why why);
/* From its definition: its branches are not enlisted, nor does a client commit it. NULL: the
 * latter. */
void api_refuse_orchestrated(struct api_problem *ret_problem, const struct txn_origin *origin);
/* error: TROTH_ERROR_EXISTS, TROTH_ERROR_FULL, or its state is the reason. */
void api_refuse_branch(struct api_problem *ret_problem, uint32_t branch, int error,
                       const struct txn *txn);
/* A commit with other branches: it names this one, or leaves it out. */
void api_refuse_list(struct api_problem *ret_problem, uint32_t branch, bool names);

/* Of one that is not in memory. */
void api_refuse_ended(struct api_problem *ret_problem, const troth_gtid *gtid,
                      enum txn_outcome outcome);
void api_refuse_unreadable(struct api_problem *ret_problem, enum txn_outcome outcome);
void api_refuse_undriven(struct api_problem *ret_problem, const troth_gtid *gtid);
/* `open`: an open one was asked for. */
void api_refuse_no_row(struct api_problem *ret_problem, const troth_gtid *gtid, bool open);

/* --- registry, events ------------------------------------------------------------------------- */

/* `and`: "", or what else is so. */
void api_refuse_version(struct api_problem *ret_problem, const char *name, uint32_t version,
                        const char *and);
void api_refuse_no_definition(struct api_problem *ret_problem, const char *name, uint32_t version);
void api_refuse_no_participant(struct api_problem *ret_problem, const char *name);
void api_refuse_url(struct api_problem *ret_problem, const char *participant);
/* `why`: in a few words. */
void api_refuse_reach(struct api_problem *ret_problem, const char *participant, const char *why);
/* `why`: in a sentence, without what stands in the file. */
void api_refuse_token_file(struct api_problem *ret_problem, const char *participant,
                           const char *why);
/* `example`: one of the open transactions that need it; NULL: none was found. */
void api_refuse_needed(struct api_problem *ret_problem, const char *participant, uint32_t open,
                       const troth_gtid *example);
void api_refuse_named(struct api_problem *ret_problem, const char *participant,
                      const struct definition *by);
void api_refuse_no_event(struct api_problem *ret_problem);

#endif
