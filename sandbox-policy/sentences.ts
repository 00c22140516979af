import type { Denied, Question, RuleId } from './decide.ts'
import { SAFE } from './entries.ts'
import type { Entry } from './entries.ts'
import type { Reason } from './ledger.ts'
import { isAmbiguousPath } from './paths.ts'

/** What refused: the rule that did, or the one that came nearest. */
export type Refusal = { reason: Reason; rule?: RuleId | null; nearest?: Entry | undefined }

/** A denial, with one sentence for people and agents that says what was asked and which rule would be needed. */
export function denied(question: Question, refusal: Refusal): Denied {
  const { reason, rule = null } = refusal
  return { verdict: 'deny', reason, rule, sentence: `Denied ${asked(question)}: ${why(question, refusal)}.` }
}

function asked(question: Question): string {
  // Names that nobody has checked are not repeated to anybody.
  const name = /^[a-z0-9_.-]{1,253}$/.test(question.name) ? question.name : 'a name that is no host name'
  if (question.kind === 'name') return `looking up ${name}`
  if (question.kind === 'connect') return `connecting to ${name} port ${question.port}`
  return `${shownMethod(question.method)} to ${name}`
}

const shownMethod = (method: string) => (/^[A-Z][A-Z0-9_-]{0,31}$/.test(method) ? method : 'an unusual method')

function why(question: Question, { reason, rule, nearest }: Refusal): string {
  if (reason === 'off') return 'the network is off here'
  if (rule === 'workspace:ceiling') return `the workspace's ceiling does not allow it (${reason})`
  if (rule?.includes('deny[') === true) return `the rule ${rule} denies it (${reason})`
  return WHY[reason]?.(question, nearest) ?? `it is refused (${reason})`
}

const WHY: { [reason in Reason]?: (question: Question, nearest: Entry | undefined) => string } = {
  host: (question) => `no rule allows this host; ${needed(question)}`,
  port: (question) => `no rule allows this port; ${needed(question)}`,
  method: (question, nearest) => `${limits(nearest)}; ${needed(question)}`,
  path: (question, nearest) =>
    nearest?.path === undefined
      ? 'git is read-only here'
      : `no rule allows this path; ${needed(question, pathOf(question))}`,
  upgrade: () => 'a connection may become a WebSocket only where a rule allows all methods',
  header: () => 'headers that replace the method or the path are refused where rules look at these',
  body: (_, nearest) =>
    `a body may go out only where a rule allows more than GET, HEAD and OPTIONS, and ${limits(nearest)}`,
  malformed: (question) =>
    question.kind === 'request'
      ? 'a server could read this request differently than it is spelled; ask in the plain spelling'
      : 'this is no host name',
}

function limits(nearest: Entry | undefined): string {
  if (nearest === undefined || nearest.methods.all) return 'no rule allows this method'
  return `the rule ${nearest.id} allows only ${[...nearest.methods.names].join(', ')}`
}

function needed(question: Question, path: { path?: string } = {}): string {
  const rule = { host: question.name, ...portOf(question), ...path, ...methodOf(question) }
  return `needed would be a rule like ${JSON.stringify(rule)}`
}

function portOf(question: Question): { port?: number; protocol?: 'tcp' } {
  if (question.kind === 'name') return {}
  if (question.kind === 'connect' && question.protocol === 'tcp') return { port: question.port, protocol: 'tcp' }
  return question.port === 80 || question.port === 443 ? {} : { port: question.port }
}

function pathOf(question: Question): { path?: string } {
  if (question.kind !== 'request' || question.path.length > 200 || isAmbiguousPath(question.path)) return {}
  return question.path.startsWith('/') ? { path: question.path } : {}
}

function methodOf(question: Question): { methods?: string[] } {
  if (question.kind !== 'request') return {}
  const { method } = question
  return SAFE.has(method) || shownMethod(method) !== method ? {} : { methods: [method] }
}
