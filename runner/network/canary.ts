/** What a canary tries, as `address:port`, and what may come of it. */
export type CanaryPlan = {
  /** Nothing may come of these: neither a connection nor a refusal, for even that is an answer of someone. */
  silent: readonly string[]
  /** Must be refused: the address is the gateway's, and nothing listens. */
  closed: readonly string[]
  /** The gateway's resolver: must answer a question. */
  resolver: string
  /** Names that must have no address, by the engine's own resolver. */
  names: readonly string[]
  /** How long an answer may take. Twice as long, and everything again, as long as the gateway's resolver has not answered. */
  timeoutMs: number
  longestMs: number
}

/** What it found. `others` are interfaces with an IPv6 address. */
export type CanaryReport = {
  reached: readonly string[]
  open: readonly string[]
  answered: boolean
  resolved: readonly string[]
  ipv6: readonly string[]
}

/** A line of the canary: it listens, or it is done. */
export type CanaryLine = { kind: 'listening'; port: number } | { kind: 'report'; report: CanaryReport }

/**
 * The canary's program: plain Node, run by the gateway's image inside of a sandbox network. It listens, says so, and
 * when it is given a plan on standard input it tries that plan. Silence counts only where the resolver answered meanwhile:
 * on a machine that is too busy for that, what leads out would be silent, too.
 */
export const CANARY = `
const net = require('node:net'), dns = require('node:dns'), fs = require('node:fs')
const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n')
const split = (target) => { const i = target.lastIndexOf(':'); return { host: target.slice(0, i), port: Number(target.slice(i + 1)) } }
const dial = (target, ms) => new Promise((resolve) => {
  const socket = net.connect(split(target))
  const end = (outcome) => { socket.destroy(); resolve(outcome) }
  socket.setTimeout(ms, () => end('silent'))
  socket.on('connect', () => end('open'))
  socket.on('error', (error) => end(error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET' ? 'refused' : 'silent'))
})
const ask = (server, name, ms) => new Promise((resolve) => {
  const resolver = new dns.Resolver({ timeout: ms, tries: 1 })
  resolver.setServers([server])
  const late = setTimeout(() => resolve('silent'), ms)
  resolver.resolve4(name, (error, found) => {
    clearTimeout(late)
    if (!error) resolve(found.length > 0 ? 'address' : 'answer')
    else resolve(['ETIMEOUT', 'ECONNREFUSED', 'ECANCELLED'].includes(error.code) ? 'silent' : 'answer')
  })
})
const those = async (targets, wanted, ms) => {
  const found = await Promise.all(targets.map(async (target) => [target, await dial(target, ms)]))
  return found.filter(([, outcome]) => wanted.includes(outcome)).map(([target]) => target)
}
async function probe(plan, ms) {
  const [reached, open, answer, resolved] = await Promise.all([
    those(plan.silent, ['open', 'refused'], ms),
    those(plan.closed, ['open'], ms),
    ask(plan.resolver, 'drydock.invalid', ms),
    Promise.all(plan.names.map(async (name) => [name, await ask('127.0.0.11', name, ms)])),
  ])
  const inet6 = fs.existsSync('/proc/net/if_inet6') ? fs.readFileSync('/proc/net/if_inet6', 'utf8') : ''
  const ipv6 = inet6.split('\\n').filter(Boolean).map((line) => line.trim().split(/\\s+/).pop()).filter((name) => name !== 'lo')
  return { reached, open, answered: answer !== 'silent', resolved: resolved.filter(([, it]) => it === 'address').map(([name]) => name), ipv6 }
}
async function probeUntilSure(plan) {
  for (let ms = plan.timeoutMs; ; ms *= 2) {
    const report = await probe(plan, ms)
    if (report.answered || report.reached.length + report.open.length > 0 || ms * 2 > plan.longestMs) return report
  }
}
const server = net.createServer((socket) => socket.end())
server.listen(0, '0.0.0.0', () => say({ kind: 'listening', port: server.address().port }))
let input = ''
process.stdin.on('data', (chunk) => {
  input += chunk
  if (!input.includes('\\n')) return
  probeUntilSure(JSON.parse(input)).then((report) => { say({ kind: 'report', report }); process.exit(0) })
})
process.stdin.on('end', () => { if (!input.includes('\\n')) process.exit(0) })
setTimeout(() => process.exit(3), 60000).unref()
`
