/* doctor_database.c: what trothctl doctor finds in a database that it is given. */
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "database.h"
#include "doctor.h"
#include "explain.h"
#include "tree.h"
#include <base/now.h>
#include <operator_sql.h>

#define SERVER_VERSION_MIN 150000
#define CLOCK_SECONDS      1.0
#define PREPARED_SECONDS   60
#define XID_AGE_MAX        1500000000LL /* PostgreSQL stops at two thousand millions */
#define JOURNAL_BYTES_MAX  10737418240LL
#define EXPLAINED_MAX      100 /* prepared transactions that are asked about */

/* Columns of server.sql. */
enum {
    SERVER_VERSION,
    SERVER_RECOVERS,
    SERVER_PREPARED_MAX,
    SERVER_PREPARED,
    SERVER_CLOCK,
    SERVER_FSYNC,
    SERVER_FULL_PAGES,
    SERVER_SYNCHRONOUS,
    SERVER_ENCODING,
    SERVER_BYTES,
    SERVER_XID_AGE,
    SERVER_FOLDER,
    SERVER_ADDRESS,
    SERVER_HAS_JOURNAL,
    SERVER_HAS_GUARD
};

static enum level alarm_if(bool wrong)
{
    return wrong ? LEVEL_ATTENTION : LEVEL_OK;
}

static const char *cell(const PGresult *rows, int column)
{
    return PQgetvalue(rows, 0, column);
}

static long long cell_number(const PGresult *rows, int column)
{
    return strtoll(cell(rows, column), NULL, 10);
}

static bool cell_is(const PGresult *rows, int column, const char *word)
{
    return strcmp(cell(rows, column), word) == 0;
}

static void look_at_clock(struct doctor *doctor, const PGresult *server, const char *of)
{
    double here = (double)wall_now().us / 1e6, there = strtod(cell(server, SERVER_CLOCK), NULL);
    double apart = there - here;
    doctor_say(doctor, alarm_if(apart > CLOCK_SECONDS || apart < -CLOCK_SECONDS),
               "clock, to this host", of, "bring the clocks of both hosts together (NTP)", "%.3f s",
               apart);
}

/* Free space is not a matter of SQL: seen only where the server is on this host. */
static void look_at_disk(struct doctor *doctor, const PGresult *server, const char *of)
{
    struct statvfs disk;
    const char *at = cell(server, SERVER_ADDRESS);
    bool here = strcmp(at, "local") == 0 || strncmp(at, "127.", 4) == 0 || strcmp(at, "::1") == 0;
    if (!here || cell(server, SERVER_FOLDER)[0] == '\0' ||
        statvfs(cell(server, SERVER_FOLDER), &disk) != 0 || disk.f_blocks == 0) {
        doctor_say(doctor, LEVEL_UNSEEN, "disk", of, "look on its host: df",
                   "free space is not seen from here");
        return;
    }
    unsigned long long left = (unsigned long long)disk.f_bavail * 100u / disk.f_blocks;
    doctor_say(doctor, alarm_if(left < 10), "disk", of, "make room: a full disk stops every write",
               "%llu %% free, %llu MB", left,
               (unsigned long long)disk.f_bavail * disk.f_frsize >> 20);
}

/* What holds for each; false: there is nothing more to ask. */
static bool look_at_server(struct doctor *doctor, const char *conninfo, const char *of,
                           PGconn **ret_connection, PGresult **ret_server)
{
    BUFFER_SCOPED struct buffer why = {0};
    if (!database_open(conninfo, ret_connection, &why) ||
        !database_ask(*ret_connection, operator_sql_server, ret_server, &why)) {
        const char *words = buffer_text(&why);
        doctor_say(doctor, LEVEL_ATTENTION, "database", of,
                   "start it, or mend the conninfo given here", "not reached: %s",
                   words != NULL ? words : "?");
        return false;
    }
    const PGresult *server = *ret_server;
    long long version = cell_number(server, SERVER_VERSION);
    long long age = cell_number(server, SERVER_XID_AGE);
    doctor_say(doctor, alarm_if(version < SERVER_VERSION_MIN), "server version", of,
               "PostgreSQL 15 or newer is needed", "%lld.%lld", version / 10000, version % 10000);
    doctor_say(doctor, alarm_if(cell_is(server, SERVER_RECOVERS, "true")), "primary", of,
               "it is a standby: name the primary, or promote it", "%s",
               cell_is(server, SERVER_RECOVERS, "true") ? "no" : "yes");
    look_at_clock(doctor, server, of);
    doctor_say(doctor, alarm_if(age > XID_AGE_MAX), "transaction ids", of,
               "vacuum freeze; old prepared transactions hold it up", "oldest is %lld old", age);
    return true;
}

