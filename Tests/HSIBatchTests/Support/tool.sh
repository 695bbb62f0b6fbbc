#!/bin/bash
while [ "$1" != -- ]; do
  case "$1" in
    --wait=*) wait="${1#*=}" ;; --text=*) text="${1#*=}" ;; --report=*) report="${1#*=}" ;;
    --overwrite) overwrite=1 ;;
  esac
  args="$args $1"; shift
done
shift
out="${@: -1}"; set -- "${@:1:$#-1}"
n=$(grep -c "^$out " calls 2>/dev/null); n=$((n + 1))
echo "$out $n$args" >> calls
if [ -z "$overwrite" ] && [ -e "$out" ]; then echo "hsi: error: $out exists already" >&2; exit 4; fi
if [ -n "$wait" ]; then sleep "$wait"; fi
if grep -q broken "$@"; then echo "hsi: error: $1 is broken" >&2; exit 3; fi
if grep -q once "$@" && [ $n = 1 ]; then echo "hsi: error: not yet" >&2; exit 1; fi
if grep -q killed "$@" && [ $n = 1 ]; then
  part="$(dirname "$out")/.$(basename "$out").$(hostname -s).$$.a1.part"; mkdir "$part"; echo half > "$part/$(basename "$out")"
  kill -9 $$
fi
if grep -q silent "$@"; then exit 0; fi
[ -n "$report" ] && echo report > "$report"
{ cat "$@"; echo "$text"; } > "$out.$$" && mv "$out.$$" "$out"
