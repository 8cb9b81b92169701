# shellcheck shell=bash
# quickstart-nodes.sh: the part of deploy/quickstart that has to do with several trothd over one journal: under a small
# load through all of them one is killed, one is paused past its lease, one is restarted in good order.
# deploy/quickstart sources it; the functions and variables that it uses are there.
# shellcheck disable=SC2154

NODE_NAMES=(trothd trothd_2 trothd_3 trothd_4 trothd_5)
SETTLE_SECONDS_MAX=60

node_url() {
    printf 'http://%s' "$(ready_address "$1")"
}

# The addresses of all that were started, one a line.
node_urls() {
    local name
    for name in "${NODE_NAMES[@]:0:nodes}"; do
        printf '%s\n' "$(node_url "$name")"
    done
}

start_nodes() {
    local name
    for name in "${NODE_NAMES[@]:0:nodes}"; do
        launch_program "$name" "$trothd" run --config "$home/trothd.conf" --listen 127.0.0.1:0 --node "$name"
        await_program "$name"
        line "$(printf '%-13s' "$name") http://$address"
    done
    TROTH_URL=$(node_urls | paste -sd,)
    export TROTH_URL
}

# nodes_are WHOM CONDITION: as the node WHOM sees them. In the Python expression CONDITION `led` has the number of
# shards of each node that lives.
nodes_are() {
    "$trothctl" node list --url "$(node_url "$1")" --timeout 5s -o json 2>/dev/null | /usr/bin/python3 -c "
import json, sys
said = json.load(sys.stdin)
led = {node['name']: len(node['shards']) for node in said['nodes'] if node['live']}
sys.exit(not (not said['free'] and $2))" 2>/dev/null
}

shared_evenly() {
    nodes_are "$1" "len(led) == $nodes and max(led.values()) - min(led.values()) < 2"
}

await_even_share() {
    local name
    for name in "${NODE_NAMES[@]:0:nodes}"; do
        wait_until "$SETTLE_SECONDS_MAX" shared_evenly "$name" || die "the shards are not shared evenly, says $name"
    done
}

seconds_since() {
    /usr/bin/python3 -c 'import sys, time; print(f"{time.time() - float(sys.argv[1]):.1f} s")' "$1"
}

signal_node() {
    kill -s "$2" "$(cut -d' ' -f1 "$home/$1.process")"
}

# hurt NAME SIGNAL WHAT: and until the others lead what it led.
hurt() {
    local witness name=$1
    for witness in "${NODE_NAMES[@]:0:nodes}"; do
        [ "$witness" = "$name" ] || break
    done
    began=$EPOCHREALTIME
    signal_node "$name" "$2"
    wait_until "$SETTLE_SECONDS_MAX" nodes_are "$witness" "not led.get('$name')" || die "nobody takes over from $name"
    line "$name $3: the others lead its shards after $(seconds_since "$began")"
}

# settled NAME WHAT: it is back, and has its share.
settled() {
    await_even_share
    line "$1 $2: even shares again, $(seconds_since "$began") after the beginning"
    line "    $(deploy/lib/transfers waited "$home/transfers" "$began")"
}

# Of both banks: BANK ACCOUNT BALANCE.
all_balances() {
    local name
    for name in bank_a bank_b; do
        ask "$name" "select '$name ' || id || ' ' || balance from account order by id"
    done
}

nodes_fail_under_load() {
    local began urls killed=${NODE_NAMES[nodes - 1]} paused=${NODE_NAMES[nodes - 2]} restarted=${NODE_NAMES[0]}
    section "$nodes nodes under load: one killed, one paused past its lease, one restarted in good order"
    await_even_share
    mapfile -t urls < <(node_urls)
    all_balances >"$home/balances.before"
    launch_program transfers deploy/lib/transfers run "$home/transfers" "${urls[@]}"
    hurt "$killed" KILL 'is killed (SIGKILL)'
    start_again "$killed" | indented
    settled "$killed" 'is back'
    hurt "$paused" STOP 'is paused past its lease (SIGSTOP)'
    signal_node "$paused" CONT
    settled "$paused" 'goes on (SIGCONT)'
    hurt "$restarted" TERM 'is stopped (SIGTERM)'
    wait_until "$STOP_SECONDS_MAX" process_gone "$home/$restarted.process" || die "$restarted does not end"
    start_again "$restarted" | indented
    settled "$restarted" 'is back'
    process_stop "$home/transfers.process"
    check_nodes "${urls[@]}"
}

banks_have_nothing_prepared() {
    [ "$(ask postgres "select count(*) from pg_prepared_xacts where database in ('bank_a', 'bank_b')")" = 0 ]
}

# check_nodes URL…
check_nodes() {
    wait_until "$SETTLE_SECONDS_MAX" banks_have_nothing_prepared || die 'something is left prepared at a bank'
    all_balances >"$home/balances.after"
    deploy/lib/transfers check "$home/transfers" "$home/balances.before" "$home/balances.after" "$@" | indented ||
        die 'what clients were told is not what the banks and the nodes say'
    line 'No client was told an error, or two outcomes; each account has what its committed transfers say.'
    printf '\n'
    line '$ trothctl node list'
    "$trothctl" node list | indented
}
