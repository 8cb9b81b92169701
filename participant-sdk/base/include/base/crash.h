/* crash.h: named points at which a test stops a process, so that it or another one can be killed
 * exactly there. They exist in the build with sanitizers alone (TROTH_CRASH_POINTS,
 * CMakeLists.txt); everywhere else a point is nothing, not even its arguments. Names are unique,
 * words with dots between them; "before" is told by a verb (journal.write), "after" by its past
 * (journal.wrote). tests/crash/points.c says how a test speaks to them, tests/style/crash_points.py
 * where one must stand. */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#ifdef TROTH_CRASH_POINTS

#include <stdbool.h>

struct crash_point {
    const char *name, *file;
    int line;
    const char *(*name_of)(unsigned kind); /* NULL: there is one kind, which has no name */
    unsigned kinds;
};

/* Any thread. Returns at once, unless a test waits for this point; then when the test says so, and
 * not at all if it kills the process. Aborts when the test has said nothing for a minute. */
void crash_point_reached(const struct crash_point *point, unsigned kind);

/* A point for each kind: its name, a dot and the kind's own name, from `name_of`. */
#define CRASH_POINTS(name, name_of, kinds, kind)                                                   \
    do {                                                                                           \
        static const struct crash_point here_ = {name, __FILE__, __LINE__, name_of, kinds};        \
        static const struct crash_point *const listed_                                             \
            __attribute__((section("crash_points"), used)) = &here_;                               \
        crash_point_reached(&here_, (unsigned)(kind));                                             \
    } while (0)

/* Whether a test has switched the rule of this name off, to see that it notices. */
bool crash_rule_is_off(const char *rule);

#define RULE_IS_OFF(rule) crash_rule_is_off(rule)

#else

#define RULE_IS_OFF(rule)                        false
#define CRASH_POINTS(name, name_of, kinds, kind) ((void)0)

#endif

#define CRASH_POINT(name) CRASH_POINTS(name, NULL, 1, 0)

#endif
