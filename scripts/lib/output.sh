# Words for the person who waits. Everything goes to stderr: callers such as
# `npm run demo -- --json` own stdout.
# shellcheck shell=bash

say() { printf 'setup: %s\n' "$*" >&2; }

# stop CODE SENTENCE…: says why and ends. 1 = the work failed, 2 = something is missing or used wrongly.
stop() {
  local code=$1
  shift
  printf 'setup: %s\n' "$@" >&2
  exit "$code"
}

# step TITLE ADVICE COMMAND…: runs a command quietly; when it fails, shows its last lines and what to try.
step() {
  local title=$1 advice=$2 log started=$SECONDS
  shift 2
  log=$(mktemp "${TMPDIR:-/tmp}/drydock-setup.XXXXXX")
  say "$title …"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" | sed 's/^/  | /' >&2
    stop 1 "Cannot finish \"$title\": the command failed (all its output: $log)" "Try: $advice"
  fi
  rm -f "$log"
  say "$title: done in $((SECONDS - started)) s"
}
