/* Properties on generated texts. A failure prints the seed that made it. */
#include <base/json.h>

#include "tests.h"

static void add_space(struct random *random, struct buffer *text)
{
    static const char spaces[] = " \n\r\t";
    while (random_below(random, 4) == 0)
        buffer_append_char(text, spaces[random_below(random, 4)]);
}

static void add_string(struct random *random, struct buffer *text)
{
    static const char *const pieces[] = {"a",        "0",
                                         "{",        "]",
                                         ",",        ":",
                                         "\\\"",     "\\\\",
                                         "\\n",      "\\u00e4",
                                         "\\u20ac",  "\\ud83d\\ude00",
                                         "\xc3\xa4", "\xf0\x9f\x98\x80",
                                         " ",        "01234567"};
    buffer_append_char(text, '"');
    for (uint64_t i = random_below(random, 6); i > 0; i--)
        buffer_append_text(text, pieces[random_below(random, 16)]);
    buffer_append_char(text, '"');
}

static unsigned add_value(struct random *random, struct buffer *text, unsigned depth);

static unsigned add_container(struct random *random, struct buffer *text, unsigned depth)
{
    bool object = random_below(random, 2) == 0;
    unsigned values = 1;
    buffer_append_char(text, object ? '{' : '[');
    add_space(random, text);
    for (uint64_t i = 0, count = random_below(random, 5); i < count; i++) {
        if (i > 0)
            buffer_append_char(text, ',');
        add_space(random, text);
        if (object) {
            add_string(random, text);
            add_space(random, text);
            buffer_append_char(text, ':');
            add_space(random, text);
        }
        values += add_value(random, text, depth - 1);
        add_space(random, text);
    }
    buffer_append_char(text, object ? '}' : ']');
    return values;
}

/* Gives the number of values, itself included. */
static unsigned add_value(struct random *random, struct buffer *text, unsigned depth)
{
    static const char *const scalars[] = {
        "null", "true", "false", "0", "-1", "0.10", "9007199254740993", "1e400"};
    if (depth > 0 && random_below(random, 2) == 0)
        return add_container(random, text, depth);
    if (random_below(random, 3) == 0)
        add_string(random, text);
    else
        buffer_append_text(text, scalars[random_below(random, 8)]);
    return 1;
}

/* Walks down and counts; each part must be a JSON text of its own and have no space around it. */
static unsigned count_values(struct troth_span value)
{
    struct troth_span again;
    ck_assert_int_eq(json_check(value, 0, &again, NULL), 0);
    ck_assert(again.data == value.data && again.len == value.len);
    unsigned values = 1;
    struct json_cursor cursor = json_cursor(value);
    struct troth_span key, part;
    while (json_next(&cursor, &key, &part)) {
        if (key.data != NULL)
            ck_assert_int_eq(json_type(key), JSON_STRING);
        values += count_values(part);
    }
    return values;
}

/* Whatever the grammar makes is accepted, and walking finds exactly the values that were made. */
START_TEST(generated_texts)
{
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        struct random random = {seed};
        BUFFER_SCOPED struct buffer text = {0};
        unsigned made = add_value(&random, &text, 6);
        struct troth_span value;
        struct json_fault fault = {0, ""};
        ck_assert_msg(json_check(buffer_span(&text), 0, &value, &fault) == 0, "seed %llu: %s",
                      (unsigned long long)seed, fault.text);
        unsigned found = count_values(value);
        ck_assert_msg(found == made, "seed %llu: %u of %u", (unsigned long long)seed, found, made);
    }
}
END_TEST

/* A text with one byte changed is either refused, or still safe to walk to the end. */
START_TEST(damaged_texts)
{
    unsigned refused = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct random random = {seed};
        BUFFER_SCOPED struct buffer text = {0};
        add_value(&random, &text, 5);
        text.data[random_below(&random, text.len)] = (char)random_next(&random);
        struct troth_span value;
        if (json_check(buffer_span(&text), JSON_CHECK_UNIQUE_KEYS, &value, NULL) == 0)
            count_values(value);
        else
            refused++;
    }
    ck_assert_uint_gt(refused, 1000);
}
END_TEST

/* Any bytes, escaped and unescaped again, are the same bytes if they were UTF-8 without NUL, and
 * are a checked string in any case. */
START_TEST(strings_round_trip)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct random random = {seed};
        char plain[40];
        size_t len = random_below(&random, sizeof(plain));
        bool ascii = seed % 2 == 0;
        for (size_t i = 0; i < len; i++)
            plain[i] = (char)(ascii ? 1 + random_below(&random, 127) : random_next(&random));
        BUFFER_SCOPED struct buffer json = {0};
        BUFFER_SCOPED struct buffer again = {0};
        json_append_string(&json, (struct troth_span){plain, len});
        struct troth_span value;
        ck_assert_msg(json_check(buffer_span(&json), 0, &value, NULL) == 0, "seed %llu",
                      (unsigned long long)seed);
        ck_assert_int_eq(json_string(value, &again), 0);
        ck_assert(json_string_equals(value, buffer_span(&again)));
        if (ascii)
            ck_assert_msg(again.len == len && (len == 0 || memcmp(again.data, plain, len) == 0),
                          "seed %llu", (unsigned long long)seed);
    }
}
END_TEST

TCase *json_random_tests(void)
{
    TCase *tests = tcase_create("json_random");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, generated_texts);
    tcase_add_test(tests, damaged_texts);
    tcase_add_test(tests, strings_round_trip);
    return tests;
}
