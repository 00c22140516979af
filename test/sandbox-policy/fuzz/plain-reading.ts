import type { EffectivePolicy } from '../../../sandbox-policy/control.ts'
import type { Question } from '../../../sandbox-policy/decide.ts'
import type { Policy, Rule } from '../../../sandbox-policy/policy.ts'
import { COMMON_DOMAINS } from '../../../sandbox-policy/presets.ts'
import { HOSTS } from './policies.ts'

/** Written from the specification, rule by rule, without any index. */
export function plainReading(
  { policy, ceiling, deny = [] }: EffectivePolicy,
  request: Extract<Question, { kind: 'request' }>,
) {
  const denials = [...policy.deny, ...deny, ...(ceiling?.deny ?? [])].filter((rule) => covers(rule.host, request.name))
  const layers = ceiling ? [policy, ceiling] : [policy]
  const rules = layers.map((layer) =>
    [...layer.allow, ...presetRules(layer)].filter((rule) => covers(rule.host, request.name)),
  )
  const { path, method, headers } = request
  const isPlain = /^\/([\w@.-]+\/?)*$/.test(path) && !/\/\.|\/\//.test(path)
  if (path === '*' && method !== 'OPTIONS') return 'deny'
  if ([...denials, ...rules.flat()].some((rule) => rule.path !== undefined)) {
    if ((!isPlain && path !== '*') || headers.has('x-original-url')) return 'deny'
  }
  const override = headers.has('x-http-method-override') || headers.has('x_method_override')
  const denied = denials.some(
    (rule) =>
      rule.protocol !== 'tcp' &&
      (rule.port ?? request.port) === request.port &&
      isUnder(path, rule.path) &&
      (rule.methods === undefined || override || rule.methods.includes(method.toUpperCase())),
  )
  if (denied) return 'deny'
  const passing = rules.map((each, index) =>
    each.filter(
      (rule) => rule.protocol !== 'tcp' && portFits(rule, request.port) && passes(rule, layers[index], request),
    ),
  )
  if (passing.some((each) => each.length === 0)) return 'deny'
  return { internal: passing.every((each) => each.some((rule) => rule.internal === true)) }

  function passes(rule: Rule, layer: Policy | undefined, { query, hasBody, upgrade }: typeof request): boolean {
    if (!isUnder(path, rule.path) || ['TRACE', 'CONNECT'].includes(method)) return false
    if (layer?.methods === 'all' && rule.methods === undefined) return true
    const isFetch =
      method === 'POST' && /.\/git-upload-pack$/.test(path) && query === '' && headers.has('content-type') && !upgrade
    if (layer?.gitRead === true && rule.methods === undefined && isFetch) return true
    const named = rule.methods ?? ['GET', 'HEAD', 'OPTIONS']
    const isSafe = named.every((each) => ['GET', 'HEAD', 'OPTIONS'].includes(each))
    const isPush = path.endsWith('/git-receive-pack') || (path.endsWith('/info/refs') && query.includes('receive'))
    if (!named.includes(method) || override || (isSafe && (hasBody || isPush))) return false
    return (
      !upgrade || ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'].every((each) => named.includes(each))
    )
  }
}

const portFits = (rule: Rule, port: number) =>
  rule.port === undefined ? port === 80 || port === 443 : rule.port === port

const isUnder = (path: string, prefix: string | undefined) =>
  prefix === undefined || path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)

function presetRules({ preset }: Policy): Rule[] {
  if (preset === 'all') return HOSTS.map((host) => ({ host }))
  return preset === 'common' ? COMMON_DOMAINS.map((name) => ({ host: `**.${name}` })) : []
}

/** Says whether a pattern is about a name. */
export function covers(pattern: string, name: string): boolean {
  const below = name
    .split('')
    .reverse()
    .join('')
    .startsWith(`${pattern.replace(/^\*+/, '')}`.split('').reverse().join(''))
  if (pattern.startsWith('**.')) return below || pattern.slice(3) === name
  return pattern.startsWith('*.') ? below : pattern === name
}
