/* old_caller.c: a service that was compiled against the headers in older/, linked with today's
 * library. Each struct it fills in ends where its memory ends: a library that reads more than the
 * struct says ends the process. integration_sdk_install compiles it, also against today's headers.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <troth/postgres.h>
#include <troth/troth.h>

#define NOBODY "http://127.0.0.1:1"

/* A copy with nothing behind it that may be read. It stays until the process ends. */
static void *at_the_end(const void *value, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0)
        return NULL;
    return memcpy(pages + page - size, value, size);
}

#define AT_THE_END(value) at_the_end(&(value), sizeof(value))

static int failed(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

static void echo(void *arg, const struct troth_call *call, struct troth_reply *reply)
{
    (void)arg;
    troth_reply_vote(reply, TROTH_VOTE_YES, call->input);
}

static int nothing(void *arg, PGconn *connection, const struct troth_call *call,
                   struct troth_output *output)
{
    (void)arg;
    (void)connection;
    (void)call;
    (void)output;
    return 0;
}

static void remember(void *arg, const struct troth_answer *answer)
{
    *(int *)arg = answer->error;
}

/* Nobody listens there: the call is taken, and its answer says so. */
static int client_works(void)
{
    const struct troth_client_config config = {TROTH_CLIENT_CONFIG_INIT, .url = NOBODY};
    const struct troth_start start = {TROTH_START_INIT, .definition = "transfer"};
    struct troth_enlist enlist = {TROTH_ENLIST_INIT, .branch = 1, .participant = "bank_a"};
    struct troth_client *client;
    int said = 0;
    enlist.operation = "debit";
    if (troth_client_create(NULL, AT_THE_END(config), &client) != 0)
        return failed("no client");
    if (troth_client_start(client, AT_THE_END(start), remember, &said) != 0 ||
        troth_client_block(client) != 0 || said != TROTH_ERROR_UNAVAILABLE)
        return failed("no start");
    said = 0;
    if (troth_client_enlist(client, AT_THE_END(enlist), remember, &said) != 0 ||
        troth_client_block(client) != 0 || said != TROTH_ERROR_UNAVAILABLE)
        return failed("no enlistment");
    troth_client_destroy(client);
    return 0;
}

static int participant_works(void)
{
    const struct troth_participant_config config = {TROTH_PARTICIPANT_CONFIG_INIT, .base = "/bank"};
    const struct troth_handlers handlers = {TROTH_HANDLERS_INIT, .prepare = echo};
    const struct troth_postgres_config database = {TROTH_POSTGRES_CONFIG_INIT,
                                                   .conninfo = "host=/nonexistent"};
    const struct troth_postgres_operation work = {TROTH_POSTGRES_OPERATION_INIT, .work = nothing};
    struct troth_participant *participant;
    struct troth_postgres *postgres;
    char why[200] = "";
    if (troth_participant_create(AT_THE_END(config), &participant) != 0 ||
        troth_participant_handle(participant, "echo", AT_THE_END(handlers), NULL) != 0)
        return failed("no participant");
    if (troth_postgres_create(participant, AT_THE_END(database), &postgres) != 0 ||
        troth_postgres_handle(postgres, "debit", AT_THE_END(work)) != 0 ||
        troth_postgres_start(postgres, why, sizeof why) != TROTH_ERROR_UNAVAILABLE)
        return failed("no resource");
    if (troth_postgres_destroy(postgres) != 0 || troth_participant_destroy(participant) != 0)
        return failed("no end");
    return 0;
}

int main(void)
{
    if (troth_version_number() < TROTH_VERSION_NUMBER)
        return failed("the library is older than the headers");
    if (client_works() != 0 || participant_works() != 0)
        return 1;
    printf("UNAVAILABLE\n");
    return 0;
}
