import { compilePolicy } from '../../sandbox-policy/compile.ts'
import type { EffectivePolicy } from '../../sandbox-policy/control.ts'
import type { Decision, Question } from '../../sandbox-policy/decide.ts'
import { Policy } from '../../sandbox-policy/policy.ts'

type Request = Extract<Question, { kind: 'request' }>
export type Input = Parameters<typeof Policy.parse>[0]

export const compile = (policy: Input, over: { ceiling?: Input; deny?: EffectivePolicy['deny'] } = {}) =>
  compilePolicy({
    policy: Policy.parse(policy),
    ...(over.ceiling !== undefined && { ceiling: Policy.parse(over.ceiling) }),
    ...(over.deny && { deny: over.deny }),
  })

/** `GET allowed.test/path` as a question; what else there is comes in `more`. */
export function request(
  line: string,
  more: Partial<Omit<Request, 'headers'>> & { headers?: Record<string, string> } = {},
): Request {
  const [method = '', target = ''] = line.split(/ (.*)/s)
  const slash = target.search(/[/*]/)
  const [path = '', query = ''] = slash === -1 ? ['/'] : target.slice(slash).split(/\?(.*)/s)
  const headers = new Map(Object.entries(more.headers ?? {}))
  const name = slash === -1 ? target : target.slice(0, slash)
  return { kind: 'request', name, port: 443, method, path, query, hasBody: false, upgrade: false, ...more, headers }
}
export const connect = (name: string, port = 443, protocol: 'http' | 'tcp' = 'http'): Question => ({
  kind: 'connect',
  name,
  port,
  protocol,
})
export const lookup = (name: string): Question => ({ kind: 'name', name })

/** A decision in one word: `allow`, or why not. */
export const word = (decision: Decision) => (decision.verdict === 'allow' ? 'allow' : decision.reason)
