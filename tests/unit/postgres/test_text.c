/* test_text.c: what PostgreSQL gets of a file's SQL, and where it stood. */
#include <stdlib.h>
#include <string.h>

#include <file.h>

#include "tests.h"

static struct file *made(const char *text)
{
    struct file *file = file_create((struct troth_span){text, strlen(text)});
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(file_parse(file), 0);
    return file;
}

/* The SQL of an operation whose file has it as this JSON value. */
static struct file *with_sql(const char *json)
{
    BUFFER_SCOPED struct buffer text = {0};
    buffer_append_format(&text, "{\"operations\":{\"do\":{\"sql\":%s}}}", json);
    return made(buffer_text(&text));
}

START_TEST(parameters_become_numbers_and_nothing_else_changes)
{
    static const char *const texts[][2] = {
        {"\"SELECT ${input.a} AS a, ${input.a} + ${input.b}::int AS b\"",
         "SELECT $1 AS a, $2 + $3::int AS b"},
        {"[\"SELECT 1 AS a\", \"\", \"-- it's; $1\", \"WHERE ${input.a}\"]",
         "SELECT 1 AS a\n\n-- it's; $1\nWHERE $1"},
        {"\"SELECT 'it''s ; $1', E'\\\\'; $2', \\\"a;$3\\\", $$ ; $4 ' $$, $a$ $$ $a$, "
         "${input.a}\"",
         "SELECT 'it''s ; $1', E'\\'; $2', \"a;$3\", $$ ; $4 ' $$, $a$ $$ $a$, $1"},
        {"\"SELECT /* /* ; */ ' */ a$b, c$1$d, ${input.a}::int4\"",
         "SELECT /* /* ; */ ' */ a$b, c$1$d, $1::int4"},
        {"\"SELECT a${input.b}c, ${input.d}1, 1${input.e}\"", "SELECT a $1 c, $2 1, 1 $3"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct file *file = with_sql(texts[i][0]);
        ck_assert_uint_eq(file->faults.errors, 0);
        ck_assert_str_eq(file->operations[0].work.sql.text, texts[i][1]);
        file_destroy(file);
    }
}
END_TEST

START_TEST(a_parameter_says_where_it_is_found_and_whether_it_may_be_missing)
{
    struct file *file = with_sql("\"SELECT ${input}, ${input.a.0?}, ${input.gr\\u00f6\\u00dfe}\"");
    const struct sqltext *sql = &file->operations[0].work.sql;
    ck_assert_uint_eq(sql->count, 3);
    ck_assert_uint_eq(sql->how[0], TROTH_POSTGRES_REQUIRED | TROTH_POSTGRES_ALL);
    ck_assert_str_eq(sql->paths[1], "a.0");
    ck_assert_uint_eq(sql->how[1], 0);
    ck_assert_str_eq(sql->paths[2], "größe");
    ck_assert_str_eq(sql->names[2], "${input.größe}");
    ck_assert_uint_eq(sql->how[2], TROTH_POSTGRES_REQUIRED);
    ck_assert_ptr_null(sql->paths[3]);
    file_destroy(file);
}
END_TEST

/* As an error of the server's would be told, whatever was written with escapes. */
START_TEST(each_byte_knows_where_it_stood)
{
    struct file *file = made("{\"operations\":{\"do\":{\"sql\":[\n"
                             "  \"SELECT \\u00e9, ${input.a},\",\n"
                             "  \"  \\\"b\\\"\"]}}}");
    struct sqltext *sql = &file->operations[0].work.sql;
    BUFFER_SCOPED struct buffer said = {0};
    sqltext_error(&file->check, sql, (size_t)(strstr(sql->text, "$1") - sql->text), "one");
    sqltext_error(&file->check, sql, (size_t)(strstr(sql->text, "\"b") - sql->text), "two");
    sqltext_error(&file->check, sql, sql->len, "end");
    file_say(file, "f", &said);
    ck_assert_str_eq(buffer_text(&said), "f:2:19: /operations/do/sql: one\n"
                                         "f:3:6: /operations/do/sql: two\n"
                                         "f:3:12: /operations/do/sql: end\n");
    file_destroy(file);
}
END_TEST

START_TEST(a_reason_in_words_is_a_query_that_says_them)
{
    struct file *file = made("{\"operations\":{\"do\":{\"sql\":\"SELECT 1 AS a\",\"refuse\":"
                             "\"it's ${input.a}; $${b} \\\\ $1\"}}}");
    ck_assert_uint_eq(file->faults.errors, 0);
    ck_assert_str_eq(file->operations[0].work.reason.text,
                     "select E'it''s ' || coalesce($1::text, 'null') || E'; ${b} \\\\ $1'");
    file_destroy(file);
}
END_TEST

static bool same(const char *a, const char *b)
{
    struct file *one = made(a), *other = made(b);
    const bool is = operation_same(&one->operations[0], &other->operations[0]);
    file_destroy(one);
    file_destroy(other);
    return is;
}

START_TEST(operations_are_the_same_whatever_white_space_is_around_them)
{
#define A "{\"operations\":{\"do\":{\"sql\":\"SELECT ${input.a}\""
    ck_assert(
        same(A "}}}", "{ \"operations\": { \"do\": { \"sql\": [\"SELECT ${input.a}\"] } } }"));
    ck_assert(!same(A "}}}", A ",\"refuse\":\"no\"}}}"));
    ck_assert(!same(A "}}}", A ",\"read_only\":true}}}"));
    ck_assert(!same(A "}}}", "{\"operations\":{\"do\":{\"sql\":\"SELECT ${input.a?}\"}}}"));
    ck_assert(!same(A "}}}", "{\"operations\":{\"do\":{\"sql\":\"SELECT ${input.b}\"}}}"));
    ck_assert(!same(A ",\"refuse\":{\"constraints\":{\"a\":\"b\"}}}}}",
                    A ",\"refuse\":{\"constraints\":{\"a\":\"c\"}}}}}"));
#undef A
}
END_TEST

TCase *text_tests(void)
{
    TCase *tests = tcase_create("text");
    tcase_add_test(tests, parameters_become_numbers_and_nothing_else_changes);
    tcase_add_test(tests, a_parameter_says_where_it_is_found_and_whether_it_may_be_missing);
    tcase_add_test(tests, each_byte_knows_where_it_stood);
    tcase_add_test(tests, a_reason_in_words_is_a_query_that_says_them);
    tcase_add_test(tests, operations_are_the_same_whatever_white_space_is_around_them);
    return tests;
}
