/* timer.c: deadlines, retries with backoff and full jitter, and when to wake up next. */
#include "timer.h"
#include "shape.h"

bool txn_expired(struct mono deadline, struct txn_now now)
{
    return deadline.us != 0 && now.mono.us >= deadline.us;
}

/* 0 means "never" in every field that holds a time, so no time is 0. */
struct mono txn_after(struct txn_now now, uint64_t us)
{
    uint64_t at = now.mono.us + us;
    if (at < us)
        at = UINT64_MAX;
    return (struct mono){at == 0 ? 1 : at};
}

/* splitmix64: the host's seed decides everything, so that a simulated history can be replayed. */
static uint64_t random_next(struct txn *txn)
{
    uint64_t z = (txn->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t txn_random_below(struct txn *txn, uint64_t below)
{
    assert(below > 0);
    return random_next(txn) % below;
}

#define BACKOFF_DEFAULT 2000u /* thousandths */

uint64_t txn_retry_longest(const struct txn *txn, const struct txn_retry *retry)
{
    uint64_t first_us =
        retry->interval_us != 0 ? retry->interval_us : txn->policy->retry_interval_us;
    uint64_t longest_us =
        retry->max_interval_us != 0 ? retry->max_interval_us : txn->policy->retry_interval_max_us;
    return longest_us > first_us ? longest_us : first_us;
}

/* Full jitter: anything between 0 and the grown, capped interval. */
static uint64_t backoff(struct txn *txn, const struct txn_retry *retry, uint32_t tries)
{
    uint64_t longest_us = txn_retry_longest(txn, retry);
    uint64_t wait_us =
        retry->interval_us != 0 ? retry->interval_us : txn->policy->retry_interval_us;
    uint64_t grows = retry->backoff_thousandths != 0 ? retry->backoff_thousandths : BACKOFF_DEFAULT;
    for (uint32_t i = 1; i < tries && wait_us < longest_us && grows > 1000; i++)
        wait_us = wait_us > longest_us * 1000 / grows ? longest_us : wait_us * grows / 1000;
    return retry->fixed ? wait_us : txn_random_below(txn, wait_us + 1);
}

/* What a participant asks for is honoured up to a limit: it may not put a decision off for ever. */
static uint64_t not_before(uint64_t wait_us, uint64_t asked_us)
{
    if (asked_us > TXN_RETRY_AFTER_MAX_US)
        asked_us = TXN_RETRY_AFTER_MAX_US;
    return wait_us < asked_us ? asked_us : wait_us;
}

static const struct txn_retry policy_retry = {0};

/* The same command again, later: unknown is neither success nor failure, and retry proves nothing
 * about an earlier try. An answer that comes while a retry is already waiting changes nothing. */
void txn_again(struct step *step, struct txn_branch *branch, uint64_t at_least_us)
{
    if (branch->retry_at.us != 0)
        return;
    branch->retry_at = txn_backoff_at(step, branch->tries, at_least_us);
}

struct mono txn_backoff_at(struct step *step, uint32_t tries, uint64_t at_least_us)
{
    uint64_t wait_us = backoff(step->txn, &policy_retry, tries);
    return txn_after(step->now, not_before(wait_us, at_least_us));
}

void txn_try_later(struct step *step, struct txn_branch *branch, const struct txn_retry *retry,
                   uint64_t at_least_us)
{
    uint64_t wait_us = backoff(step->txn, retry, branch->tries);
    branch->retry_at = txn_after(step->now, not_before(wait_us, at_least_us));
}

static uint64_t shorter(uint64_t a_us, uint64_t b_us) /* 0: none */
{
    if (a_us == 0 || (b_us != 0 && b_us < a_us))
        return b_us;
    return a_us;
}

static uint64_t left(struct mono deadline, struct txn_now now) /* 0: none */
{
    if (deadline.us == 0)
        return 0;
    return deadline.us > now.mono.us ? deadline.us - now.mono.us : 1;
}

static void sooner(struct mono *at, struct mono other)
{
    if (other.us != 0 && (at->us == 0 || other.us < at->us))
        *at = other;
}

struct mono txn_call_deadline(const struct txn *txn, enum message_op op)
{
    struct mono at = {0};
    switch (op) {
    case OP_PREPARE:
        sooner(&at, txn->prepare_deadline);
        sooner(&at, txn->deadline);
        break;
    case OP_EXECUTE:
        if (!txn_forward_only(txn))
            sooner(&at, txn->deadline);
        break;
    case OP_COMPENSATE: /* what ends a transaction is said however late it is */
    case OP_COMMIT:
    case OP_ABORT:
    case OP_STATUS:
        break;
    case OP_COUNT:
        assert(false && "an op");
    }
    return at;
}

/* Its own time, where the deadline leaves so much; 0: none. */
static uint64_t own_timeout(const struct txn *txn, const struct txn_branch *branch,
                            enum message_op op)
{
    uint64_t us = branch->timeout_us;
    switch (op) {
    case OP_PREPARE:
        return us;
    case OP_EXECUTE:
        if (us == 0 && txn->protocol != TXN_PROTOCOL_SAGA && txn->decision != TXN_COMMIT)
            us = txn->origin->prepare_timeout_us;
        return us != 0 ? us : txn->policy->call_timeout_us;
    case OP_COMPENSATE:
        return us != 0 ? us : txn->policy->call_timeout_us;
    case OP_COMMIT:
    case OP_ABORT:
    case OP_STATUS:
        return txn->policy->call_timeout_us;
    case OP_COUNT:
        break;
    }
    assert(false && "an op");
    return 0;
}

uint64_t txn_call_timeout(const struct txn *txn, const struct txn_branch *branch,
                          enum message_op op, struct txn_now now)
{
    return shorter(own_timeout(txn, branch, op), left(txn_call_deadline(txn, op), now));
}

static void sooner_retries(const struct txn *txn, enum txn_branch_state state, struct mono *at)
{
    for (uint64_t mask = txn->in[state]; mask != 0; mask &= mask - 1)
        sooner(at, txn->branches[__builtin_ctzll(mask)].retry_at);
}

/* The aborts of earlier attempts go on beside all else. */
static void sooner_earlier(const struct txn *txn, struct mono *at)
{
    for (uint64_t mask = txn->owed; mask != 0; mask &= mask - 1)
        sooner(at, txn->branches[__builtin_ctzll(mask)].abort_at);
}

/* While a step's record is in flight its retries wait for that, not for a time. */
static void sooner_steps(const struct txn *txn, enum txn_branch_state state, struct mono *at)
{
    if (txn->writing[TXN_RECORD_STEP] == 0)
        sooner_retries(txn, state, at);
}

static struct mono saga_wake_at(const struct txn *txn, struct mono at)
{
    if (txn->state == TXN_RUNNING) {
        if (!txn_forward_only(txn))
            sooner(&at, txn->deadline);
        sooner_steps(txn, TXN_BRANCH_EXECUTING, &at);
        sooner_retries(txn, TXN_BRANCH_ABORTING, &at);
    } else if (txn->state == TXN_STOPPING) {
        sooner_retries(txn, TXN_BRANCH_ABORTING, &at);
    } else if (txn->state == TXN_COMPENSATING) {
        sooner_steps(txn, TXN_BRANCH_COMPENSATING, &at);
        sooner_retries(txn, TXN_BRANCH_ASKING, &at);
        sooner_steps(txn, TXN_BRANCH_PARKED, &at);
    }
    return at;
}

struct mono txn_wake_at(const struct txn *txn)
{
    struct mono at = {0};
    if (txn->state == TXN_LOST || txn->state == TXN_LEAVING)
        return at;
    sooner_earlier(txn, &at);
    switch (txn->state) {
    case TXN_OPEN:
    case TXN_BEGINNING:
    case TXN_DELEGATING:
        sooner(&at, txn->deadline);
        break;
    case TXN_RESERVING:
    case TXN_PREPARING:
        sooner(&at, txn->deadline);
        sooner(&at, txn->prepare_deadline);
        sooner_retries(txn, TXN_BRANCH_PREPARING, &at);
        break;
    case TXN_DELEGATED:
        sooner(&at, txn->deadline);
        sooner_retries(txn, TXN_BRANCH_EXECUTING, &at);
        break;
    case TXN_DOUBTFUL:
        sooner_retries(txn, TXN_BRANCH_ASKING, &at);
        break;
    case TXN_REVOKING:
    case TXN_COMMITTING:
    case TXN_ABORTING:
        sooner_retries(txn, TXN_BRANCH_COMMITTING, &at);
        sooner_retries(txn, TXN_BRANCH_ABORTING, &at);
        break;
    case TXN_PUBLISHING:
        sooner(&at, txn->publish_deadline);
        break;
    case TXN_RUNNING:
    case TXN_STOPPING:
    case TXN_TURNING:
    case TXN_COMPENSATING:
    case TXN_CONCLUDING:
        return saga_wake_at(txn, at);
    case TXN_RESTARTING: /* while the write is in flight: looked at when it is durable */
        if (txn->writing[TXN_RECORD_ATTEMPT] == 0) {
            sooner(&at, txn->restart_at);
            sooner(&at, txn->deadline);
            sooner(&at, txn->prepare_deadline);
        }
        break;
    case TXN_NEW:
    case TXN_DECIDING: /* no timer aborts while a decision is in flight */
    case TXN_FALLING_BACK:
    case TXN_LEAVING:
    case TXN_LOST:
    case TXN_ENDED:
    case TXN_STATE_COUNT:
        break;
    }
    return at;
}
