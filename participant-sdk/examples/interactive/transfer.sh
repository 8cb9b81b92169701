#!/usr/bin/env bash
# transfer.sh DATABASE_A DATABASE_B [FROM TO AMOUNT]: an interactive transaction, with nothing but curl and psql: money
# from account FROM of bank_a to account TO of bank_b (7, 9 and 120). The banks are registered at $TROTH_URL
# (http://127.0.0.1:7800; several with commas: one that is not there is passed over), DATABASE_A and _B are libpq's
# connection strings for their databases, as the banks' own role.
#
#   begin                the coordinator gives the transaction its gtid
#   each service, once   works and PREPAREs in its own database, under the guard, and enlists as prepared. It answers
#                        its caller only after the enlistment was answered: from its sending on only the coordinator
#                        decides
#   commit               names the branches that the client knows: if one of them has not enlisted, all roll back
#
# A client that leaves before `commit` costs nothing but the timeout: the coordinator aborts then, and the banks roll
# back.
set -euo pipefail

urls=${TROTH_URL:-http://127.0.0.1:7800}
database_a=$1 database_b=$2 from=${3:-7} to=${4:-9} amount=${5:-120}

# post PATH BODY: the answer. There is no need of a key here: enlist, commit and abort may be sent again, and a
# transaction that nobody commits is aborted.
post() {
    ask "$1" -H 'Content-Type: application/json' -d "$2"
}

# ask PATH OPTION…: of the first coordinator that can be connected to (curl's exit 7: nothing was sent); any of them
# answers for all.
ask() {
    local url path=$1 code=0
    shift
    for url in ${urls//,/ }; do
        code=0
        curl -sS "$url$path" "$@" || code=$?
        [ "$code" = 7 ] || break
    done
    return "$code"
}

# member NAME…: of the JSON on standard input.
member() {
    /usr/bin/python3 -c 'import functools, json, sys
print(functools.reduce(lambda value, name: value[name], sys.argv[1:], json.load(sys.stdin)))' "$@"
}

# prepare BRANCH DATABASE OPERATION ACCOUNT CHANGE: what a service does when it is asked. `work` means that this call
# comes for the first time; anything else would be the answer that was given before.
prepare() {
    psql -X -q -v ON_ERROR_STOP=1 -d "$2" -o /dev/null \
        -v journal="$journal" -v gtid="$gtid" -v branch="$1" -v operation="$3" -v account="$4" -v change="$5" <<'SQL'
BEGIN;
SELECT verdict = 'work' AS is_new FROM troth_guard.action(:'journal', :'gtid', :branch, 1, :'operation',
    format('{"account": %s, "change": %s}', :'account', :'change'), timeout => '5s') \gset
\if :is_new
UPDATE account SET balance = balance + :change WHERE id = :account RETURNING balance \gset
SELECT troth_guard.reply(:'journal', :'gtid', :branch, 1, format('{"balance": %s}', :'balance'));
SELECT format('PREPARE TRANSACTION %L', troth_guard.prepared_name(:'journal', :'gtid', :branch, 1)) \gexec
\endif
SQL
}

# enlist BRANCH PARTICIPANT OPERATION
enlist() {
    post "/v1/transactions/$gtid/branches" \
        "{\"branch\": $1, \"participant\": \"$2\", \"operation\": \"$3\", \"prepared\": true}" >/dev/null
}

journal=$(ask /readyz | member journal id)
gtid=$(post /v1/transactions '{"mode": "2pc", "timeout": "1m"}' | member gtid)
echo "begun: $gtid"

# On any way out but commit: what was prepared is rolled back now, not at the timeout.
give_up() {
    post "/v1/transactions/$gtid/abort" '{}' | member outcome
    exit 1
}
{ prepare 1 "$database_a" debit "$from" "-$amount" && enlist 1 bank_a debit; } || give_up
{ prepare 2 "$database_b" credit "$to" "$amount" && enlist 2 bank_b credit; } || give_up

post "/v1/transactions/$gtid/commit" '{"branches": [1, 2]}' | member outcome
