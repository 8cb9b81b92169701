/* api/identity.h: who asks, and what he may. */
#ifndef API_IDENTITY_H
#define API_IDENTITY_H

#include <stdint.h>

#include <base/buffer.h>
#include <troth/error.h>

/* Of SHA-256, of an API key. */
#define API_KEY_HASH_BYTES 32u
#define API_WHO_MAX        64u
#define API_WHO_KEY        "key:" /* and its name */
#define API_WHO_UID        "uid:" /* an operator's, over the unix-domain socket */

/* X(scope, word): each word may stand among a key's scopes; `start` also as start:PATTERN. The
 * table of routes (router.c) says which one each of them needs. */
#define API_SCOPES(X)                                                                              \
    X(START, "start")               /* begin transactions, enlist, commit */                       \
    X(READ, "read")                 /* look at what there is */                                    \
    X(OPERATE, "operate")           /* abort, retry, and what else an operator decides */          \
    X(DEFINITIONS, "definitions")   /* publish and delete them */                                  \
    X(PARTICIPANTS, "participants") /* register and remove them */                                 \
    X(INQUIRE, "inquire")           /* ask for decisions, as participants do */                    \
    X(METRICS, "metrics")                                                                          \
    X(ADMIN, "admin") /* make and revoke keys */

enum api_scope {
    API_SCOPE_NONE, /* of probes: answered to everybody */
    API_SCOPE_ANY,  /* whoever is known */
#define API_SCOPE_ENUM_(scope, word) API_SCOPE_##scope,
    API_SCOPES(API_SCOPE_ENUM_)
#undef API_SCOPE_ENUM_
        API_SCOPE_COUNT
};

#define API_SCOPE_BIT(scope) (1u << (scope))
#define API_SCOPES_ALL       UINT32_MAX

struct api_identity {
    char who[API_WHO_MAX]; /* for records and people: "key:billing", "uid:0"; "": nobody is known */
    uint32_t scopes;       /* bits */
    /* What START is for: names of definitions with '*' for any run of characters, separated by
     * spaces; borrowed for the request; NULL: everything, interactive transactions too. */
    const char *starts;
};

/* Words separated by spaces, added to what is there: bits, and the patterns of start:PATTERN
 * (letters a-z, digits, '_' and '*'), separated by spaces. TROTH_ERROR_INVALID: one of them is no
 * scope; TROTH_ERROR_NO_MEMORY. `start` alone is for everything: then `starts` is empty. */
TROTH_MUST_CHECK int api_scopes_read(const char *text, uint32_t *bits, struct buffer *starts);

/* "read", …; NULL for the first two. */
const char *api_scope_word(enum api_scope scope);

#endif
