# shellcheck shell=bash
# quickstart-file.sh: the part of deploy/quickstart that has to do with participants without code: two processes of
# troth-postgres, a file of SQL each. deploy/quickstart sources it; the functions and variables that it uses are there.
# shellcheck disable=SC2154

FROM_FILES=(stock money)
no_code=participant-sdk/examples/no_code

start_from_files() {
    local name
    for name in "${FROM_FILES[@]}"; do
        quietly "$home/$name.tables.log" psql -X -q -v ON_ERROR_STOP=1 -d "$(database "$name")" -f "$no_code/$name.sql"
        quietly "$home/$name.migrate.log" "$troth_postgres" --migrate --database "$(database "$name")"
        quietly "$home/$name.check.log" "$troth_postgres" --check --database "$(database "$name")" "$no_code/$name.json"
        launch_program "$name" "$troth_postgres" --listen 127.0.0.1:0 --database "$(database "$name")" \
            --coordinator "$TROTH_URL" --token_file "$(make_token "$name")" "$TROTH_ROOT/$no_code/$name.json"
        await_program "$name"
        register "$name" --token-file "$name.token"
        line "$(printf '%-13s' "$name") http://$address/  troth-postgres with $no_code/$name.json"
    done
    for name in purchase preorder; do
        quietly "$home/$name.definition.log" "$trothctl" def apply "$definitions/$name.json"
        line "definition    $name, from $definitions/$name.json"
    done
}

show_purchases() {
    line "apples at stock: $(ask stock "select pieces from stock where item = 'apple'")"
    line "ann's and bob's money: $(ask money "select string_agg(balance::text, ', ' order by owner) from account")"
}

# buy DEFINITION OWNER AMOUNT OUTCOME
buy() {
    start_transaction "$1" "{\"item\": \"apple\", \"pieces\": 2, \"owner\": \"$2\", \"amount\": $3}" "$4"
    show_purchases
}

# The last two change nothing: one aborts, and of the other the apples come back.
purchase_without_code() {
    local apples
    section 'Purchases at participants without code: a file of SQL for the stock, one for the money'
    show_purchases
    buy purchase ann 3.98 committed
    apples=$(ask stock "select pieces from stock where item = 'apple'")
    buy purchase bob 700 aborted
    buy preorder bob 700 compensated
    [ "$(ask stock "select pieces from stock where item = 'apple'")" = "$apples" ] || die 'the apples are not all back'
    show_transaction
}
