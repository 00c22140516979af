import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { usageError } from '../../cli/errors.ts'
import { classifyAddress } from '../../sandbox-policy/addresses.ts'
import { parseName } from '../../sandbox-policy/names.ts'
import { isOff, parsePolicy, type Policy } from '../../sandbox-policy/policy.ts'
import { hostCertificates, privateCertificates } from '../host-certificates.ts'

const SECOND = 1000
const DEFAULT_TIMEOUT_S = 3600
const MAX_TIMEOUT_S = 24 * 3600

/** What `drydock sandbox` was asked to do. */
export type SandboxPlan = {
  command: readonly string[]
  /** Undefined when nothing is open: then there is no network at all. */
  policy: Policy | undefined
  /** An image of ours by its name, or any reference. */
  image: string
  staticHosts: Readonly<Record<string, readonly string[]>>
  upstreamCas: readonly string[]
  timeoutMs: number
}

export type PlanInput = {
  policy?: string | undefined
  image?: string | undefined
  resolve?: readonly string[] | undefined
  'upstream-ca'?: readonly string[] | undefined
  timeout?: string | undefined
}

/** Reads the flags and the files that they name. Rejects with exit code 2 on what is wrong with them. */
export async function readPlan(input: PlanInput, { command, cwd }: { command: readonly string[]; cwd: string }) {
  const policy = input.policy === undefined ? undefined : await readPolicy(resolve(cwd, input.policy))
  const given = await Promise.all((input['upstream-ca'] ?? []).map((file) => readCas(resolve(cwd, file))))
  const plan: SandboxPlan = {
    command,
    policy: isOff(policy) ? undefined : policy,
    image: input.image ?? 'universal',
    staticHosts: readHosts(input.resolve ?? []),
    upstreamCas: [...(await hostCertificates()), ...given.flat()],
    timeoutMs: readTimeout(input.timeout),
  }
  return plan
}

async function readPolicy(file: string): Promise<Policy> {
  const text = await readText(file, '--policy')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw usageError(`Cannot read the policy ${file}: ${(error as Error).message}`, 'policy-invalid')
  }
  const parsed = parsePolicy(json)
  if (parsed.ok) return parsed.policy
  throw usageError(
    `Cannot use the policy ${file}:\n${parsed.faults.map((it) => `  ${it}`).join('\n')}`,
    'policy-invalid',
  )
}

/** `NAME=ADDR[,ADDR…]`, IPv6 also in brackets, as curl has it; a name that comes twice has the addresses of both. */
function readHosts(words: readonly string[]): Record<string, string[]> {
  const hosts = new Map<string, string[]>()
  for (const word of words) {
    const at = word.indexOf('=')
    const parsed = parseName(at < 0 ? '' : word.slice(0, at))
    const addresses = word
      .slice(at + 1)
      .split(',')
      .map((address) => /^\[(.*:.*)\]$/.exec(address)?.[1] ?? address)
    if (at < 0 || !parsed.ok || addresses.some((address) => classifyAddress(address) === undefined))
      throw usageError(`Cannot use --resolve ${JSON.stringify(word)}: it is not of the form NAME=ADDRESS[,ADDRESS…]`)
    hosts.set(parsed.name, [...(hosts.get(parsed.name) ?? []), ...addresses])
  }
  return Object.fromEntries(hosts)
}

/** A file may be a whole bundle. */
async function readCas(file: string): Promise<string[]> {
  const text = await readText(file, '--upstream-ca')
  try {
    const certificates = privateCertificates(text)
    for (const pem of [text, ...certificates]) new X509Certificate(pem)
    return certificates
  } catch {
    throw usageError(`Cannot use --upstream-ca ${file}: there is no PEM certificate in it, or one that cannot be read`)
  }
}

function readTimeout(text: string | undefined): number {
  const seconds = text === undefined ? DEFAULT_TIMEOUT_S : Number(text)
  if (/^\d+(\.\d+)?$/.test(text ?? '1') && seconds > 0 && seconds <= MAX_TIMEOUT_S) return seconds * SECOND
  throw usageError(`Cannot use --timeout ${JSON.stringify(text)}: it is not a number of seconds up to ${MAX_TIMEOUT_S}`)
}

async function readText(file: string, flag: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw usageError(`Cannot read the file of ${flag}: ${(error as Error).message}`)
  }
}
