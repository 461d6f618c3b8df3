# What attacks in shell are written with: the same lines as attack.h.
say_done() { echo "done $1"; }
say_stopped() { echo "stopped $1 $2"; }
control() { if "$@" >/dev/null 2>&1; then echo "control $1 ok"; else echo "control $1 failed"; fi; }
# attempt NAME COMMAND...: it must not succeed.
attempt() {
  attempt_name=$1
  shift
  if "$@" >/dev/null 2>&1; then say_done "$attempt_name"; else say_stopped "$attempt_name" "exit-$?"; fi
}
