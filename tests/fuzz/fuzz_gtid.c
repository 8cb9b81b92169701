/* Any text: no gtid, prepared transaction's name, duration or moment, or one that is written as it
 * was (the two canonical forms) or reads back as the same value (the other two). */
#include <base/clock.h>
#include <base/duration.h>
#include <troth/id.h>

#include "fuzz.h"

static void see_gtid(const char *text, size_t len)
{
    troth_gtid gtid;
    char again[TROTH_GTID_TEXT_LEN + 1];
    if (troth_gtid_parse(text, len, &gtid) != 0)
        return;
    troth_gtid_format(&gtid, again);
    assert(len == TROTH_GTID_TEXT_LEN && memcmp(text, again, len) == 0);
    struct troth_gtid_parts parts;
    troth_gtid made;
    troth_gtid_split(&gtid, &parts);
    int error = troth_gtid_make(&parts, &made);
    assert(error == 0 && troth_gtid_equal(&gtid, &made));
    assert(troth_gtid_order(&gtid) == ((uint64_t)parts.epoch << 38 | parts.counter));
}

static void see_prepared_name(const char *text, size_t len)
{
    struct troth_prepared_name name;
    char again[TROTH_PREPARED_NAME_LEN_MAX + 1];
    if (troth_prepared_name_parse(text, len, &name) != 0)
        return;
    troth_prepared_name_format(&name, again);
    assert(strlen(again) == len && memcmp(text, again, len) == 0);
}

static void see_duration(const char *text, size_t len)
{
    uint64_t us, us_again;
    char again[DURATION_TEXT_MAX];
    if (duration_parse(text, len, &us) != 0)
        return;
    assert(us <= DURATION_MAX_US);
    (void)duration_format(us, again);
    int error = duration_parse(again, strlen(again), &us_again);
    assert(error == 0 && us == us_again);
}

static void see_moment(const char *text, size_t len)
{
    struct wall time, time_again;
    char again[WALL_TEXT_LEN + 1];
    if (wall_parse(text, len, &time) != 0)
        return;
    wall_format(time, again);
    int error = wall_parse(again, strlen(again), &time_again);
    assert(error == 0 && time.us == time_again.us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    see_gtid(text, size);
    see_prepared_name(text, size);
    see_duration(text, size);
    see_moment(text, size);
    return 0;
}
