/* own_line.c: reads from left to right, and gives up at the first byte that is not expected. */
#include "own_line.h"

#include <string.h>

#include <base/json.h>

struct reader {
    const char *at, *end;
};

static inline bool takes(struct reader *reader, const char *text, size_t len)
{
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, text, len) != 0)
        return false;
    reader->at += len;
    return true;
}

#define TAKES(reader, literal) takes(reader, literal, sizeof(literal) - 1)

/* Letters and underscores up to the closing quote, which is taken. Empty: it is no word. */
static struct troth_span word_take(struct reader *reader)
{
    struct troth_span word = {reader->at, 0};
    while (reader->at < reader->end &&
           (*reader->at == '_' || (*reader->at >= 'a' && *reader->at <= 'z')))
        reader->at++;
    word.len = (size_t)(reader->at - word.data);
    return TAKES(reader, "\"") ? word : (struct troth_span){NULL, 0};
}

static bool number_take(struct reader *reader, uint32_t most, uint32_t *ret_number)
{
    uint32_t number = 0;
    const char *first = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && number <= most)
        number = number * 10 + (uint32_t)(*reader->at++ - '0');
    if (reader->at == first || *first == '0' || number > most)
        return false;
    *ret_number = number;
    return true;
}

static bool head_take(struct reader *reader, struct result *result)
{
    if (!TAKES(reader, "{\"op\":\"") || message_op_parse(word_take(reader), &result->op) != 0 ||
        !TAKES(reader, ",\"gtid\":\"") || reader->end - reader->at < TROTH_GTID_TEXT_LEN ||
        troth_gtid_parse(reader->at, TROTH_GTID_TEXT_LEN, &result->gtid) != 0)
        return false;
    reader->at += TROTH_GTID_TEXT_LEN;
    return TAKES(reader, "\",\"branch\":") &&
           number_take(reader, TROTH_BRANCH_NUMBER_MAX, &result->branch) &&
           TAKES(reader, ",\"attempt\":") &&
           number_take(reader, TROTH_ATTEMPT_MAX, &result->attempt);
}

static bool words_take(struct reader *reader, struct result *result)
{
    if (!TAKES(reader, ",\"result\":\"") ||
        message_result_name_parse(word_take(reader), &result->result) != 0 ||
        (result->result != RESULT_VOTE && result->result != RESULT_DONE))
        return false;
    if (result->result == RESULT_VOTE &&
        (!TAKES(reader, ",\"vote\":\"") ||
         message_vote_parse(word_take(reader), &result->vote) != 0 ||
         (result->vote != VOTE_YES && result->vote != VOTE_READ_ONLY)))
        return false;
    return !TAKES(reader, ",\"state\":\"") ||
           message_state_parse(word_take(reader), &result->state) == 0;
}

/* All that stands before the closing brace is the output, or not one value. */
static bool output_take(struct reader *reader, struct result *result)
{
    if (!TAKES(reader, ",\"output\":"))
        return true;
    struct troth_span rest = {reader->at, (size_t)(reader->end - reader->at)};
    if (rest.len < 2 || rest.data[rest.len - 1] != '}')
        return false;
    rest.len--;
    if (json_check(rest, JSON_CHECK_PAYLOAD, &result->output, NULL) != 0)
        return false;
    reader->at += rest.len;
    return true;
}

bool own_line_read(struct troth_span line, struct result *ret_result)
{
    struct reader reader = {line.data, line.data + line.len};
    struct result result = {.vote = VOTE_NONE};
    if (line.len > MESSAGE_LINE_MAX || !head_take(&reader, &result) ||
        !words_take(&reader, &result) || !output_take(&reader, &result) || !TAKES(&reader, "}") ||
        reader.at != reader.end)
        return false;
    *ret_result = result;
    return true;
}
