import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { compilePolicy } from '../compile.ts'
import { LOCAL_ID, MODEL_SOCKET, type GatewaySettings } from '../control.ts'
import type { GatewayConfig } from './config.ts'
import { checkSettings } from './check-settings.ts'
import { createControlServer, type ControlDeps } from './control/server.ts'
import { assertUnused, listenOnSocket } from './control/socket.ts'
import { Refused } from './control/refused.ts'
import { startDataPlane, type DataPlane } from './data-plane.ts'
import { LocalPeople } from './local/people.ts'
import { createLocalServer } from './local/server.ts'
import { Spool } from './ledger/spool.ts'
import { Sessions } from './sessions.ts'
import { openLeafAuthority, type LeafAuthority } from './tls/leaves.ts'

/** One line of the log. Never a secret, a head or a body. */
export type Log = (message: string, fields?: Readonly<Record<string, string | number>>) => void

/** What runner and gateway agree on; grows when the protocol of control.ts changes. */
const VERSION = '1'

/** Leases are looked at this often; `find` looks by itself. */
const EXPIRE_MS = 250

/** Who reaches the folder may use it: an api in a container of its own is no user of the gateway's. */
const LOCAL_SOCKET_MODE = 0o666

/** Until the runner sends its own; no sandbox is taken before. */
const NO_SETTINGS: GatewaySettings = {
  forbidden: [],
  hostAddresses: [],
  staticHosts: {},
  upstreamCas: [],
  redactQueries: false,
}

/** Starts a gateway: it hears runner and sandboxes when this resolves. Disposing it completes all records. */
export async function startGateway(config: GatewayConfig, log: Log): Promise<AsyncDisposable> {
  const socket = join(config.controlFolder, 'control.sock')
  await assertUnused(socket)
  mkdirSync(config.stateFolder, { recursive: true, mode: 0o700 })
  let settings = NO_SETTINGS
  const authority = await openLeafAuthority(config.stateFolder)
  const spool = new Spool({ ...config.spool, folder: join(config.stateFolder, 'spool'), onState: logState(log) })
  const sessionDeps = {
    spool,
    settings: () => settings,
    clock: () => performance.now(),
    log: (message: string, sandbox: string) => log(message, { sandbox }),
  }
  const people = new LocalPeople(sessionDeps)
  const sessions = new Sessions({
    ...sessionDeps,
    compile: (policy) => {
      // What the settings forbid must be forbidden from the first connection on.
      if (settings === NO_SETTINGS) throw settingsMissing('a sandbox')
      return compilePolicy(policy)
    },
    onChange: () => void ports.sync(),
  })
  const expire = () => {
    sessions.expire()
    people.expire()
  }
  const expiry = setInterval(expire, EXPIRE_MS)
  const dataPlane = await startDataPlane({ config, sessions, authority, settings: () => settings })
  const ports = portsOf(dataPlane, log)
  const control = createControlServer({
    version: VERSION,
    boot: randomUUID(),
    sessions: {
      count: () => sessions.size,
      put: async (sandbox) => {
        sessions.put(sandbox)
        await ports.ready()
      },
      remove: (id) => sessions.remove(id),
      renew: ({ ids, leaseMs }) => {
        const isLocal = ids.includes(LOCAL_ID)
        const unknown = sessions.renew({ ids: ids.filter((id) => id !== LOCAL_ID), leaseMs })
        const isKnown = !isLocal || people.renew(performance.now() + leaseMs)
        return isKnown ? unknown : [...unknown, LOCAL_ID]
      },
    },
    putLocal: (access) => {
      if (settings === NO_SETTINGS) throw settingsMissing('local access')
      people.put(access)
    },
    spool,
    ...authorityRoutes(authority),
    usageOf: (id) => dataPlane.usageOf(id),
    applySettings: async (given) => {
      checkSettings(given)
      settings = given
    },
    log,
  })
  const local = createLocalServer({ people, model: dataPlane.model, log })
  await listenOnSocket(local, join(config.localFolder, MODEL_SOCKET), LOCAL_SOCKET_MODE)
  await listenOnSocket(control, socket, config.socketMode)
  log('listening', { lastPosition: spool.lastPosition })
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(expiry)
      await Promise.all([dataPlane[Symbol.asyncDispose](), sessions.removeAll(), people.removeAll()])
      await spool[Symbol.asyncDispose]()
      for (const server of [local, control]) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

const settingsMissing = (what: string) => new Refused(409, 'settings-missing', `Cannot take ${what}: no settings yet`)

/** Ports of `tcp` rules follow the sessions. One that cannot be opened lets nothing pass, and holds nothing else up. */
function portsOf(dataPlane: DataPlane, log: Log): { sync: () => void; ready: () => Promise<void> } {
  let ready = Promise.resolve()
  return {
    sync: () => {
      ready = dataPlane.sync().catch((error: unknown) => {
        log('a port of a tcp rule cannot be opened', { code: (error as NodeJS.ErrnoException).code ?? 'unknown' })
      })
    },
    ready: () => ready,
  }
}

function authorityRoutes(authority: LeafAuthority): Pick<ControlDeps, 'authorities' | 'rotateAuthority'> {
  const steps = {
    prepare: () => authority.rotate(),
    activate: () => authority.activate(),
    drop: () => authority.dropOld(),
  }
  return {
    authorities: () => {
      const { caPem, nextCaPem } = authority
      return nextCaPem === undefined ? { caPem } : { caPem, nextCaPem }
    },
    rotateAuthority: (step) => steps[step](),
  }
}

const logState = (log: Log) => (fault: string | undefined) => {
  if (fault === undefined) log('the ledger is written again')
  else log('the ledger cannot be written: nothing passes', { fault })
}
