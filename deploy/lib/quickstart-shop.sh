# shellcheck shell=bash
# quickstart-shop.sh: the part of deploy/quickstart that has to do with the example shop: its participants, a saga that
# completes, one that compensates, and a checkout that falls back to a saga. deploy/quickstart sources it; the
# functions and variables that it uses (section, ask, launch_program, trothctl …) are there.
# shellcheck disable=SC2154

SHOP=(inventory payments shipping mail accounts analytics billing notifications)
SHOP_SLOTS=4
SAGA_SECONDS_MAX=30
TENANT=tenant_1 CUSTOMER=7 SKU=sku_1

# --- its participants -------------------------------------------------------------------------------------------------

# launch_shop NAME PORT: one participant, a process of its own over a database of its own.
launch_shop() {
    launch_program "$1" "$shop" --listen "127.0.0.1:$2" --only "$1" --database "$(database "$1")" \
        --coordinator "$TROTH_URL" --slots "$SHOP_SLOTS" --create --accounts 100 --balance "$BALANCE"
}

start_shop() {
    local name
    for name in "${SHOP[@]}"; do
        launch_shop "$name" 0
    done
    for name in "${SHOP[@]}"; do
        await_program "$name"
        register "$name"
        line "$(printf '%-13s' "$name") http://$address/  process $(cut -d' ' -f1 "$home/$name.process")"
    done
    for name in upgrade_subscription order_checkout; do
        quietly "$home/$name.definition.log" "$trothctl" def apply "$definitions/$name.json"
        line "definition    $name, from $definitions/$name.json"
    done
}

# --- what its databases say -------------------------------------------------------------------------------------------

# PARTICIPANT|WHAT|QUERY, a line of the table each.
upgrade_figures=(
    "accounts|seats left|select free from seat_pool where tenant = '$TENANT'"
    "analytics|searches allowed|select searches from quota where tenant = '$TENANT'"
    "billing|credit left|select balance from credit where tenant = '$TENANT'"
    "notifications|notices sent|select count(*) from notification where undone = 0"
)
checkout_figures=(
    "inventory|$SKU in stock|select quantity from stock where sku = '$SKU'"
    "payments|money in account $CUSTOMER|select balance from account where id = $CUSTOMER"
    "shipping|parcels booked|select count(*) from parcel where undone = 0"
    "mail|mails sent|select count(*) from mail where undone = 0"
)

# read_figures FIGURE…: a number a line.
read_figures() {
    local figure name query
    for figure in "$@"; do
        IFS='|' read -r name _ query <<<"$figure"
        ask "$name" "$query"
    done
}

# DONE/UNDONE: how often the transaction `gtid` did something at a participant, and how often that was undone.
effects_at() {
    ask "$1" "select count(*) || '/' || coalesce(sum(undone), 0) from effect
        where gtid = '$gtid' and participant = '$1'"
}

