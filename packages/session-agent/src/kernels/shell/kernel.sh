# Starts the kernel in a process group of its own. Only this process hears SIGINT; it passes it on to the group, so
# that the command in the foreground ends too, as with Ctrl-C at a terminal.
set -m
"$BASH" --noprofile --norc "${BASH_SOURCE[0]%/*}/loop.sh" &
kernel=$!
trap 'kill -INT -- "-$kernel"' INT
exec 3<&- 4>&-
while :; do
  wait "$kernel"
  code=$?
  # `wait` also returns when a signal has come.
  kill -0 "$kernel" 2>/dev/null || break
done
case $code in
  # Ended by a signal: so that whoever watches sees which.
  134 | 137 | 139) ulimit -c 0 && kill "-$((code - 128))" "$$" ;;
esac
exit "$code"
