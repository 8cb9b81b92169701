# shellcheck shell=bash
# Bash completion for trothctl. For one shell:   . deploy/completion/trothctl.bash
# For all: install it as /usr/share/bash-completion/completions/trothctl (cmake --install does).
# The lists say what 'trothctl --list-commands' says; a test holds them together.

_trothctl_everywhere="-o --output --url --cacert --cert --cert-key --socket --api-key-file --timeout -h --help"
_trothctl_filters="--in-doubt --parked --mixed -s --state --outcome -d --definition -p --participant --older-than
 --since --until -l --label -k --key -g --gtid"
_trothctl_filters=${_trothctl_filters//$'\n'/}
declare -gA _trothctl_options=(
    ["tx start"]="-i --input --version -w --wait --async --watch -k --key -l --label"
    ["tx show"]="-e --exit-code"
    ["tx watch"]=""
    ["tx list"]="$_trothctl_filters -n --limit"
    ["tx abort"]="-w --wait --async"
    ["tx retry"]=""
    ["tx resolve"]="-b --branch --as -r --reason --by -y --yes --force"
    ["tx forget"]="-r --reason --by -y --yes --force"
    ["tx sql"]="-b --branch"
    ["tx begin"]="--lifetime -l --label"
    ["tx commit"]="-b --branch -w --wait --async"
    ["def apply"]=""
    ["def validate"]=""
    ["def diff"]=""
    ["def list"]=""
    ["def show"]="--version"
    ["def delete"]="--version"
    ["participant add"]="-b --binding -s --slots -t --token-file"
    ["participant list"]=""
    ["participant show"]=""
    ["participant orphans"]="-d --database"
    ["participant remove"]="--force"
    ["key create"]="-s --scope --expires"
    ["key list"]=""
    ["key revoke"]=""
    ["key rotate"]=""
    ["node list"]=""
    ["event list"]=""
    ["event show"]=""
    ["event resend"]=""
    ["event discard"]=""
    ["doctor"]="-j --journal -d --database"
    ["status"]=""
)

# Options that take a word, which is then not a command or operand.
_trothctl_with_value=" -o --output --url --cacert --cert --cert-key --socket --api-key-file --timeout
 -i --input --version -w --wait -k --key
 -l --label -s --state --slots --outcome -d --definition -p --participant --older-than --since --until
 -g --gtid -n --limit
 --lifetime -b --branch --binding --as -r --reason --by --database -j --journal --scope --expires -t --token-file "

# First words of what a list command prints: names and gtids, and nothing that compgen -W, which
# expands its words, could run. Empty when the coordinator does not answer.
_trothctl_names() {
    trothctl --timeout 1s "$@" 2>/dev/null | sed -n -e 1d -e 's/^\([a-z0-9_-]\{1,\}\) .*/\1/p'
}

# File names behind a prefix, as readline shows them.
_trothctl_files() {
    local file=""
    compopt -o filenames 2>/dev/null
    while read -r file; do COMPREPLY+=("$1$file"); done < <(compgen -f -- "${2#"$1"}")
}

_trothctl_words() {
    local words=""
    while read -r words; do COMPREPLY+=("$words"); done < <(compgen -W "$1" -- "$2")
}

# What may stand behind an option, where that is known.
_trothctl_value() {
    case $1 in
    -o | --output) _trothctl_words "table json" "$3" ;;
    -b | --binding) [ "$2" = "participant add" ] && _trothctl_words "http batch" "$3" ;;
    -s | --state)
        [ "$2" = "tx list" ] &&
            _trothctl_words "open preparing deciding committing aborting running compensating parked ended" "$3"
        ;;
    --as) _trothctl_words "committed aborted compensated" "$3" ;;
    --outcome) _trothctl_words "committed aborted compensated mixed" "$3" ;;
    -d | --definition) _trothctl_words "$(_trothctl_names def list)" "$3" ;;
    -p | --participant) _trothctl_words "$(_trothctl_names participant list)" "$3" ;;
    -i | --input)
        [[ $3 == @* ]] && _trothctl_files @ "$3"
        ;;
    esac
    return 0
}

_trothctl_operand() {
    case $1 in
    "tx start" | "def show" | "def delete") _trothctl_words "$(_trothctl_names def list)" "$2" ;;
    "participant show" | "participant remove")
        _trothctl_words "$(_trothctl_names participant list)" "$2"
        ;;
    "tx show" | "tx watch" | "tx abort" | "tx commit")
        _trothctl_words "$(_trothctl_names tx list)" "$2"
        ;;
    "key revoke" | "key rotate") _trothctl_words "$(_trothctl_names key list)" "$2" ;;
    "event show" | "event resend" | "event discard")
        _trothctl_words "$(_trothctl_names event list)" "$2"
        ;;
    "tx retry") _trothctl_words "$(_trothctl_names tx list --state parked)" "$2" ;;
    "def apply" | "def validate") _trothctl_files "" "$2" ;;
    "def diff") # NAME V1 V2 or FILE
        _trothctl_words "$(_trothctl_names def list)" "$2"
        _trothctl_files "" "$2"
        ;;
    esac
}

_trothctl() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local words=() word="" skip="" command="" next="" name=""
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [ -n "$skip" ]; then
            skip=""
        elif [[ $word == -* ]]; then
            [[ $_trothctl_with_value =~ [[:space:]]"$word"[[:space:]] ]] && skip=1
        else
            words+=("$word")
        fi
    done
    command="${words[*]:0:2}"
    [ -n "${words[0]:-}" ] && [ -n "${_trothctl_options[${words[0]}]+set}" ] && command=${words[0]}
    if [ -n "$skip" ]; then
        _trothctl_value "$before" "$command" "$current"
    elif [[ $current == -* ]]; then
        local own=""
        [ -n "$command" ] && own=${_trothctl_options[$command]:-}
        [ ${#words[@]} -eq 0 ] && own="--version --list-commands"
        _trothctl_words "$_trothctl_everywhere $own" "$current"
    elif [ -n "$command" ] && [ -n "${_trothctl_options[$command]+set}" ]; then
        _trothctl_operand "$command" "$current"
    else
        for name in "${!_trothctl_options[@]}"; do # the second word of a group, or first words
            case $name in
            "$command "*) next+=" ${name#"$command "}" ;;
            *) [ -z "$command" ] && next+=" ${name%% *}" ;;
            esac
        done
        _trothctl_words "$(tr ' ' '\n' <<<"$next" | sort -u)" "$current"
    fi
}

complete -F _trothctl trothctl
