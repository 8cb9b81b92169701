/* The words on the wire. */
#include <wire/message.h>

#include <assert.h>
#include <string.h>

static const char *const op_names[OP_COUNT] = {
    [OP_PREPARE] = "prepare", [OP_COMMIT] = "commit",         [OP_ABORT] = "abort",
    [OP_EXECUTE] = "execute", [OP_COMPENSATE] = "compensate", [OP_STATUS] = "status",
};

static const char *const result_names[RESULT_COUNT] = {
    [RESULT_DONE] = "done",         [RESULT_VOTE] = "vote",
    [RESULT_REFUSED] = "refused",   [RESULT_RETRY] = "retry",
    [RESULT_UNKNOWN] = "unknown",   [RESULT_HEURISTIC] = "heuristic",
    [RESULT_CONFLICT] = "conflict", [RESULT_NO_OPERATION] = "no_operation",
};

static const char *const vote_names[VOTE_COUNT] = {
    [VOTE_NONE] = "none",
    [VOTE_YES] = "yes",
    [VOTE_READ_ONLY] = "read_only",
    [VOTE_NO] = "no",
};

static const char *const state_names[BRANCH_IS_COUNT] = {
    [BRANCH_IS_UNSAID] = "unsaid",           [BRANCH_IS_PREPARED] = "prepared",
    [BRANCH_IS_COMMITTED] = "committed",     [BRANCH_IS_ABORTED] = "aborted",
    [BRANCH_IS_COMPENSATED] = "compensated", [BRANCH_IS_UNKNOWN] = "unknown",
};

const char *message_op_name(enum message_op op)
{
    assert(op < OP_COUNT);
    return op_names[op];
}

const char *message_result_name(enum message_result result)
{
    assert(result < RESULT_COUNT);
    return result_names[result];
}

const char *message_vote_name(enum message_vote vote)
{
    assert(vote < VOTE_COUNT);
    return vote_names[vote];
}

const char *message_state_name(enum message_state state)
{
    assert(state < BRANCH_IS_COUNT);
    return state_names[state];
}

const char *message_trouble_name(enum message_trouble trouble)
{
    static const char *const names[TROUBLE_COUNT] = {
        "none",    "no_address",    "connection_refused", "not_connected", "connection_lost",
        "timeout", "not_understood"};
    assert(trouble < TROUBLE_COUNT);
    return names[trouble];
}

/* The index of `name`, or `count`. */
static unsigned name_find(const char *const *names, unsigned count, struct troth_span name)
{
    unsigned i = 0;
    if (name.len == 0)
        return count;
    while (i < count && (names[i][0] != name.data[0] || strlen(names[i]) != name.len ||
                         memcmp(names[i], name.data, name.len) != 0))
        i++;
    return i;
}

int message_op_parse(struct troth_span name, enum message_op *ret_op)
{
    unsigned found = name_find(op_names, OP_COUNT, name);
    if (found == OP_COUNT)
        return TROTH_ERROR_SYNTAX;
    *ret_op = (enum message_op)found;
    return 0;
}

int message_result_name_parse(struct troth_span name, enum message_result *ret_result)
{
    unsigned found = name_find(result_names, RESULT_COUNT, name);
    if (found == RESULT_COUNT)
        return TROTH_ERROR_SYNTAX;
    *ret_result = (enum message_result)found;
    return 0;
}

int message_vote_parse(struct troth_span name, enum message_vote *ret_vote)
{
    unsigned found = name_find(vote_names, VOTE_COUNT, name);
    if (found == VOTE_COUNT)
        return TROTH_ERROR_SYNTAX;
    *ret_vote = (enum message_vote)found;
    return 0;
}

int message_state_parse(struct troth_span name, enum message_state *ret_state)
{
    unsigned found = name_find(state_names, BRANCH_IS_COUNT, name);
    if (found == BRANCH_IS_COUNT)
        return TROTH_ERROR_SYNTAX;
    *ret_state = (enum message_state)found;
    return 0;
}
