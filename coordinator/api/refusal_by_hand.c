/* The words of what is refused to an operator who settles by hand: what is wrong, what would go
 * wrong, and what to look at first. */
#include <api/refusal.h>

#include <assert.h>

#include <base/buffer.h>

static const struct txn_branch *find(const struct txn *txn, uint32_t number)
{
    for (uint32_t i = 0; i < txn->branches_count; i++)
        if (txn->branches[i].number == number)
            return &txn->branches[i];
    return NULL;
}

/* "1 (bank_a, committed), 2 (bank_b, parked)" */
static void append_branches(struct buffer *text, const struct txn *txn, uint64_t mask)
{
    const char *before = "";
    for (uint32_t i = 0; i < txn->branches_count; i++) {
        const struct txn_branch *branch = &txn->branches[i];
        if ((mask >> i & 1u) == 0)
            continue;
        buffer_append_format(text, "%s%u (%s, %s)", before, branch->number, branch->participant,
                             txn_branch_state_name(branch->state));
        before = ", ";
    }
}

static void refuse_unnamed(struct api_problem *ret_problem, const struct txn *txn, uint32_t branch)
{
    BUFFER_SCOPED struct buffer list = {0};
    uint64_t waits = txn_resolvable(txn);
    append_branches(&list, txn,
                    branch != 0 || waits == 0 ? ~UINT64_C(0)
                                              : waits | txn->resolving | txn->worded);
    const char *text = buffer_text(&list);
    text = text != NULL ? text : "";
    if (branch != 0)
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "there is no branch %u; there are %s", branch, text);
    else if (waits == 0)
        (void)api_problem_set(
            ret_problem, API_PROBLEM_WRONG_STATE,
            "the transaction is %s, and none of its branches waits for a word: %s",
            txn_shown_name(txn), text);
    else
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "which branch? These wait for a word, or have one: %s; name one",
                              text);
}

/* What would go wrong, and what to look at first. */
static void refuse_unsafe(struct api_problem *ret_problem, enum txn_resolve why,
                          const struct txn *txn, const struct txn_branch *branch,
                          enum txn_word word)
{
    const char *was = txn->state == TXN_COMPENSATING ? "all that was done is to be undone"
                      : txn->state == TXN_ABORTING   ? "the decision is abort"
                                                     : "the decision is commit";
    if (why == TXN_RESOLVE_CONTRARY)
        (void)api_problem_set(
            ret_problem, API_PROBLEM_UNSAFE,
            "%s: with branch %u %s its outcome would be mixed for ever, with an event that says "
            "so, "
            "and \"%s\" and the others would disagree. Look first: is the branch still prepared at "
            "\"%s\" (trothctl participant orphans, pg_prepared_xacts)? Then mend the participant "
            "and "
            "retry. Only if it has really ended so there: force",
            was, branch->number, txn_word_name(word), branch->participant, branch->participant);
    else
        (void)api_problem_set(
            ret_problem, API_PROBLEM_UNSAFE,
            "branch %u is %s: \"%s\" was told to act and has not answered, and may still do so "
            "behind your word, so that it is done twice, or done and not known. Look first: is "
            "each "
            "of its replicas stopped, and what does its database say of the branch? If it is only "
            "slow, wait. If it can do nothing more: force",
            branch->number, txn_branch_state_name(branch->state), branch->participant);
}

static const char *words_of(const struct txn *txn)
{
    if (txn->state == TXN_COMPENSATING)
        return "compensated (nothing of it is left), aborted (it never ran) or committed (it "
               "stays)";
    return "committed or aborted";
}

