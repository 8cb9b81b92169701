/* inquire.c: what a branch in doubt is told (protocol.md, section 2). Asking is always safe: where
 * nothing is certain the answer is "undecided", ask again. */
#include <base/json.h>

#include "shape.h"

const char *txn_answer_name(enum txn_answer answer)
{
    switch (answer) {
    case TXN_ANSWER_UNDECIDED:
        return "undecided";
    case TXN_ANSWER_COMMITTED:
        return "committed";
    case TXN_ANSWER_ABORTED:
        return "aborted";
    case TXN_ANSWER_UNKNOWN:
        return "unknown";
    }
    assert(false && "an answer");
    return "";
}

/* Commit is for members that voted yes; a branch that is not on the closed list, or only read, is
 * told aborted [ORIGINQ]. */
static enum txn_answer commit_for(enum message_vote vote)
{
    return vote == VOTE_YES ? TXN_ANSWER_COMMITTED : TXN_ANSWER_ABORTED;
}

static enum message_vote vote_of(const struct txn *txn, uint32_t number)
{
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].number == number)
            return txn->branches[i].vote;
    return VOTE_NO;
}

static bool is_member(const struct txn *txn, uint32_t number)
{
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].number == number)
            return true;
    return false;
}

enum txn_answer txn_inquire(const struct txn *txn, uint32_t branch, uint32_t attempt)
{
    if (txn->state == TXN_LOST || txn->state == TXN_NEW || attempt > txn->attempt)
        return TXN_ANSWER_UNDECIDED;
    if (attempt < txn->attempt) /* ended with abort, once the row that says so is durable */
        return txn->writing[TXN_RECORD_ATTEMPT] > 0 ? TXN_ANSWER_UNDECIDED : TXN_ANSWER_ABORTED;
    if (txn->decision == TXN_COMMIT)
        return commit_for(vote_of(txn, branch));
    if (txn->decision == TXN_ABORT || txn->state == TXN_ABORTING)
        return TXN_ANSWER_ABORTED;
    /* The list may be open at the next leader's, or have grown in what the journal lost. */
    if (txn->state == TXN_LEAVING || txn->state == TXN_DOUBTFUL)
        return TXN_ANSWER_UNDECIDED;
    if (txn_delegated(txn) && branch != txn->delegated_branch)
        return TXN_ANSWER_ABORTED;
    if (txn->state != TXN_OPEN && !is_member(txn, branch)) /* the list is closed without it */
        return TXN_ANSWER_ABORTED;
    return TXN_ANSWER_UNDECIDED;
}

/* A list that cannot be read says nothing about any branch. */
static enum txn_answer image_commit_for(const struct txn_image *image, uint32_t branch)
{
    struct troth_span list;
    if (json_check(image->members, JSON_CHECK_KEPT, &list, NULL) != 0 ||
        json_type(list) != JSON_ARRAY)
        return TXN_ANSWER_UNDECIDED;
    struct json_cursor cursor = json_cursor(list);
    struct record_member member;
    int error;
    while ((error = record_member_next(&cursor, &member)) == 0)
        if (member.branch == branch)
            return commit_for(member.vote);
    return error == TROTH_ERROR_NOT_FOUND ? TXN_ANSWER_ABORTED : TXN_ANSWER_UNDECIDED;
}

enum txn_answer txn_inquire_image(const struct txn_image *image, uint32_t branch, uint32_t attempt)
{
    if (attempt < image->attempt)
        return TXN_ANSWER_ABORTED;
    if (attempt > image->attempt)
        return TXN_ANSWER_UNDECIDED;
    switch (image->decision) {
    case TXN_COMMIT:
        return image_commit_for(image, branch);
    case TXN_ABORT:
        return TXN_ANSWER_ABORTED;
    case TXN_UNDECIDED:
    case TXN_DECISION_COUNT:
        break;
    }
    if (image->delegated_branch != 0 && image->delegated_branch != branch)
        return TXN_ANSWER_ABORTED;
    return TXN_ANSWER_UNDECIDED; /* a row of any kind without decision [ORIGINQ, ORIGINQ2] */
}

/* Absence proves an abort only where no row can be missing [ABSENCE]. */
enum txn_answer txn_inquire_absent(const struct txn_absence *absence)
{
    if (absence->epoch > absence->shard_epoch) /* an epoch this journal never had */
        return TXN_ANSWER_UNKNOWN;
    if (absence->forgotten || absence->lost)
        return TXN_ANSWER_UNKNOWN;
    if (absence->epoch < absence->shard_epoch || absence->never_begun)
        return TXN_ANSWER_ABORTED; /* for ever */
    return TXN_ANSWER_UNDECIDED;
}
