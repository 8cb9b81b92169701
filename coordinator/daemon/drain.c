/* drain.c: when there is nothing left to wait for on SIGTERM. */
#include "drain.h"

#include <txn/txn.h>

#include "entry.h"
#include "state.h"

/* A call is under way: sent, or about to be. */
static bool calls(const struct txn *txn)
{
    uint64_t busy = txn->in[TXN_BRANCH_ENLISTING] | txn->in[TXN_BRANCH_PREPARING] |
                    txn->in[TXN_BRANCH_EXECUTING] | txn->in[TXN_BRANCH_COMMITTING] |
                    txn->in[TXN_BRANCH_ABORTING] | txn->in[TXN_BRANCH_ASKING] |
                    txn->in[TXN_BRANCH_COMPENSATING];
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        const struct txn_branch *branch = &txn->branches[i];
        bool waits = branch->retry_at.us != 0;
        if ((busy >> i & 1u) != 0 && !waits)
            return true;
        if ((txn->owed >> i & 1u) != 0 && (txn->owed_parked >> i & 1u) == 0 &&
            branch->abort_at.us == 0)
            return true;
    }
    return false;
}

static bool is_quiet(const struct entry *entry)
{
    return !entry->looking_up && entry->writes == 0 && !calls(&entry->txn);
}

/* In phase 2, or in a saga, where everything waits for a later try or for an operator: the journal
 * has all of it, and the next leader goes on as well as this one. */
static bool rests(const struct entry *entry)
{
    if (entry->unloaded)
        return true; /* shown, and never driven */
    switch (entry->txn.state) {
    case TXN_COMMITTING:
    case TXN_ABORTING:
    case TXN_RUNNING:
    case TXN_STOPPING:
    case TXN_COMPENSATING:
    case TXN_CONCLUDING:
    case TXN_DOUBTFUL:
    case TXN_LEAVING:
    case TXN_LOST:
        return is_quiet(entry);
    case TXN_REVOKING:
        return txn_parked(&entry->txn) && is_quiet(entry);
    case TXN_NEW:
    case TXN_OPEN:
    case TXN_BEGINNING:
    case TXN_RESERVING:
    case TXN_PREPARING:
    case TXN_DELEGATING:
    case TXN_DELEGATED:
    case TXN_DECIDING:
    case TXN_RESTARTING:
    case TXN_FALLING_BACK:
    case TXN_TURNING:
    case TXN_PUBLISHING:
    case TXN_ENDED:
    case TXN_STATE_COUNT:
        break;
    }
    return false;
}

bool driver_drained(const struct driver *driver)
{
    for (uint32_t shard = 0; shard < driver->shards_count; shard++) {
        const struct entry *entry = driver->shards[shard].oldest;
        for (; entry != NULL; entry = entry->newer)
            if (!rests(entry))
                return false;
    }
    return true;
}