void api_refuse_word(struct api_problem *ret_problem, enum txn_resolve why, const struct txn *txn,
                     uint32_t number, enum txn_word word)
{
    const struct txn_branch *branch = find(txn, number);
    if (txn->state == TXN_PUBLISHING || txn->state == TXN_ENDED) {
        api_refuse_ended(ret_problem, &txn->origin->gtid, txn->outcome);
        return;
    }
    if (branch == NULL) {
        refuse_unnamed(ret_problem, txn, number);
        return;
    }
    const char *state = txn_branch_state_name(branch->state), *at = branch->participant;
    switch (why) {
    case TXN_RESOLVE_CONTRARY:
    case TXN_RESOLVE_MAY_ACT:
        refuse_unsafe(ret_problem, why, txn, branch, word);
        return;
    case TXN_RESOLVE_OTHER_SAID:
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "branch %u was resolved before, and a word is said once: %.*s",
                              number, (int)branch->resolved.len, branch->resolved.data);
        return;
    case TXN_RESOLVE_ANSWERED:
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "branch %u is %s, as \"%s\" itself says: nothing is left to resolve",
                              number, state, at);
        return;
    case TXN_RESOLVE_NOT_YET:
        (void)api_problem_set(
            ret_problem, API_PROBLEM_WRONG_STATE,
            "branch %u is %s and the transaction is %s: it is not decided, or this "
            "branch's turn has not come; what is not decided can be aborted",
            number, state, txn_shown_name(txn));
        return;
    case TXN_RESOLVE_WRITING:
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "the transaction is %s: that is being written; ask in a moment",
                              txn_shown_name(txn));
        return;
    case TXN_RESOLVE_WRONG_WORD:
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "\"%s\" is no word for branch %u of a transaction that is %s: say %s",
                              txn_word_name(word), number, txn_state_name(txn->state),
                              words_of(txn));
        return;
    case TXN_RESOLVE_ONLY_EARLIER:
        (void)api_problem_set(
            ret_problem, API_PROBLEM_WRONG_STATE,
            "branch %u is %s; only what attempt %u came to is not acknowledged by "
            "\"%s\", and nothing waits for that but the end: retry tells it "
            "again, forget ends without it",
            number, state, branch->abort_attempt, at);
        return;
    case TXN_RESOLVE_MAY:
    case TXN_RESOLVE_SAID:
    case TXN_RESOLVE_NO_BRANCH:
        break;
    }
    assert(false && "it may be said");
}

void api_refuse_forget(struct api_problem *ret_problem, enum txn_forget why, const struct txn *txn)
{
    BUFFER_SCOPED struct buffer list = {0};
    uint64_t open = txn_resolvable(txn);
    append_branches(&list, txn, why == TXN_FORGET_OPEN && open != 0 ? open : txn_owed(txn));
    const char *text = buffer_text(&list);
    text = text != NULL ? text : "";
    switch (why) {
    case TXN_FORGET_NOTHING:
        api_refuse_ended(ret_problem, &txn->origin->gtid, txn->outcome);
        return;
    case TXN_FORGET_OPEN:
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "the transaction is open: it is %s, and %s%s. Only what has its "
                              "outcome and every branch settled may be forgotten: resolve first",
                              txn_shown_name(txn), text[0] != '\0' ? "waits for " : "goes on",
                              text);
        return;
    case TXN_FORGET_WRITING:
        (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                              "its outcome is being written; ask in a moment");
        return;
    case TXN_FORGET_DOUBTFUL:
        (void)api_problem_set(
            ret_problem, API_PROBLEM_UNSAFE,
            "the journal has lost what may have been decided of it, and a client may have been "
            "told that it committed. Look first at every database that it may have changed. If "
            "nothing of it is committed anywhere, and it is to be aborted for good: force");
        return;
    case TXN_FORGET_CANNOT_ASK:
        (void)api_problem_set(
            ret_problem, API_PROBLEM_UNSAFE,
            "not acknowledged by %s, and one of these participants cannot ask what became of it: "
            "if "
            "it comes back with the branch prepared, nobody will tell it, and its locks stay. Look "
            "first that its database has nothing of it. If so: force",
            text);
        return;
    case TXN_FORGET_MAY:
    case TXN_FORGET_SAID:
        break;
    }
    assert(false && "it may be forgotten");
}

void api_refuse_overruled(struct api_problem *ret_problem, const struct txn *txn, uint32_t number)
{
    const struct txn_branch *branch = find(txn, number);
    (void)api_problem_set(ret_problem, API_PROBLEM_WRONG_STATE,
                          "\"%s\" answered before the word was written: branch %u is %s. Its own "
                          "answer stands, and the word counts for nothing",
                          branch != NULL ? branch->participant : "?", number,
                          branch != NULL ? txn_branch_state_name(branch->state) : "?");
}
