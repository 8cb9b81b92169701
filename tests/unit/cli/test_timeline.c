#include <view.h>

#include "tests.h"

/* In the texts here ' stands for ": see assert_drawn(). */
#define STEPS                                                                                      \
    "{'steps':[{'branch':1,'name':'debit','participant':'bank_a'},"                                \
    "{'branch':2,'participant':'bank_b'}],'timeline':["

static const char two_phase[] = STEPS
    "{'at':'+0s','moment':'began'},"
    "{'at':'+312us','moment':'sent','op':'prepare','branch':1,'attempt':1},"
    "{'at':'+315us','moment':'sent','op':'prepare','branch':2,'attempt':1},"
    "{'at':'+2.1ms','moment':'answered','op':'prepare','result':'vote','vote':'yes','branch':1},"
    "{'at':'+3.05ms','moment':'answered','op':'prepare','result':'vote','branch':2},"
    "{'at':'+3.06ms','moment':'writing','record':'decision'},"
    "{'at':'+5.061ms','moment':'durable','record':'decision'},"
    "{'at':'+5.1ms','moment':'sent','op':'commit','branch':1,'attempt':1},"
    "{'at':'+5.11ms','moment':'replied','reply':'decided'},"
    "{'at':'+6ms','moment':'answered','op':'prepare','result':'retry','branch':1},"
    "{'at':'+7ms','moment':'answered','op':'commit','result':'done','branch':1},"
    "{'moment':'left_out','count':37},"
    "{'at':'+9ms','moment':'published'},"
    "{'at':'+9.5ms','moment':'ended'}]}";

static void assert_drawn(const char *transaction, unsigned width, const char *want)
{
    struct cli cli = {.width = width};
    BUFFER_SCOPED struct buffer json = {0};
    BUFFER_SCOPED struct buffer text = {0};
    for (; *transaction != '\0'; transaction++)
        buffer_append_char(&json, *transaction == '\'' ? '"' : *transaction);
    TREE_SCOPED cJSON *tree = tree_of(buffer_span(&json));
    timeline_append(&cli, tree, &text);
    ck_assert_str_eq(buffer_text(&text), want);
}

/* A column for the transaction and one for each branch, in the order of time. */
START_TEST(columns)
{
    assert_drawn(two_phase, 80,
                 "\n"
                 "    MS  TRANSACTION              1 debit              2 bank_b\n"
                 "+0.000  began\n"
                 "+0.312                           -> prepare\n"
                 "+0.315                                                -> prepare\n"
                 "+2.100                           <- vote yes\n"
                 "+3.050                                                <- vote\n"
                 "+3.060  writing decision\n"
                 "+5.061  decision durable\n"
                 "+5.100                           -> commit\n"
                 "+5.110  client told: decided\n"
                 "+6.000                           <- retry to prepare\n"
                 "+7.000                           <- done\n"
                 "        ... 37 moments left out\n"
                 "+9.000  event is in Kafka\n"
                 "+9.500  ended\n");
}
END_TEST

/* Where the columns do not fit, the same is a list. */
START_TEST(list)
{
    assert_drawn(two_phase, 60,
                 "\n"
                 "    MS  BRANCH    MOMENT\n"
                 "+0.000            began\n"
                 "+0.312  1 debit   -> prepare\n"
                 "+0.315  2 bank_b  -> prepare\n"
                 "+2.100  1 debit   <- vote yes\n"
                 "+3.050  2 bank_b  <- vote\n"
                 "+3.060            writing decision\n"
                 "+5.061            decision durable\n"
                 "+5.100  1 debit   -> commit\n"
                 "+5.110            client told: decided\n"
                 "+6.000  1 debit   <- retry to prepare\n"
                 "+7.000  1 debit   <- done\n"
                 "                  ... 37 moments left out\n"
                 "+9.000            event is in Kafka\n"
                 "+9.500            ended\n");
}
END_TEST

/* Why a try had no answer is told apart: refused, reset, too late, 404 and 500. */
START_TEST(troubles)
{
    assert_drawn(STEPS
                 "{'at':'+1ms','moment':'sent','op':'execute','branch':1,'attempt':1},"
                 "{'at':'+2ms','moment':'answered','op':'execute','branch':1,'result':'unknown',"
                 "'trouble':'connection_refused'},"
                 "{'at':'+3ms','moment':'answered','op':'execute','branch':1,'result':'unknown',"
                 "'trouble':'connection_lost'},"
                 "{'at':'+4ms','moment':'answered','op':'execute','branch':1,'result':'unknown',"
                 "'trouble':'timeout'},"
                 "{'at':'+5ms','moment':'answered','op':'execute','branch':1,'result':'unknown',"
                 "'status':404},"
                 "{'at':'+6ms','moment':'answered','op':'execute','branch':1,'result':'retry',"
                 "'status':503}]}",
                 40,
                 "\n"
                 "    MS  BRANCH   MOMENT\n"
                 "+1.000  1 debit  -> execute\n"
                 "+2.000  1 debit  <- unknown, connection refused\n"
                 "+3.000  1 debit  <- unknown, connection lost\n"
                 "+4.000  1 debit  <- unknown, timeout\n"
                 "+5.000  1 debit  <- unknown 404\n"
                 "+6.000  1 debit  <- retry 503\n");
}
END_TEST

