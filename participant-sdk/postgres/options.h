/* options.h: the command line of troth-postgres, and the environment below it. */
#ifndef POSTGRES_OPTIONS_H
#define POSTGRES_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>
#include <troth/participant.h>

enum exit_status {
    EXIT_DONE = 0,
    EXIT_WRONG = 1, /* the file is wrong, or the database not as it must be */
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3 /* no database to look at */
};

#define COORDINATORS_MAX 16

enum mode { MODE_RUN, MODE_CHECK, MODE_MIGRATE };

struct options {
    enum mode mode;
    const char *path; /* of the file; NULL with MODE_MIGRATE */
    const char *database;
    const char *listen;
    char address[INET6_ADDRSTRLEN]; /* of `listen` */
    uint16_t port;
    const char *base;
    const char *coordinator;                            /* "": none */
    const char *api_key_file;                           /* "": none */
    const char *resolver;                               /* "": resolv.conf's */
    const char *insecure;                               /* "no", "yes" */
    const char *tls_certificate, *tls_key, *tls_ca;     /* "": none */
    const char *tls_clients;                            /* "any", "optional", "required" */
    const char *token_file;                             /* "": none */
    const char *coordinators;                           /* names, between commas; "": any */
    const char *coordinator_list[COORDINATORS_MAX + 1]; /* those; NULL at the end */
    const char *journals;
    char journal_ids[TROTH_JOURNALS_MAX][TROTH_JOURNAL_ID_LEN + 1]; /* of `journals` */
    const char *journal_list[TROTH_JOURNALS_MAX + 1];               /* those; NULL at the end */
    uint64_t slots;
    uint64_t phase2_connections;
    uint64_t lock_timeout_us;
    uint64_t guard_timeout_us;
    uint64_t answer_timeout_us;
    uint64_t work_timeout_us;
    uint64_t stop_timeout_us;
    uint64_t scan_interval_us;
    uint64_t sweep_interval_us;
    const char *log_level; /* "error", "warn", "info" */
};

/* Ends the process with EXIT_USAGE where something is wrong, and with 0 for --help. */
void options_read(int argc, char **argv, struct options *ret_options);

#endif
