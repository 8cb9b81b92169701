/* recover.c: what a new leader makes of what the journal holds. All that it knows comes from there
 * (protocol.md, section 1, rule 4). Nothing is sent and nothing written before the RECOVERED step,
 * so that a scan which fails half-way has aborted nothing (faults.md 14). */
#include <base/json.h>

#include "branch_states.h"
#include "image.h"
#include "leave.h"
#include "recover.h"
#include "shape.h"
#include "text.h"
#include "timer.h"

static int members_cursor(const struct txn_image *image, struct json_cursor *ret_cursor)
{
    struct troth_span list;
    if (image->members.data == NULL)
        return TROTH_ERROR_SYNTAX;
    if (json_check(image->members, JSON_CHECK_KEPT, &list, NULL) != 0 ||
        json_type(list) != JSON_ARRAY)
        return TROTH_ERROR_SYNTAX;
    *ret_cursor = json_cursor(list);
    return 0;
}

int txn_image_members(const struct txn_image *image, uint32_t *ret_count)
{
    struct json_cursor cursor;
    struct record_member member;
    uint32_t count = 0;
    int error = members_cursor(image, &cursor);
    if (error != 0)
        return error;
    while ((error = record_member_next(&cursor, &member)) == 0)
        if (++count > TROTH_BRANCHES_MAX)
            return TROTH_ERROR_SYNTAX;
    if (error != TROTH_ERROR_NOT_FOUND)
        return error;
    *ret_count = count;
    return 0;
}

/* Zero-terminated, in a buffer that has room for it. */
static const char *text_keep(struct buffer *texts, struct troth_span span)
{
    size_t at = texts->len;
    if (span.len > 0)
        buffer_append_span(texts, span);
    buffer_append_char(texts, '\0');
    return texts->data + at;
}

/* What each branch is in, as far as the journal can know. Where nothing is decided, any message may
 * have been sent by the leader before: it needs no write to send a prepare. */
static int branch_state(const struct txn *txn, const struct txn_image *image,
                        const struct record_member *member, enum txn_branch_state *ret_state)
{
    if (image->delegated_branch != 0 && member->branch != image->delegated_branch)
        return TROTH_ERROR_SYNTAX;
    if (image->protocol == TXN_PROTOCOL_SAGA) {
        *ret_state = TXN_BRANCH_IDLE; /* but for what its records say */
        return 0;
    }
    if (member->skipped && image->decision != TXN_UNDECIDED) { /* another attempt looks again */
        *ret_state = TXN_BRANCH_SKIPPED;
        return member->vote == VOTE_READ_ONLY ? 0 : TROTH_ERROR_SYNTAX;
    }
    switch (image->decision) {
    case TXN_COMMIT:
        if (image->delegated_branch != 0)
            *ret_state = TXN_BRANCH_COMMITTED; /* its answer was the decision */
        else if (member->vote == VOTE_YES)
            *ret_state = TXN_BRANCH_PREPARED;
        else if (member->vote == VOTE_READ_ONLY)
            *ret_state = TXN_BRANCH_READ_ONLY;
        else if (image->origin.mode == TXN_MODE_2PC_THEN_SAGA && member->vote == VOTE_NONE)
            *ret_state = image->outcome == TXN_OUTCOME_COMMITTED
                             ? TXN_BRANCH_DONE /* it made the outcome final */
                             : TXN_BRANCH_BEHIND;
        else
            return TROTH_ERROR_SYNTAX; /* no branch commits without a vote */
        return 0;
    case TXN_ABORT:
        /* A delegated branch, too: it may have work open that it was not told to drop. */
        *ret_state = member->vote == VOTE_READ_ONLY ? TXN_BRANCH_READ_ONLY : TXN_BRANCH_PREPARING;
        return 0;
    case TXN_UNDECIDED:
        if (txn->handed && txn->origin->interactive)
            *ret_state = txn_handed_state(member->vote);
        else
            *ret_state = image->delegated_branch != 0 ? TXN_BRANCH_IDLE : TXN_BRANCH_PREPARING;
        return 0;
    case TXN_DECISION_COUNT:
        break;
    }
    return TROTH_ERROR_SYNTAX;
}

static int recover_branch(struct txn *txn, const struct txn_image *image,
                          const struct record_member *member, struct buffer *texts)
{
    enum txn_branch_state state;
    int error = branch_state(txn, image, member, &state);
    if (error != 0)
        return error;
    if (txn_branch_find(txn, member->branch) != NULL)
        return TROTH_ERROR_SYNTAX;
    struct txn_branch *branch = &txn->branches[txn->branches_count++];
    *branch = (struct txn_branch){.number = member->branch,
                                  .name = text_keep(texts, member->name),
                                  .participant = text_keep(texts, member->participant),
                                  .operation = text_keep(texts, member->operation),
                                  .inquires = member->inquires,
                                  .vote = member->vote};
    txn_branch_place(txn, branch, state);
    if (member->named)
        txn->named |= txn_bit(txn, branch);
    return 0;
}

