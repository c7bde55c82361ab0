# Starts the kernel in its own process group. Only this process gets SIGINT; it passes it on to the group, so that the
# foreground command ends too, as with Ctrl-C at a terminal.
set -m
"$BASH" --noprofile --norc "${BASH_SOURCE[0]%/*}/loop.sh" &
kernel=$!
trap 'kill -INT -- "-$kernel"' INT
exec 3<&- 4>&-
while :; do
  wait "$kernel"
  code=$?
  # `wait` also returns when a signal arrives.
  kill -0 "$kernel" 2>/dev/null || break
done
case $code in
  # Ended by a signal: end by the same one.
  134 | 137 | 139) ulimit -c 0 && kill "-$((code - 128))" "$$" ;;
esac
exit "$code"
