import { Random } from './random.ts'
import type { AnyTarget, Outcome } from './target.ts'

/** Longest that one input may take, of the processor's time where that is less: a machine may be busy. Then it is tried again. */
const SLOW_MS = 100
const SLOW_TRIES = 4
const MAX_FINDINGS = 20

export type Finding = { target: string; input: string; what: string; number: number }
export type TargetResult = { inputs: number; accepted: number; perSecond: number; slowestMs: number }
export type FuzzResult = { inputs: number; targets: Record<string, TargetResult>; findings: Finding[] }
export type FuzzInput = { inputs: number; seed: number; onTarget?: (name: string, result: TargetResult) => void }

/** Gives each target its part of the inputs. The same seed makes the same inputs. */
export async function runFuzz(targets: readonly AnyTarget[], input: FuzzInput): Promise<FuzzResult> {
  const whole = targets.reduce((sum, { weight }) => sum + weight, 0)
  const result: FuzzResult = { inputs: 0, targets: {}, findings: [] }
  for (const target of targets) {
    const inputs = Math.ceil((input.inputs * target.weight) / whole)
    const { findings, ...figures } = await runTarget(target, { inputs, seed: input.seed })
    result.inputs += figures.inputs
    result.targets[target.name] = figures
    result.findings.push(...findings)
    input.onTarget?.(target.name, figures)
  }
  return result
}

async function runTarget(target: AnyTarget, { inputs, seed }: { inputs: number; seed: number }) {
  const findings: Finding[] = []
  const began = performance.now()
  let accepted = 0
  let slowestMs = 0
  for (let number = 0; number < inputs && findings.length < MAX_FINDINGS; number++) {
    const { outcome, ms, what, shown } = await one(target, seedOf(seed, target.name, number))
    slowestMs = Math.max(slowestMs, ms)
    if (outcome === 'accepted') accepted++
    if (what !== undefined) findings.push({ target: target.name, number, what, input: shown ?? '' })
  }
  const least = (target.leastAccepted ?? 0) * inputs
  if (inputs >= 1000 && (accepted < least || accepted === inputs) && target.leastAccepted !== undefined)
    findings.push({ target: target.name, number: -1, input: '', what: `${accepted} of ${inputs} inputs were accepted` })
  const seconds = (performance.now() - began) / 1000
  return {
    ...{ inputs, accepted, findings },
    perSecond: Math.round(inputs / seconds),
    slowestMs: Math.round(slowestMs * 10) / 10,
  }
}

type One = { outcome?: Outcome; ms: number; what?: string; shown?: string }

async function one(target: AnyTarget, seed: number): Promise<One> {
  let ms = Infinity
  for (let tries = 0; tries < SLOW_TRIES && ms > SLOW_MS; tries++) {
    const { input, check } = target.next(new Random(seed))
    const [began, used] = [performance.now(), process.cpuUsage()]
    const spent = () => {
      const { user, system } = process.cpuUsage(used)
      return Math.min(performance.now() - began, (user + system) / 1000)
    }
    try {
      const answer = check()
      // Waiting for what is there costs more than most of the checks.
      const outcome = typeof answer === 'string' ? answer : await answer
      ms = Math.min(ms, spent())
      if (ms <= SLOW_MS) return { outcome, ms }
    } catch (error) {
      return { ms: spent(), what: messageOf(error), shown: show(input) }
    }
    if (tries === SLOW_TRIES - 1) return { ms, what: `it takes ${Math.round(ms)} ms`, shown: show(input) }
  }
  throw new Error('unreachable')
}

/** FNV-1a over all that makes an input what it is. */
function seedOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(parts.join('\0'))) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

const messageOf = (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error))

/** For a test case: bytes as latin1 text, all in ASCII. */
export function show(input: unknown): string {
  const asText = (_: string, value: unknown) => {
    const isBytes = typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer'
    return isBytes && 'data' in value ? Buffer.from(value.data as number[]).toString('latin1') : value
  }
  const text = JSON.stringify(input, asText) ?? String(input)
  return text
    .replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .slice(0, 4000)
}
