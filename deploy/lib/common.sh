# shellcheck shell=bash
# common.sh: what the commands of this repository share. Source it after `set -euo pipefail`.
#
#   TROTH_ROOT  the repository
#   TROTH_HOME  what is fetched once and kept between runs (default: <repository>/.troth)
#
# A server's process is known by a file of one line, "PID STARTED SIGNAL": STARTED is the kernel's start time
# of that process, so a number that was given to somebody else since is never signalled; SIGNAL ends it at clean-up.

TROTH_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TROTH_HOME=${TROTH_HOME:-$TROTH_ROOT/.troth}
STOP_SECONDS_MAX=20 # then SIGKILL

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Can clang here link libFuzzer and the sanitizers? Their runtime is a package of its own.
clang_fuzzes() {
    printf 'int LLVMFuzzerTestOneInput(void) { return 0; }\n' |
        clang -x c -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null
}

# The last lines of a log, for somebody who looks for a reason.
show_log() {
    printf -- '--- the last lines of %s\n' "$1" >&2
    tail -n "${2:-25}" "$1" >&2 || true
}

# A loopback port that is free now. Somebody may take it before it is used: start, and try again with another one.
free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_until SECONDS COMMAND…: false when the time is over.
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# When a process started, in clock ticks since boot; nothing and false when it is not there (or a zombie).
process_started() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    read -r -a fields <<<"${stat##*) }" # none when it ended just now
    [ "${fields[0]:-Z}" != Z ] && printf '%s\n' "${fields[19]}"
}

# process_note FILE PID SIGNAL: writes the file that the functions below read.
process_note() {
    local started
    started=$(process_started "$2") || return 1
    printf '%s %s %s\n' "$2" "$started" "$3" >"$1"
}

process_alive() {
    local pid started
    [ -f "$1" ] && read -r pid started _ <"$1" && [ "$(process_started "$pid")" = "$started" ]
}

process_gone() {
    ! process_alive "$1"
}

# process_stop FILE [SIGNAL]: ends it, waits until it is gone, and removes the file. Nothing to do is success.
process_stop() {
    local pid signal
    if process_alive "$1"; then
        read -r pid _ signal <"$1"
        kill -s "${2:-$signal}" "$pid" 2>/dev/null || true
        if ! wait_until "$STOP_SECONDS_MAX" process_gone "$1"; then
            kill -s KILL "$pid" 2>/dev/null || true
            wait_until "$STOP_SECONDS_MAX" process_gone "$1" || die "process $pid does not end"
        fi
    fi
    rm -f "$1"
}

# Stops whatever a folder has process files for.
stop_all_in() {
    local file
    while IFS= read -r -d '' file; do
        process_stop "$file"
    done < <(find "$1" -name '*.process' -print0 2>/dev/null)
}
