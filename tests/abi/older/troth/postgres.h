/* <troth/postgres.h> as an older program has it: declarations only. Never brought up to date. */
#ifndef TROTH_POSTGRES_H
#define TROTH_POSTGRES_H
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <troth/error.h>
#include <troth/participant.h>
#ifdef __cplusplus
extern "C" {
#endif
struct troth_postgres;
struct troth_output;
#define TROTH_POSTGRES_PHASE2_DEFAULT 8u
struct troth_postgres_config {
    size_t size;
    const char *conninfo;
    uint32_t slots;
    uint32_t phase2_connections;
    uint64_t lock_timeout_us;
    uint64_t guard_timeout_us;
    uint64_t answer_timeout_us;
    uint64_t work_timeout_us;
    uint64_t stop_timeout_us;
    const char *coordinator;
    uint64_t scan_interval_us;
    uint64_t sweep_interval_us;
    uint32_t cached_outputs;
};
#define TROTH_POSTGRES_CONFIG_INIT .size = sizeof(struct troth_postgres_config)
TROTH_MUST_CHECK int troth_postgres_migrate(const char *conninfo, char *ret_why, size_t why_cap);
TROTH_MUST_CHECK int troth_postgres_create(struct troth_participant *participant,
                                           const struct troth_postgres_config *config,
                                           struct troth_postgres **ret_postgres);
typedef int (*troth_postgres_fn)(void *arg, PGconn *connection, const struct troth_call *call,
                                 struct troth_output *output);
struct troth_postgres_operation {
    size_t size;
    troth_postgres_fn work;
    troth_postgres_fn compensate;
    bool read_only;
    bool queries_only;
    void *arg;
};
#define TROTH_POSTGRES_OPERATION_INIT .size = sizeof(struct troth_postgres_operation)
TROTH_MUST_CHECK int troth_postgres_handle(struct troth_postgres *postgres, const char *operation,
                                           const struct troth_postgres_operation *handler);
TROTH_MUST_CHECK int troth_postgres_start(struct troth_postgres *postgres, char *ret_why,
                                          size_t why_cap);
void troth_postgres_scan(struct troth_postgres *postgres);
int troth_postgres_destroy(struct troth_postgres *postgres);
PGresult *troth_postgres_query(PGconn *connection, const char *sql, int count,
                               const char *const *values);
void troth_output_json(struct troth_output *output, struct troth_span json);
void troth_output_format(struct troth_output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void troth_output_reason(struct troth_output *output, const char *reason);
#ifdef __cplusplus
}
#endif
#endif
