/* <troth/tls.h>: certificates, for a participant that listens and for calls to a coordinator. */
#ifndef TROTH_TLS_H
#define TROTH_TLS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a participant asks of those who connect. */
enum troth_tls_clients {
    TROTH_TLS_CLIENTS_ANY,      /* no certificate */
    TROTH_TLS_CLIENTS_OPTIONAL, /* one that is shown must be signed by `ca` */
    TROTH_TLS_CLIENTS_REQUIRED  /* and one must be shown */
};

/* TLS 1.3, and 1.2 where it is asked for. Paths of files in PEM, which are copied; the files are
 * read when the participant is attached or the client made, and again when they change (looked at
 * every second; connections that stand stay). Files that are broken, have ended, or do not belong
 * together change nothing: a diagnostic says so, and at the start it is TROTH_ERROR_CONFIG. A key
 * has no passphrase. */
struct troth_tls {
    size_t size;             /* TROTH_TLS_INIT, see <troth/troth.h> */
    const char *certificate; /* its own first, then those between it and the root; required of a
                                participant; NULL: a client shows none */
    const char *key;         /* NULL: it stands in `certificate` */
    const char *ca;          /* who may sign the other side's; NULL: for a client the system's. The
                                coordinator's must be for the host of its URL */
    enum troth_tls_clients clients; /* of a participant */
    uint32_t oldest;                /* 0: 13, TLS 1.3; 12: 1.2 */
};
#define TROTH_TLS_INIT .size = sizeof(struct troth_tls)

#ifdef __cplusplus
}
#endif
#endif
