import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import {
  DEFAULT_SANDBOX_LIMITS,
  type GatewaySettings,
  type SandboxConfig,
  type SpooledRecord,
} from '../../../../sandbox-policy/control.ts'
import { Policy } from '../../../../sandbox-policy/policy.ts'

/** The gateway as the image has it: compiled, beside its packages. */
export async function compileGateway(): Promise<{ folder: string; remove: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-gateway-'))
  const compiler = resolve('node_modules/typescript/bin/tsc')
  const project = resolve('images/gateway/tsconfig.json')
  await promisify(execFile)(process.execPath, [compiler, '--project', project, '--outDir', folder])
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Loopback addresses in place of a sandbox's network. */
export const GATEWAY = '127.0.0.6'

export const sandboxAddress = (index: number) => `127.0.1.${index + 2}`

export const configOf = (index: number, policy: unknown = { allow: [{ host: 'allowed.test' }] }): SandboxConfig => ({
  id: `s${index}`,
  attempt: null,
  phase: 'agent',
  gatewayAddress: GATEWAY,
  sandboxAddress: sandboxAddress(index),
  policyVersion: 1,
  policy: { policy: Policy.parse(policy) },
  credentials: {},
  repositories: [],
  limits: DEFAULT_SANDBOX_LIMITS,
  seqAfter: 0,
})

/** All names lead through the far side's proxy. */
export const settingsOf = ({ caPem, proxy }: { caPem: string; proxy: string }): GatewaySettings => ({
  forbidden: [],
  hostAddresses: [],
  staticHosts: {},
  redactQueries: false,
  upstreamCas: [caPem],
  upstreamProxy: proxy,
})

export type Ports = { proxy: number; http: number; https: number; dns: number }

/** A gateway process with folders of its own, which a later one goes on with. */
export class GatewayProcess {
  readonly #built: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'drydock-g-'))
  #child: ChildProcess | undefined
  #log: string[] = []
  ports: Ports = { proxy: 0, http: 0, https: 0, dns: 0 }

  constructor(built: string) {
    this.#built = built
    for (const name of ['control', 'local', 'state']) mkdirSync(join(this.#folder, name), { mode: 0o700 })
  }

  get log(): string {
    return this.#log.join('\n')
  }

  async start(env: Record<string, string> = {}): Promise<void> {
    if (this.ports.proxy === 0) this.ports = await freePorts()
    const child = spawn(process.execPath, [join(this.#built, 'sandbox-policy/gateway/main.js')], {
      stdio: ['ignore', 'inherit', 'pipe'],
      env: {
        DRYDOCK_GATEWAY_CONTROL: join(this.#folder, 'control'),
        DRYDOCK_GATEWAY_LOCAL: join(this.#folder, 'local'),
        DRYDOCK_GATEWAY_STATE: join(this.#folder, 'state'),
        DRYDOCK_GATEWAY_PROXY_PORT: String(this.ports.proxy),
        DRYDOCK_GATEWAY_HTTP_PORT: String(this.ports.http),
        DRYDOCK_GATEWAY_HTTPS_PORT: String(this.ports.https),
        DRYDOCK_GATEWAY_DNS_PORT: String(this.ports.dns),
        ...env,
      },
    })
    this.#child = child
    await new Promise<void>((ready, fail) => {
      child.once('exit', (code) => fail(new Error(`the gateway ended with ${code}:\n${this.log}`)))
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#log.push(line)
        if (line.includes('"message":"listening"')) ready()
      })
    })
  }

  /** Ends the process and gives its exit code, or the signal. */
  async stop(signal: NodeJS.Signals): Promise<number | string | null> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return null
    child.kill(signal)
    await once(child, 'exit')
    return child.exitCode ?? child.signalCode
  }

  send(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    return new Promise((done, fail) => {
      const socketPath = join(this.#folder, 'control', 'control.sock')
      const sent = request({ socketPath, method, path, agent: false }, done)
      sent.on('error', fail)
      sent.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  async control(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.send(method, path, body)
    const content = await text(answer)
    if ((answer.statusCode ?? 500) > 299) throw new Error(`${method} ${path}: ${answer.statusCode} ${content}`)
    return content === '' ? undefined : JSON.parse(content)
  }

  /** Lines of the ledger until one fits. */
  async ledgerUntil(isLast: (line: SpooledRecord) => boolean, after = 0): Promise<SpooledRecord[]> {
    const answer = await this.send('GET', `/ledger?after=${after}`)
    const lines: SpooledRecord[] = []
    for await (const line of createInterface({ input: answer })) {
      lines.push(JSON.parse(line) as SpooledRecord)
      if (isLast(lines.at(-1) as SpooledRecord)) break
    }
    answer.destroy()
    return lines
  }

  async remove(): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(
    [1, 2, 3, 4].map(async () => {
      const server = createServer().listen(0, '0.0.0.0')
      await once(server, 'listening')
      return server
    }),
  )
  const [proxy = 0, http = 0, https = 0, dns = 0] = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => promisify(server.close.bind(server))()))
  return { proxy, http, https, dns }
}
