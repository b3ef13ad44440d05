#!/usr/bin/env bash
# Makes .venv with exactly the packages of requirements.txt, and the project itself in it.
# Does nothing when that is done already. PYTHON=… chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.venv
stamp=$venv/.installed
log=$venv/install.log
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { printf 'install: %s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14; do
    if recent "$candidate"; then echo "$candidate"; return; fi
  done
  fail "Python 3.11 or newer is needed. Install it, or name it with PYTHON=…"
}

# Debian's Python comes without the module that puts pip into a new environment.
make_environment() {
  local python=$1
  if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$python" -m venv "$venv"
  elif command -v uv >/dev/null; then
    uv venv --quiet --python "$python" "$venv"
  elif command -v virtualenv >/dev/null; then
    virtualenv --quiet --python "$python" "$venv"
  elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing the system package python3-venv"
    { apt-get update -q && apt-get install -y -q python3-venv; } >/dev/null 2>&1 \
      || fail "apt-get could not install python3-venv; install it by hand"
    "$python" -m venv "$venv"
  else
    fail "$python cannot make virtual environments. Install python3-venv, virtualenv or uv."
  fi
}

# Runs an installer with its output in the log, and says now and then how far it is.
install_quietly() {
  local total
  total=$(grep -c '^[A-Za-z0-9]' requirements.txt)
  "$@" >>"$log" 2>&1 &
  local pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    for _ in {1..50}; do sleep 0.1; kill -0 "$pid" 2>/dev/null || break 2; done
    if grep -q '^Installing collected' "$log"; then
      say "… unpacking"
    else
      say "… $(grep -c '^Collecting ' "$log") of at most $total packages fetched"
    fi
  done
  if ! wait "$pid"; then
    tail -n 15 "$log" >&2
    fail "the packages could not be installed; the whole log is in $log"
  fi
}

install_packages() {
  : >"$log"
  if command -v uv >/dev/null; then
    install_quietly uv pip install --python "$venv/bin/python" --require-hashes -r requirements.txt
    install_quietly uv pip install --python "$venv/bin/python" --no-deps --no-build-isolation -e .
  else
    local pip="$venv/bin/python -m pip install --no-input --progress-bar off"
    install_quietly $pip --require-hashes -r requirements.txt
    install_quietly $pip --no-deps --no-build-isolation -e .
  fi
}

wanted="$(cksum <requirements.txt) $(cksum <pyproject.toml) $PWD"
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x "$venv/bin/python" ]; then exit 0; fi

if ! recent "$venv/bin/python"; then
  python=$(find_python)
  say "making $venv with $("$python" --version)"
  rm -rf "$venv"
  make_environment "$python"
fi
say "installing the packages that requirements.txt pins"
began=$SECONDS
install_packages
echo "$wanted" >"$stamp"
say "done in $((SECONDS - began)) s"