static struct troth_span span_keep(struct buffer *texts, struct troth_span span)
{
    size_t at = texts->len;
    buffer_append_span(texts, span);
    return (struct troth_span){texts->data + at, span.len};
}

/* What an operator said of it. false: that is all of the record. */
static bool recover_word(struct txn *txn, struct txn_branch *branch,
                         const struct record_step *record, struct buffer *texts)
{
    if (record->state == RECORD_STEP_OVERRULED)
        return false;
    if (record->state == RECORD_STEP_FORGOTTEN) {
        txn->forgotten |= txn_bit(txn, branch);
        branch->forgotten = span_keep(texts, record->resolved);
        return false;
    }
    txn->worded |= txn_bit(txn, branch);
    branch->resolved = span_keep(texts, record->resolved);
    if (record->state == RECORD_STEP_COMPENSATED)
        branch->word = TXN_WORD_COMPENSATED;
    else
        branch->word = record->state == RECORD_STEP_ABORTED ? TXN_WORD_ABORTED : TXN_WORD_COMMITTED;
    if (record->state == RECORD_STEP_COMMITTED && txn->protocol == TXN_PROTOCOL_SAGA)
        txn->strayed |= txn_bit(txn, branch);
    return true;
}

/* It says how the trying goes, and not what the step came to. */
static bool only_tries(enum record_step_state state)
{
    static const uint32_t tries = 1u << RECORD_STEP_TRYING | 1u << RECORD_STEP_WAITING |
                                  1u << RECORD_STEP_PARKED | 1u << RECORD_STEP_REFUSED |
                                  1u << RECORD_STEP_UNDO_TRYING | 1u << RECORD_STEP_UNDO_WAITING |
                                  1u << RECORD_STEP_UNDO_PARKED | 1u << RECORD_STEP_UNDO_REFUSED;
    return (tries >> state & 1u) != 0;
}

/* Its own answer came while the word was on its way, and stands; so does a word that says the same.
 */
static void take_back(struct txn *txn, struct txn_branch *branch, enum record_step_state state)
{
    bool committed = branch->word == TXN_WORD_COMMITTED;
    if ((state == RECORD_STEP_DONE && committed) ||
        (state == RECORD_STEP_COMPENSATED && !committed))
        return;
    txn->worded &= ~txn_bit(txn, branch);
    txn->strayed &= ~txn_bit(txn, branch);
    branch->word = TXN_WORD_NONE;
    branch->resolved = (struct troth_span){NULL, 0};
}

/* What a step's record says: the latest of a branch holds. But not over a word that was said while
 * it was still being tried: an answer of that may be written behind it. */
static int recover_step(struct txn *txn, const struct record_step *record, struct buffer *texts,
                        struct txn_now now)
{
    static const enum txn_branch_state states[RECORD_STEP_STATE_COUNT] = {
        [RECORD_STEP_TRYING] = TXN_BRANCH_EXECUTING,
        [RECORD_STEP_WAITING] = TXN_BRANCH_EXECUTING,
        [RECORD_STEP_DONE] = TXN_BRANCH_DONE,
        [RECORD_STEP_SKIPPED] = TXN_BRANCH_SKIPPED,
        [RECORD_STEP_PARKED] = TXN_BRANCH_PARKED,
        [RECORD_STEP_REFUSED] = TXN_BRANCH_PARKED,
        [RECORD_STEP_UNDO_TRYING] = TXN_BRANCH_COMPENSATING,
        [RECORD_STEP_UNDO_WAITING] = TXN_BRANCH_COMPENSATING,
        [RECORD_STEP_UNDO_PARKED] = TXN_BRANCH_PARKED,
        [RECORD_STEP_UNDO_REFUSED] = TXN_BRANCH_PARKED,
        [RECORD_STEP_COMPENSATED] = TXN_BRANCH_COMPENSATED,
        [RECORD_STEP_COMMITTED] = TXN_BRANCH_HEURISTIC, /* it stays, though all was to be undone */
        [RECORD_STEP_ABORTED] = TXN_BRANCH_ABORTED,
    };
    struct txn_branch *branch = txn_branch_find(txn, record->branch);
    if (branch == NULL || txn->attempt + record->raised > TROTH_ATTEMPT_MAX)
        return TROTH_ERROR_SYNTAX;
    branch->raised = record->raised;
    if (record->resolved.data != NULL && !recover_word(txn, branch, record, texts))
        return 0;
    if ((txn->worded & txn_bit(txn, branch)) != 0 && record->resolved.data == NULL) {
        if (only_tries(record->state))
            return 0;
        take_back(txn, branch, record->state);
    }
    /* Behind a pivot the guard answers what the records say; but when the outcome is final it is
     * not asked again, and they are all that is known. */
    if (txn->protocol == TXN_PROTOCOL_2PC && branch->state != TXN_BRANCH_DONE)
        return 0;
    txn->in[branch->state] &= ~txn_bit(txn, branch);
    txn_branch_place(txn, branch, states[record->state]);
    branch->tries = record->tries;
    branch->retry_at.us = 0;
    txn->renews &= ~txn_bit(txn, branch);
    if (record->state == RECORD_STEP_REFUSED || record->state == RECORD_STEP_UNDO_REFUSED)
        txn->renews |= txn_bit(txn, branch);
    if (record->state == RECORD_STEP_DONE)
        txn->was_done |= txn_bit(txn, branch);
    if (record->state == RECORD_STEP_TRYING || record->state == RECORD_STEP_UNDO_TRYING)
        branch->retry_at = txn_after(now, 0); /* interrupted: the next one, if there is one */
    if (record->retry_at.us != 0) /* bounded in the RECOVERED step, when the policy is known */
        branch->retry_at = txn_after(
            now, record->retry_at.us > now.wall.us ? record->retry_at.us - now.wall.us : 0);
    if (record->output.data != NULL)
        branch->output = span_keep(texts, record->output);
    return 0;
}

