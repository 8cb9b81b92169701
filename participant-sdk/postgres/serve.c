/* serve.c: a participant of libtroth's with the operations of a file, and its signals. See serve.h.
 *
 * On SIGHUP a thread reads the file and looks at the database; the loop goes on meanwhile, and
 * takes what it brings only if nothing is wrong with it. */
#include "serve.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <troth/troth.h>

#include "load.h"
#include "log.h"

/* What the thread that reads the file has, apart from the service, which may end before it. */
struct loading {
    const struct options *options;
    int pipe; /* written to when the rest is there */
    struct file *file;
    struct buffer text;
};

struct service {
    const struct options *options;
    struct file *file;
    struct troth_participant *participant;
    struct troth_postgres *postgres;
    struct event_base *base;
    struct event *signals[3], *loaded_event;
    pthread_t loader;
    struct loading *loading; /* NULL: no thread is at work */
    bool again;              /* and another SIGHUP came since it began */
    int loaded_pipe[2];
};

/* --- operations ------------------------------------------------------------------------------- */

/* What libtroth is told of a statement: all of it is borrowed. */
struct told {
    struct troth_postgres_statement statement, reason;
};

static const struct troth_postgres_statement *tell(const struct statement *from, struct told *told)
{
    if (from->sql.text == NULL)
        return NULL;
    told->reason = (struct troth_postgres_statement){
        TROTH_POSTGRES_STATEMENT_INIT, .sql = from->reason.text,
        .parameters = (const char *const *)from->reason.paths, .binding = from->reason.how};
    told->statement = (struct troth_postgres_statement){
        TROTH_POSTGRES_STATEMENT_INIT,
        .sql = from->sql.text,
        .parameters = (const char *const *)from->sql.paths,
        .binding = from->sql.how,
        .no_row = from->reason.text == NULL ? NULL : &told->reason,
        .refused = from->column[0] == '\0' ? NULL : from->column,
        .constraints = from->constraints == 0 ? NULL : (const char *const *)from->names};
    return &told->statement;
}

static int put(struct service *service, const struct operation *operation)
{
    struct told work, undo;
    const struct troth_postgres_operation handler = {
        TROTH_POSTGRES_OPERATION_INIT, .read_only = operation->read_only,
        .statement = tell(&operation->work, &work), .undo = tell(&operation->undo, &undo)};
    return troth_postgres_replace(service->postgres, operation->name, &handler);
}

static const struct operation *find(const struct file *file, const char *name)
{
    uint32_t i;
    for (i = 0; i < file->count; i++)
        if (strcmp(file->operations[i].name, name) == 0)
            return &file->operations[i];
    return NULL;
}

/* From the operations of the file before (NULL: none) to those of this one. What has gone goes
 * first, for there is room for so many only. */
static int exchange(struct service *service, const struct file *before, const struct file *now,
                    uint32_t *ret_changed)
{
    int error = 0;
    uint32_t i;
    *ret_changed = 0;
    for (i = 0; before != NULL && i < before->count && error == 0; i++) {
        if (find(now, before->operations[i].name) == NULL) {
            error = troth_postgres_replace(service->postgres, before->operations[i].name, NULL);
            ++*ret_changed;
        }
    }
    for (i = 0; i < now->count && error == 0; i++) {
        const struct operation *operation = &now->operations[i];
        const struct operation *old = before == NULL ? NULL : find(before, operation->name);

        if (old == NULL || !operation_same(old, operation)) {
            error = put(service, operation);
            ++*ret_changed;
        }
    }
    return error;
}

/* --- SIGHUP ----------------------------------------------------------------------------------- */

static void *loader(void *arg)
{
    struct loading *loading = arg;
    const char done = 1;
    (void)load(loading->options, &loading->file,
               &loading->text); /* a file, or a text that says why not */
    while (write(loading->pipe, &done, 1) < 0 && errno == EINTR)
        ;
    return NULL;
}

static void loading_destroy(struct loading *loading)
{
    if (loading == NULL)
        return;
    file_destroy(loading->file);
    buffer_finish(&loading->text);
    free(loading);
}