/* What takes long is told in seconds; a higher attempt has a line; strangers are shown as they are.
 */
START_TEST(long_and_new)
{
    assert_drawn(STEPS "{'at':'+0s','moment':'began'},"
                       "{'at':'+5.2s','moment':'timeout'},"
                       "{'at':'+61.25s','moment':'sent','op':'prepare','branch':1,"
                       "'attempt':2},"
                       "{'at':'+62s','moment':'eclipse','branch':9,'attempt':2},"
                       "{'at':'+63s','moment':'ended'},{'moment':'x\\u001b'}]}",
                 100,
                 "\n"
                 "      S  TRANSACTION      1 debit     2 bank_b\n"
                 " +0.000  began\n"
                 " +5.200  timeout\n"
                 "         -- attempt 2 --\n"
                 "+61.250                   -> prepare\n"
                 "+62.000  9 eclipse\n"
                 "+63.000  ended\n"
                 "         x\\u001b\n");
}
END_TEST

/* Aborts of the attempt before go on beside the next one: theirs is said. */
START_TEST(attempt_before)
{
    static const char both[] = STEPS "{'at':'+1ms','moment':'fell_back','cause':'timeout'},"
                                     "{'at':'+2ms','branch':1,'attempt':2,'moment':'sent',"
                                     "'op':'execute'},"
                                     "{'at':'+2ms','branch':1,'attempt':1,'moment':'sent',"
                                     "'op':'abort'},"
                                     "{'at':'+3ms','branch':1,'attempt':1,'moment':'answered',"
                                     "'op':'abort','result':'refused'},"
                                     "{'at':'+3ms','branch':1,'attempt':1,'moment':'parked'},"
                                     "{'at':'+4ms','branch':1,'attempt':2,'moment':'answered',"
                                     "'op':'execute','result':'done'}]}";
    assert_drawn(both, 60,
                 "\n"
                 "    MS  BRANCH   MOMENT\n"
                 "+1.000           fell back to a saga: timeout\n"
                 "                 -- attempt 2 --\n"
                 "+2.000  1 debit  -> execute\n"
                 "+2.000  1 debit  -> abort (attempt 1)\n"
                 "+3.000  1 debit  <- refused (attempt 1)\n"
                 "+3.000  1 debit  parked (attempt 1)\n"
                 "+4.000  1 debit  <- done to execute\n");
    BUFFER_SCOPED struct buffer text = {0};
    static const char *const moments[] = {"{\"attempt\":1}", "{\"attempt\":2}", "{}"};
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        TREE_SCOPED cJSON *moment = tree_of(span_of(moments[i]));
        timeline_append_attempt(&text, moment, 2);
    }
    ck_assert_str_eq(buffer_text(&text), " (attempt 1)");
}
END_TEST

/* More branches than there is room for make a list, without steps it is one too; without a timeline
 * there is nothing. */
START_TEST(other_shapes)
{
    BUFFER_SCOPED struct buffer many = {0};
    BUFFER_SCOPED struct buffer text = {0};
    struct cli cli = {.width = 400};
    buffer_append_text(&many, "{\"steps\":[{}");
    for (int i = 1; i <= 64; i++)
        buffer_append_format(&many, ",{\"branch\":%d,\"name\":\"s%d\"}", i, i);
    buffer_append_text(&many,
                       "],\"timeline\":[{\"at\":\"+1ms\",\"branch\":64,\"moment\":\"parked\"}]}");
    TREE_SCOPED cJSON *tree = tree_of(buffer_span(&many));
    timeline_append(&cli, tree, &text);
    ck_assert_str_eq(buffer_text(&text), "\n    MS  BRANCH  MOMENT\n+1.000  64 s64  parked\n");
    assert_drawn("{'steps':[],'timeline':[{'at':'+0s','moment':'began'}]}", 100,
                 "\n    MS  BRANCH  MOMENT\n+0.000          began\n");
    assert_drawn("{'steps':[],'timeline':[]}", 100, "");
    assert_drawn("{'steps':[]}", 100, "");
    assert_drawn("{'timeline':7}", 100, "");
}
END_TEST

TCase *timeline_tests(void)
{
    TCase *tests = tcase_create("timeline");
    tcase_add_test(tests, columns);
    tcase_add_test(tests, list);
    tcase_add_test(tests, troubles);
    tcase_add_test(tests, long_and_new);
    tcase_add_test(tests, attempt_before);
    tcase_add_test(tests, other_shapes);
    return tests;
}