/* TROTH_ERROR_NOT_FOUND: all of them are read. */
static int recover_steps(struct txn *txn, const struct txn_image *image, struct buffer *texts,
                         struct txn_now now)
{
    struct troth_span list;
    struct record_step record;
    if (image->steps.data == NULL)
        return TROTH_ERROR_NOT_FOUND;
    if (json_check(image->steps, JSON_CHECK_KEPT, &list, NULL) != 0 ||
        json_type(list) != JSON_ARRAY)
        return TROTH_ERROR_SYNTAX;
    struct json_cursor cursor = json_cursor(list);
    int error;
    while ((error = record_step_next(&cursor, &record)) == 0) {
        if (record.attempt != txn->attempt)
            continue;
        if (!txn_image_step_fits(image, record.state))
            return TROTH_ERROR_SYNTAX;
        if ((error = recover_step(txn, &record, texts, now)) != 0)
            break;
    }
    return error;
}

struct blame {
    enum txn_cause cause;
    uint32_t branch;
    struct troth_span reason;
    troth_gtid blocker;
};

/* `value`: a JSON string, of letters that need no escape. */
static void blocker_read(struct troth_span value, troth_gtid *ret_blocker)
{
    if (json_type(value) == JSON_STRING && value.len == TROTH_GTID_TEXT_LEN + 2)
        (void)!troth_gtid_parse(value.data + 1, TROTH_GTID_TEXT_LEN, ret_blocker);
}

/* For people only: what cannot be read is left out. False: there is no cause. */
static bool blame_read(struct troth_span text, struct buffer *texts, struct blame *ret_blame)
{
    struct troth_span object, value;
    int64_t number;
    if (text.data == NULL || json_check(text, JSON_CHECK_KEPT, &object, NULL) != 0 ||
        json_type(object) != JSON_OBJECT || !json_member(object, "cause", &value) ||
        json_type(value) != JSON_STRING || !txn_cause_parse(value, &ret_blame->cause))
        return false;
    if (json_member(object, "blocker", &value))
        blocker_read(value, &ret_blame->blocker);
    if (!json_member(object, "branch", &value) || json_int64(value, &number) != 0 || number < 1 ||
        number > (int64_t)TROTH_BRANCH_NUMBER_MAX)
        return true;
    ret_blame->branch = (uint32_t)number;
    size_t at = texts->len;
    if (json_member(object, "reason", &value) && json_string(value, texts) == 0 && !texts->failed)
        ret_blame->reason = (struct troth_span){texts->data + at, texts->len - at};
    return true;
}

static void recover_failure(struct txn *txn, const struct txn_image *image, struct buffer *texts)
{
    struct blame blame = {.branch = 0};
    /* Only an abort and a mixed outcome have a failure. */
    if (image->decision != TXN_ABORT && image->outcome != TXN_OUTCOME_MIXED)
        return;
    if (!blame_read(image->failure, texts, &blame))
        return;
    txn->cause = blame.cause;
    txn->cause_branch = blame.branch;
    txn->stranger = blame.cause == TXN_CAUSE_NOT_ENLISTED ? blame.branch : 0;
    txn->blocker = blame.blocker;
    struct txn_branch *branch = txn_branch_find(txn, blame.branch);
    if (branch != NULL)
        branch->reason = blame.reason;
}

