import { decode } from 'dns-packet'
import { compilePolicy } from '../../sandbox-policy/compile.ts'
import { answerDns } from '../../sandbox-policy/gateway/dns/answer.ts'
import { MAX_QUERY_BYTES, readQuery } from '../../sandbox-policy/gateway/dns/message.ts'
import type { Session } from '../../sandbox-policy/gateway/session.ts'
import { Policy } from '../../sandbox-policy/policy.ts'
import { makeName, plainReading } from './names.ts'
import type { Random } from './random.ts'
import { must, mustEqual, target } from './target.ts'

const GATEWAY = '10.213.0.6'
const policy = compilePolicy({ policy: Policy.parse({ allow: [{ host: 'a.test' }, { host: '**.cdn.test' }] }) })
const session = {
  policy,
  gatewayAddress: GATEWAY,
  model: undefined,
  repositories: new Set<string>(),
} as unknown as Session
const HOSTS = ['a.test', 'A.tEsT', 'x.cdn.test', 'cdn.test', 'b.test', 'a.test.b.test', 'model.drydock.internal', '']
const TYPES = [1, 1, 1, 28, 16, 15, 65, 255, 0, 41, 252]

/** A DNS message as a sandbox may send it. */
function makePacket(random: Random): Buffer {
  const name = random.oneIn(2) ? random.pick(HOSTS) : makeName(random)
  const labels = name === '' ? [] : name.split(random.oneIn(10) ? '..' : '.')
  const question = labels.flatMap((label) => [
    label.length & (random.oneIn(3) ? 255 : 63),
    ...Buffer.from(label, 'latin1').subarray(0, 255),
  ])
  const counts = random.oneIn(8)
    ? [random.int(3), random.int(2), random.int(2), random.int(3)]
    : [1, 0, 0, random.int(2)]
  const flags = random.oneIn(10) ? random.int(65536) : 0x0100
  const tail = [0, random.pick(TYPES), 0, random.oneIn(10) ? random.int(256) : 1]
  const words = [random.int(65536), flags, ...counts].flatMap((word) => [word >> 8, word & 255])
  const opt =
    counts[3] === 1 && !random.oneIn(8)
      ? [0, 0, 41, 16, 0, 0, 0, 0, 0, 0, ...(random.oneIn(4) ? [4, 1, 2, 3, 4] : [0])]
      : []
  const end = random.oneIn(20) ? [0xc0, 12] : [0]
  const bytes = Buffer.from([...words, ...question, ...end, ...tail, ...opt])
  return random.oneIn(4) ? random.mutate(bytes) : random.oneIn(40) ? random.bytes(600) : bytes
}

export const dns = target<Buffer>({
  name: 'DNS messages',
  weight: 10,
  leastAccepted: 0.06,
  make: makePacket,
  check(bytes) {
    const query = readQuery(bytes)
    const answer = answerDns(bytes, session)
    must((query === undefined) === (answer === undefined), 'an answer without a question, or the other way round')
    if (query === undefined || answer === undefined) return 'refused'
    must(answer.bytes.length <= bytes.length + 16 + 11 && answer.bytes.length <= MAX_QUERY_BYTES + 27, 'a long answer')
    const asked = decode(withoutOptions(bytes)).questions?.[0]
    const given = decode(answer.bytes)
    mustEqual(given.questions?.[0], asked, 'the question in the answer')
    if (!query.ambiguous) mustEqual(query.asked, asked?.name === '.' ? '' : asked?.name, 'the name to another parser')
    const addresses = given.answers ?? []
    if (addresses.length > 0) {
      const name = plainReading(asked?.name ?? '')
      must(name === 'a.test' || name === 'cdn.test' || name?.endsWith('.cdn.test') === true, `an address for ${name}`)
      mustEqual(
        addresses.map((each) => ('data' in each ? each.data : '')),
        [GATEWAY],
        'the address',
      )
    }
    return answer.refusal === undefined ? 'accepted' : 'refused'
  },
})

/** As it says that there is no OPT: the other parser stumbles over options, which nobody here reads. */
function withoutOptions(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt16BE(0, 10)
  return copy
}
