#!/usr/bin/env bash
# A PostgreSQL server with pgvector for the tests, on a free port of this computer alone. It needs Node and npm, and no installation.
#   eng/pgvector.sh start [FOLDER]   installs the server into FOLDER if it is not there, starts it, waits, prints the connection string
#   eng/pgvector.sh stop [FOLDER]    stops it; what is installed stays
# FOLDER is by default a folder of the user in the temporary folder. The data live in memory and end with the server.
# The server runs one statement or transaction at a time, whatever the number of connections.
set -euo pipefail
packages=(@electric-sql/pglite@0.5.14 @electric-sql/pglite-pgvector@0.0.15 @electric-sql/pglite-socket@0.2.17)
folder=${2:-${TMPDIR:-/tmp}/metriclearning-pgvector-$(id -u)}

stop() {
  [ -f "$folder/pid" ] || return 0
  local pid
  pid=$(cat "$folder/pid")
  # Only our own server is ended: a number may meanwhile belong to another process.
  if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$folder/server.mjs"; then kill "$pid"; fi
  rm -f "$folder/pid" "$folder/port"
}

start() {
  command -v npm >/dev/null || { echo "eng/pgvector.sh: there is no npm on this computer." >&2; exit 3; }
  mkdir -p "$folder"
  stop
  if [ "$(cat "$folder/installed" 2>/dev/null)" != "${packages[*]}" ]; then
    npm install --prefix "$folder" --no-audit --no-fund --no-progress "${packages[@]}" >"$folder/npm.log" 2>&1 ||
      { echo "eng/pgvector.sh: npm could not install the server:" >&2; tail -n 5 "$folder/npm.log" >&2; exit 4; }
    echo "${packages[*]}" >"$folder/installed"
  fi
  cat >"$folder/server.mjs" <<'JS'
import { writeFileSync, renameSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { PGLiteSocketHandler, PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create({ extensions: { vector } })
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 100 })

// A client that cancels a command waits until the server closes the connection of the request. Meanwhile its transaction would block all others.
const cancel = PGLiteSocketHandler.prototype.handleCancelRequest
PGLiteSocketHandler.prototype.handleCancelRequest = function () {
  const found = cancel.call(this)
  if (found) this.socket?.end()
  return found
}

// The database has one session for all connections. So the messages of one connection, up to its Sync and to the end of its transaction,
// are run before those of another.
const queue = server.queryQueue
const run = queue.enqueue.bind(queue)
const rollBack = queue.clearTransactionIfNeeded.bind(queue)
let owner = null
let waiting = []
const closed = new Set()
const endings = new Set([0, ...'QSpX'].map(kind => typeof kind === 'string' ? kind.charCodeAt(0) : kind))
const passOn = () => {
  owner = waiting.length > 0 ? waiting[0].id : null
  const next = waiting.filter(one => one.id === owner)
  waiting = waiting.filter(one => one.id !== owner)
  for (const one of next) one.go()
}
queue.enqueue = async (id, message, onData) => {
  if (closed.has(id)) return 0
  owner ??= id
  if (owner !== id) await new Promise(go => waiting.push({ id, go }))
  const written = await run(id, message, onData)
  if (owner === id && endings.has(message[0]) && !db.isInTransaction()) passOn()
  return written
}
queue.clearTransactionIfNeeded = async id => {
  closed.add(id)
  waiting = waiting.filter(one => one.id !== id)
  await rollBack(id)
  if (owner !== id) return
  await run(id, new Uint8Array([0x53, 0, 0, 0, 4]), () => {})
  // Its last message may have passed the turn on meanwhile. The turn of the next connection must not be taken from it.
  if (owner === id) passOn()
}

await server.start()
writeFileSync('port.new', server.getServerConn().split(':').at(-1))
renameSync('port.new', 'port')
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0))
JS
  (cd "$folder" && exec setsid node "$folder/server.mjs" >"$folder/server.log" 2>&1 </dev/null & echo $! >"$folder/pid")
  for _ in $(seq 600); do
    if [ -s "$folder/port" ]; then
      echo "Host=127.0.0.1;Timeout=60;Port=$(cat "$folder/port");Username=postgres;Password=postgres;Database=postgres;SSL Mode=Disable"
      return 0
    fi
    kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
    sleep 0.1
  done
  echo "eng/pgvector.sh: the server did not start:" >&2
  tail -n 5 "$folder/server.log" >&2
  stop
  exit 5
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