# check_figures EXPECTED…: a table of the numbers in `figures` before, meanwhile (if there are any) and now. Each line
# is held against its EXPECTED, "CHANGE DONE/UNDONE".
check_figures() {
    local now i name what change expected effects right=1
    mapfile -t now < <(read_figures "${figures[@]}")
    printf '\n  %-14s %-20s %8s' PARTICIPANT 'ITS DATABASE SAYS' BEFORE
    [ ${#meanwhile[@]} = 0 ] || printf ' %10s' MEANWHILE
    printf ' %8s   %s\n' AFTER 'DONE/UNDONE'
    for ((i = 0; i < ${#figures[@]}; i++)); do
        IFS='|' read -r name what _ <<<"${figures[i]}"
        effects=$(effects_at "$name")
        printf '  %-14s %-20s %8s' "$name" "$what" "${before[i]}"
        [ ${#meanwhile[@]} = 0 ] || printf ' %10s' "${meanwhile[i]}"
        printf ' %8s   %s\n' "${now[i]}" "$effects"
        read -r change expected <<<"$1"
        shift
        [ "${now[i]}" = "$((before[i] + change))" ] && [ "$effects" = "$expected" ] || right=
    done
    [ -n "$right" ] || die 'these are not the numbers that must come'
}

# --- sagas ------------------------------------------------------------------------------------------------------------

# upgrade PRICE OUTCOME EXPECTED…
upgrade() {
    local figures=("${upgrade_figures[@]}") before meanwhile=()
    mapfile -t before < <(read_figures "${figures[@]}")
    start_transaction upgrade_subscription \
        "{\"tenant\": \"$TENANT\", \"plan\": \"team\", \"seats\": 3, \"price\": $1}" "$2"
    shift 2
    show_transaction
    check_figures "$@"
    show_event troth.outcomes short
}

saga_completes() {
    section 'A saga that completes: a plan upgrade'
    upgrade 100 committed '-3 1/0' '+100 1/0' '-100 1/0' '+1 1/0'
}

saga_compensates() {
    section "A saga that compensates: a plan upgrade for $TOO_MUCH, which the tenant does not have"
    upgrade "$TOO_MUCH" compensated '+0 1/1' '+0 1/1' '+0 0/0' '+0 0/0'
}

# --- the checkout that falls back -------------------------------------------------------------------------------------

lock_is_held() {
    [ "$(ask payments "select count(*) from pg_stat_activity
        where application_name = 'quickstart_lock' and state = 'idle in transaction'")" = 1 ]
}

payments_waits() {
    [ "$(ask payments "select count(*) from pg_stat_activity
        where datname = 'payments' and wait_event_type = 'Lock'")" != 0 ]
}

# Another session takes the customer's account, so that a prepare at payments has to wait for it. Until let_go.
hold_account() {
    exec {lock}> >(PGAPPNAME=quickstart_lock psql -X -q -d "$(database payments)" >"$home/lock.log" 2>&1 9>&-)
    printf 'begin; select from account where id = %s for update;\n' "$CUSTOMER" >&"$lock"
    wait_until "$READY_SECONDS_MAX" lock_is_held || { show_log "$home/lock.log"; die 'the account cannot be locked'; }
}

let_go() {
    exec {lock}>&-
}

fell_back() {
    [ "$("$trothctl" tx show "$gtid" -o json | field_of attempt)" = 2 ]
}

stock_is_taken() {
    [ "$(read_figures "${checkout_figures[0]}")" != "${before[0]}" ]
}

payments_prepared() {
    ask payments "select count(*) from pg_prepared_xacts where database = 'payments'"
}

# stop_while_it_prepares: sets `port`, where payments comes back.
stop_while_it_prepares() {
    local when='while it prepares'
    wait_until "$SAGA_SECONDS_MAX" payments_waits || die 'payments never came to prepare'
    line 'Payments prepares: it waits for the account, which another session holds.'
    port=$(ready_address payments)
    port=${port##*:}
    ! fell_back || when='late, when its prepare has timed out already'
    process_stop "$home/payments.process" KILL
    line "Payments is killed (SIGKILL) $when."
    wait_until "$SAGA_SECONDS_MAX" fell_back || die "$gtid did not fall back"
    let_go
    line "$("$trothctl" tx show "$gtid" -o json | /usr/bin/python3 -c '
import json, sys
fallback = json.load(sys.stdin)["fallback"]
print("Attempt %(attempt)s is over: %(cause)s at %(participant)s. Attempt 2 began, as a saga." % fallback)')"
}

come_back() {
    launch_shop payments "$port"
    await_program payments
    line "Payments is back at http://$address/"
}

checkout_falls_back() {
    local input outcome figures=("${checkout_figures[@]}") before meanwhile lock port
    section 'A checkout that falls back: payments is stopped during prepare, and comes back in the middle of the saga'
    mapfile -t before < <(read_figures "${figures[@]}")
    input="{\"order_id\": \"order-1\", \"sku\": \"$SKU\", \"quantity\": 2, \"account\": $CUSTOMER, \"amount\": $AMOUNT,"
    input+=' "email": "a@example.org"}'
    hold_account
    printf "  $ trothctl tx start order_checkout --async --input \\\\\n      '%s'\n" "$input"
    gtid=$("$trothctl" tx start order_checkout --async --input "$input" -o json | field_of gtid)
    line "begun: $gtid"
    stop_while_it_prepares
    wait_until "$SAGA_SECONDS_MAX" stock_is_taken || die 'the saga does not reserve anything'
    mapfile -t meanwhile < <(read_figures "${figures[@]}")
    line 'The saga has reserved the stock. It tries the charge again until payments answers.'
    come_back
    wait_until "$SAGA_SECONDS_MAX" has_ended "$gtid" || die "$gtid does not end"
    outcome=$("$trothctl" tx show "$gtid" -o json | field_of outcome)
    line "$outcome: $gtid"
    [ "$outcome" = committed ] || die 'this should have ended as committed'
    show_transaction
    check_figures '-2 1/0' "-$AMOUNT 1/0" '+1 1/0' '+1 1/0'
    [ "$(payments_prepared)" = 0 ] || die 'a prepared transaction is left at payments'
    line 'Nothing is left prepared at payments.'
    show_event orders.outcomes short
}
