/* What a participant answers, through the coordinator's channel to it, whole and in pieces: exactly
 * one result for each command, of that command, and the same one; or unknown, where the answer is
 * broken further on and that was seen first. The first byte says how it was
 * asked: bit 0 the binding, bits 1 … 3 the op of the first of up to four commands (bits 4, 5). */
#include <net/channel.h>
#include <pair.h>

#include "fuzz.h"

#define COMMANDS_MAX 4u

struct told {
    struct buffer results[COMMANDS_MAX];
    bool unknown[COMMANDS_MAX];
    uint32_t wanted, count;
};

static struct command command_of(uint8_t how, uint32_t i)
{
    struct troth_gtid_parts parts = {.unix_ms = 1, .shard = 7, .epoch = 3, .counter = 99};
    struct command command = {.op = (enum message_op)(((how >> 1 & 7) + i) % OP_COUNT),
                              .branch = i + 1,
                              .attempt = 1,
                              .operation = {"debit", 5},
                              .input = {"{}", 2}};
    int error = troth_gtid_make(&parts, &command.gtid);
    assert(error == 0);
    return command;
}

static void on_result(void *arg, const struct result *result, bool sent)
{
    struct told *told = arg;
    assert(result->branch >= 1 && result->branch <= told->wanted);
    assert(result->reason.len <= MESSAGE_REASON_MAX && result->result < RESULT_COUNT);
    assert(sent || result->result == RESULT_UNKNOWN);
    assert(result->op == OP_PREPARE || result->result != RESULT_VOTE);
    struct buffer *text = &told->results[result->branch - 1];
    assert(text->len == 0);
    message_result_append(text, result);
    told->unknown[result->branch - 1] = result->result == RESULT_UNKNOWN;
    told->count++;
}

static bool all_told(void *arg)
{
    const struct told *told = arg;
    return told->count == told->wanted;
}

static void no_oldest(void *arg, uint32_t round, struct buffer *ret_list)
{
    (void)arg;
    (void)round;
    (void)ret_list;
}

static void ask(uint8_t how, struct troth_span answer, size_t piece, struct told *told)
{
    const struct channel_config config = {
        .name = "bank",
        .binding = (how & 1) != 0 ? CHANNEL_BATCH : CHANNEL_HTTP,
        .urls = {"http://127.0.0.1:1"},
        .slots = 8,
        .phase2_connections = 4,
        .connect_timeout_us = 60000000,
        .journal = "0123456789abcdef",
        .oldest_open = no_oldest,
        .result = on_result,
        .arg = told,
    };
    struct channel *channel = NULL;
    int error = channel_create(pair_loop(), &config, &channel);
    assert(error == 0);
    told->wanted = 1 + (how >> 4 & 3);
    for (uint32_t i = 0; i < told->wanted; i++) {
        struct command command = command_of(how, i);
        error = channel_send(channel, &command, (struct mono){0});
        assert(error == 0);
    }
    channel_flush(channel);
    pair_answer(answer, piece, all_told, told);
    channel_destroy(channel);
    pair_turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct troth_span answer = fuzz_span(data, size);
    struct told whole = {.count = 0}, pieces = {.count = 0};
    uint8_t how = fuzz_byte(&answer);
    ask(how, answer, answer.len + 1, &whole);
    ask(how, answer, 1 + answer.len % 7, &pieces);
    for (uint32_t i = 0; i < COMMANDS_MAX; i++) {
        assert(whole.unknown[i] ||
               fuzz_same(buffer_span(&whole.results[i]), buffer_span(&pieces.results[i])));
        buffer_finish(&whole.results[i]);
        buffer_finish(&pieces.results[i]);
    }
    return 0;
}
