import { docker } from './containers.ts'

export const HOST = 'bench.example.com'
export const SMALL = `https://${HOST}/bench/small`
export const BULK = `https://${HOST}/bench/bulk`
export const SMALL_BYTES = 1024
export const BULK_BYTES = 200_000_000
/** Longer than any answer: what is under way at the end is waited for. */
const GRACE_S = 2

export type LoadInput = {
  connections: number
  threads: number
  /** Asks for so long. */
  seconds: number
  /** Where the far side's name leads, one for each thread in turn; without: where the client's hosts file says. */
  addresses?: readonly string[]
}

export type LoadResult = {
  asked: number
  answered: number
  /** Answered before the time was up. */
  inTime: number
  /** Another status than 200, or another body. */
  bad: number
  seconds: number
  p50Us: number
  p99Us: number
  errors: { connect: number; read: number; write: number; timeout: number }
}

/** Runs wrk in a client container. */
export async function runLoad(client: string, input: LoadInput): Promise<LoadResult> {
  const { connections, threads, seconds, addresses } = input
  const env = {
    LOAD_BODY: '/bodies/small',
    LOAD_SECONDS: String(seconds),
    ...(addresses !== undefined && { LOAD_ADDRESSES: addresses.join(',') }),
  }
  const output = await docker(
    ...['exec', ...Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]), client],
    ...['wrk', '-t', String(threads), '-c', String(connections), '-d', `${seconds + GRACE_S}s`, '--timeout', '10s'],
    ...['-s', '/rivals/load.lua', SMALL],
  )
  const line = /^LOAD (\{.*\})$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk said nothing of use: ${output}`)
  return JSON.parse(line) as LoadResult
}

export type FreshResult = Pick<LoadResult, 'asked' | 'answered' | 'seconds'> & { said: string }

/**
 * Runs hey in a client container: a connection for each request, each with a full handshake, whatever the server offers
 * (wrk resumes sessions). Bodies are checked by their length.
 */
export async function runFresh(client: string, input: { connections: number; seconds: number }): Promise<FreshResult> {
  const { connections, seconds } = input
  const flags = [
    '-z',
    `${seconds}s`,
    '-c',
    String(connections),
    '-t',
    '10',
    '-disable-keepalive',
    '-disable-compression',
  ]
  const said = await docker('exec', client, 'hey', ...flags, SMALL)
  const numberOf = (pattern: RegExp) => Number(pattern.exec(said)?.[1] ?? 0)
  const good = numberOf(/^\s*\[200\]\s+(\d+) responses$/m)
  // `[STATUS] N responses`; of errors, `[N] what`.
  const lines = [...said.matchAll(/^\s*\[(\d+)\]\s+(?:(\d+) responses$)?/gm)]
  const all = lines.reduce((sum, [, first, second]) => sum + Number(second ?? first), 0)
  const isWhole = numberOf(/^\s*Total data:\s+(\d+) bytes$/m) === good * SMALL_BYTES
  return { asked: all, answered: isWhole ? good : 0, seconds: numberOf(/^\s*Total:\s+([\d.]+) secs$/m), said }
}

/** What went wrong in a load, as a sentence; undefined when each request got its answer. */
export function faultOf({ asked, answered, bad, errors }: LoadResult): string | undefined {
  const failed = errors.connect + errors.read + errors.write + errors.timeout
  if (asked === answered && bad === 0 && failed === 0) return undefined
  return `${asked} asked, ${answered} answered rightly, ${bad} wrongly, errors ${JSON.stringify(errors)}`
}

/** Fetches the large body; resolves to MB/s. The length is checked here, the content by `verify`. */
export async function fetchBulk(client: string, ca: string): Promise<number> {
  const format = '%{http_code} %{size_download} %{time_total}'
  const words = await docker(
    ...['exec', client, 'curl', '-sS', '--noproxy', '*', '--cacert', ca, '-o', '/dev/null', '-w', format, BULK],
  )
  const [status, bytes, seconds] = words.split(' ').map(Number)
  if (status !== 200 || bytes !== BULK_BYTES || seconds === undefined)
    throw new Error(`The large body came as ${words} through ${client}`)
  return bytes / 1e6 / seconds
}

export const REQUESTS_OF_VERIFY = 2

/** Fetches both bodies as a client does that checks certificates, names and contents. */
export async function verify(client: string, input: { ca: string; bulkHash: string }): Promise<void> {
  const curl = `curl -sSf --noproxy '*' --cacert ${input.ca}`
  const script = `${curl} ${SMALL} | cmp - /bodies/small && ${curl} ${BULK} | sha256sum`
  const words = await docker('exec', client, 'sh', '-c', script)
  if (words.split(' ')[0] !== input.bulkHash) throw new Error(`The large body was changed on its way to ${client}`)
}

export const REQUESTS_OF_RESUMES = 1

/** Says whether a second connection may resume the TLS session of a first. */
export async function resumes(client: string): Promise<boolean> {
  // Without a request that ends, TLS 1.3 brings no ticket.
  const connect = `openssl s_client -connect ${HOST}:443 -servername ${HOST}`
  const ask = `(printf 'GET /bench/small HTTP/1.1\\r\\nhost: ${HOST}\\r\\nconnection: close\\r\\n\\r\\n'; sleep 1)`
  const script = `${ask} | ${connect} -sess_out /tmp/session >/dev/null 2>&1; test -s /tmp/session || exit 0
    sleep 1 | ${connect} -sess_in /tmp/session 2>/dev/null | grep '^Reused' || true`
  return (await docker('exec', client, 'sh', '-c', script)).startsWith('Reused')
}
