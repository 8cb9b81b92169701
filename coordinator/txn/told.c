/* told.c: what a client may be told of a transaction: one rule for a client whose time to wait is
 * over, for one that waits when the coordinator stops or is fenced, and for one that asks again.
 *
 * A reply never says more than is durable, and never less than is known. */
#include <base/json.h>

#include "recover.h"
#include "shape.h"
#include "told.h"

enum txn_told txn_told(const struct txn *txn)
{
    if (txn->outcome != TXN_OUTCOME_NONE)
        return TXN_TOLD_OUTCOME; /* durable: true under every leader */
    if (txn->state == TXN_LOST || txn->state == TXN_LEAVING)
        return TXN_TOLD_UNKNOWN;
    if (txn->begun)
        return TXN_TOLD_ACCEPTED;
    return txn->state == TXN_NEW ? TXN_TOLD_NOTHING : TXN_TOLD_UNKNOWN;
}

/* --- the list of a commit ----------------------------------------------------------------------
 */

/* What the first commit named. Nothing: whichever had enlisted. */
struct closed {
    uint32_t members[TROTH_BRANCHES_MAX];
    uint32_t count;
    uint64_t named;    /* bit i: members[i] */
    uint32_t stranger; /* the lowest number named that had not enlisted; 0: none */
    bool aborts;
};

static uint64_t member_bit(const struct closed *closed, uint32_t number)
{
    for (uint32_t i = 0; i < closed->count; i++)
        if (closed->members[i] == number)
            return UINT64_C(1) << i;
    return 0;
}

/* The first commit is answered by what it came to; another one, that names what did not take part,
 * or leaves out what the first one named, is not that one said again. A list that says nothing
 * claims nothing. 0: the same. */
static uint32_t difference(const struct closed *closed, const uint32_t *numbers, uint32_t count)
{
    uint64_t named = 0;
    uint32_t stranger = 0;
    bool said = closed->named != 0 || closed->stranger != 0;
    if (count == 0 || (closed->aborts && !said))
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bit = member_bit(closed, numbers[i]);
        named |= bit;
        if (bit == 0 && (stranger == 0 || numbers[i] < stranger))
            stranger = numbers[i];
    }
    if (stranger != closed->stranger)
        return stranger != 0 ? stranger : closed->stranger;
    uint64_t differ = said ? named ^ closed->named : 0;
    return differ == 0 ? 0 : closed->members[__builtin_ctzll(differ)];
}

uint32_t txn_list_difference(const struct txn *txn, const uint32_t *numbers, uint32_t count)
{
    struct closed closed = {.named = txn->named,
                            .stranger = txn->stranger,
                            .aborts = txn->state == TXN_ABORTING || txn->decision == TXN_ABORT};
    for (uint32_t i = 0; i < txn->branches_count; i++)
        closed.members[closed.count++] = txn->branches[i].number;
    return difference(&closed, numbers, count);
}

/* OPEN: the first commit. */
void txn_list_close(struct txn *txn, const uint32_t *numbers, uint32_t count)
{
    assert(txn->state == TXN_OPEN && txn->named == 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct txn_branch *branch = txn_branch_find(txn, numbers[i]);
        if (branch != NULL)
            txn->named |= txn_bit(txn, branch);
        else if (txn->stranger == 0 || numbers[i] < txn->stranger)
            txn->stranger = numbers[i];
    }
}

static bool closed_read(const struct txn_image *image, struct closed *closed)
{
    struct troth_span list;
    struct record_member member;
    if (json_check(image->members, JSON_CHECK_KEPT, &list, NULL) != 0 ||
        json_type(list) != JSON_ARRAY)
        return false;
    struct json_cursor cursor = json_cursor(list);
    int error;
    while ((error = record_member_next(&cursor, &member)) == 0) {
        if (closed->count == TROTH_BRANCHES_MAX)
            return false;
        if (member.named)
            closed->named |= UINT64_C(1) << closed->count;
        closed->members[closed->count++] = member.branch;
    }
    return error == TROTH_ERROR_NOT_FOUND;
}

int txn_image_list_difference(const struct txn_image *image, const uint32_t *numbers,
                              uint32_t count, uint32_t *ret_number)
{
    struct closed closed = {.aborts = image->decision == TXN_ABORT,
                            .stranger = txn_image_stranger(image)};
    if (!closed_read(image, &closed))
        return TROTH_ERROR_SYNTAX;
    *ret_number = difference(&closed, numbers, count);
    return 0;
}
