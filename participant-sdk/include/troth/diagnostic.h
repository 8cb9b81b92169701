/* <troth/diagnostic.h>: what the library tells an operator. */
#ifndef TROTH_DIAGNOSTIC_H
#define TROTH_DIAGNOSTIC_H

#ifdef __cplusplus
extern "C" {
#endif

enum troth_severity {
    TROTH_SEVERITY_INFO,    /* it works; an operator may like to know */
    TROTH_SEVERITY_WARNING, /* it goes on, and something is not as it should be */
    TROTH_SEVERITY_ERROR    /* it cannot do its work */
};

/* One line of text without a line feed, key=value where it helps, never a payload and never a
 * credential. `line` is borrowed for the call. Called from the loop's thread and from threads of
 * the library, perhaps from two at once: it locks what it needs, and does not call back into the
 * participant or the client. */
typedef void (*troth_diagnostic)(void *arg, enum troth_severity severity, const char *line);

#ifdef __cplusplus
}
#endif
#endif
