/* tls_files.h: <troth/tls.h>, as it was taken from the caller. */
#ifndef SDK_TLS_FILES_H
#define SDK_TLS_FILES_H

#include <stdbool.h>

#include <troth/diagnostic.h>
#include <troth/error.h>
#include <troth/tls.h>

struct event_base;
struct http_tls;

struct tls_files {
    struct troth_tls tls; /* its strings are those below */
    char *certificate, *key, *ca;
    troth_diagnostic diagnostic; /* may be NULL */
    void *diagnostic_arg;
};

/* A copy; NULL of NULL. TROTH_ERROR_INVALID: not such a struct, or a value out of its range;
 * TROTH_ERROR_NO_MEMORY. */
TROTH_MUST_CHECK int tls_files_take(const struct troth_tls *from, troth_diagnostic diagnostic,
                                    void *diagnostic_arg, struct tls_files **ret_files);
/* Takes NULL. */
void tls_files_destroy(struct tls_files *files);
/* Reads them; `files` outlives what is made. NULL: a client's, with the system's authorities.
 * TROTH_ERROR_CONFIG: a file cannot be used, the diagnostic has the reason. */
TROTH_MUST_CHECK int tls_files_open(struct tls_files *files, struct event_base *base,
                                    bool is_server, struct http_tls **ret_tls);

#endif
