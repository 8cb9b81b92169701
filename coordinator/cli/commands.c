/* The table of commands: what there is, what it takes, how it is explained. */
#include <stddef.h>

#include "command.h"

const struct option_spec global_options[] = {
    {"output", 'o', "table|json", false, "for people (default), or JSON for programs"},
    {"url", 0, "URL[,URL…]", false,
     "the coordinator (default $TROTH_URL, else " CLI_URL_DEFAULT
     "); of several, also with several --url, the next is asked where one cannot be reached or "
     "does not lead"},
    {"cacert", 0, "FILE", false,
     "PEM: who signs the coordinator's certificate (default $TROTH_CACERT, else the system's)"},
    {"cert", 0, "FILE", false, "PEM: a certificate to show it (default $TROTH_CERT)"},
    {"cert-key", 0, "FILE", false,
     "PEM: its key, where it is not in --cert (default $TROTH_CERT_KEY)"},
    {"socket", 0, "PATH", false,
     "trothd's unix-domain socket (default $TROTH_SOCKET; where no URL is given and it is "
     "there, " CLI_SOCKET_DEFAULT ")"},
    {"api-key-file", 0, "FILE", false,
     "its first line is an API key (default $TROTH_API_KEY_FILE, or the key itself in "
     "$TROTH_API_KEY)"},
    {"timeout", 0, "DURATION", false,
     "for one answer (default 30s); where the coordinator is asked to wait, up to 10s more"},
    {"help", 'h', NULL, false, "help on the whole, or on one command"},
    {NULL, 0, NULL, false, NULL},
};

#define OPTION_WAIT                                                                                \
    {                                                                                              \
        "wait", 'w', "DURATION", false,                                                            \
            "answer after so long with what is reached (whole seconds, at most 300s)"              \
    }
#define OPTION_ASYNC                                                                               \
    {                                                                                              \
        "async", 0, NULL, false, "answer as soon as it is accepted; it goes on by itself"          \
    }
#define OPTION_LABEL                                                                               \
    {                                                                                              \
        "label", 'l', "NAME=VALUE", true, "a label to find it by; may be repeated"                 \
    }

#define OPTION_YES                                                                                 \
    {                                                                                              \
        "yes", 'y', NULL, false, "do not ask (needed where standard input is no terminal)"         \
    }

