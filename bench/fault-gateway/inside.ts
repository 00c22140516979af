// Runs in a sandbox, and imports nothing of the project: asks the allowed server all the time, and tries all ways out.
import { Resolver } from 'node:dns/promises'
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export type InsideInput = {
  label: string
  gateway: string
  allowed: { name: string; http: number; https: number }
  denied: { name: string; address: string; port: number }
  /** Addresses that must not answer, each on these ports. */
  foreign: { addresses: readonly string[]; ports: readonly number[] }
  resolvers: readonly string[]
  pauseMs: number
}

const ATTEMPT_MS = 500
const RETRY_MS = 100
const WAY_PAUSE_MS = 40

const input = JSON.parse(process.argv[2] ?? '') as InsideInput
const say = (...words: readonly (string | number)[]) => process.stdout.write(`${words.join(' ')}\n`)
let count = 0
const path = (what: string) => `/${what}/${input.label}/${process.hrtime.bigint().toString(36)}-${count++}`

type Asked = { status: number; text: string }

function ask(options: RequestOptions, secure = false): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)(
      { ...options, signal: AbortSignal.timeout(ATTEMPT_MS) },
      (response) => {
        let text = ''
        response.setEncoding('latin1').on('data', (part: string) => (text += part))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end()
  })
}

const proxy = { host: input.gateway, port: 3128 }
const kept = new HttpAgent({ keepAlive: true, maxSockets: 1 })

/** Through the explicit proxy, on a kept connection or on a new one. */
function plain(target: string): Promise<Asked> {
  const agent = count % 3 === 0 ? false : kept
  return ask({ ...proxy, agent, path: target, headers: { host: new URL(target).host } })
}

/** Through CONNECT and inspected TLS. */
async function tunnelled(authority: string, at: string): Promise<Asked> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const request = httpRequest({
      ...proxy,
      method: 'CONNECT',
      path: authority,
      agent: false,
      signal: AbortSignal.timeout(ATTEMPT_MS),
    })
    request.on('connect', (response, opened) => {
      if (response.statusCode === 200) resolve(opened)
      else reject(new Error(`CONNECT ${response.statusCode}`))
    })
    request.on('error', reject)
    request.end()
  })
  const [servername = '', port] = authority.split(':')
  try {
    const options = {
      createConnection: undefined,
      socket,
      servername,
      host: servername,
      port,
      path: at,
      agent: false,
    } as const
    return await ask(options, true)
  } finally {
    socket.destroy()
  }
}

async function hammer(once: () => Promise<Asked>): Promise<never> {
  for (;;) {
    const began = Date.now()
    try {
      const { status, text } = await once()
      say(status === 200 && text === 'seen' ? 'ok' : 'bad', began, Date.now(), status)
      await delay(input.pauseMs * (0.5 + Math.random()))
    } catch (error) {
      say('bad', began, Date.now(), (error as NodeJS.ErrnoException).code ?? (error as Error).name)
      await delay(RETRY_MS)
    }
  }
}

type Way = { name: string; leadsOut: () => Promise<boolean> }

const succeeds = (asked: Promise<Asked>) =>
  asked.then(
    ({ status, text }) => status < 400 || text === 'seen',
    () => false,
  )

function dials(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 300 })
    const end = (answer: boolean) => () => {
      resolve(answer)
      socket.destroy()
    }
    socket.on('connect', end(true)).on('error', end(false)).on('timeout', end(false))
  })
}

/** An outside resolver that says anything at all was reached; the engine's own may say no. */
async function resolves(server: string, isEngines: boolean): Promise<boolean> {
  const resolver = new Resolver({ timeout: 300, tries: 1 })
  resolver.setServers([server])
  try {
    await resolver.resolve4(isEngines ? `x${count++}.outside.test` : 'example.com')
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    return !isEngines && (code === 'ENOTFOUND' || code === 'ENODATA' || code === 'ESERVFAIL' || code === 'EREFUSED')
  }
}

const { denied, allowed } = input
const WAYS: readonly Way[] = [
  { name: 'denied host', leadsOut: () => succeeds(plain(`http://${denied.name}:${denied.port}${path('way')}`)) },
  { name: 'address literal', leadsOut: () => succeeds(plain(`http://${denied.address}:${denied.port}${path('way')}`)) },
  {
    name: 'allowed name, other port',
    leadsOut: () => succeeds(plain(`http://${allowed.name}:${denied.port}${path('way')}`)),
  },
  {
    name: 'CONNECT to a denied host',
    leadsOut: () => succeeds(tunnelled(`${denied.name}:${denied.port}`, path('way'))),
  },
  {
    name: 'CONNECT to an address',
    leadsOut: () => succeeds(tunnelled(`${denied.address}:${denied.port}`, path('way'))),
  },
  {
    name: 'another host inside',
    leadsOut: () =>
      succeeds(
        ask({
          ...proxy,
          agent: false,
          path: `http://${allowed.name}:${allowed.http}${path('way')}`,
          headers: { host: denied.name },
        }),
      ),
  },
  { name: 'DNS of the engine', leadsOut: () => resolves('127.0.0.11', true) },
  ...input.resolvers.map((server) => ({ name: `DNS of ${server}`, leadsOut: () => resolves(server, false) })),
  ...input.foreign.addresses.flatMap((address) =>
    input.foreign.ports.map((port) => ({ name: `${address}:${port}`, leadsOut: () => dials(address, port) })),
  ),
]

async function tryWays(): Promise<never> {
  let tried = 0
  for (;;) {
    for (const { name, leadsOut } of WAYS) {
      if (await leadsOut()) say('out', name.replaceAll(' ', '-'), Date.now())
      if (++tried % 50 === 0) say('tried', tried)
      await delay(WAY_PAUSE_MS)
    }
  }
}

await Promise.all([
  hammer(() => plain(`http://${allowed.name}:${allowed.http}${path('plain')}`)),
  hammer(() => tunnelled(`${allowed.name}:${allowed.https}`, path('tls'))),
  tryWays(),
])