static void begin_load(struct service *service)
{
    struct loading *loading;
    sigset_t all, before;
    int error = ENOMEM;
    service->again = service->loading != NULL;
    if (service->again)
        return;
    loading = calloc(1, sizeof *loading);
    if (loading != NULL) {
        *loading = (struct loading){.options = service->options, .pipe = service->loaded_pipe[1]};
        (void)sigfillset(
            &all); /* the loop's thread has them; these fail for wrong arguments only */
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&service->loader, NULL, loader, loading);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (error == 0) {
        service->loading = loading;
        return;
    }
    loading_destroy(loading);
    log_format(TROTH_SEVERITY_ERROR, "event=not_reloaded reason=\"%s\"", strerror(error));
}

/* Each line of what is wrong, for itself. */
static void log_lines(struct buffer *text)
{
    const char *line = buffer_text(text);
    while (line != NULL && *line != '\0') {
        const size_t len = strcspn(line, "\n");
        struct buffer quoted BUFFER_SCOPED = {0};

        json_append_string(&quoted, (struct troth_span){line, len});
        log_format(TROTH_SEVERITY_ERROR, "event=not_reloaded reason=%s",
                   buffer_text(&quoted) == NULL ? "memory" : quoted.data);
        line += len + (line[len] == '\n' ? 1 : 0);
    }
}

static void take_loaded(struct service *service, struct loading *loading)
{
    uint32_t changed;
    int error;
    if (loading->file == NULL) {
        log_lines(&loading->text);
        log_format(TROTH_SEVERITY_WARNING,
                   "event=not_reloaded operations=%u reason=\"they stay as they were\"",
                   service->file->count);
        return;
    }
    error = exchange(service, service->file, loading->file, &changed);
    log_format(error == 0 ? TROTH_SEVERITY_INFO : TROTH_SEVERITY_ERROR,
               "event=reloaded operations=%u changed=%u%s%s", loading->file->count, changed,
               error == 0 ? "" : " error=", error == 0 ? "" : troth_error_name(error));
    file_destroy(service->file);
    service->file = loading->file;
    loading->file = NULL;
}

static void on_loaded(evutil_socket_t fd, short what, void *arg)
{
    struct service *service = arg;
    char done;
    (void)what;
    if (read(fd, &done, 1) != 1)
        return;
    (void)pthread_join(service->loader, NULL); /* it has ended, or is about to */
    take_loaded(service, service->loading);
    loading_destroy(service->loading);
    service->loading = NULL;
    if (service->again)
        begin_load(service);
}