uint32_t txn_image_stranger(const struct txn_image *image)
{
    BUFFER_SCOPED struct buffer reason = {0};
    struct blame blame = {.branch = 0};
    bool named = image->decision == TXN_ABORT && blame_read(image->failure, &reason, &blame) &&
                 blame.cause == TXN_CAUSE_NOT_ENLISTED;
    return named ? blame.branch : 0;
}

static void recover_fallback(struct txn *txn, const struct txn_image *image, struct buffer *texts)
{
    struct blame blame = {.branch = 0};
    if (txn->protocol != TXN_PROTOCOL_SAGA || txn->attempt < 2)
        return;
    txn->fallback_attempt = txn->attempt - 1;
    txn->fallback_cause = TXN_CAUSE_RESTARTED;
    if (!blame_read(image->fallback, texts, &blame))
        return;
    txn->fallback_cause = blame.cause;
    txn->fallback_branch = blame.branch;
    txn->fallback_blocker = blame.blocker;
    txn->fallback_reason = blame.reason;
}

/* The wall clock may have jumped (faults.md 17): what is left lies between nothing and all of it.
 */
static void recover_clock(struct txn *txn, struct txn_now now)
{
    uint64_t began_us = txn->origin->began_at.us;
    uint64_t gone_us = now.wall.us > began_us ? now.wall.us - began_us : 0;
    txn->began.us = now.mono.us - gone_us; /* modulo 2^64 */
    if (txn->origin->timeout_us == 0)
        return;
    uint64_t left_us = gone_us < txn->origin->timeout_us ? txn->origin->timeout_us - gone_us : 0;
    txn->deadline = txn_after(now, left_us);
}

/* Is it to be driven on, because the leader before handed it over [HANDEDBEFORE]? A member list
 * that was frozen is so only for who comes right behind that leader. */
static bool is_handed(const struct txn_image *image, uint32_t epoch)
{
    if (image->handed == 0 || image->decision != TXN_UNDECIDED || image->delegated_branch != 0)
        return false;
    return !image->origin.interactive || image->handed + 1 == epoch;
}

int txn_recover(struct txn *txn, const struct txn_image *image, const struct txn_policy *policy,
                uint32_t epoch, uint64_t seed, struct txn_branch *branches, uint32_t cap,
                struct buffer *texts, struct txn_now now)
{
    uint32_t count;
    int error = txn_image_members(image, &count);
    if (error != 0)
        return error;
    if (count > cap)
        return TROTH_ERROR_FULL;
    if (image->attempt < 1 || image->attempt > TROTH_ATTEMPT_MAX ||
        image->protocol >= TXN_PROTOCOL_COUNT || image->decision >= TXN_DECISION_COUNT ||
        image->outcome >= TXN_OUTCOME_COUNT || !txn_image_fits(image) ||
        (count == 0 && !image->origin.interactive))
        return TROTH_ERROR_SYNTAX;
    /* All at once: the strings must not move while they are pointed at. */
    if (!buffer_reserve(texts, image->members.len + image->failure.len + image->fallback.len +
                                   image->steps.len + 3u * (size_t)count + 1u))
        return TROTH_ERROR_NO_MEMORY;
    txn_init(txn, &image->origin, policy, epoch, seed, branches, 0, cap);
    txn->begun = true;
    txn->attempt = image->attempt;
    txn->protocol = image->protocol;
    txn->decision = image->decision;
    txn->outcome = txn->concluding = image->outcome;
    txn->delegated_branch = image->delegated_branch;
    txn->handed = is_handed(image, epoch);
    txn->closed = txn->handed && image->closed;
    txn->doubtful = image->doubtful;
    struct json_cursor cursor;
    struct record_member member;
    error = members_cursor(image, &cursor);
    while (error == 0 && (error = record_member_next(&cursor, &member)) == 0)
        error = recover_branch(txn, image, &member, texts);
    if (error != TROTH_ERROR_NOT_FOUND)
        return error;
    if (txn->delegated_branch != 0 && txn->branches_count != 1)
        return TROTH_ERROR_SYNTAX;
    if ((error = recover_steps(txn, image, texts, now)) != TROTH_ERROR_NOT_FOUND)
        return error;
    if (txn->decision != TXN_UNDECIDED && txn->outcome == TXN_OUTCOME_NONE &&
        txn->protocol == TXN_PROTOCOL_2PC && txn->in[TXN_BRANCH_BEHIND] == 0)
        txn->outcome = txn->decision == TXN_COMMIT ? TXN_OUTCOME_COMMITTED : TXN_OUTCOME_ABORTED;
    recover_failure(txn, image, texts);
    recover_fallback(txn, image, texts);
    recover_clock(txn, now);
    return 0;
}
