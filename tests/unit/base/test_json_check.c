#include <base/json.h>

#include <stdio.h>
#include <time.h>

#include "tests.h"

static int check(const char *text, size_t len, int flags, struct json_fault *ret_fault)
{
    struct troth_span value;
    return json_check((struct troth_span){text, len}, flags, &value, ret_fault);
}

/* Every kind of value that RFC 8259 has is accepted. */
START_TEST(well_formed)
{
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "10",
        "1.5",
        "0.10",
        "1e400",
        "1E+5",
        "1e-5",
        "9007199254740993",
        "-0.0e-0",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
        "\"\\ud83d\\ude00\"",
        "\"\\uD83D\\uDE00\"",
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "\"\x7f\"",
        "\"\xf4\x8f\xbf\xbf\"",
        "\"\xed\x9f\xbf\xee\x80\x80\"",
        "[1,2,[3,{\"a\":[]}],null]",
        "{\"a\":1,\"b\":{\"a\":1}}",
        "{\"\":0}",
        " \t\r\n{ \"a\" : [ 1 , 2 ] } \n",
        "{\"a\":1,\"a\":2}",
        "\"0123456789abcdef0123456789abcdef\"",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct json_fault fault = {0, ""};
        ck_assert_msg(check(good[i], strlen(good[i]), 0, &fault) == 0, "%s: %s", good[i],
                      fault.text);
    }
}
END_TEST

#define CASE(text, offset)                                                                         \
    {                                                                                              \
        text, sizeof(text) - 1, offset                                                             \
    }
static const struct {
    const char *text;
    size_t len;
    size_t offset; /* where it is wrong */
} wrong[] = {
    CASE("", 0),
    CASE("  ", 2),
    CASE("\xef\xbb\xbf{}", 0),
    CASE("nul", 0),
    CASE("nulL", 0),
    CASE("True", 0),
    CASE("nullx", 4),
    CASE("{} {}", 3),
    CASE("1 2", 2),
    CASE("'a'", 0),
    CASE("NaN", 0),
    CASE("Infinity", 0),
    CASE("-", 1),
    CASE("-a", 1),
    CASE("+1", 0),
    CASE("01", 1),
    CASE("-01", 2),
    CASE("1.", 2),
    CASE(".5", 0),
    CASE("1.e5", 2),
    CASE("1e", 2),
    CASE("1e+", 3),
    CASE("0x10", 1),
    CASE("1_000", 1),
    CASE("\"", 1),
    CASE("\"abc", 4),
    CASE("\"abc\\", 5),
    CASE("\"abc\\\"", 6),
    CASE("\"\\a\"", 1),
    CASE("\"\\'\"", 1),
    CASE("\"\\\0\"", 1),
    CASE("\"\\u12\"", 1),
    CASE("\"\\u12g4\"", 1),
    CASE("\"\\u", 1),
    CASE("\"\\u0000\"", 1),
    CASE("\"\\ud800\"", 1),
    CASE("\"x\\ud800\\u0041\"", 2),
    CASE("\"\\ud800x\"", 1),
    CASE("\"\\ud800\\\"", 1),
    CASE("\"\\ud83d\\ud83d\"", 1),
    CASE("\"\\udc00\"", 1),
    CASE("\"\\ud83d\\ude0\"", 1),
    CASE("\"a\nb\"", 2),
    CASE("\"a\tb\"", 2),
    CASE("\"a\0b\"", 2),
    CASE("\"0123456\x1f\"", 8),
    CASE("\"01234567\x01\"", 9),
    CASE("\"\x80\"", 1),
    CASE("\"\xbf\"", 1),
    CASE("\"\xc0\x80\"", 1), /* overlong NUL */
    CASE("\"\xc1\xbf\"", 1),
    CASE("\"\xe0\x80\x80\"", 1), /* overlong */
    CASE("\"\xe0\x9f\xbf\"", 1),
    CASE("\"\xf0\x80\x80\x80\"", 1),
    CASE("\"\xf0\x8f\xbf\xbf\"", 1),
    CASE("\"\xed\xa0\x80\"", 1), /* surrogates */
    CASE("\"\xed\xbf\xbf\"", 1),
    CASE("\"\xf4\x90\x80\x80\"", 1), /* beyond U+10FFFF */
    CASE("\"\xf5\x80\x80\x80\"", 1),
    CASE("\"\xff\"", 1),
    CASE("\"\xc3\"", 1), /* cut */
    CASE("\"\xc3", 1),
    CASE("\"\xe2\x82\"", 1),
    CASE("\"\xf0\x9f\x98\"", 1),
    CASE("\"\xc3(\"", 1),
    CASE("0\0", 1),
    CASE("\0", 0),
    CASE("[", 1),
    CASE("[1", 2),
    CASE("[1,", 3),
    CASE("[1,]", 3),
    CASE("[,1]", 1),
    CASE("[1 2]", 3),
    CASE("[1}", 2),
    CASE("]", 0),
    CASE("{", 1),
    CASE("{1:2}", 1),
    CASE("{\"a\"}", 4),
    CASE("{\"a\":}", 5),
    CASE("{\"a\":1", 6),
    CASE("{\"a\":1,}", 7),
    CASE("{\"a\":1]", 6),
    CASE("{\"a\" 1}", 5),
    CASE("{,}", 1),
    CASE("{a:1}", 1),
    CASE("[1]/*x*/", 3),
    CASE("[1]//x", 3),
    CASE("\x0b"
         "1",
         0), /* only four characters are white space */
    CASE("\xc2\xa0"
         "1",
         0),
};
#undef CASE