/* --- running ---------------------------------------------------------------------------------- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct service *service = arg;
    (void)what;
    if (number == SIGHUP) {
        begin_load(service);
        return;
    }
    log_format(TROTH_SEVERITY_INFO, "event=stop signal=%s", number == SIGTERM ? "TERM" : "INT");
    troth_participant_stop(service->participant);
}

static int listen_for_signals(struct service *service)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    size_t i;
    if (pipe(service->loaded_pipe) != 0)
        return TROTH_ERROR_SYSTEM;
    service->loaded_event =
        event_new(service->base, service->loaded_pipe[0], EV_READ | EV_PERSIST, on_loaded, service);
    if (service->loaded_event == NULL || event_add(service->loaded_event, NULL) != 0)
        return TROTH_ERROR_NO_MEMORY;
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        service->signals[i] = evsignal_new(service->base, numbers[i], on_signal, service);
        if (service->signals[i] == NULL || event_add(service->signals[i], NULL) != 0)
            return TROTH_ERROR_NO_MEMORY;
    }
    return 0;
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void take_tls(const struct options *options, struct troth_tls *ret_tls)
{
    const char *clients = options->tls_clients;
    *ret_tls = (struct troth_tls){TROTH_TLS_INIT, .certificate = or_null(options->tls_certificate),
                                  .key = or_null(options->tls_key), .ca = or_null(options->tls_ca)};
    ret_tls->clients = ret_tls->ca == NULL || strcmp(clients, "any") == 0 ? TROTH_TLS_CLIENTS_ANY
                       : strcmp(clients, "optional") == 0 ? TROTH_TLS_CLIENTS_OPTIONAL
                                                          : TROTH_TLS_CLIENTS_REQUIRED;
}

static int create(struct service *service)
{
    const struct options *options = service->options;
    struct troth_tls tls;
    const struct troth_participant_config config = {
        TROTH_PARTICIPANT_CONFIG_INIT,
        .address = options->address,
        .port = options->port,
        .base = options->base,
        .diagnostic = log_line,
        .tls = options->tls_certificate[0] == '\0' ? NULL : &tls,
        .journals = options->journal_list[0] == NULL ? NULL : options->journal_list,
        .token_file = or_null(options->token_file),
        .coordinators = options->coordinator_list[0] == NULL ? NULL : options->coordinator_list};
    const struct troth_postgres_config database = {TROTH_POSTGRES_CONFIG_INIT,
                                                   .conninfo = options->database,
                                                   .slots = (uint32_t)options->slots,
                                                   .phase2_connections =
                                                       (uint32_t)options->phase2_connections,
                                                   .lock_timeout_us = options->lock_timeout_us,
                                                   .guard_timeout_us = options->guard_timeout_us,
                                                   .answer_timeout_us = options->answer_timeout_us,
                                                   .work_timeout_us = options->work_timeout_us,
                                                   .stop_timeout_us = options->stop_timeout_us,
                                                   .coordinator = or_null(options->coordinator),
                                                   .scan_interval_us = options->scan_interval_us,
                                                   .sweep_interval_us = options->sweep_interval_us,
                                                   .resolver = or_null(options->resolver),
                                                   .tls = &tls,
                                                   .api_key_file = or_null(options->api_key_file)};
    int error;
    take_tls(options, &tls);
    error = troth_participant_create(&config, &service->participant);
    return error == 0 ? troth_postgres_create(service->participant, &database, &service->postgres)
                      : error;
}

static void finish(struct service *service)
{
    size_t i;
    if (service->loading != NULL)
        (void)pthread_detach(
            service->loader); /* it may wait for the database: the process ends it */
    for (i = 0; i < sizeof service->signals / sizeof *service->signals; i++)
        if (service->signals[i] != NULL)
            event_free(service->signals[i]);
    if (service->loaded_event != NULL)
        event_free(service->loaded_event); /* its pipe is the process' */
    (void)troth_postgres_destroy(service->postgres);
    (void)troth_participant_destroy(service->participant);
    if (service->base != NULL)
        event_base_free(service->base);
    file_destroy(service->file);
}

static enum exit_status fail(const struct options *options, int error, const char *why)
{
    if (error == TROTH_ERROR_SYSTEM && why[0] == '\0')
        (void)fprintf(stderr, "troth-postgres: cannot listen on %s: %s\n", options->listen,
                      strerror(errno));
    else
        (void)fprintf(stderr, "troth-postgres: %s%s\n",
                      why[0] == '\0' ? troth_error_text(error) : why,
                      error == TROTH_ERROR_SCHEMA ? ", which troth-postgres --migrate does" : "");
    return error == TROTH_ERROR_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_WRONG;
}

enum exit_status serve(const struct options *options, struct file *file)
{
    struct service service = {.options = options, .file = file, .base = event_base_new()};
    enum exit_status status = EXIT_DONE;
    char why[512] = "";
    uint32_t count;
    int error = service.base == NULL ? TROTH_ERROR_NO_MEMORY : create(&service);
    if (error == 0)
        error = exchange(&service, NULL, file, &count);
    if (error == 0)
        error = troth_postgres_start(service.postgres, why, sizeof why);
    if (error == 0)
        error = listen_for_signals(&service);
    if (error == 0)
        error = troth_participant_attach(service.participant, service.base);
    if (error == 0) {
        (void)printf("troth-postgres ready listen=%s:%u operations=%u\n", options->address,
                     (unsigned)troth_participant_port(service.participant), file->count);
        (void)fflush(stdout);
        error = troth_participant_run(service.participant);
    }
    if (error != 0)
        status = fail(options, error, why);
    finish(&service);
    return status;
}

enum exit_status serve_check(const struct options *options)
{
    struct service service = {.options = options};
    enum exit_status status = EXIT_DONE;
    char why[512] = "";
    int error = create(&service);
    log_begin(TROTH_SEVERITY_ERROR + 1); /* it is said below */
    if (error == 0)
        error = troth_postgres_start(service.postgres, why, sizeof why);
    if (error != 0)
        status = fail(options, error, why);
    finish(&service);
    return status;
}