/* --- a participant ------------------------------------------------------------------------------
 */

/* That it announced, or was registered with; 0: not known. */
static long long slots_of(const struct doctor *doctor, const char *name)
{
    const cJSON *one;
    int64_t slots = 0;
    cJSON_ArrayForEach (one, member(doctor->participants.tree, "participants")) {
        if (!item_is(member(one, "name"), name))
            continue;
        if (!item_number(member(member(one, "status"), "slots_announced"), &slots))
            (void)item_number(member(one, "slots"), &slots);
    }
    return slots;
}

static void look_at_prepared(struct doctor *doctor, const PGresult *server, const char *name)
{
    long long most = cell_number(server, SERVER_PREPARED_MAX);
    long long used = cell_number(server, SERVER_PREPARED), slots = slots_of(doctor, name);
    doctor_say(doctor, alarm_if(most == 0 || most < slots), "max_prepared_transactions", name,
               "raise it to at least the slots of all participants on this server, and restart it",
               "%lld, for %lld slots", most, slots);
    doctor_say(doctor, alarm_if(most > 0 && used * 5 >= most * 4), "prepared transactions", name,
               "trothctl participant orphans: who leaves them?", "%lld of %lld", used, most);
}

static void look_at_guard(struct doctor *doctor, PGconn *connection, const PGresult *server,
                          const char *name)
{
    RESULT_SCOPED PGresult *rows = NULL;
    BUFFER_SCOPED struct buffer why = {0};
    if (!cell_is(server, SERVER_HAS_GUARD, "true")) {
        doctor_say(doctor, LEVEL_UNSEEN, "guard", name,
                   "one with the SDK makes it at its start; one of its own kind has to be "
                   "idempotent by itself",
                   "there is no schema troth_guard");
    } else if (!database_ask(connection, operator_sql_guard, &rows, &why)) {
        doctor_say(doctor, LEVEL_UNSEEN, "guard", name, "look as its owner", "%.*s", (int)why.len,
                   why.data);
    } else {
        long long version = cell_number(rows, 0);
        doctor_say(doctor, alarm_if(version < GUARD_SCHEMA_VERSION), "guard", name,
                   "psql -f sql/participant/apply.psql as its owner, or restart its participant",
                   "version %lld, this program knows %d", version, GUARD_SCHEMA_VERSION);
    }
}

static void look_at_orphans(struct doctor *doctor, PGconn *connection, const char *name)
{
    RESULT_SCOPED PGresult *rows = NULL;
    BUFFER_SCOPED struct buffer why = {0};
    unsigned unexplained = 0;
    long long oldest = 0;
    if (!database_ask(connection, operator_sql_prepared, &rows, &why))
        return;
    for (int row = 0; row < PQntuples(rows); row++) {
        BUFFER_SCOPED struct buffer whose = {0};
        enum explained what = EXPLAIN_OPEN;
        const char *gid = PQgetvalue(rows, row, 0);
        long long seconds = strtoll(PQgetvalue(rows, row, 4), NULL, 10);
        oldest = seconds > oldest ? seconds : oldest;
        bool asks = doctor->journal[0] != '\0' && row < EXPLAINED_MAX;
        if (asks && strncmp(gid, "troth_", 6) == 0 &&
            explain_prepared(doctor->cli, gid, doctor->journal, &what, &whose) == CLI_EXIT_OK)
            unexplained += what == EXPLAIN_UNKNOWN || what == EXPLAIN_STRANGE ? 1 : 0;
    }
    doctor_say(doctor, alarm_if(oldest > PREPARED_SECONDS), "oldest prepared", name,
               "its locks stay, and vacuum waits: trothctl participant orphans", "%lld s", oldest);
    doctor_say(doctor, alarm_if(unexplained > 0), "orphans", name,
               "trothctl participant orphans, before anybody ends one", "%u cannot be explained",
               unexplained);
}

