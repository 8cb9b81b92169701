/* <troth/error.h>: every error of Troth, in one list.
 *
 * Functions return 0 (TROTH_OK) or one of these negative codes. The class says what a caller may
 * conclude; TROTH_CLASS_UNKNOWN is never success and never failure: ask again. All functions here
 * may be called from any thread; the texts are static. */
#ifndef TROTH_ERROR_H
#define TROTH_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TROTH_MUST_CHECK __attribute__((warn_unused_result))
#else
#define TROTH_MUST_CHECK
#endif

enum troth_error_class {
    TROTH_CLASS_OK,
    TROTH_CLASS_RETRY,   /* nothing happened; the same call may succeed later */
    TROTH_CLASS_REFUSED, /* nothing happened and the same call will never succeed */
    TROTH_CLASS_UNKNOWN, /* it may or may not have happened: ask again */
    TROTH_CLASS_FATAL    /* the object the call was made on cannot go on */
};

/* X(name, code, class, text) */
#define TROTH_ERRORS(X)                                                                            \
    X(NO_MEMORY, -1, RETRY, "out of memory")                                                       \
    X(FULL, -2, RETRY, "a limit was reached; try again later")                                     \
    X(BUSY, -3, RETRY, "another call of the same branch is still running")                         \
    X(UNAVAILABLE, -4, RETRY, "the other side cannot be reached")                                  \
    X(SHUTTING_DOWN, -5, RETRY, "shutting down")                                                   \
    X(CONFLICT, -6, RETRY, "another transaction holds or has changed what this one needs")         \
    X(INVALID, -10, REFUSED, "an argument is out of its range")                                    \
    X(SYNTAX, -11, REFUSED, "the text is not well formed")                                         \
    X(TOO_LARGE, -12, REFUSED, "larger than its limit")                                            \
    X(NOT_FOUND, -13, REFUSED, "there is no such thing")                                           \
    X(EXISTS, -14, REFUSED, "it exists already, with other content")                               \
    X(REFUSED, -15, REFUSED, "refused by the participant")                                         \
    X(TYPE, -16, REFUSED, "the value has another type")                                            \
    X(ENDED, -17, REFUSED, "the transaction has ended")                                            \
    X(DENIED, -18, REFUSED, "not allowed")                                                         \
    X(UNKNOWN, -30, UNKNOWN, "it is not known whether it happened: ask again")                     \
    X(TIMEOUT, -31, UNKNOWN, "no answer in time: ask again")                                       \
    X(LOST, -32, UNKNOWN, "the connection broke before the answer: ask again")                     \
    X(FORGOTTEN, -33, UNKNOWN, "older than what is remembered")                                    \
    X(PROTOCOL, -40, FATAL, "the other side broke the protocol")                                   \
    X(DATABASE, -41, FATAL, "the database refused what must never fail")                           \
    X(SCHEMA, -42, FATAL, "the database schema has another version")                               \
    X(FENCED, -43, FATAL, "somebody else leads this shard: wrong epoch")                           \
    X(CONFIG, -44, FATAL, "wrong configuration")                                                   \
    X(SYSTEM, -45, FATAL, "a system call failed")

enum troth_error {
    TROTH_OK = 0,
#define TROTH_ERROR_ENUM_(name, code, class, text) TROTH_ERROR_##name = code,
    TROTH_ERRORS(TROTH_ERROR_ENUM_)
#undef TROTH_ERROR_ENUM_
};

/* "NO_MEMORY", "FULL", …; "OK" for 0; "?" for a code that is not in the list. */
const char *troth_error_name(int error);

/* One sentence in English, without a full stop. */
const char *troth_error_text(int error);

/* The class; TROTH_CLASS_FATAL for a code that is not in the list. */
enum troth_error_class troth_error_class(int error);

#ifdef __cplusplus
}
#endif
#endif