/* What is not JSON is refused, the fault says where, and the output is left alone. */
START_TEST(malformed)
{
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct json_fault fault = {999, NULL};
        struct troth_span value = {"before", 6};
        int error = json_check((struct troth_span){wrong[i].text, wrong[i].len}, 0, &value, &fault);
        ck_assert_msg(error == TROTH_ERROR_SYNTAX, "accepted: %s", wrong[i].text);
        ck_assert_msg(fault.offset == wrong[i].offset, "%s: at %zu, not %zu (%s)", wrong[i].text,
                      fault.offset, wrong[i].offset, fault.text);
        ck_assert_ptr_nonnull(fault.text);
        assert_span_is(value, "before");
        ck_assert_int_eq(check(wrong[i].text, wrong[i].len, 0, NULL), TROTH_ERROR_SYNTAX);
    }
}
END_TEST

/* Every beginning of a text, but the whole, is refused: nothing is read behind the end. */
START_TEST(every_cut_is_refused)
{
    static const char text[] = "{\"a\":[1.5e3,true,\"\\ud83d\\ude00\xf0\x9f\x98\x80\"],\"b\":null}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char copy[sizeof(text)]; /* exactly as long as the cut, for AddressSanitizer */
        char *end = copy + sizeof(copy);
        memcpy(end - len, text, len);
        ck_assert_int_eq(check(end - len, len, 0, NULL), TROTH_ERROR_SYNTAX);
    }
    ck_assert_int_eq(check(text, sizeof(text) - 1, 0, NULL), 0);
}
END_TEST

/* The value is given without the white space around it; an absent text is an empty one. */
START_TEST(value_is_trimmed)
{
    struct troth_span value;
    ck_assert_int_eq(json_check(span_of(" \n {\"a\": 1} \t"), 0, &value, NULL), 0);
    assert_span_is(value, "{\"a\": 1}");
    ck_assert_int_eq(json_check(span_of(" 12 "), 0, &value, NULL), 0);
    assert_span_is(value, "12");
    ck_assert_int_eq(json_check((struct troth_span){NULL, 0}, 0, &value, NULL), TROTH_ERROR_SYNTAX);
}
END_TEST

/* 64 levels are accepted, the 65th is refused where it begins; siblings do not add up. */
START_TEST(depth_is_bounded)
{
    char text[3 * JSON_DEPTH_MAX + 10];
    for (size_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct json_fault fault;
        int error = check(text, 2 * depth, 0, &fault);
        ck_assert_int_eq(error, depth <= JSON_DEPTH_MAX ? 0 : TROTH_ERROR_SYNTAX);
        if (error != 0)
            ck_assert_uint_eq(fault.offset, JSON_DEPTH_MAX);
    }
    BUFFER_SCOPED struct buffer many = {0};
    buffer_append_char(&many, '[');
    for (int i = 0; i < 200; i++)
        buffer_append_text(&many, "[{}],");
    buffer_append_text(&many, "0]");
    ck_assert_int_eq(check(many.data, many.len, 0, NULL), 0);
}
END_TEST

