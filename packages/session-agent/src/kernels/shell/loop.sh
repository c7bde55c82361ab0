# Runs the steps of a session. All names begin with __caisson, because the code shares the shell with the kernel.

# Above the descriptors that code usually opens: frames come from 249 and go to 250. The copies of standard output and error
# are for the markers, because the code may redirect its own.
exec 249<&3 3<&- 250>&4 4>&- 251>&1 252>&2

# Runs the code in this shell, with the channel closed: neither the code nor what it starts can send frames.
__caisson_run() {
  builtin eval "$1"
} 249<&- 250>&- 251>&- 252>&-

# After an interrupt no further command of the code runs: 2 makes bash return from the current function.
__caisson_skip() {
  case ${FUNCNAME[1]-} in
    __caisson_step | __caisson_loop | '') builtin return 0 ;;
  esac
  builtin return 2
}

__caisson_on_interrupt() {
  case " ${FUNCNAME[*]} " in
    *' __caisson_run '*)
      __caisson_interrupted=1
      shopt -s extdebug
      trap __caisson_skip DEBUG
      ;;
  esac
}

# Splits the frame at its quotes: no string contains one. Options and IFS are set for this function only.
__caisson_split() {
  local -
  set -f +u
  local IFS='"'
  __caisson_fields=($1)
}

# Decodes the escapes of JSON; bash knows all of them.
__caisson_decode() {
  __caisson_text=${1@E}
}

# Fields: 3 type, 7 nonce, 11 code, 15 stdin, 19 event, …, 39 how many of the texts that follow are of variables to keep, from
# 43 on names and values of the environment in turn; there are two fields to each text.
__caisson_step() {
  local -a __caisson_fields __caisson_saved=()
  local __caisson_text __caisson_nonce __caisson_code __caisson_name __caisson_at __caisson_restored __caisson_interrupted=''
  __caisson_split "$1"
  __caisson_nonce=${__caisson_fields[7]}
  __caisson_decode "${__caisson_fields[11]}"
  __caisson_code=$__caisson_text
  __caisson_decode "${__caisson_fields[15]}"
  if [[ -n $__caisson_text ]]; then exec 0< <(builtin printf %s "$__caisson_text" 249<&- 250>&- 251>&- 252>&-); fi
  __caisson_decode "${__caisson_fields[19]}"
  export CAISSON_EVENT=$__caisson_text
  __caisson_restored=$((43 + 2 * __caisson_fields[39]))
  for ((__caisson_at = 43; __caisson_at + 2 < ${#__caisson_fields[@]}; __caisson_at += 4)); do
    __caisson_name=${__caisson_fields[__caisson_at]}
    # Unset and empty are different.
    if ((__caisson_at >= __caisson_restored)); then
      __caisson_saved+=("$__caisson_name" "${!__caisson_name+set}" "${!__caisson_name-}")
    fi
    __caisson_decode "${__caisson_fields[__caisson_at + 2]}"
    export "$__caisson_name=$__caisson_text"
  done
  trap __caisson_on_interrupt INT
  __caisson_run "$__caisson_code"
  __caisson_status=$?
  if [[ -n $__caisson_interrupted ]]; then
    trap - DEBUG
    shopt -u extdebug
    __caisson_status=130
  fi
  exec 0</dev/null
  for ((__caisson_at = 0; __caisson_at < ${#__caisson_saved[@]}; __caisson_at += 3)); do
    if [[ -n ${__caisson_saved[__caisson_at + 1]} ]]; then
      export "${__caisson_saved[__caisson_at]}=${__caisson_saved[__caisson_at + 2]}"
    else
      unset -v "${__caisson_saved[__caisson_at]}"
    fi
  done
  builtin printf '\0%s\n' "$__caisson_nonce" >&251
  builtin printf '\0%s\n' "$__caisson_nonce" >&252
  builtin printf '{"type":"done","exit_code":%d}\n' "$__caisson_status" >&250
}

__caisson_loop() {
  local __caisson_frame
  builtin printf '{"type":"ready"}\n' >&250
  while IFS= builtin read -r -u 249 __caisson_frame; do
    __caisson_step "$__caisson_frame"
  done
}

trap __caisson_on_interrupt INT
shopt -s expand_aliases
__caisson_loop