void doctor_participant(struct doctor *doctor, const char *name, const char *conninfo)
{
    DATABASE_SCOPED PGconn *connection = NULL;
    RESULT_SCOPED PGresult *server = NULL;
    if (!look_at_server(doctor, conninfo, name, &connection, &server))
        return;
    look_at_prepared(doctor, server, name);
    look_at_guard(doctor, connection, server, name);
    look_at_orphans(doctor, connection, name);
    look_at_disk(doctor, server, name);
}

/* --- the journal ---------------------------------------------------------------------------------
 */

static void look_at_settings(struct doctor *doctor, const PGresult *server)
{
    static const struct {
        int column;
        const char *name;
    } settings[] = {{SERVER_FSYNC, "fsync"}, {SERVER_FULL_PAGES, "full_page_writes"}};
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        doctor_say(doctor, alarm_if(!cell_is(server, settings[i].column, "on")), settings[i].name,
                   "journal", "turn it on: a crash may lose what was told to clients", "%s",
                   cell(server, settings[i].column));
    doctor_say(doctor, alarm_if(!cell_is(server, SERVER_ENCODING, "UTF8")), "encoding", "journal",
               "the journal needs a database of encoding UTF8", "%s",
               cell(server, SERVER_ENCODING));
}

static void look_at_growth(struct doctor *doctor, const PGresult *rows)
{
    long long transactions = cell_number(rows, 1), oldest = cell_number(rows, 2);
    long long events = cell_number(rows, 4), bytes = cell_number(rows, 5);
    bool removes = cell_is(rows, 3, "t") || cell_is(rows, 3, "true");
    doctor_say(doctor, alarm_if(!removes && bytes > JOURNAL_BYTES_MAX), "retention", "journal",
               "old transactions are never removed: see docs/journal.md",
               "about %lld transactions in %lld MB, the oldest of %lld days; %s", transactions,
               bytes >> 20, oldest / 86400, removes ? "old ones are removed" : "none was removed");
    doctor_say(doctor, alarm_if(events >= 10000), "events in the outbox", "journal",
               "nobody takes them: is Kafka there, or with outbox = table the other publisher?",
               "%lld%s", events, events >= 100000 ? " or more" : "");
}

static void look_at_loss(struct doctor *doctor, PGconn *connection)
{
    RESULT_SCOPED PGresult *rows = NULL;
    BUFFER_SCOPED struct buffer why = {0};
    if (!database_ask(connection, operator_sql_lost, &rows, &why)) {
        doctor_say(doctor, LEVEL_UNSEEN, "lost rows", "journal",
                   "trothd migrate, or look as its owner", "%.*s", (int)why.len, why.data);
        return;
    }
    long long shards = cell_number(rows, 0);
    doctor_say(doctor, alarm_if(shards > 0), "lost rows", "journal",
               "the journal went back: trothctl tx list --parked, participant orphans; "
               "docs/operations.md",
               "of %lld shards%s%s", shards, shards > 0 ? ", " : " in a week", cell(rows, 1));
}

void doctor_journal(struct doctor *doctor, const char *conninfo)
{
    DATABASE_SCOPED PGconn *connection = NULL;
    RESULT_SCOPED PGresult *server = NULL;
    RESULT_SCOPED PGresult *rows = NULL;
    BUFFER_SCOPED struct buffer why = {0};
    if (!look_at_server(doctor, conninfo, "journal", &connection, &server))
        return;
    look_at_settings(doctor, server);
    look_at_disk(doctor, server, "journal");
    if (!cell_is(server, SERVER_HAS_JOURNAL, "true")) {
        doctor_say(doctor, LEVEL_ATTENTION, "schema", "journal",
                   "is this the journal's database? trothd migrate makes one", "there is none");
        return;
    }
    if (!database_ask(connection, operator_sql_journal, &rows, &why)) {
        doctor_say(doctor, LEVEL_UNSEEN, "schema", "journal", "look as its owner", "%.*s",
                   (int)why.len, why.data);
        return;
    }
    bool same = doctor->journal[0] == '\0' || cell_is(rows, 0, doctor->journal);
    doctor_say(doctor, alarm_if(!same), "whose journal", "journal",
               "this is not the journal of the coordinator that was asked", "id %s", cell(rows, 0));
    look_at_growth(doctor, rows);
    look_at_loss(doctor, connection);
}