static int check_depth(size_t depth, int flags)
{
    char text[2 * (JSON_DEPTH_MAX + JSON_WRAP_MAX) + 4];
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return check(text, 2 * depth, flags, NULL);
}

/* What was taken in has room around it: one level in a request or message, more in what is kept. */
START_TEST(what_wraps_has_room)
{
    static const struct {
        int flags;
        size_t most;
    } cases[] = {
        {JSON_CHECK_PAYLOAD, JSON_DEPTH_MAX},
        {JSON_CHECK_UNIQUE_KEYS | JSON_CHECK_ENVELOPE, JSON_DEPTH_MAX + 1},
        {JSON_CHECK_KEPT, JSON_DEPTH_MAX + JSON_WRAP_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(check_depth(cases[i].most, cases[i].flags), 0);
        ck_assert_int_eq(check_depth(cases[i].most + 1, cases[i].flags), TROTH_ERROR_SYNTAX);
    }
    ck_assert(!json_is_deeper(span_of("[{\"a\\\"]]]\":[]},\"[[[\"]"), 3));
    ck_assert(json_is_deeper(span_of("[{\"a\\\"]]]\":[]},\"[[[\"]"), 2));
}
END_TEST

/* A payload keeps strings that are no text; what people write is refused for them. */
START_TEST(strings_that_are_no_text)
{
    static const char *const texts[] = {"\"\\u0000\"", "{\"a\\ud800\":1}", "[\"\\udc00\\ud800x\"]",
                                        "\"\\ud83d\\u0041\""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct troth_span value;
        ck_assert_int_eq(json_check(span_of(texts[i]), 0, &value, NULL), TROTH_ERROR_SYNTAX);
        ck_assert_int_eq(json_check(span_of(texts[i]), JSON_CHECK_ENVELOPE, &value, NULL),
                         TROTH_ERROR_SYNTAX);
        ck_assert_int_eq(json_check(span_of(texts[i]), JSON_CHECK_PAYLOAD, &value, NULL), 0);
        ck_assert_int_eq(json_check(span_of(texts[i]), JSON_CHECK_KEPT, &value, NULL), 0);
        assert_span_is(value, texts[i]);
    }
    ck_assert_int_eq(check("\"\\u00\"", 6, JSON_CHECK_PAYLOAD, NULL), TROTH_ERROR_SYNTAX);
    ck_assert_int_eq(check("\"\xff\"", 3, JSON_CHECK_PAYLOAD, NULL), TROTH_ERROR_SYNTAX);
}
END_TEST

/* A name twice in one object is refused when asked, at the second place, escaped or not. */
START_TEST(duplicate_keys)
{
    static const struct {
        const char *text;
        int offset; /* -1: none is twice */
    } cases[] = {
        {"{\"a\":1,\"b\":2}", -1},
        {"{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}", -1},
        {"{\"a\":1,\"a\":2}", 7},
        {"{\"a\":1,\"\\u0061\":2}", 7},
        {"{\"\\u0061\":1,\"a\":2}", 12},
        {"{\"\":1,\"\":2}", 6},
        {"{\"a\":1,\"b\":2,\"b\":2,\"a\":3}", 13},
        {"{\"x\":{\"a\":1,\"b\":[{}],\"a\":2}}", 21},
        {"{\"a\":{\"b\":0},\"b\":0,\"a\":0}", 19},
        {"{\"\xc3\xa4\":1,\"\\u00E4\":2}", 8},
        {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", 18},
        {"{\"ab\":1,\"a\":2,\"abc\":3}", -1},
        {"{\"\\n\":1,\"n\":2}", -1},
        {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"h\":1}", 55},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_fault fault = {0, ""};
        int error = check(cases[i].text, strlen(cases[i].text), JSON_CHECK_UNIQUE_KEYS, &fault);
        ck_assert_msg((error == 0) == (cases[i].offset < 0), "%s: %s", cases[i].text, fault.text);
        if (error != 0)
            ck_assert_msg((int)fault.offset == cases[i].offset, "%s: at %zu", cases[i].text,
                          fault.offset);
        ck_assert_int_eq(check(cases[i].text, strlen(cases[i].text), 0, NULL), 0);
    }
}
END_TEST

/* A megabyte of names in one object is looked through in far less than n squared. */
START_TEST(many_keys_are_not_quadratic)
{
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_char(&text, '{');
    unsigned keys = 0;
    while (text.len < 1000000) /* escaped, so that the slow comparison is the one measured */
        buffer_append_format(&text, "\"\\u0041%u\":0,", keys++);
    buffer_append_text(&text, "\"last\":0}");
    clock_t start = clock();
    ck_assert_int_eq(check(text.data, text.len, JSON_CHECK_UNIQUE_KEYS, NULL), 0);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    /* n log n is some 20 ms, also under sanitizers below a second; n squared would be minutes */
    ck_assert_msg(seconds < 5.0, "%u keys took %.1f s", keys, seconds);
}
END_TEST

static void note_member(void *arg, struct troth_span key, struct troth_span value)
{
    struct buffer *noted = arg;
    buffer_append_span(noted, key);
    buffer_append_char(noted, '=');
    buffer_append_span(noted, value);
    buffer_append_char(noted, ';');
}

/* The check of an object gives its own members, in their order and as they stand, and none of what
 * is inside of them. */
START_TEST(members_are_given_by_the_check)
{
    BUFFER_SCOPED struct buffer noted = {0};
    struct troth_span object;
    const char *text = " {\"a\" : {\"b\":[1,{\"c\":2}]} ,\"\\u0064\":\"x\", \"e\":-1.50 }\n";
    ck_assert_int_eq(json_check_object(span_of(text), JSON_CHECK_UNIQUE_KEYS, note_member, &noted,
                                       &object, NULL),
                     0);
    ck_assert_str_eq(buffer_text(&noted),
                     "\"a\"={\"b\":[1,{\"c\":2}]};\"\\u0064\"=\"x\";\"e\"=-1.50;");
    ck_assert_int_eq(object.data[0], '{');
    ck_assert_int_eq(object.data[object.len - 1], '}');
}
END_TEST

/* What is no object gives no members, whatever is in it; what is no JSON says where. */
START_TEST(members_are_an_objects)
{
    static const char *const others[] = {"[{\"a\":1}]", "\"{\"", " 1", "null"};
    BUFFER_SCOPED struct buffer noted = {0};
    struct troth_span object;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_int_eq(
            json_check_object(span_of(others[i]), 0, note_member, &noted, &object, NULL),
            TROTH_ERROR_TYPE);
    ck_assert_uint_eq(noted.len, 0);
    struct json_fault fault = {0, ""};
    ck_assert_int_eq(
        json_check_object(span_of("{\"a\":1,}"), 0, note_member, &noted, &object, &fault),
        TROTH_ERROR_SYNTAX);
    ck_assert_uint_eq(fault.offset, 7);
    ck_assert_int_eq(json_check_object(span_of(""), 0, note_member, &noted, &object, &fault),
                     TROTH_ERROR_SYNTAX);
}
END_TEST

/* Lines and columns count from 1, columns in code points. */
START_TEST(positions)
{
    static const char text[] = "ab\n\xc3\xa4\xe2\x82\xac"
                               "c\n\n{";
    static const struct {
        size_t offset;
        uint32_t line, column;
    } places[] = {{0, 1, 1}, {1, 1, 2}, {2, 1, 3},  {3, 2, 1},  {5, 2, 2},
                  {8, 2, 3}, {9, 2, 4}, {10, 3, 1}, {11, 4, 1}, {500, 4, 2}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        uint32_t line, column;
        json_position(span_of(text), places[i].offset, &line, &column);
        ck_assert_uint_eq(line, places[i].line);
        ck_assert_uint_eq(column, places[i].column);
    }
}
END_TEST

TCase *json_check_tests(void)
{
    TCase *tests = tcase_create("json_check");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, well_formed);
    tcase_add_test(tests, malformed);
    tcase_add_test(tests, every_cut_is_refused);
    tcase_add_test(tests, value_is_trimmed);
    tcase_add_test(tests, depth_is_bounded);
    tcase_add_test(tests, what_wraps_has_room);
    tcase_add_test(tests, strings_that_are_no_text);
    tcase_add_test(tests, duplicate_keys);
    tcase_add_test(tests, many_keys_are_not_quadratic);
    tcase_add_test(tests, members_are_given_by_the_check);
    tcase_add_test(tests, members_are_an_objects);
    tcase_add_test(tests, positions);
    return tests;
}
