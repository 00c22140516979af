import { isIP } from 'node:net'
import { parseAuthority, parseName, parsePort } from '../../sandbox-policy/names.ts'
import type { Random } from './random.ts'
import { must, mustEqual, target, type Outcome } from './target.ts'

const PLAIN = 'abcdefghijklmnopqrstuvwxyz0123456789'
const NUMBERS = [
  '0',
  '1',
  '08',
  '010',
  '0x7f',
  '0X1',
  '0x',
  '127',
  '256',
  '2130706433',
  '0x7f000001',
  '017700000001',
  '1e3',
]
const WHOLE = [
  ...['a.test', 'registry.npmjs.org', 'xn--nxasmq6b.test', '_dmarc.a.test', 'a-b.test', 'localhost', 'x'],
  ...['127.0.0.1', '0x7f.1', '127.1', '1.2.3.4.', '[::1]', '::ffff:127.0.0.1', 'fe80::1%eth0', '1.2.3.0x', 'a.0x'],
  ...['a..test', '.a.test', '-a.test', 'a-.test', 'a.test.', 'a.test..', 'user@a.test', 'a.test:443', '*.a.test'],
]
const ODD = [
  '\0',
  ' ',
  '\t',
  '\r\n',
  '%2e',
  '。',
  'ſ',
  '\u212a',
  'İ',
  '\u00ad',
  '\u200b',
  '/',
  '\\',
  '@',
  '#',
  '?',
  '*',
  'ａ',
]

/** Names near and far from real ones. */
export function makeName(random: Random): string {
  if (random.oneIn(4)) return random.pick(WHOLE)
  if (random.oneIn(8)) return Array.from({ length: 1 + random.int(5) }, () => random.pick(NUMBERS)).join('.')
  const label = () => (random.oneIn(60) ? random.text(PLAIN, 70) : random.text(`${PLAIN}-_`, 12) || 'a')
  const labels = Array.from({ length: 1 + random.int(random.oneIn(80) ? 80 : 4) }, label)
  if (random.oneIn(6)) labels.push(random.pick(NUMBERS))
  let name = labels.join('.')
  if (random.oneIn(4)) name = Array.from(name, (each) => (random.oneIn(2) ? each.toUpperCase() : each)).join('')
  if (random.oneIn(8)) name += '.'
  if (!random.oneIn(5)) return name
  const at = random.int(name.length + 1)
  return name.slice(0, at) + random.pick(ODD) + name.slice(random.oneIn(2) ? at : at + 1)
}

const asBytes = (text: string, random: Random) => (random.oneIn(3) ? Buffer.from(text, 'utf8') : text)

export const names = target<string | Uint8Array>({
  name: 'names',
  weight: 4,
  leastAccepted: 0.3,
  make: (random) =>
    asBytes(
      random.oneIn(20) ? random.mutate(Buffer.from(makeName(random))).toString('latin1') : makeName(random),
      random,
    ),
  check(input) {
    const parsed = parseName(input)
    if (!parsed.ok) return 'refused'
    const asked = typeof input === 'string' ? input : Buffer.from(input).toString('latin1')
    mustEqual(plainReading(asked), parsed.name, 'the plain reading of a name that is accepted')
    mustBeNoAddress(parsed.name)
    mustEqual(parseName(parsed.name), parsed, 'what is accepted, read again')
    return 'accepted'
  },
})

const PORTS = [
  '443',
  '80',
  '1',
  '65535',
  '0',
  '65536',
  '080',
  '+80',
  ' 80',
  '80 ',
  '',
  '8e1',
  '0x50',
  '-1',
  '80:80',
  '99999999999',
  '４４３',
]

export const authorities = target<string | Uint8Array>({
  name: 'authorities',
  weight: 4,
  leastAccepted: 0.3,
  make: (random) =>
    asBytes(`${makeName(random)}${random.oneIn(5) ? '' : ':'}${random.mostly(PORTS.slice(0, 4), PORTS)}`, random),
  check(input) {
    const asked = typeof input === 'string' ? input : Buffer.from(input).toString('latin1')
    const outcomes = [parseAuthority(input), parseAuthority(input, 443)].map((parsed): Outcome => {
      if (!parsed.ok) return 'refused'
      const [, host = '', port] = /^([^:]*)(?::(\d{1,5}))?$/.exec(asked) ?? []
      mustEqual(plainReading(host), parsed.name, 'the plain reading of an authority that is accepted')
      must(parsed.port === Number(port ?? 443) && parsed.port > 0 && parsed.port < 65536, `the port ${parsed.port}`)
      must(port === undefined || parsePort(port) === parsed.port, 'parsePort() reads another port')
      mustBeNoAddress(parsed.name)
      return 'accepted'
    })
    return outcomes.includes('accepted') ? 'accepted' : 'refused'
  },
})

/** What a name is by RFC 1123 and the rules of SECURITY, character by character; undefined: none. */
export function plainReading(asked: string): string | undefined {
  const labels = asked.split('.')
  if (labels.length > 1 && labels.at(-1) === '') labels.pop()
  const lower = labels.map((label) => Array.from(label, (each) => LOWER.get(each) ?? '!').join(''))
  const name = lower.join('.')
  if (name.length === 0 || name.length > 253) return undefined
  for (const label of lower) {
    if (label.length === 0 || label.length > 63 || label.includes('!')) return undefined
    if (label.startsWith('-') || label.endsWith('-')) return undefined
  }
  return name
}

const LOWER = new Map([...`${PLAIN}-_`].flatMap((each) => [[each, each] as const, [each.toUpperCase(), each] as const]))

/** Nothing that somebody's reader of addresses takes for one. */
export function mustBeNoAddress(name: string): void {
  must(isIP(name) === 0, `node:net reads ${name} as an address`)
  must(inetAton(name) === undefined, `inet_aton reads ${name} as an address`)
  let host: string
  try {
    host = new URL(`http://${name}/`).hostname
  } catch {
    // A name that URL refuses, an xn-- label that is no Punycode for one, is no address either.
    return
  }
  must(isIP(host.replace(/^\[|\]$/g, '')) === 0, `URL reads ${name} as the address ${host}`)
  must(host === name || name.includes('xn--'), `URL reads ${name} as ${host}`)
}

/** The numeric reading of inet_aton and of getaddrinfo: one to four parts, decimal, octal or hexadecimal. */
export function inetAton(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length > 4) return undefined
  let value = 0
  for (const [index, part] of parts.entries()) {
    const number = numberOf(part)
    const isLast = index === parts.length - 1
    const below = isLast ? 256 ** (5 - parts.length) : 256
    if (number === undefined || number >= below) return undefined
    value = isLast ? value * below + number : value * 256 + number
  }
  return value
}

function numberOf(part: string): number | undefined {
  if (/^0x[0-9a-f]*$/i.test(part)) return Number.parseInt(part.slice(2) || '0', 16)
  if (/^0[0-7]*$/.test(part)) return Number.parseInt(part, 8)
  return /^[1-9][0-9]*$/.test(part) ? Number(part) : undefined
}