const struct command_spec commands[] = {
    {
        .group = "tx",
        .name = "start",
        .operands = "DEFINITION",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"input", 'i', "JSON|@FILE|-", false,
                     "the input: JSON itself, a file, or standard input (default {})"},
                    {"version", 0, "N", false, "of the definition (default: the newest)"},
                    OPTION_WAIT,
                    OPTION_ASYNC,
                    {"watch", 0, NULL, false, "follow it to its end, as tx watch does"},
                    {"key", 'k', "KEY", false,
                     "idempotency key: the same key and request never start it twice"},
                    OPTION_LABEL},
        .summary = "start a transaction and wait for its outcome",
        .text =
            "The exit status tells the outcome. Without --key one is made up, and shown when no\n"
            "answer came: repeating the command with it is safe and says what became of it.",
        .examples =
            "trothctl tx start transfer -i '{\"from\": 7, \"to\": 9, \"amount\": 120}'\n"
            "trothctl tx start order_checkout --version 3 -i @order.json --key order-4711\n"
            "trothctl tx start transfer -i - --wait 10s --label tenant=acme <transfer.json\n"
            "trothctl tx start transfer -i @transfer.json --async -o json\n"
            "trothctl tx start order_checkout -i @order.json --watch",
        .run = tx_start,
    },
    {
        .group = "tx",
        .name = "show",
        .operands = "GTID",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"exit-code", 'e', NULL, false, "exit as tx start would, by the outcome"}},
        .summary = "show a transaction: outcome, why, what is missing, timeline",
        .text =
            "GTID may be the beginning of one, if no other begins so, or the name of a branch "
            "that\n"
            "pg_prepared_xacts shows; that holds for every command here.\n\n"
            "The timeline has each message (-> to a participant, <- its answer), journal write\n"
            "and event, with its time since the beginning, a column for each branch. Where that\n"
            "needs more than $COLUMNS columns it is a list. It is kept in the coordinator's "
            "memory\n"
            "and written at the end: what was before a restart of the coordinator, also an\n"
            "operator's retry or abort, is not in it; it then begins with \"taken up again\".",
        .examples = "trothctl tx show 0198f3a2-1c45-8abc-848d-15800000002a\n"
                    "trothctl tx show --exit-code 0198f3a2-1c45-8abc-848d-15800000002a >/dev/null",
        .run = tx_show,
    },
    {
        .group = "tx",
        .name = "watch",
        .operands = "GTID",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "follow a transaction: each moment as it comes, until it has ended",
        .text =
            "Begins with what was so far. The exit status tells the outcome. When the stream\n"
            "breaks off (the coordinator restarts), it is joined again and goes on with what is\n"
            "new; 6 when that did not succeed within --timeout. Silence is a break too, --timeout\n"
            "and 15s after the last sign of life. With -o json each event is one line; ids count\n"
            "within one connection, and a state comes again with each.",
        .examples = "trothctl tx watch 0198f3a2-1c45-8abc-848d-15800000002a\n"
                    "trothctl tx watch -o json 0198f3a2-1c45-8abc-848d-15800000002a | jq .event",
        .run = tx_watch,
    },
    {
        .group = "tx",
        .name = "list",
        .operands = "",
        .options = {{"in-doubt", 0, NULL, false,
                     "only those with a branch that has not acknowledged its decision"},
                    {"parked", 0, NULL, false, "as --state parked: an operator must look"},
                    {"mixed", 0, NULL, false, "as --outcome mixed: a branch ended otherwise"},
                    {"state", 's', "STATE", false,
                     "only those in this state (preparing, parked, ...)"},
                    {"outcome", 0, "OUTCOME", false, "committed, aborted, compensated or mixed"},
                    {"definition", 'd', "NAME", false, "only those of this definition"},
                    {"participant", 'p', "NAME", false, "only those with a branch there"},
                    {"older-than", 0, "DURATION", false, "only those that began so long ago"},
                    {"since", 0, "TIME|DURATION", false, "only those that began then or later"},
                    {"until", 0, "TIME|DURATION", false, "only those that began before"},
                    {"label", 'l', "NAME=VALUE", false, "only those with this label"},
                    {"key", 'k', "KEY", false, "the one that began under this idempotency key"},
                    {"gtid", 'g', "PREFIX", false, "only those whose gtid begins so"},
                    {"limit", 'n', "N", false, "at most so many (default 50)"}},
        .summary = "list transactions",
        .text =
            "Without --state, and with --state open or ended, what the journal has: open is all\n"
            "that has a row there and has not ended. Any other state is one of those under way\n"
            "now, with or without a row; parked is also where other steps still go on, and where\n"
            "the abort of the attempt before a fallback is parked.",
        .examples = "trothctl tx list --state committing --older-than 5m\n"
                    "trothctl tx list --state parked\n"
                    "trothctl tx list --participant bank_b --outcome aborted -n 200\n"
                    "trothctl tx list --label tenant=acme --since 2h\n"
                    "trothctl tx list --key order-4711\n"
                    "trothctl tx list -o json",
        .run = tx_list,
    },
    {
        .group = "tx",
        .name = "abort",
        .operands = "GTID",
        .operands_min = 1,
        .operands_max = 1,
        .options = {OPTION_WAIT, OPTION_ASYNC},
        .summary = "abort a transaction that is not decided yet",
        .text = "Where something is parked the answer comes at once.",
        .examples = "trothctl tx abort 0198f3a2-1c45-8abc-848d-15800000002a",
        .run = tx_abort,
    },
    {
        .group = "tx",
        .name = "retry",
        .operands = "GTID",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "try again what is parked",
        .text =
            "Steps are parked when their retries are spent, or when a participant answered what\n"
            "makes no sense; so is the abort of the attempt before a fallback, when it is "
            "refused.\n"
            "Mend the cause, then retry: tries are counted from zero, and what a participant "
            "refused\n"
            "for good is a new attempt of that step, which it takes as new. Exit status 0 when\n"
            "something is tried again, 4 when nothing is parked.",
        .examples = "trothctl tx list --state parked\n"
                    "trothctl tx retry 0198f3a2-1c45-8abc-848d-15800000002a",
        .run = tx_retry,
    },
    {
        .group = "tx",
        .name = "resolve",
        .operands = "GTID",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"branch", 'b', "N", false, "which; may be left out where only one waits"},
                    {"as", 0, "committed|aborted|compensated", false,
                     "what it has come to at its participant; must be given"},
                    {"reason", 'r', "TEXT", false, "why, for whoever looks later; must be given"},
                    {"by", 0, "NAME", false, "who says so (default: the local user)"},
                    OPTION_YES,
                    {"force", 0, NULL, false, "also what is unsafe; it says first what that is"}},
        .summary = "settle by hand a branch whose participant does not answer",
        .text = "Say what has happened, not what you wish for: look first. committed: its work is "
                "done,\n"
                "and stays. aborted: it never acted, and never will. compensated: what it did is "
                "undone,\n"
                "perhaps by you. Steps that were executed or compensated by hand are never sent "
                "again.\n"
                "A branch of a two-phase commit is told the decision all the same until it "
                "answers; if\n"
                "it ended otherwise the outcome becomes mixed, with an event that says so. When it "
                "will\n"
                "never answer: tx forget.\n\n"
                "Your word is durable when this command says so, and stands in tx show, in the "
                "journal\n"
                "and in the event, with who and why. Saying the same again is safe. "
                "docs/operations.md\n"
                "has the whole way from \"in doubt\" to the end, with the SQL for a DBA.",
        .examples =
            "trothctl tx list --in-doubt\n"
            "trothctl tx resolve 0198f3a2-1c45-8abc-848d-15800000002a --as committed \\\n"
            "    --reason 'COMMIT PREPARED by hand, ticket 4711'\n"
            "trothctl tx resolve 0198f3a2 -b 2 --as compensated -r 'refunded by hand' --yes",
        .run = tx_resolve,
    },
    {
        .group = "tx",
        .name = "forget",
        .operands = "GTID",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"reason", 'r', "TEXT", false, "why, for whoever looks later; must be given"},
                    {"by", 0, "NAME", false, "who says so (default: the local user)"},
                    OPTION_YES,
                    {"force", 0, NULL, false, "also where a participant cannot ask by itself"}},
        .summary = "end a transaction that only waits for a participant's acknowledgement",
        .text = "For a participant that is gone for good. The outcome stays as it is; every branch "
                "must\n"
                "have ended, by its own answer or by tx resolve. A participant that comes back all "
                "the\n"
                "same and can ask (binding batch) is still told what was decided.",
        .examples = "trothctl tx forget 0198f3a2-1c45-8abc-848d-15800000002a --reason 'bank_b was "
                    "scrapped'",
        .run = tx_forget,
    },
    {
        .group = "tx",
        .name = "sql",
        .operands = "GTID",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"branch", 'b', "N", false, "only this one (default: all)"}},
        .summary = "print the SQL with which a DBA finds and ends its branches by hand",
        .text = "A script of psql for the database of each branch's participant. It looks; what "
                "ends the\n"
                "branch stands in it as a comment, as it was decided, and not where nothing is "
                "decided.\n"
                "Run it only where no participant comes to do it, and then say so: tx resolve.",
        .examples = "trothctl tx sql 0198f3a2-1c45-8abc-848d-15800000002a -b 2 | psql -d bank_b",
        .run = tx_sql,
    },
    {
        .group = "tx",
        .name = "begin",
        .operands = "",
        .options = {{"lifetime", 0, "DURATION", false,
                     "how long it may stay undecided (default: the coordinator's)"},
                    OPTION_LABEL},
        .summary = "begin an interactive transaction",
        .text = "Pass the gtid that is printed, and a branch number of your choosing, to each\n"
                "service; they enlist; then commit.",
        .examples = "gtid=$(trothctl tx begin --lifetime 5m)",
        .run = tx_begin,
    },
    {
        .group = "tx",
        .name = "commit",
        .operands = "GTID",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"branch", 'b', "N", true,
                     "a branch that must have enlisted; repeat it for each"},
                    OPTION_WAIT,
                    OPTION_ASYNC},
        .summary = "commit an interactive transaction",
        .text = "If a branch that is named has not enlisted, the transaction aborts.",
        .examples = "trothctl tx commit \"$gtid\" -b 1 -b 2",
        .run = tx_commit,
    },
    {
        .group = "def",
        .name = "apply",
        .operands = "FILE...",
        .operands_min = 1,
        .operands_max = OPERANDS_MAX,
        .summary = "publish definitions",
        .text = "A published version never changes: the same file again is no error, another one\n"
                "under the same version is refused. FILE - is standard input.",
        .examples = "trothctl def apply transfer.json\n"
                    "trothctl def apply definitions/*.json",
        .run = def_apply,
    },
    {
        .group = "def",
        .name = "validate",
        .operands = "FILE...",
        .operands_min = 1,
        .operands_max = OPERANDS_MAX,
        .summary = "check definitions and print every fault with its place",
        .text =
            "Faults and warnings, all at once; warnings alone are valid. Publishes nothing. The\n"
            "check is the coordinator's own code and needs no coordinator; with --url one is\n"
            "asked, which also knows whether the participants are registered. For editors there\n"
            "is the JSON Schema of definition files.",
        .examples = "trothctl def validate order_checkout.json\n"
                    "trothctl def validate --url http://troth.internal:7800 definitions/*.json",
        .run = def_validate,
    },
    {
        .group = "def",
        .name = "diff",
        .operands = "NAME V1 V2 | FILE",
        .operands_min = 1,
        .operands_max = 3,
        .summary = "show what changed between two versions of a definition",
        .text =
            "Two published versions, or the newest published one and a file (- is standard\n"
            "input). Steps are compared by name. Layout and the order of members do not count.\n"
            "Exit status 0 when they are the same, 1 when they differ.",
        .examples =
            "trothctl def diff order_checkout 3 4\n"
            "trothctl def diff order_checkout.json || trothctl def apply order_checkout.json",
        .run = def_diff,
    },
    {
        .group = "def",
        .name = "list",
        .operands = "",
        .summary = "list definitions",
        .examples = "trothctl def list",
        .run = def_list,
    },
    {
        .group = "def",
        .name = "show",
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"version", 0, "N", false, "which version (default: the newest)"}},
        .summary = "print a definition's file as it was published; to standard error how its "
                   "transactions prepare now, and how many are open",
        .examples = "trothctl def show transfer --version 1 >transfer.json",
        .run = def_show,
    },
    {
        .group = "def",
        .name = "delete",
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"version", 0, "N", false, "which version; must be given"}},
        .summary = "delete one version of a definition",
        .examples = "trothctl def delete transfer --version 1",
        .run = def_delete,
    },
    {
        .group = "participant",
        .name = "add",
        .operands = "NAME URL...",
        .operands_min = 2,
        .operands_max = 9,
        .options = {{"binding", 'b', "http|batch", false,
                     "http: plain REST; batch: what the SDK speaks. Must be given"},
                    {"slots", 's', "N", false,
                     "calls of phase 1 at a time, until it announces its own number"},
                    {"token-file", 't', "NAME", false,
                     "a file in trothd's participant_tokens, whose token is shown to it"}},
        .summary = "register a participant, or change its registration",
        .text =
            "Several URLs are replicas over one database. Says whether one of them answers; it is\n"
            "registered in any case.",
        .examples =
            "trothctl participant add bank_a http://127.0.0.1:7810/troth --binding batch\n"
            "trothctl participant add mail http://mail-1:8080/api http://mail-2:8080/api -b http",
        .run = participant_add,
    },
    {
        .group = "participant",
        .name = "list",
        .operands = "",
        .summary = "list participants and what is known of them now",
        .examples = "trothctl participant list",
        .run = participant_list,
    },
    {
        .group = "participant",
        .name = "show",
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "show one participant",
        .examples = "trothctl participant show bank_a",
        .run = participant_show,
    },
    {
        .group = "participant",
        .name = "orphans",
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"database", 'd', "CONNINFO", false,
                     "its PostgreSQL, as libpq takes it; must be given"}},
        .summary = "list what is prepared in its database, and what the coordinator says of it",
        .text =
            "The database is asked itself, so that it works where the participant is gone. Of "
            "each\n"
            "prepared transaction: open (not decided: leave it), commit or abort (decided: its\n"
            "participant ends it, or you: tx sql), elsewhere (another journal's), strange or "
            "unknown\n"
            "(the coordinator cannot explain it). Exit status 7 when one cannot be explained, "
            "belongs\n"
            "to another participant, or is decided and has been left for a minute. Keep passwords "
            "out\n"
            "of the command line: service=… or ~/.pgpass.",
        .examples = "trothctl participant orphans bank_b --database 'host=db-2 dbname=bank_b'\n"
                    "trothctl participant orphans bank_b -d service=bank_b -o json",
        .run = participant_orphans,
    },
    {
        .group = "participant",
        .name = "remove",
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .options = {{"force", 0, NULL, false, "also where a published definition names it"}},
        .summary = "remove a participant from the registry",
        .text = "Refused while open transactions need it, and without --force while a published\n"
                "definition names it.",
        .examples = "trothctl participant remove bank_a",
        .run = participant_remove,
    },
    {
        .group = "key",
        .name = "create",
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .options =
            {{"scope", 's', "SCOPE", true,
              "what it may do: start, start:PATTERN (definitions, with *), read, operate,\n"
              "                              definitions, participants, inquire, metrics, admin"},
             {"expires", 0, "DURATION", false, "it opens nothing after so long (30d)"}},
        .summary = "make an API key, and print it",
        .text = "It is shown once; the journal keeps its hash alone. Who has it sends it as\n"
                "'Authorization: Bearer KEY', trothctl from $TROTH_API_KEY or --api-key-file.",
        .examples = "trothctl key create billing --scope start:transfer --scope read\n"
                    "trothctl key create bank_a --scope inquire --expires 90d > bank_a.key",
        .run = key_create,
    },
    {
        .group = "key",
        .name = "list",
        .operands = "",
        .summary = "list API keys: what each may do, who made it, when it was used last",
        .examples = "trothctl key list",
        .run = key_list,
    },
    {
        .group = "key",
        .name = "revoke",
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "take a key's rights away, now and for good",
        .examples = "trothctl key revoke billing",
        .run = key_revoke,
    },
    {
        .group = "key",
        .name = "rotate",
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "print another key for a name; the old one opens nothing any more",
        .examples = "trothctl key rotate billing > billing.key",
        .run = key_rotate,
    },
    {
        .group = "node",
        .name = "list",
        .operands = "",
        .summary = "list the nodes that share the journal, and who leads which shards",
        .text = "As the node that answers has seen it, up to a third of a lease ago. One that was\n"
                "not seen for a lease's length is gone: its shards are taken by the others.",
        .examples = "trothctl node list\n"
                    "trothctl node list --url http://10.0.0.7:7800,http://10.0.0.8:7800",
        .run = node_list,
    },
    {
        .group = "event",
        .name = "list",
        .operands = "",
        .summary = "list outcome events that Kafka will not take",
        .text = "Each is set aside and waits here; what its key has behind it waits with it.",
        .examples = "trothctl event list\n"
                    "trothctl event list -o json",
        .run = event_list,
    },
    {
        .group = "event",
        .name = "show",
        .operands = "ID",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "show one of them, with what it holds",
        .examples = "trothctl event show 5d0f4e2a-5a51-8c1b-9d3b-2f6f2c1a7e10 -o json",
        .run = event_show,
    },
    {
        .group = "event",
        .name = "resend",
        .operands = "ID",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "send it once more, and then what waits behind it",
        .text = "Under the same ce_id. If Kafka refuses it again, it is set aside again.",
        .examples = "trothctl event resend 5d0f4e2a-5a51-8c1b-9d3b-2f6f2c1a7e10",
        .run = event_resend,
    },
    {
        .group = "event",
        .name = "discard",
        .operands = "ID",
        .operands_min = 1,
        .operands_max = 1,
        .summary = "give it up: it is never sent, and what waits behind it goes",
        .text = "The transaction and its outcome stay as they are; see trothctl tx show.",
        .examples = "trothctl event discard 5d0f4e2a-5a51-8c1b-9d3b-2f6f2c1a7e10",
        .run = event_discard,
    },
    {
        .group = NULL,
        .name = "doctor",
        .operands = "",
        .options = {{"journal", 'j', "CONNINFO", false, "look at the journal's database, too"},
                    {"database", 'd', "NAME=CONNINFO", true,
                     "and at that participant's; may be repeated"}},
        .summary = "look at everything that an operator would, and say what to do",
        .text =
            "Of the coordinator: is it ready, does its journal take writes, what is parked, in "
            "doubt,\n"
            "mixed, old, or waits for Kafka, how far clocks are apart, which participants answer. "
            "Of\n"
            "the databases that are given: settings, versions, prepared transactions and orphans, "
            "the\n"
            "guard, size, retention, disk. Each line says what was found and what to do about it.\n"
            "Exit status 0 when nothing needs attention, 7 when something does. Keep passwords out "
            "of\n"
            "the command line: service=… or ~/.pgpass.",
        .examples =
            "trothctl doctor\n"
            "trothctl doctor -j service=journal -d bank_a=service=bank_a -d bank_b=service=bank_b\n"
            "trothctl doctor -o json | jq '.findings[] | select(.level == \"attention\")'",
        .run = doctor_run,
    },
    {
        .group = NULL,
        .name = "status",
        .operands = "",
        .summary = "is the coordinator ready, and how is it",
        .text = "Exit status 0 when it is ready, 5 when it is not or cannot be reached.",
        .examples = "trothctl status\n"
                    "trothctl status --url http://troth.internal:7800 -o json",
        .run = status_show,
    },
    {.group = ""},
};
